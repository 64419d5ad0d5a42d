/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content of remote files.  Bytes move by RDMA between the memory node's page
 * cache and a bounce buffer here (registered memory, from a fixed pool), and
 * by a copy between that and the program, whose pages may be anywhere.
 */
#define pr_fmt(fmt) "fs: " fmt
#include <managers/processor/fs/remote.h>

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/regular.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/mm/aspace.h>
#include <mm/page.h>

#define NR_BOUNCE    8u
#define BOUNCE_ORDER 6u
static_assert((PAGE_SIZE << BOUNCE_ORDER) == RPC_IO_MAX,
	      "one call, one buffer");

struct bounce {
	struct list_head node; /* on bounce_free when free [bounce_lock] */
	struct region *region; /* [set once] */
	u8 *data;              /* [set once] */
};

static struct bounce bounces[NR_BOUNCE];
static struct spinlock bounce_lock = SPINLOCK_INIT("bounce", LOCK_LEAF);
static struct list_head bounce_free = LIST_HEAD_INIT(bounce_free);
static DEFINE_WAITQ(bounce_waitq);

int remote_io_init(void)
{
	for (u32 i = 0; i < NR_BOUNCE; i++) {
		struct bounce *b = &bounces[i];
		int err;

		if (b->region)
			continue;
		if (!b->data)
			b->data = page_alloc(BOUNCE_ORDER);
		if (!b->data)
			return -ENOMEM;
		err = net_region_register(
			paddr_of(b->data), RPC_IO_MAX,
			REGION_REMOTE_READ | REGION_REMOTE_WRITE, &b->region);
		if (err)
			return err;
		list_add(&b->node, &bounce_free);
	}
	return 0;
}

static struct bounce *bounce_try_get(void)
{
	struct bounce *b;

	spin_lock(&bounce_lock);
	b = list_first_entry_or_null(&bounce_free, struct bounce, node);
	if (b)
		list_del_init(&b->node);
	spin_unlock(&bounce_lock);
	return b;
}

static struct bounce *bounce_get(void)
{
	struct bounce *b = NULL;

	wait_event(&bounce_waitq, b || (b = bounce_try_get()) != NULL);
	return b;
}

static void bounce_put(struct bounce *b)
{
	spin_lock(&bounce_lock);
	list_add(&b->node, &bounce_free);
	spin_unlock(&bounce_lock);
	waitq_wake_one(&bounce_waitq);
}

/* The memory node whose page cache has the file: a tmpfs file's own node,
 * for others the first. */
static u64 remote_data_guid(const struct vnode *vn)
{
	return vn->mount->role == ROLE_MEMORY ? vn->mount->guid : 0;
}

/* One m_read or m_write of @len bytes of @b; the bytes moved or -errno. */
static ssize_t remote_transfer(struct vnode *vn, enum rpc_op op, u64 off,
			       struct bounce *b, u32 len, u32 flags,
			       struct rpc_file_io_reply *rep)
{
	struct rpc_file_io req = {
		.fid = vn->fid,
		.offset = le64_make(off),
		.len_bytes = le32_make(len),
		.flags = le32_make(flags),
	};
	struct bulk_seg seg = {paddr_of(b->data), len};
	struct rpc_bulk bulk = {b->region, &seg, 1};
	struct rpc_args args = {.req = &req, .rep = rep, .bulk = &bulk};
	u32 nr_tries = 0;
	int err;

	do
		err = remote_call(ROLE_MEMORY, remote_data_guid(vn), op,
				  op == RPC_m_read, &args);
	while (op == RPC_m_read && aspace_give_up_files(err, &nr_tries));
	if (err)
		return err;
	if (le32_get(rep->len_bytes) > len)
		return -EIO;
	return le32_get(rep->len_bytes);
}

/* Files that nobody can change may be read ahead, and their size is known. */
static bool remote_is_immutable(const struct vnode *vn)
{
	return vn->mount->cache_ns == ~0ull;
}

/* Fetch at @off, give @uio its part, keep the rest; bytes given or -errno. */
static ssize_t remote_read_chunk(struct vnode *vn, u64 off, struct uio *uio,
				 struct file *ra_file, bool *is_end)
{
	u64 resid_bytes = uio->resid_bytes;
	u32 want = min(resid_bytes, (u64)RPC_IO_MAX), fetch = want, take;
	struct rpc_file_io_reply rep;
	struct bounce *b;
	ssize_t n;

	if (ra_file)
		fetch = readahead_plan(ra_file, off, want, RPC_IO_MAX);
	b = bounce_get();
	n = remote_transfer(vn, RPC_m_read, off, b, fetch, 0, &rep);
	if (n <= 0)
		goto put;
	*is_end = n < fetch;
	take = min((u32)n, want);
	if (n > take)
		readahead_keep(ra_file, off + take, b->data + take, n - take);
	n = take;
	if (uio_put(uio, b->data, take)) /* as far as the buffer goes */
		n = resid_bytes > uio->resid_bytes
			    ? (ssize_t)(resid_bytes - uio->resid_bytes)
			    : -EFAULT;
put:
	bounce_put(b);
	return n;
}

ssize_t remote_file_read(struct vnode *vn, u64 off, struct uio *uio,
			 struct file *file)
{
	bool is_end = false, is_immutable = remote_is_immutable(vn);
	struct file *ra_file = is_immutable ? file : NULL;
	ssize_t done = 0, n = 0;

	if (atomic_read(&vn->nr_shared_maps)) {
		int err = pcache_flush_file(&vn->fid, off,
					    off + uio->resid_bytes);
		if (err)
			return err;
	}
	while (uio->resid_bytes && !is_end) {
		if (is_immutable && off >= vn->attr.size_bytes)
			break;
		n = ra_file ? readahead_take(ra_file, off, uio) : 0;
		if (n == 0)
			n = remote_read_chunk(vn, off, uio, ra_file, &is_end);
		if (n <= 0)
			break;
		off += n;
		done += n;
	}
	counter_add(nr_file_read_bytes, done);
	return done ? done : n;
}

/* What programs map of the bytes is taken out meanwhile. */
static ssize_t remote_store_mapped(struct vnode *vn, u64 off, struct bounce *b,
				   u32 len, u32 flags,
				   struct rpc_file_io_reply *rep)
{
	bool is_append = flags & RPC_IO_APPEND;
	struct file_change change;
	ssize_t n;

	pcache_file_change_begin(&change, &vn->fid, is_append ? 0 : off,
				 is_append ? ~0ull : off + len);
	mutex_lock(&vn->lock);
	n = remote_transfer(vn, RPC_m_write, off, b, len, flags, rep);
	mutex_unlock(&vn->lock);
	pcache_file_change_end(&change, false);
	return n;
}

static ssize_t remote_store(struct vnode *vn, u64 off, struct bounce *b,
			    u32 len, u32 flags, struct rpc_file_io_reply *rep)
{
	ssize_t n = 0;
	bool is_mapped;

	/* vnode_map_get() counts, then waits for us. */
	mutex_lock(&vn->lock);
	is_mapped = atomic_read(&vn->nr_maps);
	if (!is_mapped)
		n = remote_transfer(vn, RPC_m_write, off, b, len, flags, rep);
	mutex_unlock(&vn->lock);
	return is_mapped ? remote_store_mapped(vn, off, b, len, flags, rep) : n;
}

/* Store one chunk; bytes stored or -errno. *off becomes where it went. */
static ssize_t remote_write_chunk(struct vnode *vn, u64 *off, struct uio *uio,
				  bool is_append)
{
	u64 resid_bytes = uio->resid_bytes;
	u32 len = min(resid_bytes, (u64)RPC_IO_MAX);
	struct rpc_file_io_reply rep;
	struct bounce *b = bounce_get();
	ssize_t n = -EFAULT;

	if (uio_get(uio, b->data, len)) /* as far as the buffer goes */
		len = (u32)(resid_bytes - uio->resid_bytes);
	if (!len)
		goto put;
	n = remote_store(vn, *off, b, len, is_append ? RPC_IO_APPEND : 0, &rep);
	if (n >= 0)
		*off = le64_get(rep.offset);
	vnode_attr_expire(vn);
	if (n >= 0 && n < len)
		uio_rewind(uio, len - n);
put:
	bounce_put(b);
	return n;
}

ssize_t remote_file_write(struct vnode *vn, u64 *off, struct uio *uio,
			  bool is_append)
{
	ssize_t done = 0, n = 0;
	u64 at = *off;

	while (uio->resid_bytes) {
		u64 chunk_at = at;

		n = remote_write_chunk(vn, &chunk_at, uio, is_append);
		if (n <= 0)
			break;
		if (!done)
			*off = chunk_at;
		at = chunk_at + n;
		done += n;
	}
	counter_add(nr_file_write_bytes, done);
	return done ? done : n;
}
