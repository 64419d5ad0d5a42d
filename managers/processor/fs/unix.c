/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local sockets: life, names, pairing. Bytes: unix_io.c. */
#define pr_fmt(fmt) "fs: " fmt
#include <managers/processor/fs/unix.h>

#include <kernel/assert.h>
#include <kernel/log.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/current.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/fs/unix_io.h>
#include <managers/processor/proc/signal.h>
#include <mm/slab.h>
#include <uapi/termios.h>

#define UNIX_ADDR_NONE 2u /* only the family */

DEFINE_MUTEX(unix_mutex, LOCK_SOCKET);
static struct list_head unix_names = LIST_HEAD_INIT(unix_names);
static u32 unix_next_auto; /* [unix_mutex] */
static const struct file_ops unix_ops;

/* ---- life
 * ------------------------------------------------------------------------- */

struct unix_sock *unix_alloc(u32 type)
{
	struct unix_sock *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	atomic_set(&s->nr_refs, 1);
	s->type = type;
	s->name.len = UNIX_ADDR_NONE;
	s->name.sa.family = AF_UNIX;
	s->cred = (struct uapi_ucred){current_pid(), current_fsuid(),
				      current_fsgid()};
	s->recv_timeout_ns = WAIT_FOREVER;
	s->send_timeout_ns = WAIT_FOREVER;
	mutex_init(&s->lock, "unix socket", LOCK_PIPE);
	poll_head_init(&s->head, LOCK_POLL);
	list_init(&s->queue);
	list_init(&s->in_names);
	list_init(&s->senders);
	list_init(&s->in_senders);
	list_init(&s->pending);
	list_init(&s->in_pending);
	return s;
}

void unix_put(struct unix_sock *s)
{
	if (!s || !atomic_dec_and_test(&s->nr_refs))
		return;
	unix_queue_free(s);
	vnode_put(s->bound);
	kfree(s);
}

struct unix_sock *unix_peer_get(struct unix_sock *s)
{
	struct unix_sock *peer;

	mutex_lock(&unix_mutex);
	peer = s->peer;
	if (peer)
		atomic_inc(&peer->nr_refs);
	mutex_unlock(&unix_mutex);
	return peer;
}

/* @peer, a reference, is to whom @s sends from now on; NULL: nobody.
 * unix_mutex held; returns the old one's reference to put. */
static struct unix_sock *unix_set_peer(struct unix_sock *s,
				       struct unix_sock *peer)
{
	struct unix_sock *was = s->peer;

	s->peer = peer;
	list_del_init(&s->in_senders);
	if (peer)
		list_add_tail(&s->in_senders, &peer->senders);
	return was;
}

/* Forget the peer, and be forgotten.  unix_mutex held; the reference to put. */
static struct unix_sock *unix_unpair(struct unix_sock *s)
{
	struct unix_sock *peer = unix_set_peer(s, NULL);

	if (peer && peer->peer == s)
		peer->is_peer_gone = true;
	return peer;
}

void unix_wake_senders(struct unix_sock *s)
{
	struct unix_sock *sender;

	poll_wake(&s->head, POLLOUT);
	mutex_lock(&unix_mutex);
	list_for_each_entry (sender, &s->senders, in_senders)
		poll_wake(&sender->head, POLLOUT | POLLWRNORM);
	mutex_unlock(&unix_mutex);
}

/* The file is gone, or it never got one (not accepted). */
static void unix_close(struct unix_sock *s)
{
	struct unix_sock *peer, *child, *next;
	LIST_HEAD(orphans);

	mutex_lock(&unix_mutex);
	s->is_closed = true;
	list_del_init(&s->in_names);
	peer = unix_unpair(s);
	list_for_each_entry_safe (child, next, &s->pending, in_pending)
		list_move(&child->in_pending, &orphans);
	mutex_unlock(&unix_mutex);
	list_for_each_entry_safe (child, next, &orphans, in_pending) {
		list_del_init(&child->in_pending);
		unix_close(child);
	}
	if (peer)
		poll_wake(&peer->head, POLLIN | POLLOUT | POLLHUP);
	unix_put(peer);
	poll_wake(&s->head, POLLHUP);
	unix_wake_senders(s); /* there is nobody to wait for */
	unix_put(s);
}

/* ---- pairing
 * ------------------------------------------------------------------------ */

/* unix_mutex held. */
static void unix_pair_locked(struct unix_sock *a, struct unix_sock *b)
{
	atomic_inc(&a->nr_refs);
	atomic_inc(&b->nr_refs);
	unix_set_peer(a, b); /* both are new: they had none */
	unix_set_peer(b, a);
	a->state = UNIX_CONNECTED;
	b->state = UNIX_CONNECTED;
	a->peer_cred = b->cred;
	b->peer_cred = a->cred;
}

void unix_pair(struct unix_sock *a, struct unix_sock *b)
{
	mutex_lock(&unix_mutex);
	unix_pair_locked(a, b);
	mutex_unlock(&unix_mutex);
}

/* ---- names
 * ----------------------------------------------------------------------------
 */

static bool is_abstract(const struct unix_addr *a)
{
	return a->len > UNIX_ADDR_NONE && !a->sa.path[0];
}

static bool addr_equal(const struct unix_addr *a, const struct unix_addr *b)
{
	return a->len == b->len && !memcmp(&a->sa, &b->sa, a->len);
}

/* The path of an address, terminated, into @path. */
static void addr_path(const struct unix_addr *a, char path[UNIX_PATH_MAX + 1])
{
	u32 len = a->len - UNIX_ADDR_NONE;

	memcpy(path, a->sa.path, len);
	path[len] = 0;
}

/* The bound socket of an abstract name or of @vn. unix_mutex held. */
static struct unix_sock *unix_search(const struct unix_addr *addr,
				     const struct vnode *vn)
{
	struct unix_sock *s;

	list_for_each_entry (s, &unix_names, in_names)
		if (vn ? s->bound == vn
		       : !s->bound && addr_equal(&s->name, addr))
			return s;
	return NULL;
}

int unix_find(const struct unix_addr *addr, u32 type, struct unix_sock **out)
{
	char path[UNIX_PATH_MAX + 1];
	struct dentry *d = NULL;
	struct unix_sock *s;
	int err = 0;

	if (addr->len <= UNIX_ADDR_NONE)
		return -EINVAL;
	if (!is_abstract(addr)) {
		addr_path(addr, path);
		err = path_walk(NULL, path, WALK_FOLLOW, &d);
		if (!err)
			err = vnode_permission(d->vnode, W_OK);
		if (!err && !S_ISSOCK(vnode_type(d->vnode)))
			err = -ECONNREFUSED;
		if (err)
			goto put;
	}
	mutex_lock(&unix_mutex);
	s = unix_search(addr, d ? d->vnode : NULL);
	if (!s)
		err = -ECONNREFUSED;
	else if (s->type != type)
		err = -EPROTOTYPE;
	else
		atomic_inc(&s->nr_refs);
	mutex_unlock(&unix_mutex);
	*out = s;
put:
	dentry_put(d);
	return err;
}

/* Make the socket file that a path names; its vnode, a reference. */
static int unix_make_node(const char *path, struct vnode **out)
{
	struct vnode_new what = {
		.mode = S_IFSOCK | (0777 & ~fs_umask(current_fs())),
		.uid = current_fsuid(),
		.gid = current_fsgid(),
	};
	struct path_last last;
	struct dentry *d;
	int err = path_walk_parent(NULL, path, &last);

	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	err = path_create(last.dir, last.name, last.len, &what, &d);
	path_last_put(&last);
	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	vnode_hold(d->vnode);
	*out = d->vnode;
	dentry_put(d);
	return 0;
}

/* Take back what unix_make_node() made. */
static void unix_remove_node(const char *path)
{
	struct path_last last;

	if (path_walk_parent(NULL, path, &last))
		return;
	if (path_remove(last.dir, last.name, last.len, false))
		pr_debug("%s stays: it cannot be removed", path);
	path_last_put(&last);
}

/* An unused abstract name of five hex digits.  unix_mutex held. */
static void unix_autoname(struct unix_addr *addr)
{
	char text[8];

	do {
		snprintf(text, sizeof(text), "%05x",
			 unix_next_auto++ & 0xfffff);
		*addr = (struct unix_addr){.len = UNIX_ADDR_NONE + 6,
					   .sa.family = AF_UNIX};
		memcpy(addr->sa.path + 1, text, 5);
	} while (unix_search(addr, NULL));
}

int unix_bind(struct unix_sock *s, const struct unix_addr *addr)
{
	char path[UNIX_PATH_MAX + 1];
	struct unix_addr name = *addr;
	struct vnode *vn = NULL;
	int err = 0;

	if (name.len > UNIX_ADDR_NONE && !is_abstract(&name)) {
		addr_path(&name, path);
		name.len = UNIX_ADDR_NONE + strlen(path) + 1;
		err = unix_make_node(path, &vn);
		if (err)
			return err;
	}
	mutex_lock(&unix_mutex);
	if (name.len <= UNIX_ADDR_NONE)
		unix_autoname(&name);
	if (s->name.len > UNIX_ADDR_NONE)
		err = -EINVAL;
	else if (!vn && unix_search(&name, NULL))
		err = -EADDRINUSE;
	if (!err) {
		s->name = name;
		s->bound = vn;
		vn = NULL;
		list_add(&s->in_names, &unix_names);
	}
	mutex_unlock(&unix_mutex);
	if (vn)
		unix_remove_node(path);
	vnode_put(vn);
	return err;
}

/* ---- listening and connecting
 * --------------------------------------------------------------- */

int unix_listen(struct unix_sock *s, u32 backlog)
{
	int err = 0;

	if (s->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	mutex_lock(&unix_mutex);
	if (s->name.len <= UNIX_ADDR_NONE || s->state == UNIX_CONNECTED) {
		err = -EINVAL;
	} else {
		s->state = UNIX_LISTENING;
		s->backlog = clamp(backlog, 1u, 4096u);
	}
	mutex_unlock(&unix_mutex);
	return err;
}

/* Queue @child, the far end for @s, at @listener; -EAGAIN: no room. */
static int unix_enqueue(struct unix_sock *s, struct unix_sock *listener,
			struct unix_sock *child)
{
	int err = 0;

	mutex_lock(&unix_mutex);
	if (s->state != UNIX_NEW)
		err = s->state == UNIX_CONNECTED ? -EISCONN : -EINVAL;
	else if (listener->is_closed || listener->state != UNIX_LISTENING)
		err = -ECONNREFUSED;
	else if (listener->nr_pending > listener->backlog)
		err = -EAGAIN;
	if (!err) {
		child->name = listener->name;
		child->cred = listener->cred;
		unix_pair_locked(s, child);
		list_add_tail(&child->in_pending, &listener->pending);
		listener->nr_pending++;
	}
	mutex_unlock(&unix_mutex);
	return err;
}

static int unix_connect_stream(struct unix_sock *s, struct unix_sock *listener,
			       bool is_nonblock)
{
	struct unix_sock *child = unix_alloc(s->type);
	int err;

	if (!child)
		return -ENOMEM;
	for (;;) {
		err = unix_enqueue(s, listener, child);
		if (err != -EAGAIN || is_nonblock)
			break;
		err = wait_event_intr(&listener->head.waitq,
				      READ_ONCE(listener->nr_pending) <=
						      listener->backlog ||
					      READ_ONCE(listener->is_closed));
		if (err)
			break;
	}
	if (err)
		unix_put(child);
	else
		poll_wake(&listener->head, POLLIN);
	return err;
}

int unix_connect(struct unix_sock *s, const struct unix_addr *to,
		 bool is_nonblock)
{
	struct unix_sock *target, *was;
	int err = unix_find(to, s->type, &target);

	if (err)
		return err;
	if (s->type != SOCK_DGRAM) {
		err = unix_connect_stream(s, target, is_nonblock);
		unix_put(target);
		return err;
	}
	mutex_lock(&unix_mutex);
	was = unix_set_peer(s, target);
	s->state = UNIX_CONNECTED;
	mutex_unlock(&unix_mutex);
	unix_put(was);
	return 0;
}

static struct unix_sock *unix_take_pending(struct unix_sock *s)
{
	struct unix_sock *child;

	mutex_lock(&unix_mutex);
	child = list_first_entry_or_null(&s->pending, struct unix_sock,
					 in_pending);
	if (child) {
		list_del_init(&child->in_pending);
		s->nr_pending--;
	}
	mutex_unlock(&unix_mutex);
	return child;
}

int unix_accept(struct unix_sock *s, bool is_nonblock, struct unix_sock **out)
{
	if (s->state != UNIX_LISTENING)
		return -EINVAL;
	for (;;) {
		int err;

		*out = unix_take_pending(s);
		if (*out) {
			poll_wake(&s->head, POLLOUT); /* room for others */
			return 0;
		}
		if (is_nonblock)
			return -EAGAIN;
		err = wait_event_intr_timeout(&s->head.waitq,
					      READ_ONCE(s->nr_pending),
					      s->recv_timeout_ns);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err;
	}
}

int unix_peer_name(struct unix_sock *s, struct unix_addr *name)
{
	int err = -ENOTCONN;

	mutex_lock(&unix_mutex);
	if (s->peer) {
		*name = s->peer->name;
		err = 0;
	}
	mutex_unlock(&unix_mutex);
	return err;
}

int unix_shutdown(struct unix_sock *s, u32 how)
{
	struct unix_sock *peer;

	if (how > SHUT_RDWR)
		return -EINVAL;
	mutex_lock(&unix_mutex);
	peer = s->peer;
	if (!peer && !s->is_peer_gone) {
		mutex_unlock(&unix_mutex);
		return -ENOTCONN;
	}
	if (how != SHUT_WR)
		s->is_read_shut = true;
	if (how != SHUT_RD)
		s->is_write_shut = true;
	if (peer && s->type != SOCK_DGRAM) {
		/* What one end may not send the other will not get. */
		if (how != SHUT_RD)
			peer->is_read_shut = true;
		if (how != SHUT_WR)
			peer->is_write_shut = true;
		atomic_inc(&peer->nr_refs);
	} else {
		peer = NULL;
	}
	mutex_unlock(&unix_mutex);
	poll_wake(&s->head, POLLIN | POLLOUT | POLLHUP);
	if (peer)
		poll_wake(&peer->head, POLLIN | POLLOUT | POLLHUP);
	unix_put(peer);
	return 0;
}

/* ---- the file
 * ---------------------------------------------------------------------------------
 */

static ssize_t unix_file_read(struct file *file, struct uio *uio, u64 *pos)
{
	struct unix_io io = {.uio = uio,
			     .is_nonblock = file->flags & O_NONBLOCK};

	return syscall_restartable(unix_recv(file->priv, &io));
}

static ssize_t unix_file_write(struct file *file, struct uio *uio, u64 *pos)
{
	struct unix_io io = {.uio = uio,
			     .is_nonblock = file->flags & O_NONBLOCK};
	ssize_t n = unix_send(file->priv, &io);

	if (n == -EPIPE)
		current_signal(SIGPIPE);
	return syscall_restartable(n);
}

static u32 unix_file_poll(struct file *file, struct poll_table *table)
{
	struct unix_sock *s = file->priv, *peer;
	bool is_stream = s->type != SOCK_DGRAM;
	u32 events = 0;

	poll_wait(table, &s->head);
	if (s->state == UNIX_LISTENING)
		return READ_ONCE(s->nr_pending) ? POLLIN | POLLRDNORM : 0;
	if (READ_ONCE(s->nr_queued) || READ_ONCE(s->is_read_shut))
		events |= POLLIN | POLLRDNORM;
	if (is_stream && (READ_ONCE(s->is_peer_gone) || s->state == UNIX_NEW))
		events |= POLLHUP | POLLIN | POLLRDNORM | POLLRDHUP;
	if (READ_ONCE(s->is_read_shut)) {
		events |= POLLRDHUP;
		if (READ_ONCE(s->is_write_shut))
			events |= POLLHUP;
	}
	peer = unix_peer_get(s);
	if (!peer ? !is_stream || s->state == UNIX_CONNECTED
		  : READ_ONCE(peer->is_closed) ||
			    unix_used_bytes(peer) <= UNIX_LOW_BYTES)
		events |= POLLOUT | POLLWRNORM;
	unix_put(peer);
	return events;
}

static s64 unix_file_ioctl(struct file *file, u32 cmd, u64 arg)
{
	struct unix_sock *s = file->priv;

	if (cmd == FIONREAD)
		return put_user_u32(arg, READ_ONCE(s->queue_bytes));
	return -ENOTTY;
}

static void unix_file_release(struct file *file)
{
	unix_close(file->priv);
}

static const struct file_ops unix_ops = {
	.read = unix_file_read,
	.write = unix_file_write,
	.poll = unix_file_poll,
	.ioctl = unix_file_ioctl,
	.release = unix_file_release,
};

int unix_file(struct unix_sock *s, u32 flags, struct file **out)
{
	return anon_file_create("socket", S_IFSOCK | 0777,
				O_RDWR | (flags & O_NONBLOCK), &unix_ops, s,
				NULL, out);
}

struct unix_sock *unix_of(struct file *file)
{
	return file->ops == &unix_ops ? file->priv : NULL;
}
