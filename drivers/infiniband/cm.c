/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection manager.
 *
 * States of a connection; the function that makes each transition:
 *
 *	active   REQ_SENT --got_rep--> ESTABLISHED
 *	passive  REQ_RCVD --cm_accept--> REP_SENT --got_rtu--> ESTABLISHED
 *	both     ESTABLISHED --cm_disconnect--> DREQ_SENT --got_drep--> ENDED
 *	         any --end()--> ENDED
 *
 * One thread does all that messages and deadlines cause, and calls handlers;
 * callers' threads only begin things.  cm.lock (a mutex) is held for state
 * changes, also around the QP commands they need; it is not held while a
 * handler runs, so handlers may call in.
 *
 * Messages come from QP1, so anybody on the subnet can send them: they are
 * matched by our connection number (random start), the peer's number and the
 * LID they come from.
 */
#define pr_fmt(fmt) "ib-cm: " fmt
#include "cm_internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/slab.h>

#define QUEUE_MADS  256
#define RETRY_NS    (1 * NSEC_PER_SEC)
#define IDLE_NS     (60 * NSEC_PER_SEC)
#define MAX_PENDING 256 /* requests that nobody answered yet */

struct cm_global cm = {
	.conns = LIST_HEAD_INIT(cm.conns),
	.listeners = LIST_HEAD_INIT(cm.listeners),
	.queue_lock = SPINLOCK_INIT("cm queue", LOCK_MISC),
	.work_wait = WAITQ_INIT(cm.work_wait),
	.idle_wait = WAITQ_INIT(cm.idle_wait),
};

/* ---- connections ---------------------------------------------- */

struct cm_conn *cm_conn_create(void)
{
	struct cm_conn *conn = kzalloc(sizeof(*conn));

	if (!conn)
		return NULL;
	ASSERT(mutex_is_mine(&cm.lock));
	conn->local_id = ++cm.next_id;
	conn->local_psn = (u32)random_u64() & PSN_MASK;
	list_add_tail(&conn->link, &cm.conns);
	return conn;
}

static struct cm_conn *conn_find(u32 local_id, u32 remote_id, u16 lid)
{
	struct cm_conn *conn;

	list_for_each_entry (conn, &cm.conns, link)
		if (conn->local_id == local_id &&
		    (!conn->remote_id || conn->remote_id == remote_id) &&
		    conn->peer.av.dlid == lid)
			return conn;
	return NULL;
}

void cm_set_state(struct cm_conn *conn, enum cm_state state)
{
	ASSERT(mutex_is_mine(&cm.lock));
	if (conn->state == S_REQ_RCVD && conn->passive)
		cm.nr_pending--;
	conn->state = state;
	conn->deadline_ns = 0;
}

static void send_last(struct cm_conn *conn)
{
	/* A message that is not sent is repeated like one that was lost. */
	if (mad_send(&conn->peer, &conn->last))
		pr_warn_ratelimited("cannot send");
}

/* Send conn->last now, and again until an answer comes or @tries are over. */
void cm_send_repeatedly(struct cm_conn *conn, u32 tries)
{
	conn->tries_left = tries - 1;
	conn->deadline_ns = time_mono_ns() + RETRY_NS;
	send_last(conn);
	WRITE_ONCE(cm.changed, true);
	waitq_wake_one(&cm.work_wait);
}

static void send_plain(const struct mad_addr *to, enum cm_attr attr, u64 tid,
		       u32 local_id, u32 remote_id)
{
	struct mad m;

	cm_begin(&m, attr, tid, local_id, remote_id);
	if (mad_send(to, &m))
		pr_warn_ratelimited("cannot send");
}

static void send_rej(const struct mad_addr *to, u64 tid, u32 local_id,
		     u32 remote_id, u8 message, u16 reason)
{
	struct mad m;

	cm_put_rej(&m, tid, local_id, remote_id, message, reason, NULL, 0);
	if (mad_send(to, &m))
		pr_warn_ratelimited("cannot send");
}

/*
 * Call the handler, without the lock.
 *
 * Return: false if the connection is gone now.
 */
static bool tell(struct cm_conn *conn, struct cm_event *ev, cm_handler handler,
		 void *arg)
{
	bool destroyed;

	ASSERT(mutex_is_mine(&cm.lock));
	ASSERT(current_thread() == cm.thread);
	ev->conn = conn;
	conn->in_handler = true;
	mutex_unlock(&cm.lock);
	handler(ev, arg);
	mutex_lock(&cm.lock);
	destroyed = conn->destroyed;
	conn->in_handler = false;
	waitq_wake_all(&cm.idle_wait);
	if (destroyed)
		kfree(conn);
	return !destroyed;
}

static bool tell_own(struct cm_conn *conn, struct cm_event *ev)
{
	return tell(conn, ev, conn->handler, conn->arg);
}

/* The last event of a connection. */
static void end(struct cm_conn *conn, enum cm_event_type type)
{
	struct cm_event ev = {.type = type};

	cm_set_state(conn, S_ENDED);
	if (conn->qp && conn->qp->state != IB_QPS_INIT)
		(void)ib_qp_error(conn->qp);
	if (conn->handler)
		tell_own(conn, &ev);
}

/* ---- receiving ------------------------------------------------ */

u8 cm_smaller(u8 a, u8 b)
{
	return a < b ? a : b;
}

static u64 tid_of(const struct mad *m)
{
	return (u64)HW_GET(m, MAD_TID_HIGH) << 32 | HW_GET(m, MAD_TID_LOW);
}

struct cm_listener *cm_listener_find(u64 service_id)
{
	struct cm_listener *l;

	list_for_each_entry (l, &cm.listeners, link)
		if (l->service_id == service_id)
			return l;
	return NULL;
}

/* The same request again, or one from a peer that has restarted? */
static struct cm_conn *req_known(const struct cm_req *req, u16 lid)
{
	struct cm_conn *conn;

	list_for_each_entry (conn, &cm.conns, link)
		if (conn->passive && conn->remote_id == req->local_id &&
		    conn->remote_guid == req->ca_guid &&
		    conn->remote_qpn == req->qpn && conn->peer.av.dlid == lid &&
		    conn->req.psn == req->psn)
			return conn;
	return NULL;
}

/* A new request for the same QP of the same node: the old one is dead. */
static void end_stale(const struct cm_req *req, u16 lid)
{
	struct cm_conn *conn;
again:
	list_for_each_entry (conn, &cm.conns, link) {
		if (conn->remote_guid != req->ca_guid ||
		    conn->remote_qpn != req->qpn || conn->peer.av.dlid != lid ||
		    conn->state == S_ENDED || conn->state == S_REQ_SENT)
			continue;
		pr_warn("connection %x is stale: its peer has restarted",
			conn->local_id);
		end(conn, CM_DISCONNECTED);
		goto again; /* the lock was dropped */
	}
}

static struct cm_conn *req_accept(const struct cm_msg *msg,
				  const struct cm_req *req)
{
	struct cm_conn *conn;

	if (cm.nr_pending >= MAX_PENDING)
		return NULL;
	conn = cm_conn_create();
	if (!conn)
		return NULL;
	conn->state = S_REQ_RCVD;
	cm.nr_pending++;
	conn->passive = true;
	conn->peer = msg->from;
	conn->remote_id = req->local_id;
	conn->remote_guid = req->ca_guid;
	conn->remote_qpn = req->qpn;
	conn->req = *req;
	conn->tid = tid_of(&msg->mad);
	conn->deadline_ns = time_mono_ns() + CM_CONNECT_NS;
	return conn;
}

static void got_req(const struct cm_msg *msg)
{
	struct cm_event ev = {.type = CM_REQUEST};
	struct cm_listener *l;
	struct cm_conn *conn;
	struct cm_req req;
	u16 reason = cm_get_req(&msg->mad, &req);
	u64 tid = tid_of(&msg->mad);

	conn = req_known(&req, msg->from.av.dlid);
	if (conn) {
		counter_inc(nr_ib_cm_repeated);
		if (conn->state == S_REP_SENT)
			send_last(conn);
		return;
	}
	if (!reason)
		end_stale(&req, msg->from.av.dlid);
	l = cm_listener_find(req.service_id);
	if (!reason && !l)
		reason = CM_REJ_INVALID_SERVICE_ID;
	conn = reason ? NULL : req_accept(msg, &req);
	if (!conn) {
		send_rej(&msg->from, tid, 0, req.local_id, 0,
			 reason ? reason : CM_REJ_NO_RESOURCES);
		return;
	}
	ev.private_data = conn->req.private_data;
	ev.private_bytes = CM_REQ_PRIVATE_BYTES;
	ev.remote_gid = conn->req.path.sgid;
	ev.remote_lid = msg->from.av.dlid;
	ev.port = msg->from.port;
	l->in_handler = true;
	tell(conn, &ev, l->handler, l->arg);
	l->in_handler = false;
	waitq_wake_all(&cm.idle_wait);
}

int cm_to_rts(struct cm_conn *conn)
{
	int err = ib_qp_connect(conn->qp, &conn->rc);

	return err ? err : ib_qp_rts(conn->qp, &conn->rc);
}

static void got_rep(struct cm_conn *conn, const struct mad *m)
{
	struct cm_event ev = {.type = CM_ESTABLISHED};
	struct cm_rep rep;

	cm_get_rep(m, &rep);
	if (conn->state == S_ESTABLISHED) { /* our RTU was lost */
		counter_inc(nr_ib_cm_repeated);
		send_last(conn);
		return;
	}
	if (conn->state != S_REQ_SENT)
		return;
	conn->remote_id = rep.local_id;
	conn->remote_qpn = rep.qpn;
	conn->remote_guid = rep.ca_guid;
	conn->rc.qpn = rep.qpn;
	conn->rc.send_psn = rep.psn;
	conn->rc.rnr_retries = rep.rnr_retries;
	conn->rc.initiator_depth =
		cm_smaller(conn->rc.initiator_depth, rep.responder_resources);
	if (cm_to_rts(conn)) {
		send_rej(&conn->peer, conn->tid, conn->local_id,
			 conn->remote_id, 1, CM_REJ_NO_QP);
		end(conn, CM_UNREACHABLE);
		return;
	}
	cm_set_state(conn, S_ESTABLISHED);
	cm_begin(&conn->last, CM_RTU, conn->tid, conn->local_id,
		 conn->remote_id);
	send_last(conn);
	ev.private_data = rep.private_data;
	ev.private_bytes = CM_REP_PRIVATE_BYTES;
	tell_own(conn, &ev);
}

static void got_rtu(struct cm_conn *conn)
{
	struct cm_event ev = {.type = CM_ESTABLISHED};

	if (conn->state != S_REP_SENT)
		return;
	cm_set_state(conn, S_ESTABLISHED);
	tell_own(conn, &ev);
}

static void got_rej(struct cm_conn *conn, const struct mad *m)
{
	u8 private_data[CM_REJ_PRIVATE_BYTES] __attribute__((aligned(8)));
	struct cm_event ev = {.type = CM_REJECTED,
			      .reason = (u16)HW_GET(m, REJ_REASON),
			      .private_data = private_data,
			      .private_bytes = CM_REJ_PRIVATE_BYTES};

	if (conn->state != S_REQ_SENT && conn->state != S_REP_SENT)
		return;
	memcpy(private_data, m->raw + REJ_PRIVATE, sizeof(private_data));
	cm_set_state(conn, S_ENDED);
	if (conn->qp && conn->qp->state != IB_QPS_INIT)
		(void)ib_qp_error(conn->qp);
	tell_own(conn, &ev);
}

static void got_mra(struct cm_conn *conn, const struct mad *m)
{
	u64 wait_ns = 4096ULL << HW_GET(m, MRA_TIMEOUT);

	/* The peer works on it: be patient, but not for ever. */
	if (conn->state == S_REQ_SENT || conn->state == S_REP_SENT)
		conn->deadline_ns =
			time_mono_ns() + min(wait_ns, (u64)CM_CONNECT_NS);
}

static void got_dreq(const struct cm_msg *msg, struct cm_conn *conn)
{
	/* Unknown: our DREP was lost and the connection is forgotten. */
	send_plain(&msg->from, CM_DREP, tid_of(&msg->mad),
		   HW_GET(&msg->mad, CM_REMOTE_ID),
		   HW_GET(&msg->mad, CM_LOCAL_ID));
	if (conn && (conn->state == S_ESTABLISHED ||
		     conn->state == S_REP_SENT || conn->state == S_DREQ_SENT))
		end(conn, CM_DISCONNECTED);
}

static void got_drep(struct cm_conn *conn)
{
	if (conn->state == S_DREQ_SENT)
		end(conn, CM_DISCONNECTED);
}

static void unknown(const struct cm_msg *msg)
{
	const struct mad *m = &msg->mad;

	/* Its sender would repeat a REP until it gives up. */
	if (HW_GET(m, MAD_ATTR_ID) == CM_REP)
		send_rej(&msg->from, tid_of(m), HW_GET(m, CM_REMOTE_ID),
			 HW_GET(m, CM_LOCAL_ID), 1, CM_REJ_INVALID_COMM_ID);
}

static void dispatch(const struct cm_msg *msg)
{
	const struct mad *m = &msg->mad;
	u32 attr = HW_GET(m, MAD_ATTR_ID);
	struct cm_conn *conn = NULL;

	if (attr != CM_REQ)
		conn = conn_find(HW_GET(m, CM_REMOTE_ID),
				 HW_GET(m, CM_LOCAL_ID), msg->from.av.dlid);
	if (attr == CM_REQ)
		got_req(msg);
	else if (attr == CM_DREQ)
		got_dreq(msg, conn);
	else if (!conn)
		unknown(msg);
	else if (attr == CM_REP)
		got_rep(conn, m);
	else if (attr == CM_RTU)
		got_rtu(conn);
	else if (attr == CM_REJ)
		got_rej(conn, m);
	else if (attr == CM_MRA)
		got_mra(conn, m);
	else if (attr == CM_DREP)
		got_drep(conn);
}

/* ---- the thread ----------------------------------------------- */

/* From the MAD thread, which must not wait. */
static void message_arrived(const struct mad_addr *from, const struct mad *m)
{
	u64 flags = spin_lock_irqsave(&cm.queue_lock);

	if (HW_GET(m, MAD_METHOD) != MAD_SEND) {
		/* not a CM message */
	} else if (cm.queue_head - cm.queue_tail == QUEUE_MADS) {
		cm.nr_overflow++;
	} else {
		struct cm_msg *msg = &cm.queue[cm.queue_head % QUEUE_MADS];

		msg->from = *from;
		msg->mad = *m;
		cm.queue_head++;
	}
	spin_unlock_irqrestore(&cm.queue_lock, flags);
	waitq_wake_one(&cm.work_wait);
}

static bool next_message(struct cm_msg *msg)
{
	u64 flags = spin_lock_irqsave(&cm.queue_lock);
	bool found = cm.queue_head != cm.queue_tail;

	if (found)
		*msg = cm.queue[cm.queue_tail++ % QUEUE_MADS];
	spin_unlock_irqrestore(&cm.queue_lock, flags);
	return found;
}

static void expired(struct cm_conn *conn)
{
	if (conn->state == S_REQ_RCVD) { /* its sender has given up */
		cm_set_state(conn, S_ENDED);
		return;
	}
	if (conn->tries_left) {
		conn->tries_left--;
		conn->deadline_ns = time_mono_ns() + RETRY_NS;
		counter_inc(nr_ib_cm_repeated);
		send_last(conn);
		return;
	}
	if (conn->state == S_REP_SENT)
		send_rej(&conn->peer, conn->tid, conn->local_id,
			 conn->remote_id, 1, CM_REJ_TIMEOUT);
	end(conn,
	    conn->state == S_DREQ_SENT ? CM_DISCONNECTED : CM_UNREACHABLE);
}

/* Handle what is due. Return: how long to sleep. */
static u64 run_deadlines(void)
{
	struct cm_conn *conn;
	u64 next;
again:
	next = time_mono_ns() + IDLE_NS;
	list_for_each_entry (conn, &cm.conns, link) {
		if (!conn->deadline_ns)
			continue;
		if (conn->deadline_ns <= time_mono_ns()) {
			expired(conn);
			goto again; /* the lock may have been dropped */
		}
		next = min(next, conn->deadline_ns);
	}
	return next - min(next, time_mono_ns());
}

static void cm_thread(void *arg)
{
	static struct cm_msg msg; /* one thread */
	u64 sleep;

	for (;;) {
		mutex_lock(&cm.lock);
		WRITE_ONCE(cm.changed, false);
		while (next_message(&msg))
			dispatch(&msg);
		sleep = run_deadlines();
		mutex_unlock(&cm.lock);
		(void)wait_event_timeout(
			&cm.work_wait,
			READ_ONCE(cm.changed) ||
				READ_ONCE(cm.queue_head) !=
					READ_ONCE(cm.queue_tail),
			sleep);
	}
}

int cm_start(struct ib_device *dev)
{
	mutex_init(&cm.lock, "ib cm", LOCK_CM);
	cm.next_id = (u32)random_u64();
	cm.queue = kcalloc(QUEUE_MADS, sizeof(*cm.queue));
	if (!cm.queue)
		return -ENOMEM;
	cm.thread = thread_create("ib-cm", cm_thread, NULL);
	if (!cm.thread)
		return -ENOMEM;
	thread_get(cm.thread);
	mad_register(MAD_CLASS_CM, message_arrived);
	thread_start(cm.thread);
	return 0;
}
