/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams between two cards' own queue pairs. */
#include "fabric_station.h"

#include <lib/ktest.h>
#include <string.h>

enum { QKEY = 0x11111111, LID_TO = 3, HEAD_BYTES = 48, LMC = 34 };

struct couple {
	struct station a, b;
	struct test_qp from, to;
	u8 head[HEAD_BYTES]; /* the datagram segment, to QP @to */
};

static void couple_start(struct couple *c)
{
	memset(c, 0, sizeof(*c));
	fabric_start();
	station_start(&c->a, 0);
	station_start(&c->b, 1);
	EXPECT_EQ(test_qp_create(&c->from, &c->a.m, &c->a.cq, 0x50, QP_UD), 0);
	EXPECT_EQ(test_qp_create(&c->to, &c->b.m, &c->b.cq, 0x51, QP_UD), 0);
	EXPECT_EQ(test_qp_rtr(&c->from, 0, 0, 0), 0);
	EXPECT_EQ(test_qp_rts(&c->from, 0), 0);
	EXPECT_EQ(test_qp_rtr(&c->to, 0, 0, 0), 0);
	test_post_recv(&c->to, c->b.buffer, 512, KEY_ALL);
	c->head[0] = 1;                       /* port */
	put32(c->head + 4, 1 << 23 | LID_TO); /* with a GRH */
	put64(c->head + 16, 0xfe80000000000000ull);
	put64(c->head + 24, test_fabric.cards[1].ports[0].ib.guids[0]);
	put32(c->head + 32, 0x51);
	put32(c->head + 36, QKEY);
}

static void couple_stop(struct couple *c)
{
	machine_stop(&c->a.m);
	machine_stop(&c->b.m);
	fabric_stop();
}

static void send(struct couple *c, u8 opcode, u32 bytes)
{
	test_post_send(&c->from, opcode, 0, c->head, HEAD_BYTES, c->a.buffer,
		       bytes, KEY_ALL);
}

KTEST(a_datagram_brings_its_header_and_needs_the_queue_key)
{
	struct test_cqe cqe = {0};
	struct couple c;
	const u8 *received;

	couple_start(&c);
	received = machine_at(&c.b.m, c.b.buffer);
	put32(c.head + 36, 2 * QKEY);
	send(&c, SEND_SEND, 100);
	fabric_settle();
	EXPECT_EQ(test_fabric.cards[1].stats.qkey_violations, 1);
	put32(c.head + 36, QKEY);
	memset(machine_at(&c.a.m, c.a.buffer), 0x77, 100);
	send(&c, SEND_SEND, 100);
	EXPECT_TRUE(test_cq_wait(&c.b.cq, &cqe));
	EXPECT_EQ(cqe.bytes, 140);
	EXPECT_EQ(cqe.source, 1u << 31 | 0x50);
	EXPECT_EQ(cqe.slid, 2);
	EXPECT_EQ(received[0] >> 4, 6);
	EXPECT_EQ(get16(received + 4), 12 + 8 + 100 + 4);
	EXPECT_EQ(received[139], 0x77);
	couple_stop(&c);
}

/* InfiniBand specification, volume 1, 8.3.4: from the GRH's end to the ICRC. */
KTEST(the_header_s_length_counts_immediate_data_and_padding)
{
	struct test_cqe cqe = {0};
	struct couple c;

	couple_start(&c);
	send(&c, SEND_SEND_IMM, 5);
	EXPECT_TRUE(test_cq_wait(&c.b.cq, &cqe));
	EXPECT_EQ(cqe.bytes, 40 + 5);
	EXPECT_EQ(get16(machine_at(&c.b.m, c.b.buffer) + 4),
		  12 + 8 + 4 + 5 + 3 + 4);
	couple_stop(&c);
}

static u16 source_seen(struct couple *c)
{
	struct test_cqe cqe = {0};

	test_post_recv(&c->to, c->b.buffer, 512, KEY_ALL);
	send(c, SEND_SEND, 4);
	EXPECT_TRUE(test_cq_wait(&c->b.cq, &cqe));
	return cqe.slid;
}

KTEST(a_sender_chooses_among_its_own_lids_only)
{
	struct couple c;
	u8 *info;

	couple_start(&c);
	info = test_fabric.cards[0].ports[0].ib.info;
	put32(c.head + 4, 0x7d << 16 | LID_TO);
	EXPECT_EQ(source_seen(&c), 2);
	info[LMC] |= 1;
	EXPECT_EQ(source_seen(&c), 3);
	info[LMC] &= 0xf8;
	couple_stop(&c);
}
