/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/memory/mapping.h>

#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/memory/frames.h>
#include <managers/memory/pagecache.h>
#include <managers/memory/tmpfs.h>
#include <net/rpc.h>
#include <uapi/mman.h>

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* Round up to pages; false if that overflows or exceeds the address space. */
static bool round_len(u64 len_bytes, u64 *out)
{
	*out = ALIGN_UP(len_bytes, PAGE_SIZE);
	return *out >= len_bytes && *out <= USER_TOP;
}

/* [@start, +@len_bytes) of a system call: aligned, inside, made whole pages. */
static bool decode_range(u64 start, u64 len_bytes, u64 *end)
{
	if (!IS_ALIGNED(start, PAGE_SIZE) ||
	    !round_len(len_bytes, &len_bytes) || start > USER_TOP - len_bytes)
		return false;
	*end = start + len_bytes;
	return true;
}

static bool is_data(u32 prot, u32 vma_flags)
{
	return (prot & PROT_WRITE) && !(vma_flags & (VMA_SHARED | VMA_STACK));
}

static bool is_free(struct aspace *aspace, u64 start, u64 end)
{
	const struct vma *next = vma_find(&aspace->vmas, start);

	return !next || next->start >= end;
}

/* ---- mmap ---------------------------------------------------------------- */

u64 mapping_find_room(struct aspace *aspace, u64 len_bytes)
{
	u64 vaddr = vma_find_gap(&aspace->vmas, len_bytes, USER_LOW,
				 aspace->mmap_base);

	/* Better above the stack than not at all. */
	return vaddr ? vaddr
		     : vma_find_gap(&aspace->vmas, len_bytes, USER_LOW,
				    USER_TOP);
}

static int choose_address(struct aspace *aspace, const struct mmap_request *req,
			  u64 len, u64 *vaddr)
{
	u64 hint = ALIGN_DOWN(req->vaddr, PAGE_SIZE);

	if (req->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (req->vaddr != hint)
			return -EINVAL;
		if (hint > USER_TOP - len)
			return -ENOMEM;
		if (hint < USER_LOW)
			return -EPERM;
		if ((req->flags & MAP_FIXED_NOREPLACE) &&
		    !is_free(aspace, hint, hint + len))
			return -EEXIST;
		*vaddr = hint;
		return 0;
	}
	if (req->flags & MAP_32BIT) {
		*vaddr = vma_find_gap(&aspace->vmas, len, 0x40000000,
				      0x80000000);
	} else if (hint >= USER_LOW && hint <= USER_TOP - len &&
		   is_free(aspace, hint, hint + len)) {
		*vaddr = hint;
	} else {
		*vaddr = mapping_find_room(aspace, len);
	}
	return *vaddr ? 0 : -ENOMEM;
}

/* The VMA that the flags ask for, without its place. */
static int decode_mmap(const struct mmap_request *req, struct vma *vma)
{
	bool is_file = !file_id_is_none(&req->fid);

	*vma = (struct vma){.prot = req->prot & PROT_ALL,
			    .fid = req->fid,
			    .pgoff_pages = is_file ? req->pgoff_pages : 0};
	if (req->flags & MAP_HUGETLB)
		return -EINVAL;
	switch (req->flags & MAP_TYPE) {
	case MAP_PRIVATE:
		break;
	case MAP_SHARED:
	case MAP_SHARED_VALIDATE:
		vma->flags |= VMA_SHARED | (req->vma_flags & VMA_MAYWRITE);
		/* an anonymous one is our own file by now */
		if (!is_file)
			return -EINVAL;
		if ((vma->prot & PROT_WRITE) && !(vma->flags & VMA_MAYWRITE))
			return -EACCES;
		break;
	default:
		return -EINVAL;
	}
	if (is_file)
		vma->flags |= VMA_FILE;
	if (req->flags & MAP_NORESERVE)
		vma->flags |= VMA_NORESERVE;
	return 0;
}

/* Refuse only what can never be had, as Linux's heuristic overcommit does. */
static bool is_overcommit(const struct vma *vma, u64 nr_pages)
{
	return is_data(vma->prot, vma->flags) &&
	       !(vma->flags & VMA_NORESERVE) && nr_pages > pool.nr_frames;
}

int mapping_mmap(struct aspace *aspace, const struct mmap_request *req,
		 u64 *vaddr)
{
	u64 len, nr_pages, nr_replaced = 0, start;
	struct vma vma;
	int err;

	if (!req->len_bytes)
		return -EINVAL;
	if (!round_len(req->len_bytes, &len))
		return -ENOMEM;
	nr_pages = len >> PAGE_SHIFT;
	if (req->pgoff_pages + nr_pages < req->pgoff_pages)
		return -EOVERFLOW;
	err = decode_mmap(req, &vma);
	if (err)
		return err;
	err = choose_address(aspace, req, len, &start);
	if (err)
		return err;
	if (req->flags & MAP_FIXED)
		nr_replaced =
			vma_count_pages(&aspace->vmas, start, start + len);
	if (is_overcommit(&vma, nr_pages) ||
	    !aspace_may_grow(aspace, nr_pages - nr_replaced,
			     is_data(vma.prot, vma.flags) ? nr_pages : 0))
		return -ENOMEM;
	vma.start = start;
	vma.end = start + len;
	err = vma_map(&aspace->vmas, &vma);
	if (err)
		return err;
	pagetable_zap(&aspace->pages, vma.start, vma.end);
	*vaddr = start;
	return 0;
}

int mapping_munmap(struct aspace *aspace, u64 start, u64 len_bytes)
{
	u64 end;

	if (!len_bytes || !decode_range(start, len_bytes, &end))
		return -EINVAL;
	start = max(start, USER_LOW);
	if (start >= end)
		return 0;
	if (aspace->vmas.nr_vmas >= ASPACE_MAX_VMAS)
		return -ENOMEM;
	return aspace_unmap(aspace, start, end);
}

int mapping_mprotect(struct aspace *aspace, u64 start, u64 len_bytes, u32 prot)
{
	const struct vma *vma;
	u64 end, nr_more_data = 0;

	if (prot & ~(u32)PROT_ALL || !IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	if (!len_bytes)
		return 0;
	if (!decode_range(start, len_bytes, &end) || start < USER_LOW)
		return -ENOMEM;
	vma_for_each_in (vma, &aspace->vmas, start, end) {
		if (!(prot & PROT_WRITE))
			break;
		if ((vma->flags & VMA_SHARED) && !(vma->flags & VMA_MAYWRITE))
			return -EACCES;
		if (is_data(prot, vma->flags) && !(vma->prot & PROT_WRITE))
			nr_more_data +=
				(min(end, vma->end) - max(start, vma->start)) >>
				PAGE_SHIFT;
	}
	if (!aspace_may_grow(aspace, 0, nr_more_data))
		return -ENOMEM;
	return vma_protect(&aspace->vmas, start, end, prot);
}

/* ---- brk ----------------------------------------------------------------- */

static bool grow_brk(struct aspace *aspace, u64 old_end, u64 new_end)
{
	struct vma heap = {.start = old_end,
			   .end = new_end,
			   .prot = PROT_READ | PROT_WRITE,
			   .flags = VMA_HEAP};
	u64 nr_pages = (new_end - old_end) >> PAGE_SHIFT;

	return is_free(aspace, old_end, new_end) &&
	       !is_overcommit(&heap, nr_pages) &&
	       aspace_may_grow(aspace, nr_pages, nr_pages) &&
	       !vma_map(&aspace->vmas, &heap);
}

u64 mapping_brk(struct aspace *aspace, u64 brk)
{
	u64 old_end = ALIGN_UP(aspace->brk, PAGE_SIZE), new_end;

	if (brk < aspace->start_brk || brk > USER_TOP)
		return aspace->brk;
	new_end = ALIGN_UP(brk, PAGE_SIZE);
	if (new_end > old_end) {
		if (!grow_brk(aspace, old_end, new_end))
			return aspace->brk;
	} else if (new_end < old_end) {
		if (aspace_unmap(aspace, new_end, old_end))
			return aspace->brk;
	}
	aspace->brk = brk;
	return brk;
}

/* ---- madvise ------------------------------------------------------------- */

/* MADV_REMOVE: a hole in the file itself. */
static int punch_hole(const struct vma *vma, u64 start, u64 end)
{
	struct cfile *file;

	if (!(vma->flags & VMA_SHARED) || !(vma->flags & VMA_MAYWRITE))
		return -EACCES;
	file = cfile_get_local(&vma->fid);
	if (!file)
		return -EINVAL;
	pagecache_remove(file, vma_page_of(vma, start), vma_page_of(vma, end));
	cfile_put(file);
	return 0;
}

static int drop_pages(struct aspace *aspace, u64 start, u64 end, u32 advice)
{
	const struct vma *vma;

	vma_for_each_in (vma, &aspace->vmas, start, end) {
		u64 from = max(start, vma->start), to = min(end, vma->end);
		int err;

		if (advice == MADV_FREE &&
		    (vma->flags & (VMA_SHARED | VMA_FILE)))
			return -EINVAL;
		if (advice == MADV_REMOVE) {
			err = punch_hole(vma, from, to);
			if (err)
				return err;
		}
		pagetable_zap(&aspace->pages, from, to);
	}
	/* As Linux: done where possible, but holes are told. */
	return vma_is_covered(&aspace->vmas, start, end) ? 0 : -ENOMEM;
}

int mapping_madvise(struct aspace *aspace, u64 start, u64 len_bytes, u32 advice)
{
	u64 end;

	if (!decode_range(start, len_bytes, &end))
		return -EINVAL;
	if (!len_bytes)
		return 0;
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_FREE: /* may be dropped at any time: now */
	case MADV_REMOVE:
		return drop_pages(aspace, start, end, advice);
	default:
		return -EINVAL;
	}
}

/* ---- mremap -------------------------------------------------------------- */

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

static int move_mapping(struct aspace *aspace, u64 old_start, u64 old_bytes,
			u64 new_start, u64 new_bytes)
{
	u64 nr_bytes = min(old_bytes, new_bytes);
	u64 new_end = new_start + new_bytes;
	int err;

	/* With the tables made beforehand, the pages' move cannot fail. */
	err = pagetable_prepare_move(&aspace->pages, old_start, new_start,
				     nr_bytes);
	if (err)
		return err;
	err = vma_move(&aspace->vmas, old_start, old_bytes, new_start,
		       new_bytes);
	if (err)
		return err;
	pagetable_move(&aspace->pages, old_start, new_start, nr_bytes);
	pagetable_zap(&aspace->pages, new_start + nr_bytes, new_end);
	pagetable_zap(&aspace->pages, old_start, old_start + old_bytes);
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
	    *new_start > USER_TOP - new_bytes ||
	    (*new_start < req->old_start + old_bytes &&
	     req->old_start < *new_start + new_bytes))
		return -EINVAL;
	return 0;
}

static int decode_mremap(const struct mremap_request *req, u64 *old_bytes,
			 u64 *new_bytes)
{
	u64 end;

	if (req->flags & ~(u32)(MREMAP_MAYMOVE | MREMAP_FIXED) ||
	    ((req->flags & MREMAP_FIXED) && !(req->flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	if (!req->old_bytes || !req->new_bytes ||
	    !decode_range(req->old_start, req->old_bytes, &end) ||
	    !round_len(req->new_bytes, new_bytes))
		return -EINVAL;
	*old_bytes = end - req->old_start;
	return 0;
}

/* Longer at the same place, if what follows is free. */
static bool try_grow(struct aspace *aspace, const struct vma *vma, u64 start,
		     u64 old_bytes, u64 new_bytes)
{
	u64 old_end = start + old_bytes;

	return vma->end == old_end && new_bytes <= USER_TOP - start &&
	       is_free(aspace, old_end, start + new_bytes) &&
	       !grow_in_place(aspace, vma, old_end, start + new_bytes);
}

int mapping_mremap(struct aspace *aspace, const struct mremap_request *req,
		   u64 *vaddr)
{
	u64 old_bytes, new_bytes, new_start, start = req->old_start, nr_more;
	const struct vma *vma;
	int err = decode_mremap(req, &old_bytes, &new_bytes);

	if (err)
		return err;
	vma = vma_at(&aspace->vmas, start);
	if (!vma || vma->end < start + old_bytes)
		return -EFAULT;
	nr_more = new_bytes > old_bytes ? (new_bytes - old_bytes) >> PAGE_SHIFT
					: 0;
	if (is_overcommit(vma, nr_more) ||
	    !aspace_may_grow(aspace, nr_more,
			     is_data(vma->prot, vma->flags) ? nr_more : 0))
		return -ENOMEM;
	*vaddr = start;
	if (!(req->flags & MREMAP_FIXED)) {
		if (new_bytes == old_bytes)
			return 0;
		if (new_bytes < old_bytes)
			return aspace_unmap(aspace, start + new_bytes,
					    start + old_bytes);
		if (try_grow(aspace, vma, start, old_bytes, new_bytes))
			return 0;
		if (!(req->flags & MREMAP_MAYMOVE))
			return -ENOMEM;
	}
	err = decode_new_place(aspace, req, old_bytes, new_bytes, &new_start);
	if (err)
		return err;
	*vaddr = new_start;
	return move_mapping(aspace, start, old_bytes, new_start, new_bytes);
}
