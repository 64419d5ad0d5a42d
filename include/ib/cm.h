/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_CM_H
#define IB_CM_H

/*
 * Connection manager: makes RC connections between QPs of two nodes
 * (InfiniBand specification, volume 1, chapter 12).
 *
 *	active                          passive
 *	cm_connect() ---- REQ ---->     handler(CM_REQUEST)
 *	                                cm_accept() or cm_reject()
 *	handler(CM_ESTABLISHED) <- REP
 *	             ---- RTU ---->     handler(CM_ESTABLISHED)
 *	cm_disconnect() - DREQ --->     handler(CM_DISCONNECTED)
 *	handler(CM_DISCONNECTED) <-DREP
 *
 * The CM moves the QPs: to RTR and RTS when connecting, to ERR before
 * CM_DISCONNECTED is delivered.  The caller creates the QP (it is in INIT),
 * posts receives, then calls cm_connect() or cm_accept(); it destroys the QP
 * after cm_conn_destroy().
 *
 * Every connection ends with exactly one of CM_REJECTED, CM_UNREACHABLE,
 * CM_DISCONNECTED, unless it is destroyed before.  Messages are repeated by
 * the CM; a peer that is silent gives CM_UNREACHABLE within CM_CONNECT_NS.
 * A node that dies without a word is not noticed here (heartbeats do that).
 *
 * Handlers run in the CM's thread: they may sleep for short (create QPs,
 * accept, send), may call everything here but cm_conn_destroy() of a
 * connection other than their own and cm_listen_stop(), and must not wait for
 * another CM event.  cm_conn_destroy() of the event's own connection is
 * allowed as the last act of the handler.
 */
#include <ib/sa.h>
#include <ib/verbs.h>

#define CM_REQ_PRIVATE_BYTES 92
#define CM_REP_PRIVATE_BYTES 196
#define CM_REJ_PRIVATE_BYTES 148
#define CM_CONNECT_NS        20000000000ULL /* REQ without any answer */

enum cm_event_type {
	CM_REQUEST,      /* listener: somebody wants to connect */
	CM_ESTABLISHED,  /* both directions may send */
	CM_REJECTED,     /* reason and private data say why */
	CM_UNREACHABLE,  /* no answer */
	CM_DISCONNECTED, /* by the peer, or ours is confirmed or timed out */
};

enum cm_rej_reason { /* volume 1, 12.6.7.2 */
		     CM_REJ_NO_QP = 1,
		     CM_REJ_NO_RESOURCES = 3,
		     CM_REJ_TIMEOUT = 4,
		     CM_REJ_UNSUPPORTED = 5,
		     CM_REJ_INVALID_COMM_ID = 6,
		     CM_REJ_INVALID_SERVICE_ID = 8,
		     CM_REJ_STALE_CONN = 10,
		     CM_REJ_CONSUMER = 28,
};

struct cm_conn;
struct cm_listener;

struct cm_event {
	enum cm_event_type type;
	struct cm_conn *conn;
	/* REQUEST, ESTABLISHED (active), REJECTED; aligned to 8 bytes. */
	const void *private_data;
	u32 private_bytes;        /* always the full field; zero-padded */
	u16 reason;               /* REJECTED: enum cm_rej_reason */
	struct ib_gid remote_gid; /* REQUEST */
	u16 remote_lid;           /* REQUEST */
	u8 port;                  /* REQUEST: of ours, where it came in */
};

typedef void (*cm_handler)(const struct cm_event *ev, void *arg);

/**
 * cm_listen - take requests for @service_id on all ports of @dev.
 *
 * @handler gets CM_REQUEST and must call cm_accept() or cm_reject(), there or
 * later (within 20 s, or the request is dropped by its sender); without either
 * the connection must be destroyed.
 *
 * Context: may sleep.
 * Return: 0, -EBUSY (somebody listens there already), -ENOMEM.
 */
int __must_check cm_listen(struct ib_device *dev, u64 service_id,
			   cm_handler handler, void *arg,
			   struct cm_listener **listener);
/** No handler call for it runs or starts after this returns; sleeps. */
void cm_listen_stop(struct cm_listener *listener);

/** How the reliable connection behaves; zero fields take the defaults. */
struct cm_conn_params {
	struct ib_qp *qp;         /* RC, in INIT */
	const void *private_data; /* may be NULL */
	u32 private_bytes;
	u8 responder_resources; /* default: 16, the card's maximum */
	u8 initiator_depth;     /* default: 16 */
	u8 ack_timeout;         /* default 18: 1.07 s */
	u8 retries;             /* default 7 */
	u8 rnr_retries;         /* default 7: without end */
};

/**
 * cm_connect - begin to connect @params->qp to @service_id at @path.
 *
 * Context: may sleep; returns after the REQ was sent.
 * Return: 0: events follow; -EINVAL, -ENOMEM, -EIO.
 */
int __must_check cm_connect(struct ib_device *dev, u8 port,
			    const struct sa_path *path, u64 service_id,
			    const struct cm_conn_params *params,
			    cm_handler handler, void *arg,
			    struct cm_conn **conn);

/**
 * cm_accept - accept the request @conn with @params->qp (the passive side
 * takes retries and depths from the request, limited by @params).
 * Later events go to @handler.
 *
 * Return: 0; -EINVAL (not a pending request), -ENOTCONN (given up by the
 *         peer meanwhile), -EIO.
 */
int __must_check cm_accept(struct cm_conn *conn,
			   const struct cm_conn_params *params,
			   cm_handler handler, void *arg);

/** cm_reject - refuse the request and free @conn. */
void cm_reject(struct cm_conn *conn, u16 reason, const void *private_data,
	       u32 private_bytes);

/**
 * cm_disconnect - begin an orderly end: QP to ERR, DREQ to the peer.
 *
 * CM_DISCONNECTED follows (also if the peer does not answer).  Does nothing
 * on a connection that is ended already.
 */
void cm_disconnect(struct cm_conn *conn);

/**
 * cm_conn_destroy - forget @conn in any state; the peer is told (DREQ or REJ)
 * if it may still believe in it.
 *
 * Its QP is left alone, in ERR if it was connected.  No handler call for it
 * runs (but the caller's own) or starts after this returns.
 *
 * Context: sleeps.
 */
void cm_conn_destroy(struct cm_conn *conn);

#endif /* IB_CM_H */
