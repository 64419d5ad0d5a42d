/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_CALLS_H
#define NET_CALLS_H

/*
 * The calls in flight on one channel.
 *
 *	       calls_begin()           calls_reply()
 *	  FREE -------------> WAITING ---------------> DONE
 *	   ^ ^                   |  calls_lose()         |
 *	   | |                   +--------------> LOST   |
 *	   | |                   | (deadline)       |    |
 *	   | |   calls_end()     v                  v    v
 *	   | +-------------------+------------------+----+
 *	   |                     | if its SEND has not completed yet
 *	   +----- DRAINING <-----+
 *	calls_sent()
 *
 * An xid is the slot's number and its generation, which calls_begin()
 * advances: a reply that comes after its caller left finds another
 * generation, or a slot that is not WAITING, and is dropped before a byte of
 * it is stored.  calls_reply() stores into the caller's buffers; the table's
 * lock, which is the channel's, makes that and calls_end() exclusive.
 * The number of slots is the limit of requests in flight: the peer posts
 * receives for all of them.
 *
 * Pure code.  All functions: Context: the channel's lock is held.
 */
#include "frame.h"

#define CALL_SLOTS     32u
#define CALL_SLOT_BITS 8u

enum call_state {
	CALL_FREE,
	CALL_WAITING,
	CALL_DONE,
	CALL_LOST,
	CALL_DRAINING,
};

struct call_slot {
	enum call_state state;
	bool is_sending; /* the request's SEND has not completed */
	int status;      /* DONE: of the reply */
	u64 generation;
	const struct rpc_op_info *info;
	struct rpc_args *args; /* where the reply goes */
	void *waiter;          /* whom to wake; opaque here */
	u64 since_ns;          /* for messages; set by the caller */
};

struct call_table {
	struct call_slot slots[CALL_SLOTS];
	u32 nr_busy;
};

/** calls_begin - take a slot: its number, or -1 if all are busy. */
int calls_begin(struct call_table *t, const struct rpc_op_info *info,
		struct rpc_args *args, void *waiter);
u64 calls_xid(const struct call_table *t, u32 slot);

/**
 * calls_reply - deliver a checked reply.
 *
 * A reply tail longer than the caller's room ends the call with -EMSGSIZE.
 * Return: the waiter to wake; NULL if nobody waits for this xid any more, or
 *         he waits for the reply of another message.
 */
void *calls_reply(struct call_table *t, const struct frame *reply);

/** calls_lose - the channel is gone: WAITING becomes LOST; its waiter. */
void *calls_lose(struct call_table *t, u32 slot);

/** calls_sent - the SEND of @slot completed. True if the slot became free. */
bool calls_sent(struct call_table *t, u32 slot);

/** calls_end - the caller leaves. True if the slot became free. */
bool calls_end(struct call_table *t, u32 slot);

/** calls_check - do the invariants hold?  For assertions and tests. */
bool calls_check(const struct call_table *t);

#endif
