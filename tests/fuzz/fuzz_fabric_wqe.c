/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The work-request parser and what it drives: two cards with connected queue
 * pairs of each transport, and a program that writes requests, tables and
 * memory, rings doorbells and lets time pass.
 */
#include "fabric_direct.h"

#include <string.h>

enum { NR_QPS = 4, SRQN = 0x41, BUFFER_BYTES = 0x40000, NR_KEYS = 4 };

static const struct {
	u32 qpn;
	enum qp_type type;
} kinds[NR_QPS] = {
	{0x48, QP_RC},
	{0x49, QP_UC},
	{0x4a, QP_UD},
	{0x4b, QP_RC}, /* its receives are an SRQ's */
};

static struct test_cq cqs[NR_MACHINES];
static struct test_qp qps[NR_MACHINES][NR_QPS];
static u64 buffers[NR_MACHINES], srqs[NR_MACHINES], records[NR_MACHINES];

/* Keys beside the one that is all memory: 0x101 by MTT, 0x102 for fast
 * registration, 0x103 a window. */
static void make_keys(struct machine *m, u64 buffer)
{
	static const u32 flags[NR_KEYS] = {0, 0x0002fd00, 0x30027d00,
					   0x30027c00};
	u64 mtt = machine_mtt(m, buffer);

	for (u64 at = 4096; at < BUFFER_BYTES; at += 4096)
		machine_mtt(m, buffer + at);
	for (u32 i = 1; i < NR_KEYS; i++) {
		u8 *mpt = m->memory + ICM_MPT + (0x100 + i) * 64;

		put32(mpt, flags[i]);
		put32(mpt + 0x08, 0x100 + i);
		put32(mpt + 0x0c, 0x0b000000 | PD);
		put64(mpt + 0x10, buffer);
		put64(mpt + 0x18, BUFFER_BYTES);
		put32(mpt + 0x30, (u32)mtt);
		put32(mpt + 0x34, BUFFER_BYTES / 4096);
		put32(mpt + 0x38, 12);
	}
}

static void prepare(void)
{
	for (int i = 0; i < NR_MACHINES; i++) {
		struct machine *m = &direct_machines[i];

		machine_bring_up(m);
		machine_port_up(m);
		buffers[i] = machine_alloc(m, BUFFER_BYTES);
		make_keys(m, buffers[i]);
		test_cq_create(&cqs[i], m, 0x85);
		records[i] = machine_alloc(m, 4);
		srqs[i] = test_srq_create(m, SRQN, records[i]);
		for (int k = 0; k < NR_QPS - 1; k++)
			test_qp_create(&qps[i][k], m, &cqs[i], kinds[k].qpn,
				       kinds[k].type);
		test_qp_create_shared(&qps[i][NR_QPS - 1], m, &cqs[i],
				      kinds[NR_QPS - 1].qpn, SRQN);
	}
	for (int k = 0; k < NR_QPS; k++)
		test_qp_connect(&qps[0][k], &qps[1][k]);
}

static u64 address(struct input *in, int i)
{
	return buffers[i] + input_take(in, 3) % (2 * BUFFER_BYTES);
}

/* Bytes as they are; the ownership bit right, or as they say. */
static void write_wqe(struct test_qp *qp, struct input *in, bool fix_owner)
{
	u8 *wqe = machine_at(qp->m, qp->send_ring) +
		  SEND_STRIDE * (qp->nr_sent % RING_ENTRIES);

	memset(wqe + 1, 0, SEND_STRIDE - 1);
	input_fill(in, wqe, SEND_STRIDE);
	if (fix_owner)
		wqe[0] = (u8)((wqe[0] & 0x7f) |
			      (qp->nr_sent & RING_ENTRIES ? 0x80 : 0));
	qp->nr_sent++;
	machine_write32(qp->m, 2, 128 * 4096 + 0x14, qp->qpn << 8);
}

/* A request that has a chance: kind, head, one segment. */
static void send(struct test_qp *qp, struct input *in, int i)
{
	u8 head[48] = {0};
	u8 how = (u8)input_take(in, 1);
	u32 key = 0x100 + input_take(in, 1) % (NR_KEYS + 1);
	u64 va = address(in, i), remote = address(in, !i);
	u32 bytes = input_take(in, 3), head_bytes = how >> 6 << 4;

	put64(head, remote);
	put32(head + 8, key << 8);
	if (qp->qpn == kinds[2].qpn) { /* an address vector */
		head[0] = 1;           /* the port */
		put16(head + 6, (u16)input_take(in, 1));
		put32(head + 0x20, kinds[2].qpn);
		put32(head + 0x24, 0x11111111);
		head_bytes = sizeof(head);
	}
	input_fill(in, head, sizeof(head));
	test_post_send(qp, how & 0x1f, key << 8, head, head_bytes, va, bytes,
		       how & 0x20 ? key << 8 : KEY_ALL);
}

static void post_shared(struct machine *m, struct input *in, int i)
{
	u32 posted = get32(machine_at(m, records[i]));
	u8 *entry = machine_at(m, srqs[i]) + 32 * (posted & 3);

	put16(entry + 2, (u16)(posted + 1) & 3);
	put32(entry + 16, input_take(in, 2));
	put32(entry + 20, KEY_ALL);
	put64(entry + 24, address(in, i));
	input_fill(in, entry, 32);
	put32(machine_at(m, records[i]), posted + 1);
}

static void fill(struct machine *m, struct input *in, u32 at)
{
	at %= DIRECT_BYTES;
	input_fill(in, m->memory + at, DIRECT_BYTES - at);
}

/* What a driver may do to a queue pair in use: 0x1c to 0x23. */
static void change_state(struct test_qp *qp, struct input *in)
{
	u16 opcode = (u16)(0x1c + (input_take(in, 1) & 7));

	input_fill(in, machine_at(qp->m, qp->m->mailbox), 256);
	machine_command(qp->m, opcode, 0, qp->qpn, qp->m->mailbox,
			qp->m->mailbox + 2048);
}

static void one(struct input *in)
{
	u32 op = input_take(in, 1);
	int i = op >> 7;
	struct machine *m = &direct_machines[i];
	struct test_qp *qp = &qps[i][op >> 5 & 3];

	switch (op & 15) {
	case 0:
	case 1:
		write_wqe(qp, in, op & 1);
		break;
	case 2:
	case 3:
		send(qp, in, i);
		break;
	case 4:
		if (qp->recv_ring)
			test_post_recv(qp, address(in, i), input_take(in, 2),
				       KEY_ALL);
		break;
	case 5:
		post_shared(m, in, i);
		break;
	case 6:
		fill(m, in,
		     ICM_MPT + 64 * (0x100 + input_take(in, 1) % NR_KEYS) +
			     input_take(in, 1) % 64);
		break;
	case 7:
		fill(m, in, ICM_MTT + 8 * input_take(in, 1));
		break;
	case 8:
		fill(m, in, input_take(in, 3));
		break;
	case 9:
		fill(m, in,
		     (u32)(qp->send_ring - MEMORY_BASE) +
			     input_take(in, 2) % 8192);
		break;
	case 10:
		put32(machine_at(m, qp->record), input_take(in, 2));
		break;
	case 11:
		direct_pass(1ull << (input_take(in, 1) & 31));
		break;
	case 12:
		change_state(qp, in);
		break;
	default:
		machine_write32(m, 2, 128 * 4096 + 0x14, qp->qpn << 8);
	}
	if (op & 0x10)
		fabric_settle();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};

	direct_reset();
	prepare();
	while (in.size)
		one(&in);
	direct_pass(1000000000);
	return 0;
}
