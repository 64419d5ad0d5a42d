/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/rbtree.h>

struct elem {
	struct rb_node node;
	u64 key;
	bool in;
};

static bool elem_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct elem, node)->key <
	       rb_entry(b, struct elem, node)->key;
}

/* Black height of the subtree, -1 if an invariant is broken. */
static int check(const struct rb_node *node, const struct rb_node *parent)
{
	int left, right;

	if (!node)
		return 1;
	if (node->parent != parent ||
	    (node->is_red && (!parent || parent->is_red)))
		return -1;
	left = check(node->left, node);
	right = check(node->right, node);
	if (left < 0 || left != right)
		return -1;
	return left + !node->is_red;
}

KTEST(rbtree_stays_balanced_and_sorted_under_random_changes)
{
	static struct elem elems[128];
	struct rb_root root = RB_ROOT_INIT;
	struct rb_node *node;
	struct rand r;
	int nr = 0;

	rand_seed(&r, 11);
	for (int i = 0; i < 128; i++)
		elems[i] = (struct elem){.key = rand_below(&r, 60)};
	for (int round = 0; round < 20000; round++) {
		struct elem *e = &elems[rand_below(&r, 128)];
		u64 last = 0;
		int seen = 0;

		if (e->in)
			rb_erase(&root, &e->node);
		else
			rb_insert(&root, &e->node, elem_less);
		e->in = !e->in;
		nr += e->in ? 1 : -1;
		if (round % 16)
			continue;
		EXPECT_TRUE(check(root.node, NULL) > 0);
		rb_for_each (node, &root) {
			u64 key = rb_entry(node, struct elem, node)->key;

			EXPECT_TRUE(key >= last);
			last = key;
			seen++;
		}
		EXPECT_EQ(seen, nr);
		for (node = rb_last(&root); node; node = rb_prev(node))
			seen--;
		EXPECT_EQ(seen, 0);
	}
}
