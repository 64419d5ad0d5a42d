/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "calls.h"

#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>

static struct call_table table;

static struct frame reply_to(u64 xid, u32 op, int status,
			     const struct rpc_m_fork_reply *body)
{
	return (struct frame){.kind = RPC_KIND_REPLY,
			      .info = rpc_op_find(op),
			      .xid = xid,
			      .status = status,
			      .body = body};
}

static int begin_fork(struct rpc_args *args, void *waiter)
{
	return calls_begin(&table, rpc_op_find(RPC_m_fork), args, waiter);
}

KTEST(a_reply_wakes_its_caller_and_fills_his_buffer)
{
	struct rpc_m_fork_reply got = {0}, body = {.child_asid = le32_make(9)};
	struct rpc_args args = {.rep = &got};
	int me;
	struct frame f;
	int slot;

	memset(&table, 0, sizeof(table));
	slot = begin_fork(&args, &me);
	EXPECT_TRUE(slot >= 0);
	f = reply_to(calls_xid(&table, (u32)slot), RPC_m_fork, 0, &body);
	EXPECT_TRUE(calls_reply(&table, &f) == &me);
	EXPECT_EQ(le32_get(got.child_asid), 9);
	EXPECT_TRUE(calls_reply(&table, &f) == NULL); /* only once */
	EXPECT_TRUE(!calls_end(&table, (u32)slot));   /* SEND is under way */
	EXPECT_TRUE(calls_sent(&table, (u32)slot));
	EXPECT_EQ(table.nr_busy, 0);
	EXPECT_TRUE(calls_check(&table));
}

KTEST(r24_a_reply_after_the_caller_left_writes_nothing)
{
	struct rpc_m_fork_reply got = {.child_asid = le32_make(1)};
	struct rpc_m_fork_reply body = {.child_asid = le32_make(9)};
	struct rpc_args args = {.rep = &got};
	int first, second;
	struct frame late;

	memset(&table, 0, sizeof(table));
	first = begin_fork(&args, &got);
	late = reply_to(calls_xid(&table, (u32)first), RPC_m_fork, 0, &body);
	calls_sent(&table, (u32)first);
	EXPECT_TRUE(calls_end(&table, (u32)first)); /* timed out */
	EXPECT_TRUE(calls_reply(&table, &late) == NULL);
	/* The slot is taken again: the old xid still finds nobody. */
	second = begin_fork(&args, &got);
	EXPECT_EQ(second, first);
	EXPECT_TRUE(calls_reply(&table, &late) == NULL);
	EXPECT_EQ(le32_get(got.child_asid), 1);
	EXPECT_EQ(table.slots[second].state, CALL_WAITING);
}

KTEST(a_reply_to_another_message_is_dropped)
{
	struct rpc_m_fork_reply got, body = {0};
	struct rpc_args args = {.rep = &got};
	struct frame f;
	int slot;

	memset(&table, 0, sizeof(table));
	slot = begin_fork(&args, &got);
	f = reply_to(calls_xid(&table, (u32)slot), RPC_m_grant, 0, &body);
	EXPECT_TRUE(calls_reply(&table, &f) == NULL);
	f = reply_to(0xff, RPC_m_fork, 0, &body); /* no such slot */
	EXPECT_TRUE(calls_reply(&table, &f) == NULL);
}

KTEST(a_tail_longer_than_the_callers_room_is_an_error_not_an_overflow)
{
	u8 room[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	u8 tail[16] = {0};
	struct rpc_m_grant_reply rep, body = {0};
	struct rpc_args args = {
		.rep = &rep, .rep_tail = room, .rep_tail_max = 4};
	struct frame f = {.kind = RPC_KIND_REPLY,
			  .info = rpc_op_find(RPC_m_grant),
			  .body = &body,
			  .tail = tail,
			  .tail_len = 8};
	int slot;

	memset(&table, 0, sizeof(table));
	slot = calls_begin(&table, f.info, &args, room);
	f.xid = calls_xid(&table, (u32)slot);
	EXPECT_TRUE(calls_reply(&table, &f) == room);
	EXPECT_EQ(table.slots[slot].status, -EMSGSIZE);
	EXPECT_EQ(room[0], 1);
}

KTEST(slots_run_out_and_come_back)
{
	struct rpc_args args = {0};

	memset(&table, 0, sizeof(table));
	for (u32 i = 0; i < CALL_SLOTS; i++)
		EXPECT_TRUE(begin_fork(&args, &table) >= 0);
	EXPECT_EQ(begin_fork(&args, &table), -1);
	calls_sent(&table, 5);
	calls_lose(&table, 5);
	EXPECT_EQ(table.slots[5].state, CALL_LOST);
	EXPECT_TRUE(calls_end(&table, 5));
	EXPECT_EQ(begin_fork(&args, &table), 5);
	EXPECT_TRUE(calls_check(&table));
}

KTEST(random_lives_of_calls_keep_the_invariants)
{
	struct rpc_m_fork_reply got, body = {0};
	struct rpc_args args = {.rep = &got};
	struct rand r;

	rand_seed(&r, 42);
	memset(&table, 0, sizeof(table));
	for (u32 round = 0; round < 50000; round++) {
		u32 i = (u32)rand_below(&r, CALL_SLOTS);
		struct call_slot *s = &table.slots[i];
		struct frame f = reply_to(calls_xid(&table, i) -
						  (rand_below(&r, 4) ? 0 : 256),
					  RPC_m_fork, 0, &body);

		switch (rand_below(&r, 5)) {
		case 0:
			(void)begin_fork(&args, &table);
			break;
		case 1:
			(void)calls_reply(&table, &f);
			break;
		case 2:
			calls_lose(&table, i);
			break;
		case 3:
			if (s->is_sending)
				calls_sent(&table, i);
			break;
		case 4:
			if (s->state != CALL_FREE && s->state != CALL_DRAINING)
				calls_end(&table, i);
			break;
		}
		EXPECT_TRUE(calls_check(&table));
	}
}
