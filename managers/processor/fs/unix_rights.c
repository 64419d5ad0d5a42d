/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local sockets: open files on their way from one process to another
 * (SCM_RIGHTS).
 *
 * A file on its way may be a socket with files on their way in its queue, and
 * so on, as deep as a program likes.  So what is dropped unread is released in
 * a loop: the outermost drop of a thread takes the messages that turn up while
 * it puts files.
 *
 * A socket that was sent into itself, or round a circle, and then closed is
 * never released: nobody looks for circles.  The limit below bounds what that
 * can cost.
 */
#include <managers/processor/fs/unix_io.h>

#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <managers/processor/fs/file.h>
#include <mm/slab.h>

#define FILES_IN_FLIGHT_MAX 4096 /* of all programs */

/* One thread that drops messages. */
struct unix_drain {
	struct list_head node; /* [unix_drains_lock] */
	struct thread *thread; /* [set once] */
	struct list_head msgs; /* to be dropped; the thread's alone */
};

static DEFINE_SPINLOCK(unix_drains_lock, LOCK_LEAF);
static struct list_head unix_drains = LIST_HEAD_INIT(unix_drains);
static atomic_t nr_in_flight;

int unix_rights_send(struct unix_msg *m, struct unix_io *io)
{
	int nr = (int)io->nr_files;

	if (atomic_add_return(&nr_in_flight, nr) > FILES_IN_FLIGHT_MAX) {
		atomic_sub(&nr_in_flight, nr);
		return -ETOOMANYREFS;
	}
	m->files = io->files;
	m->nr_files = io->nr_files;
	io->files = NULL;
	io->nr_files = 0;
	return 0;
}

void unix_rights_receive(struct unix_io *io, struct unix_msg *m)
{
	io->files = m->files;
	io->nr_files = m->nr_files;
	m->files = NULL;
	m->nr_files = 0;
	atomic_sub(&nr_in_flight, (int)io->nr_files);
}

/* The drop that this thread is at, or NULL and @mine begins. */
static struct unix_drain *drain_begin(struct unix_drain *mine)
{
	struct unix_drain *d;

	mine->thread = current_thread();
	list_init(&mine->msgs);
	spin_lock(&unix_drains_lock);
	list_for_each_entry (d, &unix_drains, node) {
		if (d->thread == mine->thread) {
			spin_unlock(&unix_drains_lock);
			return d;
		}
	}
	list_add(&mine->node, &unix_drains);
	spin_unlock(&unix_drains_lock);
	return NULL;
}

static void drain_end(struct unix_drain *mine)
{
	spin_lock(&unix_drains_lock);
	list_del(&mine->node);
	spin_unlock(&unix_drains_lock);
}

static void drop(struct unix_msg *m)
{
	for (u32 i = 0; i < m->nr_files; i++)
		file_put(m->files[i]);
	atomic_sub(&nr_in_flight, (int)m->nr_files);
	kfree(m->files);
	kfree(m);
}

void unix_msg_free(struct unix_msg *m)
{
	struct unix_drain mine, *outer;

	if (!m->nr_files) {
		drop(m);
		return;
	}
	outer = drain_begin(&mine);
	if (outer) {
		list_add_tail(&m->node, &outer->msgs);
		return;
	}
	drop(m);
	while (!list_empty(&mine.msgs)) {
		m = list_first_entry(&mine.msgs, struct unix_msg, node);
		list_del(&m->node);
		drop(m);
	}
	drain_end(&mine);
}
