/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys to memory.
 *
 * An MPT entry says what a key allows: protection domain, range, rights, and
 * either "addresses are physical" or where its page list (MTT) begins.  A key
 * is the entry's index rotated left by 8; the low byte changes with each use
 * of an entry, so that a key that was revoked does not become valid again
 * with the entry's next owner.
 */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include <arch/x86/barrier.h>
#include <kernel/assert.h>
#include <lib/byteorder.h>
#include <lib/errno.h>
#include <lib/string.h>

#define MTT_ENTRY_BYTES 8
#define MAX_PAGE_SHIFT  30
#define INDEX_OF_KEY(k) ((k) >> 8)

/* ---- MTT ------------------------------------------------------ */

static void mtt_write(struct mlx4_dev *m, u32 first, u64 paddr, u32 shift,
		      u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		put_be64(mlx4_table_entry(m, MLX4_T_MTT, first + i),
			 (paddr + ((u64)i << shift)) | MLX4_MTT_PRESENT);
	dma_wmb(); /* before the command that makes the card look */
}

int mlx4_buf_alloc(struct mlx4_dev *m, u32 bytes, struct mlx4_buf *buf)
{
	buf->bytes = (u32)max_t(u64, roundup_pow2(bytes), MLX4_PAGE_BYTES);
	buf->kaddr = dma_alloc(buf->bytes, &buf->dma);
	if (!buf->kaddr)
		return -ENOMEM;
	/* It is aligned to its size: one translation entry for all. */
	ASSERT(IS_ALIGNED(buf->dma, buf->bytes));
	buf->log_page = ilog2(buf->bytes) - MLX4_PAGE_SHIFT;
	buf->nr_mtts = 1;
	buf->mtt = mlx4_ids_get(&m->mtts, buf->nr_mtts);
	if (!buf->mtt) {
		dma_free(buf->kaddr, buf->bytes);
		return -ENOMEM;
	}
	mtt_write(m, buf->mtt, buf->dma, ilog2(buf->bytes), buf->nr_mtts);
	return 0;
}

void mlx4_buf_free(struct mlx4_dev *m, struct mlx4_buf *buf)
{
	mlx4_ids_put(&m->mtts, buf->mtt, buf->nr_mtts);
	dma_free(buf->kaddr, buf->bytes);
}

/* ---- MPT ------------------------------------------------------ */

struct mpt_init {
	u32 pdn;
	u32 access;
	u64 start, bytes;
	bool physical;
	u32 mtt, page_shift; /* unless physical */
};

static u32 key_of(u32 index, u32 generation)
{
	return index << 8 | (generation & 0xff);
}

static int mpt_start(struct mlx4_dev *m, u32 key, const struct mpt_init *init)
{
	struct mlx4_mpt mpt = {{0}};

	HW_SET(&mpt, 0, MPT_STATUS);
	HW_SET(&mpt, 1, MPT_MIO);
	HW_SET(&mpt, 1, MPT_REGION);
	HW_SET(&mpt, 1, MPT_L_READ);
	HW_SET(&mpt, init->physical, MPT_PHYSICAL);
	HW_SET(&mpt, !!(init->access & IB_ACCESS_LOCAL_WRITE), MPT_L_WRITE);
	HW_SET(&mpt, !!(init->access & IB_ACCESS_REMOTE_READ), MPT_R_READ);
	HW_SET(&mpt, !!(init->access & IB_ACCESS_REMOTE_WRITE), MPT_R_WRITE);
	HW_SET(&mpt, !!(init->access & IB_ACCESS_REMOTE_ATOMIC), MPT_R_ATOMIC);
	HW_SET(&mpt, INDEX_OF_KEY(key) | key << 24, MPT_KEY);
	HW_SET(&mpt, init->pdn, MPT_PD);
	HW_SET64(&mpt, init->start, MPT_START);
	HW_SET64(&mpt, init->bytes, MPT_LENGTH);
	if (!init->physical) {
		u64 offset = (u64)init->mtt * MTT_ENTRY_BYTES;

		HW_SET(&mpt, (u32)(offset >> 32), MPT_MTT_HIGH);
		HW_SET(&mpt, (u32)offset, MPT_MTT_LOW);
		HW_SET(&mpt, init->page_shift, MPT_PAGE_SHIFT);
	}
	return mlx4_fw_sw2hw(m, MLX4_SW2HW_MPT, INDEX_OF_KEY(key), &mpt,
			     sizeof(mpt));
}

/* Counts uses of all entries: two uses of one are rarely 256 apart. */
static u32 next_generation(void)
{
	static atomic_t generation;

	return (u32)atomic_inc_return(&generation);
}

/* ---- protection domains --------------------------------------- */

int mlx4_pd_create(struct ib_device *ib, struct ib_pd **out)
{
	struct mlx4_dev *m = to_mlx4(ib);
	struct ib_pd *pd = kzalloc(sizeof(*pd));
	struct mpt_init init = {.access = IB_ACCESS_LOCAL_WRITE,
				.bytes = ~0ULL,
				.physical = true};
	u32 index;
	int err = -ENOMEM;

	if (!pd)
		return -ENOMEM;
	pd->dev = ib;
	pd->pdn = mlx4_ids_get(&m->pds, 1);
	if (!pd->pdn)
		goto free_pd;
	index = mlx4_ids_get(&m->mpts, 1);
	if (!index)
		goto put_pdn;
	init.pdn = pd->pdn;
	pd->local_lkey = key_of(index, next_generation());
	err = mpt_start(m, pd->local_lkey, &init);
	if (err)
		goto put_index;
	*out = pd;
	return 0;
put_index:
	mlx4_ids_put(&m->mpts, index, 1);
put_pdn:
	mlx4_ids_put(&m->pds, pd->pdn, 1);
free_pd:
	kfree(pd);
	return err;
}

void mlx4_pd_destroy(struct ib_pd *pd)
{
	struct mlx4_dev *m = to_mlx4(pd->dev);
	u32 index = INDEX_OF_KEY(pd->local_lkey);

	/* An entry that the card would not give back is not used again. */
	if (mlx4_fw_hw2sw(m, MLX4_HW2SW_MPT, index) == 0) {
		mlx4_ids_put(&m->mpts, index, 1);
		mlx4_ids_put(&m->pds, pd->pdn, 1);
	}
	kfree(pd);
}

/* ---- regions -------------------------------------------------- */

/* The largest page that all ranges are made of. */
static u32 common_shift(const struct ib_mr_init *init)
{
	u64 bits = init->iova;
	u32 shift;

	for (u32 i = 0; i < init->nr_ranges; i++) {
		bits |= init->ranges[i].paddr;
		if (i + 1 < init->nr_ranges)
			bits |= init->ranges[i].bytes;
	}
	shift = bits ? (u32)__builtin_ctzl(bits) : MAX_PAGE_SHIFT;
	return min_t(u32, shift, MAX_PAGE_SHIFT);
}

static int map_ranges(struct mlx4_dev *m, const struct ib_mr_init *init,
		      struct mlx4_mr *mr, struct mpt_init *mpt)
{
	u64 page, nr = 0;
	u32 next;

	mpt->page_shift = common_shift(init);
	if (mpt->page_shift < MLX4_PAGE_SHIFT)
		return -EINVAL;
	page = 1ULL << mpt->page_shift;
	for (u32 i = 0; i < init->nr_ranges; i++)
		nr += DIV_ROUND_UP(init->ranges[i].bytes, page);
	if (nr > mlx4_nr_entries(m, MLX4_T_MTT))
		return -ENOMEM;
	mr->nr_mtts = (u32)nr;
	mr->mtt = mlx4_ids_get(&m->mtts, mr->nr_mtts);
	if (!mr->mtt)
		return -ENOMEM;
	next = mr->mtt;
	for (u32 i = 0; i < init->nr_ranges; i++) {
		u32 n = (u32)DIV_ROUND_UP(init->ranges[i].bytes, page);

		mtt_write(m, next, init->ranges[i].paddr, mpt->page_shift, n);
		next += n;
	}
	mpt->mtt = mr->mtt;
	return 0;
}

int mlx4_mr_create(struct ib_pd *pd, const struct ib_mr_init *init,
		   struct ib_mr **out)
{
	struct mlx4_dev *m = to_mlx4(pd->dev);
	struct mlx4_mr *mr = kzalloc(sizeof(*mr));
	struct mpt_init mpt = {.pdn = pd->pdn, .access = init->access};
	int err = -ENOMEM;

	if (!mr)
		return -ENOMEM;
	for (u32 i = 0; i < init->nr_ranges; i++)
		mpt.bytes += init->ranges[i].bytes;
	mpt.physical = init->iova == IB_IOVA_PHYS;
	mpt.start = mpt.physical ? init->ranges[0].paddr : init->iova;
	if (!mpt.physical) {
		err = map_ranges(m, init, mr, &mpt);
		if (err)
			goto free_mr;
	}
	mr->index = mlx4_ids_get(&m->mpts, 1);
	if (!mr->index) {
		err = -ENOMEM;
		goto put_mtts;
	}
	mr->ib = (struct ib_mr){.pd = pd,
				.lkey = key_of(mr->index, next_generation()),
				.iova = mpt.start,
				.bytes = mpt.bytes};
	mr->ib.rkey = mr->ib.lkey;
	err = mpt_start(m, mr->ib.lkey, &mpt);
	if (err)
		goto put_index;
	*out = &mr->ib;
	return 0;
put_index:
	mlx4_ids_put(&m->mpts, mr->index, 1);
put_mtts:
	if (mr->nr_mtts)
		mlx4_ids_put(&m->mtts, mr->mtt, mr->nr_mtts);
free_mr:
	kfree(mr);
	return err;
}

void mlx4_mr_destroy(struct ib_mr *ib)
{
	struct mlx4_dev *m = to_mlx4(ib->pd->dev);
	struct mlx4_mr *mr = container_of(ib, struct mlx4_mr, ib);

	if (mlx4_fw_hw2sw(m, MLX4_HW2SW_MPT, mr->index) == 0) {
		mlx4_ids_put(&m->mpts, mr->index, 1);
		if (mr->nr_mtts)
			mlx4_ids_put(&m->mtts, mr->mtt, mr->nr_mtts);
	}
	kfree(mr);
}
