/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_RBTREE_H
#define LIB_RBTREE_H
/*
 * Red-black trees, intrusive.  Either give an order and let rb_insert() walk,
 * or walk by hand and call rb_link() + rb_insert_fixup() with what was found.
 * The caller locks.
 */
#include <lib/minmax.h>
#include <lib/types.h>

struct rb_node {
	struct rb_node *parent, *left, *right;
	bool is_red;
};

struct rb_root {
	struct rb_node *node;
};

#define RB_ROOT_INIT \
	{            \
		NULL \
	}
#define rb_entry(ptr, type, member) container_of(ptr, type, member)

static inline bool rb_empty(const struct rb_root *root)
{
	return !root->node;
}

/* A node that is in no tree can be marked, so that erasing twice is seen. */
static inline void rb_node_clear(struct rb_node *node)
{
	node->parent = node;
}

static inline bool rb_node_is_clear(const struct rb_node *node)
{
	return node->parent == node;
}

/** rb_link - hang @node below @parent at @link (a child slot, or the root). */
static inline void rb_link(struct rb_node *node, struct rb_node *parent,
			   struct rb_node **link)
{
	node->parent = parent;
	node->left = NULL;
	node->right = NULL;
	node->is_red = true;
	*link = node;
}

/** rb_insert_fixup - rebalance after rb_link(). */
void rb_insert_fixup(struct rb_root *root, struct rb_node *node);

/**
 * rb_insert - insert @node by @less; equal elements keep their order.
 *
 * @less: true if its first argument sorts strictly before the second.
 */
void rb_insert(struct rb_root *root, struct rb_node *node,
	       bool (*less)(const struct rb_node *, const struct rb_node *));

/** rb_erase - take @node out of @root, in which it is. */
void rb_erase(struct rb_root *root, struct rb_node *node);

/** rb_replace - put @new where @old is; they must compare equal. */
void rb_replace(struct rb_root *root, struct rb_node *old,
		struct rb_node *new_node);

/** rb_first, rb_last, rb_next, rb_prev - in-order walk; NULL at the end. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

#define rb_for_each(pos, root) \
	for ((pos) = rb_first(root); (pos); (pos) = rb_next(pos))

#endif
