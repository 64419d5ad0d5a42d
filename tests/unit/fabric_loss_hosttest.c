/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What RC, UC and datagrams make of links that lose packets, damage them,
 * take their time or go down.
 */
#include "fabric_pair.h"
#include "tools/fabric/mad.h"

#include <assert.h>
#include <string.h>

/* 16.8 ms, eight tries: nothing that is lost by chance is lost for good. */
static const struct test_patience patient = {.ack_timeout = 12, .retries = 7};
/* 537 ms each: a subnet manager has to find a link again meanwhile, and takes
 * 100 ms and what this host takes. */
static const struct test_patience steadfast = {.ack_timeout = 17, .retries = 7};

/*
 * A stream: both ends send, write, read and add, four requests under way at
 * a time.  All bytes are checked, and every send and every addition happens
 * once and in order.
 */
enum {
	WINDOW = 4,
	NR_RECEIVES = 8,
	SLOT_BYTES = 32 << 10,
	AT_SOURCE = 0, /* slots of requests' data */
	AT_RECEIVE = WINDOW * SLOT_BYTES,
	AT_TARGET = AT_RECEIVE + NR_RECEIVES * SLOT_BYTES, /* of writes */
	AT_ORIGIN = AT_TARGET + WINDOW * SLOT_BYTES,       /* of reads */
	AT_COUNTER = AT_ORIGIN + SLOT_BYTES,
};

static_assert((u32)AT_COUNTER < (u32)BUFFER_BYTES, "a stream fits the buffer");

struct end {
	u32 nr_posted, nr_done, nr_received, nr_sends, nr_adds;
	u32 send_numbers[WINDOW], add_numbers[WINDOW]; /* of those under way */
};

struct stream {
	struct pair p;
	struct end ends[2];
};

static u32 hash(u32 x)
{
	x = (x ^ x >> 16) * 0x45d9f3bu;
	x = (x ^ x >> 16) * 0x45d9f3bu;
	return x ^ x >> 16;
}

/* Request @n of end @i: sends more than the others; 0 to 20000 bytes. */
static u8 opcode_of(int i, u32 n)
{
	static const u8 opcodes[] = {SEND_SEND_IMM, SEND_RDMA_WRITE,
				     SEND_RDMA_READ, SEND_ATOMIC_FA,
				     SEND_SEND_IMM};

	return opcodes[hash(n * 2 + (u32)i) % ARRAY_LEN(opcodes)];
}

static u32 length_of(int i, u32 n)
{
	return hash(n * 2 + (u32)i + 1000000) % 20000;
}

static void post(struct stream *s, int i)
{
	struct end *end = &s->ends[i];
	u32 n = end->nr_posted++, slot = n % WINDOW;
	u32 at = AT_SOURCE + slot * SLOT_BYTES, bytes = length_of(i, n);
	u8 *data = pair_at(&s->p, i) + at, head[32] = {0};
	u64 dma = s->p.buffer[i] + at, remote = s->p.buffer[!i];
	struct test_qp *qp = &s->p.qp[i];

	switch (opcode_of(i, n)) {
	case SEND_SEND_IMM:
		end->send_numbers[slot] = end->nr_sends++;
		test_fill(data, bytes, end->send_numbers[slot]);
		test_post_send(qp, SEND_SEND_IMM,
			       end->send_numbers[slot] << 16 | bytes, NULL, 0,
			       dma, bytes, KEY_ALL);
		break;
	case SEND_RDMA_WRITE:
		test_fill(data, bytes, n);
		test_post_rdma(qp, SEND_RDMA_WRITE, dma, bytes,
			       remote + AT_TARGET + slot * SLOT_BYTES, KEY_ALL);
		break;
	case SEND_RDMA_READ:
		memset(data, 0xee, bytes);
		test_post_rdma(qp, SEND_RDMA_READ, dma, bytes,
			       remote + AT_ORIGIN, KEY_ALL);
		break;
	default:
		end->add_numbers[slot] = end->nr_adds++;
		put64(head, remote + AT_COUNTER);
		put32(head + 8, KEY_ALL);
		put64(head + 16, 1);
		test_post_send(qp, SEND_ATOMIC_FA, 0, head, 32, dma, 8,
			       KEY_ALL);
	}
}

/* Request @n is completed: is the data where it should be? */
static void check_done(struct stream *s, int i, u32 n)
{
	u32 slot = n % WINDOW, bytes = length_of(i, n);
	const u8 *data = pair_at(&s->p, i) + AT_SOURCE + slot * SLOT_BYTES;
	const u8 *target = pair_at(&s->p, !i) + AT_TARGET + slot * SLOT_BYTES;
	u64 was;

	switch (opcode_of(i, n)) {
	case SEND_RDMA_WRITE:
		EXPECT_TRUE(test_is_filled(target, bytes, n));
		break;
	case SEND_RDMA_READ:
		EXPECT_TRUE(test_is_filled(data, bytes, 77));
		break;
	case SEND_ATOMIC_FA:
		memcpy(&was, data, 8);
		EXPECT_EQ(was, s->ends[i].add_numbers[slot]);
		break;
	}
}

static void check_received(struct stream *s, int i, const struct test_cqe *cqe)
{
	u32 number = s->ends[i].nr_received++;
	u32 at = AT_RECEIVE + number % NR_RECEIVES * SLOT_BYTES;

	EXPECT_EQ(cqe->immediate >> 16, number);
	EXPECT_EQ(cqe->bytes, cqe->immediate & 0xffff);
	EXPECT_TRUE(test_is_filled(pair_at(&s->p, i) + at, cqe->bytes, number));
	memset(pair_at(&s->p, i) + at, 0xee, SLOT_BYTES);
	test_post_recv(&s->p.qp[i], s->p.buffer[i] + at, SLOT_BYTES, KEY_ALL);
}

/* False: a request failed. */
static bool reap(struct stream *s, int i)
{
	struct test_cqe cqe;

	while (test_cq_poll(&s->p.cq[i], &cqe)) {
		EXPECT_EQ(cqe.syndrome, WC_OK);
		if (cqe.syndrome)
			return false;
		if (cqe.is_send)
			check_done(s, i, s->ends[i].nr_done++);
		else
			check_received(s, i, &cqe);
	}
	return true;
}

static void stream_start_patient(struct stream *s, struct test_patience how)
{
	memset(s, 0, sizeof(*s));
	pair_start_patient(&s->p, QP_RC, how);
	for (int i = 0; i < 2; i++) {
		test_fill(pair_at(&s->p, i) + AT_ORIGIN, SLOT_BYTES, 77);
		for (u32 r = 0; r < NR_RECEIVES; r++)
			test_post_recv(&s->p.qp[i],
				       s->p.buffer[i] + AT_RECEIVE +
					       r * SLOT_BYTES,
				       SLOT_BYTES, KEY_ALL);
	}
}

static void stream_start(struct stream *s)
{
	stream_start_patient(s, patient);
}

/* @turn is called at each turn of the loop. */
static void stream_run(struct stream *s, u32 nr_ends, u32 nr_messages,
		       void (*turn)(struct stream *s))
{
	u64 limit = loop_now_ns() + 120000000000ull;
	u32 nr_done = 0;

	while (nr_done < nr_messages * nr_ends) {
		EXPECT_TRUE(loop_now_ns() < limit);
		if (loop_now_ns() >= limit)
			return;
		nr_done = 0;
		for (int i = 0; i < 2; i++) {
			struct end *end = &s->ends[i];

			while (i < (int)nr_ends &&
			       end->nr_posted < nr_messages &&
			       end->nr_posted < end->nr_done + WINDOW)
				post(s, i);
			if (!reap(s, i))
				return;
			nr_done += end->nr_done;
		}
		if (turn)
			turn(s);
		loop_turn(1);
	}
}

/* What was counted in the end is what was sent. */
static void stream_check(struct stream *s)
{
	fabric_settle();
	for (int i = 0; i < 2; i++) {
		u64 counter;

		reap(s, i);
		memcpy(&counter, pair_at(&s->p, !i) + AT_COUNTER, 8);
		EXPECT_EQ(counter, s->ends[i].nr_adds);
		EXPECT_EQ(s->ends[!i].nr_received, s->ends[i].nr_sends);
	}
}

static u64 both(const char *counter)
{
	return fabric_counter(1, counter) + fabric_counter(2, counter);
}

KTEST(rc_data_is_right_and_comes_once_where_packets_are_lost)
{
	struct stream s;

	stream_start(&s);
	fabric_order("drop all 0.01");
	stream_run(&s, 2, 1500, NULL);
	stream_check(&s);
	EXPECT_TRUE(both("dropped_to_card") > 20);
	EXPECT_TRUE(both("dropped_to_switch") > 20);
	EXPECT_TRUE(both("timeouts") > 20);
	EXPECT_TRUE(both("sequence_errors") > 20);
	EXPECT_TRUE(both("duplicates") > 10);
	EXPECT_EQ(both("error_completions"), 0);
	pair_stop(&s.p);
}

/* The counters that perfquery shows, by MAD_IFC. */
static u16 symbol_errors(struct machine *m)
{
	u8 *in = machine_at(m, m->mailbox);

	memset(in, 0, 4096);
	in[MAD_BASE_VERSION] = 1;
	in[MAD_CLASS] = CLASS_PERFORMANCE;
	in[MAD_CLASS_VERSION] = 1;
	in[MAD_METHOD] = METHOD_GET;
	put16(in + MAD_ATTRIBUTE, 0x12);
	in[64 + 1] = 1; /* the port */
	EXPECT_EQ(machine_command(m, 0x024, 3, 1, m->mailbox, m->mailbox + 512),
		  0);
	EXPECT_EQ(get16(in + 512 + 64 + 4), get16(in + 512 + 64 + 8));
	return get16(in + 512 + 64 + 4);
}

KTEST(rc_data_is_right_where_packets_are_damaged_and_ports_count_it)
{
	struct stream s;

	stream_start(&s);
	fabric_order("corrupt 1 0.03");
	stream_run(&s, 2, 500, NULL);
	stream_check(&s);
	EXPECT_TRUE(fabric_counter(1, "corrupted_to_card") > 5);
	EXPECT_TRUE(fabric_counter(1, "corrupted_to_switch") > 5);
	EXPECT_EQ(fabric_counter(2, "corrupted_to_card"), 0);
	EXPECT_EQ(symbol_errors(&s.p.m[0]),
		  fabric_counter(1, "corrupted_to_card"));
	EXPECT_EQ(symbol_errors(&s.p.m[1]), 0);
	EXPECT_EQ(both("dropped_to_card"), 0);
	pair_stop(&s.p);
}

KTEST(rc_data_is_right_where_packets_take_their_time)
{
	static const char *const delays[] = {"delay all 50us", "delay 1 1ms"};

	for (u32 i = 0; i < ARRAY_LEN(delays); i++) {
		struct stream s;
		u64 began;

		stream_start(&s);
		fabric_order(delays[i]);
		began = loop_now_ns();
		stream_run(&s, 2, 300, NULL);
		stream_check(&s);
		/* there and back, over two links or one */
		EXPECT_TRUE(loop_now_ns() - began >=
			    300ull * (i ? 2000000 : 200000));
		EXPECT_EQ(both("error_completions"), 0);
		pair_stop(&s.p);
	}
}

KTEST(rc_data_is_right_where_packets_are_lost_damaged_and_late)
{
	struct stream s;

	stream_start(&s);
	fabric_order("drop 1 0.01");
	fabric_order("corrupt 2 0.01");
	fabric_order("delay all 50us");
	stream_run(&s, 2, 500, NULL);
	stream_check(&s);
	EXPECT_TRUE(both("duplicates") > 0);
	EXPECT_EQ(both("error_completions"), 0);
	pair_stop(&s.p);
}

/* Up again as soon as it is down; every 100 messages, either link. */
static void flap(struct stream *s)
{
	static u32 nr_flaps;
	u32 nr_done = s->ends[0].nr_done + s->ends[1].nr_done;
	bool is_whole = true;

	if (!nr_done)
		nr_flaps = 0;
	for (int i = 0; i < 2; i++) {
		machine_answer_smps(&s->p.m[i]);
		is_whole &= machine_port_is_active(&s->p.m[i]);
	}
	if (!is_whole || nr_done / 100 <= nr_flaps)
		return;
	fabric_order(nr_flaps % 2 ? "link 1 down" : "link 2 down");
	fabric_order(nr_flaps % 2 ? "link 1 up" : "link 2 up");
	nr_flaps++;
}

KTEST(rc_data_is_right_where_links_go_down_and_come_back)
{
	struct stream s;

	stream_start_patient(&s, steadfast);
	fabric_order("delay all 50us");
	stream_run(&s, 2, 500, flap);
	stream_check(&s);
	EXPECT_TRUE(both("link_downed") >= 8);
	EXPECT_TRUE(both("timeouts") > 0);
	EXPECT_EQ(both("error_completions"), 0);
	pair_stop(&s.p);
}

/* What a seed decides: how many are lost each way. */
static void lose_by_seed(const char *order, u64 *counts)
{
	static const char *const names[] = {"dropped_to_card",
					    "dropped_to_switch", "duplicates",
					    "sequence_errors"};
	struct stream s;

	stream_start(&s);
	fabric_order(order);
	fabric_order("drop all 0.03");
	stream_run(&s, 1, 200, NULL);
	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		counts[2 * i] = fabric_counter(1, names[i]);
		counts[2 * i + 1] = fabric_counter(2, names[i]);
	}
	pair_stop(&s.p);
}

KTEST(the_same_seed_loses_the_same_packets)
{
	u64 first[8], again[8], other[8];

	lose_by_seed("seed 7", first);
	lose_by_seed("seed 7", again);
	lose_by_seed("seed 8", other);
	EXPECT_TRUE(!memcmp(first, again, sizeof(first)));
	EXPECT_TRUE(memcmp(first, other, sizeof(first)));
}

static void send(struct pair *p, u32 bytes)
{
	test_post_send(&p->qp[0], SEND_SEND, 0, NULL, 0, p->buffer[0], bytes,
		       KEY_ALL);
}

KTEST(rc_gives_up_after_its_retries_and_flushes_what_follows)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	fabric_order("drop 2 1");
	send(&p, 64);
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RETRY_EXCEEDED);
	expect_cqe(&p.cq[0], true, WC_FLUSHED);
	EXPECT_EQ(fabric_counter(1, "timeouts"), 4); /* a try, 3 retries */
	expect_nothing(&p.cq[1]);
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_FLUSHED);
	pair_stop(&p);
}

KTEST(rc_gives_up_on_a_way_that_is_longer_than_its_patience)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	fabric_order("delay all 20ms"); /* 80 ms; patience: 4 ms */
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RETRY_EXCEEDED);
	EXPECT_EQ(fabric_counter(1, "timeouts"), 4);
	pair_stop(&p);
}

KTEST(rc_gives_up_on_a_receiver_that_posts_nothing_where_packets_are_late)
{
	struct pair p;

	pair_start(&p, QP_RC);
	fabric_order("delay 1 50us");
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RNR_EXCEEDED);
	pair_stop(&p);
}

KTEST(rc_waits_for_a_paused_machine_and_gives_up_if_it_stays)
{
	struct pair p;

	pair_start_patient(&p, QP_RC, patient);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	fabric_order("node 2 pause");
	send(&p, 64);
	while (!fabric_counter(1, "timeouts"))
		loop_turn(10);
	expect_nothing(&p.cq[0]);
	fabric_order("node 2 resume");
	expect_cqe(&p.cq[0], true, WC_OK);
	fabric_order("node 2 pause");
	send(&p, 64);
	expect_cqe(&p.cq[0], true, WC_RETRY_EXCEEDED);
	pair_stop(&p);
}

KTEST(a_paused_machine_sends_when_it_goes_on)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	fabric_order("delay all 1ms");
	send(&p, 64);
	fabric_settle(); /* on its way */
	fabric_order("node 1 pause");
	for (u64 end = loop_now_ns() + 10000000; loop_now_ns() < end;)
		loop_turn(1);
	expect_nothing(&p.cq[0]);
	expect_nothing(&p.cq[1]);
	fabric_order("node 1 resume");
	expect_cqe(&p.cq[0], true, WC_OK);
	expect_cqe(&p.cq[1], false, WC_OK);
	pair_stop(&p);
}

KTEST(a_machine_that_is_paused_in_the_middle_of_a_write_goes_on_there)
{
	struct pair p;

	pair_start(&p, QP_RC);
	test_fill(pair_at(&p, 0), BUFFER_BYTES, 5);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], BUFFER_BYTES,
		       p.buffer[1], KEY_ALL);
	loop_turn(0);
	loop_turn(0); /* of four portions */
	fabric_order("node 1 pause");
	expect_nothing(&p.cq[0]);
	fabric_order("node 1 resume");
	expect_cqe(&p.cq[0], true, WC_OK);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 1), BUFFER_BYTES, 5));
	pair_stop(&p);
}

/* -- datagrams -------------------------------------------------------- */

static void send_datagram(struct pair *p, u32 number)
{
	u8 head[48] = {0};

	head[0] = 1; /* port */
	put32(head + 4, machine_lid(&p->m[1]));
	put32(head + 32, QPN_B);
	put32(head + 36, 0x11111111);
	test_post_send(&p->qp[0], SEND_SEND_IMM, number, head, 48, p->buffer[0],
		       100, KEY_ALL);
	expect_cqe(&p->cq[0], true, WC_OK); /* whatever becomes of it */
}

KTEST(datagrams_are_lost_without_a_word)
{
	struct pair p;

	pair_start(&p, QP_UD);
	test_post_recv(&p.qp[1], p.buffer[1], 512, KEY_ALL);
	fabric_order("drop 2 1");
	send_datagram(&p, 1);
	expect_nothing(&p.cq[1]);
	EXPECT_EQ(fabric_counter(2, "dropped_to_card"), 1);
	fabric_order("drop 2 0");
	fabric_order("corrupt 1 1");
	send_datagram(&p, 2);
	expect_nothing(&p.cq[1]);
	EXPECT_EQ(fabric_counter(1, "corrupted_to_switch"), 1);
	fabric_order("corrupt 1 0");
	send_datagram(&p, 3);
	expect_cqe(&p.cq[1], false, WC_OK);
	pair_stop(&p);
}

KTEST(datagrams_keep_their_order_when_a_delay_ends)
{
	struct test_cqe cqe = {0};
	struct pair p;
	u64 before;

	pair_start(&p, QP_UD);
	for (u32 i = 0; i < 8; i++)
		test_post_recv(&p.qp[1], p.buffer[1] + 512 * i, 512, KEY_ALL);
	fabric_order("delay all 30ms");
	before = loop_now_ns();
	for (u32 i = 0; i < 4; i++)
		send_datagram(&p, i);
	fabric_order("delay all 0");
	for (u32 i = 4; i < 8; i++)
		send_datagram(&p, i);
	for (u32 i = 0; i < 8; i++) {
		EXPECT_TRUE(test_cq_wait(&p.cq[1], &cqe));
		EXPECT_EQ(cqe.immediate, i);
	}
	EXPECT_TRUE(loop_now_ns() - before >= 30000000);
	/* what is on its way when the link goes is lost */
	fabric_order("delay 2 10ms");
	test_post_recv(&p.qp[1], p.buffer[1], 512, KEY_ALL);
	send_datagram(&p, 9);
	fabric_order("link 2 down");
	fabric_order("link 2 up");
	for (u64 end = loop_now_ns() + 50000000; loop_now_ns() < end;)
		loop_turn(1);
	expect_nothing(&p.cq[1]);
	pair_stop(&p);
}
