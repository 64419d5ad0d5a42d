/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clone(2), clone3(2), fork(2), vfork(2): new processes and new threads. */
#include <arch/x86/paging.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/strace/strace.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/slab.h>

#include "clone.h"
#include "internal.h"
#include "sigframe.h"

/* ---- what a child process gets ----------------------------------------- */

static int copy_files(struct process *child, u64 flags)
{
	struct process *parent = current_process();

	if (flags & CLONE_FILES) {
		fd_table_hold(parent->files);
		child->files = parent->files;
	} else {
		child->files = fd_table_clone(parent->files);
	}
	if (flags & CLONE_FS) {
		fs_context_hold(parent->fs);
		child->fs = parent->fs;
	} else {
		child->fs = fs_context_clone(parent->fs);
	}
	return child->files && child->fs ? 0 : -ENOMEM;
}

static int copy_actions(struct process *child, u64 flags)
{
	struct process *parent = current_process();
	u64 irq_flags;

	if (flags & CLONE_SIGHAND) {
		atomic_inc(&parent->actions->nr_refs);
		child->actions = parent->actions;
		return 0;
	}
	child->actions = signal_actions_clone(parent->actions);
	if (!child->actions)
		return -ENOMEM;
	if (flags & CLONE_CLEAR_SIGHAND) {
		irq_flags = process_lock_irqsave();
		signal_actions_reset_locked(child->actions);
		process_unlock_irqrestore(irq_flags);
	}
	return 0;
}

static int copy_memory(struct process *child, u64 flags)
{
	struct process *parent = current_process();

	if (!(flags & CLONE_VM))
		return aspace_fork(parent->aspace, &child->aspace);
	aspace_hold(parent->aspace);
	child->aspace = parent->aspace;
	return 0;
}

static void copy_plain(struct process *child)
{
	struct process *parent = current_process();
	u64 flags = process_lock_irqsave();

	memcpy(child->comm, current_task()->comm, sizeof(child->comm));
	memcpy(child->rlimits, parent->rlimits, sizeof(child->rlimits));
	child->cred = parent->cred;
	child->personality = parent->personality;
	child->arg_start = parent->arg_start;
	child->arg_end = parent->arg_end;
	child->env_start = parent->env_start;
	child->env_end = parent->env_end;
	child->auxv_start = parent->auxv_start;
	child->auxv_end = parent->auxv_end;
	child->start_code = parent->start_code;
	child->end_code = parent->end_code;
	child->start_data = parent->start_data;
	child->end_data = parent->end_data;
	child->start_brk = parent->start_brk;
	child->start_stack = parent->start_stack;
	child->run = parent->run;
	run_hold(child->run);
	child->exe = parent->exe;
	if (child->exe)
		file_hold(child->exe);
	process_unlock_irqrestore(flags);
}

/* Undo what a child that never was published owns. */
static void discard_process(struct process *child)
{
	struct fd_table *files = child->files;
	struct aspace *aspace = child->aspace;

	if (child->fs)
		fs_context_put(child->fs);
	child->fs = NULL;
	child->files = NULL;
	child->aspace = NULL;
	if (files)
		fd_table_put(files);
	if (aspace)
		aspace_put(aspace);
	process_put(child);
}

static int copy_process(u64 flags, struct process **out)
{
	struct process *child = process_alloc();
	int err;

	if (!child)
		return -ENOMEM;
	copy_plain(child);
	strace_fork(child);
	err = copy_actions(child, flags);
	if (!err)
		err = copy_files(child, flags);
	if (!err)
		err = copy_memory(child, flags);
	if (err)
		discard_process(child);
	else
		*out = child;
	return err;
}

/* ---- what a new task gets ---------------------------------------------- */

static int make_thread(struct task *task, const struct clone_args *args)
{
	struct user_regs regs = *current_user_regs();

	regs.rax = 0;
	if (args->stack)
		regs.rsp = args->stack + args->stack_bytes;
	task->thread = thread_create_user(task->comm, &regs, task);
	if (!task->thread)
		return -ENOMEM;
	user_state_copy(task->thread);
	task->thread->affinity = current_thread()->affinity;
	if (args->flags & CLONE_SETTLS)
		task->thread->fs_base = args->tls;
	return 0;
}

/* The number that clone3(2) asks for; 0: any. */
static int choose_tid(const struct clone_args *args, u32 *tid)
{
	*tid = 0;
	if (!args->set_tid_size)
		return 0;
	if (get_user_u32(args->set_tid, tid))
		return -EFAULT;
	if (!*tid || *tid >= PROCESS_MAX_PID)
		return -EINVAL;
	return process_may(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/* A task of @process like the current one; its tid comes with publishing. */
static int copy_task(struct process *process, const struct clone_args *args,
		     struct task **out)
{
	const struct task *me = current_task();
	u64 flags = args->flags;
	struct task *task = task_alloc(process);
	int err;

	if (!task)
		return -ENOMEM;
	memcpy(task->comm, me->comm, sizeof(task->comm));
	task->blocked = me->blocked;
	if (!(flags & CLONE_VM) || (flags & CLONE_VFORK)) {
		task->altstack_vaddr = me->altstack_vaddr;
		task->altstack_bytes = me->altstack_bytes;
		task->altstack_flags = me->altstack_flags;
	}
	if (!(flags & CLONE_VM)) {
		task->rseq_vaddr = me->rseq_vaddr;
		task->rseq_bytes = me->rseq_bytes;
		task->rseq_signature = me->rseq_signature;
	}
	if (flags & CLONE_CHILD_SETTID)
		task->set_child_tid = args->child_tid;
	if (flags & CLONE_CHILD_CLEARTID)
		task->clear_child_tid = args->child_tid;
	err = choose_tid(args, &task->tid);
	if (!err)
		err = make_thread(task, args);
	if (err)
		task_put(task);
	else
		*out = task;
	return err;
}

/* ---- making them ------------------------------------------------------- */

static int publish_process(struct process *child, struct task *task, u64 flags)
{
	struct process *me = current_process();
	u64 irq_flags = process_lock_irqsave();
	int err = -ERESTARTNOINTR; /* we are to end instead */

	if (!process_must_leave_locked(current_task())) {
		child->pgid = me->pgid;
		child->sid = me->sid;
		child->blocks_maker = flags & CLONE_VFORK;
		err = process_publish_locked(
			child, task, flags & CLONE_PARENT ? me->parent : me);
	}
	process_unlock_irqrestore(irq_flags);
	return err;
}

/* vfork(2): until the child has its own memory or is gone. */
static void wait_for_vfork(struct process *child)
{
	struct task *me = current_task();

	wait_event_idle(&vfork_waitq,
			!READ_ONCE(child->blocks_maker) ||
				READ_ONCE(me->process->is_exiting) ||
				READ_ONCE(me->process->exec_task));
}

static void start(struct task *task, const struct clone_args *args, u32 tid)
{
	/* As Linux, a bad address is not reported: the child exists. */
	if (args->flags & CLONE_PARENT_SETTID)
		(void)!put_user_u32(args->parent_tid, tid);
	task_start(task);
}

static long clone_process(const struct clone_args *args)
{
	struct process *child;
	struct task *task;
	int err = copy_process(args->flags, &child);
	u32 pid;

	if (err)
		return err;
	child->exit_signal = args->flags & CLONE_PARENT
				     ? current_process()->exit_signal
				     : (u32)args->exit_signal;
	err = copy_task(child, args, &task);
	if (err)
		goto discard_process;
	err = publish_process(child, task, args->flags);
	if (err)
		goto discard_task;
	counter_inc(nr_forks);
	pid = child->pid;
	start(task, args, pid);
	if (args->flags & CLONE_VFORK)
		wait_for_vfork(child);
	process_put(child);
	return pid;

discard_task:
	task_discard(task);
discard_process:
	discard_process(child);
	return err;
}

static long clone_thread(const struct clone_args *args)
{
	struct process *process = current_process();
	struct task *task;
	int err = copy_task(process, args, &task);
	u64 flags;
	u32 tid = 0;

	if (err)
		return err;
	flags = process_lock_irqsave();
	err = -ERESTARTNOINTR;
	if (!process_must_leave_locked(current_task()))
		err = task_publish_locked(task);
	if (!err) {
		tid = task->tid;
		/* So that it notices a stop or signals that wait for it. */
		signal_recalc_locked(task);
	}
	process_unlock_irqrestore(flags);
	if (err) {
		task_discard(task);
		return err;
	}
	counter_inc(nr_threads_cloned);
	start(task, args, tid);
	return tid;
}

static long do_clone(const struct clone_args *args)
{
	int err = clone_check(args);

	if (err)
		return err;
	if (limits_forbid_task())
		return -EAGAIN;
	return args->flags & CLONE_THREAD ? clone_thread(args)
					  : clone_process(args);
}

/* ---- system calls ------------------------------------------------------ */

long sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls)
{
	struct clone_args args = {
		.flags = (u32)flags & ~CSIGNAL,
		.exit_signal = flags & CSIGNAL,
		.stack = stack,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.tls = tls,
	};

	/* Where clone3 refuses an exit signal, clone ignores it. */
	if (args.flags & (CLONE_THREAD | CLONE_PARENT))
		args.exit_signal = 0;
	return do_clone(&args);
}

long sys_clone3(u64 args_vaddr, u64 bytes)
{
	struct clone_args args = {0};
	u8 rest = 0;

	if (bytes < CLONE_ARGS_BYTES_VER0)
		return -EINVAL;
	if (bytes > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(&args, args_vaddr, min(bytes, sizeof(args))))
		return -EFAULT;
	/* A later version of the structure must not ask for anything. */
	for (u64 i = sizeof(args); i < bytes; i++) {
		if (get_user_u8(args_vaddr + i, &rest))
			return -EFAULT;
		if (rest)
			return -E2BIG;
	}
	if (!args.stack != !args.stack_bytes)
		return -EINVAL;
	return do_clone(&args);
}

long sys_fork(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};

	return do_clone(&args);
}

long sys_vfork(void)
{
	struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK,
				  .exit_signal = SIGCHLD};

	return do_clone(&args);
}

long sys_set_tid_address(u64 vaddr)
{
	current_task()->clear_child_tid = vaddr;
	return current_task()->tid;
}
