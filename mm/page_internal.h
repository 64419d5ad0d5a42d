/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MM_PAGE_INTERNAL_H
#define MM_PAGE_INTERNAL_H
/* What the buddy and the slab allocator know about a frame. */
#include <lib/errno.h>
#include <lib/types.h>
#include <mm/page.h>

#define PFN_NONE UINT32_MAX

enum page_state {
	PAGE_HOLE, /* 0: how the map begins */
	PAGE_FREE,
	PAGE_TAIL,
	PAGE_BUSY,
	PAGE_SLAB,
	PAGE_POOL,
};

struct page {
	u32 next, prev; /* free list [zone lock], or a cache's list of slabs
			   with free objects [cache lock] */
	struct slab_cache *cache; /* PAGE_SLAB */
	u16 free_first;           /* PAGE_SLAB: offset / 8 of a free object,
				     SLAB_FULL if none [cache lock] */
	u16 nr_used;              /* PAGE_SLAB: objects in use [cache lock] */
	u8 order;
	u8 state; /* enum page_state */
};

extern struct page *page_map; /* by page number */
extern u64 page_map_size;

static inline struct page *page_of(const void *kaddr)
{
	return &page_map[paddr_of(kaddr) >> PAGE_SHIFT];
}

static inline void *page_kaddr(const struct page *p)
{
	return kaddr_of((u64)(p - page_map) << PAGE_SHIFT);
}

#endif
