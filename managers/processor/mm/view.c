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

static void count_pages(struct aspace *aspace, struct aspace_usage *usage)
{
	pte_t *ptep;

	for (u64 vaddr = 0;
	     (ptep = pt_next(&aspace->pt, &vaddr, aspace->vmas.high));
	     vaddr += PAGE_SIZE) {
		pte_t pte = pte_read(ptep);

		if (!pte_is_present(pte) || pte & PTE_ZERO)
			continue;
		usage->resident_pages++;
		usage->shared_pages += pte & PTE_FILE ? 1 : 0;
	}
}

void aspace_usage(struct aspace *aspace, struct aspace_usage *usage)
{
	const struct vma *vma;

	*usage = (struct aspace_usage){0};
	change_begin(aspace, 0, 0); /* VMAs and tables stay */
	usage->total_pages = aspace->vmas.nr_pages;
	usage->brk = aspace->brk;
	vma_for_each (vma, &aspace->vmas) {
		u64 nr = (vma->end - vma->start) >> PAGE_SHIFT;

		if (vma->prot & PROT_EXEC)
			usage->text_pages += nr;
		else if (vma->flags & VMA_STACK)
			usage->stack_pages += nr;
		else if (vma->prot & PROT_WRITE && !(vma->flags & VMA_SHARED))
			usage->data_pages += nr;
	}
	count_pages(aspace, usage);
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
	if (!aspace_is_busy(aspace, vaddr))
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
