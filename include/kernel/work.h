/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_WORK_H
#define KERNEL_WORK_H
/*
 * Work to be done soon in thread context, by one of a few workers, on any
 * CPU.  An item may sleep, but whoever waits for the network for long makes
 * his own thread: the workers are shared.
 */
#include <lib/list.h>

struct work {
	void (*fn)(struct work *);
	struct list_head link; /* [the queue's lock] */
	bool is_queued;        /* [the queue's lock] */
};

static inline void work_init(struct work *w, void (*fn)(struct work *))
{
	w->fn = fn;
	list_init(&w->link);
	w->is_queued = false;
}

/**
 * work_queue - have @w->fn(@w) called once.
 *
 * Context: any. @w may be queued again, or freed, as soon as fn has begun.
 * Return: false if it was already queued and not begun.
 */
bool work_queue(struct work *w);

/** work_flush - sleep until no item is queued or running.  Not from an item. */
void work_flush(void);

#endif
