/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_POLL_CALL_H
#define PROCESSOR_FS_POLL_CALL_H

/* The engine of poll(2) and select(2). */
#include <lib/types.h>

struct fd_table;

struct poll_item {
	int fd;      /* negative: ignored */
	u32 events;  /* asked for; POLLERR and POLLHUP always are */
	u32 revents; /* out; POLLNVAL: no such descriptor */
};

/**
 * poll_items - wait until one of @items is ready.
 * @deadline_ns: monotonic; 0: do not wait, ~0: forever
 *
 * Context: may sleep.
 * Return: how many have revents, 0 at the deadline, -EINTR, -ENOMEM.
 */
int __must_check poll_items(struct fd_table *table, struct poll_item *items,
			    u32 nr_items, u64 deadline_ns);

#endif /* PROCESSOR_FS_POLL_CALL_H */
