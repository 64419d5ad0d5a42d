/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reverse mappings: which page-table entries map a line.
 *
 * The first one is part of the line, so that a line mapped once - nearly all
 * are - needs no allocation; more come from a slab cache.  Line and entry
 * change together, under the set's lock and the entry's lock.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <lib/errno.h>
#include <managers/processor/mm/pte.h>
#include <managers/processor/mm/space.h>
#include <mm/slab.h>

static struct slab_cache *rmap_cache;

int rmap_start(void)
{
	rmap_cache = slab_create("rmap", sizeof(struct rmap), 0);
	return rmap_cache ? 0 : -ENOMEM;
}

bool pcache_rmap_add(struct pcache_line *line, struct aspace *aspace, u64 vaddr)
{
	struct rmap *rmap = &line->first_rmap;

	ASSERT_LOCKED(&line->set->lock);
	ASSERT(line->state == LINE_VALID);
	if (line->nr_maps) {
		rmap = slab_alloc(rmap_cache);
		if (!rmap)
			return false;
		rmap->next = line->first_rmap.next;
		line->first_rmap.next = rmap;
	} else {
		rmap->next = NULL;
	}
	rmap->aspace = aspace;
	rmap->vaddr = vaddr;
	line->nr_maps++;
	counter_inc(nr_pcache_rmap_alloc);
	gauge_add(nr_pcache_rmaps, 1);
	return true;
}

/* Take the rmap behind @prev, or the first one (@prev NULL), off @line. */
static void rmap_remove(struct pcache_line *line, struct rmap *prev)
{
	struct rmap *gone = line->first_rmap.next;

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

static void flush_note(struct rmap_flush *flush, struct aspace *aspace,
		       u64 vaddr)
{
	struct page_table *pt = aspace_page_table(aspace);

	for (size_t i = 0; i < ARRAY_SIZE(flush->cpus.bits); i++)
		flush->cpus.bits[i] |= READ_ONCE(pt->cpus.bits[i]);
	if (!flush->aspace) {
		aspace_pin(aspace);
		flush->aspace = aspace;
	}
	if (flush->aspace != aspace)
		flush->is_many = true;
	else if (flush->nr <= TLB_FLUSH_PAGES_MAX)
		flush->vaddrs[flush->nr++] = vaddr;
}

void rmap_unmap_all(struct pcache_line *line, struct rmap_flush *flush)
{
	ASSERT_LOCKED(&line->set->lock);
	while (line->nr_maps) {
		struct aspace *aspace = line->first_rmap.aspace;
		u64 vaddr = line->first_rmap.vaddr;
		pte_t *ptep = pt_walk(aspace_page_table(aspace), vaddr, false);
		pte_t pte;

		CHECK(ptep);
		spin_lock(pte_lock_of(ptep));
		pte = pte_read(ptep);
		CHECK(pte_is_present(pte) &&
		      pte_paddr(pte) == pcache_line_paddr(line));
		pte = pte_xchg(ptep, pte_make_remote(line->gframe, pte));
		spin_unlock(pte_lock_of(ptep));
		if (pte & PTE_DIRTY)
			line->is_dirty = true;
		flush_note(flush, aspace, vaddr);
		rmap_remove(line, NULL);
	}
}

void rmap_flush_run(struct rmap_flush *flush)
{
	if (!flush->aspace)
		return;
	if (flush->is_many)
		tlb_shootdown_mask(&flush->cpus);
	else
		tlb_shootdown(aspace_page_table(flush->aspace), flush->vaddrs,
			      flush->nr);
	aspace_unpin(flush->aspace);
	flush->aspace = NULL;
}

bool rmap_test_accessed(struct pcache_line *line)
{
	bool was_accessed = false;

	ASSERT_LOCKED(&line->set->lock);
	if (!line->nr_maps)
		return false;
	for (struct rmap *rmap = &line->first_rmap; rmap; rmap = rmap->next) {
		pte_t *ptep = pt_walk(aspace_page_table(rmap->aspace),
				      rmap->vaddr, false);

		/* No TLB flush: a use that a TLB hides for a while only makes
		 * the line look a little older than it is. */
		spin_lock(pte_lock_of(ptep));
		if (pte_read(ptep) & PTE_ACCESSED) {
			fetch_and(ptep, ~PTE_ACCESSED);
			was_accessed = true;
		}
		spin_unlock(pte_lock_of(ptep));
	}
	return was_accessed;
}
