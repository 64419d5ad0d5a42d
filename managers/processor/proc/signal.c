/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals: queues, sending, choosing who takes one, and delivery.
 *
 * A thread's interrupt flag stands for "has something to do before user mode":
 * it is set whenever a signal it may take is queued, or its process must end,
 * stop or exec; it is cleared only by signal_recalc_locked(), which looks
 * again under process_lock.  So none is lost, and a flag too many costs one
 * pass through signal_deliver().
 */
#define pr_fmt(fmt) "proc: " fmt
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/strace/strace.h>
#include <mm/slab.h>

#include "internal.h"
#include "sigframe.h"
#include "sigset.h"

struct queued_signal {
	struct list_head link;
	struct siginfo info;
};

/* ---- queues ------------------------------------------------------------ */

void signal_queue_init(struct signal_queue *queue)
{
	queue->set = 0;
	list_init(&queue->list);
	queue->nr_queued = 0;
}

void signal_queue_flush(struct signal_queue *queue, sigset64 which)
{
	struct queued_signal *q, *next;

	list_for_each_entry_safe (q, next, &queue->list, link) {
		if (!(which & sigset_of((u32)q->info.signo)))
			continue;
		list_del(&q->link);
		queue->nr_queued--;
		kfree(q);
	}
	queue->set &= ~which;
}

static struct signal_queue *queue_of(struct process *process, struct task *task)
{
	return task ? &task->pending : &process->pending;
}

bool signal_queue_is_full_locked(struct process *process, struct task *task)
{
	return queue_of(process, task)->nr_queued >=
	       process->rlimits[RLIMIT_SIGPENDING].cur;
}

/* A signal below 32 is queued once; one that cannot be remembered with its
 * siginfo is still pending, as Linux does it.  Timers are few, and count on
 * theirs. */
static void queue_add_locked(struct process *process, struct task *task,
			     u32 sig, const struct siginfo *info)
{
	struct signal_queue *queue = queue_of(process, task);
	struct queued_signal *q;

	if (sig < 32 && (queue->set & sigset_of(sig)))
		return;
	queue->set |= sigset_of(sig);
	if (!(info && info->code == SI_TIMER) &&
	    signal_queue_is_full_locked(process, task))
		return;
	q = kzalloc(sizeof(*q));
	if (!q)
		return;
	if (info)
		q->info = *info;
	else
		q->info.code = SI_KERNEL;
	q->info.signo = (s32)sig;
	list_add_tail(&q->link, &queue->list);
	queue->nr_queued++;
}

static void queue_take_locked(struct signal_queue *queue, u32 sig,
			      struct siginfo *info)
{
	struct queued_signal *q, *next;
	bool is_taken = false, has_more = false;

	memset(info, 0, sizeof(*info));
	info->signo = (s32)sig;
	list_for_each_entry_safe (q, next, &queue->list, link) {
		if ((u32)q->info.signo != sig)
			continue;
		if (is_taken) {
			has_more = true;
			break;
		}
		*info = q->info;
		is_taken = true;
		list_del(&q->link);
		queue->nr_queued--;
		kfree(q);
	}
	if (!has_more)
		queue->set &= ~sigset_of(sig);
}

u32 signal_dequeue_locked(struct task *task, sigset64 wanted,
			  struct siginfo *info)
{
	struct signal_queue *queue = &task->pending;
	u32 sig = sigset_first(queue->set & wanted);

	ASSERT_LOCKED(&process_lock);
	if (!sig) {
		queue = &task->process->pending;
		sig = sigset_first(queue->set & wanted);
	}
	if (sig) {
		queue_take_locked(queue, sig, info);
		itimers_taken_locked(task->process, sigset_of(sig), info);
	}
	return sig;
}

sigset64 signal_pending_set_locked(const struct task *task)
{
	return task->pending.set | task->process->pending.set;
}

static bool has_work_locked(const struct task *task)
{
	return process_must_leave_locked(task) ||
	       task->process->state == PROCESS_STOPPED ||
	       (signal_pending_set_locked(task) & ~task->blocked);
}

void signal_recalc_locked(struct task *task)
{
	ASSERT_LOCKED(&process_lock);
	if (has_work_locked(task))
		thread_interrupt(task->thread);
	else
		thread_clear_interrupt(task->thread);
}

bool signal_pending(struct task *task)
{
	sigset64 set = READ_ONCE(task->pending.set) |
		       READ_ONCE(task->process->pending.set);

	return (set & ~READ_ONCE(task->blocked)) ||
	       READ_ONCE(task->process->is_exiting);
}

/* ---- actions ----------------------------------------------------------- */

struct signal_actions *signal_actions_create(void)
{
	struct signal_actions *actions = kzalloc(sizeof(*actions));

	if (actions)
		atomic_set(&actions->nr_refs, 1);
	return actions;
}

struct signal_actions *signal_actions_clone(struct signal_actions *from)
{
	struct signal_actions *actions = signal_actions_create();
	u64 flags;

	if (!actions)
		return NULL;
	flags = process_lock_irqsave();
	memcpy(actions->action, from->action, sizeof(actions->action));
	process_unlock_irqrestore(flags);
	return actions;
}

void signal_actions_put(struct signal_actions *actions)
{
	if (atomic_dec_and_test(&actions->nr_refs))
		kfree(actions);
}

void signal_actions_reset_locked(struct signal_actions *actions)
{
	for (u32 i = 0; i < NR_SIGNALS; i++) {
		struct signal_action *action = &actions->action[i];
		u64 kept = action->handler == SIG_IGN ? SIG_IGN : SIG_DFL;

		memset(action, 0, sizeof(*action));
		action->handler = kept;
	}
}

static bool is_ignored_locked(const struct process *process, u32 sig)
{
	u64 handler = process->actions->action[sig - 1].handler;

	return handler == SIG_IGN ||
	       (handler == SIG_DFL &&
		signal_default_action(sig) == SIGNAL_IGNORE);
}

/* ---- sending ----------------------------------------------------------- */

/* The task that will take @sig of the process' queue: the leader if it can. */
static struct task *choose_task_locked(struct process *process, u32 sig)
{
	struct task *t;

	if (process->leader && !(process->leader->blocked & sigset_of(sig)))
		return process->leader;
	list_for_each_entry (t, &process->tasks, in_process)
		if (!(t->blocked & sigset_of(sig)))
			return t;
	return NULL;
}

static bool is_blocked_locked(struct process *process, struct task *task,
			      u32 sig)
{
	if (task)
		return task->blocked & sigset_of(sig);
	return !choose_task_locked(process, sig);
}

static void flush_everywhere_locked(struct process *process, sigset64 which)
{
	struct task *t;

	signal_queue_flush(&process->pending, which);
	list_for_each_entry (t, &process->tasks, in_process)
		signal_queue_flush(&t->pending, which);
	itimers_taken_locked(process, which, NULL);
}

void signal_discard_ignored_locked(struct process *process, u32 sig)
{
	if (is_ignored_locked(process, sig))
		flush_everywhere_locked(process, sigset_of(sig));
}

static void continue_locked(struct process *process)
{
	struct task *t;

	if (process->state != PROCESS_STOPPED)
		return;
	process->state = PROCESS_RUNNING;
	process->stop_status = 0xffff; /* WIFCONTINUED */
	list_for_each_entry (t, &process->tasks, in_process)
		signal_recalc_locked(t);
	waitq_wake_all(&process->stop_wait);
	process_notify_parent_locked(process, process->stop_status);
}

void signal_send_locked(struct process *process, struct task *task, u32 sig,
			const struct siginfo *info)
{
	struct task *target;

	ASSERT_LOCKED(&process_lock);
	ASSERT(signal_is_valid(sig));
	if (process->state == PROCESS_ZOMBIE || process->is_exiting)
		return;
	counter_inc(nr_signals_sent);
	if (sig == SIGKILL) {
		process_kill_locked(process, SIGKILL);
		return;
	}
	if (sig == SIGCONT) {
		flush_everywhere_locked(process, SIGSET_STOP);
		continue_locked(process);
	} else if (sigset_of(sig) & SIGSET_STOP) {
		flush_everywhere_locked(process, SIG_BIT(SIGCONT));
	}
	if (is_ignored_locked(process, sig) &&
	    !is_blocked_locked(process, task, sig))
		return;
	queue_add_locked(process, task, sig, info);
	target = task ? task : choose_task_locked(process, sig);
	if (target)
		signal_recalc_locked(target);
	waitq_wake_all(&process->signal_wait); /* sigtimedwait has it blocked */
}

void signal_send_process(struct process *process, u32 sig,
			 const struct siginfo *info)
{
	u64 flags = process_lock_irqsave();

	signal_send_locked(process, NULL, sig, info);
	process_unlock_irqrestore(flags);
}

void signal_send_task(struct task *task, u32 sig, const struct siginfo *info)
{
	u64 flags = process_lock_irqsave();

	signal_send_locked(task->process, task, sig, info);
	process_unlock_irqrestore(flags);
}

int signal_send_pgrp(u32 pgid, u32 sig, const struct siginfo *info)
{
	u64 flags = process_lock_irqsave();
	struct process *p;
	int err = -ESRCH;

	for_each_process_locked(p)
	{
		if (p->pgid != pgid)
			continue;
		err = 0;
		signal_send_locked(p, NULL, sig, info);
	}
	process_unlock_irqrestore(flags);
	return err;
}

void signal_force(u32 sig, s32 code, u64 vaddr)
{
	struct task *task = current_task();
	struct process *process = task->process;
	struct siginfo info = {.signo = (s32)sig, .code = code};
	struct signal_action *action;
	u64 flags;

	info.fault.vaddr = vaddr;
	flags = process_lock_irqsave();
	action = &process->actions->action[sig - 1];
	if ((task->blocked & sigset_of(sig)) || action->handler == SIG_IGN) {
		action->handler = SIG_DFL;
		task->blocked &= ~sigset_of(sig);
	}
	signal_send_locked(process, task, sig, &info);
	process_unlock_irqrestore(flags);
}

void signal_uaccess_begin(void)
{
	current_task()->uaccess_signo = 0;
}

u32 signal_uaccess(void)
{
	return current_task()->uaccess_signo == SIGBUS ? SIGBUS : SIGSEGV;
}

/* ---- masks ------------------------------------------------------------- */

/* Signals of the process that @task was to take and now blocks go to others. */
void signal_retarget_locked(struct task *task, sigset64 newly_blocked)
{
	sigset64 orphans = task->process->pending.set & newly_blocked;
	struct task *t;

	if (!orphans)
		return;
	list_for_each_entry (t, &task->process->tasks, in_process)
		if (t != task && (orphans & ~t->blocked))
			signal_recalc_locked(t);
}

void signal_set_blocked(sigset64 blocked)
{
	struct task *task = current_task();
	u64 flags = process_lock_irqsave();
	sigset64 old = task->blocked;

	task->blocked = blocked & ~SIGSET_UNBLOCKABLE;
	signal_retarget_locked(task, task->blocked & ~old);
	signal_recalc_locked(task);
	process_unlock_irqrestore(flags);
}

void signal_mask_for_call(sigset64 mask)
{
	struct task *task = current_task();

	task->saved_blocked = task->blocked;
	task->is_mask_saved = true;
	signal_set_blocked(mask);
}

/* ---- delivery ---------------------------------------------------------- */

/* What a handler or a return makes of an interrupted call.  @action NULL: no
 * handler runs. */
static void finish_syscall(struct user_regs *regs,
			   const struct signal_action *action)
{
	bool restarts;

	switch (-(s64)regs->rax) {
	case ERESTARTNOINTR:
		restarts = true;
		break;
	case ERESTARTSYS:
		restarts = !action || (action->flags & SA_RESTART);
		break;
	case ERESTARTNOHAND:
		restarts = !action;
		break;
	case ERESTART_RESTARTBLOCK:
		restarts = !action;
		if (restarts)
			regs->orig_rax = 219; /* restart_syscall */
		break;
	default:
		return;
	}
	if (restarts) {
		regs->rax = regs->orig_rax;
		regs->rip -= 2; /* the syscall instruction: 0f 05 */
	} else {
		regs->rax = (u64)-EINTR;
	}
}

static void stop_locked(struct process *process, u32 sig)
{
	struct task *t;

	process->state = PROCESS_STOPPED;
	process->stop_status = (s32)(sig << 8 | 0x7f);
	list_for_each_entry (t, &process->tasks, in_process)
		signal_recalc_locked(t);
	process_notify_parent_locked(process, process->stop_status);
}

static bool is_stopped(struct process *process)
{
	return READ_ONCE(process->state) == PROCESS_STOPPED &&
	       !READ_ONCE(process->is_exiting);
}

enum next_step {
	STEP_DONE,
	STEP_LEAVE,
	STEP_STOPPED,
	STEP_AGAIN,
	STEP_END,
	STEP_HANDLER
};

/* Decide under the lock what the current task does next. */
static enum next_step next_step(struct task *task, u32 *sig,
				struct siginfo *info,
				struct signal_action *action)
{
	struct process *process = task->process;
	struct signal_action *act;

	if (process_must_leave_locked(task))
		return STEP_LEAVE;
	if (process->state == PROCESS_STOPPED)
		return STEP_STOPPED;
	*sig = signal_dequeue_locked(task, ~task->blocked, info);
	if (!*sig) {
		signal_recalc_locked(task);
		return STEP_DONE;
	}
	act = &process->actions->action[*sig - 1];
	*action = *act;
	if (act->handler == SIG_IGN)
		return STEP_AGAIN;
	if (act->handler != SIG_DFL) {
		if (act->flags & SA_RESETHAND)
			act->handler = SIG_DFL;
		return STEP_HANDLER;
	}
	switch (signal_default_action(*sig)) {
	case SIGNAL_IGNORE:
		return STEP_AGAIN;
	case SIGNAL_STOP:
		stop_locked(process, *sig);
		return STEP_AGAIN;
	default:
		return STEP_END;
	}
}

static void run_handler(struct user_regs *regs, u32 sig,
			const struct siginfo *info,
			const struct signal_action *action)
{
	struct task *task = current_task();
	sigset64 return_mask = task->blocked, during = action->mask;

	rseq_return_to_user(regs, true);
	if (task->is_mask_saved) {
		return_mask = task->saved_blocked;
		task->is_mask_saved = false;
	}
	signal_uaccess_begin();
	if (sigframe_push(regs, sig, info, action, return_mask)) {
		/* No stack to tell it on: as on Linux, there is no way out. */
		pr_debug("process %u: no room for the frame of signal %u",
			 task->process->pid, sig);
		process_exit((s32)signal_uaccess());
	}
	counter_inc(nr_signals_delivered);
	if (!(action->flags & SA_NODEFER))
		during |= sigset_of(sig);
	signal_set_blocked(task->blocked | during);
}

/* A program that breaks says where, once in a while. */
static void log_end(const struct task *task, u32 sig,
		    const struct siginfo *info, const struct user_regs *regs)
{
	if (!(sigset_of(sig) & SIGSET_SYNCHRONOUS))
		return;
	pr_info_ratelimited("%s[%u]: signal %u code %d at %016lx, rip %016lx "
			    "rsp %016lx",
			    task->comm, task->tid, sig, info->code,
			    info->fault.vaddr, regs->rip, regs->rsp);
}

void signal_deliver(struct user_regs *regs, bool is_syscall)
{
	struct task *task = current_task();
	struct signal_action action;
	struct siginfo info;
	u32 sig = 0;

	for (;;) {
		u64 flags = process_lock_irqsave();
		enum next_step step = next_step(task, &sig, &info, &action);

		process_unlock_irqrestore(flags);
		if (step == STEP_LEAVE)
			task_exit(0);
		if (READ_ONCE(strace_is_on) &&
		    (step == STEP_END || step == STEP_HANDLER))
			strace_signal(&info);
		if (step == STEP_END) {
			log_end(task, sig, &info, regs);
			process_exit((s32)sig);
		}
		if (step == STEP_STOPPED)
			wait_event_idle(&task->process->stop_wait,
					!is_stopped(task->process));
		if (step == STEP_HANDLER) {
			if (is_syscall)
				finish_syscall(regs, &action);
			is_syscall = false;
			run_handler(regs, sig, &info, &action);
		}
		if (step != STEP_DONE)
			continue;
		if (is_syscall)
			finish_syscall(regs, NULL);
		if (!task->is_mask_saved)
			return;
		/* The call's own mask ends; that may let signals in. */
		task->is_mask_saved = false;
		signal_set_blocked(task->saved_blocked);
		is_syscall = false;
	}
}
