/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_SYSCALL_DISPATCH_H
#define PROCESSOR_SYSCALL_DISPATCH_H

struct user_regs;

/**
 * syscall_run - run the system call that @regs ask for.
 *
 * Context: the task's thread, interrupts on; may sleep.
 * Return: its result, perhaps one of the restart codes of proc/signal.h.
 */
long syscall_run(struct user_regs *regs);

#endif /* PROCESSOR_SYSCALL_DISPATCH_H */
