/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Red-black trees (Cormen et al., chapter 13), with NULL leaves that count as
 * black.
 *
 * Invariants: the root is black; a red node has no red child; every path from
 * a node to a leaf passes the same number of black nodes.
 */
#include <lib/rbtree.h>

static bool is_red(const struct rb_node *node)
{
	return node && node->is_red;
}

/* The slot that points at @node. */
static struct rb_node **slot_of(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *parent = node->parent;

	if (!parent)
		return &root->node;
	return parent->left == node ? &parent->left : &parent->right;
}

static void rotate_left(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *up = node->right;

	*slot_of(root, node) = up;
	up->parent = node->parent;
	node->right = up->left;
	if (up->left)
		up->left->parent = node;
	up->left = node;
	node->parent = up;
}

static void rotate_right(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *up = node->left;

	*slot_of(root, node) = up;
	up->parent = node->parent;
	node->left = up->right;
	if (up->right)
		up->right->parent = node;
	up->right = node;
	node->parent = up;
}

void rb_insert_fixup(struct rb_root *root, struct rb_node *node)
{
	while (is_red(node->parent)) {
		struct rb_node *parent = node->parent;
		struct rb_node *grand = parent->parent; /* a red is no root */
		bool is_left = grand->left == parent;
		struct rb_node *uncle = is_left ? grand->right : grand->left;

		if (is_red(uncle)) {
			parent->is_red = false;
			uncle->is_red = false;
			grand->is_red = true;
			node = grand;
			continue;
		}
		if (node == (is_left ? parent->right : parent->left)) {
			if (is_left)
				rotate_left(root, parent);
			else
				rotate_right(root, parent);
			parent = node;
		}
		parent->is_red = false;
		grand->is_red = true;
		if (is_left)
			rotate_right(root, grand);
		else
			rotate_left(root, grand);
		break;
	}
	root->node->is_red = false;
}

void rb_insert(struct rb_root *root, struct rb_node *node,
	       bool (*less)(const struct rb_node *, const struct rb_node *))
{
	struct rb_node **link = &root->node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = less(node, parent) ? &parent->left : &parent->right;
	}
	rb_link(node, parent, link);
	rb_insert_fixup(root, node);
}

/* @node (maybe NULL), the child of @parent, lacks one black above it. */
static void erase_fixup(struct rb_root *root, struct rb_node *node,
			struct rb_node *parent)
{
	while (parent && !is_red(node)) {
		bool is_left = parent->left == node;
		struct rb_node *sib = is_left ? parent->right : parent->left;
		struct rb_node *near, *far;

		if (sib->is_red) {
			sib->is_red = false;
			parent->is_red = true;
			if (is_left)
				rotate_left(root, parent);
			else
				rotate_right(root, parent);
			sib = is_left ? parent->right : parent->left;
		}
		near = is_left ? sib->left : sib->right;
		far = is_left ? sib->right : sib->left;
		if (!is_red(near) && !is_red(far)) {
			sib->is_red = true;
			node = parent;
			parent = node->parent;
			continue;
		}
		if (!is_red(far)) {
			near->is_red = false;
			sib->is_red = true;
			if (is_left)
				rotate_right(root, sib);
			else
				rotate_left(root, sib);
			far = sib;
			sib = near;
		}
		sib->is_red = parent->is_red;
		parent->is_red = false;
		far->is_red = false;
		if (is_left)
			rotate_left(root, parent);
		else
			rotate_right(root, parent);
		return;
	}
	if (node)
		node->is_red = false;
}

void rb_replace(struct rb_root *root, struct rb_node *old,
		struct rb_node *new_node)
{
	*slot_of(root, old) = new_node;
	*new_node = *old;
	if (old->left)
		old->left->parent = new_node;
	if (old->right)
		old->right->parent = new_node;
}

void rb_erase(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *child, *parent;
	bool removed_black;

	if (node->left && node->right) {
		/* Its successor, which has no left child, takes its place. */
		struct rb_node *next = node->right;

		while (next->left)
			next = next->left;
		child = next->right;
		parent = next->parent == node ? next : next->parent;
		removed_black = !next->is_red;
		*slot_of(root, next) = child;
		if (child)
			child->parent = next->parent;
		rb_replace(root, node, next);
	} else {
		child = node->left ? node->left : node->right;
		parent = node->parent;
		removed_black = !node->is_red;
		*slot_of(root, node) = child;
		if (child)
			child->parent = parent;
	}
	if (removed_black)
		erase_fixup(root, child, parent);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->node;

	while (node && node->left)
		node = node->left;
	return node;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *node = root->node;

	while (node && node->right)
		node = node->right;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	if (node->right) {
		node = node->right;
		while (node->left)
			node = node->left;
		return (struct rb_node *)node;
	}
	while (node->parent && node == node->parent->right)
		node = node->parent;
	return node->parent;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	if (node->left) {
		node = node->left;
		while (node->right)
			node = node->right;
		return (struct rb_node *)node;
	}
	while (node->parent && node == node->parent->left)
		node = node->parent;
	return node->parent;
}
