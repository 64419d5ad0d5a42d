/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FAKE_CLUSTER_H
#define FAKE_CLUSTER_H

/*
 * The network below a memory node under test: peers, the caller's bulk buffer,
 * and a storage node that serves files from memory.  Handlers are called
 * directly.
 */
#include <net/membership.h>
#include <net/rpc.h>

#define FAKE_LOCAL_GUID   0x1000ul
#define FAKE_STORAGE_GUID 0x2000ul

struct peer {
	u64 guid;
	enum node_role role;
	u32 index;
	bool is_alive;
	int nr_refs;
};

/* A call to a handler: what net/ would give it. */
struct fake_call {
	struct rpc_ctx ctx;
	u8 rep_tail[RPC_MAX_TAIL];
	u8 bulk[RPC_IO_MAX + 4096];
};

/** fake_call_begin - from @peer, with @tail and @bulk_bytes of bulk buffer,
 * whose contents stay.  Return: the context for the handler. */
struct rpc_ctx *fake_call_begin(struct fake_call *call, struct peer *peer,
				const void *tail, u32 tail_len, u64 bulk_bytes);

/* The storage node. */
struct fake_storage {
	u32 nr_reads;    /* s_read calls served */
	u32 nr_pages;    /* pages they asked for */
	int error;       /* answer this instead, if not 0 */
	u32 nr_lives;    /* so many calls end with the node's life */
	u32 short_bytes; /* leave out as much at the end of each answer */
};
extern struct fake_storage fake_storage;

/** fake_file_add - a file of @size bytes (kept, not copied) as inode @ino. */
struct wire_fid fake_file_add(u64 ino, const void *bytes, u64 size);

/** fake_cluster_reset - forget files, free reserved pools. */
void fake_cluster_reset(void);

/** fake_peer_gone - tell the listeners. */
void fake_peer_gone(struct peer *peer);

#endif /* FAKE_CLUSTER_H */
