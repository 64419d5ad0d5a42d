/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and mapping ELF images. */
#include <managers/memory/exec.h>

#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/frames.h>
#include <uapi/mman.h>

int exec_read_image(struct exec_file *f)
{
	u8 head[ELF_HEADER_BYTES], phdrs[ELF_MAX_PHDRS * ELF_PHDR_BYTES];
	struct elf_header header;
	u64 size, bytes;
	s64 n;
	int err;

	n = pagecache_read(f->file, 0, head, sizeof(head));
	if (n < 0)
		return (int)n;
	err = elf_parse_header(head, (size_t)n, &header);
	if (err)
		return err;
	bytes = (u64)header.nr_phdrs * ELF_PHDR_BYTES;
	n = pagecache_read(f->file, header.phdr_offset, phdrs, bytes);
	if (n < 0)
		return (int)n;
	if ((u64)n < bytes)
		return -ENOEXEC;
	err = pagecache_size(f->file, &size);
	if (err)
		return err;
	return elf_parse_segments(&header, phdrs, size, USER_TOP, &f->image);
}

/*
 * The page where a segment's file part ends and its zeros begin: a frame of
 * its own, so that the zeros do not show in the file.
 */
static int make_mixed_page(struct aspace *aspace, struct cfile *file,
			   const struct elf_segment *s, u64 bias)
{
	u64 end = s->vaddr + s->file_bytes, in_page = end & (PAGE_SIZE - 1);
	u64 vaddr = ALIGN_DOWN(end, PAGE_SIZE) + bias;
	u32 pfn, old;
	s64 n;
	int err = pagetable_prepare(&aspace->pages, vaddr);

	if (err)
		return err;
	pfn = frame_alloc();
	if (pfn == FRAME_NONE)
		return -ENOMEM;
	n = pagecache_read(file, s->offset + s->file_bytes - in_page,
			   frame_kaddr(pfn), in_page);
	if (n < (s64)in_page) {
		frame_put(pfn);
		return n < 0 ? (int)n : -EIO;
	}
	memset((u8 *)frame_kaddr(pfn) + in_page, 0, PAGE_SIZE - in_page);
	old = pagetable_set(&aspace->pages, vaddr, pfn);
	if (old != FRAME_NONE)
		frame_put(old);
	return 0;
}

static int map_segment(struct aspace *aspace, const struct exec_file *f,
		       const struct elf_segment *s)
{
	u64 start = ALIGN_DOWN(s->vaddr, PAGE_SIZE), mid, end;
	struct vma vma = {.prot = s->prot};
	int err = 0;

	mid = s->file_bytes ? ALIGN_UP(s->vaddr + s->file_bytes, PAGE_SIZE)
			    : start;
	end = ALIGN_UP(s->vaddr + s->mem_bytes, PAGE_SIZE);
	if (mid > start) {
		vma.start = start + f->bias;
		vma.end = mid + f->bias;
		vma.flags = VMA_FILE;
		vma.fid = f->file->fid;
		vma.pgoff_pages = s->offset >> PAGE_SHIFT;
		err = vma_map(&aspace->vmas, &vma);
	}
	if (!err && end > mid) {
		vma = (struct vma){.start = mid + f->bias,
				   .end = end + f->bias,
				   .prot = s->prot};
		err = vma_map(&aspace->vmas, &vma);
	}
	if (!err && s->mem_bytes > s->file_bytes && s->file_bytes &&
	    (s->prot & PROT_WRITE) &&
	    !IS_ALIGNED(s->vaddr + s->file_bytes, PAGE_SIZE))
		err = make_mixed_page(aspace, f->file, s, f->bias);
	return err;
}

int exec_map_image(struct aspace *aspace, const struct exec_file *f)
{
	u64 low = f->image.low + f->bias;
	u64 high = low + (f->image.high - f->image.low);

	if (high < low || !vma_range_is_valid(&aspace->vmas, low, high))
		return -ENOEXEC;
	if (vma_count_pages(&aspace->vmas, low, high))
		return -ENOEXEC;
	for (u32 i = 0; i < f->image.nr_segments; i++) {
		int err = map_segment(aspace, f, &f->image.segments[i]);

		if (err)
			return err;
	}
	return 0;
}
