/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FUTEX_H
#define PROCESSOR_FUTEX_H

#include <lib/types.h>

#define FUTEX_WAIT        0u
#define FUTEX_WAKE        1u
#define FUTEX_REQUEUE     3u
#define FUTEX_CMP_REQUEUE 4u
#define FUTEX_WAKE_OP     5u
#define FUTEX_WAIT_BITSET 9u
#define FUTEX_WAKE_BITSET 10u

#define FUTEX_PRIVATE        128u
#define FUTEX_CLOCK_REALTIME 256u
#define FUTEX_CMD_MASK       (~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME))
#define FUTEX_BITSET_ANY     0xffffffffu

/* The word of a robust mutex. */
#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu

struct task;

/** futex_wake_word - wake up to @nr_max waiters at @vaddr of the current
 * address space.  Context: the task's thread; may sleep. */
void futex_wake_word(u64 vaddr, u32 nr_max);
/** futex_robust_exit - mark the robust mutexes that @task, the current one,
 * still holds.  Before its address space goes. */
void futex_robust_exit(struct task *task);

/**
 * futex_op_apply - the new value that FUTEX_WAKE_OP's @encoded makes of @old.
 *
 * Return: 0, -ENOSYS for an unknown operation.
 */
int __must_check futex_op_apply(u32 encoded, u32 old, u32 *new_value);
/** futex_op_compare - its comparison on the old value. */
bool futex_op_compare(u32 encoded, u32 old);

#endif /* PROCESSOR_FUTEX_H */
