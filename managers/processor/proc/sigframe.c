/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entering a signal handler, and rt_sigreturn(2). */
#include "sigframe.h"

#include <arch/x86/cpu.h>
#include <arch/x86/user.h>
#include <kernel/log.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/slab.h>

#include "internal.h"
#include "sigset.h"

#define XFEATURES_LEGACY 3ull /* x87 and SSE */

void sigframe_note_fault(u32 trapno, u64 error, u64 cr2)
{
	struct task *task = current_task();

	task->fault_trapno = trapno;
	task->fault_error = error;
	task->fault_cr2 = cr2;
}

static u32 fpu_frame_bytes(void)
{
	return user_fpu_bytes() + (user_fpu_features() ? FP_MAGIC2_BYTES : 0);
}

/* A 64-byte aligned buffer for the XSAVE area and its trailer. */
static void *fpu_buffer_alloc(void)
{
	return kmalloc(ALIGN_UP(fpu_frame_bytes(), 1024));
}

static int push_fpu(u64 vaddr)
{
	u32 bytes = user_fpu_bytes(), magic2 = FP_XSTATE_MAGIC2;
	u8 *area = fpu_buffer_alloc();
	int err;

	if (!area)
		return -ENOMEM;
	memset(area, 0, bytes);
	user_fpu_read(area);
	if (user_fpu_features()) {
		struct fpx_sw_bytes sw = {
			.magic1 = FP_XSTATE_MAGIC1,
			.extended_bytes = bytes + FP_MAGIC2_BYTES,
			.xfeatures = user_fpu_features(),
			.xstate_bytes = bytes,
		};

		memcpy(area + FPX_SW_OFFSET, &sw, sizeof(sw));
		memcpy(area + bytes, &magic2, sizeof(magic2));
	}
	err = copy_to_user(vaddr, area, fpu_frame_bytes());
	kfree(area);
	return err;
}

/* A frame without MAGIC1 or MAGIC2 carries only the legacy part, as one that
 * an old program wrote. */
static bool has_extended_state(const u8 *legacy, u64 vaddr)
{
	struct fpx_sw_bytes sw;
	u32 magic2;

	if (!user_fpu_features())
		return false;
	memcpy(&sw, legacy + FPX_SW_OFFSET, sizeof(sw));
	return sw.magic1 == FP_XSTATE_MAGIC1 &&
	       sw.xstate_bytes == user_fpu_bytes() &&
	       sw.extended_bytes == sw.xstate_bytes + FP_MAGIC2_BYTES &&
	       !get_user_u32(vaddr + sw.xstate_bytes, &magic2) &&
	       magic2 == FP_XSTATE_MAGIC2;
}

/* @area holds only the legacy part: the rest is as at program start. */
static void complete_legacy(u8 *area)
{
	u64 present = XFEATURES_LEGACY;

	memset(area + FPX_LEGACY_BYTES, 0, user_fpu_bytes() - FPX_LEGACY_BYTES);
	if (user_fpu_features())
		memcpy(area + FPX_LEGACY_BYTES, &present, sizeof(present));
}

static int pop_fpu(u64 vaddr)
{
	u8 *area;
	int err;

	if (!vaddr) {
		user_fpu_reset();
		return 0;
	}
	area = fpu_buffer_alloc();
	if (!area)
		return -ENOMEM;
	err = copy_from_user(area, vaddr, FPX_LEGACY_BYTES);
	if (!err && has_extended_state(area, vaddr))
		err = copy_from_user(area, vaddr, user_fpu_bytes());
	else if (!err)
		complete_legacy(area);
	if (!err)
		err = user_fpu_write(area, user_fpu_bytes());
	kfree(area);
	return err;
}

static void save_regs(struct sigcontext *sc, const struct user_regs *regs)
{
	const struct task *task = current_task();

	sc->r8 = regs->r8;
	sc->r9 = regs->r9;
	sc->r10 = regs->r10;
	sc->r11 = regs->r11;
	sc->r12 = regs->r12;
	sc->r13 = regs->r13;
	sc->r14 = regs->r14;
	sc->r15 = regs->r15;
	sc->rdi = regs->rdi;
	sc->rsi = regs->rsi;
	sc->rbp = regs->rbp;
	sc->rbx = regs->rbx;
	sc->rdx = regs->rdx;
	sc->rax = regs->rax;
	sc->rcx = regs->rcx;
	sc->rsp = regs->rsp;
	sc->rip = regs->rip;
	sc->rflags = regs->rflags;
	sc->cs = (u16)regs->cs;
	sc->ss = (u16)regs->ss;
	sc->err = task->fault_error;
	sc->trapno = task->fault_trapno;
	sc->cr2 = task->fault_cr2;
}

static void load_regs(struct user_regs *regs, const struct sigcontext *sc)
{
	regs->r8 = sc->r8;
	regs->r9 = sc->r9;
	regs->r10 = sc->r10;
	regs->r11 = sc->r11;
	regs->r12 = sc->r12;
	regs->r13 = sc->r13;
	regs->r14 = sc->r14;
	regs->r15 = sc->r15;
	regs->rdi = sc->rdi;
	regs->rsi = sc->rsi;
	regs->rbp = sc->rbp;
	regs->rbx = sc->rbx;
	regs->rdx = sc->rdx;
	regs->rax = sc->rax;
	regs->rcx = sc->rcx;
	regs->rsp = sc->rsp;
	regs->rip = sc->rip;
	regs->rflags = sc->rflags;
	regs->orig_rax = ~0ull; /* never restarted as a system call */
	user_regs_sanitize(regs);
}

static bool is_on_altstack(const struct task *task, u64 sp)
{
	return !(task->altstack_flags & (SS_DISABLE | SS_AUTODISARM)) &&
	       sigstack_holds(task->altstack_vaddr, task->altstack_bytes, sp);
}

static void fill_stack(const struct task *task, u64 sp,
		       struct sigframe_stack *stack)
{
	u32 flags = task->altstack_flags & SS_AUTODISARM;

	if (task->altstack_flags & SS_DISABLE)
		flags = SS_DISABLE;
	else if (is_on_altstack(task, sp))
		flags |= SS_ONSTACK;
	stack->sp = task->altstack_vaddr;
	stack->bytes = task->altstack_bytes;
	stack->flags = (s32)flags;
}

/* The address below which the frame goes. */
static u64 frame_top(const struct task *task, const struct user_regs *regs,
		     const struct signal_action *action, bool *enters_altstack)
{
	*enters_altstack = (action->flags & SA_ONSTACK) &&
			   !(task->altstack_flags & SS_DISABLE) &&
			   !is_on_altstack(task, regs->rsp);
	if (*enters_altstack)
		return task->altstack_vaddr + task->altstack_bytes;
	return regs->rsp - RED_ZONE_BYTES;
}

int sigframe_push(struct user_regs *regs, u32 sig, const struct siginfo *info,
		  const struct signal_action *action, sigset64 mask)
{
	struct task *task = current_task();
	struct rt_sigframe frame = {0};
	struct sigframe_place place;
	bool enters_altstack;
	u64 top = frame_top(task, regs, action, &enters_altstack);

	if (!(action->flags & SA_RESTORER))
		return -EINVAL;
	if (!sigframe_place(top, fpu_frame_bytes(), &place))
		return -EFAULT;
	if (enters_altstack && place.frame_vaddr < task->altstack_vaddr)
		return -EFAULT; /* it would overflow into what lies below */
	frame.return_vaddr = action->restorer;
	frame.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	if (user_fpu_features())
		frame.uc.flags |= UC_FP_XSTATE;
	fill_stack(task, regs->rsp, &frame.uc.stack);
	frame.uc.sigmask = mask;
	frame.info = *info;
	save_regs(&frame.uc.mcontext, regs);
	frame.uc.mcontext.oldmask = mask;
	frame.uc.mcontext.fpstate = place.fpu_vaddr;
	if (push_fpu(place.fpu_vaddr) ||
	    copy_to_user(place.frame_vaddr, &frame, sizeof(frame)))
		return -EFAULT;
	if (task->altstack_flags & SS_AUTODISARM)
		task->altstack_flags = SS_DISABLE;
	regs->rdi = sig;
	regs->rsi = place.frame_vaddr + offsetof(struct rt_sigframe, info);
	regs->rdx = place.frame_vaddr + offsetof(struct rt_sigframe, uc);
	regs->rax = 0;
	regs->rsp = place.frame_vaddr;
	regs->rip = action->handler;
	regs->orig_rax = ~0ull;
	regs->rflags &= ~(RFLAGS_DF | RFLAGS_RF | RFLAGS_TF);
	user_regs_sanitize(regs);
	return 0;
}

static void restore_altstack(struct task *task,
			     const struct sigframe_stack *stack)
{
	u32 flags = (u32)stack->flags & ~SS_ONSTACK;

	if (flags & SS_DISABLE) {
		task->altstack_vaddr = 0;
		task->altstack_bytes = 0;
		task->altstack_flags = SS_DISABLE;
	} else if (!(flags & ~SS_AUTODISARM) && stack->bytes >= MINSIGSTKSZ) {
		task->altstack_vaddr = stack->sp;
		task->altstack_bytes = stack->bytes;
		task->altstack_flags = flags;
	}
}

/* The handler's `ret` popped return_vaddr, so the frame began 8 bytes below
 * rsp. */
long sys_rt_sigreturn(void)
{
	struct user_regs *regs = current_user_regs();
	struct rt_sigframe frame;

	signal_uaccess_begin();
	if (copy_from_user(&frame, regs->rsp - 8, sizeof(frame)) ||
	    pop_fpu(frame.uc.mcontext.fpstate)) {
		signal_force(signal_uaccess(), SI_KERNEL, 0);
		return 0;
	}
	load_regs(regs, &frame.uc.mcontext);
	restore_altstack(current_task(), &frame.uc.stack);
	signal_set_blocked(frame.uc.sigmask);
	return (long)regs->rax;
}

long sys_sigaltstack(u64 new_vaddr, u64 old_vaddr)
{
	struct task *task = current_task();
	u64 sp = current_user_regs()->rsp;
	struct sigframe_stack old = {0}, new;
	u32 mode;

	fill_stack(task, sp, &old);
	if (new_vaddr) {
		if (copy_from_user(&new, new_vaddr, sizeof(new)))
			return -EFAULT;
		if (is_on_altstack(task, sp))
			return -EPERM;
		mode = (u32) new.flags & ~SS_AUTODISARM;
		if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
			return -EINVAL;
		if (mode != SS_DISABLE && new.bytes < MINSIGSTKSZ)
			return -ENOMEM;
		new.flags &= ~(s32)SS_ONSTACK;
		restore_altstack(task, &new);
	}
	if (old_vaddr && copy_to_user(old_vaddr, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}
