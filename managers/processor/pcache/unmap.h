/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PCACHE_UNMAP_H
#define PROCESSOR_PCACHE_UNMAP_H
/* Unmapping a line that is evicted.  Inline: nearly all are mapped once, and
 * evictors do it for every page. */
#include "internal.h"

#include <managers/processor/mm/ledger.h>

/** rmap_flush_note_other - @aspace is the first one of @flush, or not the only
 * one. */
void rmap_flush_note_other(struct rmap_flush *flush, struct aspace *aspace,
			   u64 vaddr);

static inline void rmap_flush_note(struct rmap_flush *flush,
				   struct aspace *aspace, u64 vaddr)
{
	if (unlikely(flush->aspace != aspace))
		rmap_flush_note_other(flush, aspace, vaddr);
	else if (flush->nr <= TLB_FLUSH_PAGES_MAX)
		flush->vaddrs[flush->nr++] = vaddr;
}

/** rmap_unmap_first - the entry of @line's first mapping becomes remote.
 * Context: set locked. */
static __always_inline void rmap_unmap_first(struct pcache_line *line,
					     struct rmap_flush *flush)
{
	struct rmap *rmap = &line->first_rmap;
	pte_t *ptep = rmap->ptep;
	struct spinlock *lock = pte_lock_of(ptep);
	pte_t pte;

	spin_lock(lock);
	pte = pte_read(ptep);
	CHECK(pte_is_present(pte) && pte_paddr(pte) == pcache_line_paddr(line));
	pte = pte_xchg(ptep, pte_make_remote(line->gframe, pte));
	spin_unlock(lock);
	if (pte & PTE_DIRTY)
		line->is_dirty = true;
	rmap_flush_note(flush, rmap->aspace, rmap->vaddr);
}

/** rmap_unmap_many - rmap_unmap_all() of a line not mapped exactly once. */
void rmap_unmap_many(struct pcache_line *line, struct rmap_flush *flush);

/** rmap_unmap_all - turn all entries that map @line into remote ones.
 * Context: set locked. */
static __always_inline void rmap_unmap_all(struct pcache_line *line,
					   struct rmap_flush *flush)
{
	ASSERT_LOCKED(&line->set->lock);
	if (unlikely(line->nr_maps != 1)) {
		rmap_unmap_many(line, flush);
		return;
	}
	rmap_unmap_first(line, flush);
	ledger_give(line->first_rmap.aspace, LEDGER_RMAP,
		    line->first_rmap.vaddr);
	line->nr_maps = 0;
	flush->nr_singles++;
}
#endif
