/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fake_cluster.h>

#include <kernel/cmdline.h>
#include <kernel/monitor.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <mm/page.h>
#include <mm/vmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 16u
#define MAX_POOLS 8u

struct region {
	u64 paddr, len_bytes;
	u32 access;
};

struct fake_storage fake_storage;
static struct peer storage = {.guid = FAKE_STORAGE_GUID,
			      .role = ROLE_STORAGE,
			      .index = 63,
			      .is_alive = true};
static struct fake_file {
	u64 ino, size;
	const u8 *bytes;
} files[MAX_FILES];
static u32 nr_files;
static void *pools[MAX_POOLS];
static u32 nr_pools;
static peer_event_fn listener;

/* ---- memory -------------------------------------------------------------- */

int phys_reserve_pool(u64 bytes, paddr_t *out)
{
	void *p = aligned_alloc(PAGE_SIZE, ALIGN_UP(bytes, PAGE_SIZE));

	if (!p || nr_pools == MAX_POOLS)
		abort();
	memset(p, 0xa5, bytes); /* contents of frames are undefined */
	pools[nr_pools++] = p;
	*out = paddr_of(p);
	return 0;
}

u64 phys_pool_max(void)
{
	return 64ul << 20;
}

void *vmalloc(size_t size)
{
	return calloc(1, size);
}

void vfree(void *kaddr)
{
	free(kaddr);
}

/* ---- kernel -------------------------------------------------------------- */

const char *symbol_name(u64 kaddr, u64 *offset)
{
	return NULL;
}

u64 time_real_ns(void)
{
	static u64 now = 1700000000ul * NSEC_PER_SEC;

	return now += NSEC_PER_USEC;
}

u64 cmdline_get_size(const char *name, u64 dflt)
{
	return dflt;
}

enum node_role node_role(void)
{
	return ROLE_MEMORY;
}

void mprintf(const char *fmt, ...) {}

/* One thread: whoever would have to wait would wait for ever. */
void wait_begin(struct waiter *w)
{
	fprintf(stderr, "a wait that nobody can end\n");
	abort();
}

void wait_prepare(struct waitq *q, struct waiter *w) {}

int wait_block(u64 deadline_ns, bool intr)
{
	abort();
}

void wait_finish(struct waitq *q, struct waiter *w, int rc) {}

u64 wait_deadline(u64 timeout_ns)
{
	return 0;
}

/* ---- membership ---------------------------------------------------------- */

u64 net_local_guid(void)
{
	return FAKE_LOCAL_GUID;
}

struct peer *peer_get(enum node_role role, u64 guid)
{
	if (role != ROLE_STORAGE || (guid && guid != storage.guid))
		return NULL;
	peer_hold(&storage);
	return &storage;
}

struct peer *peer_wait(enum node_role role, u64 guid, u64 timeout_ns)
{
	return peer_get(role, guid);
}

void peer_hold(struct peer *peer)
{
	peer->nr_refs++;
}

void peer_put(struct peer *peer)
{
	if (!peer->nr_refs--)
		abort();
}

enum node_role peer_role(const struct peer *peer)
{
	return peer->role;
}

u32 peer_index(const struct peer *peer)
{
	return peer->index;
}

bool peer_is_alive(const struct peer *peer)
{
	return peer->is_alive;
}

const char *peer_name(const struct peer *peer)
{
	return peer->role == ROLE_STORAGE ? "storage" : "processor";
}

void net_on_peer_event(peer_event_fn fn)
{
	listener = fn;
}

void fake_peer_gone(struct peer *peer)
{
	peer->is_alive = false;
	listener(peer, PEER_GONE);
}

/* ---- transfers ----------------------------------------------------------- */

int net_region_register(u64 paddr, u64 len_bytes, u32 access,
			struct region **out)
{
	*out = malloc(sizeof(**out));
	**out = (struct region){paddr, len_bytes, access};
	return 0;
}

void net_region_unregister(struct region *region)
{
	free(region);
}

u32 net_region_rkey(const struct region *region)
{
	return 0x1234;
}

struct rpc_ctx *fake_call_begin(struct fake_call *call, struct peer *peer,
				const void *tail, u32 tail_len, u64 bulk_bytes)
{
	call->ctx = (struct rpc_ctx){.peer = peer,
				     .tail = tail,
				     .tail_len = tail_len,
				     .rep_tail = call->rep_tail,
				     .bulk_bytes = bulk_bytes};
	return &call->ctx;
}

/* Where a segment of registered memory lies; anything else is a bug. */
static u8 *seg_at(const struct region *region, const struct bulk_seg *seg)
{
	if (seg->paddr < region->paddr || !seg->len_bytes ||
	    seg->paddr - region->paddr + seg->len_bytes > region->len_bytes)
		abort();
	return kaddr_of(seg->paddr);
}

int rpc_bulk_put(struct rpc_ctx *ctx, u64 offset, const struct region *region,
		 const struct bulk_seg *segs, u32 nr_segs)
{
	struct fake_call *call = container_of(ctx, struct fake_call, ctx);

	if (!nr_segs || nr_segs > RPC_MAX_SEGS)
		abort();
	for (u32 i = 0; i < nr_segs; i++) {
		if (offset + segs[i].len_bytes > ctx->bulk_bytes)
			return -EMSGSIZE;
		memcpy(call->bulk + offset, seg_at(region, &segs[i]),
		       segs[i].len_bytes);
		offset += segs[i].len_bytes;
	}
	return 0;
}

int rpc_bulk_get(struct rpc_ctx *ctx, u64 offset, const struct region *region,
		 const struct bulk_seg *segs, u32 nr_segs)
{
	struct fake_call *call = container_of(ctx, struct fake_call, ctx);

	if (!nr_segs || nr_segs > RPC_MAX_SEGS)
		abort();
	for (u32 i = 0; i < nr_segs; i++) {
		if (offset + segs[i].len_bytes > ctx->bulk_bytes)
			return -EMSGSIZE;
		memcpy(seg_at(region, &segs[i]), call->bulk + offset,
		       segs[i].len_bytes);
		offset += segs[i].len_bytes;
	}
	return 0;
}

/* ---- the storage node ---------------------------------------------------- */

struct wire_fid fake_file_add(u64 ino, const void *bytes, u64 size)
{
	struct file_id fid = {.node_guid = FAKE_STORAGE_GUID,
			      .ino = ino,
			      .fsid = 1,
			      .gen = 1};

	if (nr_files == MAX_FILES)
		abort();
	files[nr_files++] = (struct fake_file){ino, size, bytes};
	return wire_fid_make(&fid);
}

void fake_cluster_reset(void)
{
	while (nr_pools)
		free(pools[--nr_pools]);
	nr_files = 0;
	fake_storage = (struct fake_storage){};
}

static void scatter(const struct rpc_bulk *bulk, const u8 *from, u64 len)
{
	for (u32 i = 0; i < bulk->nr_segs && len; i++) {
		u64 n = min_t(u64, len, bulk->segs[i].len_bytes);

		memcpy(seg_at(bulk->region, &bulk->segs[i]), from, n);
		from += n;
		len -= n;
	}
}

int rpc_call(struct peer *peer, enum rpc_op op, struct rpc_args *args)
{
	const struct rpc_file_io *req = args->req;
	struct rpc_file_io_reply *rep = args->rep;
	u64 offset = le64_get(req->offset), len = le32_get(req->len_bytes);

	if (op != RPC_s_read || peer != &storage ||
	    args->bulk->nr_segs > RPC_MAX_SEGS || offset % PAGE_SIZE)
		abort();
	fake_storage.nr_reads++;
	fake_storage.nr_pages += len / PAGE_SIZE;
	if (fake_storage.nr_lives) {
		fake_storage.nr_lives--;
		return -EHOSTDOWN;
	}
	if (fake_storage.error)
		return fake_storage.error;
	for (u32 i = 0; i < nr_files; i++) {
		const struct fake_file *f = &files[i];

		if (f->ino != le64_get(req->fid.ino))
			continue;
		len = offset < f->size ? min(len, f->size - offset) : 0;
		len -= min_t(u64, len, fake_storage.short_bytes);
		scatter(args->bulk, f->bytes + offset, len);
		*rep = (struct rpc_file_io_reply){
			.size_bytes = le64_make(f->size),
			.offset = le64_make(offset),
			.len_bytes = le32_make((u32)len),
		};
		return 0;
	}
	return -ESTALE;
}
