/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_QP_H
#define FABRIC_QP_H

/*
 * Queue pairs.
 *
 * The QP context is kept as the host gave it, merged field by field at each
 * transition (qpc.c); what the data path needs is decoded from it into
 * struct qp.  The states are the architecture's:
 *
 *     RESET -> INIT -> RTR -> RTS <-> SQD       any -> ERR, RESET
 *                              ^--- SQER <--- RTS, by a send error (not RC)
 *
 * qp_fail() and qp_modify() are the only ones that move a QP.
 */
#include "loop.h"
#include "memory.h"
#include "wqe.h"

enum qp_state {
	QP_RESET = 0,
	QP_INIT = 1,
	QP_RTR = 2,
	QP_RTS = 3,
	QP_SQER = 4,
	QP_SQD = 5,
	QP_ERR = 6,
	QP_SQ_DRAINING = 7, /* how QUERY_QP shows SQD before the last answer */
};

enum qp_type { QP_RC = 0, QP_UC = 1, QP_UD = 3, QP_MLX = 7 };

/* RC and UC share the code of rc.c. */
static inline bool qp_type_is_connected(enum qp_type type)
{
	return type == QP_RC || type == QP_UC;
}

enum { QPC_BYTES = 0xf8, QPC_ICM_BYTES = 0x100, PSN_MASK = 0xffffff };

/* After so many, others get their turn. */
enum { MESSAGES_PER_TURN = 32 };

/* One ring in the QP's buffer. */
struct ring {
	u64 offset;
	u32 nr_entries; /* power of two; 0: none */
	u8 log_stride;
	u16 index; /* free-running: the next entry */
};

/* What a requester's timer runs for. */
enum timer_reason { TIMER_ACK, TIMER_RNR, TIMER_FLIGHT };

/* How far this try at the current message has come: see rc.c. */
enum travel {
	TRAVEL_NONE,    /* nothing is under way */
	TRAVEL_REQUEST, /* the request has come, or will when the timer ends */
	TRAVEL_ANSWER,  /* the answer likewise */
};

/* The requester: the message being sent. */
struct requester {
	struct send_wqe wqe; /* valid while is_busy */
	struct cursor local;
	u64 done_bytes, acked_bytes;
	u64 message_id; /* of the transfer; 0: the responder has not begun */
	bool is_busy;
	bool is_carried_out; /* the responder has done it all */
	enum travel travel;
	enum timer_reason timer_reason;
	u64 flight_end_ns, ack_deadline_ns; /* while TIMER_FLIGHT runs */
	unsigned int nr_rnr_naks;           /* for this message */
	u8 retries_left, rnr_retries_left;
};

/* The responder: the message being received. */
struct responder {
	struct recv_wqe wqe; /* valid while has_wqe */
	struct cursor local;
	bool has_wqe;
	u64 message_id; /* 0: none in progress */
};

struct qp {
	struct card *card;
	u32 qpn;
	enum qp_state state;
	enum qp_type type;
	bool wants_drained_event;
	u8 context[QPC_ICM_BYTES];

	/* decoded from the context by qpc_decode() */
	u32 pd, send_cqn, recv_cqn, srqn, remote_qpn, qkey;
	bool has_srq;
	u16 remote_lid;
	u16 pkey_index;
	u8 port; /* of the primary path */
	u8 sl, ack_timeout, retry_count, rnr_retry, min_rnr_timer;
	u32 mtu_bytes;
	u32 remote_access; /* ACCESS_REMOTE_ bits */
	struct queue_buffer buffer;
	u64 recv_doorbell_record;

	struct ring send_ring, recv_ring;
	u32 send_psn, recv_psn; /* 24 bits: the next ones */
	u32 messages_received;
	bool has_communicated; /* COMM_EST was sent */
	bool has_told_last;    /* SRQ: it will take no more */

	struct requester tx;
	struct responder rx;
	struct work work;   /* there may be something to send */
	struct timer timer; /* waiting to try again, or flushing receives */
	bool is_due;        /* it ended while the card stood still */
	u64 flush_delay_ns;
};

/* The port of the primary path; of QP0 and QP1 by their number. */
struct card_port *qp_port(const struct qp *qp);

/* The QP with all 24 bits of number @qpn, or NULL. */
struct qp *qp_find(struct card *card, u32 qpn);

/**
 * qp_modify - a state transition by command @opcode (0x19 to 0x38).
 * @mailbox: optional-parameter mask, reserved, context.
 *
 * Return: a command status.
 */
u8 qp_modify(struct card *card, u32 qpn, u16 opcode, const u8 *mailbox,
	     bool wants_event);

/* 2RST_QP: forget everything. */
void qp_destroy(struct qp *qp);
void qp_destroy_all(struct card *card);

/* The context as it is now. */
void qp_query(const struct qp *qp, u8 *context);

/* A send doorbell. */
void qp_doorbell(struct card *card, u32 qpn);

/* @port's special queue pair @index (0 or 1), if it can receive. */
struct qp *qp_special(const struct card_port *port, unsigned int index);

/* 0 or 1 for a special QP as the wire numbers it, else its own number. */
u32 qp_wire_number(const struct qp *qp);

/* May it take a packet; may it send? */
bool qp_can_receive(const struct qp *qp);
bool qp_can_send(const struct qp *qp);

/* Move to the error state and flush both queues. */
void qp_fail(struct qp *qp);

/**
 * qp_complete_send - end the request at the ring's head with @syndrome:
 * completion if it asks for one (or is an error), next entry, and the error
 * state on an error.
 */
void qp_complete_send(struct qp *qp, const struct send_wqe *wqe,
		      enum wc_syndrome syndrome, u32 bytes);

/* Tell the receiver's host; a full CQ fails the QP.  Return: 0 or -ENOSPC. */
int qp_complete_recv(struct qp *qp, struct completion *completion);

/* Something may have become possible: run the send queue. */
void qp_kick(struct qp *qp);

/* The card goes on: so does what its queue pairs would have done meanwhile. */
void qp_resume_all(struct card *card);

/* qpc.c */

/* False: it asks for an alternate path, which the card does not have. */
bool qpc_is_supported(u16 opcode, u32 optional, const u8 *context);

/* The port that the primary path is to go by; 0: it stays. */
u32 qpc_new_port(u16 opcode, u32 optional, const u8 *context);
void qpc_merge(struct qp *qp, u16 opcode, u32 optional, const u8 *context);
bool qpc_decode(struct qp *qp);

#endif /* FABRIC_QP_H */
