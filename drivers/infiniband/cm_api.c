/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection manager's calls; see cm.c for what they set in motion. */
#define pr_fmt(fmt) "ib-cm: " fmt
#include "cm_internal.h"

#include <kernel/assert.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/random.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

#define DEFAULT_DEPTH       16
#define DEFAULT_ACK_TIMEOUT 18
#define DEFAULT_RETRIES     7
#define MIN_RNR_TIMER       12 /* 0.64 ms */

static const char *const state_names[] = {
	[S_REQ_SENT] = "REQ sent",   [S_REQ_RCVD] = "REQ received",
	[S_REP_SENT] = "REP sent",   [S_ESTABLISHED] = "established",
	[S_DREQ_SENT] = "DREQ sent", [S_ENDED] = "ended",
};

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
	if (cm_listener_find(service_id))
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
		.recv_psn = local_psn,
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
	conn = cm_conn_create();
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
	cm_send_repeatedly(conn, MAX_TRIES);
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
	rc->send_psn = req->psn;
	rc->retries = cm_smaller(rc->retries, req->retries);
	rc->responder_resources =
		cm_smaller(rc->responder_resources, req->initiator_depth);
	rc->initiator_depth =
		cm_smaller(rc->initiator_depth, req->responder_resources);
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
	err = cm_to_rts(conn);
	if (err) {
		conn->qp = NULL;
		goto unlock;
	}
	cm_set_state(conn, S_REP_SENT);
	conn->handler = handler;
	conn->arg = arg;
	cm_put_rep(&conn->last, conn->tid, &rep);
	cm_send_repeatedly(conn, MAX_TRIES);
unlock:
	mutex_unlock(&cm.lock);
	return err;
}

/* Off the list, and freed as soon as no handler runs for it. */
static void conn_free(struct cm_conn *conn)
{
	ASSERT(mutex_is_mine(&cm.lock));
	cm_set_state(conn, S_ENDED);
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
		cm_set_state(conn, S_DREQ_SENT);
		(void)ib_qp_error(conn->qp);
		cm_begin(&conn->last, CM_DREQ, conn->tid, conn->local_id,
			 conn->remote_id);
		HW_SET(&conn->last, conn->remote_qpn, DREQ_QPN);
		cm_send_repeatedly(conn, DREQ_TRIES);
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
	if (cm.nr_overflow)
		mprintf("  CM messages lost: %lu\n", cm.nr_overflow);
	mutex_unlock(&cm.lock);
}
