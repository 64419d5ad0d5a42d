/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page reports: what a processor node did to pages by itself - gave one a
 * frame of its stock - and has yet to tell the memory node.
 *
 * They wait until a message that depends on them must go, or until there is
 * a message full of them, which a thread then sends in the background.
 *
 * Each CPU adds to a list of its own, so reports of one address space are not
 * sent in the order they were made.  It does not matter: a page has at most
 * one report that waits, because whatever takes its frame away again - a
 * change, a fork - sends all reports first.
 */
#define pr_fmt(fmt) "mm: " fmt
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

_Static_assert(BLOCK_REPORTS <= REPORTS_PER_MESSAGE, "a block goes at once");

/* Address spaces with a message full of reports. */
static DEFINE_SPINLOCK(todo_lock, LOCK_LEAF);
static LIST_HEAD(todo); /* [todo_lock] */
static DEFINE_WAITQ(todo_waitq);

void reports_init(struct aspace *aspace)
{
	for (u32 i = 0; i < NR_REPORT_LISTS; i++) {
		struct report_list *list = &aspace->reports.lists[i];

		spin_lock_init(&list->lock, "page reports", LOCK_FRAME);
		list_init(&list->full);
		list_init(&list->room);
	}
	list_init(&aspace->reports.in_todo);
	mutex_init(&aspace->reports.send_lock, "page reports", LOCK_ASPACE);
}

bool reports_grow(struct report_list *list)
{
	struct report_block *block = kmalloc(sizeof(*block));

	if (!block) {
		atomic_inc(&list->nr_room);
		return false;
	}
	block->nr = 0;
	spin_lock(&list->lock);
	list_add_tail(&block->link, &list->room);
	spin_unlock(&list->lock);
	atomic_add(&list->nr_room, BLOCK_REPORTS); /* they are there now */
	return true;
}

void reports_unpromise(struct report_list *list)
{
	atomic_inc(&list->nr_room);
}

void reports_want_sender(struct aspace *aspace)
{
	spin_lock(&todo_lock);
	if (list_empty(&aspace->reports.in_todo)) {
		aspace_pin(aspace);
		list_add_tail(&aspace->reports.in_todo, &todo);
	}
	spin_unlock(&todo_lock);
	waitq_wake_one(&todo_waitq);
}

/*
 * The oldest block's worth of reports, if there are any: copied into
 * @reports, room for BLOCK_REPORTS.  Return: how many.
 */
static u32 list_take(struct report_list *list, struct report *reports)
{
	struct report_block *block, *emptied = NULL;
	u32 nr = 0;

	spin_lock(&list->lock);
	if (list->nr) {
		block = list_first_entry_or_null(&list->full,
						 struct report_block, link);
		if (block) {
			list_del(&block->link);
			emptied = block;
		} else {
			block = list_first_entry(&list->room,
						 struct report_block, link);
		}
		nr = block->nr;
		memcpy(reports, block->reports, nr * sizeof(*reports));
		block->nr = 0;
		if (!emptied)
			atomic_add(&list->nr_room, (int)nr);
		WRITE_ONCE(list->nr, list->nr - nr);
	}
	spin_unlock(&list->lock);
	kfree(emptied);
	return nr;
}

int reports_send_ops(struct aspace *aspace, const struct wire_page_op *ops,
		     u32 nr)
{
	struct rpc_m_asid req = {.asid = le32_make(aspace->asid)};
	struct rpc_none none;
	struct rpc_args args = {.req = &req,
				.rep = &none,
				.tail = ops,
				.tail_len = nr * sizeof(*ops)};

	counter_inc(nr_pages_rpc);
	return rpc_call(aspace->home->peer, RPC_m_pages, &args);
}

/* Fill a message. Return: how many; *@is_full: there may be more. */
static u32 take_message(struct page_reports *reports, struct wire_page_op *ops,
			bool *is_full)
{
	struct report taken[BLOCK_REPORTS];
	u32 nr = 0;

	*is_full = false;
	for (u32 i = 0; i < NR_REPORT_LISTS; i++) {
		u32 nr_taken;

		do {
			if (nr > REPORTS_PER_MESSAGE - BLOCK_REPORTS) {
				*is_full = true;
				return nr;
			}
			nr_taken = list_take(&reports->lists[i], taken);
			for (u32 k = 0; k < nr_taken; k++, nr++) {
				ops[nr].vaddr =
					le64_make(taken[k].vaddr | PAGE_OP_SET);
				ops[nr].pfn = le64_make(taken[k].pfn);
			}
		} while (nr_taken);
	}
	return nr;
}

static bool nothing_to_send(const struct page_reports *reports)
{
	for (u32 i = 0; i < NR_REPORT_LISTS; i++)
		if (READ_ONCE(reports->lists[i].nr))
			return false;
	return !mutex_is_locked(&reports->send_lock);
}

int reports_send(struct aspace *aspace)
{
	struct page_reports *reports = &aspace->reports;
	struct wire_page_op *ops;
	bool is_full;
	u32 nr;
	int rc = 0;

	if (nothing_to_send(reports))
		return 0;
	ops = kmalloc(REPORTS_PER_MESSAGE * sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	mutex_lock(&reports->send_lock);
	do {
		nr = take_message(reports, ops, &is_full);
		if (nr)
			rc = reports_send_ops(aspace, ops, nr);
	} while (!rc && is_full);
	mutex_unlock(&reports->send_lock);
	kfree(ops);
	return rc ? change_broke(aspace, rc) : 0;
}

static void list_discard(struct memnode *home, struct report_list *list)
{
	struct report taken[BLOCK_REPORTS];
	struct report_block *block;
	u32 nr;

	while ((nr = list_take(list, taken))) {
		for (u32 i = 0; i < nr; i++) {
			u64 gframe = gframe_make(home->index, taken[i].pfn);

			if (frame_shares(gframe))
				frame_conflict(gframe);
			else
				memnode_return_frames(home, &taken[i].pfn, 1);
		}
	}
	while ((block = list_first_entry_or_null(&list->room,
						 struct report_block, link))) {
		list_del(&block->link);
		kfree(block);
	}
}

void reports_discard(struct aspace *aspace)
{
	for (u32 i = 0; i < NR_REPORT_LISTS; i++)
		list_discard(aspace->home, &aspace->reports.lists[i]);
}

static struct aspace *todo_pop(void)
{
	struct aspace *aspace;

	spin_lock(&todo_lock);
	aspace =
		list_first_entry_or_null(&todo, struct aspace, reports.in_todo);
	if (aspace)
		list_del_init(&aspace->reports.in_todo);
	spin_unlock(&todo_lock);
	return aspace;
}

static void report_thread(void *arg)
{
	for (;;) {
		struct aspace *aspace;

		wait_event_idle(&todo_waitq, !list_empty(&todo));
		aspace = todo_pop();
		if (!aspace)
			continue;
		if (reports_send(aspace))
			pr_debug("asid %u: reports not sent", aspace->asid);
		aspace_unpin(aspace);
	}
}

int reports_start(void)
{
	return thread_spawn("reportd", report_thread, NULL) ? 0 : -ENOMEM;
}
