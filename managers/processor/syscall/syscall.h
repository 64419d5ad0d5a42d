/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_SYSCALL_H
#define PROCESSOR_SYSCALL_H

/*
 * The Linux system calls of x86-64.
 *
 * syscall_list.def is the list; each call is a function long sys_NAME() with
 * as many u64 as the list says.  It returns what the program shall see in rax:
 * a value or -errno (see proc/signal.h for calls that a signal interrupts).
 * Arguments are as the program gave them: narrow them (an int is the low half
 * of its register) and check them first.
 */
#include <lib/types.h>

#define SYSCALL_ARGS_0 void
#define SYSCALL_ARGS_1 u64 a0
#define SYSCALL_ARGS_2 u64 a0, u64 a1
#define SYSCALL_ARGS_3 u64 a0, u64 a1, u64 a2
#define SYSCALL_ARGS_4 u64 a0, u64 a1, u64 a2, u64 a3
#define SYSCALL_ARGS_5 u64 a0, u64 a1, u64 a2, u64 a3, u64 a4
#define SYSCALL_ARGS_6 u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5

#define SYSCALL(nr, name, nr_args, ...) long sys_##name(SYSCALL_ARGS_##nr_args);
#include <managers/processor/syscall/syscall_list.def>
#undef SYSCALL

/** syscall_name - "read" for 0; "?" for a number that is not in the list. */
const char *syscall_name(u64 nr);

#endif /* PROCESSOR_SYSCALL_H */
