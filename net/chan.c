/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel: one reliable connection with its buffers.  Completions are
 * handled in the CQs' interrupts, or by a thread that spins for its own.
 *
 * Receives are posted for all requests and replies that can be on their way
 * at once, so in normal work no sender meets an empty receive queue.
 */
#define pr_fmt(fmt) "net: " fmt
#include "net.h"

#include <arch/x86/barrier.h>
#include <arch/x86/cpu.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <mm/dma.h>

#define FIRST_REPLY   CALL_SLOTS
#define FIRST_RECV    (CALL_SLOTS + NR_REPLIES)
#define DRAIN_NS      (3 * NSEC_PER_SEC)
#define NR_SEND_WRS   (CALL_SLOTS + NR_REPLIES + IO_DEPTH)
#define BUFFERS_BYTES ((size_t)NR_BUFFERS * RPC_FRAME_MAX)

int chan_init(struct chan *c, struct peer *peer, u32 index)
{
	c->peer = peer;
	c->index = index;
	spin_lock_init(&c->lock, "chan", LOCK_RPC_CALL);
	list_init(&c->io_pending);
	list_init(&c->io_inflight);
	waitq_init(&c->slot_room);
	waitq_init(&c->reply_room);
	waitq_init(&c->closed);
	for (u32 i = 0; i < NR_REPLIES; i++)
		c->reply_free[i] = FIRST_REPLY + i;
	c->nr_reply_free = NR_REPLIES;
	c->buffers = dma_alloc(BUFFERS_BYTES, &c->buffers_dma);
	return c->buffers ? 0 : -ENOMEM;
}

void chan_free(struct chan *c)
{
	ASSERT(c->state == CHAN_IDLE);
	if (c->buffers)
		dma_free(c->buffers, BUFFERS_BYTES);
}

/* ---- sending ----------------------------------------------------------------
 */

int chan_send_locked(struct chan *c, u32 i, u32 len, u64 wr_id)
{
	struct ib_sge sge = {
		.dma = c->buffers_dma + (u64)i * RPC_FRAME_MAX,
		.bytes = len,
		.lkey = c->lkey,
	};
	struct ib_send_wr wr = {
		.wr_id = wr_id,
		.sge = &sge,
		.nr_sge = 1,
		.opcode = IB_WR_SEND,
		.flags = IB_SEND_SIGNALED,
	};
	int rc;

	ASSERT_LOCKED(&c->lock);
	ASSERT(len <= RPC_FRAME_MAX);
	if (c->state != CHAN_UP)
		return -ENOTCONN;
	rc = ib_post_send(c->qp, &wr, 1);
	if (rc)
		chan_fail_locked(c, "a send was refused");
	return rc;
}

u32 chan_reply_get_locked(struct chan *c)
{
	ASSERT_LOCKED(&c->lock);
	return c->nr_reply_free ? c->reply_free[--c->nr_reply_free] : NO_BUFFER;
}

void chan_reply_put_locked(struct chan *c, u32 i)
{
	ASSERT_LOCKED(&c->lock);
	ASSERT(c->nr_reply_free < NR_REPLIES);
	c->reply_free[c->nr_reply_free++] = i;
}

/* A frame without body, dropped if there is no buffer or no connection. */
static void send_header(struct chan *c, const struct frame *refused, int status)
{
	u64 flags = spin_lock_irqsave(&c->lock);
	u64 session = c->peer->session;
	u32 i = c->state == CHAN_UP ? chan_reply_get_locked(c) : NO_BUFFER;
	u32 len;

	if (i != NO_BUFFER) {
		len = refused ? frame_encode_reply(chan_buffer(c, i),
						   refused->op, refused->xid,
						   session, status, NULL, 0,
						   NULL, 0)
			      : frame_encode_beat(chan_buffer(c, i), session);
		if (chan_send_locked(c, i, len, wr_id_make(WR_REPLY, i)))
			chan_reply_put_locked(c, i);
	}
	spin_unlock_irqrestore(&c->lock, flags);
}

void chan_send_beat(struct chan *c)
{
	/* What nobody waited for is looked at now. */
	if (chan_poll_begin(c)) {
		chan_poll_sent(c);
		chan_poll_end(c);
	}
	send_header(c, NULL, 0);
}

/* ---- receiving --------------------------------------------------------------
 */

static int post_recv(struct chan *c, u32 i)
{
	struct ib_sge sge = {
		.dma = c->buffers_dma + (u64)i * RPC_FRAME_MAX,
		.bytes = RPC_FRAME_MAX,
		.lkey = c->lkey,
	};
	struct ib_recv_wr wr = {
		.wr_id = wr_id_make(WR_RECV, i),
		.sge = &sge,
		.nr_sge = 1,
	};

	return ib_post_recv(c->qp, &wr, 1);
}

static void receive_reply(struct chan *c, const struct frame *f)
{
	u64 flags = spin_lock_irqsave(&c->lock);
	struct completion *waiter = calls_reply(&c->calls, f);

	/* Under the lock: the caller's stack stays while we hold it. */
	if (waiter)
		complete(waiter);
	spin_unlock_irqrestore(&c->lock, flags);
	if (!waiter)
		counter_inc(nr_rpc_late_reply);
}

static void receive_bad(struct chan *c, struct frame *f, enum frame_error error)
{
	counter_inc(nr_rpc_bad_frame);
	pr_warn_ratelimited("bad frame from %s: %s (message %#x)",
			    c->peer->name, frame_error_name(error), f->op);
	if (f->is_answerable) {
		send_header(c, f, frame_error_errno(error));
	} else if (f->kind == RPC_KIND_REPLY && f->info) {
		f->status = -EPROTO;
		receive_reply(c, f);
	}
}

static void receive(struct chan *c, u32 i, u32 len)
{
	const void *buf = chan_buffer(c, i);
	enum frame_error error;
	struct frame f;

	error = frame_decode(buf, len, c->peer->session, node_role(), &f);
	if (error)
		return receive_bad(c, &f, error);
	WRITE_ONCE(c->peer->heard_ns, time_mono_ns());
	switch (f.kind) {
	case RPC_KIND_REQUEST:
		serve_request(c, &f, buf, len);
		break;
	case RPC_KIND_REPLY:
		receive_reply(c, &f);
		break;
	case RPC_KIND_BEAT:
		break;
	}
}

/* ---- completions ------------------------------------------------------------
 */

static void complete_recv(struct chan *c, const struct ib_wc *wc, u32 i)
{
	u64 flags;

	if (wc->status)
		return;
	receive(c, i, wc->bytes);
	flags = spin_lock_irqsave(&c->lock);
	if ((c->state == CHAN_UP || c->state == CHAN_CONNECTING) &&
	    post_recv(c, i))
		chan_fail_locked(c, "a receive was refused");
	spin_unlock_irqrestore(&c->lock, flags);
}

static void complete_send(struct chan *c, enum wr_tag tag, u32 i)
{
	bool has_room = true;
	u64 flags = spin_lock_irqsave(&c->lock);

	if (tag == WR_CALL)
		has_room = calls_sent(&c->calls, i);
	else
		chan_reply_put_locked(c, i);
	spin_unlock_irqrestore(&c->lock, flags);
	if (has_room)
		waitq_wake_one(tag == WR_CALL ? &c->slot_room : &c->reply_room);
}

static void complete_one(struct chan *c, const struct ib_wc *wc)
{
	enum wr_tag tag = wc->wr_id & WR_TAG_MASK;

	if (wc->status) {
		if (wc->status != IB_WC_FLUSH_ERR)
			pr_warn_ratelimited("%s, channel %u: %s (vendor %#x)",
					    c->peer->name, c->index,
					    ib_wc_status_name(wc->status),
					    wc->vendor_err);
		chan_fail(c, ib_wc_status_name(wc->status));
	}
	if (tag == WR_RECV)
		complete_recv(c, wc, (u32)(wc->wr_id >> 3));
	else if (tag == WR_IO)
		io_complete(c, (struct remote_io *)(wc->wr_id & ~7ul),
			    wc->status);
	else
		complete_send(c, tag, (u32)(wc->wr_id >> 3));
}

static void poll_cq(struct chan *c, struct ib_cq *cq)
{
	struct ib_wc wc[8];
	u32 n;

	do {
		n = ib_cq_poll(cq, ARRAY_SIZE(wc), wc);
		for (u32 i = 0; i < n; i++)
			complete_one(c, &wc[i]);
	} while (n == ARRAY_SIZE(wc)); /* arming sees what comes meanwhile */
}

bool chan_poll_begin(struct chan *c)
{
	u64 flags = spin_lock_irqsave(&c->lock);
	bool is_up = c->state == CHAN_UP;

	if (is_up)
		atomic_inc(&c->nr_pollers);
	spin_unlock_irqrestore(&c->lock, flags);
	return is_up;
}

void chan_poll_sent(struct chan *c)
{
	poll_cq(c, c->send_cq);
}

void chan_poll_for(struct chan *c, struct completion *done)
{
	u64 begun = rdtsc(), until = time_mono_ns() + net_self.spin_ns, now;

	if (!net_self.spin_ns || thread_should_yield() || !chan_poll_begin(c))
		return;
	for (;;) {
		poll_cq(c, c->send_cq);
		poll_cq(c, c->recv_cq);
		if (completion_is_done(done) || time_mono_ns() >= until ||
		    thread_should_yield() || READ_ONCE(c->state) != CHAN_UP)
			break;
		cpu_relax();
		now = rdtsc();
		counter_add(nr_poll_cycles, now - begun);
		begun = now;
	}
	chan_poll_end(c);
}

void chan_want_sent_locked(struct chan *c)
{
	ASSERT_LOCKED(&c->lock);
	if (c->send_cq)
		ib_cq_arm(c->send_cq);
}

void chan_want_sent(struct chan *c)
{
	u64 flags = spin_lock_irqsave(&c->lock);

	chan_want_sent_locked(c);
	spin_unlock_irqrestore(&c->lock, flags);
}

/* Somebody may sleep until something that was posted has been done. */
static bool is_sent_wanted(struct chan *c)
{
	return READ_ONCE(c->nr_io) || READ_ONCE(c->state) != CHAN_UP ||
	       waitq_has_waiters(&c->slot_room) ||
	       waitq_has_waiters(&c->reply_room);
}

static void sent_event(struct ib_cq *cq, void *arg)
{
	poll_cq(arg, cq);
	if (is_sent_wanted(arg))
		ib_cq_arm(cq);
}

/* A message shows that something was sent, too: slots become free. */
static void received_event(struct ib_cq *cq, void *arg)
{
	struct chan *c = arg;

	poll_cq(c, c->send_cq);
	poll_cq(c, cq);
	ib_cq_arm(cq);
}

/* ---- life -------------------------------------------------------------------
 */

static void qp_event(struct ib_qp *qp, enum ib_event_type type, void *arg)
{
	if (type == IB_EVENT_QP_FATAL)
		chan_fail(arg, "the QP went to error");
}

/* They look at the state too. */
static void wake_waiters(struct chan *c)
{
	waitq_wake_all(&c->slot_room);
	waitq_wake_all(&c->reply_room);
}

bool chan_begin_open(struct chan *c)
{
	u64 flags = spin_lock_irqsave(&c->lock);
	bool ok =
		c->state == CHAN_IDLE && READ_ONCE(c->peer->state) < PEER_DEAD;

	if (ok)
		c->state = CHAN_OPENING;
	spin_unlock_irqrestore(&c->lock, flags);
	return ok;
}

int chan_open(struct chan *c)
{
	u32 vector = c->index % ib_device_nr_vectors(net_self.dev);
	struct ib_qp_init init = {
		.type = IB_QP_RC,
		.port = c->peer->port,
		.max_send_wr = NR_SEND_WRS,
		.max_recv_wr = NR_RECVS,
		.max_send_sge = 1,
		.max_recv_sge = 1,
		.access = IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_WRITE,
		.event = qp_event,
		.arg = c,
	};
	int rc;

	ASSERT(c->state == CHAN_OPENING);
	rc = ib_cq_create(net_self.dev, NR_SEND_WRS + 8, vector, sent_event, c,
			  &c->send_cq);
	if (!rc)
		rc = ib_cq_create(net_self.dev, NR_RECVS + 8, vector,
				  received_event, c, &c->recv_cq);
	if (rc)
		return rc;
	ib_cq_arm(c->recv_cq);
	c->lkey = ib_pd_local_lkey(net_pd());
	init.send_cq = c->send_cq;
	init.recv_cq = c->recv_cq;
	rc = ib_qp_create(net_pd(), &init, &c->qp);
	for (u32 i = 0; !rc && i < NR_RECVS; i++)
		rc = post_recv(c, FIRST_RECV + i);
	return rc;
}

void chan_opened(struct chan *c)
{
	u64 flags = spin_lock_irqsave(&c->lock);

	ASSERT(c->state == CHAN_OPENING);
	c->state = CHAN_CONNECTING;
	if (READ_ONCE(c->peer->state) >= PEER_DEAD)
		chan_fail_locked(c, "the peer died");
	spin_unlock_irqrestore(&c->lock, flags);
}

void chan_established(struct chan *c)
{
	u64 flags = spin_lock_irqsave(&c->lock);

	if (c->state == CHAN_CONNECTING) {
		c->state = CHAN_UP;
		io_post_locked(c);
	}
	spin_unlock_irqrestore(&c->lock, flags);
	WRITE_ONCE(c->peer->heard_ns, time_mono_ns());
	waitq_wake_all(&c->peer->up);
	wake_waiters(c);
	link_kick();
}

void chan_fail_locked(struct chan *c, const char *why)
{
	ASSERT_LOCKED(&c->lock);
	if (c->state == CHAN_IDLE || c->state == CHAN_FAILED)
		return;
	c->state = CHAN_FAILED;
	c->why = why;
	chan_want_sent_locked(c); /* until all is flushed */
	for (u32 i = 0; i < CALL_SLOTS; i++) {
		struct completion *waiter = calls_lose(&c->calls, i);

		if (waiter)
			complete(waiter);
	}
	wake_waiters(c);
	link_kick();
}

void chan_fail(struct chan *c, const char *why)
{
	u64 flags = spin_lock_irqsave(&c->lock);

	/* The opener is still at work on it; it will see the peer's death. */
	if (c->state != CHAN_OPENING)
		chan_fail_locked(c, why);
	spin_unlock_irqrestore(&c->lock, flags);
}

static void forget_sends(struct chan *c)
{
	u64 flags = spin_lock_irqsave(&c->lock);

	for (u32 i = 0; i < CALL_SLOTS; i++)
		calls_sent(&c->calls, i);
	for (u32 i = 0; i < NR_REPLIES; i++)
		c->reply_free[i] = FIRST_REPLY + i;
	c->nr_reply_free = NR_REPLIES;
	/* Their QP is gone: nothing of it completes any more. */
	list_splice_tail_init(&c->io_inflight, &c->io_pending);
	c->nr_io = 0;
	c->state = CHAN_IDLE;
	c->epoch++;
	spin_unlock_irqrestore(&c->lock, flags);
	wake_waiters(c);
	waitq_wake_all(&c->closed);
}

void chan_close(struct chan *c)
{
	ASSERT(c->state == CHAN_FAILED);
	if (c->qp && ib_qp_drain(c->qp, DRAIN_NS))
		pr_warn("%s, channel %u: requests did not drain", c->peer->name,
			c->index);
	if (c->conn)
		cm_conn_destroy(c->conn);
	if (c->qp)
		ib_qp_destroy(c->qp);
	while (atomic_read(&c->nr_pollers))
		sleep_ns(NSEC_PER_MSEC);
	if (c->recv_cq) /* its handler uses the other one */
		ib_cq_destroy(c->recv_cq);
	if (c->send_cq)
		ib_cq_destroy(c->send_cq);
	c->conn = NULL;
	c->qp = NULL;
	c->recv_cq = NULL;
	c->send_cq = NULL;
	forget_sends(c);
}
