/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of tasks and processes.
 *
 * A task ends itself, in task_exit(), on its own thread; another can only ask
 * (process_kill_locked()) and it complies before it next enters user mode.
 * The last task of a process releases what the process owns, then makes it a
 * zombie.  A zombie is reaped by its parent's wait, or at once if the parent
 * does not care or is not there.
 */
#define pr_fmt(fmt) "proc: " fmt
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/mm/aspace.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/strace/strace.h>
#include <managers/processor/syscall/syscall.h>

#include "futex.h"
#include "internal.h"
#include "sigset.h"

/* ---- asking tasks to end ----------------------------------------------- */

DEFINE_WAITQ(vfork_waitq);

bool process_must_leave_locked(const struct task *task)
{
	const struct process *process = task->process;

	return process->is_exiting ||
	       (process->exec_task && process->exec_task != task);
}

void process_kill_locked(struct process *process, s32 status)
{
	struct task *t;

	ASSERT_LOCKED(&process_lock);
	if (process->is_exiting || process->state == PROCESS_ZOMBIE)
		return;
	process->is_exiting = true;
	process->exit_status = status;
	process->state = PROCESS_RUNNING;
	list_for_each_entry (t, &process->tasks, in_process)
		thread_interrupt(t->thread);
	waitq_wake_all(&process->stop_wait);
	waitq_wake_all(&vfork_waitq);
	waitq_wake_all(&process->tasks_wait); /* exec */
}

void process_exit(s32 status)
{
	struct process *process = current_process();
	u64 flags = process_lock_irqsave();

	process_kill_locked(process, status);
	process_unlock_irqrestore(flags);
	task_exit(status);
}

/* ---- the parent -------------------------------------------------------- */

u32 process_parent_pid(struct process *process)
{
	u64 flags = process_lock_irqsave();
	/* Without a parent it is the kernel's, which stands in for init. */
	u32 pid = process->parent ? process->parent->pid : 1;

	process_unlock_irqrestore(flags);
	return pid;
}

void process_notify_parent_locked(struct process *process, s32 status)
{
	struct process *parent = process->parent;
	struct siginfo info = child_info(process, status);

	ASSERT_LOCKED(&process_lock);
	if (!parent)
		return;
	if (!(parent->actions->action[SIGCHLD - 1].flags & SA_NOCLDSTOP))
		signal_send_locked(parent, NULL, SIGCHLD, &info);
	waitq_wake_all(&parent->child_wait);
}

void process_release_vfork_locked(struct process *process)
{
	ASSERT_LOCKED(&process_lock);
	if (!process->blocks_maker)
		return;
	process->blocks_maker = false;
	waitq_wake_all(&vfork_waitq);
}

/* Tell the parent of the end. Return: true if nobody will wait for it. */
static bool announce_end_locked(struct process *process)
{
	struct process *parent = process->parent;
	const struct signal_action *action;
	struct siginfo info;

	if (!parent)
		return true;
	action = &parent->actions->action[SIGCHLD - 1];
	if (process->exit_signal) {
		info = child_info(process, process->exit_status);
		signal_send_locked(parent, NULL, process->exit_signal, &info);
	}
	waitq_wake_all(&parent->child_wait);
	return process->exit_signal == SIGCHLD &&
	       (action->handler == SIG_IGN || (action->flags & SA_NOCLDWAIT));
}

/* Who takes over orphans: the next ancestor that asked for it. */
static struct process *find_reaper_locked(const struct process *process)
{
	struct process *p;

	for (p = process->parent; p; p = p->parent)
		if (p->is_subreaper && !p->is_exiting)
			return p;
	return NULL;
}

/* Give the children away; those nobody will wait for go to @orphans. */
static void reparent_children_locked(struct process *process,
				     struct list_head *orphans)
{
	struct process *reaper = find_reaper_locked(process);
	struct process *child, *next;

	list_for_each_entry_safe (child, next, &process->children, sibling) {
		list_del_init(&child->sibling);
		child->parent = reaper;
		child->exit_signal = SIGCHLD;
		if (child->parent_death_signal)
			signal_send_locked(child, NULL,
					   child->parent_death_signal, NULL);
		if (reaper)
			list_add_tail(&child->sibling, &reaper->children);
		if (child->state != PROCESS_ZOMBIE)
			continue;
		if (announce_end_locked(child)) {
			process_unpublish_locked(child);
			list_add_tail(&child->sibling, orphans);
		}
	}
}

/* ---- the end ----------------------------------------------------------- */

void task_forget_memory(struct task *task)
{
	u64 vaddr = task->clear_child_tid;

	futex_pi_leave(task);
	futex_robust_exit(task);
	futex_pi_left(task);
	task->clear_child_tid = 0;
	task->rseq_vaddr = 0;
	if (vaddr && !put_user_u32(vaddr, 0))
		futex_wake_word(vaddr, 1);
}

static void release_resources(struct process *process)
{
	struct fd_table *files = process->files;
	struct fs_context *fs = process->fs;
	struct aspace *aspace = process->aspace;
	u64 flags;

	itimers_exit(process);
	flags = process_lock_irqsave();
	process->files = NULL;
	process->fs = NULL;
	process->aspace = NULL;
	if (aspace)
		process->usage.max_resident_pages =
			max(process->usage.max_resident_pages,
			    aspace_peak_resident(aspace));
	process_unlock_irqrestore(flags);
	if (files)
		fd_table_put(files);
	if (fs)
		fs_context_put(fs);
	if (aspace)
		aspace_put(aspace);
}

/* The last task of @process is at its end. */
static void finish_process(struct process *process)
{
	LIST_HEAD(orphans);
	struct process *p, *next;
	bool is_reaped;
	u64 flags;

	release_resources(process);
	flags = process_lock_irqsave();
	process_release_vfork_locked(process);
	reparent_children_locked(process, &orphans);
	process->state = PROCESS_ZOMBIE;
	if (process->run)
		run_leader_exited_locked(process->run, process);
	is_reaped = announce_end_locked(process);
	if (is_reaped)
		process_unpublish_locked(process);
	process_unlock_irqrestore(flags);
	if (is_reaped)
		process_put(process);
	list_for_each_entry_safe (p, next, &orphans, sibling)
		process_put(p);
}

static void leave_process_locked(struct task *task, s32 status)
{
	struct process *process = task->process;
	struct cpu_usage usage;

	task_usage(task, &usage);
	cpu_usage_add(&process->usage, &usage);
	if (!process->is_exiting && process->leader == task)
		process->exit_status = status;
	/* What only this task would have taken goes to the others. */
	task_unpublish_locked(task);
	signal_retarget_locked(task, ~0ull);
}

void task_exit(s32 status)
{
	struct task *task = current_task();
	struct process *process = task->process;
	bool is_last;
	u64 flags;

	task_forget_memory(task);
	task->has_left_memory = true;
	aspace_activate(NULL);

	flags = process_lock_irqsave();
	leave_process_locked(task, status);
	is_last = !process->nr_tasks;
	if (is_last)
		process->is_exiting = true;
	process_unlock_irqrestore(flags);

	if (READ_ONCE(strace_is_on) || task->strace)
		strace_task_end(process->is_exiting ? process->exit_status
						    : status);
	if (is_last) {
		strace_process_end(process);
		finish_process(process);
	}
	/* Two references: the tables' and the thread's own. */
	current_thread()->owner = NULL;
	task_put(task);
	task_put(task);
	thread_exit();
}

long sys_exit(u64 code)
{
	task_exit((s32)(code & 0xff) << 8);
}

long sys_exit_group(u64 code)
{
	process_exit((s32)(code & 0xff) << 8);
}
