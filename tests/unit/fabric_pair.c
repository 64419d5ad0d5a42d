/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fabric_pair.h"

void test_fill(u8 *p, u32 bytes, u32 seed)
{
	for (u32 i = 0; i < bytes; i++)
		p[i] = (u8)((i * 7 + seed) ^ i >> 8);
}

bool test_is_filled(const u8 *p, u32 bytes, u32 seed)
{
	for (u32 i = 0; i < bytes; i++)
		if (p[i] != (u8)((i * 7 + seed) ^ i >> 8))
			return false;
	return true;
}

u8 *pair_at(struct pair *p, int i)
{
	return machine_at(&p->m[i], p->buffer[i]);
}

static void start(struct pair *p, enum qp_type type)
{
	static const u32 qpns[] = {QPN_A, QPN_B};

	fabric_start();
	for (int i = 0; i < 2; i++) {
		machine_start(&p->m[i], (unsigned int)i);
		machine_bring_up(&p->m[i]);
		machine_port_up(&p->m[i]);
		test_cq_create(&p->cq[i], &p->m[i], 0x85);
		p->buffer[i] = machine_alloc(&p->m[i], BUFFER_BYTES);
		EXPECT_EQ(test_qp_create(&p->qp[i], &p->m[i], &p->cq[i],
					 qpns[i], type),
			  0);
	}
}

void pair_start(struct pair *p, enum qp_type type)
{
	start(p, type);
	test_qp_connect(&p->qp[0], &p->qp[1]);
}

void pair_start_patient(struct pair *p, enum qp_type type,
			struct test_patience how)
{
	start(p, type);
	test_qp_connect_patient(&p->qp[0], &p->qp[1], how);
}

void pair_stop(struct pair *p)
{
	machine_stop(&p->m[0]);
	machine_stop(&p->m[1]);
	fabric_stop();
}

void expect_cqe(struct test_cq *cq, bool is_send, u8 syndrome)
{
	struct test_cqe cqe = {0};

	EXPECT_TRUE(test_cq_wait(cq, &cqe));
	EXPECT_EQ(cqe.is_send, is_send);
	EXPECT_EQ(cqe.syndrome, syndrome);
}

void expect_nothing(struct test_cq *cq)
{
	struct test_cqe cqe;

	EXPECT_TRUE(!test_cq_poll(cq, &cqe));
}
