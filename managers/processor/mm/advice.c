/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * madvise(2), msync(2), mincore(2).
 *
 * As on Linux, a range with holes is worked on where there is something, and
 * then the holes are an error, -ENOMEM.  But what may not be done to one of its
 * areas is done to none.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/pcache/pcache.h>
#include <uapi/mman.h>

static bool is_covered(struct aspace *aspace, const struct range *range)
{
	bool is_covered;

	down_read(&aspace->vma_lock);
	is_covered = vma_is_covered(&aspace->vmas, range->start, range->end);
	up_read(&aspace->vma_lock);
	return is_covered;
}

/* ---- madvise ----------------------------------------------------------------
 */

/* May this be done to @vma?  Errors as of madvise(2). */
static int check_vma(const struct vma *vma, u32 advice)
{
	bool is_file = !file_id_is_none(&vma->fid);
	bool is_locked = vma->flags & VMA_LOCKED;

	switch (advice) {
	case MADV_DONTNEED:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return is_locked ? -EINVAL : 0;
	case MADV_FREE:
		return is_locked || is_file ? -EINVAL : 0;
	case MADV_WIPEONFORK:
		return is_file ? -EINVAL : 0;
	case MADV_REMOVE:
		if (is_locked || !is_file)
			return -EINVAL;
		return vma->flags & VMA_SHARED && vma->flags & VMA_MAYWRITE
			       ? 0
			       : -EACCES;
	default:
		return 0;
	}
}

/* All of @range that is mapped. */
static int check_range(struct aspace *aspace, const struct range *range,
		       u32 advice)
{
	const struct vma *vma;
	int rc = 0;

	down_read(&aspace->vma_lock);
	vma_for_each_in (vma, &aspace->vmas, range->start, range->end) {
		rc = check_vma(vma, advice);
		if (rc)
			break;
	}
	up_read(&aspace->vma_lock);
	return rc;
}

static long drop_pages(struct aspace *aspace, const struct range *range)
{
	long rc = change_give_up(aspace, range);

	return rc ? rc
		  : change_call_range(aspace, RPC_m_madvise, range,
				      MADV_DONTNEED);
}

static long change_flags(struct aspace *aspace, const struct range *range,
			 u32 set, u32 clear)
{
	long rc = change_set_flags(aspace, range, set, clear);

	if (!rc && !is_covered(aspace, range))
		rc = -ENOMEM;
	return rc;
}

/* The change lock is held, @range is busy if its pages may go. */
static long advise(struct aspace *aspace, const struct range *range, u32 advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
		return drop_pages(aspace, range);
	case MADV_DONTFORK:
		return change_flags(aspace, range, VMA_DONTFORK, 0);
	case MADV_DOFORK:
		return change_flags(aspace, range, 0, VMA_DONTFORK);
	case MADV_WIPEONFORK:
		return change_flags(aspace, range, VMA_WIPEONFORK, 0);
	case MADV_KEEPONFORK:
		return change_flags(aspace, range, 0, VMA_WIPEONFORK);
	case MADV_DONTDUMP:
		return change_flags(aspace, range, VMA_DONTDUMP, 0);
	case MADV_DODUMP:
		return change_flags(aspace, range, 0, VMA_DONTDUMP);
	default: /* MADV_FREE and others: we may keep the pages, and do */
		return is_covered(aspace, range) ? 0 : -ENOMEM;
	}
}

static bool is_known(u32 advice)
{
	return advice <= MADV_DONTNEED ||
	       (advice >= MADV_FREE && advice <= MADV_PAGEOUT) ||
	       advice == MADV_DONTNEED_LOCKED;
}

/* A hole in the file that @vma, a copy, shows in @range: no mapping of it shows
 * these bytes until M has dropped them. */
static long punch_file(struct aspace *aspace, const struct range *range,
		       const struct vma *vma)
{
	u64 offset = vma_page_of(vma, range->start) << PAGE_SHIFT;
	struct file_change change;
	struct wire_fid fid;
	long rc;

	file_id_to_wire(&fid, &vma->fid);
	pcache_file_change_begin(&change, &fid, offset,
				 offset + (range->end - range->start));
	/* It was one VMA before the change held the address space. */
	rc = check_range(aspace, range, MADV_REMOVE);
	if (!rc && range_has_pages(aspace, range->start, range->end))
		rc = -EINVAL; /* by now it is something else */
	if (!rc)
		rc = change_call_range(aspace, RPC_m_madvise, range,
				       MADV_REMOVE);
	pcache_file_change_end(&change, false);
	return rc;
}

/* The first VMA of @range, as a copy; @range->start becomes its. */
static bool next_vma(struct aspace *aspace, struct range *range,
		     struct vma *copy)
{
	const struct vma *vma;

	down_read(&aspace->vma_lock);
	vma = vma_find(&aspace->vmas, range->start);
	if (vma && vma->start < range->end)
		*copy = *vma;
	else
		vma = NULL;
	up_read(&aspace->vma_lock);
	if (vma)
		range->start = max(range->start, copy->start);
	return vma;
}

static long punch_hole(struct aspace *aspace, const struct range *range)
{
	struct range left = *range, part;
	struct vma vma;
	long rc = check_range(aspace, range, MADV_REMOVE);

	while (!rc && left.start < left.end && next_vma(aspace, &left, &vma)) {
		part = (struct range){left.start, min(left.end, vma.end)};
		rc = punch_file(aspace, &part, &vma);
		left.start = part.end;
	}
	return !rc && !is_covered(aspace, range) ? -ENOMEM : rc;
}

long aspace_madvise(struct aspace *aspace, u64 vaddr, u64 len_bytes, u32 advice)
{
	bool drops = advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED;
	struct range range;
	long rc;

	if (!is_known(advice) ||
	    !change_decode_range(aspace, vaddr, len_bytes, &range))
		return -EINVAL;
	if (!len_bytes)
		return 0;
	if (advice == MADV_REMOVE)
		return punch_hole(aspace, &range);
	if (drops)
		change_begin(aspace, range.start, range.end);
	else
		change_begin(aspace, 0, 0);
	rc = check_range(aspace, &range, advice);
	if (!rc)
		rc = advise(aspace, &range, advice);
	change_end(aspace);
	return rc;
}

/* ---- msync ------------------------------------------------------------------
 */

static bool has_locked(struct aspace *aspace, const struct range *range)
{
	const struct vma *vma;
	bool has = false;

	down_read(&aspace->vma_lock);
	vma_for_each_in (vma, &aspace->vmas, range->start, range->end)
		has = has || vma->flags & VMA_LOCKED;
	up_read(&aspace->vma_lock);
	return has;
}

long aspace_msync(struct aspace *aspace, u64 vaddr, u64 len_bytes, u32 flags)
{
	struct range range;
	long rc = 0;

	if (flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & MS_ASYNC && flags & MS_SYNC) ||
	    !IS_ALIGNED(vaddr, PAGE_SIZE))
		return -EINVAL;
	/* Linux lets the length overflow to nothing. */
	if (!ALIGN_UP(len_bytes, PAGE_SIZE))
		return 0;
	if (!change_decode_range(aspace, vaddr, len_bytes, &range))
		return -ENOMEM;
	if (flags & MS_INVALIDATE && has_locked(aspace, &range))
		return -EBUSY;
	change_begin(aspace, 0, 0);
	rc = range_clean(aspace, range.start, range.end);
	if (!rc && !is_covered(aspace, &range))
		rc = -ENOMEM;
	change_end(aspace);
	return rc;
}

/* ---- mincore ----------------------------------------------------------------
 */

/* What our own entries tell: all that has been touched. */
static void touched_pages(struct aspace *aspace, const struct range *range,
			  u8 *vec)
{
	u64 vaddr = range->start;
	pte_t *ptep;

	for (; (ptep = pt_next(&aspace->pt, &vaddr, range->end));
	     vaddr += PAGE_SIZE)
		vec[(vaddr - range->start) >> PAGE_SHIFT] |=
			!pte_is_none(pte_read(ptep));
}

static bool has_files(struct aspace *aspace, const struct range *range)
{
	const struct vma *vma;

	vma_for_each_in (vma, &aspace->vmas, range->start, range->end)
		if (!file_id_is_none(&vma->fid))
			return true;
	return false;
}

/* A file's page may be in M's memory though nobody here has touched it. */
static int pages_of_memory(struct aspace *aspace, const struct range *range,
			   u8 *vec)
{
	u64 nr_pages = (range->end - range->start) >> PAGE_SHIFT;
	struct rpc_m_range req = {
		.asid = le32_make(aspace->asid),
		.vaddr = le64_make(range->start),
		.len_bytes = le64_make(range->end - range->start),
	};
	struct rpc_none none;
	struct rpc_args args = {.req = &req,
				.rep = &none,
				.rep_tail = vec,
				.rep_tail_max = (u32)nr_pages};
	int rc = rpc_call(aspace->home->peer, RPC_m_resident, &args);

	if (!rc && args.rep_tail_len != nr_pages)
		rc = -EPROTO;
	for (u64 i = 0; i < nr_pages; i++)
		vec[i] &= 1;
	return rc;
}

long aspace_mincore(struct aspace *aspace, u64 vaddr, u64 nr_pages, u8 *vec)
{
	struct range range;
	long rc = 0;

	ASSERT(nr_pages <= RPC_RESIDENT_MAX);
	if (!IS_ALIGNED(vaddr, PAGE_SIZE))
		return -EINVAL;
	if (!change_decode_range(aspace, vaddr, nr_pages << PAGE_SHIFT,
				 &range) ||
	    !is_covered(aspace, &range))
		return -ENOMEM;
	memset(vec, 0, nr_pages);
	change_begin(aspace, 0, 0); /* tables and VMAs stay */
	if (has_files(aspace, &range))
		rc = pages_of_memory(aspace, &range, vec);
	if (!rc)
		touched_pages(aspace, &range, vec);
	change_end(aspace);
	return rc;
}
