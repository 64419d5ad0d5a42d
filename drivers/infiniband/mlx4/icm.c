/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory the card keeps its tables in.
 *
 * The card has a 64-bit virtual memory of its own (ICM), empty at start.  We
 * choose how large each table is and where it lies, give the card memory for
 * it in chunks, and tell it with INIT_HCA.  Only the MTT table is ever written
 * by us, through mlx4_table_entry().
 *
 * Layout: the four control MPT regions first, at fixed distances of 2^24
 * entries of which only the beginning is mapped; behind them the tables by
 * decreasing size, so that each is aligned to its size.
 */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

#define CHUNK_BYTES       (256u << 10)
#define CMPT_REGION_SHIFT 24

/*
 * Our profile: a node has some QPs a peer and CPU, few keys but long ones.
 * About 4 MiB in all.
 */
#define LOG_QPS         11
#define LOG_CQS         9
#define LOG_SRQS        7
#define LOG_MPTS        12
#define LOG_MTTS        17
#define LOG_MCGS        8
#define MCG_ENTRY_BYTES 64
#define LOG_RDMARC_A_QP 4

/* ---- numbers -------------------------------------------------- */

int mlx4_ids_init(struct mlx4_ids *ids, const char *name, u32 first, u32 limit)
{
	CHECK(first >= 1 && first < limit); /* 0 means none */
	spin_lock_init(&ids->lock, name, LOCK_IB_TABLE);
	ids->first = first;
	ids->next = first;
	ids->limit = limit;
	ids->used = kcalloc(BITMAP_WORDS(limit), sizeof(u64));
	return ids->used ? 0 : -ENOMEM;
}

u32 mlx4_ids_get(struct mlx4_ids *ids, u32 n)
{
	u64 flags = spin_lock_irqsave(&ids->lock);
	size_t id =
		bitmap_find_clear_range(ids->used, ids->limit, ids->next, n);

	if (id + n > ids->limit)
		id = bitmap_find_clear_range(ids->used, ids->limit, ids->first,
					     n);
	if (id + n > ids->limit) {
		id = 0;
	} else {
		bitmap_set_range(ids->used, id, n);
		/* A number comes back late, so that stale users are noticed. */
		ids->next = id + n < ids->limit ? (u32)(id + n) : ids->first;
	}
	spin_unlock_irqrestore(&ids->lock, flags);
	return (u32)id;
}

void mlx4_ids_put(struct mlx4_ids *ids, u32 id, u32 n)
{
	u64 flags = spin_lock_irqsave(&ids->lock);

	CHECK(id >= ids->first && id + n <= ids->limit);
	ASSERT(bitmap_test(ids->used, id));
	bitmap_clear_range(ids->used, id, n);
	spin_unlock_irqrestore(&ids->lock, flags);
}

/* ---- memory --------------------------------------------------- */

void **mlx4_chunks_alloc(u64 total, u32 *chunk_bytes, u32 *nr)
{
	u64 size = min_t(u64, CHUNK_BYTES,
			 max_t(u64, roundup_pow2(total), MLX4_PAGE_BYTES));
	u32 n = (u32)DIV_ROUND_UP(total, size);
	void **chunks = kcalloc(n, sizeof(*chunks));
	u32 i = 0;

	if (!chunks)
		return NULL;
	for (; i < n; i++) {
		dma_addr_t dma;

		chunks[i] = dma_alloc(size, &dma);
		if (!chunks[i])
			goto free_chunks;
	}
	*chunk_bytes = (u32)size;
	*nr = n;
	return chunks;
free_chunks:
	while (i-- > 0)
		dma_free(chunks[i], size);
	kfree(chunks);
	return NULL;
}

void *mlx4_table_entry(struct mlx4_dev *m, enum mlx4_table_id id, u32 i)
{
	struct mlx4_table *t = &m->table[id];
	u64 offset = (u64)i * t->entry_bytes;

	CHECK(offset + t->entry_bytes <= t->bytes);
	return (u8 *)t->chunk[offset / t->chunk_bytes] +
	       offset % t->chunk_bytes;
}

/* ---- layout --------------------------------------------------- */

static u32 log_at_least(u32 log, u32 reserved, u32 wanted)
{
	return max_t(u32, log, ilog2_up(reserved + wanted));
}

static void set_table(struct mlx4_dev *m, enum mlx4_table_id id, u32 log,
		      u32 entry_bytes)
{
	struct mlx4_table *t = &m->table[id];

	/* A card that reports no size gets one all the same. */
	t->entry_bytes = (u32)roundup_pow2(entry_bytes ? entry_bytes : 64);
	t->log_entries = log;
	t->bytes = ALIGN_UP((u64)t->entry_bytes << log, MLX4_PAGE_BYTES);
}

static void choose_sizes(struct mlx4_dev *m)
{
	struct mlx4_caps *c = &m->caps;
	const struct mlx4_dev_cap *d = &c->raw;
	u32 cmpt = HW_GET(d, CAP_CMPT_BYTES);
	u32 qps = log_at_least(LOG_QPS, c->rsvd_qps, 256);
	u32 cqs = log_at_least(LOG_CQS, c->rsvd_cqs, 64);
	u32 srqs = log_at_least(LOG_SRQS, c->rsvd_srqs, 1);
	u32 eqs = c->nr_sys_eqs ? ilog2_up(c->nr_sys_eqs)
				: ilog2_up(c->rsvd_eqs + MLX4_MAX_COMP_EQS + 1);
	u32 rdmarc = qps + LOG_RDMARC_A_QP;

	set_table(m, MLX4_T_QPC, qps, HW_GET(d, CAP_QPC_BYTES));
	set_table(m, MLX4_T_AUXC, qps, HW_GET(d, CAP_AUXC_BYTES));
	set_table(m, MLX4_T_ALTC, qps, HW_GET(d, CAP_ALTC_BYTES));
	set_table(m, MLX4_T_RDMARC, rdmarc, HW_GET(d, CAP_RDMARC_BYTES));
	set_table(m, MLX4_T_CQC, cqs, HW_GET(d, CAP_CQC_BYTES));
	set_table(m, MLX4_T_SRQC, srqs, HW_GET(d, CAP_SRQC_BYTES));
	set_table(m, MLX4_T_EQC, eqs, HW_GET(d, CAP_EQC_BYTES));
	set_table(m, MLX4_T_DMPT, log_at_least(LOG_MPTS, c->rsvd_mpts, 64),
		  HW_GET(d, CAP_DMPT_BYTES));
	set_table(m, MLX4_T_MTT, log_at_least(LOG_MTTS, c->rsvd_mtts, 4096), 8);
	set_table(m, MLX4_T_MCG, LOG_MCGS, MCG_ENTRY_BYTES);
	set_table(m, MLX4_T_CMPT_QP, qps, cmpt);
	set_table(m, MLX4_T_CMPT_SRQ, srqs, cmpt);
	set_table(m, MLX4_T_CMPT_CQ, cqs, cmpt);
	set_table(m, MLX4_T_CMPT_EQ, eqs, cmpt);
}

/* Place all tables; their order in the array is not that of addresses. */
static void choose_places(struct mlx4_dev *m)
{
	bool placed[NR_MLX4_TABLES] = {false};
	u64 va = 0;

	for (u32 id = MLX4_T_CMPT_QP; id <= MLX4_T_CMPT_EQ; id++) {
		m->table[id].va = va;
		va += (u64)m->table[id].entry_bytes << CMPT_REGION_SHIFT;
		placed[id] = true;
	}
	for (;;) {
		struct mlx4_table *largest = NULL;

		for (u32 id = 0; id < NR_MLX4_TABLES; id++)
			if (!placed[id] &&
			    (!largest || m->table[id].bytes > largest->bytes))
				largest = &m->table[id];
		if (!largest)
			break;
		va = ALIGN_UP(va, roundup_pow2(largest->bytes));
		largest->va = va;
		va += largest->bytes;
		placed[largest - m->table] = true;
	}
	m->icm_bytes = va;
}

static int give_aux(struct mlx4_dev *m)
{
	u32 chunk_bytes, nr;
	u64 pages;
	void **chunks;
	int err = mlx4_fw_set_icm_size(m, m->icm_bytes, &pages);

	if (err)
		return err;
	if (pages > 1u << 16) {
		pr_err("the card asks for %lu auxiliary pages", pages);
		return -ENOMEM;
	}
	if (!pages)
		return 0;
	chunks = mlx4_chunks_alloc(pages << MLX4_PAGE_SHIFT, &chunk_bytes, &nr);
	if (!chunks)
		return -ENOMEM;
	/* The card keeps it until it is reset: the list is not needed. */
	err = mlx4_fw_map(m, MLX4_MAP_ICM_AUX, 0, chunks, nr, chunk_bytes);
	kfree(chunks);
	return err;
}

int mlx4_icm_start(struct mlx4_dev *m)
{
	u64 mapped = 0;
	int err;

	choose_sizes(m);
	choose_places(m);
	err = give_aux(m);
	for (u32 id = 0; id < NR_MLX4_TABLES && !err; id++) {
		struct mlx4_table *t = &m->table[id];

		t->chunk = mlx4_chunks_alloc(t->bytes, &t->chunk_bytes,
					     &t->nr_chunks);
		if (!t->chunk)
			return -ENOMEM;
		err = mlx4_fw_map(m, MLX4_MAP_ICM, t->va, t->chunk,
				  t->nr_chunks, t->chunk_bytes);
		mapped += t->bytes;
	}
	pr_debug("card memory: %lu KiB mapped of %lu MiB", mapped >> 10,
		 m->icm_bytes >> 20);
	return err;
}
