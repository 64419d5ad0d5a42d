/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local sockets: sending and receiving. */
#include <managers/processor/fs/unix_io.h>

#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/current.h>
#include <managers/processor/fs/uio.h>
#include <mm/slab.h>

void unix_queue_free(struct unix_sock *s)
{
	struct unix_msg *m, *next;

	list_for_each_entry_safe (m, next, &s->queue, node) {
		list_del(&m->node);
		unix_msg_free(m);
	}
}

/* ---- sending
 * ------------------------------------------------------------------------ */

/* The last one may go beyond: so whoever was told POLLOUT can send. */
static bool unix_has_room(const struct unix_sock *to)
{
	return unix_used_bytes(to) < UNIX_BUF_BYTES;
}

/* To whom @s sends; a reference. */
static int unix_target(struct unix_sock *s, const struct unix_io *io,
		       struct unix_sock **out)
{
	if (s->is_write_shut)
		return -EPIPE;
	if (io->addr.len) {
		if (s->type != SOCK_DGRAM)
			return s->state == UNIX_CONNECTED ? -EISCONN
							  : -EOPNOTSUPP;
		return unix_find(&io->addr, s->type, out);
	}
	*out = unix_peer_get(s);
	if (*out && s->is_peer_gone && s->type != SOCK_DGRAM) {
		unix_put(*out);
		return -EPIPE;
	}
	if (!*out)
		return s->is_peer_gone ? -EPIPE : -ENOTCONN;
	return 0;
}

static struct unix_msg *unix_msg_make(struct unix_sock *s, struct unix_io *io,
				      u32 len, int *err)
{
	struct unix_msg *m = kmalloc(sizeof(*m) + len);

	*err = -ENOMEM;
	if (!m)
		return NULL;
	*m = (struct unix_msg){.len = len, .from = s->name};
	m->cred = (struct uapi_ucred){current_pid(), current_fsuid(),
				      current_fsgid()};
	*err = uio_get(io->uio, m->data, len);
	if (*err) {
		kfree(m);
		return NULL;
	}
	return m;
}

/* There is room, or an error to be told instead. */
static bool unix_can_go_on(const struct unix_sock *s,
			   const struct unix_sock *to)
{
	return unix_has_room(to) || READ_ONCE(to->is_closed) ||
	       READ_ONCE(s->is_write_shut);
}

/* Wait until @to has room; 0, -EAGAIN, -EINTR. */
static int unix_wait_room(struct unix_sock *s, struct unix_sock *to,
			  const struct unix_io *io)
{
	int err;

	if (unix_can_go_on(s, to))
		return 0;
	if (io->is_nonblock || io->flags & MSG_DONTWAIT)
		return -EAGAIN;
	err = wait_event_intr_timeout(&to->head.waitq, unix_can_go_on(s, to),
				      s->send_timeout_ns);
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

/* Queue @m at @to. */
static int unix_deliver(struct unix_sock *to, struct unix_msg *m)
{
	int err = 0;

	mutex_lock(&to->lock);
	if (READ_ONCE(to->is_closed) || READ_ONCE(to->is_read_shut)) {
		err = to->type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
	} else {
		list_add_tail(&m->node, &to->queue);
		to->queue_bytes += m->len;
		to->nr_queued++;
	}
	mutex_unlock(&to->lock);
	if (!err)
		poll_wake(&to->head, POLLIN | POLLRDNORM);
	return err;
}

/* One message (a datagram, or a piece of a stream); bytes or -errno. */
static ssize_t unix_send_one(struct unix_sock *s, struct unix_sock *to,
			     struct unix_io *io)
{
	bool is_stream = s->type == SOCK_STREAM;
	u32 len = is_stream ? min(io->uio->resid_bytes, (u64)UNIX_CHUNK)
			    : io->uio->resid_bytes;
	struct unix_msg *m;
	int err;

	err = unix_wait_room(s, to, io);
	if (err)
		return err;
	m = unix_msg_make(s, io, len, &err);
	if (!m)
		return err;
	err = unix_rights_send(m, io);
	if (!err) {
		err = unix_deliver(to, m);
		if (err)
			unix_rights_receive(io, m); /* they stay the caller's */
	}
	if (err)
		unix_msg_free(m);
	return err ? err : (ssize_t)len;
}

ssize_t unix_send(struct unix_sock *s, struct unix_io *io)
{
	struct unix_sock *to;
	ssize_t done = 0, n;
	int err;

	if (s->type != SOCK_STREAM && io->uio->resid_bytes > UNIX_BUF_BYTES)
		return -EMSGSIZE;
	err = unix_target(s, io, &to);
	if (err)
		return err;
	if (s->type == SOCK_STREAM && !io->uio->resid_bytes) {
		unix_put(to);
		return 0;
	}
	do {
		n = unix_send_one(s, to, io);
		if (n > 0)
			done += n;
	} while (n > 0 && io->uio->resid_bytes);
	unix_put(to);
	return done ? done : n;
}

/* ---- receiving
 * ------------------------------------------------------------------------- */

static bool unix_is_end(const struct unix_sock *s)
{
	return READ_ONCE(s->is_read_shut) ||
	       (s->type != SOCK_DGRAM && READ_ONCE(s->is_peer_gone));
}

static void unix_msg_remove(struct unix_sock *s, struct unix_msg *m)
{
	list_del(&m->node);
	s->nr_queued--;
}

/* Hand the files that came along to the receiver (once). */
static void unix_take_files(struct unix_io *io, struct unix_msg *m, bool peek)
{
	if (peek || !m->nr_files || io->files)
		return;
	unix_rights_receive(io, m);
}

/* Take bytes of @m; bytes taken or -EFAULT.  s->lock held. */
static ssize_t unix_take_msg(struct unix_sock *s, struct unix_io *io,
			     struct unix_msg *m, struct list_head *done)
{
	bool is_stream = s->type == SOCK_STREAM, peek = io->flags & MSG_PEEK;
	u32 n = min(io->uio->resid_bytes, (u64)(m->len - m->taken));

	if (uio_put(io->uio, m->data + m->taken, n))
		return -EFAULT;
	io->addr = m->from;
	io->cred = m->cred;
	unix_take_files(io, m, peek);
	if (!is_stream && n < m->len)
		io->out_flags |= MSG_TRUNC;
	if (peek)
		return n;
	m->taken += n;
	s->queue_bytes -= is_stream ? n : m->len;
	if (!is_stream || m->taken == m->len) {
		unix_msg_remove(s, m);
		list_add(&m->node, done);
	}
	return !is_stream && io->flags & MSG_TRUNC ? (ssize_t)m->len : n;
}

/* Take what is there; 0: nothing was. */
static ssize_t unix_take(struct unix_sock *s, struct unix_io *io, bool *is_any)
{
	struct unix_msg *m, *next;
	ssize_t got = 0, n;
	LIST_HEAD(done);

	*is_any = false;
	mutex_lock(&s->lock);
	list_for_each_entry_safe (m, next, &s->queue, node) {
		/* Files end what one receive takes of a stream. */
		if (*is_any && (s->type != SOCK_STREAM || m->nr_files))
			break;
		if (*is_any && !io->uio->resid_bytes)
			break;
		n = unix_take_msg(s, io, m, &done);
		if (n < 0) {
			got = got ? got : n;
			break;
		}
		*is_any = true;
		got += n;
		if (io->nr_files)
			break;
	}
	mutex_unlock(&s->lock);
	list_for_each_entry_safe (m, next, &done, node) {
		list_del(&m->node);
		unix_msg_free(m);
	}
	return got;
}

ssize_t unix_recv(struct unix_sock *s, struct unix_io *io)
{
	/* a second peek would see the same bytes again */
	bool waits_for_all = io->flags & MSG_WAITALL &&
			     !(io->flags & MSG_PEEK) && s->type == SOCK_STREAM;
	ssize_t done = 0, n;
	bool is_any;

	if (s->type != SOCK_DGRAM && s->state != UNIX_CONNECTED)
		return s->state == UNIX_LISTENING ? -EINVAL : -ENOTCONN;
	for (;;) {
		bool is_end = unix_is_end(s);
		int err;

		n = unix_take(s, io, &is_any);
		if (n < 0)
			return done ? done : n;
		done += n;
		if (is_any)
			unix_wake_senders(s);
		if (is_any &&
		    (!waits_for_all || io->nr_files || !io->uio->resid_bytes))
			return done;
		if (is_end)
			return done;
		if (io->is_nonblock || io->flags & MSG_DONTWAIT)
			return done ? done : -EAGAIN;
		err = wait_event_intr_timeout(&s->head.waitq,
					      READ_ONCE(s->nr_queued) ||
						      unix_is_end(s),
					      s->recv_timeout_ns);
		if (err)
			return done ? done : err == -ETIMEDOUT ? -EAGAIN : err;
	}
}
