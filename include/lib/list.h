/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_LIST_H
#define LIB_LIST_H
/*
 * Doubly linked lists: circular (list_head), and with a one-pointer head for
 * hash tables (hlist).  A list_head that is on no list points at itself after
 * LIST_HEAD/list_init/list_del_init; list_del() poisons it.
 */
#include <lib/minmax.h>
#include <lib/types.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

#define LIST_POISON ((struct list_head *)0xdead000000000100ul)

static inline void list_init(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline void list_insert_between(struct list_head *node,
				       struct list_head *prev,
				       struct list_head *next)
{
	next->prev = node;
	node->next = next;
	node->prev = prev;
	prev->next = node;
}

/** list_add - insert @node right after @head (first on the list). */
static inline void list_add(struct list_head *node, struct list_head *head)
{
	list_insert_between(node, head, head->next);
}

/** list_add_tail - insert @node right before @head (last on the list). */
static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
	list_insert_between(node, head->prev, head);
}

/** list_unlink - take @node off its list; its links stay as they are. */
static inline void list_unlink(struct list_head *node)
{
	struct list_head *next = node->next, *prev = node->prev;

	next->prev = prev;
	prev->next = next;
}

/** list_del - take @node off its list; it may not be used until re-added. */
static inline void list_del(struct list_head *node)
{
	list_unlink(node);
	node->next = LIST_POISON;
	node->prev = LIST_POISON;
}

/** list_del_init - as list_del(), but list_empty(@node) is true afterwards. */
static inline void list_del_init(struct list_head *node)
{
	list_unlink(node);
	list_init(node);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_move(struct list_head *node, struct list_head *head)
{
	list_unlink(node);
	list_add(node, head);
}

static inline void list_move_tail(struct list_head *node,
				  struct list_head *head)
{
	list_unlink(node);
	list_add_tail(node, head);
}

/** list_forget_before - all before @node, which may be @head, are no longer on
 * the list; their links are whatever they were. */
static inline void list_forget_before(struct list_head *head,
				      struct list_head *node)
{
	head->next = node;
	node->prev = head;
}

/** list_splice_tail_init - append all of @from to @to; @from becomes empty. */
static inline void list_splice_tail_init(struct list_head *from,
					 struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) \
	list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) \
	list_entry((pos)->member.next, __typeof__(*(pos)), member)

#define list_for_each(pos, head) \
	for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)
#define list_for_each_safe(pos, n, head)                               \
	for ((pos) = (head)->next, (n) = (pos)->next; (pos) != (head); \
	     (pos) = (n), (n) = (pos)->next)
#define list_for_each_entry(pos, head, member)                           \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member); \
	     &(pos)->member != (head); (pos) = list_next_entry(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)                   \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member), \
	    (n) = list_next_entry(pos, member);                          \
	     &(pos)->member != (head);                                   \
	     (pos) = (n), (n) = list_next_entry(n, member))
#define list_for_each_entry_reverse(pos, head, member)                  \
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member); \
	     &(pos)->member != (head);                                  \
	     (pos) = list_entry((pos)->member.prev, __typeof__(*(pos)), \
				member))

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev; /* who points at us; NULL: on no list */
};

struct hlist_head {
	struct hlist_node *first;
};

static inline bool hlist_empty(const struct hlist_head *head)
{
	return !head->first;
}

static inline bool hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

static inline void hlist_add_head(struct hlist_node *node,
				  struct hlist_head *head)
{
	node->next = head->first;
	if (head->first)
		head->first->pprev = &node->next;
	head->first = node;
	node->pprev = &head->first;
}

/** hlist_del - take @node off its list; hlist_unhashed() afterwards. */
static inline void hlist_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	node->next = NULL;
	node->pprev = NULL;
}

#define hlist_entry_safe(ptr, type, member)                             \
	({                                                              \
		__typeof__(ptr) hlist_p_ = (ptr);                       \
		hlist_p_ ? container_of(hlist_p_, type, member) : NULL; \
	})
#define hlist_for_each_entry(pos, head, member)                          \
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), \
				      member);                           \
	     (pos); (pos) = hlist_entry_safe((pos)->member.next,         \
					     __typeof__(*(pos)), member))
#define hlist_for_each_entry_safe(pos, n, head, member)                  \
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), \
				      member);                           \
	     (pos) && ((n) = (pos)->member.next, 1);                     \
	     (pos) = hlist_entry_safe(n, __typeof__(*(pos)), member))

#endif
