/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The buddy allocator.
 *
 * One struct page for each frame below phys_end().  A block of 2^order pages
 * is described by that of its first page; free blocks of an order are on a
 * list, linked by page numbers.  Two buddies that are both free are always
 * merged.
 *
 * State of a frame's struct page:
 *   PAGE_HOLE   not ours: no RAM, or in use since boot; for ever
 *   PAGE_FREE   first page of a free block of ->order      [zone_lock]
 *   PAGE_TAIL   inside a free or an allocated block
 *   PAGE_BUSY   first page of an allocated block of ->order
 *   PAGE_SLAB   a PAGE_BUSY page that the slab allocator carves up
 *   PAGE_POOL   taken by phys_reserve_pool(); for ever
 *
 * Single pages pass through a small per-CPU stock first, so that the lock is
 * taken once for many of them.
 */
#define pr_fmt(fmt) "mm: " fmt
#include "page_internal.h"

#include <arch/x86/cpu.h>
#include <arch/x86/page_copy.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/phys.h>

#define STOCK_MAX   32
#define STOCK_BATCH 16
#define FREE_POISON 0xfe

struct page_stock {
	void *pages[STOCK_MAX];
	u32 n;
};

static DEFINE_PERCPU(struct page_stock, page_stock);
static DEFINE_SPINLOCK(zone_lock, LOCK_BUDDY);
static u32 free_heads[PAGE_ORDER_MAX + 1];     /* first block [zone_lock] */
static u64 nr_free_blocks[PAGE_ORDER_MAX + 1]; /* [zone_lock] */
static u64 nr_total_pages, nr_pool_pages;      /* [zone_lock] */

struct page *page_map;
u64 page_map_size;

static bool block_is_free(u64 pfn, unsigned int order)
{
	return pfn < page_map_size && page_map[pfn].state == PAGE_FREE &&
	       page_map[pfn].order == order;
}

static void free_list_add(u64 pfn, unsigned int order)
{
	struct page *p = &page_map[pfn];

	p->state = PAGE_FREE;
	p->order = (u8)order;
	p->prev = PFN_NONE;
	p->next = free_heads[order];
	if (p->next != PFN_NONE)
		page_map[p->next].prev = (u32)pfn;
	free_heads[order] = (u32)pfn;
	nr_free_blocks[order]++;
}

static void free_list_del(u64 pfn)
{
	struct page *p = &page_map[pfn];

	if (p->prev != PFN_NONE)
		page_map[p->prev].next = p->next;
	else
		free_heads[p->order] = p->next;
	if (p->next != PFN_NONE)
		page_map[p->next].prev = p->prev;
	nr_free_blocks[p->order]--;
}

/* Context: zone_lock held. */
static void block_free(u64 pfn, unsigned int order)
{
	page_map[pfn].state = PAGE_TAIL;
	while (order < PAGE_ORDER_MAX &&
	       block_is_free(pfn ^ 1ul << order, order)) {
		u64 buddy = pfn ^ 1ul << order;

		free_list_del(buddy);
		page_map[buddy].state = PAGE_TAIL;
		pfn = min(pfn, buddy);
		order++;
	}
	free_list_add(pfn, order);
}

/* Context: zone_lock held.  Return: page number, PFN_NONE if none is free. */
static u64 block_alloc(unsigned int order)
{
	unsigned int have = order;
	u64 pfn;

	while (have <= PAGE_ORDER_MAX && free_heads[have] == PFN_NONE)
		have++;
	if (have > PAGE_ORDER_MAX)
		return PFN_NONE;
	pfn = free_heads[have];
	free_list_del(pfn);
	while (have > order) {
		have--;
		free_list_add(pfn + (1ul << have), have);
	}
	page_map[pfn].state = PAGE_BUSY;
	page_map[pfn].order = (u8)order;
	return pfn;
}

static void poison_check(const void *kaddr, unsigned int order)
{
	const u8 *b = kaddr;

	for (size_t i = 0; i < PAGE_SIZE << order; i++)
		if (b[i] != FREE_POISON)
			panic("free page %p was written to at +%lx: %02x",
			      kaddr, i, b[i]);
}

/* Context: interrupts off. */
static void *stock_take(void)
{
	struct page_stock *s = this_cpu_ptr(page_stock);

	if (!s->n) {
		spin_lock(&zone_lock);
		while (s->n < STOCK_BATCH) {
			u64 pfn = block_alloc(0);

			if (pfn == PFN_NONE)
				break;
			s->pages[s->n++] = kaddr_of(pfn << PAGE_SHIFT);
		}
		spin_unlock(&zone_lock);
	}
	return s->n ? s->pages[--s->n] : NULL;
}

/* Context: interrupts off. */
static void stock_put(void *kaddr)
{
	struct page_stock *s = this_cpu_ptr(page_stock);

	if (s->n == STOCK_MAX) {
		spin_lock(&zone_lock);
		while (s->n > STOCK_MAX - STOCK_BATCH) {
			paddr_t paddr = paddr_of(s->pages[--s->n]);

			block_free(paddr >> PAGE_SHIFT, 0);
		}
		spin_unlock(&zone_lock);
	}
	s->pages[s->n++] = kaddr;
}

void *page_alloc(unsigned int order)
{
	void *kaddr = NULL;
	u64 flags;

	ASSERT(order <= PAGE_ORDER_MAX);
	flags = irq_save();
	if (!order) {
		kaddr = stock_take();
	} else {
		u64 pfn;

		spin_lock(&zone_lock);
		pfn = block_alloc(order);
		spin_unlock(&zone_lock);
		if (pfn != PFN_NONE)
			kaddr = kaddr_of(pfn << PAGE_SHIFT);
	}
	irq_restore(flags);
	if (unlikely(!kaddr)) {
		counter_inc(nr_page_alloc_fail);
		return NULL;
	}
	if (IS_ENABLED(CONFIG_DEBUG_SLAB))
		poison_check(kaddr, order);
	return kaddr;
}

void *page_alloc_zero(unsigned int order)
{
	void *kaddr = page_alloc(order);

	for (size_t i = 0; kaddr && i < 1ul << order; i++)
		page_clear((char *)kaddr + i * PAGE_SIZE);
	return kaddr;
}

void page_free(void *kaddr, unsigned int order)
{
	u64 pfn = paddr_of(kaddr) >> PAGE_SHIFT;
	u64 flags;

	CHECK(pfn < page_map_size && IS_ALIGNED((u64)kaddr, PAGE_SIZE));
	CHECK(page_map[pfn].state == PAGE_BUSY && page_map[pfn].order == order);
	if (IS_ENABLED(CONFIG_DEBUG_SLAB))
		memset(kaddr, FREE_POISON, PAGE_SIZE << order);
	flags = irq_save();
	if (!order) {
		stock_put(kaddr);
	} else {
		spin_lock(&zone_lock);
		block_free(pfn, order);
		spin_unlock(&zone_lock);
	}
	irq_restore(flags);
}

/* Return: length in pages of the run of free maximal blocks at @pfn. */
static u64 free_run(u64 pfn)
{
	u64 start = pfn;

	while (block_is_free(pfn, PAGE_ORDER_MAX))
		pfn += 1ul << PAGE_ORDER_MAX;
	return pfn - start;
}

/* The longest run of free maximal blocks. Context: zone_lock held. */
static u64 longest_free_run(u64 *run_pfn)
{
	u64 best = 0, n;

	for (u64 pfn = 0; pfn < page_map_size;
	     pfn += max(n, 1ul << PAGE_ORDER_MAX)) {
		n = free_run(pfn);
		if (n > best) {
			best = n;
			*run_pfn = pfn;
		}
	}
	return best;
}

int phys_reserve_pool(u64 bytes, paddr_t *out)
{
	const u64 block = 1ul << PAGE_ORDER_MAX;
	u64 nr = DIV_ROUND_UP(bytes, PAGE_SIZE), pfn = 0, end;
	u64 flags = spin_lock_irqsave(&zone_lock);

	if (!nr || longest_free_run(&pfn) < nr) {
		spin_unlock_irqrestore(&zone_lock, flags);
		return -ENOMEM;
	}
	end = pfn + ALIGN_UP(nr, block);
	for (u64 p = pfn; p < end; p += block)
		free_list_del(p);
	for (u64 p = pfn; p < end; p++)
		page_map[p].state = PAGE_POOL;
	/* What was taken too much goes back page by page. */
	for (u64 p = pfn + nr; p < end; p++)
		block_free(p, 0);
	nr_pool_pages += nr;
	spin_unlock_irqrestore(&zone_lock, flags);
	*out = pfn << PAGE_SHIFT;
	return 0;
}

u64 phys_pool_max(void)
{
	u64 flags = spin_lock_irqsave(&zone_lock), pfn = 0, n;

	n = longest_free_run(&pfn);
	spin_unlock_irqrestore(&zone_lock, flags);
	return n << PAGE_SHIFT;
}

void page_stats(struct page_stats *s)
{
	u64 flags = spin_lock_irqsave(&zone_lock);

	*s = (struct page_stats){
		.total_bytes = nr_total_pages << PAGE_SHIFT,
		.pool_bytes = nr_pool_pages << PAGE_SHIFT,
	};
	for (int i = 0; i <= PAGE_ORDER_MAX; i++) {
		s->nr_free_blocks[i] = nr_free_blocks[i];
		s->free_bytes += nr_free_blocks[i] << (PAGE_SHIFT + i);
	}
	spin_unlock_irqrestore(&zone_lock, flags);
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		s->free_bytes += (u64)per_cpu_ptr(page_stock, cpu)->n
				 << PAGE_SHIFT;
}

static void add_region(void *arg, const struct phys_region *r)
{
	u64 pfn = r->start >> PAGE_SHIFT, end = r->end >> PAGE_SHIFT;

	if (r->kind != PHYS_USABLE)
		return;
	for (; pfn < end; pfn++) {
		if (IS_ENABLED(CONFIG_DEBUG_SLAB))
			memset(kaddr_of(pfn << PAGE_SHIFT), FREE_POISON,
			       PAGE_SIZE);
		nr_total_pages++;
		block_free(pfn, 0);
	}
}

void page_init(void)
{
	u64 nr = phys_end() >> PAGE_SHIFT;

	CHECK(nr < PFN_NONE);
	page_map = kaddr_of(phys_early_alloc(nr * sizeof(struct page), 64));
	page_map_size = nr;
	for (int i = 0; i <= PAGE_ORDER_MAX; i++)
		free_heads[i] = PFN_NONE;
	phys_for_each(add_region, NULL);
	pr_info("%lu MiB of memory", nr_total_pages >> (20 - PAGE_SHIFT));
}
