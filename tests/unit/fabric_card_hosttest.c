/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a card does beside moving messages, and what it refuses. */
#include "fabric_pair.h"
#include "tools/fabric/cmd.h"
#include "tools/fabric/log.h"

#include <string.h>
#include <unistd.h>

/* SW2HW_MPT of the far end: a region by MTT of 64 bytes at its buffer. */
static void make_region(struct pair *p, u32 index, u32 first_byte)
{
	struct machine *m = &p->m[1];
	u8 *in = machine_at(m, m->mailbox);

	memset(in, 0, 64);
	put32(in, 0xf0027d00);
	put32(in + 0x08, index);
	put32(in + 0x0c, PD);
	put64(in + 0x10, p->buffer[1]);
	put64(in + 0x18, 64);
	put32(in + 0x28, MPT_FIRST_BYTE);
	put32(in + 0x30, (u32)machine_mtt(m, p->buffer[1]));
	put32(in + 0x38, 12);
	put32(in + 0x3c, first_byte);
	EXPECT_EQ(machine_command(m, 0x00d, 0, index, m->mailbox, 0), 0);
}

KTEST(an_atomic_at_memory_that_is_not_aligned_is_refused)
{
	u8 head[32] = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	make_region(&p, 0x101, 4);
	put64(head, p.buffer[1]);
	put32(head + 8, 0x101 << 8);
	test_post_send(&p.qp[0], SEND_ATOMIC_FA, 0, head, 32, p.buffer[0], 8,
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_REMOTE_ACCESS);
	pair_stop(&p);
}

/* QUERY_QP's state. */
static u32 state_of(struct test_qp *qp)
{
	struct machine *m = qp->m;

	EXPECT_EQ(machine_command(m, 0x022, 0, qp->qpn, 0, m->mailbox + 2048),
		  0);
	return get32(machine_at(m, m->mailbox) + 2048 + 8) >> 28;
}

static u8 query_capability(struct machine *m, unsigned int byte)
{
	EXPECT_EQ(machine_command(m, 0x003, 0, 0, 0, m->mailbox + 2048), 0);
	return machine_at(m, m->mailbox)[2048 + byte];
}

KTEST(xrc_is_neither_advertised_nor_taken)
{
	struct test_qp qp;
	struct pair p;

	pair_start(&p, QP_RC);
	EXPECT_EQ(query_capability(&p.m[0], 0x47) & 1 << 3, 0);
	EXPECT_EQ(test_qp_create(&qp, &p.m[0], &p.cq[0], 0x60, 6),
		  CMD_BAD_PARAM);
	EXPECT_TRUE(!qp_find(&test_fabric.cards[0], 0x60));
	pair_stop(&p);
}

/* RTS2RTS with optional parameters. */
static u8 change(struct test_qp *qp, u32 optional, u32 flags)
{
	u8 *in = machine_at(qp->m, qp->m->mailbox);

	memset(in, 0, 0x100);
	put32(in, optional);
	put32(in + 8, flags);
	put32(in + 8 + 0xa8, 0x22222222);
	return machine_command(qp->m, 0x01c, 0, qp->qpn, qp->m->mailbox, 0);
}

KTEST(an_alternate_path_is_neither_advertised_nor_taken)
{
	enum { ALTERNATE = 1 << 0, QKEY = 1 << 5, PM = 1 << 10 };
	enum { ARMED = 0 << 11, REARM = 1 << 11, MIGRATED = 3 << 11 };
	struct pair p;

	pair_start(&p, QP_RC);
	EXPECT_EQ(query_capability(&p.m[0], 0x45) & 1 << 1, 0);
	EXPECT_EQ(change(&p.qp[0], ALTERNATE | QKEY, MIGRATED), CMD_BAD_PARAM);
	EXPECT_EQ(change(&p.qp[0], PM | QKEY, REARM), CMD_BAD_PARAM);
	EXPECT_EQ(change(&p.qp[0], PM | QKEY, ARMED), CMD_BAD_PARAM);
	/* nothing of it was taken */
	EXPECT_EQ(qp_find(&test_fabric.cards[0], QPN_A)->qkey, 0x11111111);
	EXPECT_EQ(change(&p.qp[0], PM | QKEY, MIGRATED), 0);
	EXPECT_EQ(qp_find(&test_fabric.cards[0], QPN_A)->qkey, 0x22222222);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	test_post_send(&p.qp[0], SEND_SEND, 0, NULL, 0, p.buffer[0], 64,
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, 0);
	pair_stop(&p);
}

KTEST(queue_entries_of_64_bytes_are_neither_advertised_nor_taken)
{
	static const u8 offsets[] = {0x58, 0x5b};
	u8 image[INIT_HCA_BYTES], *in;
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	EXPECT_EQ(query_capability(&m, 0x40) & 0x60, 0);
	memcpy(image, test_fabric.cards[0].hca.image, sizeof(image));
	for (size_t i = 0; i <= ARRAY_LEN(offsets); i++) {
		EXPECT_EQ(machine_command(&m, 0x008, 0, 0, 0, 0), 0);
		in = machine_at(&m, m.mailbox);
		memcpy(in, image, sizeof(image));
		if (i < ARRAY_LEN(offsets))
			in[offsets[i]] = 1;
		EXPECT_EQ(machine_command(&m, 0x007, 0, 0, m.mailbox, 0),
			  i < ARRAY_LEN(offsets) ? CMD_BAD_PARAM : CMD_OK);
	}
	machine_stop(&m);
	fabric_stop();
}

/* The tables of QUERY_DEV_CAP are the largest, and can be had. */
KTEST(tables_are_as_large_as_the_capabilities_say)
{
	static const struct {
		u16 at;
		u8 log;
	} tables[] = {{0x37, LOG_MAX_QPS},  {0x4f, LOG_MAX_SRQS},
		      {0x57, LOG_MAX_CQS},  {0x87, LOG_MAX_EQS},
		      {0xfb, LOG_MAX_MPTS}, {0xdb, LOG_MAX_MCGS}};
	u8 image[INIT_HCA_BYTES], *in;
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	EXPECT_EQ(query_capability(&m, 0x13) & 0x1f, LOG_MAX_QPS);
	EXPECT_EQ(query_capability(&m, 0x15) & 0x1f, LOG_MAX_SRQS);
	EXPECT_EQ(query_capability(&m, 0x1b) & 0x1f, LOG_MAX_CQS);
	EXPECT_EQ(query_capability(&m, 0x1f) & 0xf, LOG_MAX_EQS);
	EXPECT_EQ(query_capability(&m, 0x1d) & 0x3f, LOG_MAX_MPTS);
	EXPECT_EQ(query_capability(&m, 0x63), LOG_MAX_MCGS);
	memcpy(image, test_fabric.cards[0].hca.image, sizeof(image));
	for (size_t i = 0; i < 2 * ARRAY_LEN(tables); i++) {
		bool is_over = i % 2;

		EXPECT_EQ(machine_command(&m, 0x008, 0, 0, 0, 0), 0);
		in = machine_at(&m, m.mailbox);
		memcpy(in, image, sizeof(image));
		in[tables[i / 2].at] = (u8)((in[tables[i / 2].at] & ~0x1f) |
					    (tables[i / 2].log + is_over));
		EXPECT_EQ(machine_command(&m, 0x007, 0, 0, m.mailbox, 0),
			  is_over ? CMD_EXCEEDS_LIMIT : CMD_OK);
		if (is_over) { /* so that there is one to close */
			in = machine_at(&m, m.mailbox);
			memcpy(in, image, sizeof(image));
			EXPECT_EQ(
				machine_command(&m, 0x007, 0, 0, m.mailbox, 0),
				0);
		}
	}
	machine_stop(&m);
	fabric_stop();
}

KTEST(a_description_lasts_until_the_reset)
{
	struct card *card;
	struct machine m;
	u8 *in;

	fabric_start();
	card = &test_fabric.cards[0];
	machine_start(&m, 0);
	machine_bring_up(&m);
	EXPECT_TRUE(!strcmp(card->node_description, "brick-fabric card 1"));
	in = machine_at(&m, m.mailbox);
	memset(in, 0, NODE_DESCRIPTION_BYTES);
	strcpy((char *)in, "guest");
	EXPECT_EQ(machine_command(&m, 0x05a, 0, 0, m.mailbox, 0), 0);
	EXPECT_TRUE(!strcmp(card->node_description, "guest"));
	machine_stop(&m);
	fabric_settle();
	EXPECT_TRUE(!strcmp(card->node_description, "brick-fabric card 1"));
	fabric_stop();
}

KTEST(a_guests_name_does_not_steer_the_terminal)
{
	char text[] = "a\033[2Jb\nc\tü~";

	log_sanitize(text);
	EXPECT_TRUE(!strcmp(text, "a?[2Jb?c???~"));
}

KTEST(a_draining_queue_ends_what_it_began_and_tells)
{
	struct test_qp *qp;
	struct pair p;
	u8 eqe[32];

	pair_start(&p, QP_RC);
	qp = &p.qp[0];
	while (machine_next_event(&p.m[0], eqe) >= 0)
		;
	for (int i = 0; i < 2; i++)
		test_post_send(qp, SEND_SEND, 0, NULL, 0, p.buffer[0], 64,
			       KEY_ALL);
	fabric_settle(); /* the first waits for a receive */
	EXPECT_EQ(machine_command(&p.m[0], 0x01f, 0, 1u << 31 | qp->qpn, 0, 0),
		  0);
	EXPECT_EQ(state_of(qp), QP_SQ_DRAINING);
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), -1);
	for (int i = 0; i < 2; i++)
		test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	expect_cqe(&p.cq[0], true, 0);
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), EVENT_SQ_DRAINED);
	EXPECT_EQ(get32(eqe + 4), qp->qpn);
	EXPECT_EQ(state_of(qp), QP_SQD);
	fabric_settle();
	expect_nothing(&p.cq[0]); /* the second has not begun */
	memset(machine_at(&p.m[0], p.m[0].mailbox), 0, 0x100);
	EXPECT_EQ(
		machine_command(&p.m[0], 0x020, 0, qp->qpn, p.m[0].mailbox, 0),
		0);
	expect_cqe(&p.cq[0], true, 0);
	EXPECT_EQ(state_of(qp), QP_RTS);
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), -1);
	pair_stop(&p);
}

static void moderate(struct test_cq *cq, u16 period_us, u16 count)
{
	u8 *in = machine_at(cq->m, cq->m->mailbox);

	memset(in, 0, 64);
	put16(in + 0x10, period_us);
	put16(in + 0x12, count);
	EXPECT_EQ(machine_command(cq->m, 0x02c, 1, cq->cqn, cq->m->mailbox, 0),
		  0);
}

/* Completions at the sender, without looking at them. */
static void complete(struct pair *p, int nr)
{
	for (int i = 0; i < nr; i++)
		test_post_rdma(&p->qp[0], SEND_RDMA_WRITE, p->buffer[0], 8,
			       p->buffer[1], KEY_ALL);
	fabric_settle();
}

static void forget_completions(struct test_cq *cq)
{
	struct test_cqe cqe;

	while (test_cq_poll(cq, &cqe))
		;
}

KTEST(moderated_completions_are_one_event_when_they_are_enough)
{
	struct pair p;
	u8 eqe[32];

	pair_start(&p, QP_RC);
	while (machine_next_event(&p.m[0], eqe) >= 0)
		;
	moderate(&p.cq[0], 0, 4);
	test_cq_arm(&p.cq[0], false);
	complete(&p, 3);
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), -1);
	complete(&p, 1);
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), EVENT_COMPLETION);
	EXPECT_EQ(get32(eqe + 4), p.cq[0].cqn);
	complete(&p, 4); /* not armed */
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), -1);
	test_cq_arm(&p.cq[0], false); /* behind what is there: at once */
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), EVENT_COMPLETION);
	forget_completions(&p.cq[0]);
	test_cq_arm(&p.cq[0], false);
	complete(&p, 3);
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), -1);
	moderate(&p.cq[0], 0, 0); /* what was held is told */
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), EVENT_COMPLETION);
	pair_stop(&p);
}

KTEST(a_moderated_completion_is_told_when_its_period_ends)
{
	u64 start, end;
	struct pair p;
	u8 eqe[32];

	pair_start(&p, QP_RC);
	while (machine_next_event(&p.m[0], eqe) >= 0)
		;
	moderate(&p.cq[0], 50000, 100);
	test_cq_arm(&p.cq[0], false);
	start = loop_now_ns();
	complete(&p, 2);
	end = start + 60000000000ull;
	while (machine_next_event(&p.m[0], eqe) < 0 && loop_now_ns() < end)
		loop_turn(10);
	EXPECT_EQ(eqe[1], EVENT_COMPLETION);
	EXPECT_TRUE(loop_now_ns() - start >= 50000000);
	EXPECT_EQ(machine_next_event(&p.m[0], eqe), -1); /* one for both */
	/* a queue that goes takes its timer along */
	forget_completions(&p.cq[0]);
	test_cq_arm(&p.cq[0], false);
	complete(&p, 1);
	EXPECT_EQ(machine_command(&p.m[0], 0x017, 1, p.cq[0].cqn, 0, 0), 0);
	while (loop_now_ns() < start + 200000000)
		loop_turn(10);
	pair_stop(&p);
}

/* Entries of @ring that are the host's, from its consumer index on. */
static u32 nr_written(const struct test_cq *cq, u64 ring, u32 log)
{
	u32 index = cq->consumer;

	for (;; index++) {
		const u8 *entry = machine_at(cq->m, ring) +
				  32 * (index & ((1u << log) - 1));

		if (entry[31] >> 7 != (index >> log & 1))
			return index - cq->consumer;
		EXPECT_EQ(get24(entry + 1), QPN_A);
	}
}

KTEST(a_resized_queue_goes_on_behind_its_marker)
{
	enum { OLD = CQ_ENTRIES, LOG_NEW = 8 };
	struct test_cqe cqe = {0};
	struct machine *m;
	struct pair p;
	u64 ring;
	u8 *in;

	pair_start(&p, QP_RC);
	m = &p.m[0];
	for (int i = 0; i < OLD / 2 + 5; i++) { /* the old ring has wrapped */
		complete(&p, 2);
		forget_completions(&p.cq[0]);
	}
	complete(&p, 3);
	ring = machine_alloc(m, 32 << LOG_NEW);
	in = machine_at(m, m->mailbox);
	memset(in, 0, 64);
	in[0x0c] = LOG_NEW;
	put32(in + 0x1c, (u32)machine_mtt(m, ring));
	machine_mtt(m, ring + 4096);
	EXPECT_EQ(machine_command(m, 0x02c, 0, p.cq[0].cqn, m->mailbox, 0), 0);
	for (int i = 0; i < 3; i++)
		expect_cqe(&p.cq[0], true, 0);
	EXPECT_TRUE(test_cq_poll(&p.cq[0], &cqe));
	EXPECT_EQ(cqe.opcode, CQE_RESIZE);
	expect_nothing(&p.cq[0]);
	EXPECT_EQ(nr_written(&p.cq[0], ring, LOG_NEW), 0);
	complete(&p, 10);
	EXPECT_EQ(nr_written(&p.cq[0], ring, LOG_NEW), 10);
	expect_nothing(&p.cq[0]); /* the old ring is left alone */
	/* one that is not mapped changes nothing */
	put32(in + 0x1c, 0x30000);
	EXPECT_TRUE(machine_command(m, 0x02c, 0, p.cq[0].cqn, m->mailbox, 0));
	pair_stop(&p);
}

KTEST(blueflame_is_an_option_and_brings_the_doorbell)
{
	const u64 page = BAR2_BYTES / 2 + 130 * 4096;
	struct test_qp *qp;
	struct pair p;
	u64 before;
	u8 *wqe;

	pair_start(&p, QP_RC);
	qp = &p.qp[0];
	EXPECT_EQ(query_capability(&p.m[0], 0x4c) >> 7, 0);
	before = test_fabric.cards[0].stats.bad_doorbells;
	machine_write32(&p.m[0], 2, page + 4, qp->qpn << 8);
	fabric_settle();
	EXPECT_EQ(test_fabric.cards[0].stats.bad_doorbells, before + 1);

	test_fabric.has_blueflame = true;
	EXPECT_EQ(query_capability(&p.m[0], 0x4c) >> 7, 1);
	/* the request stands in the ring; no doorbell of the usual kind */
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	wqe = test_write_send(qp, SEND_SEND, 0, NULL, 0, p.buffer[0], 64,
			      KEY_ALL);
	put16(wqe + 1, qp->nr_sent); /* as one copies it */
	put24(wqe + 4, qp->qpn);
	expect_nothing(&p.cq[0]);
	for (u64 at = 0; at < 64; at += 4)
		machine_write32(&p.m[0], 2, page + 256 + at,
				at == 4 ? qp->qpn << 8 | 3 : 0xa5a5a5a5);
	expect_cqe(&p.cq[0], true, 0);
	EXPECT_EQ(test_fabric.cards[0].stats.blueflame_doorbells, 1);
	pair_stop(&p);
}

/* The interrupts since the last look. */
static u64 nr_interrupts(struct machine *m)
{
	u64 fired = 0;

	fabric_settle();
	return read(m->event_fds[0], &fired, sizeof(fired)) == sizeof(fired)
		       ? fired
		       : 0;
}

/* An event, and the queue armed for the next. */
static void make_event(struct machine *m)
{
	u8 eqe[32];

	machine_write32(m, 0, 0x80698, 1u << 23 | 1 << 22 | 0x031);
	EXPECT_EQ(machine_next_event(m, eqe), EVENT_COMMAND);
}

KTEST(the_interrupt_pin_is_a_level_that_the_driver_clears)
{
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	machine_use_pin(&m);
	machine_bring_up(&m);
	make_event(&m);
	EXPECT_EQ(nr_interrupts(&m), 1);
	make_event(&m); /* delivery masked it */
	EXPECT_EQ(nr_interrupts(&m), 0);
	machine_unmask_pin(&m); /* still asserted */
	EXPECT_EQ(nr_interrupts(&m), 1);
	machine_write32(&m, 0, REG_CLEAR_INT, 1);
	machine_unmask_pin(&m);
	EXPECT_EQ(nr_interrupts(&m), 0);
	make_event(&m);
	EXPECT_EQ(nr_interrupts(&m), 1);
	machine_stop(&m);
	fabric_stop();
}
