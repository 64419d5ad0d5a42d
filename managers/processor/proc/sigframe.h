/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_SIGFRAME_H
#define PROCESSOR_SIGFRAME_H

/*
 * What a signal handler finds on its stack: Linux' x86-64 ABI (sigaction(2),
 * and glibc's <sys/ucontext.h>, which shows the same structures).
 *
 *	higher addresses
 *	  the interrupted program's stack
 *	  128 bytes that a leaf function may use below rsp ("red zone")
 *	  XSAVE area, 64-byte aligned, then FP_XSTATE_MAGIC2
 *	  struct rt_sigframe; rsp points here, 8 below a multiple of 16
 *	lower addresses
 */
#include <lib/types.h>
#include <managers/processor/proc/signal.h>

struct sigframe_stack {
	u64 sp;
	s32 flags; /* SS_* */
	u32 pad;
	u64 bytes;
};

#define SS_ONSTACK    1u
#define SS_DISABLE    2u
#define SS_AUTODISARM (1u << 31)
#define MINSIGSTKSZ   2048u

struct sigcontext {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	u64 fpstate; /* user address of the XSAVE area; 0: none */
	u64 reserved[8];
};
_Static_assert(sizeof(struct sigcontext) == 256, "sigcontext");

struct ucontext {
	u64 flags; /* UC_* */
	u64 link;
	struct sigframe_stack stack;
	struct sigcontext mcontext;
	sigset64 sigmask;
};
_Static_assert(sizeof(struct ucontext) == 304, "ucontext");

#define UC_FP_XSTATE         1u
#define UC_SIGCONTEXT_SS     2u
#define UC_STRICT_RESTORE_SS 4u

struct rt_sigframe {
	u64 return_vaddr; /* the handler returns to SA_RESTORER's code */
	struct ucontext uc;
	struct siginfo info;
};
_Static_assert(sizeof(struct rt_sigframe) == 440, "rt_sigframe");

/* Software-reserved bytes 464..511 of the legacy area. */
struct fpx_sw_bytes {
	u32 magic1;
	u32 extended_bytes; /* XSAVE area and MAGIC2 */
	u64 xfeatures;
	u32 xstate_bytes; /* XSAVE area */
	u32 padding[7];
};
_Static_assert(sizeof(struct fpx_sw_bytes) == 48, "fpx_sw_bytes");

#define FPX_SW_OFFSET    464u
#define FPX_LEGACY_BYTES 512u
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
#define FP_MAGIC2_BYTES  4u
#define RED_ZONE_BYTES   128u

/* Where the parts of a frame go. */
struct sigframe_place {
	u64 frame_vaddr;
	u64 fpu_vaddr;
};

/**
 * sigframe_place - lay out a frame below @sp.
 * @sp: first address above it: end of the alternative stack, or the program's
 *      stack pointer less the red zone
 * @fpu_bytes: XSAVE area with its trailer
 *
 * Return: false if that would wrap below address 0.
 */
bool sigframe_place(u64 sp, u32 fpu_bytes, struct sigframe_place *place);

/** sigstack_holds - does @sp lie in the alternative stack? */
static inline bool sigstack_holds(u64 stack_vaddr, u64 stack_bytes, u64 sp)
{
	return sp > stack_vaddr && sp - stack_vaddr <= stack_bytes;
}

struct signal_action;
struct user_regs;

/**
 * sigframe_push - make @regs enter the handler of @action, with a frame that
 * rt_sigreturn(2) undoes.
 * @mask: signal mask to return to
 *
 * Context: the task's own thread; writes user memory.
 * Return: 0, -EFAULT no room on the stack; -EINVAL no restorer.
 */
int __must_check sigframe_push(struct user_regs *regs, u32 sig,
			       const struct siginfo *info,
			       const struct signal_action *action,
			       sigset64 mask);
/** sigframe_note_fault - what the next frame says of the exception. */
void sigframe_note_fault(u32 trapno, u64 error, u64 cr2);

#endif /* PROCESSOR_SIGFRAME_H */
