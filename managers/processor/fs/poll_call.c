/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/poll_call.h>

#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/poll.h>
#include <mm/slab.h>

struct poll_call {
	struct poll_table table;
	struct waitq waitq;
	bool is_woken;     /* [atomic: word] */
	int err;           /* a waiter could not be made */
	struct file *file; /* the one being asked */
	struct list_head waiters;
};

/* One head that this call waits on; holds the head's file. */
struct poll_call_waiter {
	struct poll_waiter waiter;
	struct list_head in_call;
	struct poll_call *call;
	struct file *file;
};

static void poll_call_wake(struct poll_waiter *waiter, u32 events)
{
	struct poll_call_waiter *w =
		container_of(waiter, struct poll_call_waiter, waiter);

	WRITE_ONCE(w->call->is_woken, true);
	waitq_wake_all(&w->call->waitq);
}

static void poll_call_add(struct poll_table *table, struct poll_head *head)
{
	struct poll_call *call = container_of(table, struct poll_call, table);
	struct poll_call_waiter *w = kzalloc(sizeof(*w));

	if (!w) {
		call->err = -ENOMEM;
		return;
	}
	w->call = call;
	w->waiter.wake = poll_call_wake;
	w->file = call->file;
	file_hold(w->file);
	list_add(&w->in_call, &call->waiters);
	poll_waiter_add(&w->waiter, head);
}

static void poll_call_end(struct poll_call *call)
{
	struct poll_call_waiter *w, *next;

	list_for_each_entry_safe (w, next, &call->waiters, in_call) {
		poll_waiter_del(&w->waiter);
		file_put(w->file);
		kfree(w);
	}
}

/* Ask one file; with @table, also hang on to it. */
static u32 poll_item_ask(struct poll_call *call, struct fd_table *fds,
			 const struct poll_item *item, struct poll_table *table)
{
	struct file *file = fd_get(fds, item->fd);
	u32 events;

	if (!file)
		return POLLNVAL;
	call->file = file;
	if (file->flags & O_PATH)
		events = POLLNVAL;
	else if (file->ops->poll)
		events = file->ops->poll(file, table);
	else
		events = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
	file_put(file);
	return events & (item->events | POLLERR | POLLHUP | POLLNVAL);
}

/* One round over all; how many are ready. */
static int poll_scan(struct poll_call *call, struct fd_table *fds,
		     struct poll_item *items, u32 nr_items,
		     struct poll_table *table)
{
	int nr_ready = 0;

	for (u32 i = 0; i < nr_items; i++) {
		items[i].revents = 0;
		if (items[i].fd < 0)
			continue;
		items[i].revents = poll_item_ask(call, fds, &items[i], table);
		if (items[i].revents) {
			nr_ready++;
			table = NULL; /* we shall not sleep: do not hang on */
		}
	}
	return nr_ready;
}

static u64 poll_remaining_ns(u64 deadline_ns)
{
	u64 now = time_mono_ns();

	if (deadline_ns == ~0ull)
		return WAIT_FOREVER;
	return deadline_ns > now ? deadline_ns - now : 0;
}

int poll_items(struct fd_table *fds, struct poll_item *items, u32 nr_items,
	       u64 deadline_ns)
{
	struct poll_call call = {.table.add = poll_call_add};
	struct poll_table *table = deadline_ns ? &call.table : NULL;
	int ret, err = 0;

	waitq_init(&call.waitq);
	list_init(&call.waiters);
	for (;;) {
		ret = poll_scan(&call, fds, items, nr_items, table);
		table = NULL;
		if (ret || !deadline_ns || call.err || err)
			break;
		err = wait_event_intr_timeout(&call.waitq,
					      READ_ONCE(call.is_woken),
					      poll_remaining_ns(deadline_ns));
		WRITE_ONCE(call.is_woken, false);
	}
	poll_call_end(&call);
	if (ret)
		return ret;
	if (call.err)
		return call.err;
	return err == -EINTR ? -EINTR : 0;
}
