/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages on demand (m_fault), and what a processor node did by itself (m_pages).
 *
 *	page of the address space	answer to m_fault
 *	-------------------------	------------------------------------
 *	PRIVATE frame			that; COW if others have it too
 *	none, anonymous			a fresh zeroed frame; ZERO
 *	none or CACHE, file		the file's page; FILE, never ours alone:
 *					a private mapping copies before it
 *					writes, into a frame of its own
 *	ORPHAN (file was cut)		dropped, then as above
 *
 * With a page of a file go those around it that are in the page cache already.
 *
 * A hit in the page cache takes the address space for reading and one bucket
 * of the cache, and allocates nothing unless a table is missing.
 */
#define pr_fmt(fmt) "memory: " fmt
#include <managers/memory/aspace.h>

#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/frames.h>
#include <managers/memory/pagecache.h>
#include <net/rpc.h>
#include <uapi/mman.h>

struct fault {
	struct aspace *aspace;
	u64 vaddr; /* of the page */
	const struct vma *vma;
	u32 pfn;   /* the answer; a reference of ours while it is sent */
	u32 flags; /* FAULT_FILE, ... */
};

static bool is_allowed(u32 prot, u32 access)
{
	if (access & FAULT_WRITE)
		return prot & PROT_WRITE;
	if (access & FAULT_EXEC)
		return prot & PROT_EXEC;
	return prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* Make the page table say @f->pfn unless somebody else was faster. */
static bool install(struct fault *f, u32 old)
{
	frame_get(f->pfn); /* the entry's */
	if (pagetable_set_if(&f->aspace->pages, f->vaddr, old, f->pfn)) {
		if (old != FRAME_NONE)
			frame_put(old);
		return true;
	}
	frame_put(f->pfn);
	frame_put(f->pfn);
	return false;
}

static int fault_anonymous(struct fault *f, bool *again)
{
	f->pfn = frame_alloc();
	if (f->pfn == FRAME_NONE)
		return -ENOMEM;
	memset(frame_kaddr(f->pfn), 0, PAGE_SIZE);
	f->flags = FAULT_ZERO;
	*again = !install(f, FRAME_NONE);
	return 0;
}

static int fault_file(struct fault *f, u32 old, bool *again)
{
	u64 index = vma_page_of(f->vma, f->vaddr);
	int err = 0;

	f->pfn = pagecache_find(&f->vma->fid, index);
	if (f->pfn == FRAME_NONE) {
		struct cfile *file = cfile_get(&f->vma->fid);

		if (!file)
			return -EIO;
		err = pagecache_get(file, index, 1, &f->pfn);
		cfile_put(file);
		if (err)
			return err;
	} else {
		counter_inc(nr_pagecache_hit);
	}
	f->flags = FAULT_FILE;
	if (f->pfn != old)
		*again = !install(f, old);
	return 0;
}

static int fault_private(struct fault *f, u32 pfn, bool *again)
{
	/* m_pages may replace and free it under our eyes: look twice. */
	*again = true;
	if (!frame_try_get(pfn))
		return 0;
	if (pagetable_lookup(&f->aspace->pages, f->vaddr) != pfn) {
		frame_put(pfn);
		return 0;
	}
	*again = false;
	f->pfn = pfn;
	f->flags = frame_nr_refs(pfn) > 2 ? FAULT_COW : 0; /* with ours */
	return 0;
}

/* One attempt; *@again if another fault changed the page meanwhile. */
static int fault_once(struct fault *f, bool *again)
{
	u32 old = pagetable_lookup(&f->aspace->pages, f->vaddr);

	*again = false;
	if (old != FRAME_NONE && frame_state(old) == FRAME_PRIVATE)
		return fault_private(f, old, again);
	if (file_id_is_none(&f->vma->fid))
		return old == FRAME_NONE ? fault_anonymous(f, again) : -EFAULT;
	return fault_file(f, old, again);
}

/* Find the frame; the address space is read-locked. */
static int resolve(struct fault *f, u32 access)
{
	bool again = false;
	int err;

	f->vma = vma_at(&f->aspace->vmas, f->vaddr);
	if (!f->vma || !is_allowed(f->vma->prot, access))
		return -EFAULT;
	err = pagetable_prepare(&f->aspace->pages, f->vaddr);
	do {
		if (!err)
			err = fault_once(f, &again);
	} while (!err && again);
	return err;
}

/* A page beside the one asked for: its frame, if the page cache has it and
 * nothing else is there. */
static u32 find_near(struct fault *f, u64 vaddr)
{
	u32 old = pagetable_lookup(&f->aspace->pages, vaddr), pfn;

	if (old != FRAME_NONE && frame_state(old) != FRAME_CACHE)
		return FRAME_NONE;
	pfn = pagecache_find(&f->vma->fid, vma_page_of(f->vma, vaddr));
	if (pfn == FRAME_NONE)
		return FRAME_NONE;
	if (pfn != old &&
	    (old != FRAME_NONE ||
	     !pagetable_set_if(&f->aspace->pages, vaddr, FRAME_NONE, pfn))) {
		frame_put(pfn);
		return FRAME_NONE;
	}
	if (pfn == old) /* the entry has its reference */
		frame_put(pfn);
	return pfn;
}

/* The pages of the bit map @around, in @f's window, go into the reply's tail.
 * The address space is read-locked, the window's tables exist. */
static void resolve_around(struct fault *f, u32 around, struct rpc_ctx *ctx)
{
	u64 start = ALIGN_DOWN(f->vaddr, FAULT_WINDOW * PAGE_SIZE);
	le64 *pfns = ctx->rep_tail;
	u32 nr_found = 0;

	if (!(f->flags & FAULT_FILE))
		return;
	for (u32 i = 0; i < FAULT_WINDOW; i++) {
		u64 vaddr = start + i * PAGE_SIZE;
		u32 pfn = FRAME_NONE;

		if (around & 1u << i && vaddr != f->vaddr &&
		    vaddr >= f->vma->start && vaddr < f->vma->end)
			pfn = find_near(f, vaddr);
		nr_found += pfn != FRAME_NONE;
		pfns[i] = le64_make(pfn == FRAME_NONE ? FAULT_NO_FRAME : pfn);
	}
	if (nr_found)
		ctx->rep_tail_len = FAULT_WINDOW * sizeof(le64);
	counter_add(nr_memory_fault_around, nr_found);
}

static int send_page(struct rpc_ctx *ctx, const struct fault *f)
{
	struct bulk_seg seg = {.paddr = frame_paddr(f->pfn),
			       .len_bytes = PAGE_SIZE};

	if (ctx->bulk_bytes < PAGE_SIZE || (f->flags & FAULT_ZERO))
		return 0;
	return rpc_bulk_put(ctx, 0, pool.region, &seg, 1);
}

int rpc_handle_m_fault(struct rpc_ctx *ctx, const struct rpc_m_fault *req,
		       struct rpc_m_fault_reply *rep)
{
	struct fault f = {.vaddr = ALIGN_DOWN(le64_get(req->vaddr), PAGE_SIZE)};
	struct aspace_call call;
	int err = aspace_call_begin(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	counter_inc(nr_memory_fault);
	f.aspace = call.aspace;
	down_read(&call.aspace->lock);
	err = resolve(&f, le32_get(req->access));
	if (!err) {
		*rep = (struct rpc_m_fault_reply){
			.pfn = le64_make(f.pfn),
			.flags = le32_make(f.flags),
			.prot = le32_make(f.vma->prot),
		};
		resolve_around(&f, le32_get(req->around), ctx);
	}
	up_read(&call.aspace->lock);
	if (!err) {
		err = send_page(ctx, &f);
		frame_put(f.pfn);
	}
	aspace_call_end(&call);
	return err;
}

/* ---- m_pages ------------------------------------------------------------- */

static bool set_page(struct aspace *aspace, u64 vaddr, u64 pfn)
{
	const struct vma *vma = vma_at(&aspace->vmas, vaddr);
	u32 old;

	if (!vma || (vma->flags & VMA_SHARED) ||
	    pagetable_prepare(&aspace->pages, vaddr) ||
	    !frame_adopt(aspace->client->id, pfn))
		return false;
	old = pagetable_set(&aspace->pages, vaddr, (u32)pfn);
	if (old != FRAME_NONE)
		frame_put(old);
	return true;
}

static bool clear_page(struct aspace *aspace, u64 vaddr, u64 pfn)
{
	u32 taken;

	if (vaddr >= PAGETABLE_END ||
	    pagetable_lookup(&aspace->pages, vaddr) != pfn)
		return false;
	taken = pagetable_take(&aspace->pages, vaddr);
	if (taken == FRAME_NONE)
		return false;
	if (taken == pfn && frame_unadopt(aspace->client->id, taken))
		return true;
	frame_put(taken);
	return false;
}

static int drop_one(void *arg, u64 vaddr, u32 pfn)
{
	struct pagetable *pages = arg;
	enum frame_state state = frame_state(pfn);

	if ((state == FRAME_CACHE || state == FRAME_ORPHAN) &&
	    pagetable_take_if(pages, vaddr, pfn))
		frame_put(pfn);
	return 0;
}

/* The processor node needs memory: pages that are only copies of files may go.
 * Those that it has again by now it may not have given up. */
static bool drop_pages(struct aspace *aspace, u64 vaddr, u64 nr_pages)
{
	if (vaddr >= PAGETABLE_END ||
	    nr_pages > (PAGETABLE_END - vaddr) >> PAGE_SHIFT)
		return false;
	return !pagetable_for_each(&aspace->pages, vaddr,
				   vaddr + (nr_pages << PAGE_SHIFT), drop_one,
				   &aspace->pages);
}

static bool apply_op(struct aspace *aspace, const struct wire_page_op *op)
{
	u64 vaddr = le64_get(op->vaddr) & ~(u64)PAGE_OP_MASK;
	u64 pfn = le64_get(op->pfn);

	switch (le64_get(op->vaddr) & PAGE_OP_MASK) {
	case PAGE_OP_SET:
		return set_page(aspace, vaddr, pfn);
	case PAGE_OP_CLEAR:
		return clear_page(aspace, vaddr, pfn);
	case PAGE_OP_DROP:
		thread_yield(); /* each may look at all there is */
		return drop_pages(aspace, vaddr, pfn);
	default:
		return false;
	}
}

int rpc_handle_m_pages(struct rpc_ctx *ctx, const struct rpc_m_asid *req,
		       struct rpc_none *rep)
{
	const struct wire_page_op *ops = ctx->tail;
	u32 nr = ctx->tail_len / sizeof(*ops), nr_bad = 0;
	struct aspace_call call;
	int err;

	if (ctx->tail_len % sizeof(*ops))
		return -EINVAL;
	err = aspace_call_begin(&call, ctx->peer, le32_get(req->asid));
	if (err)
		return err;
	down_read(&call.aspace->lock);
	for (u32 i = 0; i < nr; i++)
		nr_bad += !apply_op(call.aspace, &ops[i]);
	up_read(&call.aspace->lock);
	aspace_call_end(&call);
	if (!nr_bad)
		return 0;
	counter_add(nr_page_op_refused, nr_bad);
	pr_warn_ratelimited("%s: refused %u of %u page operations",
			    peer_name(ctx->peer), nr_bad, nr);
	return -EINVAL;
}
