/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a card does beside moving messages, and what it refuses. */
#include "fabric_pair.h"

#include <string.h>

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
