/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page reports: what a processor node did to pages by itself - gave one a
 * frame of its stock - and has yet to tell the memory node.
 *
 * They wait until a message that depends on them must go, or until there is
 * a message full of them, which a thread then sends in the background.
 * Reports of one address space are sent in the order they were made.
 */
#define pr_fmt(fmt) "mm: " fmt
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <mm/slab.h>

#define REPORTS_PER_MESSAGE (RPC_MAX_TAIL / sizeof(struct wire_page_op))

static struct slab_cache *report_cache;

/* Address spaces with a message full of reports. */
static DEFINE_SPINLOCK(todo_lock, LOCK_LEAF);
static LIST_HEAD(todo); /* [todo_lock] */
static DEFINE_WAITQ(todo_waitq);

void reports_init(struct aspace *aspace)
{
	spin_lock_init(&aspace->reports.lock, "page reports", LOCK_FRAME);
	list_init(&aspace->reports.list);
	list_init(&aspace->reports.in_todo);
	mutex_init(&aspace->reports.send_lock, "page reports", LOCK_ASPACE);
}

struct page_report *report_alloc(u64 vaddr, u64 gframe)
{
	struct page_report *report = slab_alloc(report_cache);

	if (!report)
		return NULL;
	report->vaddr = vaddr;
	report->pfn = gframe_pfn(gframe);
	return report;
}

void report_free(struct page_report *report)
{
	slab_free(report_cache, report);
}

static void sender_want(struct aspace *aspace)
{
	spin_lock(&todo_lock);
	if (list_empty(&aspace->reports.in_todo)) {
		aspace_pin(aspace);
		list_add_tail(&aspace->reports.in_todo, &todo);
	}
	spin_unlock(&todo_lock);
	waitq_wake_one(&todo_waitq);
}

void reports_add(struct aspace *aspace, struct page_report *report)
{
	struct page_reports *reports = &aspace->reports;
	u32 nr;

	spin_lock(&reports->lock);
	list_add_tail(&report->link, &reports->list);
	nr = ++reports->nr;
	spin_unlock(&reports->lock);
	if (nr >= REPORTS_PER_MESSAGE && nr % 64 == 0)
		sender_want(aspace);
}

static struct page_report *report_pop(struct page_reports *reports)
{
	struct page_report *report;

	spin_lock(&reports->lock);
	report = list_first_entry_or_null(&reports->list, struct page_report,
					  link);
	if (report) {
		list_del(&report->link);
		reports->nr--;
	}
	spin_unlock(&reports->lock);
	return report;
}

static int send_message(struct aspace *aspace, struct wire_page_op *ops, u32 nr)
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

int reports_send(struct aspace *aspace)
{
	struct page_reports *reports = &aspace->reports;
	struct wire_page_op *ops;
	struct page_report *report;
	u32 nr;
	int rc = 0;

	if (!READ_ONCE(reports->nr) && !mutex_is_locked(&reports->send_lock))
		return 0;
	ops = kmalloc(REPORTS_PER_MESSAGE * sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	mutex_lock(&reports->send_lock);
	do {
		for (nr = 0; nr < REPORTS_PER_MESSAGE; nr++) {
			report = report_pop(reports);
			if (!report)
				break;
			ops[nr].vaddr = le64_make(report->vaddr | PAGE_OP_SET);
			ops[nr].pfn = le64_make(report->pfn);
			report_free(report);
		}
		if (nr)
			rc = send_message(aspace, ops, nr);
	} while (!rc && nr == REPORTS_PER_MESSAGE);
	mutex_unlock(&reports->send_lock);
	kfree(ops);
	return rc ? change_broke(aspace, rc) : 0;
}

void reports_discard(struct aspace *aspace)
{
	struct page_report *report;

	while ((report = report_pop(&aspace->reports))) {
		CHECK(!frame_shares(
			gframe_make(aspace->home->index, report->pfn)));
		memnode_return_frames(aspace->home, &report->pfn, 1);
		report_free(report);
	}
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

		wait_event(&todo_waitq, !list_empty(&todo));
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
	report_cache =
		slab_create("page_report", sizeof(struct page_report), 0);
	if (!report_cache || !thread_spawn("reportd", report_thread, NULL))
		return -ENOMEM;
	return 0;
}
