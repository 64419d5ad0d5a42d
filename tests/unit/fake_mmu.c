/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_mmu.h"

#include "fake_sched.h"

#include <kernel/assert.h>
#include <lib/string.h>
#include <mm/page.h>
#include <stdlib.h>

#define NR_CPUS     64u
#define TLB_ENTRIES 32u

struct tlb_entry {
	struct page_table *pt;
	u64 vaddr;
	pte_t pte;
};

static struct tlb_entry tlbs[NR_CPUS][TLB_ENTRIES];
static u32 nr_tables;

static pte_t *table_alloc(void)
{
	void *table = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	nr_tables++;
	return memset(table, 0, PAGE_SIZE);
}

static void table_free(pte_t *table, u32 level)
{
	for (u32 i = 0; level && i < 512; i++)
		if (table[i])
			table_free((pte_t *)table[i], level - 1);
	nr_tables--;
	free(table);
}

u32 mmu_nr_tables(void)
{
	return nr_tables;
}

int pt_init(struct page_table *pt)
{
	pt->top = table_alloc();
	return 0;
}

static void tlb_drop(struct page_table *pt, const u64 *vaddrs, size_t n)
{
	for (u32 cpu = 0; cpu < NR_CPUS; cpu++) {
		for (u32 i = 0; i < TLB_ENTRIES; i++) {
			struct tlb_entry *e = &tlbs[cpu][i];
			bool drop = e->pt == pt && !vaddrs;

			for (size_t k = 0; vaddrs && k < n; k++)
				drop |= e->pt == pt && e->vaddr == vaddrs[k];
			if (drop || !pt)
				e->pt = NULL;
		}
	}
}

void pt_destroy(struct page_table *pt)
{
	tlb_drop(pt, NULL, 0);
	table_free(pt->top, 3);
}

static pte_t *walk(struct page_table *pt, u64 vaddr, bool alloc)
{
	pte_t *table = pt->top;

	for (u32 level = 3; level; level--) {
		pte_t *slot = &table[vaddr >> (12 + 9 * level) & 511];

		if (!*slot && !alloc)
			return NULL;
		if (!*slot)
			*slot = (pte_t)table_alloc();
		table = (pte_t *)*slot;
	}
	return &table[vaddr >> 12 & 511];
}

pte_t *pt_walk(struct page_table *pt, u64 vaddr, bool alloc)
{
	pte_t *ptep = walk(pt, vaddr, alloc);

	fake_sched_point(); /* does the table stay? */
	return ptep;
}

pte_t *pt_next(struct page_table *pt, u64 *vaddr, u64 end)
{
	while (*vaddr < end) {
		pte_t *table = pt->top;
		u32 level;

		for (level = 3; level; level--) {
			u64 next = table[*vaddr >> (12 + 9 * level) & 511];

			if (!next)
				break;
			table = (pte_t *)next;
		}
		if (!level)
			return &table[*vaddr >> 12 & 511];
		*vaddr = ALIGN_DOWN(*vaddr, 1ul << (12 + 9 * level)) +
			 (1ul << (12 + 9 * level));
	}
	return NULL;
}

static void free_range(pte_t *table, u32 level, u64 base, u64 start, u64 end)
{
	u64 span = 1ul << (12 + 9 * level);

	for (u32 i = 0; i < 512; i++) {
		u64 from = base + i * span;

		if (!table[i] || from + span <= start || from >= end)
			continue;
		if (from >= start && from + span <= end) {
			table_free((pte_t *)table[i], level - 1);
			table[i] = 0;
		} else if (level > 1) {
			free_range((pte_t *)table[i], level - 1, from, start,
				   end);
		}
	}
}

u64 pt_count_tables(const struct page_table *pt)
{
	return 1;
}

void pt_free_range(struct page_table *pt, u64 start, u64 end)
{
	fake_sched_point();
	free_range(pt->top, 3, 0, start, end);
}

void pt_activate(struct page_table *pt) {}

u32 tlb_shootdown(struct page_table *pt, const u64 *vaddrs, size_t n)
{
	fake_sched_point();
	tlb_drop(pt, n > TLB_FLUSH_PAGES_MAX ? NULL : vaddrs, n);
	return 1;
}

u32 tlb_shootdown_mask(const struct cpumask *mask)
{
	fake_sched_point();
	tlb_drop(NULL, NULL, 0);
	return 1;
}

u8 *mmu_access(struct page_table *pt, u64 vaddr, bool is_write)
{
	u64 page = vaddr & PAGE_MASK;
	struct tlb_entry *e =
		&tlbs[fake_sched_self()][vaddr / PAGE_SIZE % TLB_ENTRIES];
	pte_t need = PTE_PRESENT | PTE_USER | (is_write ? PTE_WRITE : 0);
	pte_t have = PTE_ACCESSED | (is_write ? PTE_DIRTY : 0);
	pte_t *ptep;

	if (e->pt != pt || e->vaddr != page || (e->pte & need) != need ||
	    (e->pte & have) != have) {
		ptep = walk(pt, page, false);
		e->pt = NULL;
		if (!ptep || (*ptep & need) != need)
			return NULL;
		*ptep |= have;
		*e = (struct tlb_entry){pt, page, *ptep};
	}
	return (u8 *)kaddr_of(pte_paddr(e->pte)) + (vaddr & ~PAGE_MASK);
}
