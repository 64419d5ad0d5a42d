/* SPDX-License-Identifier: GPL-2.0-or-later */
#define pr_fmt(fmt) "frames: " fmt
#include <managers/memory/frames.h>

#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/spinlock.h>
#include <kernel/trap.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/pagecache.h>
#include <mm/vmap.h>

#define CPU_LIST_MAX   64u
#define CPU_LIST_BATCH 32u
/* Below 1 / LOW_SHARE of the pool, the page cache has to give. */
#define LOW_SHARE     32u
#define RECLAIM_BATCH 64u
/* Pages looked at for them, as long as there are free frames: of those that
 * are mapped none can go. */
#define RECLAIM_LOOKS 256u
#define NR_REPORTS    8u /* of leaked frames at a time */

struct frame_pool pool;

/* Frames from nr_touched on were never used: free without being listed. */
static struct {
	struct spinlock lock;
	u32 first;      /* FREE frames, linked by next [lock] */
	u32 nr_listed;  /* [lock] */
	u32 nr_touched; /* [lock] */
} global;

/* Owned by its CPU: see the header. */
struct cpu_list {
	u32 nr;
	u32 pfns[CPU_LIST_MAX];
};
static DEFINE_PERCPU(struct cpu_list, cpu_list);

int frames_start(u64 bytes)
{
	u64 nr = bytes >> PAGE_SHIFT;
	paddr_t table;
	int err;

	if (!nr || nr >= FRAME_NONE)
		return -EINVAL;
	err = phys_reserve_pool(nr << PAGE_SHIFT, &pool.paddr);
	if (err)
		return err;
	err = phys_reserve_pool(nr * sizeof(struct frame), &table);
	if (err)
		return err;
	pool.frames = kaddr_of(table);
	memset(pool.frames, 0, nr * sizeof(struct frame));
	pool.nr_frames = (u32)nr;
	if (IS_ENABLED(CONFIG_DEBUG_LEAKS)) {
		pool.takers = vmalloc(nr * sizeof(*pool.takers));
		if (!pool.takers)
			return -ENOMEM;
	}
	spin_lock_init(&global.lock, "frames", LOCK_FRAME);
	global.first = FRAME_NONE;
	global.nr_listed = 0;
	global.nr_touched = 0;
	return 0;
}

int frames_register(void)
{
	return net_region_register(
		pool.paddr, (u64)pool.nr_frames << PAGE_SHIFT,
		REGION_REMOTE_READ | REGION_REMOTE_WRITE, &pool.region);
}

static u16 granted_tag(u8 client)
{
	return (u16)(FRAME_GRANTED | client << 8);
}

/* Up to @nr FREE frames from the global list; [global.lock]. */
static u32 take_global(u32 *pfns, u32 nr)
{
	u32 n = 0;

	ASSERT_LOCKED(&global.lock);
	while (n < nr && global.first != FRAME_NONE) {
		pfns[n] = global.first;
		global.first = frame_of(pfns[n++])->next;
		global.nr_listed--;
	}
	while (n < nr && global.nr_touched < pool.nr_frames)
		pfns[n++] = global.nr_touched++;
	return n;
}

static void give_global(const u32 *pfns, u32 nr)
{
	spin_lock(&global.lock);
	for (u32 i = 0; i < nr; i++) {
		frame_of(pfns[i])->next = global.first;
		global.first = pfns[i];
	}
	global.nr_listed += nr;
	spin_unlock(&global.lock);
}

u32 frames_nr_free(void)
{
	return READ_ONCE(global.nr_listed) + pool.nr_frames -
	       READ_ONCE(global.nr_touched);
}

/* Keep some frames free for grants, which cannot wait for an eviction. */
static void reclaim_if_low(void)
{
	if (frames_nr_free() < pool.nr_frames / LOW_SHARE)
		pagecache_reclaim(RECLAIM_BATCH, RECLAIM_LOOKS);
}

static u32 take_listed(void)
{
	struct cpu_list *list = this_cpu_ptr(cpu_list);

	if (!list->nr) {
		spin_lock(&global.lock);
		list->nr = take_global(list->pfns, CPU_LIST_BATCH);
		spin_unlock(&global.lock);
	}
	return list->nr ? list->pfns[--list->nr] : FRAME_NONE;
}

static u32 take_one(void)
{
	u32 pfn;

	reclaim_if_low();
	pfn = take_listed();
	if (pfn == FRAME_NONE && pagecache_reclaim_any(RECLAIM_BATCH))
		pfn = take_listed();
	return pfn;
}

static void free_one(u32 pfn)
{
	struct cpu_list *list = this_cpu_ptr(cpu_list);

	WRITE_ONCE(frame_of(pfn)->tag, FRAME_FREE);
	gauge_sub(nr_pool_frames_used, 1);
	if (list->nr == CPU_LIST_MAX) {
		list->nr -= CPU_LIST_BATCH;
		give_global(list->pfns + list->nr, CPU_LIST_BATCH);
	}
	list->pfns[list->nr++] = pfn;
}

static void note_taker(u32 pfn, const void *caller)
{
	if (pool.takers)
		pool.takers[pfn] = caller;
}

static u32 alloc_as(enum frame_state state, const void *caller)
{
	u32 pfn = take_one();
	struct frame *frame;

	if (pfn == FRAME_NONE) {
		counter_inc(nr_frame_alloc_fail);
		return FRAME_NONE;
	}
	frame = frame_of(pfn);
	CHECK(frame->tag == FRAME_FREE && !frame->nr_refs);
	frame->nr_refs = 1;
	note_taker(pfn, caller);
	WRITE_ONCE(frame->tag, (u16)state);
	gauge_add(nr_pool_frames_used, 1);
	return pfn;
}

u32 frame_alloc(void)
{
	return alloc_as(FRAME_PRIVATE, __builtin_return_address(0));
}

u32 frame_alloc_cache(void)
{
	return alloc_as(FRAME_CACHE, __builtin_return_address(0));
}

u32 frame_alloc_kept(void)
{
	return alloc_as(FRAME_KEPT, __builtin_return_address(0));
}

u32 frame_grant(u8 client, u32 *pfns, u32 nr)
{
	u32 n;

	reclaim_if_low();
	spin_lock(&global.lock);
	n = take_global(pfns, nr);
	spin_unlock(&global.lock);
	/* What little is left may lie on this CPU's own list. */
	if (!n && (pfns[0] = take_one()) != FRAME_NONE)
		n = 1;
	for (u32 i = 0; i < n; i++) {
		struct frame *frame = frame_of(pfns[i]);

		CHECK(frame->tag == FRAME_FREE && !frame->nr_refs);
		WRITE_ONCE(frame->tag, granted_tag(client));
	}
	gauge_add(nr_pool_frames_used, n);
	gauge_add(nr_pool_frames_granted, n);
	return n;
}

/* GRANTED to @client -> @to, once, whatever others try at the same time. */
static bool leave_granted(u8 client, u64 pfn, enum frame_state to)
{
	u16 granted = granted_tag(client);

	if (pfn >= pool.nr_frames ||
	    cmpxchg(&frame_of((u32)pfn)->tag, granted, (u16)to) != granted)
		return false;
	gauge_sub(nr_pool_frames_granted, 1);
	return true;
}

bool frame_adopt(u8 client, u64 pfn)
{
	if (!leave_granted(client, pfn, FRAME_PRIVATE))
		return false;
	note_taker((u32)pfn, __builtin_return_address(0));
	__atomic_store_n(&frame_of((u32)pfn)->nr_refs, 1, __ATOMIC_RELEASE);
	return true;
}

bool frame_unadopt(u8 client, u32 pfn)
{
	struct frame *frame = frame_of(pfn);

	if (frame_state(pfn) != FRAME_PRIVATE ||
	    cmpxchg(&frame->nr_refs, 1u, 0u) != 1)
		return false;
	gauge_add(nr_pool_frames_granted, 1);
	WRITE_ONCE(frame->tag, granted_tag(client));
	return true;
}

bool frame_ungrant(u8 client, u64 pfn)
{
	if (!leave_granted(client, pfn, FRAME_FREE))
		return false;
	free_one((u32)pfn);
	return true;
}

u32 frame_reclaim_grants(u8 client)
{
	u32 n = 0;

	for (u32 pfn = 0; pfn < READ_ONCE(global.nr_touched); pfn++)
		if (frame_state(pfn) == FRAME_GRANTED &&
		    frame_ungrant(client, pfn))
			n++;
	return n;
}

void frame_put(u32 pfn)
{
	u32 before = __atomic_fetch_sub(&frame_of(pfn)->nr_refs, 1,
					__ATOMIC_ACQ_REL);

	CHECK(before);
	if (before == 1)
		free_one(pfn);
}

void frame_drop_cache(u32 pfn)
{
	CHECK(frame_state(pfn) == FRAME_CACHE);
	WRITE_ONCE(frame_of(pfn)->tag, FRAME_ORPHAN);
	frame_put(pfn);
}

bool frame_try_free_cache(u32 pfn)
{
	CHECK(frame_state(pfn) == FRAME_CACHE);
	if (cmpxchg(&frame_of(pfn)->nr_refs, 1u, 0u) != 1)
		return false;
	free_one(pfn);
	return true;
}

void frames_report_private(void)
{
	u32 nr = 0;

	for (u32 pfn = 0; pool.takers && pfn < READ_ONCE(global.nr_touched);
	     pfn++) {
		const char *name;
		u64 offset = 0;

		if (frame_state(pfn) != FRAME_PRIVATE)
			continue;
		if (gauge_read(nr_aspaces))
			return; /* a new one has begun to take frames */
		name = symbol_name((u64)pool.takers[pfn], &offset);
		if (nr++ < NR_REPORTS)
			pr_err("leak: frame %u has %u references of no address "
			       "space; taken in %s()",
			       pfn, frame_nr_refs(pfn), name ? name : "?");
		counter_inc(nr_leaks);
	}
}

void frames_stop(void)
{
	vfree(pool.takers);
	this_cpu_ptr(cpu_list)->nr = 0;
	net_region_unregister(pool.region);
	pool = (struct frame_pool){};
}

static const char *const state_names[] = {
	[FRAME_FREE] = "free",       [FRAME_GRANTED] = "granted",
	[FRAME_PRIVATE] = "private", [FRAME_CACHE] = "cache",
	[FRAME_ORPHAN] = "orphan",   [FRAME_KEPT] = "kept",
};

static void cmd_frames(int argc, char **argv)
{
	u64 nr[ARRAY_SIZE(state_names)] = {};

	mprintf("pool %lu MiB at %#lx, %u frames\n",
		((u64)pool.nr_frames << PAGE_SHIFT) >> 20, pool.paddr,
		pool.nr_frames);
	for (u32 pfn = 0; pfn < global.nr_touched; pfn++)
		nr[frame_state(pfn)]++;
	nr[FRAME_FREE] += pool.nr_frames - global.nr_touched;
	for (u32 i = 0; i < ARRAY_SIZE(nr); i++)
		mprintf("%-8s %lu\n", state_names[i], nr[i]);
}
MONITOR_CMD(frames, "page frames of the pool by state", cmd_frames);
