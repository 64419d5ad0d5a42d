/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of an address space: what mmap(2) and its kin do.
 *
 * M decides - it chooses addresses, checks limits, changes its VMA tree - and
 * we follow: apply to our copy of the tree what its reply says.  Where pages
 * go away the order is: range busy, zap, page reports, message.  When M hears
 * of it nothing of those pages is left here that could still reach a frame.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/pcache/pcache.h>
#include <net/rpc.h>
#include <uapi/mman.h>

bool change_decode_range(const struct aspace *aspace, u64 vaddr, u64 len_bytes,
			 struct range *range)
{
	u64 len = ALIGN_UP(len_bytes, PAGE_SIZE);

	*range = (struct range){vaddr, vaddr + len};
	return IS_ALIGNED(vaddr, PAGE_SIZE) && len >= len_bytes &&
	       len <= aspace->vmas.high && vaddr <= aspace->vmas.high - len;
}

int change_check_place(struct aspace *aspace, u64 start, u64 end)
{
	const struct vma *vma;
	struct range range;

	if (start >= end ||
	    !change_decode_range(aspace, start, end - start, &range) ||
	    range.end != end)
		return change_broke(aspace, -EPROTO);
	vma = vma_find(&aspace->vmas, start);
	return vma && vma->start < end ? change_broke(aspace, -EPROTO) : 0;
}

int change_give_up(struct aspace *aspace, const struct range *range)
{
	range_zap(aspace, range->start, range->end);
	return reports_send(aspace);
}

int change_tree_unmap(struct aspace *aspace, u64 start, u64 end)
{
	int rc;

	down_write(&aspace->vma_lock);
	rc = vma_unmap(&aspace->vmas, start, end);
	up_write(&aspace->vma_lock);
	return rc ? change_broke(aspace, rc) : 0;
}

int change_tree_map(struct aspace *aspace, const struct vma *vma)
{
	int rc;

	down_write(&aspace->vma_lock);
	rc = vma_map(&aspace->vmas, vma);
	up_write(&aspace->vma_lock);
	return rc ? change_broke(aspace, rc) : 0;
}

int change_call_range(struct aspace *aspace, enum rpc_op op,
		      const struct range *range, u32 arg)
{
	struct rpc_m_range req = {
		.asid = le32_make(aspace->asid),
		.arg = le32_make(arg),
		.vaddr = le64_make(range->start),
		.len_bytes = le64_make(range->end - range->start),
	};
	struct rpc_none none;

	return aspace_call(aspace, op, &req, &none);
}

/* ---- mmap -------------------------------------------------------------------
 */

static u32 vma_flags_of(const struct mmap_args *args, bool is_shared,
			const struct file_id *fid)
{
	u32 flags = 0;

	if (is_shared)
		flags |= VMA_SHARED;
	if (is_shared && (args->may_write || !args->vnode))
		flags |= VMA_MAYWRITE; /* M's own object: always */
	if (!file_id_is_none(fid))
		flags |= VMA_FILE;
	if (args->flags & MAP_NORESERVE)
		flags |= VMA_NORESERVE;
	if (args->flags & MAP_GROWSDOWN && !is_shared && file_id_is_none(fid))
		flags |= VMA_GROWSDOWN;
	if (args->is_locked)
		flags |= VMA_LOCKED;
	return flags;
}

static int call_mmap(struct aspace *aspace, const struct mmap_args *args,
		     u64 len, u32 extra_flags, struct rpc_m_mmap_reply *rep)
{
	struct rpc_m_mmap req = {
		.asid = le32_make(aspace->asid),
		.prot = le32_make(args->prot),
		.flags = le32_make(args->flags),
		.vma_flags = le32_make((args->may_write ? VMA_MAYWRITE : 0) |
				       (args->is_locked ? VMA_LOCKED : 0) |
				       extra_flags),
		.vaddr = le64_make(args->vaddr),
		.len_bytes = le64_make(len),
		.pgoff_pages = le64_make(args->pgoff_pages),
		.fid = args->fid,
	};

	return aspace_call(aspace, RPC_m_mmap, &req, rep);
}

/* M mapped it: so do we. */
static long follow_mmap(struct aspace *aspace, const struct mmap_args *args,
			u64 len, const struct rpc_m_mmap_reply *rep)
{
	bool is_shared = (args->flags & MAP_TYPE) != MAP_PRIVATE;
	struct vma vma = {
		.start = le64_get(rep->vaddr),
		.end = le64_get(rep->vaddr) + len,
		.prot = args->prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
		.pgoff_pages = args->pgoff_pages,
	};
	const struct wire_fid *fid = args->vnode ? &args->fid : &rep->fid;
	int rc = 0;

	if (args->flags & MAP_FIXED && !(args->flags & MAP_FIXED_NOREPLACE))
		rc = vma.start == args->vaddr ? 0
					      : change_broke(aspace, -EPROTO);
	else
		rc = change_check_place(aspace, vma.start, vma.end);
	if (rc)
		return rc;
	if (is_shared || args->vnode)
		file_id_from_wire(&vma.fid, fid);
	if (is_shared && file_id_is_none(&vma.fid))
		return change_broke(aspace, -EPROTO);
	if (is_shared && !args->vnode)
		vma.pgoff_pages = 0;
	vma.flags = vma_flags_of(args, is_shared, &vma.fid);
	if (!file_id_is_none(&vma.fid))
		rc = files_add(
			aspace, fid, args->vnode, is_shared && args->may_write,
			args->vnode ? args->path : "/dev/zero (deleted)");
	if (rc)
		return change_broke(aspace, rc);
	rc = change_tree_map(aspace, &vma);
	return rc ? rc : (long)vma.start;
}

/* A fixed target's pages go; but not for a mapping that M will refuse. */
static int clear_target(struct aspace *aspace, const struct mmap_args *args,
			const struct range *range)
{
	struct rpc_m_mmap_reply rep;
	int rc = 0;

	if (range_has_pages(aspace, range->start, range->end))
		rc = call_mmap(aspace, args, range->end - range->start,
			       RPC_ONLY_ASK, &rep);
	return rc ? rc : change_give_up(aspace, range);
}

long aspace_mmap(struct aspace *aspace, const struct mmap_args *args)
{
	bool is_fixed =
		args->flags & MAP_FIXED && !(args->flags & MAP_FIXED_NOREPLACE);
	u64 len = ALIGN_UP(args->len_bytes, PAGE_SIZE);
	struct rpc_m_mmap_reply rep;
	struct range range = {0, 0};
	long rc = 0;

	if (!args->len_bytes)
		return -EINVAL;
	if (len < args->len_bytes)
		return -ENOMEM;
	if (is_fixed &&
	    !change_decode_range(aspace, args->vaddr, args->len_bytes, &range))
		return IS_ALIGNED(args->vaddr, PAGE_SIZE) ? -ENOMEM : -EINVAL;

	if (args->vnode)
		file_changes_exclude();
	change_begin(aspace, range.start, range.end);
	if (is_fixed)
		rc = clear_target(aspace, args, &range);
	if (!rc)
		rc = call_mmap(aspace, args, len, 0, &rep);
	if (!rc)
		rc = follow_mmap(aspace, args, len, &rep);
	change_end(aspace);
	if (args->vnode)
		file_changes_allow();
	return rc;
}

/* ---- munmap, mprotect -------------------------------------------------------
 */

/* Nothing is mapped in @range any more: tables that serve only the gap around
 * it go.  Faults do not walk where no VMA is. */
static void free_tables(struct aspace *aspace, const struct range *range)
{
	const struct vma *next = vma_find(&aspace->vmas, range->start), *prev;

	if (next && next->start < range->end)
		return; /* the unmapping failed */
	prev = next ? vma_prev(next) : vma_last(&aspace->vmas);
	pt_free_range(&aspace->pt, prev ? prev->end : 0,
		      next ? next->start : aspace->vmas.high);
}

long aspace_munmap(struct aspace *aspace, u64 vaddr, u64 len_bytes)
{
	struct range range;
	long rc;

	if (!len_bytes ||
	    !change_decode_range(aspace, vaddr, len_bytes, &range))
		return -EINVAL;
	change_begin(aspace, range.start, range.end);
	/* M would refuse, after the pages have gone. */
	if (aspace->vmas.nr_vmas >= ASPACE_MAX_VMAS &&
	    vma_is_split_by(&aspace->vmas, range.start, range.end))
		rc = -ENOMEM;
	else
		rc = change_give_up(aspace, &range);
	if (!rc)
		rc = change_call_range(aspace, RPC_m_munmap, &range, 0);
	if (!rc)
		rc = change_tree_unmap(aspace, range.start, range.end);
	free_tables(aspace, &range);
	change_end(aspace);
	return rc;
}

/* Where the first hole in @range begins; its end if there is none. */
static u64 first_hole(struct aspace *aspace, const struct range *range)
{
	const struct vma *vma;
	u64 vaddr = range->start;

	down_read(&aspace->vma_lock);
	vma_for_each_in (vma, &aspace->vmas, range->start, range->end) {
		if (vma->start > vaddr)
			break;
		vaddr = min(vma->end, range->end);
	}
	up_read(&aspace->vma_lock);
	return vaddr;
}

/* All of @range is mapped. */
static long protect(struct aspace *aspace, const struct range *range, u32 prot)
{
	long rc = change_call_range(aspace, RPC_m_mprotect, range, prot);

	if (rc)
		return rc;
	down_write(&aspace->vma_lock);
	rc = vma_protect(&aspace->vmas, range->start, range->end, prot);
	up_write(&aspace->vma_lock);
	if (rc)
		change_broke(aspace, (int)rc);
	/* Faults that saw the old protection are waited for. */
	range_protect(aspace, range->start, range->end, prot);
	return rc;
}

/* PROT_GROWSDOWN: from the area's beginning. */
static long extend_down(struct aspace *aspace, struct range *range)
{
	const struct vma *vma;
	long rc = 0;

	down_read(&aspace->vma_lock);
	vma = vma_find(&aspace->vmas, range->start);
	if (!vma || vma->start >= range->end)
		rc = -ENOMEM;
	else if (!(vma->flags & VMA_GROWSDOWN))
		rc = -EINVAL;
	else
		range->start = vma->start;
	up_read(&aspace->vma_lock);
	return rc;
}

/* As on Linux, what lies before a hole is changed before that is an error. */
long aspace_mprotect(struct aspace *aspace, u64 vaddr, u64 len_bytes, u32 prot)
{
	u32 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	struct range range, mapped;
	long rc = 0;

	if (!IS_ALIGNED(vaddr, PAGE_SIZE) ||
	    grows == (PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	if (!len_bytes)
		return 0;
	if (!change_decode_range(aspace, vaddr, len_bytes, &range))
		return -ENOMEM;
	prot &= ~grows;
	if (prot & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM) ||
	    grows == PROT_GROWSUP)
		return -EINVAL;
	prot &= ~PROT_SEM;
	change_begin(aspace, 0, 0);
	if (grows)
		rc = extend_down(aspace, &range);
	mapped = (struct range){range.start, first_hole(aspace, &range)};
	if (!rc && mapped.end > mapped.start)
		rc = protect(aspace, &mapped, prot);
	change_end(aspace);
	if (!rc && mapped.end < range.end)
		rc = -ENOMEM;
	return rc;
}

/* ---- brk --------------------------------------------------------------------
 */

static int call_brk(struct aspace *aspace, u64 vaddr, u64 *brk)
{
	struct rpc_m_brk req = {.asid = le32_make(aspace->asid),
				.vaddr = le64_make(vaddr)};
	struct rpc_m_vaddr_reply rep;
	int rc = aspace_call(aspace, RPC_m_brk, &req, &rep);

	if (rc)
		return rc;
	if (le64_get(rep.vaddr) != vaddr && le64_get(rep.vaddr) != *brk)
		return change_broke(aspace, -EPROTO);
	*brk = le64_get(rep.vaddr);
	return 0;
}

/* M's brk is @brk now; ours was another. */
static int follow_brk(struct aspace *aspace, u64 brk)
{
	u64 old_end = ALIGN_UP(aspace->brk, PAGE_SIZE);
	u64 end = ALIGN_UP(brk, PAGE_SIZE);
	struct vma heap = {.start = old_end,
			   .end = end,
			   .prot = PROT_READ | PROT_WRITE,
			   .flags = VMA_HEAP};
	int rc = end > old_end ? change_check_place(aspace, old_end, end) : 0;

	if (rc)
		return rc;
	aspace->brk = brk;
	if (end > old_end)
		return change_tree_map(aspace, &heap);
	if (end < old_end)
		return change_tree_unmap(aspace, end, old_end);
	return 0;
}

long aspace_brk(struct aspace *aspace, u64 vaddr)
{
	struct range shrunk = {0, 0};
	u64 brk, old_end;
	int rc = 0;

	mutex_lock(&aspace->change_lock); /* brk is its */
	brk = aspace->brk;
	old_end = ALIGN_UP(brk, PAGE_SIZE);
	mutex_unlock(&aspace->change_lock);
	if (vaddr < aspace->start_brk || vaddr == brk ||
	    vaddr > aspace->vmas.high)
		return (long)brk;
	if (ALIGN_UP(vaddr, PAGE_SIZE) < old_end)
		shrunk = (struct range){ALIGN_UP(vaddr, PAGE_SIZE), old_end};

	change_begin(aspace, shrunk.start, shrunk.end);
	if (aspace->brk == brk) { /* else another thread was here */
		if (shrunk.start < shrunk.end)
			rc = change_give_up(aspace, &shrunk);
		if (!rc)
			rc = call_brk(aspace, vaddr, &brk);
		if (!rc)
			rc = follow_brk(aspace, brk);
	}
	brk = aspace->brk;
	change_end(aspace);
	return (long)brk;
}

/* ---- areas that grow downwards ----------------------------------------------
 */

/* Is it worth while to ask M?  Not if @vaddr is mapped by now. */
static int check_grow(struct aspace *aspace, u64 vaddr, bool *is_mapped)
{
	const struct vma *vma;

	down_read(&aspace->vma_lock);
	vma = vma_find(&aspace->vmas, vaddr);
	*is_mapped = vma && vma->start <= vaddr;
	up_read(&aspace->vma_lock);
	return vma && (*is_mapped || vma->flags & VMA_GROWSDOWN) ? 0 : -EFAULT;
}

/* The area above @vaddr begins at @start now. */
static int follow_grow(struct aspace *aspace, u64 vaddr, u64 start)
{
	struct vma more = *vma_find(&aspace->vmas, vaddr);
	int rc = start <= vaddr ? change_check_place(aspace, start, more.start)
				: change_broke(aspace, -EPROTO);

	if (rc)
		return rc;
	more.end = more.start;
	more.start = start;
	return change_tree_map(aspace, &more);
}

int aspace_grow(struct aspace *aspace, u64 vaddr)
{
	struct rpc_m_brk req = {.asid = le32_make(aspace->asid),
				.vaddr = le64_make(vaddr)};
	struct rpc_m_vaddr_reply rep;
	bool is_mapped;
	int rc = check_grow(aspace, vaddr, &is_mapped);

	if (rc || is_mapped)
		return rc;
	change_begin(aspace, 0, 0);
	rc = check_grow(aspace, vaddr, &is_mapped); /* still? */
	if (!rc && !is_mapped)
		rc = aspace_call(aspace, RPC_m_grow, &req, &rep);
	if (!rc && !is_mapped)
		rc = follow_grow(aspace, vaddr, le64_get(rep.vaddr));
	change_end(aspace);
	return rc ? -EFAULT : 0;
}

/* ---- flags ------------------------------------------------------------------
 */

long change_set_flags(struct aspace *aspace, const struct range *range, u32 set,
		      u32 clear)
{
	struct rpc_m_vma_flags req = {
		.asid = le32_make(aspace->asid),
		.set = le32_make(set),
		.clear = le32_make(clear),
		.vaddr = le64_make(range->start),
		.len_bytes = le64_make(range->end - range->start),
	};
	struct rpc_none none;
	long rc;

	if (range->start >= range->end)
		return 0;
	rc = aspace_call(aspace, RPC_m_vma_flags, &req, &none);
	if (rc)
		return rc;
	down_write(&aspace->vma_lock);
	rc = vma_set_flags(&aspace->vmas, range->start, range->end, set, clear);
	up_write(&aspace->vma_lock);
	return rc ? change_broke(aspace, (int)rc) : 0;
}
