/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at an address space: maps, figures, another process's memory. */
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/hooks.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/pcache/pcache.h>
#include <uapi/mman.h>

/* ---- maps and figures -------------------------------------------------------
 */

static void name_map(struct aspace *aspace, const struct vma *vma,
		     struct aspace_map *map)
{
	struct mapped_file *file;

	map->name[0] = '\0';
	if (vma->flags & VMA_HEAP)
		strscpy(map->name, "[heap]", sizeof(map->name));
	else if (vma->flags & VMA_STACK)
		strscpy(map->name, "[stack]", sizeof(map->name));
	list_for_each_entry (file, &aspace->files, link)
		if (file_id_equal(&file->fid, &vma->fid))
			strscpy(map->name, file->path, sizeof(map->name));
}

bool aspace_map_next(struct aspace *aspace, u64 vaddr, struct aspace_map *map)
{
	const struct vma *vma;

	down_read(&aspace->vma_lock);
	vma = vma_find(&aspace->vmas, vaddr);
	if (vma) {
		map->start = vma->start;
		map->end = vma->end;
		map->offset_bytes = vma->pgoff_pages << PAGE_SHIFT;
		map->prot = vma->prot;
		map->flags = vma->flags;
		file_id_to_wire(&map->fid, &vma->fid);
		name_map(aspace, vma, map);
	}
	up_read(&aspace->vma_lock);
	return vma;
}

/* One entry with a frame, @pte; its lock is held. */
static void count_entry(const struct vma *vma, pte_t pte,
			struct aspace_pages *pages)
{
	bool is_present = pte_is_present(pte), is_dirty;
	const struct pcache_line *line;
	u32 nr_shares = 1;

	line = is_present ? pcache_line_at(pte_paddr(pte)) : NULL;
	pages->nr++;
	pages->cached += is_present;
	if (pte & PTE_FILE) {
		is_dirty = pte & PTE_DIRTY || (line && line->is_dirty);
		*(vma->flags & VMA_MAYWRITE ? &pages->shmem : &pages->file) +=
			1;
		*(is_dirty ? &pages->shared_dirty : &pages->shared_clean) += 1;
	} else {
		nr_shares = frame_shares(line ? line->gframe
					      : pte_remote_gframe(pte));
		pages->anon++;
		*(nr_shares > 1 ? &pages->shared_dirty
				: &pages->private_dirty) += 1;
	}
	pages->pss_bytes += PAGE_SIZE / max(nr_shares, 1u);
}

static void count_vma(struct aspace *aspace, const struct vma *vma,
		      struct aspace_pages *pages)
{
	pte_t *ptep;

	for (u64 vaddr = vma->start;
	     (ptep = pt_next(&aspace->pt, &vaddr, vma->end));
	     vaddr += PAGE_SIZE) {
		pte_t pte;

		spin_lock(pte_lock_of(ptep));
		pte = pte_read(ptep);
		if (pte_is_remote(pte) ||
		    (pte_is_present(pte) && !(pte & PTE_ZERO)))
			count_entry(vma, pte, pages);
		spin_unlock(pte_lock_of(ptep));
	}
}

void aspace_count_pages(struct aspace *aspace, u64 start,
			struct aspace_pages *pages)
{
	const struct vma *vma;

	*pages = (struct aspace_pages){0};
	change_begin(aspace, 0, 0); /* VMAs and tables stay */
	vma = vma_at(&aspace->vmas, start);
	if (vma)
		count_vma(aspace, vma, pages);
	change_end(aspace);
}

/* Which sort an area is, as Linux sorts them. */
static u64 *sort_of(const struct vma *vma, struct aspace_usage *usage,
		    u64 *other)
{
	if ((vma->prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC &&
	    !(vma->flags & VMA_STACK))
		return &usage->exec;
	if (vma->flags & VMA_STACK)
		return &usage->stack;
	if (vma->prot & PROT_WRITE && !(vma->flags & VMA_SHARED))
		return &usage->data;
	return other;
}

u64 aspace_peak_resident(const struct aspace *aspace)
{
	return (u64)READ_ONCE(aspace->peak_resident);
}

void aspace_usage(struct aspace *aspace, struct aspace_usage *usage)
{
	const struct vma *vma;
	u64 other = 0;

	*usage = (struct aspace_usage){0};
	change_begin(aspace, 0, 0); /* VMAs and tables stay */
	usage->total = aspace->vmas.nr_pages;
	usage->peak_total = max(aspace->peak_pages, usage->total);
	usage->locked = aspace->vmas.nr_locked_pages;
	usage->tables = pt_count_tables(&aspace->pt);
	usage->brk = aspace->brk;
	vma_for_each (vma, &aspace->vmas) {
		*sort_of(vma, usage, &other) +=
			(vma->end - vma->start) >> PAGE_SHIFT;
		count_vma(aspace, vma, &usage->resident);
	}
	usage->peak_resident =
		max(aspace_peak_resident(aspace), usage->resident.nr);
	change_end(aspace);
}

/* ---- another process's memory
 * ------------------------------------------------ */

/* Copy from the line that maps @vaddr.  Return: false if none does now. */
static bool read_mapped(struct aspace *aspace, u64 vaddr, void *dst, size_t n)
{
	struct pcache_line *line = NULL;
	pte_t *ptep = NULL, pte = 0;

	down_read(&aspace->vma_lock);
	/* Where nothing is mapped, tables may go. */
	if (!aspace_is_busy(aspace, vaddr) && vma_at(&aspace->vmas, vaddr))
		ptep = pt_walk(&aspace->pt, vaddr, false);
	if (ptep)
		line = pcache_lock_mapped(ptep, &pte);
	if (line) {
		memcpy(dst, pcache_line_kaddr(line) + (vaddr & ~PAGE_MASK), n);
		pcache_unlock_mapped(line, ptep);
	} else if (pte & PTE_ZERO && pte_is_present(pte)) {
		memset(dst, 0, n);
	}
	up_read(&aspace->vma_lock);
	return pte_is_present(pte);
}

int aspace_read(struct aspace *aspace, u64 vaddr, void *dst, size_t len_bytes)
{
	while (len_bytes) {
		struct aspace_fault_info info = {.trapped = 0};
		size_t n = min(len_bytes, PAGE_SIZE - (vaddr & ~PAGE_MASK));

		if (!read_mapped(aspace, vaddr, dst, n)) {
			if (aspace_fault(aspace, vaddr, FAULT_READ, &info))
				return -EFAULT;
			continue;
		}
		vaddr += n;
		dst = (u8 *)dst + n;
		len_bytes -= n;
	}
	return 0;
}
