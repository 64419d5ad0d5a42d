/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/poll.h>

#include <kernel/assert.h>

void poll_head_init(struct poll_head *head, enum lock_rank rank)
{
	spin_lock_init(&head->lock, "poll head", rank);
	list_init(&head->waiters);
	waitq_init(&head->waitq);
}

void poll_wake(struct poll_head *head, u32 events)
{
	struct poll_waiter *w, *next;
	u64 flags;

	waitq_wake_all(&head->waitq);
	if (list_empty(&head->waiters))
		return;
	flags = spin_lock_irqsave(&head->lock);
	list_for_each_entry_safe (w, next, &head->waiters, node)
		w->wake(w, events);
	spin_unlock_irqrestore(&head->lock, flags);
}

void poll_waiter_add(struct poll_waiter *waiter, struct poll_head *head)
{
	u64 flags = spin_lock_irqsave(&head->lock);

	waiter->head = head;
	list_add_tail(&waiter->node, &head->waiters);
	spin_unlock_irqrestore(&head->lock, flags);
}

void poll_waiter_del(struct poll_waiter *waiter)
{
	struct poll_head *head = waiter->head;
	u64 flags;

	if (!head)
		return;
	flags = spin_lock_irqsave(&head->lock);
	list_del_init(&waiter->node);
	spin_unlock_irqrestore(&head->lock, flags);
	waiter->head = NULL;
}
