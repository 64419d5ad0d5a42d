/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_FRAMES_H
#define MEMORY_FRAMES_H

/*
 * The pool: the page frames that this node lends to the cluster.  One
 * physically contiguous range, registered with the card as one region; frame
 * pfn lies at pool_paddr + pfn * 4096.  Nothing else of this node's memory can
 * be reached over the fabric.
 *
 *	           frame_alloc                     frame_put (last)
 *	   FREE ----------------> PRIVATE --------------------------> FREE
 *	    | ^                    ^  |
 *	    | | frame_ungrant      |  | frame_unadopt
 *	    v |      frame_adopt   |  v
 *	   GRANTED ----------------+  GRANTED
 *
 *	           frame_alloc_cache       frame_drop_cache      frame_put
 *(last) FREE -------------------> CACHE ----------------> ORPHAN -----> FREE
 *
 * GRANTED frames belong to one client (a processor node), which may do what it
 * likes with them; m_pages adopts one into an address space.  PRIVATE frames
 * are counted by the page tables that hold them, CACHE frames by the page
 * cache (one) and page tables.  ORPHAN: was CACHE, now truncated away, still
 * mapped somewhere.
 *
 * The free lists: a small one per CPU (the kernel is not preemptive, and no
 * interrupt handler comes here, so it needs no lock), and a global one.
 */
#include <kernel/assert.h>
#include <lib/atomic.h>
#include <lib/types.h>
#include <mm/page.h>
#include <net/rpc.h>

#define FRAME_NONE (~0u)

enum frame_state {
	FRAME_FREE,
	FRAME_GRANTED,
	FRAME_PRIVATE,
	FRAME_CACHE,
	FRAME_ORPHAN,
	FRAME_KEPT, /* this node's own, for good */
};

struct frame {
	u32 nr_refs; /* see above; 0 if FREE or GRANTED [atomic] */
	u32 next;    /* FREE: next on its list [the list's lock] */
	u16 tag;     /* enum frame_state | client id << 8 if GRANTED [atomic] */
};

struct frame_pool {
	paddr_t paddr;
	u32 nr_frames;
	struct frame *frames;
	const void **takers; /* CONFIG_DEBUG_LEAKS: who took a frame, or NULL */
	struct region *region;
};
extern struct frame_pool pool; /* [set once in frames_start()] */

/**
 * frames_start - reserve @bytes (rounded down to frames) for the pool.
 *
 * Context: start-up.  Return: 0, -ENOMEM, -EINVAL.
 */
int __must_check frames_start(u64 bytes);
/** frames_register - show the pool to the fabric; once there is a card. */
int __must_check frames_register(void);
/** frames_stop - for tests: give all back. */
void frames_stop(void);

static inline struct frame *frame_of(u32 pfn)
{
	CHECK(pfn < pool.nr_frames);
	return &pool.frames[pfn];
}

static inline paddr_t frame_paddr(u32 pfn)
{
	CHECK(pfn < pool.nr_frames);
	return pool.paddr + ((u64)pfn << PAGE_SHIFT);
}

static inline void *frame_kaddr(u32 pfn)
{
	return kaddr_of(frame_paddr(pfn));
}

static inline enum frame_state frame_state(u32 pfn)
{
	return READ_ONCE(frame_of(pfn)->tag) & 0xff;
}

/**
 * frame_alloc - one frame, contents undefined, PRIVATE with one reference.
 * frame_alloc_cache - the same as CACHE.
 *
 * Evicts from the page cache when the pool runs low.  Context: may sleep.
 * Return: the pfn, FRAME_NONE if there is none.
 */
u32 frame_alloc(void);
u32 frame_alloc_cache(void);
/** frame_alloc_kept - the same for this node's own use, at start. */
u32 frame_alloc_kept(void);

/** frames_report_private - with CONFIG_DEBUG_LEAKS: no address space is left,
 * so log, with who took them, the frames that are still PRIVATE. */
void frames_report_private(void);

/** frame_grant - grant up to @nr frames to @client. Return: how many. */
u32 frame_grant(u8 client, u32 *pfns, u32 nr);

/** frame_adopt - GRANTED to @client -> PRIVATE with one reference.
 * Return: false if @pfn (any number) is no grant of @client. */
bool __must_check frame_adopt(u8 client, u64 pfn);
/** frame_unadopt - PRIVATE, held once, by the caller -> GRANTED to @client;
 * false if somebody else holds it too. */
bool __must_check frame_unadopt(u8 client, u32 pfn);
/** frame_ungrant - GRANTED to @client -> FREE; false if it is not. */
bool __must_check frame_ungrant(u8 client, u64 pfn);
/** frame_reclaim_grants - take back what @client was granted. Return: count. */
u32 frame_reclaim_grants(u8 client);

/** frame_get - one more reference; the caller has, or knows of, one. */
static inline void frame_get(u32 pfn)
{
	u32 before = __atomic_fetch_add(&frame_of(pfn)->nr_refs, 1,
					__ATOMIC_RELAXED);

	CHECK(before);
}

/** frame_try_get - a reference of a frame that may just be going; what it is
 * by then, the caller has to look at. */
static inline bool __must_check frame_try_get(u32 pfn)
{
	u32 *nr_refs = &frame_of(pfn)->nr_refs;
	u32 seen = __atomic_load_n(nr_refs, __ATOMIC_RELAXED);

	while (seen &&
	       !__atomic_compare_exchange_n(nr_refs, &seen, seen + 1, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		;
	return seen;
}

/** frame_put - drop one reference; the last frees. Context: any thread. */
void frame_put(u32 pfn);

/** frame_drop_cache - the page cache lets go of a frame that page tables may
 * still hold. */
void frame_drop_cache(u32 pfn);

/**
 * frame_try_free_cache - free a CACHE frame if only the page cache holds it.
 *
 * Context: the lock under which the page cache hands out references.
 */
bool __must_check frame_try_free_cache(u32 pfn);

static inline u32 frame_nr_refs(u32 pfn)
{
	return __atomic_load_n(&frame_of(pfn)->nr_refs, __ATOMIC_RELAXED);
}

/** frames_nr_free - frames on the lists now, roughly. */
u32 frames_nr_free(void);

#endif /* MEMORY_FRAMES_H */
