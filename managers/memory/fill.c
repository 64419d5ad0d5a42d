/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filling the page cache: one s_read moves a run of absent pages into their
 * frames by RDMA.  Pages are FILLING while it is under way, so that others
 * who want them wait instead of reading them again.
 */
#define pr_fmt(fmt) "page cache: " fmt
#include <managers/memory/fill.h>

#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/frames.h>
#include <net/membership.h>
#include <net/rpc.h>

/* A processor node may know a storage node before we do. */
#define STORAGE_WAIT_NS (15 * NSEC_PER_SEC)

/* Offsets stay below 2^63. */
#define FILE_PAGES_MAX (1ul << 50)

struct fill {
	struct cfile *file;
	u64 first; /* page index of pages[0] */
	u32 nr;
	struct cpage *pages[PAGECACHE_WINDOW_MAX];
	struct bulk_seg segs[PAGECACHE_WINDOW_MAX];
	u32 nr_segs;
};

/* The pages worth reading with @index: absent, and next to each other. */
static void choose_window(struct fill *fill, u64 index, u32 nr_wanted)
{
	struct cfile *file = fill->file;
	u64 low = index, high = index + 1, limit_low, limit_high;

	limit_low = nr_wanted > 1 ? index : ALIGN_DOWN(index, PAGECACHE_WINDOW);
	limit_high = nr_wanted > 1 ? index + clamp(nr_wanted, PAGECACHE_WINDOW,
						   PAGECACHE_WINDOW_MAX)
				   : limit_low + PAGECACHE_WINDOW;
	if (READ_ONCE(file->is_size_known))
		limit_high = min(
			limit_high,
			DIV_ROUND_UP(READ_ONCE(file->size_bytes), PAGE_SIZE));
	while (high < limit_high && !pagecache_has(file, high))
		high++;
	while (low > limit_low && !pagecache_has(file, low - 1))
		low--;
	fill->first = low;
	fill->nr = (u32)(high - low);
}

/* Frames for the window; with too little memory, for page @index alone. */
static int alloc_pages(struct fill *fill, u64 index)
{
	u32 n = 0;

	while (n < fill->nr && (fill->pages[n] = cpage_new(fill->file)))
		n++;
	if (n < fill->nr) {
		while (n > 1)
			cpage_discard(fill->pages[--n]);
		fill->first = index;
		fill->nr = n;
	}
	return n ? 0 : -ENOMEM;
}

/* Publish the pages; those that somebody else has by now end the window. */
static void insert_pages(struct fill *fill, u64 index)
{
	struct cfile *file = fill->file;
	u32 nr_given = fill->nr, from = (u32)(index - fill->first), first, n;
	struct cpage *page;

	spin_lock(&file->lock);
	/* Upwards from index, then downwards from below it. */
	for (n = from; n < nr_given; n++)
		if (!cpage_insert(fill->pages[n], fill->first + n,
				  CPAGE_FILLING))
			break;
	for (first = from; n > from && first > 0; first--)
		if (!cpage_insert(fill->pages[first - 1],
				  fill->first + first - 1, CPAGE_FILLING))
			break;
	spin_unlock(&file->lock);
	for (u32 i = 0; i < nr_given; i++) {
		page = fill->pages[i];
		if (i < first || i >= n)
			cpage_discard(page);
		else
			fill->pages[i - first] = page;
	}
	fill->first += first;
	fill->nr = n - first;
}

static void make_segs(struct fill *fill)
{
	fill->nr_segs = 0;
	for (u32 i = 0; i < fill->nr; i++) {
		paddr_t paddr = frame_paddr(fill->pages[i]->pfn);
		struct bulk_seg *last =
			i ? &fill->segs[fill->nr_segs - 1] : NULL;

		if (last && last->paddr + last->len_bytes == paddr)
			last->len_bytes += PAGE_SIZE;
		else
			fill->segs[fill->nr_segs++] = (struct bulk_seg){
				.paddr = paddr, .len_bytes = PAGE_SIZE};
	}
}

/*
 * The node may have to be waited for: it joins late, or anew.  What it did in
 * a life that is over does not matter to a read.
 */
static int read_from_storage(const struct file_id *fid, struct rpc_args *args)
{
	u64 deadline_ns = time_mono_ns() + STORAGE_WAIT_NS;

	for (;;) {
		struct peer *peer = peer_wait(ROLE_STORAGE, fid->node_guid,
					      STORAGE_WAIT_NS);
		int err;

		if (!peer) {
			pr_warn_ratelimited(
				"no storage node %016lx to read inode %lu",
				fid->node_guid, fid->ino);
			return -EHOSTDOWN;
		}
		err = rpc_call(peer, RPC_s_read, args);
		if (err)
			pr_warn_ratelimited("%s: reading inode %lu: error %d",
					    peer_name(peer), fid->ino, err);
		peer_put(peer);
		if (err != -EHOSTDOWN || time_mono_ns() > deadline_ns)
			return err;
	}
}

static int call_storage(struct fill *fill, struct rpc_file_io_reply *rep)
{
	const struct file_id *fid = &fill->file->fid;
	struct rpc_file_io req = {
		.fid = wire_fid_make(fid),
		.offset = le64_make(fill->first << PAGE_SHIFT),
		.len_bytes = le32_make(fill->nr << PAGE_SHIFT)};
	struct rpc_bulk bulk = {.region = pool.region,
				.segs = fill->segs,
				.nr_segs = fill->nr_segs};
	struct rpc_args args = {.req = &req, .rep = rep, .bulk = &bulk};

	return read_from_storage(fid, &args) ? -EIO : 0;
}

/* @len_bytes from the window's start have arrived. */
static void finish_pages(struct fill *fill, u64 len_bytes)
{
	for (u32 i = 0; i < fill->nr; i++) {
		u64 start = (u64)i << PAGE_SHIFT, valid;

		if (start >= len_bytes) {
			cpage_fill_failed(fill->pages[i], -ERANGE);
			continue;
		}
		valid = min(len_bytes - start, PAGE_SIZE);
		memset((u8 *)frame_kaddr(fill->pages[i]->pfn) + valid, 0,
		       PAGE_SIZE - valid);
		cpage_fill_done(fill->pages[i]);
	}
}

int pagecache_fill(struct cfile *file, u64 index, u32 nr_wanted)
{
	struct fill fill = {.file = file};
	struct rpc_file_io_reply rep;
	u64 size, len;
	int err;

	if (index >= FILE_PAGES_MAX)
		return -ERANGE;
	choose_window(&fill, index, nr_wanted);
	err = alloc_pages(&fill, index);
	if (err)
		return err;
	insert_pages(&fill, index);
	if (!fill.nr)
		return 0;
	make_segs(&fill);
	counter_inc(nr_pagecache_fill);
	counter_add(nr_pagecache_fill_pages, fill.nr);
	err = call_storage(&fill, &rep);
	if (err) {
		for (u32 i = 0; i < fill.nr; i++)
			cpage_fill_failed(fill.pages[i], err);
		return err;
	}
	size = le64_get(rep.size_bytes);
	len = min_t(u64, le32_get(rep.len_bytes), (u64)fill.nr << PAGE_SHIFT);
	WRITE_ONCE(file->size_bytes, size);
	WRITE_ONCE(file->is_size_known, true);
	finish_pages(&fill, len);
	/* A short answer inside the file would make us ask for ever. */
	if ((index - fill.first) << PAGE_SHIFT >= len)
		return index << PAGE_SHIFT < size ? -EIO : -ERANGE;
	return 0;
}
