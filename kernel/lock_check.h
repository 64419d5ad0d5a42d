/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_LOCK_CHECK_H
#define KERNEL_LOCK_CHECK_H

/* The rules of kernel/lock_order.h for one spinlock about to be taken. */
#include <kernel/lock_order.h>
#include <lib/types.h>

struct lock_context {
	const u32 *held; /* ranks of the locks this CPU holds */
	u32 nr_held;
	bool is_interrupt; /* in an interrupt handler */
	bool irqs_on;
	bool is_pair; /* the second of spin_lock_pair() */
	bool is_try;  /* does not wait, so order does not matter */
};

/**
 * lock_check - may a lock of @rank be taken in @context?
 *
 * @which: on a wrong order, set to the index in held[] of the other lock;
 *         else to nr_held.
 *
 * Return: NULL, or what is wrong.
 */
const char *lock_check(const struct lock_context *context, u32 rank,
		       u32 *which);

#endif
