/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PROC_INTERNAL_H
#define PROCESSOR_PROC_INTERNAL_H

/* What the files of proc/ share with each other alone. */
#include <arch/x86/user.h>
#include <managers/processor/proc/process.h>

static inline u64 process_lock_irqsave(void)
{
	return spin_lock_irqsave(&process_lock);
}

static inline void process_unlock_irqrestore(u64 flags)
{
	spin_unlock_irqrestore(&process_lock, flags);
}

/* ---- process.c --------------------------------------------------------- */

/**
 * process_alloc - a process that nobody sees yet, with one reference.
 *
 * All zero but for lists, wait queues and limits.  Context: any.
 * Return: the process or NULL.
 */
struct process *process_alloc(void);
/** task_alloc - a task of @process (takes a reference) that nobody sees yet. */
struct task *task_alloc(struct process *process);
/**
 * process_publish_locked - give @process and its leader a pid (@leader->tid if
 * that is not 0) and enter them in the tables, under @parent (NULL: none).  The
 * tables hold one reference each.
 *
 * Context: process_lock held.
 * Return: 0, -EAGAIN (no pid free), -EEXIST (the wanted one is not).
 */
int __must_check process_publish_locked(struct process *process,
					struct task *leader,
					struct process *parent);
/** task_start - let a published task run. */
void task_start(struct task *task);
/** task_discard - free a task that was never published. */
void task_discard(struct task *task);
/** task_publish_locked - enter one more task of a running process; as above. */
int __must_check task_publish_locked(struct task *task);
/** task_unpublish_locked - leave the tables; the reference stays the caller's
 */
void task_unpublish_locked(struct task *task);
/** task_take_pid_locked - exec from another thread: @task gets the leader's
 * tid. */
void task_take_pid_locked(struct task *task);
/** process_unpublish_locked - a zombie leaves the tables and its parent; the
 * tables' reference becomes the caller's. */
void process_unpublish_locked(struct process *process);
struct process *process_lookup_locked(u32 pid);
struct task *task_lookup_locked(u32 tid);
extern struct list_head all_processes; /* by pid [process_lock] */

#define for_each_process_locked(p) \
	list_for_each_entry (p, &all_processes, in_all)

/* ---- exit.c ------------------------------------------------------------ */

/**
 * task_exit - end the current task; the last one ends its process.
 * @status: as wait4(2) tells it, used if nobody has set one yet
 *
 * Does not return.
 */
_Noreturn void task_exit(s32 status);
/** process_exit - end the current process with all its tasks (exit_group). */
_Noreturn void process_exit(s32 status);
/** process_kill_locked - make every task of @process exit with @status. */
void process_kill_locked(struct process *process, s32 status);
/* A process no longer blocks who made it by vfork(2), or who waits for that is
 * itself to go.  The waiter need not be the parent (CLONE_PARENT). */
extern struct waitq vfork_waitq;

/** process_release_vfork_locked - let who made @process by vfork(2) go on. */
void process_release_vfork_locked(struct process *process);
/** process_must_leave_locked - must @task end (exit of all, exec of another)?
 */
bool process_must_leave_locked(const struct task *task);
/** process_usage_locked - of all tasks, gone and present. */
void process_usage_locked(struct process *process, struct cpu_usage *usage);
/** task_forget_memory - robust list and clear_child_tid, in the current address
 * space: before exit and exec leave it. */
void task_forget_memory(struct task *task);
/** process_parent_pid - what getppid(2) says. */
u32 process_parent_pid(struct process *process);
/** process_notify_parent_locked - SIGCHLD and a wake-up for a process that
 * was stopped or continued; @status as wait4(2) tells it. */
void process_notify_parent_locked(struct process *process, s32 status);

/* ---- wait.c ------------------------------------------------------------ */

/** child_info - the siginfo of a SIGCHLD. @status: as wait4(2) tells it */
struct siginfo child_info(struct process *child, s32 status);

/* ---- run.c ------------------------------------------------------------- */

/** run_leader_exited - the first process of @run is gone, with @status. */
void run_leader_exited_locked(struct run *run, struct process *process);
void run_hold(struct run *run);
void run_put(struct run *run);

/* ---- signal.c ---------------------------------------------------------- */

void signal_queue_init(struct signal_queue *queue);
void signal_queue_flush(struct signal_queue *queue, sigset64 which);
/** signal_queue_is_full_locked - are as many signals queued at @task (NULL:
 * at the process) as RLIMIT_SIGPENDING allows? */
bool signal_queue_is_full_locked(struct process *process, struct task *task);
/** signal_send_locked - @task NULL: to the process. */
void signal_send_locked(struct process *process, struct task *task, u32 sig,
			const struct siginfo *info);
/** signal_dequeue_locked - take the next signal in @wanted, own ones first.
 * Return: its number, 0: none. */
u32 signal_dequeue_locked(struct task *task, sigset64 wanted,
			  struct siginfo *info);
sigset64 signal_pending_set_locked(const struct task *task);
/** signal_set_blocked - change the current task's mask; hands over what it no
 * longer takes. */
void signal_set_blocked(sigset64 blocked);
/** signal_retarget_locked - what the process has pending in @newly_blocked and
 * @task was to take goes to other tasks. */
void signal_retarget_locked(struct task *task, sigset64 newly_blocked);
/** signal_recalc_locked - set or clear the interrupt of @task's thread. */
void signal_recalc_locked(struct task *task);
struct signal_actions *signal_actions_create(void);
struct signal_actions *signal_actions_clone(struct signal_actions *from);
void signal_actions_put(struct signal_actions *actions);
/** signal_actions_reset_locked - exec: caught signals back to default. */
void signal_actions_reset_locked(struct signal_actions *actions);
/** signal_discard_ignored_locked - @sig's action changed: drop it where it is
 * pending if it is ignored now. */
void signal_discard_ignored_locked(struct process *process, u32 sig);
/**
 * signal_deliver - before the current task goes on in user mode: end it, stop
 * it, or make it run a handler.
 * @regs: its user registers
 * @is_syscall: it comes from a system call whose result is in regs->rax
 *
 * Context: the task's thread, interrupts on, no lock.
 */
void signal_deliver(struct user_regs *regs, bool is_syscall);

/* ---- rseq.c ------------------------------------------------------------ */

/** rseq_return_to_user - restart or leave the critical section @regs is in and
 * say which CPU this is.  @was_interrupted: not straight from a system call */
void rseq_return_to_user(struct user_regs *regs, bool was_interrupted);

/* ---- account.c --------------------------------------------------------- */

void cpu_usage_add(struct cpu_usage *sum, const struct cpu_usage *more);
/** task_usage - of @task until now. */
void task_usage(struct task *task, struct cpu_usage *usage);

/* ---- itimer.c ---------------------------------------------------------- */

/** capability_bound - is @cap in the current process' bounding set?  With
 * @is_drop it no longer is.  Return: 1 or 0, with @is_drop 0; -EINVAL, -EPERM.
 */
long capability_bound(u64 cap, bool is_drop);
/** itimers_exec - timer_create() timers do not survive exec. */
void itimers_exec(struct process *process);
/**
 * itimers_taken_locked - signals of @which are not pending any more: periodic
 * timers that sent them go on.
 * @info: of the one that was taken, to get its count of overruns; NULL: they
 * were dropped
 */
void itimers_taken_locked(struct process *process, sigset64 which,
			  struct siginfo *info);
/** itimers_exit - stop and free all timers of @process. */
void itimers_exit(struct process *process);

/* ---- limits.c ---- */

/** limits_forbid_task - has the current process's user as many tasks as
 * RLIMIT_NPROC allows?  Root and who may exceed limits never has. */
bool limits_forbid_task(void);

#endif /* PROCESSOR_PROC_INTERNAL_H */
