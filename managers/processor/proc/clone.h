/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_CLONE_H
#define PROCESSOR_CLONE_H

#include <lib/types.h>

#define CSIGNAL              0x000000ffull
#define CLONE_VM             0x00000100ull
#define CLONE_FS             0x00000200ull
#define CLONE_FILES          0x00000400ull
#define CLONE_SIGHAND        0x00000800ull
#define CLONE_PIDFD          0x00001000ull
#define CLONE_PTRACE         0x00002000ull
#define CLONE_VFORK          0x00004000ull
#define CLONE_PARENT         0x00008000ull
#define CLONE_THREAD         0x00010000ull
#define CLONE_SYSVSEM        0x00040000ull
#define CLONE_SETTLS         0x00080000ull
#define CLONE_PARENT_SETTID  0x00100000ull
#define CLONE_CHILD_CLEARTID 0x00200000ull
#define CLONE_DETACHED       0x00400000ull
#define CLONE_UNTRACED       0x00800000ull
#define CLONE_CHILD_SETTID   0x01000000ull
#define CLONE_IO             0x80000000ull
#define CLONE_CLEAR_SIGHAND  0x100000000ull

/* What we do, or what asks for nothing (SYSVSEM, IO, DETACHED, UNTRACED). */
#define CLONE_KNOWN                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | \
	 CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |      \
	 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED |     \
	 CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO | CLONE_CLEAR_SIGHAND)

/* struct clone_args of clone3(2). */
struct clone_args {
	u64 flags;
	u64 pidfd;
	u64 child_tid;
	u64 parent_tid;
	u64 exit_signal;
	u64 stack;
	u64 stack_bytes;
	u64 tls;
	u64 set_tid;
	u64 set_tid_size;
	u64 cgroup;
};
#define CLONE_ARGS_BYTES_VER0 64u
#define CLONE_ARGS_BYTES_VER2 88u
_Static_assert(sizeof(struct clone_args) == CLONE_ARGS_BYTES_VER2,
	       "struct clone_args");

/**
 * clone_check - may a child be made as @args says?
 *
 * Return: 0; -EINVAL for what clone(2) forbids and for what we do not do;
 * -EPERM for thread storage outside user memory.
 */
int __must_check clone_check(const struct clone_args *args);

#endif /* PROCESSOR_CLONE_H */
