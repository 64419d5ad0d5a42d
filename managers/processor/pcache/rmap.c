/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reverse mappings: which page-table entries map a line.
 *
 * The first one is part of the line, so that a line mapped once - nearly all
 * are - needs no allocation; more come from a slab cache.  Line and entry
 * change together, under the set's lock and the entry's lock.
 */
#include "internal.h"
#include "unmap.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <lib/errno.h>
#include <managers/processor/mm/ledger.h>
#include <managers/processor/mm/pte.h>
#include <managers/processor/mm/space.h>
#include <mm/slab.h>

static struct slab_cache *rmap_cache;

int rmap_start(void)
{
	rmap_cache = slab_create("rmap", sizeof(struct rmap), 0);
	return rmap_cache ? 0 : -ENOMEM;
}

/* @line is mapped already. */
static __noinline bool rmap_push(struct pcache_line *line,
				 struct aspace *aspace, u64 vaddr, pte_t *ptep)
{
	struct rmap *rmap = slab_alloc(rmap_cache);

	if (!rmap)
		return false;
	*rmap = (struct rmap){.aspace = aspace,
			      .vaddr = vaddr,
			      .ptep = ptep,
			      .next = line->first_rmap.next};
	line->first_rmap.next = rmap;
	line->nr_maps++;
	ledger_take(aspace, LEDGER_RMAP, vaddr);
	counter_inc(nr_pcache_rmap_alloc);
	gauge_add(nr_pcache_rmaps, 1);
	return true;
}

bool pcache_rmap_add(struct pcache_line *line, struct aspace *aspace, u64 vaddr,
		     pte_t *ptep)
{
	ASSERT_LOCKED(&line->set->lock);
	ASSERT_LOCKED(pte_lock_of(ptep));
	ASSERT(line->state == LINE_VALID);
	if (unlikely(line->nr_maps))
		return rmap_push(line, aspace, vaddr, ptep);
	line->first_rmap = (struct rmap){
		.aspace = aspace, .vaddr = vaddr, .ptep = ptep, .next = NULL};
	line->nr_maps = 1;
	ledger_take(aspace, LEDGER_RMAP, vaddr);
	counter_inc(nr_pcache_rmap_alloc);
	gauge_add(nr_pcache_rmaps, 1);
	return true;
}

/* Take the rmap behind @prev, or the first one (@prev NULL), off @line. */
static void rmap_remove(struct pcache_line *line, struct rmap *prev)
{
	const struct rmap *r = prev ? prev->next : &line->first_rmap;
	struct rmap *gone = line->first_rmap.next;

	ledger_give(r->aspace, LEDGER_RMAP, r->vaddr);
	if (prev) {
		gone = prev->next;
		prev->next = gone->next;
	} else if (gone) { /* the second one takes the place of the first */
		line->first_rmap = *gone;
	}
	if (gone)
		slab_free(rmap_cache, gone);
	line->nr_maps--;
	counter_inc(nr_pcache_rmap_free);
	gauge_sub(nr_pcache_rmaps, 1);
}

void pcache_rmap_del(struct pcache_line *line, struct aspace *aspace, u64 vaddr)
{
	struct rmap *prev = NULL;

	ASSERT_LOCKED(&line->set->lock);
	CHECK(line->nr_maps);
	for (struct rmap *rmap = &line->first_rmap; rmap; rmap = rmap->next) {
		if (rmap->aspace == aspace && rmap->vaddr == vaddr) {
			rmap_remove(line, prev);
			return;
		}
		prev = rmap;
	}
	CHECK(!"a present entry without its rmap");
}

void rmap_flush_init(struct rmap_flush *flush)
{
	flush->aspace = NULL;
	flush->is_many = false;
	flush->nr = 0;
	flush->nr_singles = 0;
}

static void flush_add_cpus(struct rmap_flush *flush, struct aspace *aspace)
{
	struct page_table *pt = aspace_page_table(aspace);

	for (size_t i = 0; i < ARRAY_SIZE(flush->cpus.bits); i++)
		flush->cpus.bits[i] |= READ_ONCE(pt->cpus.bits[i]);
}

void rmap_flush_note_other(struct rmap_flush *flush, struct aspace *aspace,
			   u64 vaddr)
{
	if (!flush->aspace) {
		aspace_pin(aspace);
		flush->aspace = aspace;
		flush->vaddrs[flush->nr++] = vaddr;
		return;
	}
	if (!flush->is_many)
		flush->cpus = (struct cpumask){0};
	flush->is_many = true;
	flush_add_cpus(flush, aspace);
}

void rmap_unmap_many(struct pcache_line *line, struct rmap_flush *flush)
{
	while (line->nr_maps) {
		rmap_unmap_first(line, flush);
		rmap_remove(line, NULL);
	}
}

void rmap_flush_run(struct rmap_flush *flush)
{
	u32 nr_ipis;

	if (!flush->aspace)
		return;
	counter_add(nr_pcache_rmap_free, flush->nr_singles);
	gauge_sub(nr_pcache_rmaps, flush->nr_singles);
	if (flush->is_many) {
		flush_add_cpus(flush, flush->aspace);
		nr_ipis = tlb_shootdown_mask(&flush->cpus);
	} else {
		nr_ipis = tlb_shootdown(aspace_page_table(flush->aspace),
					flush->vaddrs, flush->nr);
	}
	counter_add(nr_pcache_eviction_ipi, nr_ipis);
	aspace_unpin(flush->aspace);
	flush->aspace = NULL;
}

bool rmap_has_dirty(const struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	if (!line->nr_maps)
		return false;
	for (const struct rmap *r = &line->first_rmap; r; r = r->next)
		if (pte_read(r->ptep) & PTE_DIRTY)
			return true;
	return false;
}

bool rmap_test_accessed_all(struct pcache_line *line)
{
	bool was_accessed = false;

	ASSERT_LOCKED(&line->set->lock);
	if (!line->nr_maps)
		return false;
	/*
	 * With the set locked all these entries stay present and map @line;
	 * the bit alone changes without their locks.  No TLB flush: a use that
	 * a TLB hides for a while only makes the line look a little older than
	 * it is.
	 */
	for (struct rmap *rmap = &line->first_rmap; rmap; rmap = rmap->next) {
		if (pte_read(rmap->ptep) & PTE_ACCESSED) {
			fetch_and(rmap->ptep, ~PTE_ACCESSED);
			was_accessed = true;
		}
	}
	return was_accessed;
}
