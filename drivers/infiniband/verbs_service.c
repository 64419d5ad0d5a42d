/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service for programs of other systems; what it does stands in its
 * header.
 *
 * A session is a connection with its queue pair, completion queue, buffers and
 * thread.  The request handler (in the connection manager's thread) makes it,
 * or the monitor's command `ibconnect`; from thread_spawn() on it belongs to
 * its thread, which takes it down when the connection is over or a request
 * fails.  Only the thread polls and posts, so that nothing of a session but
 * its flags needs care.
 */
#define pr_fmt(fmt) "verbs: " fmt
#include <ib/verbs_service.h>

#include <ib/cm.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/kstrto.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/dma.h>

#define NR_RECVS    4
#define NR_SENDS    4 /* an answer or a transfer, and a probe */
#define CHUNK_BYTES (32u << 10)
#define PROBE_NS    (5 * NSEC_PER_SEC)
#define ACK_TIMEOUT 16 /* 0.27 s: with the retries, seconds until an error */

/* wr_id of what is sent; receives have the number of their buffer. */
enum { WR_REQUESTED = 100, WR_PROBE };

struct buffers {
	u8 recv[NR_RECVS][VERBS_MESSAGE_BYTES];
	u8 answer[VERBS_MESSAGE_BYTES];
	u8 chunk[CHUNK_BYTES];
};

struct message {
	u32 buffer;
	u32 bytes;
};

struct session {
	struct ib_qp *qp;
	struct ib_cq *cq;
	struct cm_conn *conn;
	struct buffers *buffers;
	struct message waiting[NR_RECVS]; /* ring of requests */
	u32 first, nr_waiting;
	bool is_busy;    /* an answer or a transfer is on its way */
	bool is_probing; /* a probe is */
	struct waitq wait;
	bool is_started;     /* [atomic] accepted or not, or established */
	bool is_over;        /* [atomic] the connection ended */
	u16 reason;          /* of a rejection [set before is_over] */
	bool has_completion; /* [atomic] */
};

static struct ib_device *device;
static struct ib_pd *pd;
static struct cm_listener *listener;
static atomic_t nr_sessions;

BOOT_OPTION(verbs_service, "serve other systems' RDMA tests; off by default",
	    NULL);

/* ---- sessions ------------------------------------------------- */

static void session_free(struct session *s)
{
	if (s->conn)
		cm_conn_destroy(s->conn);
	if (s->qp)
		ib_qp_destroy(s->qp);
	if (s->cq)
		ib_cq_destroy(s->cq);
	if (s->buffers)
		dma_free(s->buffers, sizeof(*s->buffers));
	kfree(s);
	atomic_dec(&nr_sessions);
}

static void completion_arrived(struct ib_cq *cq, void *arg)
{
	struct session *s = arg;

	WRITE_ONCE(s->has_completion, true);
	waitq_wake_all(&s->wait);
}

static int post_recv(struct session *s, u32 buffer)
{
	struct ib_sge sge = {.dma = dma_addr_of(s->buffers->recv[buffer]),
			     .bytes = VERBS_MESSAGE_BYTES,
			     .lkey = ib_pd_local_lkey(pd)};
	struct ib_recv_wr wr = {.wr_id = buffer, .sge = &sge, .nr_sge = 1};

	return ib_post_recv(s->qp, &wr, 1);
}

static int session_prepare(struct session *s, u8 port)
{
	struct ib_qp_init init = {.type = IB_QP_RC,
				  .port = port,
				  .max_send_wr = NR_SENDS,
				  .max_recv_wr = NR_RECVS,
				  .max_send_sge = 1,
				  .max_recv_sge = 1,
				  /* To be probed; it has no memory for that. */
				  .access = IB_ACCESS_REMOTE_WRITE,
				  .arg = s};
	dma_addr_t dma;
	int err;

	s->buffers = dma_alloc(sizeof(*s->buffers), &dma);
	if (!s->buffers)
		return -ENOMEM;
	err = ib_cq_create(device, NR_SENDS + NR_RECVS, 0, completion_arrived,
			   s, &s->cq);
	if (err)
		return err;
	init.send_cq = init.recv_cq = s->cq;
	err = ib_qp_create(pd, &init, &s->qp);
	for (u32 i = 0; i < NR_RECVS && !err; i++)
		err = post_recv(s, i);
	return err;
}

/* NULL: there is no room for another. */
static struct session *session_create(u8 port)
{
	struct session *s;

	if (atomic_inc_return(&nr_sessions) > VERBS_MAX_CONNECTIONS)
		goto too_many;
	s = kzalloc(sizeof(*s));
	if (!s)
		goto too_many;
	waitq_init(&s->wait);
	if (!session_prepare(s, port))
		return s;
	session_free(s);
	return NULL;
too_many:
	atomic_dec(&nr_sessions);
	return NULL;
}

/* ---- completions ---------------------------------------------- */

static int post(struct session *s, const struct ib_send_wr *wr)
{
	int err = ib_post_send(s->qp, wr, 1);

	if (!err && wr->wr_id == WR_PROBE)
		s->is_probing = true;
	else if (!err)
		s->is_busy = true;
	return err;
}

static int take_completion(struct session *s, const struct ib_wc *wc)
{
	if (wc->status != IB_WC_SUCCESS)
		return -EIO;
	if (wc->wr_id == WR_PROBE) {
		s->is_probing = false;
	} else if (wc->wr_id == WR_REQUESTED) {
		s->is_busy = false;
	} else {
		u32 i = (s->first + s->nr_waiting++) % NR_RECVS;

		ASSERT(s->nr_waiting <= NR_RECVS);
		s->waiting[i] = (struct message){.buffer = (u32)wc->wr_id,
						 .bytes = wc->bytes};
	}
	return 0;
}

static int probe(struct session *s)
{
	struct ib_send_wr wr = {.wr_id = WR_PROBE,
				.opcode = IB_WR_RDMA_WRITE,
				.flags = IB_SEND_SIGNALED};

	return post(s, &wr);
}

/* Wait for one completion and note what it means. */
static int next_completion(struct session *s)
{
	struct ib_wc wc;

	for (;;) {
		bool woken;

		if (READ_ONCE(s->is_over))
			return -ENOTCONN;
		if (ib_cq_poll(s->cq, 1, &wc))
			return take_completion(s, &wc);
		WRITE_ONCE(s->has_completion, false);
		ib_cq_arm(s->cq);
		woken = wait_event_timeout(&s->wait,
					   READ_ONCE(s->has_completion) ||
						   READ_ONCE(s->is_over),
					   PROBE_NS);
		/* What is on its way fails if the peer is dead. */
		if (!woken && !s->is_probing && !s->is_busy) {
			int err = probe(s);

			if (err)
				return err;
		}
	}
}

static int next_request(struct session *s, struct message *m)
{
	int err = 0;

	while (!err && !s->nr_waiting)
		err = next_completion(s);
	if (err)
		return err;
	*m = s->waiting[s->first];
	s->first = (s->first + 1) % NR_RECVS;
	s->nr_waiting--;
	return 0;
}

/* ---- requests ------------------------------------------------- */

static int post_and_wait(struct session *s, enum ib_wr_opcode opcode,
			 const void *data, u32 bytes, u64 remote, u32 rkey)
{
	struct ib_sge sge = {.dma = dma_addr_of(data),
			     .bytes = bytes,
			     .lkey = ib_pd_local_lkey(pd)};
	struct ib_send_wr wr = {.wr_id = WR_REQUESTED,
				.sge = &sge,
				.nr_sge = 1,
				.opcode = opcode,
				.flags = IB_SEND_SIGNALED,
				.remote_iova = remote,
				.rkey = rkey};
	int err = post(s, &wr);

	while (!err && s->is_busy)
		err = next_completion(s);
	return err;
}

static int copy(struct session *s, const struct verbs_request *req)
{
	u64 from = HW_GET64(req, VREQ_FROM), to = HW_GET64(req, VREQ_TO);
	u32 bytes = HW_GET(req, VREQ_BYTES), rkey = HW_GET(req, VREQ_RKEY);
	u8 *chunk = s->buffers->chunk;
	int err = 0;

	for (u32 at = 0; at < bytes && !err; at += CHUNK_BYTES) {
		u32 n = min(bytes - at, CHUNK_BYTES);

		err = post_and_wait(s, IB_WR_RDMA_READ, chunk, n, from + at,
				    rkey);
		if (err)
			break;
		for (u32 i = 0; i < n; i++)
			chunk[i] = (u8)~chunk[i];
		err = post_and_wait(s, IB_WR_RDMA_WRITE, chunk, n, to + at,
				    rkey);
	}
	return err;
}

static bool is_sound(const struct verbs_request *req, u32 bytes)
{
	u32 op;

	if (bytes < sizeof(*req))
		return false;
	op = HW_GET(req, VREQ_OP);
	return op == VERBS_ECHO ||
	       (op == VERBS_COPY &&
		HW_GET(req, VREQ_BYTES) <= VERBS_COPY_MAX_BYTES);
}

/* Carry out and answer. Return: an error ends the session. */
static int serve_request(struct session *s, const struct message *m)
{
	/* A copy: the peer may send what it likes into the others. */
	struct verbs_request *answer = (void *)s->buffers->answer;
	u32 bytes = max(m->bytes, (u32)sizeof(*answer));
	bool sound;
	int err;

	memset(answer, 0, sizeof(*answer));
	memcpy(answer, s->buffers->recv[m->buffer], m->bytes);
	err = post_recv(s, m->buffer);
	sound = is_sound(answer, m->bytes);
	if (!err && sound && HW_GET(answer, VREQ_OP) == VERBS_COPY)
		err = copy(s, answer);
	if (err)
		return err;
	HW_SET(answer, sound ? VERBS_OK : VERBS_BAD_REQUEST, VREQ_STATUS);
	counter_inc(nr_ib_service);
	return post_and_wait(s, IB_WR_SEND, answer, bytes, 0, 0);
}

static void session_main(void *arg)
{
	struct session *s = arg;
	struct message m;
	int err = 0;

	wait_event(&s->wait, READ_ONCE(s->is_started));
	while (!err) {
		err = next_request(s, &m);
		if (!err)
			err = serve_request(s, &m);
	}
	pr_debug("a connection is over: %d", err);
	session_free(s);
}

/* ---- connections: in the connection manager's thread ---------- */

static void connection_event(const struct cm_event *ev, void *arg)
{
	struct session *s = arg;

	if (ev->type == CM_ESTABLISHED) {
		WRITE_ONCE(s->is_started, true);
	} else {
		s->reason = ev->reason;
		WRITE_ONCE(s->is_over, true);
	}
	waitq_wake_all(&s->wait);
}

static void connection_request(const struct cm_event *ev, void *arg)
{
	struct session *s = session_create(ev->port);
	struct cm_conn_params params = {.ack_timeout = ACK_TIMEOUT};

	if (!s) {
		cm_reject(ev->conn, CM_REJ_NO_RESOURCES, NULL, 0);
		return;
	}
	if (!thread_spawn("verbs-service", session_main, s)) {
		session_free(s);
		cm_reject(ev->conn, CM_REJ_NO_RESOURCES, NULL, 0);
		return;
	}
	/* The thread destroys it, and so waits for the end of this call. */
	s->conn = ev->conn;
	params.qp = s->qp;
	if (cm_accept(ev->conn, &params, connection_event, s))
		WRITE_ONCE(s->is_over, true);
	WRITE_ONCE(s->is_started, true);
	waitq_wake_all(&s->wait);
}

/* ---- the other way: this node connects ------------------------ */

static int session_connect(struct session *s, u16 lid, u64 service_id)
{
	struct cm_conn_params params = {.qp = s->qp,
					.ack_timeout = ACK_TIMEOUT};
	struct sa_path path;
	int err = sa_path_by_lid(device, s->qp->init.port, lid, &path);

	if (!err)
		err = cm_connect(device, s->qp->init.port, &path, service_id,
				 &params, connection_event, s, &s->conn);
	if (err)
		return err;
	/* The connection manager gives up in time. */
	wait_event(&s->wait, READ_ONCE(s->is_started) || READ_ONCE(s->is_over));
	if (!READ_ONCE(s->is_over))
		return 0;
	return s->reason ? -ECONNREFUSED : -ETIMEDOUT;
}

static void cmd_ibconnect(int argc, char **argv)
{
	struct session *s;
	u64 service_id;
	u32 lid;
	int err;

	if (argc != 3 || kstrtou32(argv[1], 0, &lid) || lid > 0xbfff ||
	    kstrtou64(argv[2], 16, &service_id)) {
		mprintf("usage: ibconnect LID SERVICE-ID (hexadecimal)\n");
		return;
	}
	if (!pd) {
		mprintf("boot with verbs_service\n");
		return;
	}
	s = session_create(1);
	if (!s) {
		mprintf("no room for another connection\n");
		return;
	}
	err = session_connect(s, (u16)lid, service_id);
	if (!err && !thread_spawn("verbs-service", session_main, s))
		err = -ENOMEM;
	if (!err) {
		mprintf("connected\n");
		return;
	}
	mprintf("not connected: error %d, reason %u\n", err, s->reason);
	session_free(s);
}
MONITOR_CMD(ibconnect, "connect to another system's RDMA test, serve it",
	    cmd_ibconnect);

int verbs_service_start(void)
{
	int err;

	device = ib_device_default();
	if (!cmdline_has("verbs_service") || !device)
		return 0;
	err = ib_pd_create(device, &pd);
	if (err)
		return err;
	err = cm_listen(device, VERBS_SERVICE_ID, connection_request, NULL,
			&listener);
	if (err) {
		ib_pd_destroy(pd);
		return err;
	}
	pr_info("RDMA tests of other systems are served at service ID %016lx",
		VERBS_SERVICE_ID);
	return 0;
}
