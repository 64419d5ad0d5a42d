/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_PAIR_H
#define FABRIC_PAIR_H

/* Two cards with a connected queue pair each, for the transports' tests. */
#include "fabric_client.h"

#include <lib/ktest.h>

struct pair {
	struct machine m[2];
	struct test_cq cq[2];
	struct test_qp qp[2];
	u64 buffer[2]; /* 1 MiB each */
};

enum { BUFFER_BYTES = 1 << 20, QPN_A = 0x48, QPN_B = 0x1049 };

/* A pattern of bytes that @seed chooses. */
void test_fill(u8 *p, u32 bytes, u32 seed);
bool test_is_filled(const u8 *p, u32 bytes, u32 seed);

void pair_start(struct pair *p, enum qp_type type);
void pair_start_patient(struct pair *p, enum qp_type type,
			struct test_patience how);
void pair_stop(struct pair *p);

/* The buffer of end @i. */
u8 *pair_at(struct pair *p, int i);

void expect_cqe(struct test_cq *cq, bool is_send, u8 syndrome);
void expect_nothing(struct test_cq *cq);

#endif /* FABRIC_PAIR_H */
