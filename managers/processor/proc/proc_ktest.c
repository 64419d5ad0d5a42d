/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of processes and signals that need the kernel, but no user mode. */
#include <kernel/counters.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <managers/processor/proc/process.h>

#include "internal.h"
#include "sigset.h"

static void never_runs(void *arg) {}

static const u32 nr_pending_max = 8; /* signals that a queue of theirs holds */

/* A process with @nr_tasks tasks whose threads never start. */
static struct process *make_process(struct process *parent, u32 nr_tasks)
{
	struct process *process = process_alloc();
	u64 flags;

	process->actions = signal_actions_create();
	process->exit_signal = SIGCHLD;
	process->rlimits[RLIMIT_SIGPENDING].cur = nr_pending_max;
	for (u32 i = 0; i < nr_tasks; i++) {
		struct task *task = task_alloc(process);

		task->thread = thread_create("ktest", never_runs, NULL);
		flags = process_lock_irqsave();
		if (!i)
			EXPECT_EQ(process_publish_locked(process, task, parent),
				  0);
		else
			EXPECT_EQ(task_publish_locked(task), 0);
		process_unlock_irqrestore(flags);
	}
	return process;
}

static struct task *first_task(struct process *process)
{
	return list_first_entry(&process->tasks, struct task, in_process);
}

/* As task_exit() and a wait would leave it. */
static void remove_process(struct process *process)
{
	u64 flags;

	while (process->nr_tasks) {
		struct task *task = first_task(process);

		flags = process_lock_irqsave();
		task_unpublish_locked(task);
		process_unlock_irqrestore(flags);
		task_put(task);
		task_discard(task);
	}
	flags = process_lock_irqsave();
	process->state = PROCESS_ZOMBIE;
	process_unpublish_locked(process);
	process_unlock_irqrestore(flags);
	process_put(process);
	process_put(process);
}

static u32 dequeue(struct task *task, sigset64 wanted, struct siginfo *info)
{
	u64 flags = process_lock_irqsave();
	u32 sig = signal_dequeue_locked(task, wanted, info);

	process_unlock_irqrestore(flags);
	return sig;
}

static void set_handler(struct process *process, u32 sig, u64 handler)
{
	process->actions->action[sig - 1].handler = handler;
}

KTEST(process_is_found_by_pid_until_it_is_reaped)
{
	s64 before = gauge_read(nr_processes_alive);
	struct process *parent = make_process(NULL, 1);
	struct process *child = make_process(parent, 3), *found;
	u32 pid = child->pid;

	EXPECT_TRUE(pid != parent->pid);
	EXPECT_EQ(process_parent_pid(child), parent->pid);
	found = process_find(pid);
	EXPECT_TRUE(found == child);
	process_put(found);
	EXPECT_EQ(child->nr_tasks, 3);
	EXPECT_EQ(first_task(child)->tid, pid);
	remove_process(child);
	EXPECT_TRUE(!process_find(pid));
	EXPECT_TRUE(list_empty(&parent->children));
	remove_process(parent);
	EXPECT_EQ(gauge_read(nr_processes_alive), before);
}

KTEST(signal_below_32_is_queued_once_others_each_time_in_order)
{
	struct process *process = make_process(NULL, 1);
	struct task *task = first_task(process);
	struct siginfo info = {.code = SI_USER};

	task->blocked = ~0ull;
	for (u32 i = 0; i < 3; i++) {
		info.kill.value = i;
		signal_send_process(process, SIGUSR1, &info);
		signal_send_process(process, 40, &info);
	}
	EXPECT_EQ(dequeue(task, ~0ull, &info), SIGUSR1);
	EXPECT_EQ(info.kill.value, 0);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(dequeue(task, ~0ull, &info), 40);
		EXPECT_EQ(info.kill.value, i);
	}
	EXPECT_EQ(dequeue(task, ~0ull, &info), 0);
	EXPECT_TRUE(!signal_pending(task));
	remove_process(process);
}

KTEST(signal_past_the_limit_is_pending_without_its_siginfo)
{
	struct process *process = make_process(NULL, 1);
	struct task *task = first_task(process);
	struct siginfo info = {.code = SI_USER};

	task->blocked = ~0ull;
	for (u32 i = 0; i < nr_pending_max + 2; i++) {
		info.kill.value = i;
		signal_send_process(process, 40, &info);
	}
	signal_send_process(process, 41, &info);
	EXPECT_EQ(process->pending.nr_queued, nr_pending_max);
	for (u32 i = 0; i < nr_pending_max; i++) {
		EXPECT_EQ(dequeue(task, ~0ull, &info), 40);
		EXPECT_EQ(info.kill.value, i);
	}
	EXPECT_EQ(dequeue(task, ~0ull, &info), 41);
	EXPECT_EQ(info.kill.value, 0);
	EXPECT_EQ(dequeue(task, ~0ull, &info), 0);
	EXPECT_EQ(process->pending.nr_queued, 0);
	remove_process(process);
}

KTEST(signal_that_is_ignored_is_dropped_unless_blocked)
{
	struct process *process = make_process(NULL, 1);
	struct task *task = first_task(process);
	struct siginfo info;

	signal_send_process(process, SIGCHLD, NULL); /* by default */
	set_handler(process, SIGUSR1, SIG_IGN);
	signal_send_process(process, SIGUSR1, NULL);
	EXPECT_EQ(dequeue(task, ~0ull, &info), 0);
	task->blocked = SIG_BIT(SIGUSR1);
	signal_send_process(process, SIGUSR1, NULL);
	EXPECT_EQ(dequeue(task, ~0ull, &info), SIGUSR1);
	remove_process(process);
}

KTEST(signal_interrupts_a_thread_that_does_not_block_it)
{
	struct process *process = make_process(NULL, 2);
	struct task *a = first_task(process);
	struct task *b = list_next_entry(a, in_process);

	set_handler(process, SIGUSR1, 0x1000);
	a->blocked = SIG_BIT(SIGUSR1);
	signal_send_process(process, SIGUSR1, NULL);
	EXPECT_TRUE(!thread_interrupted(a->thread));
	EXPECT_TRUE(thread_interrupted(b->thread));
	EXPECT_TRUE(!signal_pending(a));
	EXPECT_TRUE(signal_pending(b));
	remove_process(process);
}

KTEST(signal_kill_reaches_every_thread_whatever_it_blocks)
{
	struct process *process = make_process(NULL, 3);
	struct task *t;

	list_for_each_entry (t, &process->tasks, in_process)
		t->blocked = ~0ull;
	signal_send_process(process, SIGKILL, NULL);
	EXPECT_TRUE(process->is_exiting);
	EXPECT_EQ(process->exit_status, SIGKILL);
	list_for_each_entry (t, &process->tasks, in_process)
		EXPECT_TRUE(thread_interrupted(t->thread));
	remove_process(process);
}

KTEST(signal_cont_and_stop_cancel_each_other)
{
	struct process *process = make_process(NULL, 1);
	struct task *task = first_task(process);
	struct siginfo info;

	task->blocked = SIG_BIT(SIGTSTP) | SIG_BIT(SIGCONT);
	signal_send_process(process, SIGTSTP, NULL);
	signal_send_process(process, SIGCONT, NULL);
	EXPECT_EQ(dequeue(task, SIG_BIT(SIGTSTP), &info), 0);
	signal_send_process(process, SIGTSTP, NULL);
	EXPECT_EQ(dequeue(task, SIG_BIT(SIGCONT), &info), 0);
	EXPECT_EQ(dequeue(task, SIG_BIT(SIGTSTP), &info), SIGTSTP);
	remove_process(process);
}
