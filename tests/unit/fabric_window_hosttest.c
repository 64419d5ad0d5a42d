/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory keys that work requests make: windows, and fast registration. */
#include "fabric_pair.h"
#include "tools/fabric/cmd.h"

#include <string.h>

enum {
	REGION = 0x101, /* indices of entries of machine 1 */
	WINDOW = 0x103,
	FAST = 0x104,
	BYTES = 64,
	LOCAL_RIGHTS = 0x03000000, /* may be invalidated */
	FAST_RIGHT = 0x08000000,
	QPN_C = 0x4a, /* a second pair */
	QPN_D = 0x104b,
};

static const u32 type_1_flags = 0xf0020000, type_2_flags = 0x30020000;
static const u32 type_2 = 1u << 31;

/* SW2HW_MPT of machine 1's entry @index, @bytes of its buffer. */
static void make_key(struct pair *p, u32 index, u32 flags, u32 bytes)
{
	struct machine *m = &p->m[1];
	u8 *in = machine_at(m, m->mailbox);

	memset(in, 0, 64);
	put32(in, flags);
	put32(in + 0x08, index);
	put32(in + 0x0c, LOCAL_RIGHTS | FAST_RIGHT | PD);
	put64(in + 0x10, p->buffer[1]);
	put64(in + 0x18, bytes);
	put24(in + 0x25, 7); /* the card's own count begins at none */
	EXPECT_EQ(machine_command(m, 0x00d, 0, index, m->mailbox, 0), CMD_OK);
}

static u8 drop_key(struct pair *p, u32 index)
{
	return machine_command(&p->m[1], 0x00f, 1, index, 0, 0);
}

/* All rights, windows; physical. */
static void start(struct pair *p)
{
	pair_start(p, QP_RC);
	make_key(p, REGION, 0xf002ff00, BUFFER_BYTES);
}

/* Machine 1 binds its window, @bytes of the buffer; 0: unbinds. */
static void bind(struct pair *p, u32 bytes, u32 flags)
{
	u8 head[32] = {0};

	put32(head, 3u << 29); /* remote read, write */
	put32(head + 0x04, flags);
	put32(head + 0x08, WINDOW << 8);
	put32(head + 0x0c, REGION << 8);
	put64(head + 0x10, p->buffer[1]);
	put64(head + 0x18, bytes);
	test_post_send(&p->qp[1], SEND_BIND_MW, 0, head, 32, 0, 0, 0);
	expect_cqe(&p->cq[1], true, WC_OK);
}

static void invalidate(struct pair *p, struct test_qp *qp, u32 index,
		       u8 syndrome)
{
	u8 head[32] = {0};

	put32(head + 8, index << 8);
	test_post_send(qp, SEND_LOCAL_INVALIDATE, 0, head, 32, 0, 0, 0);
	expect_cqe(&p->cq[1], true, syndrome);
}

/* Machine 0 writes through the window. */
static void write_through(struct pair *p, u8 syndrome)
{
	test_post_rdma(&p->qp[0], SEND_RDMA_WRITE, p->buffer[0], BYTES,
		       p->buffer[1], WINDOW << 8);
	expect_cqe(&p->cq[0], true, syndrome);
}

KTEST(a_region_stays_while_a_window_is_bound_to_it)
{
	struct pair p;

	start(&p);
	make_key(&p, WINDOW, type_1_flags, 0);
	bind(&p, BYTES, 0);
	EXPECT_EQ(drop_key(&p, REGION), CMD_REG_BOUND);
	write_through(&p, WC_OK);
	bind(&p, 2 * BYTES, 0); /* again: it counts once */
	bind(&p, 0, 0);
	EXPECT_EQ(drop_key(&p, REGION), CMD_OK);
	EXPECT_EQ(drop_key(&p, REGION), CMD_OK);
	write_through(&p, WC_REMOTE_ACCESS);
	pair_stop(&p);
}

KTEST(a_window_that_is_dropped_lets_its_region_go)
{
	struct pair p;

	start(&p);
	make_key(&p, WINDOW, type_1_flags, 0);
	bind(&p, BYTES, 0);
	EXPECT_EQ(drop_key(&p, WINDOW), CMD_OK);
	EXPECT_EQ(drop_key(&p, REGION), CMD_OK);
	pair_stop(&p);
}

KTEST(an_invalidated_window_lets_its_region_go)
{
	struct pair p;

	start(&p);
	make_key(&p, WINDOW, type_2_flags, 0);
	bind(&p, BYTES, type_2);
	write_through(&p, WC_OK);
	invalidate(&p, &p.qp[1], WINDOW, WC_OK);
	invalidate(&p, &p.qp[1], REGION, WC_OK);
	pair_stop(&p);
}

KTEST(a_region_with_a_window_cannot_be_invalidated)
{
	struct pair p;

	start(&p);
	make_key(&p, WINDOW, type_2_flags, 0);
	bind(&p, BYTES, type_2);
	invalidate(&p, &p.qp[1], REGION, WC_BIND);
	pair_stop(&p);
}

/* A host may write its tables without a command. */
KTEST(a_window_gives_nothing_when_its_region_is_gone)
{
	struct pair p;

	start(&p);
	make_key(&p, WINDOW, type_1_flags, 0);
	bind(&p, BYTES, 0);
	write_through(&p, WC_OK);
	p.m[1].memory[ICM_MPT + REGION * 64] |= 0xf0;
	write_through(&p, WC_REMOTE_ACCESS);
	pair_stop(&p);
}

KTEST(a_type_2_window_is_ended_by_its_own_queue_pair_only)
{
	struct test_qp c, d;
	struct pair p;

	start(&p);
	EXPECT_EQ(test_qp_create(&c, &p.m[0], &p.cq[0], QPN_C, QP_RC), 0);
	EXPECT_EQ(test_qp_create(&d, &p.m[1], &p.cq[1], QPN_D, QP_RC), 0);
	test_qp_connect(&c, &d);
	make_key(&p, WINDOW, type_2_flags, 0);
	bind(&p, BYTES, type_2);
	invalidate(&p, &d, WINDOW, WC_BIND);
	write_through(&p, WC_OK);
	pair_stop(&p);
}

/* Pages of 4 MiB; the region begins in the first one's last 4 KiB. */
KTEST(a_fast_registration_begins_anywhere_in_a_large_page)
{
	enum { PAGE_SHIFT = 22, IN_PAGE = (1 << PAGE_SHIFT) - 4096 };
	u64 va = 0x7000000000 + IN_PAGE, list;
	struct machine *m;
	u8 head[48] = {0};
	struct pair p;

	start(&p);
	m = &p.m[1];
	make_key(&p, FAST, 0x30020100, 0);
	put32(m->memory + ICM_MPT + FAST * 64 + 0x30,
	      (u32)machine_mtt(m, p.buffer[1]));
	machine_mtt(m, p.buffer[1]);
	put32(m->memory + ICM_MPT + FAST * 64 + 0x34, 2);
	list = machine_alloc(m, 16);
	put64(machine_at(m, list), (p.buffer[1] - IN_PAGE) | 1);
	put64(machine_at(m, list) + 8, (p.buffer[1] + 4096) | 1);
	put32(head, 0xf8000000); /* all rights */
	put32(head + 0x04, FAST << 8);
	put64(head + 0x08, list);
	put64(head + 0x10, va);
	put64(head + 0x18, 8192);
	head[0x27] = PAGE_SHIFT;
	test_post_send(&p.qp[1], SEND_FAST_REGISTER, 0, head, 48, 0, 0, 0);
	expect_cqe(&p.cq[1], true, WC_OK);
	test_fill(pair_at(&p, 0), 8192, 11);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 8192, va,
		       FAST << 8);
	expect_cqe(&p.cq[0], true, WC_OK);
	EXPECT_TRUE(test_is_filled(pair_at(&p, 1), 8192, 11));
	pair_stop(&p);
}
