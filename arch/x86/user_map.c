/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of user address spaces.  A table is entered with one atomic
 * exchange, so two walkers that both miss it agree on one; no table goes away
 * while walks of its range may run (paging.h says who sees to that).
 */
#include <arch/x86/paging.h>

#include <arch/x86/kernel_map.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/page.h>

#include "table_page.h"

#define NR_ENTRIES  512
#define KERNEL_HALF 256
#define TOP_LEVEL   3
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

static u64 level_bytes(int level)
{
	return PAGE_SIZE << (9 * level);
}

static u32 index_at(u64 vaddr, int level)
{
	return vaddr >> (PAGE_SHIFT + 9 * level) & (NR_ENTRIES - 1);
}

static pte_t *table_of(pte_t entry)
{
	return table_at(pte_paddr(entry));
}

int pt_init(struct page_table *pt)
{
	pt->top = table_page_alloc();
	if (!pt->top)
		return -ENOMEM;
	gauge_add(nr_page_table_pages, 1);
	memcpy(pt->top + KERNEL_HALF, kernel_root() + KERNEL_HALF,
	       KERNEL_HALF * sizeof(pte_t));
	pt->top_paddr = table_paddr(pt->top);
	cpumask_zero(&pt->cpus);
	return 0;
}

static void table_free(pte_t *table)
{
	table_page_free(table);
	gauge_sub(nr_page_table_pages, 1);
}

/* Free @table of @level and all below it. */
static void tree_free(pte_t *table, int level)
{
	for (u32 i = 0; level > 0 && i < NR_ENTRIES; i++)
		if (table[i] & PTE_PRESENT)
			tree_free(table_of(table[i]), level - 1);
	table_free(table);
}

void pt_destroy(struct page_table *pt)
{
	pt_deactivate_everywhere(pt);
	for (u32 i = 0; i < KERNEL_HALF; i++)
		if (pt->top[i] & PTE_PRESENT)
			tree_free(table_of(pt->top[i]), TOP_LEVEL - 1);
	table_free(pt->top);
	pt->top = NULL;
}

/* @table of @level and those below it; @nr: of its entries. */
static u64 tree_count(const pte_t *table, int level, u32 nr)
{
	u64 sum = 1;

	for (u32 i = 0; level > 0 && i < nr; i++)
		if (pte_read(&table[i]) & PTE_PRESENT)
			sum += tree_count(table_of(pte_read(&table[i])),
					  level - 1, NR_ENTRIES);
	return sum;
}

u64 pt_count_tables(const struct page_table *pt)
{
	return tree_count(pt->top, TOP_LEVEL, KERNEL_HALF);
}

/* The table below @e, made if missing. NULL without memory. */
static pte_t *table_make(pte_t *e)
{
	pte_t *table = table_page_alloc();

	if (!table)
		return NULL;
	if (!pte_cmpxchg(e, 0, table_paddr(table) | TABLE_FLAGS)) {
		table_page_free(table);
		return table_of(pte_read(e));
	}
	gauge_add(nr_page_table_pages, 1);
	return table;
}

/* pt_walk() where a table is missing. */
static __noinline pte_t *walk_make(struct page_table *pt, u64 vaddr)
{
	pte_t *table = pt->top;

	for (int level = TOP_LEVEL; level > 0; level--) {
		pte_t *e = &table[index_at(vaddr, level)];
		pte_t entry = pte_read(e);

		table = entry & PTE_PRESENT ? table_of(entry) : table_make(e);
		if (!table)
			return NULL;
	}
	return &table[index_at(vaddr, 0)];
}

static __always_inline pte_t walk_step(pte_t entry, u64 vaddr, int level)
{
	return likely(entry & PTE_PRESENT)
		       ? pte_read(&table_of(entry)[index_at(vaddr, level)])
		       : 0;
}

pte_t *pt_walk(struct page_table *pt, u64 vaddr, bool alloc)
{
	pte_t entry = pte_read(&pt->top[index_at(vaddr, 3)]);

	ASSERT(vaddr < USER_VADDR_END);
	entry = walk_step(entry, vaddr, 2);
	entry = walk_step(entry, vaddr, 1);
	if (likely(entry & PTE_PRESENT))
		return &table_of(entry)[index_at(vaddr, 0)];
	return alloc ? walk_make(pt, vaddr) : NULL;
}

pte_t *pt_next(struct page_table *pt, u64 *vaddr, u64 end)
{
	u64 pos = *vaddr;

	while (pos < end) {
		pte_t *table = pt->top;
		int level;

		for (level = TOP_LEVEL; level > 0; level--) {
			pte_t entry = pte_read(&table[index_at(pos, level)]);

			if (!(entry & PTE_PRESENT))
				break;
			table = table_of(entry);
		}
		if (level) { /* nothing in all that this entry covers */
			pos = ALIGN_DOWN(pos, level_bytes(level)) +
			      level_bytes(level);
			continue;
		}
		for (u32 i = index_at(pos, 0); i < NR_ENTRIES && pos < end;
		     i++, pos += PAGE_SIZE) {
			if (pte_read(&table[i])) {
				*vaddr = pos;
				return &table[i];
			}
		}
	}
	return NULL;
}

/* Tables taken out of the tree wait here, linked by their first word, until
 * no CPU's paging-structure cache can lead to them. */
static void unlink_table(pte_t *e, pte_t **removed)
{
	pte_t *table = table_of(pte_xchg(e, 0));

	table[0] = (pte_t)*removed;
	*removed = table;
}

/*
 * Take out the tables below @table that lie wholly in [start, end); @base is
 * where @table begins.
 */
static void remove_tables(pte_t *table, int level, u64 base, u64 start, u64 end,
			  pte_t **removed)
{
	u64 bytes = level_bytes(level);
	u64 first = max(start, base);
	u64 last = min(end, base + bytes * NR_ENTRIES);

	for (u64 pos = ALIGN_DOWN(first, bytes); pos < last; pos += bytes) {
		pte_t *e = &table[index_at(pos, level)];

		if (!(pte_read(e) & PTE_PRESENT))
			continue;
		if (level > 1)
			remove_tables(table_of(*e), level - 1, pos, start, end,
				      removed);
		if (pos >= start && pos + bytes <= end)
			unlink_table(e, removed);
	}
}

void pt_free_range(struct page_table *pt, u64 start, u64 end)
{
	pte_t *removed = NULL;

	if (start >= end)
		return;
	remove_tables(pt->top, TOP_LEVEL, 0, start, end, &removed);
	if (!removed)
		return;
	tlb_shootdown_tables(pt);
	while (removed) {
		pte_t *next = (pte_t *)removed[0];

		table_free(removed);
		removed = next;
	}
}
