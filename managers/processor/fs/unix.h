/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_UNIX_H
#define PROCESSOR_FS_UNIX_H

/*
 * Local (AF_UNIX) sockets among the programs of this node.
 *
 * A socket is
 *
 *	NEW -bind-> NEW -listen-> LISTENING
 *	NEW -connect, accept, socketpair-> CONNECTED -peer closes-> (peer NULL)
 *
 * Datagram sockets may be CONNECTED one way, or send by address while NEW.
 * What is sent is queued at the receiver, bounded there.
 *
 * unix_mutex orders pairing: states, peers, names, accept queues.  A socket's
 * own lock guards its receive queue.  Sockets are counted: by their file, by
 * their peer, and while somebody uses them.
 */
#include <kernel/mutex.h>
#include <lib/atomic.h>
#include <lib/list.h>
#include <lib/types.h>
#include <managers/processor/fs/poll.h>
#include <uapi/socket.h>

struct file;
struct uio;
struct vnode;

#define UNIX_BUF_BYTES  (208u << 10)         /* queued at a receiver */
#define UNIX_LOW_BYTES  (UNIX_BUF_BYTES / 4) /* POLLOUT below this, as Linux */
#define UNIX_CHUNK      16384u               /* a stream's queue entry */
#define UNIX_MAX_RIGHTS 253u

enum unix_state { UNIX_NEW, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_addr {
	u32 len; /* of sa; 2: no name */
	struct uapi_sockaddr_un sa;
};

/* Something sent and not yet received. */
struct unix_msg {
	struct list_head node; /* [receiver's lock] */
	u32 len;
	u32 taken; /* bytes a stream's reader had already */
	struct unix_addr from;
	struct uapi_ucred cred;
	u32 nr_files;
	struct file **files;
	u8 data[];
};

struct unix_sock {
	atomic_t nr_refs;
	u32 type;                 /* SOCK_* [set once] */
	enum unix_state state;    /* [unix_mutex] */
	struct unix_sock *peer;   /* a reference [unix_mutex] */
	struct list_head senders; /* whose peer this is [unix_mutex] */
	struct list_head in_senders;
	bool is_peer_gone;         /* [unix_mutex; read by waiters] */
	bool is_closed;            /* its file is gone [unix_mutex] */
	bool is_read_shut;         /* [unix_mutex; read by waiters] */
	bool is_write_shut;        /* [unix_mutex] */
	struct unix_addr name;     /* [unix_mutex] */
	struct vnode *bound;       /* of a name with a path [unix_mutex] */
	struct list_head in_names; /* bound sockets [unix_mutex] */
	struct list_head pending;  /* to be accepted [unix_mutex] */
	struct list_head in_pending;
	u32 nr_pending;              /* [unix_mutex; read by waiters] */
	u32 backlog;                 /* [unix_mutex] */
	struct uapi_ucred cred;      /* who made it [set once] */
	struct uapi_ucred peer_cred; /* [unix_mutex] */
	bool wants_cred;             /* SO_PASSCRED */
	u64 recv_timeout_ns;         /* WAIT_FOREVER: none */
	u64 send_timeout_ns;

	struct mutex lock;
	struct list_head queue; /* of struct unix_msg [lock] */
	u32 queue_bytes;        /* [lock; read by waiters] */
	u32 nr_queued;          /* [lock; read by waiters] */
	struct poll_head head;  /* readable, writable, acceptable */
};

/* What goes with a send or comes with a receive. */
struct unix_io {
	struct uio *uio;
	u32 flags; /* MSG_* */
	bool is_nonblock;
	struct unix_addr addr; /* send: to (len 0: the peer); receive: from */
	struct file **files;   /* send: given away on success */
	u32 nr_files;
	struct uapi_ucred cred; /* receive: of the sender */
	u32 out_flags;          /* receive: MSG_TRUNC */
};

struct unix_sock *unix_alloc(u32 type);
void unix_put(struct unix_sock *s);
/** unix_file - the socket's file; gives the reference away on success. */
int __must_check unix_file(struct unix_sock *s, u32 flags, struct file **out);
/** unix_of - the socket of an open file, or NULL. */
struct unix_sock *unix_of(struct file *file);

/** unix_pair - connect two new sockets with each other. */
void unix_pair(struct unix_sock *a, struct unix_sock *b);
int __must_check unix_bind(struct unix_sock *s, const struct unix_addr *addr);
int __must_check unix_listen(struct unix_sock *s, u32 backlog);
int __must_check unix_connect(struct unix_sock *s, const struct unix_addr *to,
			      bool is_nonblock);
/** unix_accept - the next connection, a reference. */
int __must_check unix_accept(struct unix_sock *s, bool is_nonblock,
			     struct unix_sock **out);
/** unix_peer_name - the peer's name, or -ENOTCONN. */
int __must_check unix_peer_name(struct unix_sock *s, struct unix_addr *name);
int __must_check unix_shutdown(struct unix_sock *s, u32 how);

/** unix_send, unix_recv - bytes moved or -errno; -EPIPE without the signal. */
ssize_t unix_send(struct unix_sock *s, struct unix_io *io);
ssize_t unix_recv(struct unix_sock *s, struct unix_io *io);

#endif /* PROCESSOR_FS_UNIX_H */
