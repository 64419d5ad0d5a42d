/* SPDX-License-Identifier: GPL-2.0-or-later */
/* madvise(2), flags of VMAs, and what mincore(2) asks. */
#include <managers/memory/mapping.h>

#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/memory/pagecache.h>
#include <managers/memory/tmpfs.h>
#include <net/rpc.h>
#include <uapi/mman.h>

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

	if (!mapping_decode_range(start, len_bytes, &end))
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

int mapping_set_flags(struct aspace *aspace, u64 start, u64 len_bytes, u32 set,
		      u32 clear)
{
	u64 end;

	if ((set | clear) & ~(u32)VMA_ADVISED ||
	    !mapping_decode_range(start, len_bytes, &end) || start < USER_LOW)
		return -EINVAL;
	if (aspace->vmas.nr_vmas + 2 > ASPACE_MAX_VMAS)
		return -ENOMEM;
	return len_bytes ? vma_set_flags(&aspace->vmas, start, end, set, clear)
			 : 0;
}

/* ---- mincore ------------------------------------------------------------- */

static bool is_resident(struct aspace *aspace, const struct vma *vma, u64 vaddr)
{
	u32 pfn = pagetable_lookup(&aspace->pages, vaddr);

	if (pfn != FRAME_NONE || file_id_is_none(&vma->fid))
		return pfn != FRAME_NONE;
	pfn = pagecache_find(&vma->fid, vma_page_of(vma, vaddr));
	if (pfn != FRAME_NONE)
		frame_put(pfn);
	return pfn != FRAME_NONE;
}

int mapping_residents(struct aspace *aspace, u64 start, u64 len_bytes, u8 *vec)
{
	const struct vma *vma;
	u64 end;

	if (!mapping_decode_range(start, len_bytes, &end) ||
	    len_bytes > RPC_RESIDENT_MAX * PAGE_SIZE)
		return -EINVAL;
	if (!vma_is_covered(&aspace->vmas, start, end))
		return -ENOMEM;
	vma_for_each_in (vma, &aspace->vmas, start, end)
		for (u64 vaddr = max(start, vma->start);
		     vaddr < min(end, vma->end); vaddr += PAGE_SIZE)
			vec[(vaddr - start) >> PAGE_SHIFT] =
				is_resident(aspace, vma, vaddr);
	return 0;
}
