/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frame.h"

#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>

#define SESSION 0x1122334455667788ul

static u8 buf[RPC_FRAME_MAX] __aligned(8);

/* A good m_fault request with two bulk segments. */
static u32 make_request(void)
{
	static const struct bulk_seg segs[2] = {
		{.paddr = 0x1000, .len_bytes = 4096},
		{.paddr = 0x9000, .len_bytes = 100},
	};
	struct rpc_bulk bulk = {.segs = segs, .nr_segs = 2};
	struct rpc_m_fault req = {.asid = le32_make(7),
				  .vaddr = le64_make(0x7000)};
	struct rpc_args args = {.req = &req, .bulk = &bulk};

	return frame_encode_request(buf, rpc_op_find(RPC_m_fault), 0x4201,
				    SESSION, &args, 0xabc, 5000);
}

static enum frame_error decode(u32 len, struct frame *f)
{
	return frame_decode(buf, len, SESSION, ROLE_MEMORY, f);
}

KTEST(a_request_arrives_as_it_was_sent)
{
	u32 len = make_request();
	struct frame f;

	EXPECT_EQ(decode(len, &f), FRAME_OK);
	EXPECT_EQ(f.kind, RPC_KIND_REQUEST);
	EXPECT_TRUE(f.info == rpc_op_find(RPC_m_fault));
	EXPECT_EQ(f.xid, 0x4201);
	EXPECT_EQ(f.budget_ms, 5000);
	EXPECT_EQ(f.nr_segs, 2);
	EXPECT_EQ(f.bulk_bytes, 4196);
	EXPECT_EQ(f.bulk_rkey, 0xabc);
	EXPECT_EQ(le64_get(f.segs[1].iova), 0x9000);
	EXPECT_EQ(le64_get(((const struct rpc_m_fault *)f.body)->vaddr),
		  0x7000);
	EXPECT_EQ(f.tail_len, 0);
}

KTEST(a_reply_arrives_as_it_was_sent_and_without_body_on_error)
{
	struct rpc_m_grant_reply rep = {.nr_frames = le32_make(2)};
	u64 pfns[2] = {5, 6};
	struct frame f;
	u32 len;

	len = frame_encode_reply(buf, RPC_m_grant, 9, SESSION, 0, &rep,
				 sizeof(rep), pfns, sizeof(pfns));
	EXPECT_EQ(decode(len, &f), FRAME_OK);
	EXPECT_EQ(f.status, 0);
	EXPECT_EQ(f.tail_len, sizeof(pfns));
	EXPECT_EQ(memcmp(f.tail, pfns, sizeof(pfns)), 0);
	len = frame_encode_reply(buf, RPC_m_grant, 9, SESSION, -ENOMEM, &rep,
				 sizeof(rep), pfns, sizeof(pfns));
	EXPECT_EQ(len, sizeof(struct wire_frame));
	EXPECT_EQ(decode(len, &f), FRAME_OK);
	EXPECT_EQ(f.status, -ENOMEM);
}

KTEST(r25_every_wrong_length_is_refused)
{
	u32 good = make_request();
	struct frame f;

	for (u32 len = 0; len <= good + 64; len++)
		if (len != good)
			EXPECT_TRUE(decode(len, &f) != FRAME_OK);
	EXPECT_EQ(decode(RPC_FRAME_MAX + 1, &f), FRAME_BAD_LENGTH);
}

KTEST(r25_a_message_of_another_role_or_an_unknown_one_is_answerable)
{
	u32 len = make_request();
	struct wire_frame *h = (struct wire_frame *)buf;
	struct frame f;

	EXPECT_EQ(frame_decode(buf, len, SESSION, ROLE_STORAGE, &f),
		  FRAME_BAD_ROLE);
	EXPECT_TRUE(f.is_answerable);
	EXPECT_EQ(f.xid, 0x4201);
	h->op = le32_make(0xdead);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_OP);
	EXPECT_TRUE(f.is_answerable);
	EXPECT_EQ(frame_error_errno(FRAME_BAD_OP), -ENOSYS);
}

KTEST(echo_is_served_by_every_role)
{
	struct rpc_n_echo req = {.seed = le64_make(1)};
	struct rpc_args args = {.req = &req};
	u32 len = frame_encode_request(buf, rpc_op_find(RPC_n_echo), 1, SESSION,
				       &args, 0, 1);
	struct frame f;

	for (u32 role = ROLE_PROCESSOR; role <= ROLE_STORAGE; role++)
		EXPECT_EQ(frame_decode(buf, len, SESSION, role, &f), FRAME_OK);
	EXPECT_EQ(frame_decode(buf, len, SESSION, ROLE_NONE, &f),
		  FRAME_BAD_ROLE);
}

KTEST(r25_bodies_tails_and_segments_outside_the_list_are_refused)
{
	u32 len = make_request();
	struct wire_frame *h = (struct wire_frame *)buf;
	struct wire_seg *seg = (struct wire_seg *)(h + 1);
	struct frame f;

	h->body_len = le32_make(le32_get(h->body_len) - 8);
	h->tail_len = le32_make(8);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_BODY);
	make_request();
	h->tail_len = le32_make(8);
	EXPECT_EQ(decode(len + 8, &f), FRAME_BAD_TAIL);
	make_request();
	seg[0].len_bytes = le32_make(0);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_BULK);
	make_request();
	seg[1].iova = le64_make(~0ul - 10);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_BULK);
	make_request();
	h->nr_segs = le32_make(0x10000002);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_BULK);
	make_request();
	h->body_len = le32_make(0xfffffff0);
	h->tail_len = le32_make(0x20);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_LENGTH);
}

KTEST(frames_of_another_session_version_or_magic_are_refused)
{
	u32 len = make_request();
	struct wire_frame *h = (struct wire_frame *)buf;
	struct frame f;

	EXPECT_EQ(frame_decode(buf, len, SESSION + 1, ROLE_MEMORY, &f),
		  FRAME_BAD_SESSION);
	EXPECT_TRUE(!f.is_answerable);
	h->version = le32_make(RPC_VERSION + 1);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_VERSION);
	h->magic = le32_make(0);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_MAGIC);
}

KTEST(a_positive_status_or_a_reply_with_segments_is_refused)
{
	struct rpc_m_fork_reply rep = {0};
	struct wire_frame *h = (struct wire_frame *)buf;
	struct frame f;
	u32 len = frame_encode_reply(buf, RPC_m_fork, 1, SESSION, 0, &rep,
				     sizeof(rep), NULL, 0);

	h->status = le32_make(5);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_STATUS);
	h->status = le32_make((u32)-5000);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_STATUS);
	h->status = le32_make((u32)-EIO);
	EXPECT_EQ(decode(len, &f), FRAME_BAD_BODY);
}

/* Whatever is accepted describes bytes inside the buffer. */
static void check_inside(const struct frame *f, u32 len)
{
	const u8 *end = buf + len;

	if (f->kind == RPC_KIND_BEAT)
		return;
	EXPECT_TRUE((const u8 *)(f->segs + f->nr_segs) <= end);
	EXPECT_TRUE((const u8 *)f->tail + f->tail_len == end);
	EXPECT_TRUE((const u8 *)f->body <= (const u8 *)f->tail);
}

KTEST(mangled_frames_never_reach_outside_their_buffer)
{
	struct rand r;
	struct frame f;

	rand_seed(&r, 1);
	for (u32 round = 0; round < 20000; round++) {
		u32 len = make_request();

		for (u32 i = 0; i <= rand_below(&r, 4); i++)
			buf[rand_below(&r, len)] = (u8)rand_u64(&r);
		if (!rand_below(&r, 3))
			len = (u32)rand_below(&r, len + 1);
		if (!decode(len, &f))
			check_inside(&f, len);
	}
}
