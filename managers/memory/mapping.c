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

bool mapping_round_len(u64 len_bytes, u64 *out)
{
	*out = ALIGN_UP(len_bytes, PAGE_SIZE);
	return *out >= len_bytes && *out <= USER_TOP;
}

bool mapping_decode_range(u64 start, u64 len_bytes, u64 *end)
{
	if (!IS_ALIGNED(start, PAGE_SIZE) ||
	    !mapping_round_len(len_bytes, &len_bytes) ||
	    start > USER_TOP - len_bytes)
		return false;
	*end = start + len_bytes;
	return true;
}

static bool is_data(u32 prot, u32 vma_flags)
{
	return (prot & PROT_WRITE) && !(vma_flags & (VMA_SHARED | VMA_STACK));
}

static bool is_overcommit(u32 prot, u32 vma_flags, u64 nr_pages)
{
	return prot & PROT_WRITE &&
	       !(vma_flags & (VMA_SHARED | VMA_NORESERVE)) &&
	       nr_pages > pool.nr_frames;
}

bool mapping_may_add(struct aspace *aspace, const struct vma *vma, u64 nr_pages,
		     u64 nr_replaced)
{
	return !is_overcommit(vma->prot, vma->flags, nr_pages) &&
	       aspace_may_grow(aspace, nr_pages - nr_replaced,
			       is_data(vma->prot, vma->flags) ? nr_pages : 0);
}

bool mapping_is_free(struct aspace *aspace, u64 start, u64 end)
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

/* Would a mapping there leave the guard gap of its neighbour above alone? */
static bool is_hint_good(struct aspace *aspace, u64 start, u64 end)
{
	const struct vma *next = vma_find(&aspace->vmas, start);

	return !next || vma_guard_start(&aspace->vmas, next) >= end;
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
		    !mapping_is_free(aspace, hint, hint + len))
			return -EEXIST;
		*vaddr = hint;
		return 0;
	}
	if (req->flags & MAP_32BIT) {
		*vaddr = vma_find_gap(&aspace->vmas, len, 0x40000000,
				      0x80000000);
	} else if (hint >= USER_LOW && hint <= USER_TOP - len &&
		   is_hint_good(aspace, hint, hint + len)) {
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
	vma->flags = req->vma_flags & VMA_LOCKED;
	switch (req->flags & MAP_TYPE) {
	case MAP_PRIVATE:
		/* A file's pages have their place: only memory grows. */
		if (req->flags & MAP_GROWSDOWN && !is_file)
			vma->flags |= VMA_GROWSDOWN;
		break;
	case MAP_SHARED:
	case MAP_SHARED_VALIDATE:
		vma->flags |= VMA_SHARED | (req->vma_flags & VMA_MAYWRITE);
		/* an anonymous one is our own file by now */
		if ((!is_file && !req->only_ask) || req->flags & MAP_GROWSDOWN)
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

/* Huge pages: none are kept, so sizes that exist are never to be had. */
static int check_huge(u32 flags)
{
	u32 shift = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

	if (!(flags & MAP_HUGETLB))
		return 0;
	return shift == 0 || shift == 21 || shift == 30 ? -ENOMEM : -EINVAL;
}

/* The last byte of a file mapping must have an offset. */
static bool is_offset_good(const struct mmap_request *req, u64 len)
{
	return file_id_is_none(&req->fid) ||
	       req->pgoff_pages <= (FILE_MAX_BYTES - len) >> PAGE_SHIFT;
}

int mapping_mmap(struct aspace *aspace, const struct mmap_request *req,
		 u64 *vaddr)
{
	u64 len, nr_replaced = 0, start;
	struct vma vma;
	int err;

	if (!req->len_bytes)
		return -EINVAL;
	if (!mapping_round_len(req->len_bytes, &len))
		return -ENOMEM;
	err = check_huge(req->flags);
	if (!err)
		err = choose_address(aspace, req, len, &start);
	if (err)
		return err;
	if (!is_offset_good(req, len))
		return -EOVERFLOW;
	err = decode_mmap(req, &vma);
	if (err)
		return err;
	if (req->flags & MAP_FIXED)
		nr_replaced =
			vma_count_pages(&aspace->vmas, start, start + len);
	if (!mapping_may_add(aspace, &vma, len >> PAGE_SHIFT, nr_replaced))
		return -ENOMEM;
	*vaddr = start;
	if (req->only_ask)
		return 0;
	vma.start = start;
	vma.end = start + len;
	err = vma_map(&aspace->vmas, &vma);
	if (!err)
		pagetable_zap(&aspace->pages, vma.start, vma.end);
	return err;
}

int mapping_munmap(struct aspace *aspace, u64 start, u64 len_bytes)
{
	u64 end;

	if (!len_bytes || !mapping_decode_range(start, len_bytes, &end))
		return -EINVAL;
	start = max(start, USER_LOW);
	if (start >= end)
		return 0;
	if (aspace->vmas.nr_vmas >= ASPACE_MAX_VMAS &&
	    vma_is_split_by(&aspace->vmas, start, end))
		return -ENOMEM;
	return aspace_unmap(aspace, start, end);
}

int mapping_mprotect(struct aspace *aspace, u64 start, u64 len_bytes, u32 prot)
{
	const struct vma *vma;
	u64 end, nr_pages, nr_more_data = 0;

	if (prot & ~(u32)(PROT_ALL | PROT_SEM) || !IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	if (!len_bytes)
		return 0;
	prot &= PROT_ALL;
	if (!mapping_decode_range(start, len_bytes, &end) || start < USER_LOW)
		return -ENOMEM;
	vma_for_each_in (vma, &aspace->vmas, start, end) {
		if (!(prot & PROT_WRITE))
			break;
		if ((vma->flags & VMA_SHARED) && !(vma->flags & VMA_MAYWRITE))
			return -EACCES;
		nr_pages = (min(end, vma->end) - max(start, vma->start)) >>
			   PAGE_SHIFT;
		if (vma->prot & PROT_WRITE)
			continue;
		if (is_overcommit(prot, vma->flags, nr_pages))
			return -ENOMEM;
		if (is_data(prot, vma->flags))
			nr_more_data += nr_pages;
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

	/* A page stays free between the heap and its neighbour. */
	return mapping_is_free(aspace, old_end, new_end + PAGE_SIZE) &&
	       mapping_may_add(aspace, &heap, nr_pages, 0) &&
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

/* ---- areas that grow downwards ------------------------------------------- */

/* The main stack grows by this much at once: a message each time. */
#define STACK_STEP_BYTES (64ul << 10)

/* May @vma begin at @start?  As Linux: the guard gap is kept, except from
 * other areas that grow and from guard pages. */
static bool may_begin_at(struct aspace *aspace, const struct vma *vma,
			 u64 start)
{
	const struct vma *prev = vma_prev(vma);
	u64 nr_pages = (vma->start - start) >> PAGE_SHIFT;

	if (start < USER_LOW || vma->end - start > aspace->limit_stack_bytes ||
	    (prev && prev->end > start))
		return false;
	if (prev && prev->prot && !(prev->flags & VMA_GROWSDOWN) &&
	    start - prev->end < VMA_GUARD_PAGES << PAGE_SHIFT)
		return false;
	return mapping_may_add(aspace, vma, nr_pages, 0);
}

int mapping_grow(struct aspace *aspace, u64 vaddr, u64 *start)
{
	struct vma *vma = vma_find(&aspace->vmas, vaddr), more;
	u64 page = ALIGN_DOWN(vaddr, PAGE_SIZE);

	if (!vma || !(vma->flags & VMA_GROWSDOWN))
		return -EFAULT;
	*start = vma->start;
	if (vma->start <= page)
		return 0;
	more = *vma;
	more.end = vma->start;
	more.start = vma->flags & VMA_STACK ? ALIGN_DOWN(page, STACK_STEP_BYTES)
					    : page;
	if (more.start < page && !may_begin_at(aspace, vma, more.start))
		more.start = page;
	if (!may_begin_at(aspace, vma, more.start))
		return -EFAULT;
	*start = more.start;
	return vma_map(&aspace->vmas, &more) ? -EFAULT : 0;
}
