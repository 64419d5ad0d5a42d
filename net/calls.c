/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "calls.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/string.h>

int calls_begin(struct call_table *t, const struct rpc_op_info *info,
		struct rpc_args *args, void *waiter)
{
	for (u32 i = 0; i < CALL_SLOTS; i++) {
		struct call_slot *s = &t->slots[i];

		if (s->state != CALL_FREE)
			continue;
		s->state = CALL_WAITING;
		s->is_sending = true;
		s->status = 0;
		s->generation++;
		s->info = info;
		s->args = args;
		s->waiter = waiter;
		t->nr_busy++;
		return (int)i;
	}
	return -1;
}

u64 calls_xid(const struct call_table *t, u32 slot)
{
	ASSERT(slot < CALL_SLOTS);
	return t->slots[slot].generation << CALL_SLOT_BITS | slot;
}

static int store_reply(struct rpc_args *args, const struct rpc_op_info *info,
		       const struct frame *reply)
{
	if (reply->status)
		return reply->status;
	if (reply->tail_len &&
	    (!args->rep_tail || reply->tail_len > args->rep_tail_max))
		return -EMSGSIZE;
	if (info->rep_bytes && args->rep)
		memcpy(args->rep, reply->body, info->rep_bytes);
	if (reply->tail_len)
		memcpy(args->rep_tail, reply->tail, reply->tail_len);
	args->rep_tail_len = reply->tail_len;
	return 0;
}

void *calls_reply(struct call_table *t, const struct frame *reply)
{
	u64 slot = reply->xid & ((1u << CALL_SLOT_BITS) - 1);
	struct call_slot *s;

	if (slot >= CALL_SLOTS)
		return NULL;
	s = &t->slots[slot];
	if (s->state != CALL_WAITING ||
	    s->generation != reply->xid >> CALL_SLOT_BITS ||
	    s->info != reply->info)
		return NULL;
	s->status = store_reply(s->args, s->info, reply);
	s->state = CALL_DONE;
	return s->waiter;
}

void *calls_lose(struct call_table *t, u32 slot)
{
	struct call_slot *s = &t->slots[slot];

	ASSERT(slot < CALL_SLOTS);
	if (s->state != CALL_WAITING)
		return NULL;
	s->state = CALL_LOST;
	return s->waiter;
}

static bool slot_free(struct call_table *t, struct call_slot *s)
{
	s->state = CALL_FREE;
	t->nr_busy--;
	return true;
}

bool calls_sent(struct call_table *t, u32 slot)
{
	struct call_slot *s = &t->slots[slot];

	ASSERT(slot < CALL_SLOTS);
	s->is_sending = false;
	return s->state == CALL_DRAINING ? slot_free(t, s) : false;
}

bool calls_end(struct call_table *t, u32 slot)
{
	struct call_slot *s = &t->slots[slot];

	ASSERT(slot < CALL_SLOTS);
	ASSERT(s->state != CALL_FREE && s->state != CALL_DRAINING);
	s->args = NULL;
	s->waiter = NULL;
	if (!s->is_sending)
		return slot_free(t, s);
	s->state = CALL_DRAINING;
	return false;
}

bool calls_check(const struct call_table *t)
{
	u32 nr_busy = 0;

	for (u32 i = 0; i < CALL_SLOTS; i++) {
		const struct call_slot *s = &t->slots[i];

		if (s->state == CALL_FREE) {
			if (s->is_sending || s->args)
				return false;
			continue;
		}
		nr_busy++;
		if ((s->state == CALL_DRAINING) != !s->args)
			return false;
		if (s->state == CALL_DRAINING && !s->is_sending)
			return false;
	}
	return nr_busy == t->nr_busy;
}
