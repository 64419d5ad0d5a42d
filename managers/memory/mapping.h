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
	u32 vma_flags;   /* VMA_MAYWRITE, VMA_LOCKED */
	bool only_ask;   /* check all, change nothing */
	struct file_id fid;
};

/** mapping_mmap - Return: 0 and the address in *@vaddr, or -E... of mmap(2). */
int __must_check mapping_mmap(struct aspace *aspace,
			      const struct mmap_request *req, u64 *vaddr);
int __must_check mapping_munmap(struct aspace *aspace, u64 start,
				u64 len_bytes);
int __must_check mapping_mprotect(struct aspace *aspace, u64 start,
				  u64 len_bytes, u32 prot);
/** mapping_grow - let the area above @vaddr that may grow downwards begin at
 * or below it. Return: 0 and its start; -EFAULT. */
int __must_check mapping_grow(struct aspace *aspace, u64 vaddr, u64 *start);
/** mapping_brk - Return: the brk in force afterwards. */
u64 mapping_brk(struct aspace *aspace, u64 brk);
int __must_check mapping_madvise(struct aspace *aspace, u64 start,
				 u64 len_bytes, u32 advice);
int __must_check mapping_set_flags(struct aspace *aspace, u64 start,
				   u64 len_bytes, u32 set, u32 clear);
/** mapping_residents - a byte for each of [@start, +@len_bytes): 1 if it is
 * somewhere in memory. */
int __must_check mapping_residents(struct aspace *aspace, u64 start,
				   u64 len_bytes, u8 *vec);

struct mremap_request {
	u64 old_start, old_bytes, new_bytes, new_start;
	u32 flags; /* MREMAP_* */
	bool only_ask;
};
int __must_check mapping_mremap(struct aspace *aspace,
				const struct mremap_request *req, u64 *vaddr);

/** mapping_find_room - where a mapping of @len_bytes goes if the program does
 * not say; 0: nowhere. */
u64 mapping_find_room(struct aspace *aspace, u64 len_bytes);

/* ---- between mapping.c, advice.c and remap.c ---- */

/** mapping_round_len - round up to pages; false if that overflows or exceeds
 * the address space. */
bool mapping_round_len(u64 len_bytes, u64 *out);
/** mapping_decode_range - [@start, +@len_bytes) of a system call: aligned,
 * inside, made whole pages. */
bool mapping_decode_range(u64 start, u64 len_bytes, u64 *end);
/** mapping_is_free - is nothing mapped there? */
bool mapping_is_free(struct aspace *aspace, u64 start, u64 end);
/** mapping_may_add - may @nr_pages like @vma be added?  Limits, and what can
 * never be had, as Linux's heuristic overcommit refuses it. */
bool mapping_may_add(struct aspace *aspace, const struct vma *vma, u64 nr_pages,
		     u64 nr_replaced);

#endif /* MEMORY_MAPPING_H */
