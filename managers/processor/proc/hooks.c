/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens when a program enters the kernel, by whichever door, and on
 * its way back.
 */
#define pr_fmt(fmt) "proc: " fmt
#include <kernel/hooks.h>

#include <arch/x86/user.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <managers/processor/mm/aspace.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/strace/strace.h>
#include <managers/processor/syscall/dispatch.h>
#include <mm/slab.h>

#include "exception.h"
#include "internal.h"
#include "run.h"
#include "sigframe.h"

#define VECTOR_DE 0u
#define VECTOR_DB 1u
#define VECTOR_BP 3u
#define VECTOR_PF 14u
#define VECTOR_MF 16u
#define VECTOR_XM 19u

/* ---- system calls ------------------------------------------------------ */

static bool is_restart_code(long ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK;
}

static void on_syscall(struct user_regs *regs)
{
	struct task *task = current_task();
	long ret = syscall_run(regs);

	regs->rax = (u64)ret;
	/* Signals first look at what became of the call. */
	if (is_restart_code(ret) || task->is_mask_saved ||
	    thread_interrupted(task->thread))
		signal_deliver(regs, regs->orig_rax != USER_NO_SYSCALL);
}

/* ---- faults ------------------------------------------------------------ */

/* What the code that the CPU pushes says of the access. */
static u32 access_of(u32 error_code)
{
	if (error_code & PF_WRITE)
		return FAULT_WRITE;
	return error_code & PF_INSTR ? FAULT_EXEC : FAULT_READ;
}

static int on_page_fault(u64 vaddr, u32 error_code, struct user_regs *regs)
{
	struct aspace_fault_info info;
	struct task *task = current_task();
	int err;

	if (unlikely(!task || task->has_left_memory || !task->process->aspace))
		return -EFAULT;
	/* A uaccess function's trap is not the entry into the kernel. */
	info.trapped = error_code & PF_USER ? task->thread->entered : 0;
	info.stream = &task->prefetch;
	err = aspace_fault(task->process->aspace, vaddr, access_of(error_code),
			   &info);
	if (likely(!err)) {
		if (info.is_major)
			task->nr_major_faults++;
		else
			task->nr_minor_faults++;
	} else if (regs) {
		sigframe_note_fault(VECTOR_PF, error_code, vaddr);
		signal_force(info.signo, info.si_code, vaddr);
	} else {
		task->uaccess_signo = info.signo;
	}
	return err;
}

/* The legacy area of XSAVE: x87 control and status words, and MXCSR. */
struct fpu_status {
	u16 control, status;
	u8 unused[20];
	u32 mxcsr;
};

static s32 fpu_exception_code(u32 vector)
{
	void *area = kmalloc(ALIGN_UP(user_fpu_bytes(), 1024));
	const struct fpu_status *fpu = area;
	s32 code = FPE_FLTINV;

	if (!area)
		return code;
	user_fpu_read(area);
	if (vector == VECTOR_MF)
		code = exception_fpe_code(fpu->status & ~fpu->control);
	else
		code = exception_fpe_code(fpu->mxcsr & ~(fpu->mxcsr >> 7));
	kfree(area);
	return code;
}

static void on_user_exception(u32 vector, u64 error, struct user_regs *regs)
{
	struct exception_signal sig = exception_signal(vector);

	if (vector == VECTOR_MF || vector == VECTOR_XM)
		sig.code = fpu_exception_code(vector);
	sigframe_note_fault(vector, error, 0);
	signal_force(sig.signo, sig.code, sig.has_vaddr ? regs->rip : 0);
}

/* ---- the way back ------------------------------------------------------ */

static void on_return_to_user(struct user_regs *regs)
{
	struct task *task = current_task();
	bool is_syscall = regs->orig_rax != USER_NO_SYSCALL;

	if (task->initial_run) {
		run_initial_exec(task->initial_run, regs);
		task->initial_run = NULL;
	}
	if (task->set_child_tid) {
		(void)!put_user_u32(task->set_child_tid, task->tid);
		task->set_child_tid = 0;
	}
	/* What became of a call has been settled in on_syscall().  Threads
	 * come by here after each switch: mostly there is nothing to do. */
	if (task->is_mask_saved || thread_interrupted(task->thread))
		signal_deliver(regs, false);
	rseq_return_to_user(regs, !is_syscall);
}

static void on_context_switch(struct thread *prev, struct thread *next)
{
	struct task *task = next->owner;

	/* A kernel thread goes on with whatever is loaded. */
	if (!task)
		return;
	aspace_activate(task->has_left_memory ? NULL : task->process->aspace);
	if (task->rseq_vaddr)
		fetch_or(&next->flags, THREAD_USER_WORK);
}

int process_start(void)
{
	user_hooks = (struct user_hooks){
		.syscall = on_syscall,
		.page_fault = on_page_fault,
		.user_exception = on_user_exception,
		.return_to_user = on_return_to_user,
		.context_switch = on_context_switch,
	};
	return strace_start();
}
