/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_SETUP_H
#define ARCH_X86_SETUP_H
/* The steps of starting the machine, in order, for init/main.c. */
#include <lib/types.h>

struct thread;

/** arch_init_early - per-CPU data, descriptors, time. */
void arch_init_early(void);
/** arch_read_boot_info - memory map and command line. */
void arch_read_boot_info(u32 magic, u32 info_paddr);
const char *arch_boot_cmdline(void);
paddr_t arch_boot_rsdp(void);
/** arch_init_interrupts - APICs, clock, system calls, FPU. */
void arch_init_interrupts(void);

/** syscall_init_cpu - point SYSCALL at us, on each CPU. */
void syscall_init_cpu(void);

/** thread_arch_init - make @t's stack so that its first switch runs it. */
void thread_arch_init(struct thread *t);
/** thread_arch_switch - everything about a switch but the run queue. */
void thread_arch_switch(struct thread *prev, struct thread *next);
/** thread_arch_frame - where @t left its CPU, and the frame there.
 * Return: false if that is not known. */
bool thread_arch_frame(const struct thread *t, u64 *rip, u64 *rbp);

#endif
