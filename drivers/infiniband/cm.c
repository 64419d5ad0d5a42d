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
#include <ib/cm.h>

#include "cm_codec.h"
#include "core.h"
#include <kernel/assert.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/mutex.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/slab.h>

#define QUEUE_MADS      256
#define RETRY_NS        (1 * NSEC_PER_SEC)
#define MAX_TRIES       20 /* CM_CONNECT_NS in all */
#define DREQ_TRIES      4
#define CM_TIMEOUT_CODE 18 /* 1.07 s, what we tell the peer */
#define IDLE_NS         (60 * NSEC_PER_SEC)
#define PSN_MASK        0xffffff
#define MAX_PENDING     256 /* requests that nobody answered yet */

#define DEFAULT_DEPTH       16
#define DEFAULT_ACK_TIMEOUT 18
#define DEFAULT_RETRIES     7
#define MIN_RNR_TIMER       12 /* 0.64 ms */

enum cm_state {
	S_REQ_SENT,
	S_REQ_RCVD,
	S_REP_SENT,
	S_ESTABLISHED,
	S_DREQ_SENT,
	S_ENDED,
};

static const char *const state_names[] = {
	[S_REQ_SENT] = "REQ sent",   [S_REQ_RCVD] = "REQ received",
	[S_REP_SENT] = "REP sent",   [S_ESTABLISHED] = "established",
	[S_DREQ_SENT] = "DREQ sent", [S_ENDED] = "ended",
};

struct cm_listener {
	struct list_head link; /* [cm.lock] */
	struct ib_device *dev;
	u64 service_id;
	cm_handler handler;
	void *arg;
	bool in_handler; /* [cm.lock] */
};

struct cm_conn {
	struct list_head link; /* [cm.lock] */
	enum cm_state state;   /* [cm.lock] as all below */
	bool passive;
	struct mad_addr peer; /* its QP1 */
	u32 local_id, remote_id;
	u32 remote_qpn;
	u64 remote_guid;
	u64 tid;
	struct cm_req req; /* sent or received */
	struct ib_rc_peer rc;
	struct ib_qp *qp;
	u32 local_psn;
	struct mad last; /* what to repeat */
	u64 deadline_ns; /* when to repeat or give up; 0: never */
	u32 tries_left;
	cm_handler handler;
	void *arg;
	bool in_handler;
	bool destroyed; /* by its handler: the thread frees it */
};

/* A received message. */
struct cm_msg {
	struct mad_addr from;
	struct mad mad;
};

static struct {
	struct mutex lock;
	struct list_head conns;     /* [lock] */
	struct list_head listeners; /* [lock] */
	u32 next_id;                /* [lock] */
	u32 nr_pending;             /* [lock] in REQ_RCVD */
	bool changed;               /* a deadline came nearer */

	struct spinlock queue_lock;
	struct cm_msg *queue;       /* [queue_lock] ring */
	u32 queue_head, queue_tail; /* [queue_lock] free-running */
	struct waitq work_wait;
	struct waitq idle_wait; /* who waits for a handler to return */
	struct thread *thread;
	u64 nr_received, nr_overflow, nr_repeated;
} cm = {
	.conns = LIST_HEAD_INIT(cm.conns),
	.listeners = LIST_HEAD_INIT(cm.listeners),
	.queue_lock = SPINLOCK_INIT("cm queue", LOCK_MISC),
	.work_wait = WAITQ_INIT(cm.work_wait),
	.idle_wait = WAITQ_INIT(cm.idle_wait),
};

/* ---- connections ----------------------------------------------------------
 */

static struct cm_conn *conn_create(void)
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

static void set_state(struct cm_conn *conn, enum cm_state state)
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
static void send_repeatedly(struct cm_conn *conn, u32 tries)
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

	set_state(conn, S_ENDED);
	if (conn->qp && conn->qp->state != IB_QPS_INIT)
		(void)ib_qp_error(conn->qp);
	if (conn->handler)
		tell_own(conn, &ev);
}

/* ---- receiving --------------------------------------------------------------
 */

static u8 smaller(u8 a, u8 b)
{
	return a < b ? a : b;
}

static u64 tid_of(const struct mad *m)
{
	return (u64)HW_GET(m, MAD_TID_HIGH) << 32 | HW_GET(m, MAD_TID_LOW);
}

static struct cm_listener *listener_find(u64 service_id)
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
static void end_stale(const struct cm_req *req)
{
	struct cm_conn *conn;
again:
	list_for_each_entry (conn, &cm.conns, link) {
		if (conn->remote_guid != req->ca_guid ||
		    conn->remote_qpn != req->qpn || conn->state == S_ENDED ||
		    conn->state == S_REQ_SENT)
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
	conn = conn_create();
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
		cm.nr_repeated++;
		if (conn->state == S_REP_SENT)
			send_last(conn);
		return;
	}
	if (!reason)
		end_stale(&req);
	l = listener_find(req.service_id);
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
	l->in_handler = true;
	tell(conn, &ev, l->handler, l->arg);
	l->in_handler = false;
	waitq_wake_all(&cm.idle_wait);
}

static int to_rts(struct cm_conn *conn)
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
		cm.nr_repeated++;
		send_last(conn);
		return;
	}
	if (conn->state != S_REQ_SENT)
		return;
	conn->remote_id = rep.local_id;
	conn->remote_qpn = rep.qpn;
	conn->remote_guid = rep.ca_guid;
	conn->rc.qpn = rep.qpn;
	conn->rc.recv_psn = rep.psn;
	conn->rc.rnr_retries = rep.rnr_retries;
	conn->rc.initiator_depth =
		smaller(conn->rc.initiator_depth, rep.responder_resources);
	if (to_rts(conn)) {
		send_rej(&conn->peer, conn->tid, conn->local_id,
			 conn->remote_id, 1, CM_REJ_NO_QP);
		end(conn, CM_UNREACHABLE);
		return;
	}
	set_state(conn, S_ESTABLISHED);
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
	set_state(conn, S_ESTABLISHED);
	tell_own(conn, &ev);
}

static void got_rej(struct cm_conn *conn, const struct mad *m)
{
	struct cm_event ev = {.type = CM_REJECTED,
			      .reason = (u16)HW_GET(m, REJ_REASON),
			      .private_data = m->raw + REJ_PRIVATE,
			      .private_bytes = CM_REJ_PRIVATE_BYTES};

	if (conn->state != S_REQ_SENT && conn->state != S_REP_SENT)
		return;
	set_state(conn, S_ENDED);
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

/* ---- the thread
 * --------------------------------------------------------------- */

/* From the MAD thread, which must not wait. */
static void message_arrived(const struct mad_addr *from, const struct mad *m)
{
	u64 flags = spin_lock_irqsave(&cm.queue_lock);

	cm.nr_received++;
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
		set_state(conn, S_ENDED);
		return;
	}
	if (conn->tries_left) {
		conn->tries_left--;
		conn->deadline_ns = time_mono_ns() + RETRY_NS;
		cm.nr_repeated++;
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

/* ---- interface
 * ------------------------------------------------------------------ */

int cm_listen(struct ib_device *dev, u64 service_id, cm_handler handler,
	      void *arg, struct cm_listener **out)
{
	struct cm_listener *l = kzalloc(sizeof(*l));
	int err = 0;

	if (!l)
		return -ENOMEM;
	*l = (struct cm_listener){.dev = dev,
				  .service_id = service_id,
				  .handler = handler,
				  .arg = arg};
	mutex_lock(&cm.lock);
	if (listener_find(service_id))
		err = -EBUSY;
	else
		list_add_tail(&l->link, &cm.listeners);
	mutex_unlock(&cm.lock);
	if (err)
		kfree(l);
	else
		*out = l;
	return err;
}

void cm_listen_stop(struct cm_listener *l)
{
	CHECK(current_thread() != cm.thread);
	mutex_lock(&cm.lock);
	list_del(&l->link);
	mutex_unlock(&cm.lock);
	wait_event(&cm.idle_wait, !READ_ONCE(l->in_handler));
	/* in_handler is cleared under the lock: let the thread leave it. */
	mutex_lock(&cm.lock);
	mutex_unlock(&cm.lock);
	kfree(l);
}

static bool params_ok(const struct cm_conn_params *p, u32 max_private)
{
	return p->qp && p->qp->init.type == IB_QP_RC &&
	       p->qp->state == IB_QPS_INIT && p->private_bytes <= max_private &&
	       (p->private_data || !p->private_bytes);
}

static void fill_rc(struct ib_rc_peer *rc, const struct cm_conn_params *p,
		    u32 local_psn)
{
	*rc = (struct ib_rc_peer){
		.send_psn = local_psn,
		.responder_resources = p->responder_resources ?: DEFAULT_DEPTH,
		.initiator_depth = p->initiator_depth ?: DEFAULT_DEPTH,
		.ack_timeout = p->ack_timeout ?: DEFAULT_ACK_TIMEOUT,
		.retries = p->retries ?: DEFAULT_RETRIES,
		.rnr_retries = p->rnr_retries ?: DEFAULT_RETRIES,
		.min_rnr_timer = MIN_RNR_TIMER,
	};
}

static void fill_req(struct cm_conn *conn, const struct sa_path *path,
		     u64 service_id, const struct cm_conn_params *p)
{
	struct cm_req *req = &conn->req;

	*req = (struct cm_req){
		.local_id = conn->local_id,
		.service_id = service_id,
		.ca_guid = ib_device_node_guid(conn->peer.dev),
		.qpn = p->qp->qpn,
		.psn = conn->local_psn,
		.responder_resources = conn->rc.responder_resources,
		.initiator_depth = conn->rc.initiator_depth,
		.retries = conn->rc.retries,
		.rnr_retries = conn->rc.rnr_retries,
		.cm_timeout = CM_TIMEOUT_CODE,
		.cm_retries = MAX_TRIES > 15 ? 15 : MAX_TRIES,
		.pkey = path->pkey,
		.path = *path,
		.ack_timeout = conn->rc.ack_timeout,
	};
	if (p->private_bytes)
		memcpy(req->private_data, p->private_data, p->private_bytes);
}

int cm_connect(struct ib_device *dev, u8 port, const struct sa_path *path,
	       u64 service_id, const struct cm_conn_params *p,
	       cm_handler handler, void *arg, struct cm_conn **out)
{
	struct cm_conn *conn;

	if (!params_ok(p, CM_REQ_PRIVATE_BYTES) || path->hop_limit > 1)
		return -EINVAL;
	mutex_lock(&cm.lock);
	conn = conn_create();
	if (!conn) {
		mutex_unlock(&cm.lock);
		return -ENOMEM;
	}
	conn->state = S_REQ_SENT;
	conn->peer = (struct mad_addr){
		.dev = dev,
		.port = port,
		.qpn = 1,
		.av = {.dlid = path->dlid, .sl = path->sl},
	};
	conn->qp = p->qp;
	conn->handler = handler;
	conn->arg = arg;
	conn->tid = random_u64();
	fill_rc(&conn->rc, p, conn->local_psn);
	conn->rc.av = (struct ib_av){.dlid = path->dlid, .sl = path->sl};
	conn->rc.mtu = path->mtu;
	fill_req(conn, path, service_id, p);
	cm_put_req(&conn->last, conn->tid, &conn->req);
	*out = conn; /* before the handler can run */
	send_repeatedly(conn, MAX_TRIES);
	mutex_unlock(&cm.lock);
	return 0;
}

/* Our side of what the request offers. */
static void fill_accept(struct cm_conn *conn, const struct cm_conn_params *p,
			struct cm_rep *rep)
{
	const struct cm_req *req = &conn->req;
	struct ib_rc_peer *rc = &conn->rc;

	fill_rc(rc, p, conn->local_psn);
	rc->av = (struct ib_av){.dlid = conn->peer.av.dlid, .sl = req->path.sl};
	rc->qpn = req->qpn;
	rc->mtu = req->path.mtu;
	rc->recv_psn = req->psn;
	rc->retries = smaller(rc->retries, req->retries);
	rc->responder_resources =
		smaller(rc->responder_resources, req->initiator_depth);
	rc->initiator_depth =
		smaller(rc->initiator_depth, req->responder_resources);
	*rep = (struct cm_rep){
		.local_id = conn->local_id,
		.remote_id = conn->remote_id,
		.ca_guid = ib_device_node_guid(conn->peer.dev),
		.qpn = p->qp->qpn,
		.psn = conn->local_psn,
		.responder_resources = rc->responder_resources,
		.initiator_depth = rc->initiator_depth,
		.rnr_retries = rc->rnr_retries,
	};
	rc->rnr_retries = req->rnr_retries;
	if (p->private_bytes)
		memcpy(rep->private_data, p->private_data, p->private_bytes);
}

int cm_accept(struct cm_conn *conn, const struct cm_conn_params *p,
	      cm_handler handler, void *arg)
{
	struct cm_rep rep;
	int err = 0;

	if (!params_ok(p, CM_REP_PRIVATE_BYTES))
		return -EINVAL;
	mutex_lock(&cm.lock);
	if (conn->state != S_REQ_RCVD) {
		err = conn->state == S_ENDED ? -ENOTCONN : -EINVAL;
		goto unlock;
	}
	fill_accept(conn, p, &rep);
	conn->qp = p->qp;
	err = to_rts(conn);
	if (err) {
		conn->qp = NULL;
		goto unlock;
	}
	set_state(conn, S_REP_SENT);
	conn->handler = handler;
	conn->arg = arg;
	cm_put_rep(&conn->last, conn->tid, &rep);
	send_repeatedly(conn, MAX_TRIES);
unlock:
	mutex_unlock(&cm.lock);
	return err;
}

/* Off the list, and freed as soon as no handler runs for it. */
static void conn_free(struct cm_conn *conn)
{
	ASSERT(mutex_is_mine(&cm.lock));
	set_state(conn, S_ENDED);
	list_del(&conn->link);
	if (conn->in_handler && current_thread() == cm.thread) {
		conn->destroyed = true; /* tell() frees it */
		mutex_unlock(&cm.lock);
		return;
	}
	while (conn->in_handler) {
		mutex_unlock(&cm.lock);
		wait_event(&cm.idle_wait, !READ_ONCE(conn->in_handler));
		mutex_lock(&cm.lock);
	}
	mutex_unlock(&cm.lock);
	kfree(conn);
}

void cm_reject(struct cm_conn *conn, u16 reason, const void *private_data,
	       u32 private_bytes)
{
	struct mad m;

	mutex_lock(&cm.lock);
	if (conn->state == S_REQ_RCVD) {
		cm_put_rej(&m, conn->tid, conn->local_id, conn->remote_id, 0,
			   reason, private_data, private_bytes);
		if (mad_send(&conn->peer, &m))
			pr_warn_ratelimited("cannot send");
	}
	conn_free(conn);
}

void cm_disconnect(struct cm_conn *conn)
{
	mutex_lock(&cm.lock);
	if (conn->state == S_ESTABLISHED || conn->state == S_REP_SENT) {
		set_state(conn, S_DREQ_SENT);
		(void)ib_qp_error(conn->qp);
		cm_begin(&conn->last, CM_DREQ, conn->tid, conn->local_id,
			 conn->remote_id);
		HW_SET(&conn->last, conn->remote_qpn, DREQ_QPN);
		send_repeatedly(conn, DREQ_TRIES);
	}
	mutex_unlock(&cm.lock);
}

void cm_conn_destroy(struct cm_conn *conn)
{
	struct mad m;
	int err = 0;

	mutex_lock(&cm.lock);
	switch (conn->state) {
	case S_REQ_SENT:
	case S_REQ_RCVD:
		cm_put_rej(&m, conn->tid, conn->local_id, conn->remote_id,
			   conn->state == S_REQ_RCVD ? 0 : 2, CM_REJ_TIMEOUT,
			   NULL, 0);
		err = mad_send(&conn->peer, &m);
		break;
	case S_REP_SENT:
	case S_ESTABLISHED:
		(void)ib_qp_error(conn->qp);
		cm_begin(&m, CM_DREQ, conn->tid, conn->local_id,
			 conn->remote_id);
		HW_SET(&m, conn->remote_qpn, DREQ_QPN);
		err = mad_send(&conn->peer, &m);
		break;
	case S_DREQ_SENT:
	case S_ENDED:
		break;
	}
	if (err) /* it will notice by itself */
		pr_debug("destroy: cannot tell the peer");
	conn_free(conn);
}

void cm_dump(void)
{
	struct cm_conn *conn;
	struct cm_listener *l;

	mutex_lock(&cm.lock);
	list_for_each_entry (l, &cm.listeners, link)
		mprintf("  listening: service %016lx\n", l->service_id);
	list_for_each_entry (conn, &cm.conns, link)
		mprintf("  connection %08x: %s, LID %u, QP %06x -> %06x\n",
			conn->local_id, state_names[conn->state],
			conn->peer.av.dlid, conn->qp ? conn->qp->qpn : 0,
			conn->remote_qpn);
	mprintf("  CM messages: %lu received, %lu repeated, %lu lost\n",
		cm.nr_received, cm.nr_repeated, cm.nr_overflow);
	mutex_unlock(&cm.lock);
}
