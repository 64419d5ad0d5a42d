/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_VERBS_SERVICE_H
#define IB_VERBS_SERVICE_H

/*
 * A service for programs of other systems that try whether an RC connection
 * to this node works (boot option verbs_service; off by default).
 *
 * The connection manager listens at VERBS_SERVICE_ID.  A connection takes
 * requests by SEND, one after the other, and answers each by SEND:
 *
 *	VERBS_ECHO  the answer has the bytes of the request
 *	VERBS_COPY  an RDMA READ fetches VREQ_BYTES from VREQ_FROM of the
 *	            sender's memory, an RDMA WRITE puts their complement at
 *	            VREQ_TO; both are reached by VREQ_RKEY
 *
 * A request is VERBS_HEADER_BYTES of header, its fields big-endian, and for
 * VERBS_ECHO any data behind it, VERBS_MESSAGE_BYTES in all.  The answer begins
 * with the header of the request, VREQ_STATUS set.  A transfer that fails ends
 * the connection: that is what a reliable connection does.
 *
 * The monitor's command `ibconnect` has this node connect to somebody who
 * listens, and then serve the same requests.
 *
 * Nothing of this node's memory is registered for others; what comes in lands
 * in buffers of the connection.  At most VERBS_MAX_CONNECTIONS are served.  A
 * peer that says nothing is probed (by an RDMA WRITE of no bytes), so that one
 * that died frees its place; it may probe likewise.
 */
#include <ib/hwfield.h>

#define VERBS_SERVICE_ID      0x627269636b766273UL /* "brickvbs" */
#define VERBS_MESSAGE_BYTES   4096u
#define VERBS_HEADER_BYTES    32u
#define VERBS_COPY_MAX_BYTES  (16u << 20)
#define VERBS_MAX_CONNECTIONS 8

enum verbs_op {
	VERBS_ECHO = 1,
	VERBS_COPY = 2,
};

enum verbs_status {
	VERBS_OK = 0,
	VERBS_BAD_REQUEST = 1, /* too short, unknown, or too much to copy */
};

struct verbs_request {
	u8 raw[VERBS_HEADER_BYTES];
};
#define VREQ_OP     HW_FIELD(struct verbs_request, 0x00, 31, 0)
#define VREQ_STATUS HW_FIELD(struct verbs_request, 0x04, 31, 0)
#define VREQ_BYTES  HW_FIELD(struct verbs_request, 0x08, 31, 0)
#define VREQ_RKEY   HW_FIELD(struct verbs_request, 0x0c, 31, 0)
#define VREQ_FROM   HW_FIELD64(struct verbs_request, 0x10)
#define VREQ_TO     HW_FIELD64(struct verbs_request, 0x18)

#endif /* IB_VERBS_SERVICE_H */
