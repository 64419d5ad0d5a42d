/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMA trees: named cases, and a long random run against a flat model that
 * keeps one record a page.
 */
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <lib/vma.h>
#include <uapi/mman.h>

#define LOW      0x10000ul
#define NR_PAGES 64u
#define HIGH     (LOW + NR_PAGES * VMA_PAGE_SIZE)
#define NR_NODES 256u
#define NR_FILES 3u /* file 0 is "no file" */
#define NOT_DATA 4u
#define LOCKED   8u
#define GROWS    16u

/* A small allocator that can be told to fail, and counts. */
static struct vma nodes[NR_NODES];
static struct vma *free_nodes[NR_NODES];
static u32 nr_free, fail_countdown;
static s64 file_uses[NR_FILES];

static struct vma *test_alloc(struct vma_tree *tree)
{
	if (fail_countdown && !--fail_countdown)
		return NULL;
	return nr_free ? free_nodes[--nr_free] : NULL;
}

static void test_free(struct vma_tree *tree, struct vma *vma)
{
	free_nodes[nr_free++] = vma;
}

static void test_get(struct vma_tree *tree, const struct file_id *fid)
{
	file_uses[fid->ino]++;
}

static void test_put(struct vma_tree *tree, const struct file_id *fid)
{
	file_uses[fid->ino]--;
}

static const struct vma_ops test_ops = {.alloc = test_alloc,
					.free = test_free,
					.file_get = test_get,
					.file_put = test_put,
					.not_data = NOT_DATA,
					.locked = LOCKED,
					.grows_down = GROWS};

static void start_test(struct vma_tree *tree)
{
	fail_countdown = 0;
	for (nr_free = 0; nr_free < NR_NODES; nr_free++)
		free_nodes[nr_free] = &nodes[nr_free];
	memset(file_uses, 0, sizeof(file_uses));
	vma_tree_init(tree, &test_ops, LOW, HIGH);
}

static void end_test(struct vma_tree *tree)
{
	vma_tree_clear(tree);
	EXPECT_EQ(nr_free, NR_NODES);
	EXPECT_EQ(tree->nr_vmas, 0);
	EXPECT_EQ(tree->nr_pages, 0);
	EXPECT_EQ(tree->nr_data_pages, 0);
	for (u32 i = 0; i < NR_FILES; i++)
		EXPECT_EQ(file_uses[i], 0);
}

static u64 page(u32 n)
{
	return LOW + n * VMA_PAGE_SIZE;
}

static int map(struct vma_tree *tree, u32 first, u32 nr, u32 prot, u32 flags,
	       u32 file, u64 pgoff)
{
	struct vma what = {.start = page(first),
			   .end = page(first + nr),
			   .prot = prot,
			   .flags = flags,
			   .pgoff_pages = pgoff};

	if (file)
		what.fid = (struct file_id){.node_guid = 7, .ino = file};
	return vma_map(tree, &what);
}

KTEST(vma_anonymous_neighbours_become_one)
{
	struct vma_tree tree;

	start_test(&tree);
	EXPECT_EQ(map(&tree, 0, 2, 3, 0, 0, 0), 0);
	EXPECT_EQ(map(&tree, 4, 2, 3, 0, 0, 0), 0);
	EXPECT_EQ(tree.nr_vmas, 2);
	EXPECT_EQ(map(&tree, 2, 2, 3, 0, 0, 0), 0);
	EXPECT_EQ(tree.nr_vmas, 1);
	EXPECT_EQ(vma_first(&tree)->start, page(0));
	EXPECT_EQ(vma_first(&tree)->end, page(6));
	EXPECT_EQ(tree.nr_data_pages, 6);
	EXPECT_EQ(map(&tree, 6, 2, 1, 0, 0, 0), 0);
	EXPECT_EQ(tree.nr_vmas, 2);
	end_test(&tree);
}

KTEST(vma_file_neighbours_merge_only_where_offsets_continue)
{
	struct vma_tree tree;

	start_test(&tree);
	EXPECT_EQ(map(&tree, 0, 2, 1, 0, 1, 10), 0);
	EXPECT_EQ(map(&tree, 2, 2, 1, 0, 1, 13), 0);
	EXPECT_EQ(tree.nr_vmas, 2);
	EXPECT_EQ(map(&tree, 2, 2, 1, 0, 1, 12), 0);
	EXPECT_EQ(tree.nr_vmas, 1);
	EXPECT_EQ(map(&tree, 4, 2, 1, 0, 2, 14), 0);
	EXPECT_EQ(tree.nr_vmas, 2);
	end_test(&tree);
}

KTEST(vma_unmap_cuts_a_hole_and_keeps_file_offsets)
{
	struct vma_tree tree;

	start_test(&tree);
	EXPECT_EQ(map(&tree, 0, 8, 1, 0, 1, 100), 0);
	EXPECT_EQ(vma_unmap(&tree, page(2), page(5)), 0);
	EXPECT_EQ(tree.nr_vmas, 2);
	EXPECT_EQ(tree.nr_pages, 5);
	EXPECT_TRUE(!vma_at(&tree, page(2)));
	EXPECT_EQ(vma_find(&tree, page(2))->start, page(5));
	EXPECT_EQ(vma_at(&tree, page(5))->pgoff_pages, 105);
	EXPECT_EQ(vma_at(&tree, page(1))->end, page(2));
	EXPECT_TRUE(!vma_is_covered(&tree, page(0), page(8)));
	EXPECT_TRUE(vma_is_covered(&tree, page(5), page(8)));
	EXPECT_EQ(vma_count_pages(&tree, page(1), page(7)), 3);
	end_test(&tree);
}

KTEST(vma_protect_splits_and_merges_again)
{
	struct vma_tree tree;

	start_test(&tree);
	EXPECT_EQ(map(&tree, 0, 8, 3, 0, 0, 0), 0);
	EXPECT_EQ(vma_protect(&tree, page(2), page(4), 1), 0);
	EXPECT_EQ(tree.nr_vmas, 3);
	EXPECT_EQ(tree.nr_data_pages, 6);
	EXPECT_EQ(vma_protect(&tree, page(2), page(4), 3), 0);
	EXPECT_EQ(tree.nr_vmas, 1);
	EXPECT_EQ(vma_protect(&tree, page(6), page(9), 1), -ENOMEM);
	EXPECT_EQ(tree.nr_vmas, 1);
	end_test(&tree);
}

KTEST(vma_bad_ranges_are_refused)
{
	struct vma_tree tree;

	start_test(&tree);
	EXPECT_EQ(vma_unmap(&tree, page(0), page(0)), -EINVAL);
	EXPECT_EQ(vma_unmap(&tree, page(2), page(1)), -EINVAL);
	EXPECT_EQ(vma_unmap(&tree, page(0) + 1, page(1)), -EINVAL);
	EXPECT_EQ(vma_unmap(&tree, LOW - VMA_PAGE_SIZE, page(1)), -EINVAL);
	EXPECT_EQ(vma_unmap(&tree, page(0), HIGH + VMA_PAGE_SIZE), -EINVAL);
	EXPECT_EQ(map(&tree, 0, 1, 1, 0, 1, ~0ul), -EINVAL);
	EXPECT_EQ(map(&tree, 0, 4, 3, 0, 0, 0), 0);
	EXPECT_EQ(vma_move(&tree, page(0), ~0xffful, page(8), 4096), -EINVAL);
	EXPECT_EQ(vma_move(&tree, page(0), 8192, page(1), 8192), -EINVAL);
	EXPECT_EQ(vma_move(&tree, page(3), 8192, page(8), 8192), -EFAULT);
	EXPECT_EQ(vma_move(&tree, page(9), 4096, page(8), 4096), -EFAULT);
	end_test(&tree);
}

KTEST(vma_clone_is_equal_or_empty)
{
	struct vma_tree tree, copy;

	start_test(&tree);
	for (u32 i = 0; i < 8; i++)
		EXPECT_EQ(map(&tree, i, 1, i & 1 ? 1 : 3, 0, i % 3, i), 0);
	vma_tree_init(&copy, &test_ops, LOW, HIGH);
	fail_countdown = 5;
	EXPECT_EQ(vma_tree_clone(&copy, &tree), -ENOMEM);
	EXPECT_EQ(copy.nr_vmas, 0);
	EXPECT_EQ(vma_tree_clone(&copy, &tree), 0);
	EXPECT_EQ(copy.nr_vmas, tree.nr_vmas);
	EXPECT_EQ(copy.nr_data_pages, tree.nr_data_pages);
	EXPECT_TRUE(vma_tree_check(&copy));
	vma_tree_clear(&copy);
	end_test(&tree);
}

KTEST(vma_below_what_grows_down_there_is_a_gap)
{
	u64 guard = VMA_GUARD_PAGES << VMA_PAGE_SHIFT, end = LOW + 4 * guard;
	struct vma stack = {.start = end - VMA_PAGE_SIZE, .end = end};
	struct vma_tree tree;

	start_test(&tree);
	vma_tree_init(&tree, &test_ops, LOW, end);
	stack.flags = GROWS;
	EXPECT_EQ(vma_map(&tree, &stack), 0);
	EXPECT_EQ(vma_guard_start(&tree, vma_at(&tree, stack.start)),
		  stack.start - guard);
	EXPECT_EQ(vma_find_gap(&tree, VMA_PAGE_SIZE, LOW, end),
		  stack.start - guard - VMA_PAGE_SIZE);
	/* also if the search begins inside the gap, or below the area */
	EXPECT_EQ(vma_find_gap(&tree, VMA_PAGE_SIZE, LOW, stack.start),
		  stack.start - guard - VMA_PAGE_SIZE);
	EXPECT_EQ(vma_find_gap(&tree, VMA_PAGE_SIZE, LOW,
			       stack.start - VMA_PAGE_SIZE),
		  stack.start - guard - VMA_PAGE_SIZE);
	EXPECT_TRUE(!vma_is_split_by(&tree, stack.start, stack.end));
	EXPECT_EQ(vma_unmap(&tree, stack.start, stack.end), 0);
	EXPECT_EQ(vma_find_gap(&tree, VMA_PAGE_SIZE, LOW, end),
		  end - VMA_PAGE_SIZE);
	end_test(&tree);
}

/* ---- the flat model ------------------------------------------------------ */

struct flat_page {
	bool is_mapped;
	u32 prot, flags, file;
	u64 pgoff;
};
static struct flat_page flat[NR_PAGES];

static void flat_map(u32 first, u32 nr, struct flat_page like)
{
	for (u32 i = 0; i < nr; i++) {
		flat[first + i] = like;
		if (like.file)
			flat[first + i].pgoff = like.pgoff + i;
	}
}

static bool flat_is_one_vma(u32 first, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		const struct flat_page *a = &flat[first + i];

		if (!a->is_mapped)
			return false;
		if (i && (a->prot != a[-1].prot || a->flags != a[-1].flags ||
			  a->file != a[-1].file ||
			  (a->file && a->pgoff != a[-1].pgoff + 1)))
			return false;
	}
	return true;
}

static u64 flat_find_gap(u32 nr, u32 low, u32 high)
{
	for (u32 first = high; first-- > low;) {
		u32 i = 0;

		while (i < nr && first + i < high && !flat[first + i].is_mapped)
			i++;
		if (i == nr)
			return page(first);
	}
	return 0;
}

static bool tree_equals_flat(const struct vma_tree *tree)
{
	for (u32 i = 0; i < NR_PAGES; i++) {
		const struct vma *vma = vma_at(tree, page(i));

		if (!vma != !flat[i].is_mapped)
			return false;
		if (vma &&
		    (vma->prot != flat[i].prot || vma->flags != flat[i].flags ||
		     vma->fid.ino != flat[i].file ||
		     (flat[i].file &&
		      vma_page_of(vma, page(i)) != flat[i].pgoff)))
			return false;
	}
	return vma_tree_check(tree);
}

static void random_map(struct vma_tree *tree, struct rand *r, u32 first, u32 nr)
{
	struct flat_page like = {.is_mapped = true,
				 .prot = (u32)rand_below(r, 4),
				 .flags = (u32)rand_below(r, 2) * NOT_DATA,
				 .file = (u32)rand_below(r, NR_FILES)};
	int err;

	/* Often the offset that continues what is around. */
	if (like.file)
		like.pgoff = first + rand_below(r, 4) / 3;
	err = map(tree, first, nr, like.prot, like.flags, like.file,
		  like.pgoff);
	if (!err)
		flat_map(first, nr, like);
	else
		EXPECT_EQ(err, -ENOMEM);
}

static void random_protect(struct vma_tree *tree, struct rand *r, u32 first,
			   u32 nr)
{
	u32 prot = (u32)rand_below(r, 4);

	if (vma_protect(tree, page(first), page(first + nr), prot))
		return;
	for (u32 i = 0; i < nr; i++) {
		EXPECT_TRUE(flat[first + i].is_mapped);
		flat[first + i].prot = prot;
	}
}

static void random_flags(struct vma_tree *tree, struct rand *r, u32 first,
			 u32 nr)
{
	u32 set = (u32)rand_below(r, 2) * LOCKED;

	if (vma_set_flags(tree, page(first), page(first + nr), set,
			  LOCKED & ~set))
		return;
	for (u32 i = first; i < first + nr; i++)
		if (flat[i].is_mapped)
			flat[i].flags = (flat[i].flags & ~LOCKED) | set;
}

static void random_move(struct vma_tree *tree, struct rand *r, u32 first,
			u32 nr)
{
	u32 new_nr = 1 + (u32)rand_below(r, 8);
	u32 new_first = (u32)rand_below(r, NR_PAGES - new_nr);
	struct flat_page like = flat[first];
	int err = vma_move(tree, page(first), nr * VMA_PAGE_SIZE,
			   page(new_first), new_nr * VMA_PAGE_SIZE);

	if (first < new_first + new_nr && new_first < first + nr) {
		EXPECT_EQ(err, -EINVAL);
	} else if (!flat_is_one_vma(first, nr)) {
		EXPECT_EQ(err, -EFAULT);
	} else if (!err) {
		flat_map(first, nr, (struct flat_page){});
		flat_map(new_first, new_nr, like);
	} else {
		EXPECT_EQ(err, -ENOMEM);
	}
}

static void random_gap(struct vma_tree *tree, struct rand *r, u32 nr)
{
	bool is_narrow = !rand_below(r, 4);
	u32 low = is_narrow ? (u32)rand_below(r, NR_PAGES / 2) : 0;
	u32 high = is_narrow ? NR_PAGES / 2 + (u32)rand_below(r, NR_PAGES / 2)
			     : NR_PAGES;

	EXPECT_EQ(vma_find_gap(tree, nr * VMA_PAGE_SIZE, page(low), page(high)),
		  flat_find_gap(nr, low, high));
}

static void random_step(struct vma_tree *tree, struct rand *r)
{
	u32 nr = 1 + (u32)rand_below(r, 12);
	u32 first = (u32)rand_below(r, NR_PAGES - nr + 1);

	fail_countdown = rand_below(r, 8) ? 0 : 1 + (u32)rand_below(r, 3);
	switch (rand_below(r, 9)) {
	case 0:
	case 1:
		random_map(tree, r, first, nr);
		break;
	case 2:
	case 3:
		if (!vma_unmap(tree, page(first), page(first + nr)))
			flat_map(first, nr, (struct flat_page){});
		break;
	case 4:
		random_protect(tree, r, first, nr);
		break;
	case 5:
		random_move(tree, r, first, nr);
		break;
	case 6:
		random_flags(tree, r, first, nr);
		break;
	default:
		random_gap(tree, r, nr);
	}
	fail_countdown = 0;
}

KTEST(vma_random_changes_agree_with_a_flat_model)
{
	struct vma_tree tree;
	struct rand r;

	for (u64 seed = 1; seed <= 8; seed++) {
		start_test(&tree);
		memset(flat, 0, sizeof(flat));
		rand_seed(&r, seed);
		for (u32 step = 0; step < 3000; step++) {
			random_step(&tree, &r);
			if (!tree_equals_flat(&tree)) {
				/* says which run to repeat */
				EXPECT_EQ(seed * 1000000 + step, 0);
				return;
			}
		}
		end_test(&tree);
	}
}
