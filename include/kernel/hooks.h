/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_HOOKS_H
#define KERNEL_HOOKS_H
/*
 * What the kernel calls when user mode wants something: the one table by
 * which traps reach the processor manager above.  Set once, before the first
 * user thread; NULL entries are allowed where noted.
 */
#include <lib/types.h>

struct thread;
struct user_regs;

/* Page-fault error code bits (Intel SDM vol. 3, 4.7). */
#define PF_PRESENT 0x01u
#define PF_WRITE   0x02u
#define PF_USER    0x04u
#define PF_RSVD    0x08u
#define PF_INSTR   0x10u

struct user_hooks {
	/*
	 * A system call: number in orig_rax, arguments in rdi rsi rdx r10 r8
	 * r9; the result goes to rax.  Interrupts on, may sleep.
	 */
	void (*syscall)(struct user_regs *regs);

	/*
	 * A fault at @vaddr.  @regs is the user's state if user mode faulted
	 * (PF_USER), NULL if kernel code did in a uaccess function.
	 * Interrupts on, may sleep.
	 * Return: 0 to retry the access.  -E...: in kernel mode the uaccess
	 * function returns -EFAULT; in user mode the hook has arranged a
	 * signal (or end of the thread) itself and the value is ignored.
	 */
	int (*page_fault)(u64 vaddr, u32 error_code, struct user_regs *regs);

	/*
	 * Another exception in user mode (vector 0, 1, 3, 4, 6, 13, 16, ...).
	 * @error is its error code or 0.  Interrupts on, may sleep.
	 */
	void (*user_exception)(u32 vector, u64 error, struct user_regs *regs);

	/*
	 * Before user mode is entered: when thread_interrupt() or
	 * thread_user_work() was called, and once at the start of a user
	 * thread.  Interrupts on, may sleep.  Not called in a loop.
	 */
	void (*return_to_user)(struct user_regs *regs);

	/*
	 * Inside the switch from @prev to @next: interrupts off, run queue
	 * lock held: only pt_activate() and the like.  A user thread's tables
	 * must be activated each time it is @next; for a kernel thread nothing
	 * has to be done (the CPU stays in the old tables lazily).  May be
	 * NULL.
	 */
	void (*context_switch)(struct thread *prev, struct thread *next);
};

extern struct user_hooks user_hooks;

#endif
