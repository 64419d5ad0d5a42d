/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RPC_FRAME_H
#define RPC_FRAME_H

/*
 * How messages lie in the packets of a channel (one reliable connection), and
 * what nodes say to each other before there is a channel.  Only net/ uses
 * this; the bodies are in wire.h.
 *
 * A frame is one SEND:
 *
 *	struct wire_frame | nr_segs x struct wire_seg | body | tail
 *
 * A request names the caller's bulk buffer by a key and segments; a reply has
 * none.  The body has exactly the size of the list, or none in a reply whose
 * status is not 0.
 */
#include <rpc/wire.h>

#define RPC_MAGIC     0x4b425242u /* "BRBK" */
#define RPC_VERSION   1u
#define RPC_FRAME_MAX 9216u /* header, 64 segments, 512 of body, the tail */

enum rpc_kind {
	RPC_KIND_REQUEST = 1,
	RPC_KIND_REPLY = 2,
	RPC_KIND_BEAT = 3, /* heartbeat: a header alone */
};

struct wire_frame {
	le32 magic;
	le32 version;
	le32 kind;
	le32 op;
	le64 xid;       /* of the request, repeated in its reply */
	le64 session;   /* which incarnation of the connection */
	le32 status;    /* reply: 0 or -errno, two's complement */
	le32 budget_ms; /* request: how long the caller will wait */
	le32 body_len;
	le32 tail_len;
	le32 nr_segs;
	le32 bulk_rkey;
};
RPC_WIRE(struct wire_frame, 56);

struct wire_seg {
	le64 iova;
	le32 len_bytes;
	le32 reserved;
};
RPC_WIRE(struct wire_seg, 16);

/* ---- meeting --------------------------------------------------------------
 */

#define CLUSTER_NAME_BYTES 32u

/* All nodes of all clusters listen here; records differ by their port GID. */
#define BRICK_SERVICE_ID 0x10000000b41c0001ULL

/* The data of a node's service record.  The record's name is
 * "brick:CLUSTER:ROLE". */
struct wire_record {
	le32 magic;
	le32 version;
	le32 role;
	le32 nr_channels; /* it can serve so many at once to one peer */
	le64 guid;
	le64 incarnation;
	le64 beat; /* grows with each renewal: a dead node's does not */
	u8 reserved[24];
};
RPC_WIRE(struct wire_record, 64);

/* Private data of REQ and REP of the connection manager: both introduce
 * themselves.  The requester makes up the session. */
struct wire_hello {
	le32 magic;
	le32 version;
	le32 role;
	le32 channel; /* which of nr_channels this connection is */
	le32 nr_channels;
	le32 reserved;
	le64 guid;
	le64 incarnation;
	le64 to_incarnation; /* REQ: whom I mean; REP: whom I answer */
	le64 session;
	u8 cluster[CLUSTER_NAME_BYTES];
};
RPC_WIRE(struct wire_hello, 88);

/* Private data of REJ. */
struct wire_refusal {
	le32 magic;
	le32 version;
	le32 reason; /* enum refusal */
	le32 role;
	u8 cluster[CLUSTER_NAME_BYTES];
};
RPC_WIRE(struct wire_refusal, 48);
enum refusal {
	REFUSED_NOT = 0,
	REFUSED_MALFORMED, /* not a hello */
	REFUSED_VERSION,   /* another version of this protocol */
	REFUSED_CLUSTER,   /* another cluster */
	REFUSED_ROLE,      /* these roles do not connect in this direction */
	REFUSED_STALE, /* meant for an earlier incarnation, or unknown session
			*/
	REFUSED_BUSY,  /* try again soon */
	REFUSED_OVER,  /* the session has ended on this side */
	NR_REFUSALS
};

#endif /* RPC_FRAME_H */
