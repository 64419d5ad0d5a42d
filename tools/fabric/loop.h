/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_LOOP_H
#define FABRIC_LOOP_H

/*
 * The event loop: descriptors, timers, and deferred work, in one thread.
 *
 * One turn handles what epoll reports (register accesses: a guest's CPU may
 * be waiting for the answer), then due timers, then the work that was queued
 * before the turn began (packets: nobody waits in the processor).  Work that
 * queues itself again runs in the next turn, so that a long transfer never
 * delays a register read by more than one of its portions.  With nothing to
 * do the process sleeps; it never polls.
 */
#include "types.h"

struct source {
	int fd;
	void (*ready)(struct source *source, u32 epoll_events);
};

struct timer {
	void (*fire)(struct timer *timer);
	u64 deadline_ns;
	struct timer *next; /* in order of deadline */
	bool is_armed;
};

struct work {
	void (*run)(struct work *work);
	struct work *next;
	bool is_queued;
};

/**
 * loop_open - create the loop; loop_close() ends it.
 *
 * Return: 0, or -errno.
 */
int loop_open(void);
void loop_close(void);

u64 loop_now_ns(void);

/**
 * loop_add - call @source->ready when @source->fd has @epoll_events.
 *
 * Return: 0, or -errno.
 */
int loop_add(struct source *source, u32 epoll_events);

/**
 * loop_accept - accept a connection at @listener; non-blocking, close-on-exec.
 *
 * Without a free descriptor the client is hung up on: one that waits would
 * keep the loop turning.
 *
 * Return: its descriptor, or -errno.
 */
int loop_accept(struct source *listener);
void loop_modify(struct source *source, u32 epoll_events);

/* Forget @source; may be called from its own or another's ready(). */
void loop_remove(struct source *source);

void timer_arm(struct timer *timer, u64 delay_ns);
void timer_cancel(struct timer *timer);

void work_queue(struct work *work);
void work_cancel(struct work *work);

/**
 * loop_turn - handle what is ready, waiting at most @timeout_ms (-1: until
 * something happens).
 *
 * Return: the number of things handled.
 */
int loop_turn(int timeout_ms);

#endif /* FABRIC_LOOP_H */
