/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_USER_H
#define ARCH_X86_USER_H
/*
 * The state of a thread in user mode: registers, FPU, FS and GS bases.
 */
#include <lib/types.h>

struct thread;

/*
 * On the kernel stack, as the entry code pushes it, and in the order of
 * Linux' struct user_regs_struct up to ss (core files and ptrace use it).
 */
struct user_regs {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 orig_rax; /* system call number; ~0 if entered otherwise */
	u64 rip, cs, rflags, rsp, ss;
};

#define USER_CS 0x33u
#define USER_DS 0x2bu

/* Flags a program may choose; the rest is set by user_regs_sanitize(). */
#define USER_RFLAGS_MASK 0x244dd5ul /* CF PF AF ZF SF TF DF OF NT AC ID */

/** current_user_regs - of the calling user thread, as saved at its entry. */
struct user_regs *current_user_regs(void);

/**
 * user_regs_init - registers of a program that starts at @rip with @rsp.
 */
void user_regs_init(struct user_regs *regs, u64 rip, u64 rsp);

/**
 * user_regs_sanitize - make @regs, which came from a program (sigreturn),
 * safe to load: user segments, allowed flags, canonical rip.
 */
void user_regs_sanitize(struct user_regs *regs);

/* Where the frame of a fault stopped being a system call. */
#define USER_NO_SYSCALL (~0ul)

/*
 * FPU state: what XSAVE writes, standard format, components of
 * user_fpu_features().  64-byte aligned.
 */
struct user_fpu;

/** fpu_alloc - a fresh state, NULL without memory; for kernel/thread.c. */
struct user_fpu *fpu_alloc(void);
void fpu_free(struct user_fpu *fpu);

/** user_fpu_bytes - size of the XSAVE area; 512 without XSAVE. */
u32 user_fpu_bytes(void);
/** user_fpu_features - XCR0; 0 without XSAVE. */
u64 user_fpu_features(void);

/**
 * user_fpu_read - the calling thread's live FPU state into @area
 * (user_fpu_bytes(), 64-byte aligned kernel memory).
 */
void user_fpu_read(void *area);
/**
 * user_fpu_write - load @area, which came from a program, as the calling
 * thread's FPU state.
 *
 * @area is checked and its reserved parts are cleared in place.
 * Return: 0, or -EINVAL if it is no valid state.
 */
int __must_check user_fpu_write(void *area, u32 bytes);
/** user_fpu_reset - the calling thread's FPU as at program start. */
void user_fpu_reset(void);

/**
 * user_state_copy - give the new thread @t the caller's FPU state and FS and
 * GS bases (fork, clone).
 */
void user_state_copy(struct thread *t);

/**
 * user_fs_base_set, user_gs_base_set - of the calling thread, at once.
 *
 * @base: a user address; the caller has refused others.
 */
void user_fs_base_set(u64 base);
void user_gs_base_set(u64 base);
u64 user_fs_base(void);
u64 user_gs_base(void);

#endif
