/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/stdio.h>

#include <drivers/serial.h>
#include <kernel/assert.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/line.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/proc/signal.h>
#include <mm/slab.h>
#include <uapi/termios.h>

/* What a program has not read yet.  When it is full the line is stopped and
 * the other end keeps the rest: that holds a ^C back too, so it is large. */
#define STDIN_BYTES (1u << 20)
#define STDIO_CHUNK 512u

static struct {
	struct spinlock lock; /* taken in interrupts */
	u8 *buf;              /* ring [set before input is expected] */
	u32 start;            /* [lock] */
	u32 len_bytes;        /* [lock] */
	bool is_stopped;      /* the line [lock] */
	bool is_eof;          /* [lock] */
	struct poll_head head;
	struct mutex write_lock;
} stdio;

void stdio_init(void)
{
	spin_lock_init(&stdio.lock, "stdin", LOCK_TERMINAL);
	poll_head_init(&stdio.head, LOCK_POLL);
	mutex_init(&stdio.write_lock, "stdout", LOCK_PIPE);
}

int stdio_prepare_input(void)
{
	if (!stdio.buf)
		stdio.buf = kmalloc(STDIN_BYTES);
	stdio.start = 0;
	stdio.len_bytes = 0;
	stdio.is_eof = false;
	return stdio.buf ? 0 : -ENOMEM;
}

void stdio_receive(u8 byte)
{
	u64 flags = spin_lock_irqsave(&stdio.lock);

	if (stdio.buf && stdio.len_bytes < STDIN_BYTES)
		stdio.buf[(stdio.start + stdio.len_bytes++) % STDIN_BYTES] =
			byte;
	if (stdio.len_bytes == STDIN_BYTES && !stdio.is_stopped) {
		stdio.is_stopped = true;
		serial_tty_set_throttled(true);
	}
	spin_unlock_irqrestore(&stdio.lock, flags);
	poll_wake(&stdio.head, POLLIN);
}

void stdio_receive_eof(void)
{
	u64 flags = spin_lock_irqsave(&stdio.lock);

	stdio.is_eof = true;
	spin_unlock_irqrestore(&stdio.lock, flags);
	poll_wake(&stdio.head, POLLIN | POLLHUP);
}

void stdio_writable(void)
{
	poll_wake(&stdio.head, POLLOUT);
}

/* Take up to @size bytes; *@is_eof: there will be no more. */
static u32 stdin_take(u8 *buf, u32 size, bool *is_eof)
{
	u64 flags = spin_lock_irqsave(&stdio.lock);
	u32 n = min(size, stdio.len_bytes);

	for (u32 i = 0; i < n; i++)
		buf[i] = stdio.buf[(stdio.start + i) % STDIN_BYTES];
	stdio.start = (stdio.start + n) % STDIN_BYTES;
	stdio.len_bytes -= n;
	*is_eof = stdio.is_eof;
	if (stdio.is_stopped && stdio.len_bytes < STDIN_BYTES / 2) {
		stdio.is_stopped = false;
		serial_tty_set_throttled(false);
	}
	spin_unlock_irqrestore(&stdio.lock, flags);
	return n;
}

static bool stdin_is_ready(void)
{
	return READ_ONCE(stdio.len_bytes) || READ_ONCE(stdio.is_eof);
}

static ssize_t stdin_read(struct file *file, struct uio *uio, u64 *pos)
{
	u8 buf[STDIO_CHUNK];
	ssize_t done = 0;
	bool is_eof;
	u32 n;

	while (uio->resid_bytes) {
		n = stdin_take(buf, min(uio->resid_bytes, sizeof(buf)),
			       &is_eof);
		if (n && uio_put(uio, buf, n))
			return done ? done : -EFAULT;
		done += n;
		if (n)
			continue;
		if (done || is_eof)
			break;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_intr(&stdio.head.waitq, stdin_is_ready()))
			return -ERESTARTSYS;
	}
	return done;
}

static ssize_t stream_write(struct file *file, struct uio *uio, u64 *pos)
{
	enum line_channel channel = (u64)file->priv;
	bool may_wait = !(file->flags & O_NONBLOCK);
	char buf[STDIO_CHUNK];
	ssize_t done = 0;
	int err = 0;

	mutex_lock(&stdio.write_lock);
	while (uio->resid_bytes && !err) {
		u32 n = min(uio->resid_bytes, sizeof(buf));

		err = uio_get(uio, buf, n);
		if (!err)
			err = line_send(channel, buf, n, may_wait);
		if (!err)
			done += n;
	}
	mutex_unlock(&stdio.write_lock);
	return done ? done : syscall_restartable(err);
}

static u32 stdio_poll(struct file *file, struct poll_table *table)
{
	u32 events = 0;

	poll_wait(table, &stdio.head);
	if (file_can_read(file)) {
		if (READ_ONCE(stdio.len_bytes))
			events |= POLLIN | POLLRDNORM;
		if (READ_ONCE(stdio.is_eof))
			events |= POLLHUP;
	}
	if (file_can_write(file) && line_has_room())
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static s64 stdio_ioctl(struct file *file, u32 cmd, u64 arg)
{
	if (cmd == FIONREAD && file_can_read(file))
		return put_user_u32(arg, READ_ONCE(stdio.len_bytes));
	return -ENOTTY;
}

static const struct file_ops stdin_ops = {
	.read = stdin_read, .poll = stdio_poll, .ioctl = stdio_ioctl};
static const struct file_ops stream_ops = {
	.write = stream_write, .poll = stdio_poll, .ioctl = stdio_ioctl};

/* What /proc/self/fd/N, hence /dev/stdin and /dev/stdout, opens again. */
struct stdio_object {
	struct anon_object object;
	int fd;
};

static void stdio_set_ops(struct file *file, int fd)
{
	file->ops = fd == 0 ? &stdin_ops : &stream_ops;
	file->priv = (void *)(u64)(fd == 2 ? LINE_STDERR : LINE_STREAM);
}

static int stdio_reopen(struct anon_object *object, struct file *file)
{
	stdio_set_ops(file,
		      container_of(object, struct stdio_object, object)->fd);
	return 0;
}

static void stdio_free(struct anon_object *object)
{
	kfree(container_of(object, struct stdio_object, object));
}

int stdio_open(int fd, struct file **out)
{
	struct stdio_object *so = kzalloc(sizeof(*so));
	int err;

	if (!so)
		return -ENOMEM;
	so->fd = fd;
	so->object.reopen = stdio_reopen;
	so->object.free = stdio_free;
	err = anon_file_create("pipe", S_IFIFO | 0600,
			       fd == 0 ? O_RDONLY : O_WRONLY, &stdin_ops, NULL,
			       &so->object, out);
	if (!err)
		stdio_set_ops(*out, fd);
	return err;
}
