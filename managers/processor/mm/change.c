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

/* [@vaddr, +@len_bytes) rounded up to pages, if it lies in the user half. */
static bool decode_range(const struct aspace *aspace, u64 vaddr, u64 len_bytes,
			 struct range *range)
{
	u64 len = ALIGN_UP(len_bytes, PAGE_SIZE);

	*range = (struct range){vaddr, vaddr + len};
	return IS_ALIGNED(vaddr, PAGE_SIZE) && len >= len_bytes &&
	       len <= aspace->vmas.high && vaddr <= aspace->vmas.high - len;
}

/* The pages of @range go; M may hear of it next. */
static int give_up(struct aspace *aspace, const struct range *range)
{
	range_zap(aspace, range->start, range->end);
	return reports_send(aspace);
}

static int tree_unmap(struct aspace *aspace, u64 start, u64 end)
{
	int rc;

	down_write(&aspace->vma_lock);
	rc = vma_unmap(&aspace->vmas, start, end);
	up_write(&aspace->vma_lock);
	return rc ? change_broke(aspace, rc) : 0;
}

static int tree_map(struct aspace *aspace, const struct vma *vma)
{
	int rc;

	down_write(&aspace->vma_lock);
	rc = vma_map(&aspace->vmas, vma);
	up_write(&aspace->vma_lock);
	return rc ? change_broke(aspace, rc) : 0;
}

static int call_range(struct aspace *aspace, enum rpc_op op,
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
	return flags;
}

static int call_mmap(struct aspace *aspace, const struct mmap_args *args,
		     u64 len, struct rpc_m_mmap_reply *rep)
{
	struct rpc_m_mmap req = {
		.asid = le32_make(aspace->asid),
		.prot = le32_make(args->prot),
		.flags = le32_make(args->flags),
		.vma_flags = le32_make(args->may_write ? VMA_MAYWRITE : 0),
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

	if (is_shared || args->vnode)
		file_id_from_wire(&vma.fid, fid);
	if (is_shared && !args->vnode)
		vma.pgoff_pages = 0;
	vma.flags = vma_flags_of(args, is_shared, &vma.fid);
	if (!file_id_is_none(&vma.fid))
		rc = files_add(aspace, fid, args->vnode,
			       is_shared && args->may_write, args->path);
	if (rc)
		return change_broke(aspace, rc);
	rc = tree_map(aspace, &vma);
	return rc ? rc : (long)vma.start;
}

long aspace_mmap(struct aspace *aspace, const struct mmap_args *args)
{
	bool is_fixed =
		args->flags & MAP_FIXED && !(args->flags & MAP_FIXED_NOREPLACE);
	struct rpc_m_mmap_reply rep;
	struct range range = {0, 0};
	long rc = 0;

	if (!args->len_bytes)
		return -EINVAL;
	if (ALIGN_UP(args->len_bytes, PAGE_SIZE) < args->len_bytes)
		return -ENOMEM;
	if (is_fixed &&
	    !decode_range(aspace, args->vaddr, args->len_bytes, &range))
		return IS_ALIGNED(args->vaddr, PAGE_SIZE) ? -ENOMEM : -EINVAL;

	change_begin(aspace, range.start, range.end);
	if (is_fixed)
		rc = give_up(aspace, &range);
	if (!rc)
		rc = call_mmap(aspace, args,
			       ALIGN_UP(args->len_bytes, PAGE_SIZE), &rep);
	if (!rc)
		rc = follow_mmap(aspace, args,
				 ALIGN_UP(args->len_bytes, PAGE_SIZE), &rep);
	change_end(aspace);
	return rc;
}

/* ---- munmap, mprotect -------------------------------------------------------
 */

long aspace_munmap(struct aspace *aspace, u64 vaddr, u64 len_bytes)
{
	struct range range;
	long rc;

	if (!len_bytes || !decode_range(aspace, vaddr, len_bytes, &range))
		return -EINVAL;
	change_begin(aspace, range.start, range.end);
	rc = give_up(aspace, &range);
	if (!rc)
		rc = call_range(aspace, RPC_m_munmap, &range, 0);
	if (!rc)
		rc = tree_unmap(aspace, range.start, range.end);
	pt_free_range(&aspace->pt, range.start, range.end);
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
	long rc = call_range(aspace, RPC_m_mprotect, range, prot);

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

/* As on Linux, what lies before a hole is changed before that is an error. */
long aspace_mprotect(struct aspace *aspace, u64 vaddr, u64 len_bytes, u32 prot)
{
	struct range range, mapped;
	long rc = 0;

	if (!IS_ALIGNED(vaddr, PAGE_SIZE))
		return -EINVAL;
	if (!len_bytes)
		return 0;
	if (!decode_range(aspace, vaddr, len_bytes, &range))
		return -ENOMEM;
	change_begin(aspace, 0, 0);
	mapped = (struct range){range.start, first_hole(aspace, &range)};
	if (mapped.end > mapped.start)
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

	if (!rc)
		*brk = le64_get(rep.vaddr);
	return rc;
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

	aspace->brk = brk;
	if (end > old_end)
		return tree_map(aspace, &heap);
	if (end < old_end)
		return tree_unmap(aspace, end, old_end);
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
			rc = give_up(aspace, &shrunk);
		if (!rc)
			rc = call_brk(aspace, vaddr, &brk);
		if (!rc)
			rc = follow_brk(aspace, brk);
	}
	brk = aspace->brk;
	change_end(aspace);
	return (long)brk;
}

/* ---- mremap -----------------------------------------------------------------
 */

struct move {
	struct range old;
	u64 new_start, new_bytes;
	u32 flags;
};

static int call_mremap(struct aspace *aspace, struct move *m)
{
	struct rpc_m_mremap req = {
		.asid = le32_make(aspace->asid),
		.flags = le32_make(m->flags),
		.old_vaddr = le64_make(m->old.start),
		.old_len_bytes = le64_make(m->old.end - m->old.start),
		.new_len_bytes = le64_make(m->new_bytes),
		.new_vaddr = le64_make(m->new_start),
	};
	struct rpc_m_vaddr_reply rep;
	int rc = aspace_call(aspace, RPC_m_mremap, &req, &rep);

	if (!rc)
		m->new_start = le64_get(rep.vaddr);
	return rc;
}

/* It stayed where it is, longer or shorter. */
static int follow_resize(struct aspace *aspace, const struct move *m)
{
	u64 end = m->old.start + m->new_bytes;
	struct vma more;

	if (end < m->old.end)
		return tree_unmap(aspace, end, m->old.end);
	if (end == m->old.end)
		return 0;
	more = *vma_at(&aspace->vmas, m->old.start);
	if (!file_id_is_none(&more.fid))
		more.pgoff_pages = vma_page_of(&more, m->old.end);
	more.start = m->old.end;
	more.end = end;
	return tree_map(aspace, &more);
}

static int follow_move(struct aspace *aspace, const struct move *m)
{
	u64 old_bytes = m->old.end - m->old.start;
	int rc;

	rc = range_move(aspace, m->old.start,
			m->old.start + min(old_bytes, m->new_bytes),
			m->new_start);
	if (rc)
		return change_broke(aspace, rc);
	down_write(&aspace->vma_lock);
	rc = vma_move(&aspace->vmas, m->old.start, old_bytes, m->new_start,
		      m->new_bytes);
	up_write(&aspace->vma_lock);
	pt_free_range(&aspace->pt, m->old.start, m->old.end);
	return rc ? change_broke(aspace, rc) : 0;
}

/*
 * What M will drop goes first: a fixed target, the end of what shrinks.  What
 * may move is unmapped, which also waits for fills that began before, so that
 * their reports are sent under the old addresses.
 */
static int prepare_mremap(struct aspace *aspace, const struct move *m)
{
	struct range target = {m->new_start, m->new_start + m->new_bytes};
	struct range tail = {m->old.start + m->new_bytes, m->old.end};

	if (m->flags & MREMAP_FIXED)
		range_zap(aspace, target.start, target.end);
	if (tail.start < tail.end)
		range_zap(aspace, tail.start, tail.end);
	if (m->flags & MREMAP_FIXED || tail.start > tail.end)
		range_unmap(aspace, m->old.start, m->old.end);
	return reports_send(aspace);
}

static bool decode_mremap(const struct aspace *aspace, struct move *m,
			  u64 old_bytes)
{
	struct range target;

	if (m->flags & ~(u32)(MREMAP_MAYMOVE | MREMAP_FIXED) || !old_bytes ||
	    !m->new_bytes ||
	    !decode_range(aspace, m->old.start, old_bytes, &m->old) ||
	    !decode_range(aspace, 0, m->new_bytes, &target))
		return false;
	m->new_bytes = target.end;
	if (!(m->flags & MREMAP_FIXED))
		return true;
	return m->flags & MREMAP_MAYMOVE &&
	       decode_range(aspace, m->new_start, m->new_bytes, &target) &&
	       (target.end <= m->old.start || target.start >= m->old.end);
}

static bool is_in_one_vma(struct aspace *aspace, const struct range *range)
{
	const struct vma *vma;
	bool is_inside;

	down_read(&aspace->vma_lock);
	vma = vma_at(&aspace->vmas, range->start);
	is_inside = vma && vma->end >= range->end;
	up_read(&aspace->vma_lock);
	return is_inside;
}

long aspace_mremap(struct aspace *aspace, u64 old_vaddr, u64 old_bytes,
		   u64 new_bytes, u32 flags, u64 new_vaddr)
{
	struct move m = {.old.start = old_vaddr,
			 .new_start = new_vaddr,
			 .new_bytes = new_bytes,
			 .flags = flags};
	long rc;

	if (!decode_mremap(aspace, &m, old_bytes))
		return -EINVAL;
	change_begin(aspace, m.old.start, m.old.end);
	if (flags & MREMAP_FIXED)
		change_also(aspace, m.new_start, m.new_start + m.new_bytes);
	rc = is_in_one_vma(aspace, &m.old) ? 0 : -EFAULT;
	if (!rc)
		rc = prepare_mremap(aspace, &m);
	if (!rc)
		rc = call_mremap(aspace, &m);
	if (!rc)
		rc = m.new_start == m.old.start ? follow_resize(aspace, &m)
						: follow_move(aspace, &m);
	change_end(aspace);
	return rc ? rc : (long)m.new_start;
}

/* ---- advice, synchronisation ------------------------------------------------
 */

static bool is_covered(struct aspace *aspace, const struct range *range)
{
	bool is_covered;

	down_read(&aspace->vma_lock);
	is_covered = vma_is_covered(&aspace->vmas, range->start, range->end);
	up_read(&aspace->vma_lock);
	return is_covered;
}

static long drop_pages(struct aspace *aspace, const struct range *range,
		       u32 advice)
{
	long rc;

	change_begin(aspace, range->start, range->end);
	rc = give_up(aspace, range);
	if (!rc)
		rc = call_range(aspace, RPC_m_madvise, range, advice);
	change_end(aspace);
	return rc;
}

long aspace_madvise(struct aspace *aspace, u64 vaddr, u64 len_bytes, u32 advice)
{
	struct range range;

	if (!decode_range(aspace, vaddr, len_bytes, &range))
		return -EINVAL;
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_REMOVE:
		return len_bytes ? drop_pages(aspace, &range, advice) : 0;
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_FREE: /* we may keep the pages, and do */
	case MADV_DONTDUMP:
	case MADV_DODUMP:
		return is_covered(aspace, &range) ? 0 : -ENOMEM;
	default: /* what we have not, as a Linux built without it */
		return -EINVAL;
	}
}

long aspace_msync(struct aspace *aspace, u64 vaddr, u64 len_bytes, u32 flags)
{
	struct range range;
	long rc;

	if (flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & MS_ASYNC && flags & MS_SYNC) ||
	    !IS_ALIGNED(vaddr, PAGE_SIZE))
		return -EINVAL;
	if (!decode_range(aspace, vaddr, len_bytes, &range) ||
	    !is_covered(aspace, &range))
		return -ENOMEM;
	change_begin(aspace, 0, 0);
	rc = range_clean(aspace, range.start, range.end);
	change_end(aspace);
	return rc;
}

long aspace_mincore(struct aspace *aspace, u64 vaddr, u64 nr_pages, u8 *vec)
{
	struct range range;
	pte_t *ptep;

	if (!IS_ALIGNED(vaddr, PAGE_SIZE))
		return -EINVAL;
	if (!decode_range(aspace, vaddr, nr_pages << PAGE_SHIFT, &range) ||
	    !is_covered(aspace, &range))
		return -ENOMEM;
	memset(vec, 0, nr_pages);
	change_begin(aspace, 0, 0); /* tables stay */
	for (vaddr = range.start;
	     (ptep = pt_next(&aspace->pt, &vaddr, range.end));
	     vaddr += PAGE_SIZE)
		vec[(vaddr - range.start) >> PAGE_SHIFT] =
			!pte_is_none(pte_read(ptep));
	change_end(aspace);
	return 0;
}
