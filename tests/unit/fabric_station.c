/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fabric_station.h"
#include "tools/fabric/mad.h"

#include <lib/ktest.h>
#include <string.h>

void station_start(struct station *s, unsigned int card)
{
	machine_start(&s->m, card);
	machine_bring_up(&s->m);
	machine_port_up(&s->m);
	test_cq_create(&s->cq, &s->m, 0x85);
	/* QP1 of the port, as CONF_SPECIAL_QP placed it */
	EXPECT_EQ(test_qp_create(&s->gsi, &s->m, &s->cq, 64 + 2, QP_MLX), 0);
	EXPECT_EQ(test_qp_rtr(&s->gsi, 0, 0, 0), 0);
	EXPECT_EQ(test_qp_rts(&s->gsi, 0), 0);
	s->buffer = machine_alloc(&s->m, 8192);
	s->packet = machine_alloc(&s->m, 4096);
	for (int i = 0; i < 8; i++)
		test_post_recv(&s->gsi, s->buffer + 512u * (u32)i, 296,
			       KEY_ALL);
}

u8 *mad_at(struct station *s)
{
	u8 *p = machine_at(&s->m, s->packet);

	memset(p, 0, 4096);
	return p + 28;
}

void mad_send(struct station *s, u16 dlid, u16 pkey)
{
	u8 *p = machine_at(&s->m, s->packet);

	p[1] = 2;
	put16(p + 2, dlid);
	p[8] = 0x64;
	put16(p + 10, pkey);
	put24(p + 13, 1);
	put32(p + 20, QKEY_GSI);
	put24(p + 25, 1);
	test_post_send(&s->gsi, SEND_SEND, (u32)dlid << 16, NULL, 0, s->packet,
		       28 + MAD_BYTES + 4, KEY_ALL);
}

u8 *mad_wait(struct station *s)
{
	struct test_cqe cqe;

	while (test_cq_wait(&s->cq, &cqe)) {
		u32 slot = cqe.wqe_index % 8u;

		if (cqe.is_send)
			continue;
		EXPECT_EQ(cqe.bytes, 40 + MAD_BYTES);
		test_post_recv(&s->gsi, s->buffer + 512u * slot, 296, KEY_ALL);
		return machine_at(&s->m, s->buffer + 512u * slot) + 40;
	}
	return NULL;
}
