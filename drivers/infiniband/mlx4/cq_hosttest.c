/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking the completions of one queue pair out of a queue. */
#include "mlx4.h"
#include <lib/byteorder.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>

#define ENTRIES 16u
#define ROUNDS  2000u

static struct mlx4_cqe cqes[ENTRIES];
static u8 record[8];

/* As the card writes entry @n. */
static void produce(u32 n, u32 qpn, u32 tag)
{
	struct mlx4_cqe *cqe = &cqes[n % ENTRIES];

	memset(cqe, 0, sizeof(*cqe));
	HW_SET(cqe, qpn, CQE_QPN);
	HW_SET(cqe, tag, CQE_BYTES);
	HW_SET(cqe, !!(n & ENTRIES), CQE_OWNER);
}

static bool is_ready(u32 n)
{
	return HW_GET(&cqes[n % ENTRIES], CQE_OWNER) == !!(n & ENTRIES);
}

static void empty(u32 ci)
{
	for (u32 n = ci; n < ci + ENTRIES; n++)
		HW_SET(&cqes[n % ENTRIES], !(n & ENTRIES), CQE_OWNER);
}

KTEST(forgetting_a_queue_pair_keeps_the_others_in_order)
{
	struct mlx4_cq cq = {
		.mask = ENTRIES - 1, .cqes = (u8 *)cqes, .db = record};
	struct mlx4_qp gone = {.qpn = 7};
	struct rand r;

	rand_seed(&r, 1);
	spin_lock_init(&cq.lock, "cq", LOCK_CQ);
	for (u32 round = 0; round < ROUNDS; round++) {
		u32 n = (u32)rand_below(&r, ENTRIES + 1), kept[ENTRIES];
		u32 start = (u32)rand_below(&r, 4 * ENTRIES), nr_kept = 0;

		empty(start);
		for (u32 i = 0; i < n; i++) {
			u32 qpn = (u32)rand_below(&r, 3) + 6;

			produce(start + i, qpn, 100 + i);
			if (qpn != gone.qpn)
				kept[nr_kept++] = 100 + i;
		}
		cq.ci = start;
		mlx4_cq_forget_qp(&cq, &gone);
		EXPECT_EQ(cq.ci, start + n - nr_kept);
		if (nr_kept < n)
			EXPECT_EQ(get_be32(record), cq.ci & 0xffffff);
		for (u32 i = 0; i < nr_kept; i++) {
			struct mlx4_cqe *cqe = &cqes[(cq.ci + i) % ENTRIES];

			EXPECT_TRUE(is_ready(cq.ci + i));
			EXPECT_EQ(HW_GET(cqe, CQE_BYTES), kept[i]);
		}
		if (n < ENTRIES)
			EXPECT_TRUE(!is_ready(start + n));
	}
}
