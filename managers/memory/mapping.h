/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_MAPPING_H
#define MEMORY_MAPPING_H
/*
 * What programs do to their address space: mmap, munmap, mprotect, mremap,
 * brk, madvise, with the meaning and errors of Linux.  All take any numbers: a
 * program chose them.  The address space's lock is held for writing.
 */
#include <lib/types.h>
#include <managers/memory/aspace.h>

struct mmap_request {
	u64 vaddr, len_bytes, pgoff_pages;
	u32 prot, flags; /* PROT_*, MAP_* */
	u32 vma_flags;   /* VMA_MAYWRITE */
	struct file_id fid;
};

/** mapping_mmap - Return: 0 and the address in *@vaddr, or -E... of mmap(2). */
int __must_check mapping_mmap(struct aspace *aspace,
			      const struct mmap_request *req, u64 *vaddr);
int __must_check mapping_munmap(struct aspace *aspace, u64 start,
				u64 len_bytes);
int __must_check mapping_mprotect(struct aspace *aspace, u64 start,
				  u64 len_bytes, u32 prot);
/** mapping_brk - Return: the brk in force afterwards. */
u64 mapping_brk(struct aspace *aspace, u64 brk);
int __must_check mapping_madvise(struct aspace *aspace, u64 start,
				 u64 len_bytes, u32 advice);

struct mremap_request {
	u64 old_start, old_bytes, new_bytes, new_start;
	u32 flags; /* MREMAP_* */
};
int __must_check mapping_mremap(struct aspace *aspace,
				const struct mremap_request *req, u64 *vaddr);

/** mapping_find_room - where a mapping of @len_bytes goes if the program does
 * not say; 0: nowhere. */
u64 mapping_find_room(struct aspace *aspace, u64 len_bytes);

#endif /* MEMORY_MAPPING_H */
