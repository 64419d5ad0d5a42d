/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work items: one queue, several workers. */
#include <kernel/work.h>

#include <kernel/assert.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <lib/printf.h>

#define NR_WORKERS 4

static DEFINE_SPINLOCK(work_lock, LOCK_WORK);
static LIST_HEAD(work_items);       /* [work_lock] */
static u64 nr_done, nr_queued_ever; /* [work_lock] */
static DEFINE_WAITQ(work_waitq);
static DEFINE_WAITQ(work_done_waitq);

bool work_queue(struct work *w)
{
	u64 flags = spin_lock_irqsave(&work_lock);
	bool was_queued = w->is_queued;

	if (!was_queued) {
		w->is_queued = true;
		nr_queued_ever++;
		list_add_tail(&w->link, &work_items);
	}
	spin_unlock_irqrestore(&work_lock, flags);
	if (!was_queued)
		waitq_wake_one(&work_waitq);
	return !was_queued;
}

static struct work *take(void)
{
	u64 flags = spin_lock_irqsave(&work_lock);
	struct work *w =
		list_first_entry_or_null(&work_items, struct work, link);

	if (w) {
		list_del_init(&w->link);
		w->is_queued = false;
	}
	spin_unlock_irqrestore(&work_lock, flags);
	return w;
}

static void done(void)
{
	u64 flags = spin_lock_irqsave(&work_lock);

	nr_done++;
	spin_unlock_irqrestore(&work_lock, flags);
	waitq_wake_all(&work_done_waitq);
}

static void worker(void *arg)
{
	struct work *w;

	for (;;) {
		wait_event_idle(&work_waitq, (w = take()) != NULL);
		w->fn(w);
		done();
	}
}

static bool is_idle(void)
{
	u64 flags = spin_lock_irqsave(&work_lock);
	bool idle = nr_done == nr_queued_ever;

	spin_unlock_irqrestore(&work_lock, flags);
	return idle;
}

void work_flush(void)
{
	wait_event(&work_done_waitq, is_idle());
}

void work_init_workers(void)
{
	char name[THREAD_NAME_MAX];

	for (int i = 0; i < NR_WORKERS; i++) {
		(void)scnprintf(name, sizeof(name), "worker%d", i);
		CHECK(thread_spawn(name, worker, NULL));
	}
}
