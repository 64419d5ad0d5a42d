/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/pipe.h>

#include <kernel/assert.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/current.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/proc/signal.h>
#include <mm/slab.h>
#include <uapi/termios.h>

struct pipe {
	struct anon_object object;
	struct mutex lock;
	u8 *buf;        /* [lock] */
	u32 capacity;   /* [lock] */
	u32 start;      /* of the bytes in buf [lock] */
	u32 len_bytes;  /* [lock; read without it by waiters] */
	u32 nr_readers; /* open files [lock; as above] */
	u32 nr_writers; /* [lock; as above] */
	/* Ever opened: who waits for the other side sees it come, even if it
	 * is gone again. */
	u32 nr_reader_opens; /* [lock; read without it by waiters] */
	u32 nr_writer_opens; /* [lock; as above] */
	struct vnode *vnode; /* of a FIFO [set once] */
	u32 nr_fifo_users;   /* its files, and who opens it [fifo_mutex] */
	struct poll_head readable;
	struct poll_head writable;
};

/* The pipes of FIFOs: vnode->fifo, and who uses them. */
static DEFINE_MUTEX(fifo_mutex, LOCK_SOCKET);

static struct pipe *pipe_alloc(void)
{
	struct pipe *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->buf = kmalloc(PIPE_DEFAULT_BYTES);
	if (!p->buf) {
		kfree(p);
		return NULL;
	}
	p->capacity = PIPE_DEFAULT_BYTES;
	mutex_init(&p->lock, "pipe", LOCK_PIPE);
	poll_head_init(&p->readable, LOCK_POLL);
	poll_head_init(&p->writable, LOCK_POLL);
	return p;
}

static void pipe_free(struct anon_object *object)
{
	struct pipe *p = container_of(object, struct pipe, object);

	kfree(p->buf);
	kfree(p);
}

/* ---- the ring
 * -------------------------------------------------------------------- */

/* Move up to what is there to @uio; bytes moved or -EFAULT.  Lock held. */
static ssize_t pipe_take(struct pipe *p, struct uio *uio)
{
	ssize_t done = 0;

	while (p->len_bytes && uio->resid_bytes) {
		u32 n = min(p->len_bytes, p->capacity - p->start);

		u64 before = uio->resid_bytes;
		int err = uio_put(uio, p->buf + p->start, min((u64)n, before));

		n = (u32)(before - uio->resid_bytes);
		p->start = (p->start + n) % p->capacity;
		p->len_bytes -= n;
		done += n;
		if (err)
			return done ? done : err;
	}
	return done;
}

/* Move up to what there is room for from @uio. Lock held. */
static ssize_t pipe_fill(struct pipe *p, struct uio *uio)
{
	ssize_t done = 0;

	while (p->len_bytes < p->capacity && uio->resid_bytes) {
		u32 at = (p->start + p->len_bytes) % p->capacity;
		u32 n = min(p->capacity - p->len_bytes, p->capacity - at);

		u64 before = uio->resid_bytes;
		int err = uio_get(uio, p->buf + at, min((u64)n, before));

		n = (u32)(before - uio->resid_bytes);
		p->len_bytes += n;
		done += n;
		if (err)
			return done ? done : err;
	}
	return done;
}

/* ---- reading and writing
 * ------------------------------------------------------------ */

static ssize_t pipe_read(struct file *file, struct uio *uio, u64 *pos)
{
	struct pipe *p = file->priv;
	ssize_t n;

	if (!uio->resid_bytes)
		return 0;
	for (;;) {
		bool has_writers;
		int err;

		mutex_lock(&p->lock);
		n = pipe_take(p, uio);
		has_writers = p->nr_writers;
		mutex_unlock(&p->lock);
		if (n) {
			poll_wake(&p->writable, POLLOUT | POLLWRNORM);
			return n;
		}
		if (!has_writers)
			return 0;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_intr(&p->readable.waitq,
				      READ_ONCE(p->len_bytes) ||
					      !READ_ONCE(p->nr_writers));
		if (err)
			return syscall_restartable(err);
	}
}

/* Is there room for a writer with @want bytes left? */
static bool pipe_has_room(const struct pipe *p, u64 want)
{
	u32 room = READ_ONCE(p->capacity) - READ_ONCE(p->len_bytes);

	return room && (want > PIPE_BUF || room >= want);
}

static ssize_t pipe_write(struct file *file, struct uio *uio, u64 *pos)
{
	struct pipe *p = file->priv;
	u64 want = uio->resid_bytes;
	ssize_t done = 0, n;

	if (!want)
		return 0;
	for (;;) {
		int err = 0;

		n = 0;
		mutex_lock(&p->lock);
		if (!p->nr_readers)
			n = -EPIPE;
		else if (pipe_has_room(p, want))
			n = pipe_fill(p, uio);
		mutex_unlock(&p->lock);
		if (n > 0) {
			done += n;
			poll_wake(&p->readable, POLLIN | POLLRDNORM);
		}
		if (n < 0 || !uio->resid_bytes)
			break;
		if (file->flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = syscall_restartable(wait_event_intr(
				&p->writable.waitq,
				pipe_has_room(p, want) ||
					!READ_ONCE(p->nr_readers)));
		if (err)
			return done ? done : err;
	}
	if (n == -EPIPE && !done)
		current_signal(SIGPIPE);
	return done ? done : n;
}

static u32 pipe_poll(struct file *file, struct poll_table *table)
{
	struct pipe *p = file->priv;
	u32 events = 0;

	if (file_can_read(file)) {
		poll_wait(table, &p->readable);
		if (READ_ONCE(p->len_bytes))
			events |= POLLIN | POLLRDNORM;
		if (!READ_ONCE(p->nr_writers) &&
		    READ_ONCE(p->nr_writer_opens) != file->pos)
			events |= POLLHUP;
	}
	if (file_can_write(file)) {
		poll_wait(table, &p->writable);
		if (pipe_has_room(p, PIPE_BUF))
			events |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(p->nr_readers))
			events |= POLLERR;
	}
	return events;
}

static s64 pipe_ioctl(struct file *file, u32 cmd, u64 arg)
{
	struct pipe *p = file->priv;

	if (cmd == FIONREAD)
		return put_user_u32(arg, READ_ONCE(p->len_bytes));
	return -ENOTTY;
}

/* ---- opening and closing
 * --------------------------------------------------------------- */

/*
 * Count @file among the pipe's readers or writers.  It notes how often the
 * other side was opened before it: a FIFO's reader waits for a writer it has
 * not seen, and until then no writer is no end; a writer waits for a reader.
 * One that has the other side open now was not before it, but may be gone
 * before anybody looks again.
 */
static void pipe_attach(struct pipe *p, struct file *file)
{
	mutex_lock(&p->lock);
	file->pos = file_can_read(file) ? p->nr_writer_opens - !!p->nr_writers
					: p->nr_reader_opens - !!p->nr_readers;
	if (file_can_read(file)) {
		p->nr_readers++;
		p->nr_reader_opens++;
	}
	if (file_can_write(file)) {
		p->nr_writers++;
		p->nr_writer_opens++;
	}
	mutex_unlock(&p->lock);
	poll_wake(&p->readable, 0);
	poll_wake(&p->writable, 0);
}

static void fifo_put(struct pipe *p);

static void pipe_release(struct file *file)
{
	struct pipe *p = file->priv;

	mutex_lock(&p->lock);
	if (file_can_read(file))
		p->nr_readers--;
	if (file_can_write(file))
		p->nr_writers--;
	mutex_unlock(&p->lock);
	poll_wake(&p->readable, POLLHUP);
	poll_wake(&p->writable, POLLERR);
	if (p->vnode)
		fifo_put(p);
}

static const struct file_ops pipe_read_ops = {
	.read = pipe_read,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};
static const struct file_ops pipe_write_ops = {
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

static const struct file_ops pipe_both_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

static void pipe_choose_ops(struct pipe *p, struct file *file)
{
	if ((file->flags & O_ACCMODE) == O_RDONLY)
		file->ops = &pipe_read_ops;
	else if ((file->flags & O_ACCMODE) == O_WRONLY)
		file->ops = &pipe_write_ops;
	else
		file->ops = &pipe_both_ops;
	file->priv = p;
	pipe_attach(p, file);
}

/* open("/proc/self/fd/0") of a pipe: one more reader or writer. */
static int pipe_reopen(struct anon_object *object, struct file *file)
{
	pipe_choose_ops(container_of(object, struct pipe, object), file);
	return 0;
}

int pipe_create(u32 flags, struct file **read_end, struct file **write_end)
{
	struct pipe *p = pipe_alloc();
	int err;

	if (!p)
		return -ENOMEM;
	p->object.reopen = pipe_reopen;
	p->object.free = pipe_free;
	err = anon_file_create("pipe", S_IFIFO | 0600,
			       O_RDONLY | (flags & O_NONBLOCK), &pipe_read_ops,
			       p, &p->object, read_end);
	if (err)
		return err;
	pipe_attach(p, *read_end);
	err = anon_file_again(*read_end, O_WRONLY | (flags & O_NONBLOCK),
			      &pipe_write_ops, p, write_end);
	if (err) {
		file_put(*read_end);
		return err;
	}
	pipe_attach(p, *write_end);
	return 0;
}

/* ---- FIFOs: pipes with a name ------------------------------------------ */

/* The pipe of @vn, made by the first who opens it. */
static struct pipe *fifo_get(struct vnode *vn)
{
	struct pipe *p;

	mutex_lock(&fifo_mutex);
	p = vn->fifo;
	if (!p) {
		p = pipe_alloc();
		if (p)
			p->vnode = vn;
		vn->fifo = p;
	}
	if (p)
		p->nr_fifo_users++;
	mutex_unlock(&fifo_mutex);
	return p;
}

/* What nobody has read goes with the last user. */
static void fifo_put(struct pipe *p)
{
	bool is_last;

	mutex_lock(&fifo_mutex);
	is_last = !--p->nr_fifo_users;
	if (is_last)
		p->vnode->fifo = NULL;
	mutex_unlock(&fifo_mutex);
	if (is_last)
		pipe_free(&p->object);
}

/* Sleep until somebody has the other side open, or had it since. */
static int fifo_wait(struct pipe *p, struct file *file)
{
	if ((file->flags & O_ACCMODE) == O_RDONLY)
		return wait_event_intr(&p->readable.waitq,
				       READ_ONCE(p->nr_writers) ||
					       READ_ONCE(p->nr_writer_opens) !=
						       file->pos);
	if ((file->flags & O_ACCMODE) == O_WRONLY)
		return wait_event_intr(&p->writable.waitq,
				       READ_ONCE(p->nr_readers) ||
					       READ_ONCE(p->nr_reader_opens) !=
						       file->pos);
	return 0; /* fifo(7): both sides at once never wait */
}

int fifo_open(struct file *file)
{
	struct pipe *p = fifo_get(file->vnode);
	int err = 0;

	if (!p)
		return -ENOMEM;
	if ((file->flags & O_ACCMODE) == O_WRONLY && file->flags & O_NONBLOCK &&
	    !READ_ONCE(p->nr_readers)) {
		fifo_put(p);
		return -ENXIO;
	}
	pipe_choose_ops(p, file);
	if (!(file->flags & O_NONBLOCK))
		err = syscall_restartable(fifo_wait(p, file));
	if (err)
		pipe_release(file);
	return err;
}

/* ---- size -------------------------------------------------------------- */

static struct pipe *pipe_of(struct file *file)
{
	return file->ops->release == pipe_release ? file->priv : NULL;
}

int pipe_size(struct file *file)
{
	struct pipe *p = pipe_of(file);

	return p ? (int)p->capacity : -EBADF;
}

int pipe_set_size(struct file *file, u64 bytes)
{
	struct pipe *p = pipe_of(file);
	u32 capacity = PIPE_BUF;
	struct uio uio;
	u8 *buf;

	if (!p)
		return -EBADF;
	if (bytes > PIPE_MAX_BYTES)
		return -EPERM;
	while (capacity < bytes)
		capacity *= 2;
	buf = kmalloc(capacity);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&p->lock);
	if (p->len_bytes > capacity) {
		mutex_unlock(&p->lock);
		kfree(buf);
		return -EBUSY;
	}
	uio_init_kernel(&uio, buf, capacity);
	ssize_t len = pipe_take(p, &uio);

	swap(p->buf, buf);
	p->capacity = capacity;
	p->start = 0;
	p->len_bytes = len;
	mutex_unlock(&p->lock);
	kfree(buf);
	poll_wake(&p->writable, POLLOUT | POLLWRNORM);
	return capacity;
}
