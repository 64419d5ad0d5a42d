/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command interface: any HCR contents, any mailbox, in any order, with
 * doorbells and time between.  The input is a program; its first byte says
 * how far a driver has brought the cards before it runs.
 */
#include "fabric_direct.h"

#include <string.h>

enum {
	IS_UP = 1, /* else the program finds cards after reset */
	HAS_PORTS = 2,
	HAS_QUEUES = 4,
	HAS_BLUEFLAME = 8,

	UAR = 128 * 4096,
	CQN = 0x85,
	QPN = 0x48,
	SRQN = 0x41,
};

static struct test_cq cqs[NR_MACHINES];
static struct test_qp qps[NR_MACHINES];

static void make_queues(void)
{
	for (int i = 0; i < NR_MACHINES; i++) {
		struct machine *m = &direct_machines[i];

		test_cq_create(&cqs[i], m, CQN);
		test_srq_create(m, SRQN, machine_alloc(m, 4));
		test_qp_create(&qps[i], m, &cqs[i], QPN, QP_RC);
	}
	test_qp_connect(&qps[0], &qps[1]);
}

static void prepare(u8 how)
{
	for (int i = 0; i < NR_MACHINES; i++) {
		struct machine *m = &direct_machines[i];

		if (how & (IS_UP | HAS_PORTS | HAS_QUEUES))
			machine_bring_up(m);
		if (how & HAS_PORTS)
			machine_port_up(m);
	}
	if (how & HAS_QUEUES)
		make_queues();
	test_fabric.has_blueflame = how & HAS_BLUEFLAME;
}

/* The opcodes that exist are below 0x80 or in the last 0x80. */
static void command(struct machine *m, struct input *in)
{
	u32 opcode = input_take(in, 1), flags = input_take(in, 1);
	u32 in_mod = input_take(in, 3) | (flags & 0x80 ? 1u << 31 : 0);
	u32 dwords[7] = {
		0,
		(u32)m->mailbox,
		in_mod,
		0,
		(u32)m->mailbox + 0x800,
		input_take(in, 1) << 16,
		1u << 23 | (flags & 0x10 ? 1u << 22 : 0) | (flags & 0xf) << 12 |
			(opcode & 0x80 ? 0xf00 | opcode : opcode),
	};

	if (flags & 0x20)
		for (int i = 0; i < 2; i++)
			dwords[i] = input_take(in, 4);
	if (flags & 0x40)
		for (int i = 3; i < 5; i++)
			dwords[i] = input_take(in, 4);
	for (u32 i = 0; i < 7; i++)
		machine_write32(m, 0, 0x80680 + 4 * i, dwords[i]);
}

static void doorbell(struct machine *m, struct input *in)
{
	u32 kind = input_take(in, 1), number = input_take(in, 4);

	switch (kind & 3) {
	case 0:
		machine_write32(m, 2, UAR + 0x14, number);
		break;
	case 1:
		machine_write32(m, 2, UAR + 0x20, number);
		machine_write32(m, 2, UAR + 0x24, input_take(in, 3));
		break;
	case 2:
		machine_write32(m, 2,
				kind / 16 * 4096u + 0x800 + (kind & 12) * 2,
				number);
		break;
	default:
		machine_write32(m, 2, input_take(in, 3) % BAR2_BYTES & ~3u,
				number);
	}
}

static void fill(struct machine *m, struct input *in, u32 at)
{
	at %= DIRECT_BYTES;
	input_fill(in, m->memory + at, DIRECT_BYTES - at);
}

static void one(struct input *in)
{
	u32 op = input_take(in, 1), i = op >> 7;
	struct machine *m = &direct_machines[i];
	u32 page;

	switch (op & 7) {
	case 0:
		fill(m, in,
		     (u32)(m->mailbox - MEMORY_BASE) + input_take(in, 1));
		break;
	case 1:
	case 2:
		command(m, in);
		break;
	case 3:
		doorbell(m, in);
		break;
	case 4:
		fill(m, in, input_take(in, 3));
		break;
	case 5:
		direct_pass(1ull << (input_take(in, 1) & 31));
		break;
	case 6:
		page = input_take(in, 2) % (DIRECT_BYTES / 4096);
		machine_mtt(m, MEMORY_BASE + 4096 * page);
		break;
	default:
		page = input_take(in, 3) & (BAR0_BYTES - 4);
		if (op & 8)
			machine_read32(m, 0, page);
		else
			machine_write32(m, 0, page, input_take(in, 4));
	}
	fabric_settle();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};

	direct_reset();
	prepare((u8)input_take(&in, 1));
	while (in.size)
		one(&in);
	direct_pass(1000000000);
	return 0;
}
