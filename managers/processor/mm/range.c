/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations on all entries of a range.
 *
 * Entries that a fault owns (FILLING) are waited for.  Lines that lose a
 * mapping stay pinned until the TLBs are flushed, which happens once for a
 * batch: until then a thread may still read and write them.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <managers/processor/pcache/pcache.h>
#include <uapi/mman.h>

/* What happened to the pages of a batch, to be finished after the flush. */
struct gather {
	struct aspace *aspace;
	void (*finish)(struct gather *gather, u32 i);
	int rc; /* of finish */
	u32 nr;
	u64 vaddrs[TLB_FLUSH_PAGES_MAX];
	struct pcache_line *lines[TLB_FLUSH_PAGES_MAX]; /* pinned, or NULL */
	pte_t ptes[TLB_FLUSH_PAGES_MAX];                /* what was there */
};

void frame_drop(u64 gframe, u64 flags)
{
	if (flags & PTE_FILE)
		pcache_forget(gframe, false);
	else if (!frame_unshare(gframe))
		pcache_forget(gframe, true);
}

static void gather_flush(struct gather *gather)
{
	if (!gather->nr)
		return;
	tlb_shootdown(&gather->aspace->pt, gather->vaddrs, gather->nr);
	for (u32 i = 0; i < gather->nr; i++)
		if (gather->lines[i])
			gather->finish(gather, i);
	gather->nr = 0;
}

static void gather_add(struct gather *gather, u64 vaddr,
		       struct pcache_line *line, pte_t pte)
{
	gather->vaddrs[gather->nr] = vaddr;
	gather->lines[gather->nr] = line;
	gather->ptes[gather->nr] = pte;
	if (++gather->nr == TLB_FLUSH_PAGES_MAX)
		gather_flush(gather);
}

static void finish_zap(struct gather *gather, u32 i)
{
	struct pcache_line *line = gather->lines[i];
	u64 gframe = line->gframe;

	pcache_unpin(line);
	frame_drop(gframe, gather->ptes[i]);
}

static void finish_unmap(struct gather *gather, u32 i)
{
	pcache_unpin(gather->lines[i]);
}

static void finish_clean(struct gather *gather, u32 i)
{
	int rc = pcache_write_back(gather->lines[i]);

	if (rc)
		gather->rc = -EIO;
	pcache_unpin(gather->lines[i]);
}

static void finish_nothing(struct gather *gather, u32 i) {}

/*
 * Wait while a fault owns @ptep.  Return: its value, its lock held.  The
 * batch is finished before we sleep: a thread that waits pins nothing.
 */
static pte_t entry_lock_settled(struct gather *gather, pte_t *ptep)
{
	struct spinlock *lock = pte_lock_of(ptep);

	for (;;) {
		pte_t pte;
		u64 ticket;

		spin_lock(lock);
		pte = pte_read(ptep);
		if (!pte_is_filling(pte))
			return pte;
		ticket = pte_fill_ticket(ptep);
		spin_unlock(lock);
		gather_flush(gather);
		pte_fill_wait(ptep, ticket);
	}
}

/* Take @line's mapping away; both locks are held, dropped on return. */
static void unmap_line(struct gather *gather, struct pcache_line *line,
		       pte_t *ptep, u64 vaddr, pte_t becomes)
{
	pte_t old = pte_xchg(ptep, becomes);

	if (old & PTE_DIRTY)
		line->is_dirty = true;
	pcache_rmap_del(line, gather->aspace, vaddr);
	line->nr_pins++;
	pcache_unlock_mapped(line, ptep);
	gather_add(gather, vaddr, line, old);
}

/* Present -> remote or, if @zap, none; remote -> none. */
static void entry_unmap(struct gather *gather, pte_t *ptep, u64 vaddr, bool zap)
{
	for (;;) {
		pte_t pte = entry_lock_settled(gather, ptep);
		struct spinlock *lock = pte_lock_of(ptep);
		struct pcache_line *line;

		if (pte_is_present(pte) && !(pte & PTE_ZERO)) {
			spin_unlock(lock);
			line = pcache_lock_mapped(ptep, &pte);
			if (!line)
				continue; /* evicted just now */
			unmap_line(gather, line, ptep, vaddr,
				   zap ? 0
				       : pte_make_remote(line->gframe, pte));
			return;
		}
		if (zap || pte & PTE_ZERO)
			pte_write(ptep, 0);
		spin_unlock(lock);
		if (pte_is_present(pte))
			gather_add(gather, vaddr, NULL, pte);
		else if (zap && pte_is_remote(pte))
			frame_drop(pte_remote_gframe(pte), pte);
		return;
	}
}

static void range_unmap_or_zap(struct aspace *aspace, u64 start, u64 end,
			       bool zap)
{
	struct gather gather = {.aspace = aspace,
				.finish = zap ? finish_zap : finish_unmap};
	pte_t *ptep;

	for (u64 vaddr = start; (ptep = pt_next(&aspace->pt, &vaddr, end));
	     vaddr += PAGE_SIZE)
		entry_unmap(&gather, ptep, vaddr, zap);
	gather_flush(&gather);
}

void range_zap(struct aspace *aspace, u64 start, u64 end)
{
	range_unmap_or_zap(aspace, start, end, true);
}

void range_unmap(struct aspace *aspace, u64 start, u64 end)
{
	range_unmap_or_zap(aspace, start, end, false);
}

void range_protect(struct aspace *aspace, u64 start, u64 end, u32 prot)
{
	struct gather gather = {.aspace = aspace, .finish = finish_nothing};
	pte_t *ptep;

	if (prot == PROT_NONE) {
		range_unmap(aspace, start, end);
		return;
	}
	for (u64 vaddr = start; (ptep = pt_next(&aspace->pt, &vaddr, end));
	     vaddr += PAGE_SIZE) {
		pte_t pte = entry_lock_settled(&gather, ptep);
		bool is_weaker = false;

		if (pte_is_present(pte)) {
			if (pte & PTE_WRITE && !(prot & PROT_WRITE)) {
				fetch_and(ptep, ~PTE_WRITE);
				is_weaker = true;
			}
			if (!(pte & PTE_NX) && !(prot & PROT_EXEC)) {
				fetch_or(ptep, PTE_NX);
				is_weaker = true;
			}
		}
		spin_unlock(pte_lock_of(ptep));
		if (is_weaker)
			gather_add(&gather, vaddr, NULL, 0);
	}
	gather_flush(&gather);
}

int range_clean(struct aspace *aspace, u64 start, u64 end)
{
	struct gather gather = {.aspace = aspace, .finish = finish_clean};
	pte_t *ptep;

	for (u64 vaddr = start; (ptep = pt_next(&aspace->pt, &vaddr, end));
	     vaddr += PAGE_SIZE) {
		pte_t pte;
		struct pcache_line *line = pcache_lock_mapped(ptep, &pte);
		bool is_dirty;

		if (!line) {
			if (pte_is_remote(pte) && pte & PTE_FILE &&
			    pcache_clean(pte_remote_gframe(pte)))
				gather.rc = -EIO;
			continue;
		}
		if (pte & PTE_FILE && fetch_and(ptep, ~PTE_DIRTY) & PTE_DIRTY)
			line->is_dirty = true;
		is_dirty = pte & PTE_FILE && line->is_dirty;
		line->nr_pins += is_dirty;
		pcache_unlock_mapped(line, ptep);
		if (is_dirty)
			gather_add(&gather, vaddr, line, pte);
	}
	gather_flush(&gather);
	return gather.rc;
}

int range_move(struct aspace *aspace, u64 start, u64 end, u64 to)
{
	pte_t *ptep, *to_ptep;

	for (u64 vaddr = start; (ptep = pt_next(&aspace->pt, &vaddr, end));
	     vaddr += PAGE_SIZE) {
		/* Nobody else looks: both ranges are busy, or the new one is
		 * not known yet; unmapped entries do not concern evictors. */
		pte_t pte = pte_read(ptep);

		if (pte_is_none(pte))
			continue;
		CHECK(pte_is_remote(pte));
		to_ptep = pt_walk(&aspace->pt, vaddr - start + to, true);
		if (!to_ptep)
			return -ENOMEM;
		CHECK(pte_is_none(pte_read(to_ptep)));
		pte_write(ptep, 0);
		pte_write(to_ptep, pte);
	}
	return 0;
}

/* What a child's entry is for a parent's @ptep; its lock is held. */
static pte_t entry_share(pte_t *ptep, bool *is_weaker)
{
	pte_t pte = pte_read(ptep);
	u64 gframe;

	CHECK(!pte_is_filling(pte)); /* fork waited for all fills */
	if (pte_is_none(pte) || pte & PTE_ZERO)
		return 0;
	gframe = pte_is_present(pte) ? pcache_line_at(pte_paddr(pte))->gframe
				     : pte_remote_gframe(pte);
	if (!(pte & PTE_FILE)) {
		frame_share(gframe);
		if (pte_is_present(pte) && pte & PTE_WRITE) {
			fetch_and(ptep, ~PTE_WRITE);
			*is_weaker = true;
		}
	}
	return pte_make_remote(gframe, pte);
}

int range_copy(struct aspace *parent, struct aspace *child)
{
	bool is_weaker = false;
	pte_t *ptep, *child_ptep;
	int rc = 0;

	for (u64 vaddr = 0;
	     (ptep = pt_next(&parent->pt, &vaddr, parent->vmas.high));
	     vaddr += PAGE_SIZE) {
		if (pte_is_none(pte_read(ptep)))
			continue;
		child_ptep = pt_walk(&child->pt, vaddr, true);
		if (!child_ptep) {
			rc = -ENOMEM;
			break;
		}
		spin_lock(pte_lock_of(ptep));
		pte_write(child_ptep, entry_share(ptep, &is_weaker));
		spin_unlock(pte_lock_of(ptep));
	}
	if (is_weaker)
		tlb_shootdown(&parent->pt, NULL, 0);
	return rc;
}
