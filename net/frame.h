/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_FRAME_H
#define NET_FRAME_H

/*
 * Frames: packing and, above all, unpacking.  What arrived is not trusted;
 * frame_decode() checks everything that a handler or caller relies on, and
 * whatever it accepts is wholly described by struct frame.
 * Pure code: no locks, no allocation.
 */
#include "ops.h"

#include <rpc/frame.h>

enum frame_error {
	FRAME_OK,
	FRAME_BAD_LENGTH, /* shorter or longer than it says */
	FRAME_BAD_MAGIC,
	FRAME_BAD_VERSION,
	FRAME_BAD_KIND,
	FRAME_BAD_SESSION, /* of an earlier life of the connection */
	FRAME_BAD_OP,      /* not in the list */
	FRAME_BAD_ROLE,    /* not served by this node */
	FRAME_BAD_BODY,    /* size is not the list's */
	FRAME_BAD_TAIL,    /* outside the list's limits */
	FRAME_BAD_BULK,    /* too many, empty or overflowing segments */
	FRAME_BAD_STATUS,  /* not 0 or -errno */
	NR_FRAME_ERRORS
};

/* A checked frame. Pointers point into the buffer that was decoded. */
struct frame {
	enum rpc_kind kind;
	const struct rpc_op_info *info; /* NULL for a heartbeat */
	u32 op;                         /* as it came; for messages */
	u64 xid;
	int status;
	u32 budget_ms;
	const void *body;
	const void *tail;
	u32 tail_len;
	const struct wire_seg *segs;
	u32 nr_segs;
	u32 bulk_rkey;
	u64 bulk_bytes;
	bool is_answerable; /* a request whose op and xid are known */
};

/**
 * frame_decode - check @len bytes at @buf, which is aligned to 8.
 * @session: of the connection it came on
 * @role: of this node
 *
 * Context: any.
 * Return: FRAME_OK, or what is wrong: then of @out only op, is_answerable
 *         and, if that is set, xid mean something.
 */
enum frame_error __must_check frame_decode(const void *buf, u32 len,
					   u64 session, enum node_role role,
					   struct frame *out);

/** frame_error_errno - the status that answers a request with @error. */
int frame_error_errno(enum frame_error error);
const char *frame_error_name(enum frame_error error);

/**
 * frame_encode_request - write the request of @args to @buf.
 *
 * @buf holds RPC_FRAME_MAX bytes; tail and segments are within their limits.
 * Return: length of the frame.
 */
u32 frame_encode_request(void *buf, const struct rpc_op_info *info, u64 xid,
			 u64 session, const struct rpc_args *args,
			 u32 bulk_rkey, u32 budget_ms);
/** frame_encode_reply - body and tail are sent only if @status is 0. */
u32 frame_encode_reply(void *buf, u32 op, u64 xid, u64 session, int status,
		       const void *body, u32 body_len, const void *tail,
		       u32 tail_len);
u32 frame_encode_beat(void *buf, u64 session);

#endif
