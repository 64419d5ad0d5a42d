/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations on all entries of a range.
 *
 * Entries that a fault owns (FILLING) are waited for.  Lines that lose a
 * mapping stay pinned until the TLBs are flushed, which happens once for a
 * batch: until then a thread may still read and write them.
 */
#include "internal.h"
#include "ledger.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <managers/processor/pcache/pcache.h>
#include <uapi/mman.h>

/* A page of a batch, to be finished after the flush. */
struct gathered {
	struct pcache_line *line; /* pinned, or NULL */
	u64 gframe;
	pte_t pte; /* what the entry was */
};

struct gather {
	struct aspace *aspace;
	bool is_zap;   /* afterwards: give the frames up */
	bool is_clean; /* afterwards: write the lines back */
	int rc;        /* of writing back */
	u32 nr;
	struct gathered pages[TLB_FLUSH_PAGES_MAX];
	u32 nr_vaddrs; /* pages that TLBs may know */
	u64 vaddrs[TLB_FLUSH_PAGES_MAX];
};

void frame_drop(struct aspace *aspace, u64 gframe, u64 flags)
{
	if (!(flags & PTE_FILE))
		ledger_give(aspace, LEDGER_FRAME, gframe);
	if (flags & PTE_FILE)
		pcache_forget(gframe, false);
	else if (!frame_unshare(gframe))
		pcache_forget(gframe, true);
}

static void gather_flush(struct gather *gather)
{
	s64 nr_gone = 0;

	if (gather->nr_vaddrs)
		tlb_shootdown(&gather->aspace->pt, gather->vaddrs,
			      gather->nr_vaddrs);
	for (u32 i = 0; i < gather->nr; i++) {
		struct pcache_line *line = gather->pages[i].line;

		if (line && gather->is_clean && pcache_write_back(line))
			gather->rc = -EIO;
		if (line)
			pcache_unpin(line);
	}
	/* With no pin left: to forget a frame is to wait for its pins. */
	for (u32 i = 0; i < gather->nr && gather->is_zap; i++) {
		if (gather->pages[i].gframe == GFRAME_NONE)
			continue;
		frame_drop(gather->aspace, gather->pages[i].gframe,
			   gather->pages[i].pte);
		nr_gone++;
	}
	if (nr_gone)
		aspace_count_resident(gather->aspace, -nr_gone);
	gather->nr = 0;
	gather->nr_vaddrs = 0;
}

static void gather_add(struct gather *gather, u64 vaddr,
		       struct pcache_line *line, u64 gframe, pte_t pte)
{
	gather->pages[gather->nr++] = (struct gathered){line, gframe, pte};
	if (pte_is_present(pte))
		gather->vaddrs[gather->nr_vaddrs++] = vaddr;
	if (gather->nr == TLB_FLUSH_PAGES_MAX)
		gather_flush(gather);
}

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
		ASSERT(pte_is_decodable(pte));
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
	gather_add(gather, vaddr, line, line->gframe, old);
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
		/* Whatever else an entry says, it is damaged. */
		CHECK(pte_is_none(pte) || pte_is_present(pte) ||
		      pte_is_remote(pte));
		if (zap || pte & PTE_ZERO)
			pte_write(ptep, 0);
		spin_unlock(lock);
		if (pte_is_present(pte))
			gather_add(gather, vaddr, NULL, GFRAME_NONE, pte);
		else if (zap && pte_is_remote(pte))
			gather_add(gather, vaddr, NULL, pte_remote_gframe(pte),
				   pte);
		return;
	}
}

/* After entries of @aspace were found remote that must not be reached. */
static void flush_evicted(struct aspace *aspace)
{
	if (pcache_is_unmapping())
		tlb_shootdown(&aspace->pt, NULL, 0);
}

static void range_unmap_or_zap(struct aspace *aspace, u64 start, u64 end,
			       bool zap)
{
	struct gather gather = {.aspace = aspace, .is_zap = zap};
	pte_t *ptep;

	for (u64 vaddr = start; (ptep = pt_next(&aspace->pt, &vaddr, end));
	     vaddr += PAGE_SIZE)
		entry_unmap(&gather, ptep, vaddr, zap);
	gather_flush(&gather);
	flush_evicted(aspace);
}

void range_zap(struct aspace *aspace, u64 start, u64 end)
{
	range_unmap_or_zap(aspace, start, end, true);
}

void range_zap_file(struct aspace *aspace, u64 start, u64 end)
{
	struct gather gather = {.aspace = aspace, .is_zap = true};
	pte_t *ptep;

	/* The range is busy: what is no file's page does not become one. */
	for (u64 vaddr = start; (ptep = pt_next(&aspace->pt, &vaddr, end));
	     vaddr += PAGE_SIZE) {
		pte_t pte = entry_lock_settled(&gather, ptep);

		spin_unlock(pte_lock_of(ptep));
		if (pte & PTE_FILE)
			entry_unmap(&gather, ptep, vaddr, true);
	}
	gather_flush(&gather);
	flush_evicted(aspace);
}

u32 range_give_up(struct aspace *aspace, struct range *todo, bool is_all,
		  struct range *gone, u32 max_gone, u64 *nr_pages)
{
	struct gather gather = {.aspace = aspace, .is_zap = true};
	u64 from = todo->start, nr_here = 0;
	pte_t *ptep;
	u32 nr = 0;

	for (u64 vaddr = from;
	     nr < max_gone && (ptep = pt_next(&aspace->pt, &vaddr, todo->end));
	     vaddr += PAGE_SIZE) {
		pte_t pte = entry_lock_settled(&gather, ptep);

		spin_unlock(pte_lock_of(ptep));
		if (pte & PTE_FILE && (is_all || pte_is_remote(pte))) {
			entry_unmap(&gather, ptep, vaddr, true);
			nr_here++;
		} else if (!pte_is_none(pte)) { /* it stays */
			if (nr_here)
				gone[nr++] = (struct range){from, vaddr};
			*nr_pages += nr_here;
			nr_here = 0;
			from = vaddr + PAGE_SIZE;
		}
	}
	if (nr < max_gone && nr_here)
		gone[nr++] = (struct range){from, todo->end};
	*nr_pages += nr_here;
	todo->start = nr_here || nr < max_gone ? todo->end : from;
	gather_flush(&gather);
	flush_evicted(aspace);
	return nr;
}

void range_unmap(struct aspace *aspace, u64 start, u64 end)
{
	range_unmap_or_zap(aspace, start, end, false);
}

bool range_has_pages(struct aspace *aspace, u64 start, u64 end)
{
	pte_t *ptep;

	for (u64 vaddr = start; (ptep = pt_next(&aspace->pt, &vaddr, end));
	     vaddr += PAGE_SIZE)
		if (!pte_is_none(pte_read(ptep)))
			return true;
	return false;
}

void range_protect(struct aspace *aspace, u64 start, u64 end, u32 prot)
{
	struct gather gather = {.aspace = aspace};
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
			gather_add(&gather, vaddr, NULL, GFRAME_NONE, pte);
	}
	gather_flush(&gather);
	flush_evicted(aspace);
}

int range_clean(struct aspace *aspace, u64 start, u64 end)
{
	struct gather gather = {.aspace = aspace, .is_clean = true};
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
			gather_add(&gather, vaddr, line, line->gframe, pte);
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

/* What @child's entry is for a parent's @ptep; its lock is held.  Return: false
 * if it cannot have it. */
static bool entry_share(struct aspace *child, pte_t *ptep, pte_t *copy,
			bool *is_weaker)
{
	pte_t pte = pte_read(ptep);
	u64 gframe;

	CHECK(!pte_is_filling(pte)); /* fork waited for all fills */
	*copy = 0;
	if (pte_is_none(pte) || pte & PTE_ZERO)
		return true;
	gframe = pte_is_present(pte) ? pcache_line_at(pte_paddr(pte))->gframe
				     : pte_remote_gframe(pte);
	if (!(pte & PTE_FILE)) {
		if (!frame_share(gframe))
			return false;
		ledger_take(child, LEDGER_FRAME, gframe);
		if (pte_is_present(pte) && pte & PTE_WRITE) {
			fetch_and(ptep, ~PTE_WRITE);
			*is_weaker = true;
		}
	}
	*copy = pte_make_remote(gframe, pte);
	return true;
}

static int copy_part(struct aspace *parent, struct aspace *child, u64 start,
		     u64 end, bool *is_weaker)
{
	pte_t *ptep, *child_ptep, copy;
	s64 nr_copied = 0;
	bool ok = true;

	for (u64 vaddr = start;
	     ok && (ptep = pt_next(&parent->pt, &vaddr, end));
	     vaddr += PAGE_SIZE) {
		if (pte_is_none(pte_read(ptep)))
			continue;
		child_ptep = pt_walk(&child->pt, vaddr, true);
		ok = child_ptep;
		if (!ok)
			break;
		spin_lock(pte_lock_of(ptep));
		ok = entry_share(child, ptep, &copy, is_weaker);
		pte_write(child_ptep, copy);
		spin_unlock(pte_lock_of(ptep));
		nr_copied += !pte_is_none(copy);
	}
	aspace_count_resident(child, nr_copied);
	return ok ? 0 : -ENOMEM;
}

int range_copy(struct aspace *parent, struct aspace *child)
{
	const struct vma *vma;
	bool is_weaker = false;
	int rc = 0;

	vma_for_each (vma, &child->vmas) {
		if (!(vma->flags & VMA_WIPEONFORK))
			rc = copy_part(parent, child, vma->start, vma->end,
				       &is_weaker);
		if (rc)
			break;
	}
	if (is_weaker)
		tlb_shootdown(&parent->pt, NULL, 0);
	else
		flush_evicted(parent);
	return rc;
}
