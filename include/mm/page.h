/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MM_PAGE_H
#define MM_PAGE_H
/*
 * Frames of this node: a buddy allocator over all usable RAM, handing out
 * 2^order pages, naturally aligned, by their address in the direct map.
 */
#include <arch/x86/paging.h>
#include <lib/types.h>

#define PAGE_ORDER_MAX 10 /* largest block: 4 MiB */

/**
 * page_alloc - 2^@order contiguous pages, contents undefined.
 *
 * Context: any; never sleeps.
 * Return: kernel address in the direct map, NULL if there is no such block.
 */
void *page_alloc(unsigned int order);
/** page_alloc_zero - as page_alloc(), filled with zeros. */
void *page_alloc_zero(unsigned int order);
/** page_free - give a block of the same order back. Context: any. */
void page_free(void *kaddr, unsigned int order);

#ifdef BRICK_HOST /* unit tests choose where "physical" memory stands */
__weak u64 host_direct_base; /* 0 unless a test sets it */
#define DIRECT_BASE_ host_direct_base
#else
#define DIRECT_BASE_ KERNEL_DIRECT_BASE
#endif

/** paddr_of, kaddr_of - between the direct map and physical addresses. */
static inline paddr_t paddr_of(const void *kaddr)
{
	return (u64)kaddr - DIRECT_BASE_;
}

static inline void *kaddr_of(paddr_t paddr)
{
	return (void *)(paddr + DIRECT_BASE_);
}

/**
 * phys_reserve_pool - take @bytes of physically contiguous RAM for good
 * (pcache lines, page frames of a memory node), aligned to 2 MiB.
 *
 * Context: thread, during start-up (before memory is fragmented).
 * Return: 0, or -ENOMEM if there is no such run of free memory.
 */
int __must_check phys_reserve_pool(u64 bytes, paddr_t *out);

/** phys_pool_max - largest pool that could be reserved now, in bytes. */
u64 phys_pool_max(void);

struct page_stats {
	u64 total_bytes; /* RAM the allocator was given */
	u64 free_bytes;
	u64 pool_bytes; /* taken by phys_reserve_pool() */
	u64 nr_free_blocks[PAGE_ORDER_MAX + 1];
};

/** page_stats - a snapshot. */
void page_stats(struct page_stats *s);

#endif
