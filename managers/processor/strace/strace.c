/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tracing of tasks and processes, and the switch. */
#include "strace.h"

#include <arch/x86/user.h>
#include <kernel/cmdline.h>
#include <kernel/monitor.h>
#include <kernel/mutex.h>
#include <kernel/time.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/kstrto.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>
#include <mm/slab.h>

#include "record.h"
#include "ring.h"

bool strace_is_on;
static enum strace_what all_what; /* for every process [control_lock to set] */
static enum strace_what boot_what;
static DEFINE_MUTEX(control_lock, LOCK_MISC_SLEEP);

static enum strace_what what_of(const struct process *process)
{
	enum strace_what what = READ_ONCE(all_what);

	return what != STRACE_OFF ? what : READ_ONCE(process->strace_what);
}

/* ---- calls ------------------------------------------------------------- */

static struct call_stats *process_stats(struct process *process)
{
	struct call_stats *stats = smp_load_acquire(&process->strace_stats);
	struct call_stats *seen;

	if (stats)
		return stats;
	stats = kzalloc((nr_call_infos + 1) * sizeof(*stats));
	if (!stats)
		return NULL;
	seen = cmpxchg(&process->strace_stats, NULL, stats);
	if (!seen)
		return stats;
	kfree(stats); /* another thread was faster */
	return seen;
}

static void count_call(struct process *process, const struct call_info *call,
		       s64 result, u64 time_ns)
{
	struct call_stats *stats = process_stats(process);

	if (!stats)
		return;
	stats += call == &unknown_call_info ? nr_call_infos
					    : (u32)(call - call_infos);
	__atomic_fetch_add(&stats->nr_calls, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&stats->time_ns, time_ns, __ATOMIC_RELAXED);
	if (result < 0 && result >= -4095)
		__atomic_fetch_add(&stats->nr_errors, 1, __ATOMIC_RELAXED);
}

static const struct call_info *
begin(struct call_record *record, const struct user_regs *regs, bool is_quiet)
{
	const struct call_info *call = call_info_find(regs->orig_rax);
	u64 args[] = {regs->rdi, regs->rsi, regs->rdx,
		      regs->r10, regs->r8,  regs->r9};

	_Static_assert(ARRAY_SIZE(args) == DECODE_MAX_ARGS, "arguments");
	if (!call) {
		call = &unknown_call_info;
		memmove(args + 1, args, sizeof(args) - sizeof(args[0]));
		args[0] = regs->orig_rax;
	}
	record_begin(record, call, args, current_task()->tid, is_quiet);
	return call;
}

long strace_run_call(struct user_regs *regs, long (*run)(struct user_regs *))
{
	struct task *task = current_task();
	enum strace_what what = what_of(task->process);
	const struct call_info *call;
	u64 time_ns;
	long ret;

	if (what == STRACE_OFF)
		return run(regs);
	if (!task->strace)
		task->strace = record_create();
	if (!task->strace)
		return run(regs);
	call = begin(task->strace, regs, what == STRACE_SUMMARY);
	if (!call_does_return(call)) {
		count_call(task->process, call, 0, 0);
		record_end(task->strace, 0, 0);
	}
	ret = run(regs);
	time_ns = time_mono_ns() - task->strace->begun_ns;
	count_call(task->process, call, ret, time_ns);
	record_end(task->strace, ret, time_ns);
	return ret;
}

/* ---- what else happens to a task --------------------------------------- */

static void put_event(enum trace_kind kind, const struct text *text)
{
	trace_ring_put(kind, time_mono_ns(), current_task()->tid, text->buf,
		       text->len);
}

void strace_signal(const struct siginfo *info)
{
	struct text text;
	char line[192];

	if (what_of(current_process()) != STRACE_ON)
		return;
	text_init(&text, line, sizeof(line));
	text_add(&text, "--- ");
	decode_signal_number(&text, (u32)info->signo);
	text_add(&text, " ");
	decode_signal(&text, info);
	text_add(&text, " ---");
	put_event(TRACE_CALL, &text);
}

void strace_fork(struct process *child)
{
	child->strace_what = READ_ONCE(current_process()->strace_what);
}

void strace_task_end(s32 status)
{
	struct task *task = current_task();
	struct text text;
	char line[64];

	if (what_of(task->process) == STRACE_ON) {
		text_init(&text, line, sizeof(line));
		if (status & 0x7f) {
			text_add(&text, "+++ killed by ");
			decode_signal_number(&text, (u32)status & 0x7f);
			text_add(&text, " +++");
		} else {
			text_add(&text, "+++ exited with %d +++",
				 status >> 8 & 0xff);
		}
		put_event(TRACE_END, &text);
	}
	if (task->strace)
		record_free(task->strace);
	task->strace = NULL;
}

void strace_process_end(struct process *process)
{
	struct call_stats *stats = xchg(&process->strace_stats, NULL);

	if (!stats)
		return;
	if (what_of(process) != STRACE_OFF)
		summary_write(process->pid, stats);
	kfree(stats);
}

void strace_flush(void)
{
	trace_ring_flush();
}

/* ---- the switch -------------------------------------------------------- */

/* Is any process chosen by its pid? */
static bool is_any_traced(void)
{
	struct process *process;
	bool is_any = false;

	for (u32 pid = 0; (process = process_next(pid));) {
		pid = process->pid;
		is_any = is_any || process->strace_what != STRACE_OFF;
		process_put(process);
	}
	return is_any;
}

static void set_all(enum strace_what what)
{
	struct process *process;

	/* Who was chosen alone goes with the others from now on. */
	for (u32 pid = 0; (process = process_next(pid));) {
		pid = process->pid;
		WRITE_ONCE(process->strace_what, STRACE_OFF);
		process_put(process);
	}
	WRITE_ONCE(all_what, what);
}

static int set_one(enum strace_what what, u32 pid)
{
	struct process *process = process_find(pid);

	if (!process)
		return -ESRCH;
	WRITE_ONCE(process->strace_what, what);
	process_put(process);
	return 0;
}

int strace_set(enum strace_what what, u32 pid)
{
	int err;

	mutex_lock(&control_lock);
	err = trace_ring_start();
	if (!err && pid)
		err = set_one(what, pid);
	else if (!err)
		set_all(what);
	if (!err) {
		bool is_on = all_what != STRACE_OFF || is_any_traced();

		trace_ring_set_periodic(records_announce, is_on);
		WRITE_ONCE(strace_is_on, is_on);
	}
	mutex_unlock(&control_lock);
	return err;
}

static const char *const what_names[] = {
	[STRACE_OFF] = "off", [STRACE_ON] = "on", [STRACE_SUMMARY] = "summary"};

static int parse_what(const char *name, enum strace_what *what)
{
	for (u32 i = 0; i < ARRAY_SIZE(what_names); i++) {
		if (strcmp(name, what_names[i]))
			continue;
		*what = i;
		return 0;
	}
	return -EINVAL;
}

int strace_command(const char *text, size_t len)
{
	enum strace_what what;
	char word[32];
	char *space;
	u32 pid = 0;

	if (len && text[len - 1] == '\n')
		len--;
	if (!len || len >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, len);
	word[len] = 0;
	space = strchr(word, ' ');
	if (space) {
		*space = 0;
		if (kstrtou32(space + 1, 10, &pid) || !pid)
			return -EINVAL;
	}
	if (parse_what(word, &what))
		return -EINVAL;
	return strace_set(what, pid);
}

void strace_state(char *buf, size_t size)
{
	struct process *process;
	struct text text;

	text_init(&text, buf, size);
	text_add(&text, "%s", what_names[READ_ONCE(all_what)]);
	for (u32 pid = 0; (process = process_next(pid));) {
		pid = process->pid;
		if (process->strace_what != STRACE_OFF)
			text_add(&text, "\n%s %u",
				 what_names[process->strace_what], pid);
		process_put(process);
	}
}

static int set_boot_what(const char *value)
{
	boot_what = STRACE_ON;
	return value[0] ? parse_what(value, &boot_what) : 0;
}
BOOT_OPTION(
	strace,
	"[on|summary]: trace the system calls of all programs; summary: only "
	"tell at the end of each process what it called",
	set_boot_what);

int strace_start(void)
{
	return boot_what == STRACE_OFF ? 0 : strace_set(boot_what, 0);
}

static void cmd_strace(int argc, char **argv)
{
	char text[256] = "";
	int err = 0;

	if (argc > 1) {
		scnprintf(text, sizeof(text), argc > 2 ? "%s %s" : "%s",
			  argv[1], argc > 2 ? argv[2] : "");
		err = strace_command(text, strlen(text));
	}
	if (err == -EINVAL) {
		mprintf("usage: strace [on|off|summary [PID]]\n");
	} else if (err) {
		mprintf("strace: %s\n",
			err == -ESRCH ? "no such process" : "no memory");
	} else {
		strace_state(text, sizeof(text));
		mprintf("%s\n", text);
	}
}
MONITOR_CMD(strace, "[on|off|summary [PID]]: trace system calls", cmd_strace);
