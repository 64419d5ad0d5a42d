/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mremap(2): see change.c. */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <managers/processor/pcache/pcache.h>
#include <uapi/mman.h>

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
	u64 start;

	if (rc || m->flags & RPC_ONLY_ASK)
		return rc;
	start = le64_get(rep.vaddr);
	if (m->flags & MREMAP_FIXED)
		return start == m->new_start ? 0
					     : change_broke(aspace, -EPROTO);
	m->new_start = start;
	if (start != m->old.start)
		return change_check_place(aspace, start, start + m->new_bytes);
	if (m->flags & MREMAP_DONTUNMAP)
		return change_broke(aspace, -EPROTO);
	return change_check_place(aspace, m->old.end, start + m->new_bytes);
}

/* It stayed where it is, and is longer. */
static int follow_grow(struct aspace *aspace, const struct move *m)
{
	struct vma more = *vma_at(&aspace->vmas, m->old.start);

	if (!file_id_is_none(&more.fid))
		more.pgoff_pages = vma_page_of(&more, m->old.end);
	more.start = m->old.end;
	more.end = m->old.start + m->new_bytes;
	return change_tree_map(aspace, &more);
}

/* The VMA at the old place, as it is at the new one. */
static struct vma moved_vma(struct aspace *aspace, const struct move *m)
{
	struct vma vma = *vma_at(&aspace->vmas, m->old.start);

	if (!file_id_is_none(&vma.fid))
		vma.pgoff_pages = vma_page_of(&vma, m->old.start);
	vma.start = m->new_start;
	vma.end = m->new_start + m->new_bytes;
	return vma;
}

static int follow_move(struct aspace *aspace, const struct move *m)
{
	u64 old_bytes = m->old.end - m->old.start;
	struct vma copy = moved_vma(aspace, m);
	int rc;

	rc = range_move(aspace, m->old.start,
			m->old.start + min(old_bytes, m->new_bytes),
			m->new_start);
	if (rc)
		return change_broke(aspace, rc);
	down_write(&aspace->vma_lock);
	if (m->flags & MREMAP_DONTUNMAP || !old_bytes)
		rc = vma_map(&aspace->vmas, &copy);
	else
		rc = vma_move(&aspace->vmas, m->old.start, old_bytes,
			      m->new_start, m->new_bytes);
	up_write(&aspace->vma_lock);
	pt_free_range(&aspace->pt, m->old.start, m->old.end);
	return rc ? change_broke(aspace, rc) : 0;
}

/*
 * What M will drop goes first: a fixed target, the end of what shrinks - after
 * M said that it will do the whole.  What may move is unmapped, which also
 * waits for fills that began before, so that their reports are sent under the
 * old addresses.
 */
static int prepare_mremap(struct aspace *aspace, const struct move *m)
{
	struct range target = {m->new_start, m->new_start + m->new_bytes};
	struct range tail = {m->old.start + m->new_bytes, m->old.end};
	bool is_fixed = m->flags & MREMAP_FIXED;
	struct move question = *m;
	int rc = 0;

	question.flags |= RPC_ONLY_ASK;
	if (is_fixed && (range_has_pages(aspace, target.start, target.end) ||
			 range_has_pages(aspace, tail.start, tail.end)))
		rc = call_mremap(aspace, &question);
	if (rc)
		return rc;
	if (is_fixed)
		range_zap(aspace, target.start, target.end);
	if (tail.start < tail.end)
		range_zap(aspace, tail.start, tail.end);
	range_unmap(aspace, m->old.start, m->old.end);
	return reports_send(aspace);
}

static bool decode_mremap(const struct aspace *aspace, struct move *m,
			  u64 old_bytes)
{
	u32 moves = MREMAP_FIXED | MREMAP_DONTUNMAP;
	struct range target;

	if (m->flags & ~(MREMAP_MAYMOVE | moves) ||
	    (m->flags & moves && !(m->flags & MREMAP_MAYMOVE)) ||
	    !m->new_bytes ||
	    !change_decode_range(aspace, m->old.start, old_bytes, &m->old) ||
	    !change_decode_range(aspace, 0, m->new_bytes, &target))
		return false;
	m->new_bytes = target.end;
	if (m->flags & MREMAP_DONTUNMAP &&
	    m->new_bytes != m->old.end - m->old.start)
		return false;
	if (!(m->flags & MREMAP_FIXED))
		return true;
	return change_decode_range(aspace, m->new_start, m->new_bytes,
				   &target) &&
	       (target.end <= m->old.start || target.start >= m->old.end);
}

/* Is all of @range, or its one address, in one VMA? */
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

/* It only becomes shorter, where it is: any number of VMAs. */
static long shrink(struct aspace *aspace, const struct move *m)
{
	struct range first = {m->old.start, m->old.start};
	u64 end = m->old.start + m->new_bytes;
	long rc = 0;

	if (!is_in_one_vma(aspace, &first))
		return -EFAULT;
	if (end < m->old.end)
		rc = aspace_munmap(aspace, end, m->old.end - end);
	return rc ? rc : (long)m->old.start;
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
	if (!(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) &&
	    m.new_bytes <= m.old.end - m.old.start)
		return shrink(aspace, &m);
	change_begin(aspace, m.old.start, m.old.end);
	if (flags & MREMAP_FIXED)
		change_also(aspace, m.new_start, m.new_start + m.new_bytes);
	rc = is_in_one_vma(aspace, &m.old) ? 0 : -EFAULT;
	if (!rc)
		rc = prepare_mremap(aspace, &m);
	if (!rc)
		rc = call_mremap(aspace, &m);
	if (!rc)
		rc = m.new_start == m.old.start ? follow_grow(aspace, &m)
						: follow_move(aspace, &m);
	change_end(aspace);
	return rc ? rc : (long)m.new_start;
}
