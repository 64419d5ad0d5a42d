/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * epoll(7).
 *
 * An epoll holds items, each watching one (file, descriptor).  An item hangs
 * a waiter on each poll_head of its file; when one is woken the item goes on
 * the ready list.  epoll_wait takes items off that list and asks their file
 * again: what it says then is what counts.  Level-triggered items that are
 * still ready go back on the list.
 *
 * Items hold no reference to their file: a file that goes takes its items
 * along (epoll_file_gone).  epoll_mutex orders all changes of items, and
 * everybody who follows item->file holds it.
 *
 * An epoll may watch epolls, which form no circle and no chain of more than
 * EPOLL_MAX_CHAIN.  An item that watches an epoll hangs on no poll_head but
 * is one of the epoll's parents: a wake goes up to all of them with nest_lock
 * held, instead of one head's lock in the next one's.
 */
#include <managers/processor/fs/epoll.h>

#include <kernel/assert.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/proc/signal.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/slab.h>

#define EPOLL_MAX_EVENTS   1024u
#define EPOLL_ITEM_WAITERS 2u /* heads of one file: pipes have two */
#define EPOLL_MAX_CHAIN    5u /* epolls, each watching the next: epoll_ctl(2) */

/* Bits of epoll_event.events that are no events. */
#define EPOLL_PRIVATE (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

struct epoll;
struct epoll_item;

struct epoll_waiter {
	struct poll_waiter waiter;
	struct epoll_item *item;
};

struct epoll_item {
	struct list_head in_epoll; /* [epoll_mutex] */
	struct list_head in_file;  /* file->epolls [epoll_mutex] */
	struct list_head in_ready; /* [epoll->lock] */
	struct list_head in_child; /* parents of the epoll it watches
				      [nest_lock and that epoll's lock] */
	struct epoll *epoll;
	struct file *file; /* no reference */
	int fd;
	struct uapi_epoll_event event; /* [epoll_mutex] */
	struct epoll_waiter waiters[EPOLL_ITEM_WAITERS];
	u32 nr_waiters;
};

struct epoll {
	struct list_head items; /* [epoll_mutex] */
	struct spinlock lock;
	struct list_head ready;   /* [lock] */
	struct list_head parents; /* items that watch this epoll: changed with
				     nest_lock and lock, read with one */
	struct poll_head head;
	u64 wave;  /* of wakes, the last that came here [nest_lock] */
	u64 walk;  /* of depth_of(), the last that came here... */
	u32 depth; /* ...and what it found [epoll_mutex] */
};

static DEFINE_MUTEX(epoll_mutex, LOCK_EPOLL_TREE);
static DEFINE_SPINLOCK(nest_lock, LOCK_EPOLL_NEST);
static const struct file_ops epoll_ops;
static u32 epoll_events(struct epoll *ep);

/* The epoll that @item watches; NULL: another file. */
static struct epoll *epoll_child(const struct epoll_item *item)
{
	return item->file->ops == &epoll_ops ? item->file->priv : NULL;
}

/* Put @item on the ready list, unless it is there.
 * Return: true if somebody watches its epoll. */
static bool epoll_put_ready(struct epoll_item *item)
{
	struct epoll *ep = item->epoll;
	u64 flags = spin_lock_irqsave(&ep->lock);
	bool has_parents = !list_empty(&ep->parents);

	if (list_empty(&item->in_ready))
		list_add_tail(&item->in_ready, &ep->ready);
	spin_unlock_irqrestore(&ep->lock, flags);
	return has_parents;
}

static bool epoll_put_ready_and_wake(struct epoll_item *item)
{
	bool has_parents = epoll_put_ready(item);

	poll_wake(&item->epoll->head, POLLIN);
	return has_parents;
}

/* Each parent once, however many ways lead to it. nest_lock held. */
static void epoll_wake_parents(struct epoll *ep, u64 wave)
{
	struct epoll_item *item;

	ASSERT_LOCKED(&nest_lock);
	if (ep->wave == wave)
		return;
	ep->wave = wave;
	list_for_each_entry (item, &ep->parents, in_child)
		if (epoll_put_ready_and_wake(item))
			epoll_wake_parents(item->epoll, wave);
}

static void epoll_mark_ready(struct epoll_item *item)
{
	static u64 nr_waves; /* [nest_lock] */
	u64 flags;

	if (!epoll_put_ready_and_wake(item))
		return;
	flags = spin_lock_irqsave(&nest_lock);
	epoll_wake_parents(item->epoll, ++nr_waves);
	spin_unlock_irqrestore(&nest_lock, flags);
}

static struct epoll_item *epoll_take_ready(struct epoll *ep,
					   struct list_head *from)
{
	u64 flags = spin_lock_irqsave(&ep->lock);
	struct epoll_item *item =
		list_first_entry_or_null(from, struct epoll_item, in_ready);

	if (item)
		list_del_init(&item->in_ready);
	spin_unlock_irqrestore(&ep->lock, flags);
	return item;
}

static bool epoll_has_ready(struct epoll *ep)
{
	return !list_empty(&ep->ready);
}

/* ---- items
 * ------------------------------------------------------------------------ */

static void epoll_item_wake(struct poll_waiter *waiter, u32 events)
{
	struct epoll_waiter *w =
		container_of(waiter, struct epoll_waiter, waiter);

	epoll_mark_ready(w->item);
}

struct epoll_table {
	struct poll_table table;
	struct epoll_item *item;
};

static void epoll_item_add_head(struct poll_table *table,
				struct poll_head *head)
{
	struct epoll_item *item =
		container_of(table, struct epoll_table, table)->item;
	struct epoll_waiter *w;

	CHECK(item->nr_waiters < EPOLL_ITEM_WAITERS);
	w = &item->waiters[item->nr_waiters++];
	w->item = item;
	w->waiter.wake = epoll_item_wake;
	poll_waiter_add(&w->waiter, head);
}

/* What @item's file is ready for, of what it was asked. epoll_mutex held. */
static u32 epoll_item_poll(struct epoll_item *item)
{
	u32 want = item->event.events & ~EPOLL_PRIVATE;
	struct epoll *child = epoll_child(item);
	u32 is;

	if (!want)
		return 0; /* one shot that was fired */
	is = child ? epoll_events(child)
		   : item->file->ops->poll(item->file, NULL);
	return is & want;
}

/* What an epoll is ready for: items that were woken, but whose files are
 * ready no more, do not count, and leave the list. epoll_mutex held. */
static u32 epoll_events(struct epoll *ep)
{
	struct epoll_item *item;
	bool is_ready = false;
	u64 flags;

	ASSERT(mutex_is_locked(&epoll_mutex));
	while (!is_ready && (item = epoll_take_ready(ep, &ep->ready))) {
		if (!epoll_item_poll(item))
			continue;
		flags = spin_lock_irqsave(&ep->lock);
		list_move(&item->in_ready, &ep->ready);
		spin_unlock_irqrestore(&ep->lock, flags);
		/* Who looked while the item was not there. */
		waitq_wake_all(&ep->head.waitq);
		is_ready = true;
	}
	return is_ready ? POLLIN | POLLRDNORM : 0;
}

/* ---- epolls in epolls
 * ----------------------------------------------------------------- */

/* Of the chains of epolls that begin at @ep and go down, or up: the longest.
 * epoll_mutex held. */
static u32 depth_of(struct epoll *ep, bool goes_down, u64 walk)
{
	struct epoll_item *item;

	if (ep->walk == walk)
		return ep->depth;
	ep->walk = walk;
	ep->depth = 1;
	if (goes_down) {
		list_for_each_entry (item, &ep->items, in_epoll)
			if (epoll_child(item))
				ep->depth = max(ep->depth,
						1 + depth_of(epoll_child(item),
							     true, walk));
	} else {
		list_for_each_entry (item, &ep->parents, in_child)
			ep->depth = max(ep->depth,
					1 + depth_of(item->epoll, false, walk));
	}
	return ep->depth;
}

/* May @ep watch @child? epoll_mutex held. */
static int epoll_may_nest(struct epoll *ep, struct epoll *child)
{
	static u64 nr_walks; /* [epoll_mutex] */
	u32 below = depth_of(child, true, ++nr_walks);

	if (ep->walk == nr_walks) /* it was met below @child */
		return -ELOOP;
	return below + depth_of(ep, false, ++nr_walks) > EPOLL_MAX_CHAIN
		       ? -ELOOP
		       : 0;
}

/* Put @item among the parents of the epoll it watches, or take it away. */
static void epoll_set_parent(struct epoll_item *item, struct epoll *child,
			     bool is_parent)
{
	u64 flags = spin_lock_irqsave(&nest_lock);

	spin_lock(&child->lock);
	if (is_parent)
		list_add_tail(&item->in_child, &child->parents);
	else
		list_del(&item->in_child);
	spin_unlock(&child->lock);
	spin_unlock_irqrestore(&nest_lock, flags);
}

/* ---- changes
 * ------------------------------------------------------------------------ */

/* epoll_mutex held. */
static struct epoll_item *epoll_find(struct epoll *ep, struct file *file,
				     int fd)
{
	struct epoll_item *item;

	list_for_each_entry (item, &ep->items, in_epoll)
		if (item->file == file && item->fd == fd)
			return item;
	return NULL;
}

/* epoll_mutex held. */
static void epoll_item_remove(struct epoll_item *item)
{
	struct epoll *ep = item->epoll;
	u64 flags;

	for (u32 i = 0; i < item->nr_waiters; i++)
		poll_waiter_del(&item->waiters[i].waiter);
	if (epoll_child(item))
		epoll_set_parent(item, epoll_child(item), false);
	flags = spin_lock_irqsave(&ep->lock);
	list_del(&item->in_ready);
	spin_unlock_irqrestore(&ep->lock, flags);
	list_del(&item->in_epoll);
	list_del(&item->in_file);
	kfree(item);
}

void epoll_file_gone(struct file *file)
{
	struct epoll_item *item, *next;

	/* Without references nobody can add one any more. */
	if (list_empty(&file->epolls))
		return;
	mutex_lock(&epoll_mutex);
	list_for_each_entry_safe (item, next, &file->epolls, in_file)
		epoll_item_remove(item);
	mutex_unlock(&epoll_mutex);
}

static int epoll_add(struct epoll *ep, struct file *file, int fd,
		     const struct uapi_epoll_event *event)
{
	struct epoll_table table = {.table.add = epoll_item_add_head};
	struct epoll *child = file->ops == &epoll_ops ? file->priv : NULL;
	struct epoll_item *item;
	int err = child ? epoll_may_nest(ep, child) : 0;

	if (err)
		return err;
	if (epoll_find(ep, file, fd))
		return -EEXIST;
	item = kzalloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->epoll = ep;
	item->file = file;
	item->fd = fd;
	item->event = *event;
	list_init(&item->in_ready);
	list_add_tail(&item->in_epoll, &ep->items);
	list_add_tail(&item->in_file, &file->epolls);
	table.item = item;
	/* Hang on whatever is asked for: MOD may ask for more later. */
	if (child)
		epoll_set_parent(item, child, true);
	else
		(void)file->ops->poll(file, &table.table);
	if (epoll_item_poll(item))
		epoll_mark_ready(item);
	return 0;
}

static int epoll_modify(struct epoll *ep, struct file *file, int fd,
			const struct uapi_epoll_event *event)
{
	struct epoll_item *item = epoll_find(ep, file, fd);

	if (!item)
		return -ENOENT;
	item->event = *event;
	if (epoll_item_poll(item))
		epoll_mark_ready(item);
	return 0;
}

static int epoll_delete(struct epoll *ep, struct file *file, int fd)
{
	struct epoll_item *item = epoll_find(ep, file, fd);

	if (!item)
		return -ENOENT;
	epoll_item_remove(item);
	return 0;
}

/* ---- collecting
 * --------------------------------------------------------------------- */

/* Up to @max events that are true now; how many. */
static u32 epoll_collect(struct epoll *ep, struct uapi_epoll_event *events,
			 u32 max_events)
{
	struct epoll_item *item;
	LIST_HEAD(scan);
	u32 nr = 0;
	u64 flags;

	mutex_lock(&epoll_mutex);
	/* Items that are woken from now on, while they are on no list, go on
	 * ep->ready and have their turn next time. */
	flags = spin_lock_irqsave(&ep->lock);
	list_splice_tail_init(&ep->ready, &scan);
	spin_unlock_irqrestore(&ep->lock, flags);
	while (nr < max_events && (item = epoll_take_ready(ep, &scan))) {
		u32 is = epoll_item_poll(item);

		if (!is)
			continue;
		events[nr++] = (struct uapi_epoll_event){
			.events = is, .data = item->event.data};
		if (item->event.events & EPOLLONESHOT)
			item->event.events &= EPOLL_PRIVATE;
		else if (!(item->event.events & EPOLLET))
			(void)epoll_put_ready(item);
	}
	flags = spin_lock_irqsave(&ep->lock);
	list_splice_tail_init(&ep->ready, &scan);
	list_splice_tail_init(&scan, &ep->ready);
	spin_unlock_irqrestore(&ep->lock, flags);
	/* Who looked while the items were not there. */
	if (epoll_has_ready(ep))
		waitq_wake_all(&ep->head.waitq);
	mutex_unlock(&epoll_mutex);
	return nr;
}

static int epoll_wait_events(struct epoll *ep, struct uapi_epoll_event *events,
			     u32 max_events, u64 deadline_ns)
{
	for (;;) {
		u32 nr = epoll_collect(ep, events, max_events);
		u64 now = time_mono_ns();
		int err;

		if (nr || deadline_ns <= now)
			return nr;
		err = wait_event_intr_timeout(
			&ep->head.waitq, epoll_has_ready(ep),
			deadline_ns == ~0ull ? WAIT_FOREVER
					     : deadline_ns - now);
		if (err == -EINTR)
			return err;
	}
}

/* ---- the file
 * -------------------------------------------------------------------------- */

static u32 epoll_poll(struct file *file, struct poll_table *table)
{
	struct epoll *ep = file->priv;
	u32 events;

	poll_wait(table, &ep->head);
	mutex_lock(&epoll_mutex);
	events = epoll_events(ep);
	mutex_unlock(&epoll_mutex);
	return events;
}

static void epoll_release(struct file *file)
{
	struct epoll *ep = file->priv;
	struct epoll_item *item, *next;

	mutex_lock(&epoll_mutex);
	list_for_each_entry_safe (item, next, &ep->items, in_epoll)
		epoll_item_remove(item);
	mutex_unlock(&epoll_mutex);
	kfree(ep);
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.release = epoll_release,
};

/* ---- system calls
 * ------------------------------------------------------------------------ */

long sys_epoll_create1(u64 a0)
{
	u32 flags = a0;
	struct epoll *ep;
	struct file *file;
	int fd;

	if (flags & ~O_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep));
	if (!ep)
		return -ENOMEM;
	list_init(&ep->items);
	list_init(&ep->ready);
	list_init(&ep->parents);
	spin_lock_init(&ep->lock, "epoll", LOCK_EPOLL);
	poll_head_init(&ep->head, LOCK_POLL_EPOLL);
	fd = anon_file_create("[eventpoll]", 0600, O_RDWR, &epoll_ops, ep, NULL,
			      &file);
	if (fd) {
		kfree(ep);
		return fd;
	}
	fd = fd_install(current_files(), file, 0, flags);
	if (fd < 0)
		file_put(file);
	return fd;
}

long sys_epoll_create(u64 a0)
{
	return (s32)a0 <= 0 ? -EINVAL : sys_epoll_create1(0);
}

/* The file of @epfd if it is an epoll; a reference. */
static int epoll_get(int epfd, struct file **out)
{
	struct file *file = fd_get(current_files(), epfd);

	if (!file)
		return -EBADF;
	if (file->ops != &epoll_ops) {
		file_put(file);
		return -EINVAL;
	}
	*out = file;
	return 0;
}

long sys_epoll_ctl(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct uapi_epoll_event event = {0};
	struct file *epfile, *file;
	int op = a1, fd = a2, err;

	if (op != EPOLL_CTL_DEL && copy_from_user(&event, a3, sizeof(event)))
		return -EFAULT;
	event.events |= POLLERR | POLLHUP; /* nobody can refuse to hear these */
	err = epoll_get(a0, &epfile);
	if (err)
		return err;
	file = fd_get(current_files(), fd);
	err = -EBADF;
	if (!file)
		goto put_epoll;
	err = -EPERM; /* regular files and directories are always ready */
	if (!file->ops->poll)
		goto put_file;
	err = -EINVAL;
	if (file == epfile)
		goto put_file;
	if (event.events & EPOLLEXCLUSIVE &&
	    (op == EPOLL_CTL_MOD || file->ops == &epoll_ops))
		goto put_file;
	mutex_lock(&epoll_mutex);
	if (op == EPOLL_CTL_ADD)
		err = epoll_add(epfile->priv, file, fd, &event);
	else if (op == EPOLL_CTL_MOD)
		err = epoll_modify(epfile->priv, file, fd, &event);
	else if (op == EPOLL_CTL_DEL)
		err = epoll_delete(epfile->priv, file, fd);
	mutex_unlock(&epoll_mutex);
put_file:
	file_put(file);
put_epoll:
	file_put(epfile);
	return err;
}

static long epoll_wait_call(int epfd, u64 events_vaddr, int max_events,
			    u64 deadline_ns)
{
	struct uapi_epoll_event *events;
	struct file *file;
	int nr;

	if (max_events <= 0 || max_events > (s32)(0x7fffffff / sizeof(*events)))
		return -EINVAL;
	nr = epoll_get(epfd, &file);
	if (nr)
		return nr;
	max_events = min((u32)max_events, EPOLL_MAX_EVENTS);
	events = kmalloc(max_events * sizeof(*events));
	if (!events) {
		file_put(file);
		return -ENOMEM;
	}
	nr = epoll_wait_events(file->priv, events, max_events, deadline_ns);
	if (nr > 0 && copy_to_user(events_vaddr, events, nr * sizeof(*events)))
		nr = -EFAULT;
	kfree(events);
	file_put(file);
	return nr;
}

static u64 epoll_deadline(s32 timeout_ms)
{
	if (timeout_ms < 0)
		return ~0ull;
	if (timeout_ms == 0)
		return 0;
	return time_mono_ns() + timeout_ms * NSEC_PER_MSEC;
}

long sys_epoll_wait(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return epoll_wait_call(a0, a1, a2, epoll_deadline(a3));
}

long sys_epoll_pwait(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	int err = signal_mask_arg(a4, a5);

	return err ? err : epoll_wait_call(a0, a1, a2, epoll_deadline(a3));
}
