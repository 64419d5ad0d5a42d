/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eventfd(2): a 64-bit counter to wait for. */
#include <kernel/assert.h>
#include <lib/errno.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/proc/signal.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/slab.h>

#define EVENTFD_MAX (~0ull - 1)

struct eventfd {
	struct spinlock lock;
	u64 count; /* [lock] */
	bool is_semaphore;
	struct poll_head head;
};

/* Take the count (1 of it for a semaphore); false if it is 0. */
static bool eventfd_take(struct eventfd *e, u64 *value)
{
	bool is_taken;

	spin_lock(&e->lock);
	is_taken = e->count;
	*value = e->is_semaphore ? 1 : e->count;
	if (is_taken)
		e->count -= *value;
	spin_unlock(&e->lock);
	return is_taken;
}

static bool eventfd_add(struct eventfd *e, u64 value)
{
	bool is_added;

	spin_lock(&e->lock);
	is_added = value <= EVENTFD_MAX - e->count;
	if (is_added)
		e->count += value;
	spin_unlock(&e->lock);
	return is_added;
}

static ssize_t eventfd_read(struct file *file, struct uio *uio, u64 *pos)
{
	struct eventfd *e = file->priv;
	bool is_taken;
	u64 value;
	int err;

	if (uio->resid_bytes < sizeof(value))
		return -EINVAL;
	is_taken = eventfd_take(e, &value);
	if (!is_taken && file->flags & O_NONBLOCK)
		return -EAGAIN;
	if (!is_taken) {
		err = wait_event_intr(
			&e->head.waitq,
			is_taken || (is_taken = eventfd_take(e, &value)));
		if (err)
			return syscall_restartable(err);
	}
	poll_wake(&e->head, POLLOUT);
	return uio_put(uio, &value, sizeof(value)) ? -EFAULT
						   : (ssize_t)sizeof(value);
}

static ssize_t eventfd_write(struct file *file, struct uio *uio, u64 *pos)
{
	struct eventfd *e = file->priv;
	bool is_added;
	u64 value;
	int err;

	if (uio->resid_bytes < sizeof(value))
		return -EINVAL;
	if (uio_get(uio, &value, sizeof(value)))
		return -EFAULT;
	if (value == ~0ull)
		return -EINVAL;
	is_added = eventfd_add(e, value);
	if (!is_added && file->flags & O_NONBLOCK)
		return -EAGAIN;
	if (!is_added) {
		err = wait_event_intr(
			&e->head.waitq,
			is_added || (is_added = eventfd_add(e, value)));
		if (err)
			return syscall_restartable(err);
	}
	poll_wake(&e->head, POLLIN);
	return sizeof(value);
}

static u32 eventfd_poll(struct file *file, struct poll_table *table)
{
	struct eventfd *e = file->priv;
	u64 count;

	poll_wait(table, &e->head);
	count = READ_ONCE(e->count);
	return (count ? POLLIN | POLLRDNORM : 0) |
	       (count < EVENTFD_MAX ? POLLOUT | POLLWRNORM : 0);
}

static void eventfd_release(struct file *file)
{
	kfree(file->priv);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

long sys_eventfd2(u64 a0, u64 a1)
{
	u32 flags = a1;
	struct eventfd *e;
	struct file *file;
	int fd;

	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	spin_lock_init(&e->lock, "eventfd", LOCK_LEAF);
	poll_head_init(&e->head, LOCK_POLL);
	e->count = (u32)a0;
	e->is_semaphore = flags & EFD_SEMAPHORE;
	fd = anon_file_create("[eventfd]", 0600, O_RDWR | (flags & O_NONBLOCK),
			      &eventfd_ops, e, NULL, &file);
	if (fd) {
		kfree(e);
		return fd;
	}
	fd = fd_install(current_files(), file, 0, flags);
	if (fd < 0)
		file_put(file);
	return fd;
}

long sys_eventfd(u64 a0)
{
	return sys_eventfd2(a0, 0);
}
