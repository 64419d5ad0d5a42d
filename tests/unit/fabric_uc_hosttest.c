/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unreliable connections: what arrives, and what is lost without a word. */
#include "fabric_pair.h"
#include "tools/fabric/control.h"
#include "tools/fabric/fabric.h"

#include <string.h>

static void send(struct pair *p, u32 bytes, u32 seed)
{
	test_fill(pair_at(p, 0), bytes, seed);
	test_post_send(&p->qp[0], SEND_SEND, 0, NULL, 0, p->buffer[0], bytes,
		       KEY_ALL);
	expect_cqe(&p->cq[0], true, WC_OK);
}

static u64 nr_losses(void)
{
	return test_fabric.cards[0].stats.uc_losses;
}

KTEST(uc_sends_and_writes_arrive)
{
	struct test_cqe cqe = {0};
	struct pair p;

	pair_start(&p, QP_UC);
	test_post_recv(&p.qp[1], p.buffer[1], BUFFER_BYTES, KEY_ALL);
	send(&p, 70000, 4);
	EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
	EXPECT_EQ(cqe.bytes, 70000);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 1), 70000, 4));
	test_fill(pair_at(&p, 0), 5000, 5);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 5000,
		       p.buffer[1] + 64, KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_OK);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 1) + 64, 5000, 5));
	EXPECT_EQ(nr_losses(), 0);
	pair_stop(&p);
}

KTEST(uc_message_without_a_receive_is_lost_and_the_next_arrives)
{
	struct test_cqe cqe = {0};
	struct pair p;

	pair_start(&p, QP_UC);
	send(&p, 64, 1);
	expect_nothing(&p.cq[1]);
	EXPECT_EQ(nr_losses(), 1);
	test_post_recv(&p.qp[1], p.buffer[1], 4096, KEY_ALL);
	send(&p, 4096, 2);
	EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
	EXPECT_EQ(cqe.syndrome, 0);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 1), 4096, 2));
	pair_stop(&p);
}

KTEST(uc_write_with_a_wrong_key_changes_nothing_at_either_end)
{
	struct test_cqe cqe = {0};
	struct pair p;

	pair_start(&p, QP_UC);
	memset(pair_at(&p, 1), 0xaa, 64);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 64, p.buffer[1],
		       KEY_ALL ^ 0x55);
	expect_cqe(&p.cq[0], true, WC_OK);
	EXPECT_EQ(pair_at(&p, 1)[0], 0xaa);
	EXPECT_EQ(nr_losses(), 1);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	send(&p, 64, 7);
	EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
	EXPECT_EQ(cqe.syndrome, 0);
	pair_stop(&p);
}

KTEST(uc_has_no_reads_and_no_atomics)
{
	struct pair p;

	pair_start(&p, QP_UC);
	test_post_rdma(&p.qp[0], SEND_RDMA_READ, p.buffer[0], 64, p.buffer[1],
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_LOCAL_QP_OP);
	pair_stop(&p);
}

KTEST(uc_receive_that_is_too_small_fails_the_receiver_alone)
{
	struct test_cqe cqe = {0};
	struct pair p;

	pair_start(&p, QP_UC);
	test_post_recv(&p.qp[1], p.buffer[1], 16, KEY_ALL);
	send(&p, 64, 1);
	EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
	EXPECT_EQ(cqe.syndrome, WC_LOCAL_LENGTH);
	send(&p, 64, 2);
	pair_stop(&p);
}

KTEST(uc_message_lost_on_the_way_leaves_the_receive_for_the_next)
{
	struct test_cqe cqe = {0};
	struct pair p;

	pair_start(&p, QP_UC);
	test_post_recv(&p.qp[1], p.buffer[1], 4096, KEY_ALL);
	fabric_order("drop 1 1");
	send(&p, 64, 1);
	expect_nothing(&p.cq[1]);
	EXPECT_EQ(nr_losses(), 1);
	fabric_order("drop 1 0");
	send(&p, 64, 2);
	EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
	EXPECT_TRUE(test_is_filled(pair_at(&p, 1), 64, 2));
	EXPECT_EQ(nr_losses(), 1);
	pair_stop(&p);
}
