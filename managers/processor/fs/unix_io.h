/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_UNIX_IO_H
#define PROCESSOR_FS_UNIX_IO_H

/* Between unix.c and unix_io.c. */
#include <managers/processor/fs/unix.h>

/** unix_used_bytes - of UNIX_BUF_BYTES; an empty message takes memory, too. */
static inline u32 unix_used_bytes(const struct unix_sock *s)
{
	return READ_ONCE(s->queue_bytes) +
	       READ_ONCE(s->nr_queued) * (u32)sizeof(struct unix_msg);
}

/** unix_rights_send - let the files of @io go with @m; 0, -ETOOMANYREFS. */
int __must_check unix_rights_send(struct unix_msg *m, struct unix_io *io);
/** unix_rights_receive - give the files of @m to @io, which has none. */
void unix_rights_receive(struct unix_io *io, struct unix_msg *m);
/** unix_msg_free - drop a message that is on no list; may sleep. */
void unix_msg_free(struct unix_msg *m);
/** unix_queue_free - drop what nobody received. */
void unix_queue_free(struct unix_sock *s);
/** unix_wake_senders - room was made: let those go on who send to @s. */
void unix_wake_senders(struct unix_sock *s);
/** unix_peer_get - a reference to the peer, or NULL. */
struct unix_sock *unix_peer_get(struct unix_sock *s);
/** unix_find - the socket bound to @addr, of @type; a reference. */
int __must_check unix_find(const struct unix_addr *addr, u32 type,
			   struct unix_sock **out);

extern struct mutex unix_mutex;

#endif /* PROCESSOR_FS_UNIX_IO_H */
