/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page faults.  One fault is three steps:
 *
 *   take	  look at VMA and entry; if there is work, make the entry
 *FILLING
 *   resolve	  get a pinned pcache line with the page, waiting as need be
 *   install	  let the entry map the line
 *
 *   entry	page is	     access  resolve
 *   -------------------------------------------------------------------
 *   none	private anon. read   (take maps the page of zeros)
 *   none	private anon. write  zero: frame from the stock, zeroed line
 *   none	other	      any    memory: m_fault, then copy if a write
 *   remote	private	      any    remote: pcache, victim cache, RDMA READ;
 *				     then copy if a write and shared
 *   remote	shared file   read   remote
 *   remote	shared file   write  memory: M marks the page modified
 *   present	read-only     write  reuse (take); or unmapped, then as remote
 *   filling	-	      any    wait, look again
 *
 * Only "memory" talks to M's processor; "zero" and "copy" (fault_copy.c) send
 * nothing.
 *
 * A fault that asks M for a page of a file asks for its neighbours as well: it
 * makes their entries, if they are none, FILLING too, so that no change of the
 * address space overtakes the answer.  Those that M has become remote.
 */
#define pr_fmt(fmt) "mm: " fmt
#include "fault.h"
#include "internal.h"
#include "ledger.h"
#include "prefetch.h"

#include <arch/x86/page_copy.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/hooks.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/pcache/pcache.h>
#include <managers/processor/proc/signal.h>
#include <mm/page.h>
#include <net/membership.h>
#include <uapi/mman.h>

static const void *zero_page; /* of kernel memory; never changes */
_Static_assert(FAULT_WINDOW == PTE_GROUP, "one lock for a window");

/* ---- take -------------------------------------------------------------------
 */

enum take { TAKE_DONE, TAKE_WAIT, TAKE_AGAIN, TAKE_OWNED, TAKE_REFUSED };

/* The entry is ours.  Its lock is held. */
static enum take take_own(struct fault *f, pte_t old)
{
	f->old = old;
	pte_write(f->ptep, PTE_FILLING);
	atomic_inc(&f->aspace->nr_fills);
	return TAKE_OWNED;
}

/* The entry of page 0 of the window; they all lie in one page-table page. */
static pte_t *window_ptep(const struct fault *f)
{
	return f->ptep - (f->vaddr >> PAGE_SHIFT) % FAULT_WINDOW;
}

/* The entry is ours, a page of file @vma that M knows: take its neighbours, if
 * nothing is known of them.  vma_lock and the entries' lock are held. */
static void take_around(struct fault *f, const struct vma *vma)
{
	u64 start = ALIGN_DOWN(f->vaddr, FAULT_WINDOW * PAGE_SIZE);
	pte_t *ptep = window_ptep(f);

	for (u32 i = 0; i < FAULT_WINDOW; i++) {
		u64 vaddr = start + i * PAGE_SIZE;

		if (vaddr < vma->start || vaddr >= vma->end ||
		    !pte_is_none(pte_read(&ptep[i])) ||
		    aspace_is_busy(f->aspace, vaddr))
			continue;
		pte_write(&ptep[i], PTE_FILLING);
		f->around |= 1u << i;
	}
}

static void take_map_zero_page(struct fault *f)
{
	pte_write(f->ptep, paddr_of(zero_page) | PTE_PRESENT | PTE_USER |
				   PTE_ZERO |
				   (f->prot & PROT_EXEC ? 0 : PTE_NX));
}

static bool pte_allows(pte_t pte, u32 access)
{
	return (!(access & FAULT_WRITE) || pte & PTE_WRITE) &&
	       (!(access & FAULT_EXEC) || !(pte & PTE_NX));
}

/* A line that is mapped with less than it takes now: unmap it. */
static enum take take_mapped(struct fault *f)
{
	pte_t pte;
	struct pcache_line *line = pcache_lock_mapped(f->ptep, &pte);
	enum take take;

	if (!line)
		return TAKE_AGAIN;
	if (pte_allows(pte, f->access)) {
		pcache_unlock_mapped(line, f->ptep);
		return TAKE_AGAIN;
	}
	/* A CPU may have written to it until now: it may have been writable,
	 * but not executable. */
	pte = pte_xchg(f->ptep, PTE_FILLING);
	take = take_own(f, pte_make_remote(line->gframe, pte));
	if (pte & PTE_DIRTY)
		line->is_dirty = true;
	pcache_rmap_del(line, f->aspace, f->vaddr);
	line->nr_pins++;
	f->was_mapped = line;
	f->must_flush = true;
	pcache_unlock_mapped(line, f->ptep);
	return take;
}

/* The entry is present.  Its lock is held; dropped on return. */
static enum take take_present(struct fault *f, pte_t pte)
{
	struct spinlock *lock = &f->bucket->lock;
	enum take take = TAKE_DONE;

	if (pte_allows(pte, f->access)) {
		counter_inc(nr_pgfault_spurious);
		spin_unlock(lock);
		return TAKE_DONE;
	}
	if (fault_is_write(f))
		counter_inc(nr_pgfault_wp);
	if (pte & PTE_ZERO) {
		f->must_flush = true;
		take = take_own(f, 0);
	} else if (fault_is_write(f) && !f->is_shared &&
		   frame_is_exclusive(pcache_line_at(pte_paddr(pte))->gframe,
				      pte)) {
		/* Others' TLBs may keep the read-only entry: at worst they
		 * fault and find nothing to do. */
		fetch_or(f->ptep, PTE_WRITE);
		counter_inc(nr_pgfault_wp_reuse);
	} else {
		spin_unlock(lock);
		return take_mapped(f);
	}
	spin_unlock(lock);
	return take;
}

static enum take take_entry(struct fault *f, const struct vma *vma)
{
	struct spinlock *lock = &f->bucket->lock;
	enum take take = TAKE_DONE;
	pte_t pte;

	spin_lock(lock);
	pte = pte_read(f->ptep);
	if (pte_is_present(pte))
		return take_present(f, pte);
	if (pte_is_filling(pte)) {
		f->ticket = pte_fill_ticket(f->ptep);
		take = TAKE_WAIT;
	} else if (pte_is_none(pte) && !f->must_ask && !fault_is_write(f)) {
		take_map_zero_page(f);
	} else {
		take = take_own(f, pte);
		if (pte_is_none(pte) && !file_id_is_none(&vma->fid))
			take_around(f, vma);
	}
	spin_unlock(lock);
	return take;
}

static bool may_access(const struct fault *f)
{
	if (f->access & FAULT_WRITE)
		return f->prot & PROT_WRITE;
	if (f->access & FAULT_EXEC)
		return f->prot & PROT_EXEC;
	return f->prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

static enum take refuse(struct fault *f, u32 signo, s32 si_code)
{
	f->info->signo = signo;
	f->info->si_code = si_code;
	return TAKE_REFUSED;
}

/* Copy what we need of the VMA; vma_lock is held. */
static enum take take_vma(struct fault *f)
{
	struct aspace *aspace = f->aspace;
	const struct vma *vma = aspace_vma_at(aspace, f->vaddr);

	if (!vma)
		return refuse(f, SIGSEGV, SEGV_MAPERR);
	f->prot = vma->prot;
	f->is_shared = vma->flags & VMA_SHARED;
	f->must_ask =
		!file_id_is_none(&vma->fid) ||
		(vma->flags & VMA_STACK && f->vaddr >= aspace->stack_filled);
	if (!may_access(f))
		return refuse(f, SIGSEGV, SEGV_ACCERR);
	f->ptep = pt_walk(&aspace->pt, f->vaddr, true);
	if (!f->ptep)
		return refuse(f, SIGBUS, BUS_ADRERR);
	f->bucket = pte_bucket_of(f->ptep);
	return take_entry(f, vma);
}

static enum take fault_take(struct fault *f)
{
	struct aspace *aspace = f->aspace;
	enum take take = TAKE_AGAIN;
	bool is_busy;

	down_read(&aspace->vma_lock);
	is_busy = aspace_is_busy(aspace, f->vaddr);
	if (!is_busy)
		take = take_vma(f);
	up_read(&aspace->vma_lock);

	if (is_busy) { /* wait for the change to end */
		mutex_lock(&aspace->change_lock);
		mutex_unlock(&aspace->change_lock);
		fault_clock_mark(&f->clock, PHASE_WAIT);
	} else if (take == TAKE_WAIT) {
		counter_inc(nr_pgfault_wait);
		pte_fill_wait(f->ptep, f->ticket);
		fault_clock_mark(&f->clock, PHASE_WAIT);
	}
	/* Nobody may go on reading the page that this fault replaces. */
	if (f->must_flush) {
		tlb_shootdown(&aspace->pt, &f->vaddr, 1);
		if (f->was_mapped)
			pcache_unpin(f->was_mapped);
		f->must_flush = false;
		f->was_mapped = NULL;
	}
	return take;
}

/* ---- resolve ----------------------------------------------------------------
 */

static int resolve_zero(struct fault *f)
{
	enum pcache_got got;
	int rc = fault_new_frame(f);

	if (rc)
		return rc;
	got = pcache_get(f->gframe, &f->line);
	if (unlikely(got != PCACHE_CLAIMED)) {
		pcache_unpin(f->line);
		f->line = NULL;
		fault_new_frame_undo(f, true);
		return -EPROTO;
	}
	fault_clock_mark(&f->clock, PHASE_WAY);
	page_clear(pcache_line_kaddr(f->line));
	fault_clock_mark(&f->clock, PHASE_COPY);
	f->fill = FILL_DIRTY;
	f->kind = FAULT_ZEROFILL;
	counter_inc(nr_pcache_fill_zerofill);
	return 0;
}

/* Fill .line, which is claimed for .gframe, by an RDMA READ. */
static int read_line(struct fault *f, struct prefetch_batch *batch)
{
	struct memnode *node = memnode_of(f->gframe);
	struct remote_wait w;
	int rc;

	remote_wait_init(&w, pcache_region(), pcache_line_paddr(f->line),
			 frame_dma(f->gframe), node->rkey, PAGE_SIZE);
	rc = remote_read_wait(node->peer, &w, batch->ios, batch->nr);
	if (!w.posted)
		prefetch_drop(batch);
	fault_clock_mark(&f->clock, PHASE_WAKE);
	/* It may complete, elsewhere, before the thread that posts it goes on.
	 */
	f->clock.ends[PHASE_WIRE] = min(w.arrived, f->clock.ends[PHASE_WAKE]);
	f->clock.ends[PHASE_POST] = min(w.posted, f->clock.ends[PHASE_WIRE]);
	return rc;
}

/* The page in .gframe was @got from the pcache. */
static int found_line(struct fault *f, enum pcache_got got,
		      struct prefetch_batch *batch)
{
	fault_clock_skip(&f->clock, PHASE_WAY, PHASE_WAKE);
	prefetch_post(batch);
	switch (got) {
	case PCACHE_FOUND:
		f->kind = FAULT_PCACHE;
		counter_inc(nr_pcache_fill_from_pcache);
		break;
	case PCACHE_FOUND_AHEAD:
		f->kind = FAULT_AHEAD;
		break; /* counted as nr_prefetch_used */
	default:
		f->kind = FAULT_VICTIM;
		counter_inc(nr_pcache_fill_from_victim);
	}
	return 0;
}

/* The page is in .gframe: from the pcache, or by an RDMA READ. */
static int resolve_remote(struct fault *f)
{
	enum pcache_got got = pcache_get(f->gframe, &f->line);
	struct prefetch_batch batch;
	int rc;

	fault_clock_mark(&f->clock, PHASE_WAY);
	prefetch_choose(f->stream, f->aspace, f->vaddr, f->gframe,
			got == PCACHE_FOUND_AHEAD, &batch);
	if (got != PCACHE_CLAIMED)
		return found_line(f, got, &batch);
	f->info->is_major = true;
	f->kind = FAULT_REFAULT;
	rc = read_line(f, &batch);
	if (unlikely(rc)) {
		pcache_fill_end(f->line, false, false);
		f->line = NULL;
		return rc;
	}
	f->fill = FILL_CLEAN;
	counter_inc(nr_pcache_fill_from_memory);
	return 0;
}

/*
 * The answer for the neighbours is @pfns, @nr_bytes of them (0: none is known).
 * Their entries stop being FILLING.
 */
static void settle_around(struct fault *f, const le64 *pfns, u32 nr_bytes)
{
	struct memnode *home = f->aspace->home;
	struct spinlock *lock = &f->bucket->lock;
	pte_t *ptep = window_ptep(f);
	u32 nr_known = 0;

	if (!f->around)
		return;
	spin_lock(lock);
	for (u32 i = 0; i < FAULT_WINDOW; i++) {
		u64 pfn = nr_bytes ? le64_get(pfns[i]) : FAULT_NO_FRAME;
		bool is_known = memnode_has_frame(home, pfn);

		if (!(f->around & 1u << i))
			continue;
		ASSERT(pte_is_filling(pte_read(&ptep[i])));
		pte_write(&ptep[i],
			  is_known ? pte_make_remote(
					     gframe_make(home->index, pfn),
					     PTE_FILE)
				   : 0);
		nr_known += is_known;
	}
	aspace_count_resident(f->aspace, nr_known);
	pte_fill_ended(f->bucket);
	spin_unlock(lock);
	f->around = 0;
	counter_add(nr_pcache_fault_around, nr_known);
}

/* Ask M for the page; it writes the bytes into @line if there is one. */
static int memory_fault(struct fault *f, struct pcache_line *line,
			bool *is_zero)
{
	le64 near[FAULT_WINDOW];
	struct rpc_m_fault req = {
		.asid = le32_make(f->aspace->asid),
		.vaddr = le64_make(f->vaddr),
		/* Private pages are copied here: M need not know. */
		.access = le32_make(f->is_shared ? f->access
						 : f->access & ~FAULT_WRITE),
		.around = le32_make(f->around),
	};
	struct rpc_m_fault_reply rep;
	struct bulk_seg seg;
	struct rpc_bulk bulk = {
		.region = pcache_region(), .segs = &seg, .nr_segs = 1};
	struct rpc_args args = {.req = &req,
				.rep = &rep,
				.rep_tail = near,
				.rep_tail_max = sizeof(near)};
	struct memnode *home = f->aspace->home;
	u32 flags;
	int rc;

	if (!le32_get(req.access))
		req.access = le32_make(FAULT_READ);
	if (line) {
		seg = (struct bulk_seg){pcache_line_paddr(line), PAGE_SIZE};
		args.bulk = &bulk;
	}
	counter_inc(nr_pcache_fault_rpc);
	f->info->is_major = true;
	rc = rpc_call(home->peer, RPC_m_fault, &args);
	if (!rc && args.rep_tail_len % sizeof(near))
		rc = -EPROTO;
	settle_around(f, near, rc ? 0 : args.rep_tail_len);
	if (rc)
		return rc;
	if (!memnode_has_frame(home, le64_get(rep.pfn)))
		return -EPROTO;
	flags = le32_get(rep.flags);
	f->gframe = gframe_make(home->index, le64_get(rep.pfn));
	f->flags = (flags & FAULT_FILE || f->is_shared ? PTE_FILE : 0) |
		   (flags & FAULT_COW ? PTE_LENT : 0);
	*is_zero = flags & FAULT_ZERO;
	return 0;
}

static int resolve_memory(struct fault *f)
{
	bool was_remote = pte_is_remote(f->old); /* then we have the bytes */
	struct pcache_line *line = was_remote ? NULL : pcache_borrow();
	u64 nr_write_backs = pcache_nr_write_backs();
	struct prefetch_batch batch;
	struct fault_clock first;
	bool is_zero = false;
	int rc;

	fault_clock_mark(&f->clock, PHASE_WAY);
	fault_clock_skip(&f->clock, PHASE_WAY, PHASE_POST);
	rc = memory_fault(f, line, &is_zero);
	fault_clock_mark(&f->clock, PHASE_WIRE);
	fault_clock_skip(&f->clock, PHASE_WIRE, PHASE_WAKE);
	if (rc) {
		if (line)
			pcache_give_back(line);
		return rc;
	}
	if (was_remote && f->gframe != pte_remote_gframe(f->old)) {
		f->old_gframe = pte_remote_gframe(f->old);
		f->old_flags = f->old;
	}
	f->is_learned = !was_remote || f->old_gframe != GFRAME_NONE;
	if (!(f->flags & PTE_FILE)) {
		if (!frame_share(f->gframe)) {
			f->is_learned = false;
			if (line)
				pcache_give_back(line);
			return -EPROTO;
		}
		ledger_take(f->aspace, LEDGER_FRAME, f->gframe);
	}
	if (line && is_zero)
		page_clear(pcache_line_kaddr(line));
	if (!line || !pcache_adopt(line, f->gframe, nr_write_backs)) {
		first = f->clock;
		rc = resolve_remote(f);
		fault_clock_repeat(&f->clock, &first);
		f->kind = FAULT_MEMORY;
		return rc;
	}
	f->line = line;
	f->kind = FAULT_MEMORY;
	counter_inc(nr_pcache_fill_from_memory);
	prefetch_choose(f->stream, f->aspace, f->vaddr, f->gframe, false,
			&batch);
	prefetch_post(&batch);
	return 0;
}

static int fault_resolve(struct fault *f)
{
	bool is_remote = pte_is_remote(f->old);
	int rc;

	if (is_remote) {
		f->gframe = pte_remote_gframe(f->old);
		f->flags = f->old & (PTE_FILE | PTE_LENT);
	}
	if (!is_remote && !f->must_ask)
		return resolve_zero(f);
	if (is_remote && !(f->is_shared && fault_is_write(f)))
		rc = resolve_remote(f);
	else
		rc = resolve_memory(f);
	if (!rc && fault_is_write(f) && !f->is_shared &&
	    !frame_is_exclusive(f->gframe, f->flags))
		rc = fault_resolve_copy(f);
	return rc;
}

/* ---- install ----------------------------------------------------------------
 */

/* The entry stops being FILLING.  Its lock is held. */
static void entry_settle(struct fault *f, pte_t pte)
{
	ASSERT(pte_is_filling(pte_read(f->ptep)));
	pte_write(f->ptep, pte);
	pte_fill_ended(f->bucket);
}

static void fill_over(struct aspace *aspace)
{
	if (atomic_dec_and_test(&aspace->nr_fills))
		waitq_wake_all(&aspace->waitq);
}

static pte_t present_pte(const struct fault *f)
{
	pte_t pte = pcache_line_paddr(f->line) | f->flags | PTE_PRESENT |
		    PTE_USER | PTE_ACCESSED;
	bool may_write =
		f->is_shared ? fault_is_write(f)
			     : f->report /* a new frame */ ||
				       frame_is_exclusive(f->gframe, f->flags);

	if (f->prot & PROT_WRITE && may_write)
		pte |= PTE_WRITE;
	if (!(f->prot & PROT_EXEC))
		pte |= PTE_NX;
	return pte;
}

static int fault_install(struct fault *f)
{
	struct spinlock *lock = &f->bucket->lock;
	struct pcache_line *line = f->line;
	struct spinlock *set_lock = pcache_line_lock(line);
	bool ok;

	if (f->fill)
		pcache_fill_ended_locked(line, f->fill == FILL_DIRTY);
	spin_lock(lock);
	ok = pcache_rmap_add(line, f->aspace, f->vaddr, f->ptep);
	if (f->prot & PROT_EXEC)
		line->has_code = true;
	if (f->report)
		reports_add(f->aspace, f->report, f->vaddr, f->gframe);
	if (pte_is_none(f->old))
		aspace_count_resident(f->aspace, 1);
	entry_settle(f, ok ? present_pte(f)
			   : pte_make_remote(f->gframe, f->flags));
	spin_unlock(lock);
	pcache_unpin_locked(line);
	spin_unlock(set_lock);
	if (f->old_gframe != GFRAME_NONE)
		frame_drop(f->aspace, f->old_gframe, f->old_flags);
	fill_over(f->aspace);
	return ok ? 0 : -ENOMEM;
}

/* The entry becomes what it was. */
static void fault_abandon(struct fault *f)
{
	struct spinlock *lock = &f->bucket->lock;

	ASSERT(!f->fill);
	if (f->line)
		pcache_unpin(f->line);
	if (f->is_learned)
		frame_drop(f->aspace, f->gframe, f->flags);
	spin_lock(lock);
	entry_settle(f, f->old);
	spin_unlock(lock);
	fill_over(f->aspace);
}

/* ---- the whole --------------------------------------------------------------
 */

static int fault_fail(struct fault *f, int rc)
{
	if (rc == -EFAULT) {
		refuse(f, SIGSEGV, SEGV_MAPERR);
		return rc;
	}
	refuse(f, SIGBUS, BUS_ADRERR);
	if (rc != -ERANGE)
		pr_err_ratelimited("page %lx cannot be had from %s: error %d",
				   f->vaddr, peer_name(f->aspace->home->peer),
				   rc);
	return -EFAULT;
}

static int fault_owned(struct fault *f)
{
	int rc;

	fault_clock_mark(&f->clock, PHASE_LOOKUP);
	rc = fault_resolve(f);
	if (rc)
		fault_abandon(f);
	else
		rc = fault_install(f);
	if (!rc)
		fault_clock_end(&f->clock, f->kind, f->vaddr);
	return rc;
}

/* What is read of @f before it was set: some words, not all of it. */
static void fault_init(struct fault *f, struct aspace *aspace, u64 vaddr,
		       u32 access, struct aspace_fault_info *info)
{
	f->aspace = aspace;
	f->vaddr = vaddr & PAGE_MASK;
	f->access = access;
	f->info = info;
	f->must_flush = false;
	f->was_mapped = NULL;
	f->around = 0;
	f->line = NULL;
	f->fill = FILL_NONE;
	f->report = NULL;
	f->old_gframe = GFRAME_NONE;
	f->is_learned = false;
	f->stream = READ_ONCE(prefetch_mode) ? info->stream : NULL;
	fault_clock_begin(&f->clock, info->trapped);
	info->is_major = false; /* signo, si_code: refuse() */
}

int aspace_fault(struct aspace *aspace, u64 vaddr, u32 access,
		 struct aspace_fault_info *info)
{
	struct fault f;
	enum take take;
	u32 nr_tries = 0;
	int rc;

	fault_init(&f, aspace, vaddr, access, info);
	counter_inc(nr_pgfault);
	if (access & FAULT_EXEC)
		counter_inc(nr_pgfault_code);
again:
	rc = 0;
	take = TAKE_DONE;
	if (READ_ONCE(aspace->is_broken)) {
		refuse(&f, SIGBUS, BUS_ADRERR);
		rc = -EFAULT;
	} else {
		do
			take = fault_take(&f);
		while (take == TAKE_AGAIN || take == TAKE_WAIT);
		if (take == TAKE_OWNED)
			rc = fault_owned(&f);
		else if (take == TAKE_REFUSED)
			rc = -EFAULT;
		else
			fault_clock_end(&f.clock, FAULT_MINOR, f.vaddr);
	}
	if (unlikely(rc && take == TAKE_OWNED)) {
		if (aspace_give_up_files(rc, &nr_tries)) {
			fault_init(&f, aspace, vaddr, access, info);
			goto again;
		}
		rc = fault_fail(&f, rc);
	}
	/* Nothing is mapped there, but what is above may grow. */
	if (take == TAKE_REFUSED && info->si_code == SEGV_MAPERR &&
	    !aspace_grow(aspace, vaddr))
		return aspace_fault(aspace, vaddr, access, info);
	if (rc) {
		if (info->signo == SIGSEGV)
			counter_inc(nr_pgfault_segv);
		else
			counter_inc(nr_pgfault_sigbus);
		pr_debug("asid %u: access %x to %lx gives signal %u, code %d",
			 aspace->asid, access, vaddr, info->signo,
			 info->si_code);
	}
	return rc;
}

int fault_start(void)
{
	fault_phases_start();
	zero_page = page_alloc_zero(0);
	return zero_page ? 0 : -ENOMEM;
}
