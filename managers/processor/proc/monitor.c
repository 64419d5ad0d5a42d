/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's view of processes: ps, kill. */
#include <kernel/monitor.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/kstrto.h>
#include <managers/processor/proc/process.h>

#include "internal.h"
#include "sigset.h"

static void print_task(struct task *task)
{
	struct cpu_usage usage;
	const struct wait_site *site = READ_ONCE(task->thread->wait_site);
	const char *what = READ_ONCE(task->thread->wait_what);

	task_usage(task, &usage);
	mprintf("      %6u %c %8lu ms  cpu %u  %s%s%s\n", task->tid,
		task_state_char(task),
		(unsigned long)((usage.user_ns + usage.system_ns) /
				NSEC_PER_MSEC),
		task->thread->cpu, task->comm, site ? "  in " : "",
		!site  ? ""
		: what ? what
		       : site->function);
}

static void print_process(struct process *process)
{
	struct cpu_usage usage;
	struct task *t, *next;

	process_usage(process, &usage);
	mprintf("%6u %6u %c %8lu ms  %s\n", process->pid,
		process_parent_pid(process), process_state_char(process),
		(unsigned long)((usage.user_ns + usage.system_ns) /
				NSEC_PER_MSEC),
		process->comm);
	for (t = task_next(process, 0); t; t = next) {
		print_task(t);
		next = task_next(process, t->tid);
		task_put(t);
	}
}

static void cmd_ps(int argc, char **argv)
{
	struct process *p, *next;

	mprintf("   PID   PPID S      TIME     NAME\n");
	for (p = process_next(0); p; p = next) {
		print_process(p);
		next = process_next(p->pid);
		process_put(p);
	}
	mprintf("%u processes, %u tasks\n", process_count(), task_count());
}
MONITOR_CMD(ps, "programs that run here, with their threads", cmd_ps);

static void cmd_kill(int argc, char **argv)
{
	u32 sig = SIGTERM, pid = 0;
	struct process *p;

	if (argc < 2 || argc > 3 || kstrtou32(argv[argc - 1], 10, &pid) ||
	    (argc == 3 &&
	     (argv[1][0] != '-' || kstrtou32(argv[1] + 1, 10, &sig))) ||
	    !signal_is_valid(sig)) {
		mprintf("usage: kill [-SIGNAL] PID\n");
		return;
	}
	p = process_find(pid);
	if (!p) {
		mprintf("kill: no process %u\n", pid);
		return;
	}
	signal_send_process(p, sig, NULL);
	process_put(p);
}
MONITOR_CMD(kill, "[-SIGNAL] PID: send a signal to a program", cmd_kill);
