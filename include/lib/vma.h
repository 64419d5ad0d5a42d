/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_VMA_H
#define LIB_VMA_H

/*
 * The virtual memory areas of one address space: a red-black tree of ranges
 * that do not overlap, ordered by address.  The memory node keeps the true
 * one; the processor node keeps a copy for its faults, changed by the same
 * calls.
 *
 * Invariants (vma_tree_check()):
 *  1. start < end, both page aligned, inside the tree's limits
 *  2. no two VMAs overlap
 *  3. two VMAs that touch and could be one, are one: same prot, flags and
 *     file, and file offsets that continue
 *  4. the totals are the sums over the tree
 *
 * A VMA with a file (fid not zero) maps page pgoff_pages of it at start; one
 * without keeps pgoff_pages 0.  Flags are VMA_* of <rpc/wire.h>; here only
 * equality matters, and vma_ops.not_data.
 *
 * Each call that changes the tree either does all of it or, when the
 * allocator fails, nothing.  No locks here: the owner's.
 */
#include <lib/file_id.h>
#include <lib/rbtree.h>
#include <lib/types.h>

#define VMA_PAGE_SHIFT 12
#define VMA_PAGE_SIZE  4096ul

struct vma {
	struct rb_node node;
	u64 start;       /* first byte */
	u64 end;         /* one past the last */
	u64 pgoff_pages; /* of start, in the file */
	u32 prot;        /* PROT_* */
	u32 flags;       /* VMA_* */
	struct file_id fid;
};

struct vma_tree;

struct vma_ops {
	/* A VMA's memory, contents undefined; NULL if there is none. */
	struct vma *(*alloc)(struct vma_tree *tree);
	void (*free)(struct vma_tree *tree, struct vma *vma);
	/* Optional: one more, one fewer VMA refers to this file. */
	void (*file_get)(struct vma_tree *tree, const struct file_id *fid);
	void (*file_put)(struct vma_tree *tree, const struct file_id *fid);
	/* VMAs with one of these flags do not count in nr_data_pages. */
	u32 not_data;
	/* Those with one of these count in nr_locked_pages. */
	u32 locked;
	/* Those with one of these may grow downwards: vma_find_gap() leaves
	 * VMA_GUARD_PAGES free below them. */
	u32 grows_down;
};
#define VMA_GUARD_PAGES 256u

struct vma_tree {
	struct rb_root root;
	const struct vma_ops *ops;
	u64 low, high; /* VMAs lie in [low, high) */
	u64 nr_vmas;
	u64 nr_pages;      /* all VMAs */
	u64 nr_data_pages; /* writable and not .not_data (RLIMIT_DATA) */
	u64 nr_locked_pages;
	/* vma_find_gap()'s memory: below hint_high, every gap of hint_bytes or
	 * more ends at or below hint_top.  hint_high 0: nothing known. */
	u64 hint_high, hint_top, hint_bytes;
};

/** vma_tree_init - an empty tree for addresses in [@low, @high). */
void vma_tree_init(struct vma_tree *tree, const struct vma_ops *ops, u64 low,
		   u64 high);

/** vma_tree_clear - remove every VMA. */
void vma_tree_clear(struct vma_tree *tree);

/**
 * vma_tree_clone - fill the empty tree @dst with what is in @src.
 *
 * Return: 0, or -ENOMEM with @dst empty.
 */
int __must_check vma_tree_clone(struct vma_tree *dst,
				const struct vma_tree *src);

/** vma_find - the lowest VMA that ends above @vaddr, or NULL. */
struct vma *vma_find(const struct vma_tree *tree, u64 vaddr);

/** vma_at - the VMA that contains @vaddr, or NULL. */
struct vma *vma_at(const struct vma_tree *tree, u64 vaddr);

/** vma_first, vma_last, vma_next, vma_prev - in order of address; NULL at the
 * end. */
struct vma *vma_first(const struct vma_tree *tree);
struct vma *vma_last(const struct vma_tree *tree);
struct vma *vma_next(const struct vma *vma);
struct vma *vma_prev(const struct vma *vma);

#define vma_for_each(vma, tree) \
	for ((vma) = vma_first(tree); (vma); (vma) = vma_next(vma))
/* Every VMA that has a byte in [start, stop). */
#define vma_for_each_in(vma, tree, first, stop)                             \
	for ((vma) = vma_find(tree, first); (vma) && (vma)->start < (stop); \
	     (vma) = vma_next(vma))

/** vma_page_of - the page of @vma's file that lies at @vaddr. */
static inline u64 vma_page_of(const struct vma *vma, u64 vaddr)
{
	return vma->pgoff_pages + ((vaddr - vma->start) >> VMA_PAGE_SHIFT);
}

/** vma_range_is_valid - page aligned, not empty, inside the tree's limits? */
bool vma_range_is_valid(const struct vma_tree *tree, u64 start, u64 end);

/** vma_is_covered - is every byte of [@start, @end) in some VMA? */
bool vma_is_covered(const struct vma_tree *tree, u64 start, u64 end);

/** vma_count_pages - how many pages of [@start, @end) are in VMAs. */
u64 vma_count_pages(const struct vma_tree *tree, u64 start, u64 end);

/** vma_guard_start - the lowest address that a mapping below @vma leaves to
 * it: its start, or that of its guard gap. */
u64 vma_guard_start(const struct vma_tree *tree, const struct vma *vma);

/** vma_is_split_by - does to remove [@start, @end) make two VMAs of one? */
bool vma_is_split_by(const struct vma_tree *tree, u64 start, u64 end);

/**
 * vma_map - add the VMA described by @what (node ignored), removing whatever
 * was in its range (as MAP_FIXED does), and merge it with its neighbours.
 *
 * Return: 0, -EINVAL if the range is not valid, -ENOMEM.
 */
int __must_check vma_map(struct vma_tree *tree, const struct vma *what);

/**
 * vma_unmap - remove [@start, @end), cutting VMAs at its ends.
 *
 * Return: 0 (also if nothing was there), -EINVAL, -ENOMEM.
 */
int __must_check vma_unmap(struct vma_tree *tree, u64 start, u64 end);

/**
 * vma_protect - give [@start, @end), all of it mapped, protection @prot.
 *
 * Return: 0, -EINVAL, -ENOMEM if something there is not mapped (nothing was
 *         changed) or memory ran out.
 */
int __must_check vma_protect(struct vma_tree *tree, u64 start, u64 end,
			     u32 prot);

/**
 * vma_set_flags - in all VMAs of [@start, @end), set the flags @set and clear
 * @clear; what is not mapped is passed over.
 *
 * Return: 0, -EINVAL, -ENOMEM (nothing was changed).
 */
int __must_check vma_set_flags(struct vma_tree *tree, u64 start, u64 end,
			       u32 set, u32 clear);

/**
 * vma_move - move [@old_start, +@old_bytes), part of one VMA, to [@new_start,
 * +@new_bytes), removing whatever was there; what it maps stays the same.
 *
 * The two ranges may not overlap.  Growing and shrinking are allowed.
 * Return: 0, -EINVAL, -EFAULT if the old range is not within one VMA, -ENOMEM.
 */
int __must_check vma_move(struct vma_tree *tree, u64 old_start, u64 old_bytes,
			  u64 new_start, u64 new_bytes);

/**
 * vma_find_gap - the highest free range of @len_bytes that ends at or below
 * @high and begins at or above @low.
 *
 * Return: its start, or 0 if there is none.
 */
u64 vma_find_gap(struct vma_tree *tree, u64 len_bytes, u64 low, u64 high);

/** vma_tree_check - do the invariants hold?  For assertions and tests. */
bool vma_tree_check(const struct vma_tree *tree);

#endif /* LIB_VMA_H */
