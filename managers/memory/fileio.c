/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * m_read and m_write: bytes of a file to and from a processor node's buffer,
 * by RDMA, straight from and to the frames of the page cache.
 */
#include <managers/memory/fileio.h>

#include <kernel/counters.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/client.h>
#include <managers/memory/frames.h>
#include <managers/memory/pagecache.h>
#include <managers/memory/tmpfs.h>
#include <net/rpc.h>

/* What holes are read from. */
static u32 zero_pfn;

/* Some pages on their way: one transfer. */
struct batch {
	u32 nr;
	u32 pfns[RPC_MAX_SEGS];
	struct bulk_seg segs[RPC_MAX_SEGS];
	u64 len_bytes;
};

int fileio_start(void)
{
	zero_pfn = frame_alloc_kept();
	if (zero_pfn == FRAME_NONE)
		return -ENOMEM;
	memset(frame_kaddr(zero_pfn), 0, PAGE_SIZE);
	return 0;
}

void fileio_stop(void)
{
	frame_put(zero_pfn);
}

static void put_batch(struct batch *batch)
{
	while (batch->nr)
		frame_put(batch->pfns[--batch->nr]);
}

/* The frame to read page @index from. */
static int frame_to_read(struct cfile *file, u64 index, u32 nr_wanted, u32 *pfn)
{
	if (!file->is_local)
		return pagecache_get(file, index, nr_wanted, pfn);
	*pfn = pagecache_find(&file->fid, index);
	if (*pfn == FRAME_NONE) {
		*pfn = zero_pfn;
		frame_get(zero_pfn);
	}
	return 0;
}

/*
 * Collect frames for [@offset, +@len_bytes), at most as many as fit a transfer.
 * An error after the first page only makes the batch shorter.
 */
static int fill_batch(struct batch *batch, struct cfile *file, u64 offset,
		      u64 len_bytes, bool is_write)
{
	batch->nr = 0;
	batch->len_bytes = 0;
	while (batch->nr < RPC_MAX_SEGS && batch->len_bytes < len_bytes) {
		u64 at = offset + batch->len_bytes;
		u64 left = len_bytes - batch->len_bytes;
		u64 in_page = at & (PAGE_SIZE - 1);
		u64 n = min(PAGE_SIZE - in_page, left);
		u32 pfn, nr_wanted = (u32)DIV_ROUND_UP(left, PAGE_SIZE);
		int err = is_write
				  ? pagecache_make(file, at >> PAGE_SHIFT, &pfn)
				  : frame_to_read(file, at >> PAGE_SHIFT,
						  nr_wanted, &pfn);

		if (err)
			return batch->nr ? 0 : err;
		batch->segs[batch->nr] =
			(struct bulk_seg){.paddr = frame_paddr(pfn) + in_page,
					  .len_bytes = (u32)n};
		batch->pfns[batch->nr++] = pfn;
		batch->len_bytes += n;
	}
	return 0;
}

/* Move [@offset, +*@len_bytes); *@len_bytes: how much it was. */
static int move_bytes(struct rpc_ctx *ctx, struct cfile *file, u64 offset,
		      u64 *len_bytes, bool is_write)
{
	u64 done = 0;
	int err = 0;

	while (!err && done < *len_bytes) {
		struct batch batch;

		err = fill_batch(&batch, file, offset + done, *len_bytes - done,
				 is_write);
		if (!err)
			err = is_write ? rpc_bulk_get(ctx, done, pool.region,
						      batch.segs, batch.nr)
				       : rpc_bulk_put(ctx, done, pool.region,
						      batch.segs, batch.nr);
		if (!err)
			done += batch.len_bytes;
		put_batch(&batch);
	}
	*len_bytes = done;
	/* Like read(2): what has been done counts, unless the link is gone. */
	return done && err != -EHOSTDOWN ? 0 : err;
}

static int decode(struct rpc_ctx *ctx, const struct rpc_file_io *req,
		  struct cfile **file)
{
	struct file_id fid = wire_fid_get(&req->fid);
	u32 len = le32_get(req->len_bytes);

	if (len > RPC_IO_MAX || len > ctx->bulk_bytes ||
	    le64_get(req->offset) > TMPFS_MAX_BYTES)
		return -EINVAL;
	*file = cfile_get(&fid);
	return *file ? 0 : -ESTALE;
}

static void answer(struct rpc_file_io_reply *rep, struct cfile *file,
		   u64 offset, u64 len)
{
	*rep = (struct rpc_file_io_reply){
		.size_bytes = le64_make(READ_ONCE(file->size_bytes)),
		.offset = le64_make(offset),
		.len_bytes = le32_make((u32)len),
	};
}

static int read_file(struct rpc_ctx *ctx, const struct rpc_file_io *req,
		     struct rpc_file_io_reply *rep)
{
	u64 offset = le64_get(req->offset), len = le32_get(req->len_bytes),
	    size;
	struct cfile *file;
	int err = decode(ctx, req, &file);

	if (err)
		return err;
	if (file->is_local)
		err = tmpfs_may_read(file);
	if (!err)
		err = pagecache_size(file, &size);
	if (!err) {
		len = offset < size ? min(len, size - offset) : 0;
		err = move_bytes(ctx, file, offset, &len, false);
	}
	if (!err)
		answer(rep, file, offset, len);
	cfile_put(file);
	return err;
}

/* The file is ours and nobody else writes. */
static int write_locked(struct rpc_ctx *ctx, const struct rpc_file_io *req,
			struct cfile *file, struct rpc_file_io_reply *rep)
{
	bool is_append = le32_get(req->flags) & RPC_IO_APPEND;
	u64 offset = is_append ? file->size_bytes : le64_get(req->offset);
	u64 wanted = le32_get(req->len_bytes), len = wanted;
	int err;

	if (offset + len > TMPFS_MAX_BYTES)
		return -EFBIG;
	err = move_bytes(ctx, file, offset, &len, true);
	if (len && offset + len > file->size_bytes)
		WRITE_ONCE(file->size_bytes, offset + len);
	/* Pages made for what was not written are no part of the file. */
	if (len < wanted)
		pagecache_remove(
			file, DIV_ROUND_UP(file->size_bytes, PAGE_SIZE), ~0ul);
	answer(rep, file, offset, len);
	return err == -ENOMEM ? -ENOSPC : err;
}

static int write_file(struct rpc_ctx *ctx, const struct rpc_file_io *req,
		      struct rpc_file_io_reply *rep)
{
	struct cfile *file;
	int err = decode(ctx, req, &file);

	if (err)
		return err;
	err = file->is_local ? tmpfs_begin_write(file) : -EROFS;
	if (!err) {
		err = write_locked(ctx, req, file, rep);
		tmpfs_end_write(file);
	}
	cfile_put(file);
	return err;
}

int rpc_handle_m_read(struct rpc_ctx *ctx, const struct rpc_file_io *req,
		      struct rpc_file_io_reply *rep)
{
	struct client *client = client_enter(ctx->peer);
	int err;

	if (!client)
		return -EHOSTDOWN;
	err = read_file(ctx, req, rep);
	client_leave(client);
	return err;
}

int rpc_handle_m_write(struct rpc_ctx *ctx, const struct rpc_file_io *req,
		       struct rpc_file_io_reply *rep)
{
	struct client *client = client_enter(ctx->peer);
	int err;

	if (!client)
		return -EHOSTDOWN;
	err = write_file(ctx, req, rep);
	client_leave(client);
	return err;
}
