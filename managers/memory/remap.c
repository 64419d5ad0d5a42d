/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mremap(2). */
#include <managers/memory/mapping.h>

#include <lib/errno.h>
#include <lib/minmax.h>
#include <uapi/mman.h>

/* The part of @vma that begins at @start, made longer: for in-place growth. */
static int grow_in_place(struct aspace *aspace, const struct vma *vma,
			 u64 old_end, u64 new_end)
{
	struct vma more = *vma;

	more.start = old_end;
	more.end = new_end;
	if (!file_id_is_none(&vma->fid))
		more.pgoff_pages = vma_page_of(vma, old_end);
	return vma_map(&aspace->vmas, &more);
}

/* @what, a copy of a VMA, goes to its new place; the old one stays. */
static int map_copy(struct aspace *aspace, const struct vma *vma, u64 start,
		    u64 new_start, u64 new_bytes)
{
	struct vma copy = *vma;

	if (!file_id_is_none(&vma->fid))
		copy.pgoff_pages = vma_page_of(vma, start);
	copy.start = new_start;
	copy.end = new_start + new_bytes;
	return vma_map(&aspace->vmas, &copy);
}

static int move_mapping(struct aspace *aspace, const struct mremap_request *req,
			u64 old_bytes, u64 new_start, u64 new_bytes)
{
	u64 start = req->old_start, nr_bytes = min(old_bytes, new_bytes);
	u64 new_end = new_start + new_bytes;
	bool keeps_old = !old_bytes || req->flags & MREMAP_DONTUNMAP;
	int err;

	/* With the tables made beforehand, the pages' move cannot fail. */
	err = pagetable_prepare_move(&aspace->pages, start, new_start,
				     nr_bytes);
	if (err)
		return err;
	if (keeps_old)
		err = map_copy(aspace, vma_at(&aspace->vmas, start), start,
			       new_start, new_bytes);
	else
		err = vma_move(&aspace->vmas, start, old_bytes, new_start,
			       new_bytes);
	if (err)
		return err;
	pagetable_move(&aspace->pages, start, new_start, nr_bytes);
	pagetable_zap(&aspace->pages, new_start + nr_bytes, new_end);
	pagetable_zap(&aspace->pages, start, start + old_bytes);
	return 0;
}

/* Where the mapping goes, and what must be checked for that. */
static int decode_new_place(struct aspace *aspace,
			    const struct mremap_request *req, u64 old_bytes,
			    u64 new_bytes, u64 *new_start)
{
	if (!(req->flags & MREMAP_FIXED)) {
		*new_start = mapping_find_room(aspace, new_bytes);
		return *new_start ? 0 : -ENOMEM;
	}
	*new_start = req->new_start;
	if (!IS_ALIGNED(*new_start, PAGE_SIZE) || *new_start < USER_LOW ||
	    new_bytes > USER_TOP || *new_start > USER_TOP - new_bytes ||
	    (*new_start < req->old_start + old_bytes &&
	     req->old_start < *new_start + new_bytes))
		return -EINVAL;
	return 0;
}

static int decode_mremap(const struct mremap_request *req, u64 *old_bytes,
			 u64 *new_bytes)
{
	u32 moves = MREMAP_FIXED | MREMAP_DONTUNMAP;
	u64 end;

	if (req->flags & ~(MREMAP_MAYMOVE | moves) ||
	    (req->flags & moves && !(req->flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	if (!req->new_bytes ||
	    !mapping_decode_range(req->old_start, req->old_bytes, &end) ||
	    !mapping_round_len(req->new_bytes, new_bytes))
		return -EINVAL;
	*old_bytes = end - req->old_start;
	if (req->flags & MREMAP_DONTUNMAP && *old_bytes != *new_bytes)
		return -EINVAL;
	return 0;
}

/* May the mapping have the new size? */
static int check_growth(struct aspace *aspace, const struct mremap_request *req,
			const struct vma *vma, u64 old_bytes, u64 new_bytes)
{
	u64 nr_more = 0;

	/* No old pages: a second mapping of what is shared. */
	if (!old_bytes && !(vma->flags & VMA_SHARED))
		return -EINVAL;
	if (req->flags & MREMAP_DONTUNMAP)
		nr_more = new_bytes >> PAGE_SHIFT;
	else if (new_bytes > old_bytes)
		nr_more = (new_bytes - old_bytes) >> PAGE_SHIFT;
	if (!file_id_is_none(&vma->fid) &&
	    vma_page_of(vma, req->old_start) > (FILE_MAX_BYTES - new_bytes) >>
		    PAGE_SHIFT)
		return -EINVAL;
	return mapping_may_add(aspace, vma, nr_more, 0) ? 0 : -ENOMEM;
}

/* Longer at the same place, if what follows is free. */
static bool may_grow_in_place(struct aspace *aspace, const struct vma *vma,
			      u64 start, u64 old_bytes, u64 new_bytes)
{
	u64 old_end = start + old_bytes;

	return old_bytes && vma->end == old_end &&
	       new_bytes <= USER_TOP - start &&
	       mapping_is_free(aspace, old_end, start + new_bytes);
}

/* Without a move, if that is possible; -EAGAIN: it is not. */
static int remap_in_place(struct aspace *aspace,
			  const struct mremap_request *req,
			  const struct vma *vma, u64 old_bytes, u64 new_bytes)
{
	u64 start = req->old_start, old_end = start + old_bytes;

	if (req->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EAGAIN;
	if (new_bytes == old_bytes)
		return 0;
	if (new_bytes < old_bytes)
		return req->only_ask ? 0
				     : aspace_unmap(aspace, start + new_bytes,
						    old_end);
	if (may_grow_in_place(aspace, vma, start, old_bytes, new_bytes))
		return req->only_ask ? 0
				     : grow_in_place(aspace, vma, old_end,
						     start + new_bytes);
	return req->flags & MREMAP_MAYMOVE ? -EAGAIN : -ENOMEM;
}

int mapping_mremap(struct aspace *aspace, const struct mremap_request *req,
		   u64 *vaddr)
{
	u64 old_bytes, new_bytes, new_start, start = req->old_start;
	const struct vma *vma;
	int err = decode_mremap(req, &old_bytes, &new_bytes);

	if (err)
		return err;
	vma = vma_at(&aspace->vmas, start);
	if (!vma || vma->end < start + old_bytes)
		return -EFAULT;
	err = check_growth(aspace, req, vma, old_bytes, new_bytes);
	if (err)
		return err;
	*vaddr = start;
	err = remap_in_place(aspace, req, vma, old_bytes, new_bytes);
	if (err != -EAGAIN)
		return err;
	err = decode_new_place(aspace, req, old_bytes, new_bytes, &new_start);
	if (err)
		return err;
	*vaddr = new_start;
	return req->only_ask ? 0
			     : move_mapping(aspace, req, old_bytes, new_start,
					    new_bytes);
}
