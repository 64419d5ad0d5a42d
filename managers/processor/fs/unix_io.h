/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_UNIX_IO_H
#define PROCESSOR_FS_UNIX_IO_H

/* Between unix.c and unix_io.c. */
#include <managers/processor/fs/unix.h>

/** unix_queue_free - drop what nobody received. */
void unix_queue_free(struct unix_sock *s);
/** unix_peer_get - a reference to the peer, or NULL. */
struct unix_sock *unix_peer_get(struct unix_sock *s);
/** unix_find - the socket bound to @addr, of @type; a reference. */
int __must_check unix_find(const struct unix_addr *addr, u32 type,
			   struct unix_sock **out);

extern struct mutex unix_mutex;

#endif /* PROCESSOR_FS_UNIX_IO_H */
