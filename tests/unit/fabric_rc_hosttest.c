/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RC between two cards, and a card and itself: what works, and each error. */
#include "fabric_pair.h"
#include "tools/fabric/cmd.h"

#include <string.h>

static void send(struct pair *p, u32 bytes)
{
	test_post_send(&p->qp[0], SEND_SEND, 0, NULL, 0, p->buffer[0], bytes,
		       KEY_ALL);
}

KTEST(a_send_of_any_length_arrives)
{
	static const u32 lengths[] = {0,    1,    7,      8,           4095,
				      4096, 4097, 300000, BUFFER_BYTES};
	struct test_cqe cqe = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	for (u32 i = 0; i < ARRAY_LEN(lengths); i++) {
		test_fill(pair_at(&p, 0), lengths[i], i);
		memset(pair_at(&p, 1), 0xaa, BUFFER_BYTES);
		test_post_recv(&p.qp[1], p.buffer[1], BUFFER_BYTES, KEY_ALL);
		send(&p, lengths[i]);
		expect_cqe(&p.cq[0], true, 0);
		EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
		EXPECT_EQ(cqe.opcode, CQE_RECV_SEND);
		EXPECT_EQ(cqe.bytes, lengths[i]);
		EXPECT_EQ(cqe.qpn, QPN_B);
		EXPECT_EQ(cqe.wqe_index, i);
		EXPECT_TRUE(test_is_filled(pair_at(&p, 1), lengths[i], i));
		EXPECT_TRUE(lengths[i] == BUFFER_BYTES ||
			    pair_at(&p, 1)[lengths[i]] == 0xaa);
	}
	pair_stop(&p);
}

KTEST(immediate_data_arrives_with_a_send)
{
	struct test_cqe cqe = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	test_post_send(&p.qp[0], SEND_SEND_IMM, 0xdecade01, NULL, 0,
		       p.buffer[0], 64, KEY_ALL);
	EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
	EXPECT_EQ(cqe.opcode, CQE_RECV_SEND_IMM);
	EXPECT_EQ(cqe.immediate, 0xdecade01);
	pair_stop(&p);
}

KTEST(rdma_write_and_read_move_the_bytes)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_fill(pair_at(&p, 0), 70000, 3);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 70000,
		       p.buffer[1] + 5, KEY_ALL);
	expect_cqe(&p.cq[0], true, 0);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 1) + 5, 70000, 3));
	memset(pair_at(&p, 0), 0, 70000);
	test_post_rdma(&p.qp[0], SEND_RDMA_READ, p.buffer[0], 70000,
		       p.buffer[1] + 5, KEY_ALL);
	expect_cqe(&p.cq[0], true, 0);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 0), 70000, 3));
	expect_nothing(&p.cq[1]);
	pair_stop(&p);
}

KTEST(a_write_with_immediate_takes_a_receive)
{
	struct test_cqe cqe = {0};
	u8 head[16] = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	test_fill(pair_at(&p, 0), 1000, 9);
	test_post_recv(&p.qp[1], p.buffer[1], 4, KEY_ALL);
	put64(head, p.buffer[1] + 64);
	put32(head + 8, KEY_ALL);
	test_post_send(&p.qp[0], SEND_RDMA_WRITE_IMM, 77, head, 16, p.buffer[0],
		       1000, KEY_ALL);
	EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
	EXPECT_EQ(cqe.opcode, CQE_RECV_WRITE_IMM);
	EXPECT_EQ(cqe.immediate, 77);
	EXPECT_EQ(cqe.bytes, 1000);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 1) + 64, 1000, 9));
	pair_stop(&p);
}

static u64 do_atomic(struct pair *p, u8 opcode, u64 swap_add, u64 compare)
{
	u8 head[32] = {0};
	u64 result;

	put64(head, p->buffer[1] + 8);
	put32(head + 8, KEY_ALL);
	put64(head + 16, swap_add);
	put64(head + 24, compare);
	test_post_send(&p->qp[0], opcode, 0, head, 32, p->buffer[0], 8,
		       KEY_ALL);
	expect_cqe(&p->cq[0], true, 0);
	memcpy(&result, pair_at(p, 0), 8);
	return result;
}

KTEST(atomics_return_what_was_there)
{
	u64 value = 40;
	struct pair p;

	pair_start(&p, QP_RC);
	memcpy(pair_at(&p, 1) + 8, &value, 8);
	EXPECT_EQ(do_atomic(&p, SEND_ATOMIC_FA, 2, 0), 40);
	EXPECT_EQ(do_atomic(&p, SEND_ATOMIC_CS, 7, 41), 42);
	EXPECT_EQ(do_atomic(&p, SEND_ATOMIC_CS, 7, 42), 42);
	memcpy(&value, pair_at(&p, 1) + 8, 8);
	EXPECT_EQ(value, 7);
	pair_stop(&p);
}

KTEST(rings_wrap_and_count_their_entries)
{
	struct test_cqe cqe = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	for (u32 i = 0; i < 5 * RING_ENTRIES; i++) {
		test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
		pair_at(&p, 0)[0] = (u8)i;
		send(&p, 1);
		EXPECT_TRUE(test_cq_wait(&p.cq[0], &cqe));
		EXPECT_EQ(cqe.wqe_index, i);
		EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
		EXPECT_EQ(cqe.wqe_index, i);
		EXPECT_EQ(pair_at(&p, 1)[0], (u8)i);
	}
	pair_stop(&p);
}

KTEST(a_send_waits_for_a_receive_and_then_arrives)
{
	struct pair p;

	pair_start(&p, QP_RC);
	send(&p, 64);
	expect_nothing(&p.cq[0]);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	expect_cqe(&p.cq[0], true, 0);
	expect_cqe(&p.cq[1], false, 0);
	EXPECT_TRUE(test_fabric.cards[0].stats.rnr_naks > 0);
	pair_stop(&p);
}

KTEST(a_send_without_a_receive_ends_with_rnr_exceeded)
{
	struct pair p;

	pair_start(&p, QP_RC);
	send(&p, 64);
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RNR_EXCEEDED);
	expect_cqe(&p.cq[0], true, WC_FLUSHED);
	expect_nothing(&p.cq[1]);
	pair_stop(&p);
}

KTEST(a_receive_that_is_too_small_fails_both_ends)
{
	u8 eqe[32];
	struct pair p;

	pair_start(&p, QP_RC);
	while (machine_next_event(&p.m[1], eqe) >= 0)
		;
	test_post_recv(&p.qp[1], p.buffer[1], 63, KEY_ALL);
	send(&p, 64);
	expect_cqe(&p.cq[1], false, WC_LOCAL_LENGTH);
	expect_cqe(&p.cq[0], true, WC_REMOTE_INVALID);
	pair_stop(&p);
}

KTEST(a_wrong_remote_key_is_an_access_error_and_an_event)
{
	static const struct {
		u64 offset;
		u32 key;
	} wrong[] = {
		{0, KEY_ALL + 1},       /* one byte off */
		{0, (KEY_ALL + 0x100)}, /* no such region */
		{0, 0xffffff00},        /* not even an index */
		{1ull << 40, KEY_ALL},  /* no such memory */
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct pair p;
		u8 eqe[32];
		int type;

		pair_start(&p, QP_RC);
		test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
		test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 64,
			       p.buffer[1] + wrong[i].offset, wrong[i].key);
		expect_cqe(&p.cq[0], true, WC_REMOTE_ACCESS);
		expect_cqe(&p.cq[1], false, WC_FLUSHED);
		do
			type = machine_next_event(&p.m[1], eqe);
		while (type >= 0 && type != EVENT_WQ_ACCESS);
		EXPECT_EQ(type, EVENT_WQ_ACCESS);
		EXPECT_EQ(get32(eqe + 4), QPN_B);
		pair_stop(&p);
	}
}

KTEST(a_key_gives_no_more_than_its_rights)
{
	struct pair p;
	u8 *in;

	pair_start(&p, QP_RC);
	in = machine_at(&p.m[1], p.m[1].mailbox);
	memset(in, 0, 64);
	put32(in, 0xf0021f00); /* no remote write, no atomics */
	put32(in + 0x08, 0x101);
	put32(in + 0x0c, PD);
	put64(in + 0x10, p.buffer[1]);
	put64(in + 0x18, 64);
	EXPECT_EQ(machine_command(&p.m[1], 0x00d, 0, 0x101, p.m[1].mailbox, 0),
		  0);
	test_post_rdma(&p.qp[0], SEND_RDMA_READ, p.buffer[0], 64, p.buffer[1],
		       0x101 << 8);
	expect_cqe(&p.cq[0], true, 0);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 64, p.buffer[1],
		       0x101 << 8);
	expect_cqe(&p.cq[0], true, WC_REMOTE_ACCESS);
	pair_stop(&p);
}

KTEST(a_key_ends_where_its_region_ends)
{
	struct pair p;
	u8 *in;

	pair_start(&p, QP_RC);
	in = machine_at(&p.m[1], p.m[1].mailbox);
	memset(in, 0, 64);
	put32(in, 0xf0027f00);
	put32(in + 0x08, 0x101);
	put32(in + 0x0c, PD);
	put64(in + 0x10, p.buffer[1]);
	put64(in + 0x18, 64);
	EXPECT_EQ(machine_command(&p.m[1], 0x00d, 0, 0x101, p.m[1].mailbox, 0),
		  0);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 65, p.buffer[1],
		       0x101 << 8);
	expect_cqe(&p.cq[0], true, WC_REMOTE_ACCESS);
	pair_stop(&p);
}

KTEST(a_key_is_dead_after_hw2sw)
{
	struct pair p;

	pair_start(&p, QP_RC);
	EXPECT_EQ(machine_command(&p.m[1], 0x00f, 1, KEY_ALL >> 8, 0, 0), 0);
	test_post_rdma(&p.qp[0], SEND_RDMA_READ, p.buffer[0], 64, p.buffer[1],
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_REMOTE_ACCESS);
	pair_stop(&p);
}

KTEST(a_wrong_local_key_is_a_protection_error_here_alone)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	test_post_send(&p.qp[0], SEND_SEND, 0, NULL, 0, p.buffer[0], 64,
		       KEY_ALL + 1);
	expect_cqe(&p.cq[0], true, WC_LOCAL_PROTECTION);
	expect_nothing(&p.cq[1]);
	pair_stop(&p);
}

KTEST(a_bad_opcode_or_a_bad_size_is_a_queue_pair_error)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_post_send(&p.qp[0], 0x1c, 0, NULL, 0, p.buffer[0], 64, KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_LOCAL_QP_OP);
	pair_stop(&p);
}

KTEST(a_peer_that_is_gone_ends_with_retries_exceeded)
{
	struct pair p;

	pair_start(&p, QP_RC);
	machine_disconnect(&p.m[1]);
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RETRY_EXCEEDED);
	EXPECT_EQ(test_fabric.cards[0].stats.timeouts, 4);
	EXPECT_EQ(test_fabric.cards[0].stats.timeout_us, 4 * 1048);
	machine_stop(&p.m[0]);
	fabric_stop();
}

KTEST(sequence_numbers_that_do_not_match_lose_every_message)
{
	struct pair p;

	pair_start(&p, QP_RC);
	EXPECT_EQ(machine_command(&p.m[0], 0x021, 2, QPN_A, 0, 0), 0);
	EXPECT_EQ(test_qp_create(&p.qp[0], &p.m[0], &p.cq[0], QPN_A, QP_RC), 0);
	EXPECT_EQ(test_qp_rtr(&p.qp[0], QPN_B, machine_lid(&p.m[1]), 0), 0);
	EXPECT_EQ(test_qp_rts(&p.qp[0], 0x1000), 0);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RETRY_EXCEEDED);
	expect_nothing(&p.cq[1]);
	pair_stop(&p);
}

KTEST(the_error_state_flushes_even_what_is_posted_later)
{
	struct pair p;

	pair_start(&p, QP_RC);
	for (int i = 0; i < 3; i++)
		test_post_recv(&p.qp[0], p.buffer[0], 64, KEY_ALL);
	EXPECT_EQ(machine_command(&p.m[0], 0x01e, 0, QPN_A, 0, 0), 0);
	for (int i = 0; i < 3; i++)
		expect_cqe(&p.cq[0], false, WC_FLUSHED);
	test_post_recv(&p.qp[0], p.buffer[0], 64, KEY_ALL);
	expect_cqe(&p.cq[0], false, WC_FLUSHED);
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_FLUSHED);
	expect_nothing(&p.cq[0]);
	pair_stop(&p);
}

KTEST(a_flush_lets_others_have_their_turn)
{
	enum { ENTRIES = 64, LOG_STRIDE = 6 };
	struct card *card;
	struct qp *qp;
	struct pair p;

	pair_start(&p, QP_RC);
	card = &test_fabric.cards[0];
	qp = qp_find(card, QPN_A);
	qp->send_ring.nr_entries = ENTRIES; /* smaller ones, all posted */
	qp->send_ring.log_stride = LOG_STRIDE;
	for (u32 i = 0; i < ENTRIES; i++)
		*machine_at(&p.m[0], p.qp[0].send_ring + (i << LOG_STRIDE)) = 0;
	qp_fail(qp);
	loop_turn(0);
	EXPECT_EQ(card->stats.flushed, MESSAGES_PER_TURN);
	fabric_settle();
	EXPECT_EQ(card->stats.flushed, ENTRIES);
	pair_stop(&p);
}

KTEST(a_reset_in_the_middle_of_a_long_write_harms_nobody)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], BUFFER_BYTES,
		       p.buffer[1], KEY_ALL);
	loop_turn(0); /* the first portion */
	machine_write32(&p.m[1], 0, 0xf0010, 1);
	expect_cqe(&p.cq[0], true, WC_RETRY_EXCEEDED);
	machine_write32(&p.m[0], 0, 0xf0010, 1);
	fabric_settle();
	EXPECT_EQ(test_fabric.cards[0].state, HCA_RESET);
	pair_stop(&p);
}

KTEST(a_completion_fires_an_armed_queue_once)
{
	struct pair p;
	u8 eqe[32];

	pair_start(&p, QP_RC);
	while (machine_next_event(&p.m[1], eqe) >= 0)
		;
	for (int i = 0; i < 3; i++)
		test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	test_cq_arm(&p.cq[1], false);
	send(&p, 64);
	send(&p, 64);
	EXPECT_EQ(machine_next_event(&p.m[1], eqe), EVENT_COMPLETION);
	EXPECT_EQ(get32(eqe + 4), 0x85);
	EXPECT_EQ(machine_next_event(&p.m[1], eqe), -1);
	test_cq_arm(&p.cq[1], true); /* unread ones: fires at once */
	EXPECT_EQ(machine_next_event(&p.m[1], eqe), EVENT_COMPLETION);
	pair_stop(&p);
}

KTEST(a_full_completion_queue_is_an_error_on_both_sides)
{
	struct test_cqe cqe;
	struct pair p;
	u8 eqe[32];
	int type;

	pair_start(&p, QP_RC);
	for (int i = 0; i < CQ_ENTRIES; i++) {
		test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
		send(&p, 1);
		EXPECT_TRUE(test_cq_wait(&p.cq[0], &cqe));
	}
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	send(&p, 1);
	expect_cqe(&p.cq[0], true, WC_REMOTE_OP);
	do
		type = machine_next_event(&p.m[1], eqe);
	while (type >= 0 && type != EVENT_CQ_ERROR);
	EXPECT_EQ(type, EVENT_CQ_ERROR);
	EXPECT_EQ(eqe[0x0f], 1);
	pair_stop(&p);
}

KTEST(a_partition_of_its_own_keeps_others_out)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_fabric.cards[1].ports[0].ib.pkeys[0] = 0x8001;
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RETRY_EXCEEDED);
	EXPECT_TRUE(test_fabric.cards[1].stats.pkey_violations > 0);
	pair_stop(&p);
}

KTEST(a_cut_link_fails_and_comes_back)
{
	struct pair p;
	u8 eqe[32];
	int type;

	pair_start(&p, QP_RC);
	while (machine_next_event(&p.m[0], eqe) >= 0)
		;
	fabric_order("link 1 down");
	do
		type = machine_next_event(&p.m[0], eqe);
	while (type >= 0 && type != EVENT_PORT_CHANGE);
	EXPECT_EQ(type, EVENT_PORT_CHANGE);
	EXPECT_EQ(eqe[3], PORT_CHANGE_DOWN);
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RETRY_EXCEEDED);
	pair_stop(&p);
}

KTEST(a_card_can_talk_to_itself)
{
	struct test_qp other;
	struct pair p;

	pair_start(&p, QP_RC);
	EXPECT_EQ(machine_command(&p.m[0], 0x021, 2, QPN_A, 0, 0), 0);
	EXPECT_EQ(test_qp_create(&p.qp[0], &p.m[0], &p.cq[0], QPN_A, QP_RC), 0);
	EXPECT_EQ(test_qp_create(&other, &p.m[0], &p.cq[0], 0x50, QP_RC), 0);
	test_qp_connect(&p.qp[0], &other);
	test_fill(pair_at(&p, 0), 64, 1);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 64,
		       p.buffer[0] + 64, KEY_ALL);
	expect_cqe(&p.cq[0], true, 0);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 0) + 64, 64, 1));
	pair_stop(&p);
}

KTEST(a_shared_queue_is_taken_in_the_order_of_its_links)
{
	static const u16 order[] = {0, 2, 1, 3}, next[] = {2, 3, 1, 0};
	struct test_cqe cqe = {0};
	struct test_qp from, to;
	struct pair p;
	u64 record, ring;
	u8 eqe[32];
	int type;

	pair_start(&p, QP_RC);
	record = machine_alloc(&p.m[1], 4);
	ring = test_srq_create(&p.m[1], 0x41, record);
	EXPECT_EQ(test_qp_create(&from, &p.m[0], &p.cq[0], 0x60, QP_RC), 0);
	EXPECT_EQ(test_qp_create_shared(&to, &p.m[1], &p.cq[1], 0x61, 0x41), 0);
	test_qp_connect(&from, &to);
	for (u32 i = 0; i < 4; i++) {
		u8 *entry = machine_at(&p.m[1], ring) + 32 * i;

		put16(entry + 2, next[i]);
		put32(entry + 16, 64);
		put32(entry + 20, KEY_ALL);
		put64(entry + 24, p.buffer[1] + 64 * i);
	}
	put32(machine_at(&p.m[1], record), 4);
	EXPECT_EQ(machine_command(&p.m[1], 0x040, 0, 0x41, 2, 0), 0);
	while (machine_next_event(&p.m[1], eqe) >= 0)
		;
	for (u32 i = 0; i < 4; i++) {
		pair_at(&p, 0)[0] = (u8)(0xc0 + i);
		test_post_send(&from, SEND_SEND, 0, NULL, 0, p.buffer[0], 1,
			       KEY_ALL);
		EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
		EXPECT_EQ(cqe.wqe_index, order[i]);
		EXPECT_EQ(pair_at(&p, 1)[64 * order[i]], 0xc0 + i);
	}
	type = machine_next_event(&p.m[1], eqe);
	EXPECT_EQ(type, EVENT_SRQ_LIMIT);
	EXPECT_EQ(get32(eqe + 4), 0x41);
	EXPECT_EQ(machine_command(&p.m[1], 0x01e, 0, 0x61, 0, 0), 0);
	EXPECT_EQ(machine_next_event(&p.m[1], eqe), EVENT_SRQ_LAST_WQE);
	pair_stop(&p);
}

KTEST(a_queue_pair_needs_every_table_of_the_card_mapped)
{
	static const u64 tables[] = {
		0x51 * 0x100,              /* QPC */
		0x100000 + 0x51 * 64,      /* ALTC */
		0x200000 + 0x51 * 256,     /* AUXC */
		0x300000 + 0x51 * 32 * 16, /* RDMARC */
		0x40000000 + 0x51 * 64,    /* cMPT */
	};

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		struct test_qp qp;
		struct pair p;

		pair_start(&p, QP_RC);
		EXPECT_EQ(machine_command(&p.m[0], 0xff9, 0, 1,
					  tables[i] & ~4095ull, 0),
			  0);
		EXPECT_EQ(test_qp_create(&qp, &p.m[0], &p.cq[0], 0x51, QP_RC),
			  CMD_ICM_ERROR);
		pair_stop(&p);
	}
}

KTEST(transitions_from_a_wrong_state_are_refused)
{
	struct pair p;

	pair_start(&p, QP_RC);
	EXPECT_EQ(test_qp_rtr(&p.qp[0], 1, 1, 0), 0x10); /* it is in RTS */
	EXPECT_EQ(test_qp_rts(&p.qp[0], 0), 0x10);
	EXPECT_EQ(machine_command(&p.m[0], 0x021, 2, QPN_A, 0, 0), 0);
	EXPECT_EQ(machine_command(&p.m[0], 0x01e, 0, QPN_A, 0, 0), 0x10);
	EXPECT_EQ(machine_command(&p.m[0], 0x021, 2, QPN_A, 0, 0), 0);
	pair_stop(&p);
}

KTEST(query_shows_the_fresh_sequence_numbers)
{
	struct pair p;
	u8 *out;

	pair_start(&p, QP_RC);
	test_post_rdma(&p.qp[0], SEND_RDMA_READ, p.buffer[0], 4096 * 3 + 1,
		       p.buffer[1], KEY_ALL);
	expect_cqe(&p.cq[0], true, 0);
	EXPECT_EQ(machine_command(&p.m[0], 0x022, 0, QPN_A, 0, p.m[0].mailbox),
		  0);
	out = machine_at(&p.m[0], p.m[0].mailbox) + 8;
	EXPECT_EQ(out[0] >> 4, QP_RTS);
	EXPECT_EQ(get24(out + 0x79), 3); /* 0xffffff + 4 packets */
	pair_stop(&p);
}
