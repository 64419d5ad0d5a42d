/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FUTEX_H
#define PROCESSOR_FUTEX_H

#include <lib/list.h>
#include <lib/string.h>
#include <lib/types.h>
#include <managers/processor/proc/resources.h>

#define FUTEX_WAIT        0u
#define FUTEX_WAKE        1u
#define FUTEX_REQUEUE     3u
#define FUTEX_CMP_REQUEUE 4u
#define FUTEX_WAKE_OP     5u
#define FUTEX_LOCK_PI     6u
#define FUTEX_UNLOCK_PI   7u
#define FUTEX_TRYLOCK_PI  8u
#define FUTEX_WAIT_BITSET 9u
#define FUTEX_WAKE_BITSET 10u
#define FUTEX_LOCK_PI2    13u

#define FUTEX_PRIVATE        128u
#define FUTEX_CLOCK_REALTIME 256u
#define FUTEX_CMD_MASK       (~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME))
#define FUTEX_BITSET_ANY     0xffffffffu

/* The word of a robust mutex, or of one with an owner (futex_pi.c). */
#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu

struct pi_futex;
struct task;

/* Of each task: the mutexes that the kernel knows it to own. [pi_lock] */
struct futex_pi {
	struct list_head owned;     /* struct pi_futex */
	struct pi_futex *waits_for; /* NULL: for none */
	enum {
		PI_ALIVE,
		PI_LEAVING, /* it is giving up what it owns */
		PI_LEFT,    /* and will own no more */
	} state;
};

/** futex_key_get - what the word at @vaddr is known by; a private one by its
 * address alone.  Return: 0, -EINVAL (not aligned), -EFAULT. */
int __must_check futex_key_get(u64 vaddr, bool is_private,
			       struct futex_key *key);
u64 futex_key_hash(const struct futex_key *key);
/** futex_key_equal - do both name the same word? */
static inline bool futex_key_equal(const struct futex_key *a,
				   const struct futex_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/** futex_lock_pi - own the word, when its owner lets go of it, or before
 * @deadline_ns, or at once or not at all (@is_try).  May sleep.
 *
 * Return: 0, -EAGAIN (@is_try), -EDEADLK, -EFAULT, -EINVAL, -ENOMEM,
 *         -ERESTARTNOINTR, -ESRCH (it has an owner that is no task),
 *         -ETIMEDOUT.
 */
long futex_lock_pi(u64 vaddr, bool is_private, bool is_try, u64 deadline_ns);
/** futex_unlock_pi - it belongs to the next one who waits, or to nobody.
 * Return: 0, -EFAULT, -EINVAL, -EPERM (it is not the current task's). */
long futex_unlock_pi(u64 vaddr, bool is_private);
/** futex_pi_start - @pi's task begins to run a program. */
void futex_pi_start(struct futex_pi *pi);
/** futex_pi_leave - @task, the current one, leaves its program: nobody lines
 * up behind it any more... */
void futex_pi_leave(struct task *task);
/** futex_pi_left - ...and now it gives what it owns to those who wait. */
void futex_pi_left(struct task *task);

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
