/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_POLL_H
#define PROCESSOR_FS_POLL_H

/*
 * Waiting for several files at once.
 *
 * Each pollable object has a poll_head: threads blocked in read or write
 * sleep on its waitq, and poll(2), select(2) and epoll(7) hang poll_waiters
 * on it.  Whoever changes the object's readiness calls poll_wake().
 */
#include <kernel/lock_order.h>
#include <kernel/spinlock.h>
#include <kernel/wait.h>
#include <lib/list.h>
#include <lib/types.h>
#include <uapi/poll.h>

struct poll_head {
	struct spinlock lock;
	struct list_head waiters; /* struct poll_waiter [lock] */
	struct waitq waitq;
};

struct poll_waiter {
	struct list_head node;  /* [head->lock] */
	struct poll_head *head; /* NULL: on none */
	/* Called with head->lock held, IRQs off: must not sleep. */
	void (*wake)(struct poll_waiter *waiter, u32 events);
};

/* Given to file_ops.poll: it calls poll_wait() once for each of its heads. */
struct poll_table {
	void (*add)(struct poll_table *table, struct poll_head *head);
};

void poll_head_init(struct poll_head *head, enum lock_rank rank);

/** poll_wait - in file_ops.poll: tell @table (may be NULL) where to wait. */
static inline void poll_wait(struct poll_table *table, struct poll_head *head)
{
	if (table)
		table->add(table, head);
}

/**
 * poll_wake - @events may have become true: wake sleepers and pollers.
 *
 * Context: any, also IRQ.
 */
void poll_wake(struct poll_head *head, u32 events);

void poll_waiter_add(struct poll_waiter *waiter, struct poll_head *head);
void poll_waiter_del(struct poll_waiter *waiter);

#endif /* PROCESSOR_FS_POLL_H */
