/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * s_read: file data from the disk to another node.
 *
 * A few transfer buffers of RPC_IO_MAX bytes lie in one registered region.  A
 * read takes one, has the disk fill it with as few requests as the file's
 * extents allow, and sends it by RDMA.
 */
#include <drivers/block.h>
#include <kernel/counters.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/page.h>

#include "storage.h"

#define NR_BUFFERS   4u
#define BUFFER_ORDER 6 /* RPC_IO_MAX */
#define POOL_ORDER   8
#define MAX_PIECES   64u

_Static_assert(PAGE_SIZE << BUFFER_ORDER == RPC_IO_MAX, "buffer size");
_Static_assert(NR_BUFFERS << BUFFER_ORDER == 1u << POOL_ORDER, "pool size");

static u8 *pool;
static struct spinlock pool_lock = SPINLOCK_INIT("storage_transfer", LOCK_LEAF);
static u32 free_buffers = (1u << NR_BUFFERS) - 1; /* [pool_lock] */
static DEFINE_WAITQ(pool_wait);
static DEFINE_MUTEX(region_lock, LOCK_PEER);
static struct region *region; /* made at the first use [region_lock] */

int transfer_start(void)
{
	pool = page_alloc(POOL_ORDER);
	return pool ? 0 : -ENOMEM;
}

/* The card may come up after us, so the region is made when it is needed. */
static int region_get(void)
{
	int err = 0;

	mutex_lock(&region_lock);
	if (!region)
		err = net_region_register(paddr_of(pool),
					  PAGE_SIZE << POOL_ORDER, 0, &region);
	mutex_unlock(&region_lock);
	return err;
}

static bool buffer_try(u8 **out)
{
	bool ok;

	spin_lock(&pool_lock);
	ok = free_buffers;
	if (ok) {
		u32 i = (u32)__builtin_ctz(free_buffers);

		free_buffers &= ~(1u << i);
		*out = pool + ((size_t)i << BUFFER_ORDER) * PAGE_SIZE;
	}
	spin_unlock(&pool_lock);
	return ok;
}

static void buffer_put(u8 *buffer)
{
	u32 i = (u32)((size_t)(buffer - pool) / RPC_IO_MAX);

	spin_lock(&pool_lock);
	free_buffers |= 1u << i;
	spin_unlock(&pool_lock);
	waitq_wake_one(&pool_wait);
}

/* What of a file goes where in a buffer. */
struct plan {
	struct block_io ios[MAX_PIECES];
	u32 nr;
	u32 bytes; /* planned so far: the rest is for another call */
};

/* Plan the blocks that hold [first, first + len) of the file; holes are
 * cleared.  Stops early when the pieces are used up. [storage.lock] */
static int plan_read(struct plan *plan, const struct ext4_inode *inode,
		     u64 offset, u32 len, u8 *buffer)
{
	u32 shift = storage.block_shift;

	while (plan->bytes < len && plan->nr < MAX_PIECES) {
		u64 lblk = (offset + plan->bytes) >> shift;
		u32 left = DIV_ROUND_UP(len - plan->bytes, 1u << shift);
		struct ext4_run run;
		u32 n;
		int err = ext4_map(storage.fs, inode, lblk, &run);

		if (err)
			return err;
		n = min(run.nr_blocks, left) << shift;
		if (run.is_hole)
			memset(buffer + plan->bytes, 0, n);
		else
			plan->ios[plan->nr++] = (struct block_io){
				.sector = run.pblk
					  << (shift - BLOCK_SECTOR_SHIFT),
				.paddr = paddr_of(buffer + plan->bytes),
				.bytes = n,
			};
		plan->bytes += n;
	}
	return 0;
}

static int read_file(struct rpc_ctx *ctx, const struct rpc_file_io *req,
		     struct rpc_file_io_reply *rep, u8 *buffer)
{
	u64 offset = le64_get(req->offset);
	u32 len = le32_get(req->len_bytes);
	struct bulk_seg seg = {.paddr = paddr_of(buffer)};
	struct ext4_inode inode;
	struct plan plan = {0};
	u32 skip;
	int err;

	mutex_lock(&storage.lock);
	err = storage_inode(&req->fid, &inode);
	if (!err) {
		if (offset >= inode.size_bytes)
			len = 0;
		else
			len = (u32)min((u64)len, inode.size_bytes - offset);
		/* Blocks are read whole; the buffer has room for one more
		 * only if the offset is a block's. */
		skip = offset & ((1u << storage.block_shift) - 1);
		len = min(len, RPC_IO_MAX - skip);
		if (len)
			err = plan_read(&plan, &inode, offset - skip,
					skip + len, buffer);
	}
	mutex_unlock(&storage.lock);
	if (err)
		return err;
	if (len) {
		len = min(len, plan.bytes - skip);
		err = block_read(storage.disk, plan.ios, plan.nr);
		seg.paddr += skip;
		seg.len_bytes = len;
		if (!err)
			err = rpc_bulk_put(ctx, 0, region, &seg, 1);
	}
	rep->size_bytes = le64_make(inode.size_bytes);
	rep->offset = req->offset;
	rep->len_bytes = le32_make(len);
	counter_add(nr_storage_read_bytes, len);
	return err;
}

int rpc_handle_s_read(struct rpc_ctx *ctx, const struct rpc_file_io *req,
		      struct rpc_file_io_reply *rep)
{
	u8 *buffer = NULL;
	int err;

	if (!pool)
		return -ENODEV;
	if (le32_get(req->len_bytes) > RPC_IO_MAX)
		return -EMSGSIZE;
	err = region_get();
	if (err)
		return err;
	wait_event(&pool_wait, buffer_try(&buffer));
	err = read_file(ctx, req, rep, buffer);
	buffer_put(buffer);
	return err;
}
