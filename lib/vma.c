/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMA trees; <lib/vma.h> has the rules.
 *
 * Every change is made of the same steps: nodes that may be needed are taken
 * from the allocator first (so that nothing can fail half-way), the range is
 * cut free, the new VMA is inserted, and neighbours that can be one are merged.
 * cut_range() is the only place that frees addresses, insert_vma() the only one
 * that takes them.
 */
#include <lib/vma.h>

#include <lib/errno.h>
#include <lib/minmax.h>
#include <uapi/mman.h>

/* Nodes taken from the allocator before a change begins. */
#define MAX_SPARE 3u
struct spare {
	struct vma *vmas[MAX_SPARE];
	u32 nr;
};

static void release_spare(struct vma_tree *tree, struct spare *spare)
{
	while (spare->nr)
		tree->ops->free(tree, spare->vmas[--spare->nr]);
}

static int fill_spare(struct vma_tree *tree, struct spare *spare, u32 nr)
{
	for (spare->nr = 0; spare->nr < nr; spare->nr++) {
		spare->vmas[spare->nr] = tree->ops->alloc(tree);
		if (!spare->vmas[spare->nr]) {
			release_spare(tree, spare);
			return -ENOMEM;
		}
	}
	return 0;
}

static struct vma *take_spare(struct spare *spare)
{
	return spare->vmas[--spare->nr];
}

static void get_file(struct vma_tree *tree, const struct file_id *fid)
{
	if (tree->ops->file_get && !file_id_is_none(fid))
		tree->ops->file_get(tree, fid);
}

static void put_file(struct vma_tree *tree, const struct file_id *fid)
{
	if (tree->ops->file_put && !file_id_is_none(fid))
		tree->ops->file_put(tree, fid);
}

static u64 nr_pages_of(const struct vma *vma)
{
	return (vma->end - vma->start) >> VMA_PAGE_SHIFT;
}

static u64 nr_data_pages_of(const struct vma_tree *tree, const struct vma *vma)
{
	if (!(vma->prot & PROT_WRITE) || (vma->flags & tree->ops->not_data))
		return 0;
	return nr_pages_of(vma);
}

static u64 nr_locked_pages_of(const struct vma_tree *tree,
			      const struct vma *vma)
{
	return vma->flags & tree->ops->locked ? nr_pages_of(vma) : 0;
}

static void account(struct vma_tree *tree, const struct vma *vma)
{
	tree->nr_pages += nr_pages_of(vma);
	tree->nr_data_pages += nr_data_pages_of(tree, vma);
	tree->nr_locked_pages += nr_locked_pages_of(tree, vma);
}

static void unaccount(struct vma_tree *tree, const struct vma *vma)
{
	tree->nr_pages -= nr_pages_of(vma);
	tree->nr_data_pages -= nr_data_pages_of(tree, vma);
	tree->nr_locked_pages -= nr_locked_pages_of(tree, vma);
}

static struct vma *vma_of(struct rb_node *node)
{
	return node ? rb_entry(node, struct vma, node) : NULL;
}

static bool starts_before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct vma, node)->start <
	       rb_entry(b, struct vma, node)->start;
}

static void insert_vma(struct vma_tree *tree, struct vma *vma)
{
	rb_insert(&tree->root, &vma->node, starts_before);
	tree->nr_vmas++;
	account(tree, vma);
	get_file(tree, &vma->fid);
}

static void remove_vma(struct vma_tree *tree, struct vma *vma)
{
	rb_erase(&tree->root, &vma->node);
	tree->nr_vmas--;
	unaccount(tree, vma);
	put_file(tree, &vma->fid);
	tree->ops->free(tree, vma);
}

/* The part of @vma from @start to @end, as a description. */
static struct vma part_of(const struct vma *vma, u64 start, u64 end)
{
	struct vma part = *vma;

	part.start = start;
	part.end = end;
	if (!file_id_is_none(&vma->fid))
		part.pgoff_pages = vma_page_of(vma, start);
	return part;
}

/* Make @vma smaller: it keeps [@start, @end) of what it was. */
static void shrink_vma(struct vma_tree *tree, struct vma *vma, u64 start,
		       u64 end)
{
	struct vma part = part_of(vma, start, end);

	unaccount(tree, vma);
	vma->start = start;
	vma->end = end;
	vma->pgoff_pages = part.pgoff_pages;
	account(tree, vma);
}

/* If @vaddr is inside a VMA, make two of it. */
static void split_at(struct vma_tree *tree, u64 vaddr, struct spare *spare)
{
	struct vma *vma = vma_at(tree, vaddr), *right;

	if (!vma || vma->start == vaddr)
		return;
	right = take_spare(spare);
	*right = part_of(vma, vaddr, vma->end);
	shrink_vma(tree, vma, vma->start, vaddr);
	insert_vma(tree, right);
}

/* The gap around the free range that ends at @end may now be large enough. */
static void forget_hint(struct vma_tree *tree, u64 end)
{
	const struct vma *next = vma_find(tree, end - 1);

	if ((next ? next->start : tree->high) > tree->hint_top)
		tree->hint_high = 0;
}

/* How many spare nodes cut_range() takes at most: one, to cut a hole. */
#define CUT_SPARE 1u

static void cut_range(struct vma_tree *tree, u64 start, u64 end,
		      struct spare *spare)
{
	struct vma *vma = vma_find(tree, start), *next;

	if (vma && vma->start < start && vma->end > end) {
		split_at(tree, end, spare);
		shrink_vma(tree, vma, vma->start, start);
		forget_hint(tree, end);
		return;
	}
	for (; vma && vma->start < end; vma = next) {
		next = vma_next(vma);
		if (vma->start < start)
			shrink_vma(tree, vma, vma->start, start);
		else if (vma->end > end)
			shrink_vma(tree, vma, end, vma->end);
		else
			remove_vma(tree, vma);
	}
	forget_hint(tree, end);
}

static bool may_merge(const struct vma *low, const struct vma *high)
{
	return low->end == high->start && low->prot == high->prot &&
	       low->flags == high->flags &&
	       file_id_equal(&low->fid, &high->fid) &&
	       (file_id_is_none(&low->fid) ||
		vma_page_of(low, low->end) == high->pgoff_pages);
}

/* Restore invariant 3 for what lies in or touches [@start, @end]. */
static void merge_range(struct vma_tree *tree, u64 start, u64 end)
{
	struct vma *vma = vma_find(tree, start ? start - 1 : 0), *next;

	while (vma && vma->start < end && (next = vma_next(vma))) {
		u64 new_end = next->end;

		if (!may_merge(vma, next)) {
			vma = next;
			continue;
		}
		remove_vma(tree, next);
		unaccount(tree, vma);
		vma->end = new_end;
		account(tree, vma);
	}
}

void vma_tree_init(struct vma_tree *tree, const struct vma_ops *ops, u64 low,
		   u64 high)
{
	*tree = (struct vma_tree){.ops = ops, .low = low, .high = high};
}

void vma_tree_clear(struct vma_tree *tree)
{
	struct vma *vma;

	while ((vma = vma_first(tree)))
		remove_vma(tree, vma);
	tree->hint_high = 0;
}

int vma_tree_clone(struct vma_tree *dst, const struct vma_tree *src)
{
	const struct vma *vma;

	vma_for_each (vma, src) {
		struct vma *copy = dst->ops->alloc(dst);

		if (!copy) {
			vma_tree_clear(dst);
			return -ENOMEM;
		}
		*copy = *vma;
		insert_vma(dst, copy);
	}
	return 0;
}

struct vma *vma_find(const struct vma_tree *tree, u64 vaddr)
{
	struct rb_node *node = tree->root.node;
	struct vma *found = NULL;

	while (node) {
		struct vma *vma = vma_of(node);

		if (vma->end > vaddr) {
			found = vma;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return found;
}

struct vma *vma_at(const struct vma_tree *tree, u64 vaddr)
{
	struct vma *vma = vma_find(tree, vaddr);

	return vma && vma->start <= vaddr ? vma : NULL;
}

struct vma *vma_first(const struct vma_tree *tree)
{
	return vma_of(rb_first(&tree->root));
}

struct vma *vma_last(const struct vma_tree *tree)
{
	struct rb_node *node = tree->root.node;

	while (node && node->right)
		node = node->right;
	return vma_of(node);
}

struct vma *vma_next(const struct vma *vma)
{
	return vma_of(rb_next(&vma->node));
}

struct vma *vma_prev(const struct vma *vma)
{
	return vma_of(rb_prev(&vma->node));
}

bool vma_range_is_valid(const struct vma_tree *tree, u64 start, u64 end)
{
	return IS_ALIGNED(start | end, VMA_PAGE_SIZE) && start < end &&
	       start >= tree->low && end <= tree->high;
}

bool vma_is_covered(const struct vma_tree *tree, u64 start, u64 end)
{
	const struct vma *vma;

	vma_for_each_in (vma, tree, start, end) {
		if (vma->start > start)
			return false;
		start = vma->end;
	}
	return start >= end;
}

u64 vma_count_pages(const struct vma_tree *tree, u64 start, u64 end)
{
	const struct vma *vma;
	u64 nr_bytes = 0;

	vma_for_each_in (vma, tree, start, end)
		nr_bytes += min(vma->end, end) - max(vma->start, start);
	return nr_bytes >> VMA_PAGE_SHIFT;
}

u64 vma_guard_start(const struct vma_tree *tree, const struct vma *vma)
{
	u64 guard = VMA_GUARD_PAGES << VMA_PAGE_SHIFT;

	if (!(vma->flags & tree->ops->grows_down))
		return vma->start;
	return vma->start > guard ? vma->start - guard : 0;
}

bool vma_is_split_by(const struct vma_tree *tree, u64 start, u64 end)
{
	const struct vma *vma = vma_at(tree, start);

	return vma && vma->start < start && vma->end > end;
}

int vma_map(struct vma_tree *tree, const struct vma *what)
{
	struct vma copy = *what, *vma;
	struct spare spare;
	int err;

	if (!vma_range_is_valid(tree, what->start, what->end))
		return -EINVAL;
	if (file_id_is_none(&what->fid))
		copy.pgoff_pages = 0;
	else if (what->pgoff_pages >
		 (~0ul >> VMA_PAGE_SHIFT) - nr_pages_of(what))
		return -EINVAL;
	err = fill_spare(tree, &spare, CUT_SPARE + 1);
	if (err)
		return err;
	/* What is cut away may be the last VMA of the same file. */
	get_file(tree, &copy.fid);
	cut_range(tree, copy.start, copy.end, &spare);
	vma = take_spare(&spare);
	*vma = copy;
	insert_vma(tree, vma);
	merge_range(tree, copy.start, copy.end);
	put_file(tree, &copy.fid);
	release_spare(tree, &spare);
	return 0;
}

int vma_unmap(struct vma_tree *tree, u64 start, u64 end)
{
	struct spare spare;
	int err;

	if (!vma_range_is_valid(tree, start, end))
		return -EINVAL;
	err = fill_spare(tree, &spare, CUT_SPARE);
	if (err)
		return err;
	cut_range(tree, start, end, &spare);
	release_spare(tree, &spare);
	return 0;
}

int vma_protect(struct vma_tree *tree, u64 start, u64 end, u32 prot)
{
	struct spare spare;
	struct vma *vma;
	int err;

	if (!vma_range_is_valid(tree, start, end))
		return -EINVAL;
	if (!vma_is_covered(tree, start, end))
		return -ENOMEM;
	err = fill_spare(tree, &spare, 2);
	if (err)
		return err;
	split_at(tree, start, &spare);
	split_at(tree, end, &spare);
	vma_for_each_in (vma, tree, start, end) {
		unaccount(tree, vma);
		vma->prot = prot;
		account(tree, vma);
	}
	merge_range(tree, start, end);
	release_spare(tree, &spare);
	return 0;
}

int vma_set_flags(struct vma_tree *tree, u64 start, u64 end, u32 set, u32 clear)
{
	struct spare spare;
	struct vma *vma;
	int err;

	if (!vma_range_is_valid(tree, start, end))
		return -EINVAL;
	err = fill_spare(tree, &spare, 2);
	if (err)
		return err;
	split_at(tree, start, &spare);
	split_at(tree, end, &spare);
	vma_for_each_in (vma, tree, start, end) {
		unaccount(tree, vma);
		vma->flags = (vma->flags | set) & ~clear;
		account(tree, vma);
	}
	merge_range(tree, start, end);
	release_spare(tree, &spare);
	return 0;
}

/* Do two ranges have a byte in common? */
static bool ranges_overlap(u64 a, u64 a_bytes, u64 b, u64 b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

int vma_move(struct vma_tree *tree, u64 old_start, u64 old_bytes, u64 new_start,
	     u64 new_bytes)
{
	const struct vma *old;
	struct vma copy, *vma;
	struct spare spare;
	int err;

	if (old_start + old_bytes < old_start ||
	    new_start + new_bytes < new_start ||
	    !vma_range_is_valid(tree, old_start, old_start + old_bytes) ||
	    !vma_range_is_valid(tree, new_start, new_start + new_bytes) ||
	    ranges_overlap(old_start, old_bytes, new_start, new_bytes))
		return -EINVAL;
	old = vma_at(tree, old_start);
	if (!old || old->end < old_start + old_bytes)
		return -EFAULT;
	copy = part_of(old, old_start, old_start + old_bytes);
	copy.start = new_start;
	copy.end = new_start + new_bytes;
	if (copy.pgoff_pages > (~0ul >> VMA_PAGE_SHIFT) - nr_pages_of(&copy))
		return -EINVAL;
	err = fill_spare(tree, &spare, 2 * CUT_SPARE + 1);
	if (err)
		return err;
	get_file(tree, &copy.fid);
	cut_range(tree, new_start, copy.end, &spare);
	cut_range(tree, old_start, old_start + old_bytes, &spare);
	vma = take_spare(&spare);
	*vma = copy;
	insert_vma(tree, vma);
	merge_range(tree, copy.start, copy.end);
	put_file(tree, &copy.fid);
	release_spare(tree, &spare);
	return 0;
}

/* The highest VMA that begins below @vaddr. */
static struct vma *find_below(const struct vma_tree *tree, u64 vaddr)
{
	struct rb_node *node = tree->root.node;
	struct vma *found = NULL;

	while (node) {
		struct vma *vma = vma_of(node);

		if (vma->start < vaddr) {
			found = vma;
			node = node->right;
		} else {
			node = node->left;
		}
	}
	return found;
}

u64 vma_find_gap(struct vma_tree *tree, u64 len_bytes, u64 low, u64 high)
{
	const struct vma *below, *above;
	u64 top;

	low = max(low, tree->low);
	high = min(high, tree->high);
	if (!len_bytes || high < low || len_bytes > high - low)
		return 0;
	/* What was searched before for no more than this is still full. */
	top = high;
	if (tree->hint_high == high && len_bytes >= tree->hint_bytes)
		top = tree->hint_top;
	above = vma_find(tree, top);
	if (above && above->start >= top)
		top = min(top, vma_guard_start(tree, above));
	for (below = find_below(tree, top); top > low && top - low >= len_bytes;
	     below = vma_prev(below)) {
		u64 bottom = below ? max(below->end, low) : low;

		if (top > bottom && top - bottom >= len_bytes) {
			tree->hint_top = top;
			tree->hint_bytes = len_bytes;
			tree->hint_high = high;
			return top - len_bytes;
		}
		if (!below)
			break;
		top = vma_guard_start(tree, below);
	}
	return 0;
}

bool vma_tree_check(const struct vma_tree *tree)
{
	u64 nr_vmas = 0, nr_pages = 0, nr_data_pages = 0, nr_locked_pages = 0;
	const struct vma *vma, *prev = NULL;

	vma_for_each (vma, tree) {
		if (!vma_range_is_valid(tree, vma->start, vma->end))
			return false;
		if (file_id_is_none(&vma->fid) && vma->pgoff_pages)
			return false;
		if (prev && (prev->end > vma->start || may_merge(prev, vma)))
			return false;
		nr_vmas++;
		nr_pages += nr_pages_of(vma);
		nr_data_pages += nr_data_pages_of(tree, vma);
		nr_locked_pages += nr_locked_pages_of(tree, vma);
		prev = vma;
	}
	return nr_vmas == tree->nr_vmas && nr_pages == tree->nr_pages &&
	       nr_data_pages == tree->nr_data_pages &&
	       nr_locked_pages == tree->nr_locked_pages;
}
