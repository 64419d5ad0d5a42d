/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MADs: QP0 and QP1 of each port, and one thread that serves them all.
 *
 *	QP0, Get and Set       the card's agent answers (MAD_IFC), we carry
 *	                       question and answer: no subnet manager can bring
 *	                       the port up without this loop
 *	QP1, performance       likewise
 *	QP1, OpenIB's ping     answered here (ping.h)
 *	QP1, answers           to the mad_call() that waits for them
 *	QP1, other classes     to their handler (CM)
 *
 * The thread never waits for a send buffer, because it is what frees them: an
 * answer that finds none is dropped, and its asker repeats.  Anybody on the
 * subnet may ask on QP1; whatever they send, half of its buffers stay for what
 * this node has to say itself.
 */
#define pr_fmt(fmt) "ib: " fmt
#include "core.h"
#include "ping.h"
#include "rmpp.h"
#include <ib/smp.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <kernel/wait.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/dma.h>

#define GRH_BYTES    40
#define NR_RECVS     64
#define RECV_BYTES   512 /* a GRH and a MAD, rounded up */
#define NR_SENDS     32
#define NR_SENDS_OWN (NR_SENDS / 2) /* of QP1: not for answers */
#define NR_CLASSES   256
#define POLL_BATCH   16
#define SEND_WAIT_NS 1000000000ULL

struct mad_qp {
	struct ib_device *dev;
	u8 port;
	bool smi;
	struct ib_qp *qp;
	u8 *recv_mem;
	u8 *send_mem;
	u64 send_used;    /* bit per buffer [mad.lock] */
	u32 nr_send_used; /* its bits that are set [mad.lock] */
};

/* A mad_call() that waits; on its caller's stack. */
struct call {
	struct list_head link; /* [mad.lock] */
	u64 tid;
	u8 mgmt_class;
	u16 dlid;
	const struct mad_addr *to;
	struct mad *resp;
	struct rmpp_rx rx;
	bool has_resp;
	bool busy; /* [mad.lock] the MAD thread is filling it */
	int err;
	struct completion done;
};

static struct {
	struct spinlock lock;
	struct list_head calls;             /* [lock] */
	u64 next_tid;                       /* [lock] */
	struct mad_qp qps[IB_MAX_PORTS][2]; /* [set once]: QP0, QP1 */
	struct ib_pd *pd;
	struct ib_cq *cq;
	mad_handler handler[NR_CLASSES]; /* [set at start] */
	struct waitq work_wait;          /* the thread */
	struct waitq buffer_wait;        /* senders */
	struct waitq idle_wait;          /* calls the thread is busy with */
	bool has_work;
} mad = {
	.lock = SPINLOCK_INIT("mad", LOCK_IB_TABLE),
	.calls = LIST_HEAD_INIT(mad.calls),
	.work_wait = WAITQ_INIT(mad.work_wait),
	.buffer_wait = WAITQ_INIT(mad.buffer_wait),
	.idle_wait = WAITQ_INIT(mad.idle_wait),
};

void mad_register(u8 mgmt_class, mad_handler handler)
{
	CHECK(!mad.handler[mgmt_class]);
	mad.handler[mgmt_class] = handler;
}

/* ---- sending -------------------------------------------------- */

/* A buffer if more than @nr_left are free, else -1. */
static int take_buffer(struct mad_qp *mq, u32 nr_left)
{
	u64 flags = spin_lock_irqsave(&mad.lock);
	int buffer = -1;

	if (mq->nr_send_used + nr_left < NR_SENDS) {
		buffer = (int)bitmap_find_clear(&mq->send_used, NR_SENDS, 0);
		bitmap_set(&mq->send_used, (size_t)buffer);
		mq->nr_send_used++;
	}
	spin_unlock_irqrestore(&mad.lock, flags);
	return buffer;
}

static void put_buffer(struct mad_qp *mq, u32 i)
{
	u64 flags = spin_lock_irqsave(&mad.lock);

	bitmap_clear(&mq->send_used, i);
	mq->nr_send_used--;
	spin_unlock_irqrestore(&mad.lock, flags);
	waitq_wake_one(&mad.buffer_wait);
}

static int send_from(struct mad_qp *mq, u32 buffer, const struct mad_addr *to,
		     const struct mad *m)
{
	u8 *mem = mq->send_mem + (size_t)buffer * MAD_BYTES;
	struct ib_sge sge = {.dma = dma_addr_of(mem),
			     .bytes = MAD_BYTES,
			     .lkey = ib_pd_local_lkey(mad.pd)};
	struct ib_send_wr wr = {.wr_id = buffer,
				.sge = &sge,
				.nr_sge = 1,
				.opcode = IB_WR_SEND,
				.flags = IB_SEND_SIGNALED,
				.remote_qpn = to->qpn,
				.remote_qkey = mq->smi ? 0 : IB_GSI_QKEY,
				.pkey_index = to->pkey_index,
				.av = &to->av};
	int err;

	memcpy(mem, m, MAD_BYTES);
	err = ib_post_send(mq->qp, &wr, 1);
	if (err)
		put_buffer(mq, buffer);
	return err;
}

/* For the thread: drops @m if there are no buffers but @nr_left. */
static void send_or_drop(struct mad_qp *mq, const struct mad_addr *to,
			 const struct mad *m, u32 nr_left)
{
	int buffer = take_buffer(mq, nr_left);

	if (buffer < 0 || send_from(mq, (u32)buffer, to, m))
		counter_inc(nr_ib_mad_dropped);
}

static void answer_or_drop(struct mad_qp *mq, const struct mad_addr *to,
			   const struct mad *m)
{
	send_or_drop(mq, to, m, mq->smi ? 0 : NR_SENDS_OWN);
}

int mad_send(const struct mad_addr *to, const struct mad *m)
{
	struct mad_qp *mq;
	int buffer;

	if (to->port < 1 || to->port > to->dev->nr_ports || to->av.has_grh)
		return -EINVAL;
	mq = &mad.qps[to->port - 1][1];
	if (!mq->qp || to->dev->failed)
		return -EIO;
	if (!wait_event_timeout(&mad.buffer_wait,
				(buffer = take_buffer(mq, 0)) >= 0,
				SEND_WAIT_NS))
		return -EIO; /* the card does not send */
	return send_from(mq, (u32)buffer, to, m);
}

/* ---- calls ---------------------------------------------------- */

int mad_sm_addr(struct ib_device *dev, u8 port, struct mad_addr *to)
{
	struct ib_port_attr attr;
	int err = ib_port_query(dev, port, &attr);

	if (err)
		return err;
	if (attr.state != IB_PORT_ACTIVE || !attr.sm_lid)
		return -ENETDOWN;
	*to = (struct mad_addr){.dev = dev,
				.port = port,
				.qpn = 1,
				.av = {.dlid = attr.sm_lid, .sl = attr.sm_sl}};
	return 0;
}

static u64 tid_of(const struct mad *m)
{
	return (u64)HW_GET(m, MAD_TID_HIGH) << 32 | HW_GET(m, MAD_TID_LOW);
}

static void call_begin(struct call *c, struct mad *req)
{
	u64 flags;

	completion_init(&c->done);
	flags = spin_lock_irqsave(&mad.lock);
	c->tid = ++mad.next_tid;
	list_add_tail(&c->link, &mad.calls);
	spin_unlock_irqrestore(&mad.lock, flags);
	HW_SET(req, (u32)(c->tid >> 32), MAD_TID_HIGH);
	HW_SET(req, (u32)c->tid, MAD_TID_LOW);
}

static bool call_is_busy(struct call *c)
{
	u64 flags = spin_lock_irqsave(&mad.lock);
	bool busy = c->busy;

	spin_unlock_irqrestore(&mad.lock, flags);
	return busy;
}

/* After this the thread does not know the call any more. */
static void call_end(struct call *c)
{
	u64 flags = spin_lock_irqsave(&mad.lock);

	list_del(&c->link);
	spin_unlock_irqrestore(&mad.lock, flags);
	wait_event(&mad.idle_wait, !call_is_busy(c));
}

int mad_call(const struct mad_addr *to, struct mad *req, struct mad *resp,
	     void *table, u32 *table_bytes, u64 timeout_ns, u32 retries)
{
	struct call c = {.mgmt_class = (u8)HW_GET(req, MAD_CLASS),
			 .dlid = to->av.dlid,
			 .to = to,
			 .resp = resp};
	bool done = false;
	int err = 0;

	rmpp_rx_init(&c.rx, table, table ? *table_bytes : 0);
	call_begin(&c, req);
	for (u32 try = 0; try <= retries && !done && !err; try++) {
		err = mad_send(to, req);
		if (!err)
			done = wait_for_completion_timeout(&c.done, timeout_ns);
	}
	call_end(&c);
	if (err)
		return err;
	if (!done && !completion_is_done(&c.done))
		return -ETIMEDOUT;
	if (table)
		*table_bytes = c.rx.bytes;
	return c.err ? c.err : c.rx.overflow ? -EMSGSIZE : 0;
}

static struct call *call_find(const struct mad *m, u16 slid)
{
	struct call *c, *found = NULL;
	u64 tid = tid_of(m), flags;

	flags = spin_lock_irqsave(&mad.lock);
	list_for_each_entry (c, &mad.calls, link) {
		if (c->tid != tid || c->mgmt_class != HW_GET(m, MAD_CLASS) ||
		    c->dlid != slid || completion_is_done(&c->done))
			continue;
		c->busy = true;
		found = c;
		break;
	}
	spin_unlock_irqrestore(&mad.lock, flags);
	return found;
}

static void call_release(struct call *c)
{
	u64 flags = spin_lock_irqsave(&mad.lock);

	c->busy = false;
	spin_unlock_irqrestore(&mad.lock, flags);
	waitq_wake_all(&mad.idle_wait);
}

static bool is_multi_packet(const struct mad *m)
{
	return HW_GET(m, MAD_CLASS) == MAD_CLASS_SA && HW_GET(m, RMPP_ACTIVE);
}

static void answer_arrived(struct mad_qp *mq, const struct mad *m, u16 slid)
{
	struct call *c = call_find(m, slid);
	bool has_ack, done = true;
	struct mad ack;

	if (!c) {
		counter_inc(nr_ib_mad_dropped); /* late, or not ours */
		return;
	}
	if (!c->has_resp)
		*c->resp = *m;
	c->has_resp = true;
	if (is_multi_packet(m) && !HW_GET(m, MAD_STATUS)) {
		enum rmpp_result r = rmpp_rx_segment(&c->rx, m, &ack, &has_ack);

		if (has_ack)
			send_or_drop(mq, c->to, &ack, 0);
		done = r != RMPP_MORE;
		c->err = r == RMPP_BROKEN ? -EPROTO : 0;
	}
	if (done)
		complete(&c->done);
	call_release(c);
}

/* ---- receiving ------------------------------------------------ */

static bool is_agent_request(const struct mad *m)
{
	u32 method = HW_GET(m, MAD_METHOD);

	return (method == MAD_GET || method == MAD_SET) &&
	       HW_GET(m, MAD_ATTR_ID) != SMP_ATTR_SM_INFO;
}

/* Have the card answer @in and send it back; true if it was. */
static bool agent_answer(struct mad_qp *mq, const struct ib_wc *wc,
			 const struct mad *in, struct mad_addr *to)
{
	bool directed = HW_GET(in, MAD_CLASS) == MAD_CLASS_SMP_DIRECTED;
	struct mad out;

	if (mq->dev->ops->mad_ifc(mq->dev, mq->port, wc->slid, in, &out))
		return false;
	smp_describe(&out, mq->dev->description);
	if (directed) {
		smp_returning(&out);
		to->av.dlid = IB_PERMISSIVE_LID;
		to->av.sl = 0;
	}
	answer_or_drop(mq, to, &out);
	return true;
}

static bool smp_received(struct mad_qp *mq, const struct ib_wc *wc,
			 struct mad *m, struct mad_addr *from)
{
	u32 mgmt_class = HW_GET(m, MAD_CLASS);

	if (mgmt_class != MAD_CLASS_SMP_LID &&
	    mgmt_class != MAD_CLASS_SMP_DIRECTED)
		return false;
	if (!is_agent_request(m))
		return false;
	if (mgmt_class == MAD_CLASS_SMP_DIRECTED && !smp_arrived(m, mq->port))
		return false;
	if (!agent_answer(mq, wc, m, from))
		return false;
	if (HW_GET(m, MAD_METHOD) == MAD_SET)
		ib_port_changed(mq->dev, mq->port,
				!mq->dev->has_port_events &&
					smp_wants_reregister(m));
	return true;
}

static bool ping_received(struct mad_qp *mq, const struct mad *in,
			  const struct mad_addr *from)
{
	struct mad out;

	if (!ping_answer(in, mq->dev->description, &out))
		return false;
	counter_inc(nr_ib_ping);
	answer_or_drop(mq, from, &out);
	return true;
}

static bool gmp_received(struct mad_qp *mq, const struct ib_wc *wc,
			 const struct mad *m, struct mad_addr *from)
{
	u8 mgmt_class = (u8)HW_GET(m, MAD_CLASS);
	mad_handler handler = mad.handler[mgmt_class];

	if (mgmt_class == MAD_CLASS_PMA && is_agent_request(m))
		return agent_answer(mq, wc, m, from);
	if (mgmt_class == MAD_CLASS_OPENIB_PING)
		return ping_received(mq, m, from);
	if (HW_GET(m, MAD_METHOD) & MAD_RESPONSE) {
		answer_arrived(mq, m, wc->slid);
		return true;
	}
	if (!handler)
		return false;
	handler(from, m);
	return true;
}

static int post_buffer(struct mad_qp *mq, u32 i)
{
	struct ib_sge sge = {
		.dma = dma_addr_of(mq->recv_mem + (size_t)i * RECV_BYTES),
		.bytes = GRH_BYTES + MAD_BYTES,
		.lkey = ib_pd_local_lkey(mad.pd)};
	struct ib_recv_wr wr = {.wr_id = i, .sge = &sge, .nr_sge = 1};

	return ib_post_recv(mq->qp, &wr, 1);
}

static void received(struct mad_qp *mq, const struct ib_wc *wc)
{
	struct mad_addr from = {.dev = mq->dev,
				.port = mq->port,
				.pkey_index = wc->pkey_index,
				.qpn = wc->src_qpn,
				.av = {.dlid = wc->slid,
				       .sl = wc->sl,
				       .path_bits = wc->path_bits}};
	struct mad m;
	bool taken = false;

	if (wc->status != IB_WC_SUCCESS)
		return; /* the QP is going away */
	if (wc->bytes == GRH_BYTES + MAD_BYTES) {
		memcpy(&m, mq->recv_mem + wc->wr_id * RECV_BYTES + GRH_BYTES,
		       sizeof(m));
		if (HW_GET(&m, MAD_BASE_VERSION) == 1)
			taken = mq->smi ? smp_received(mq, wc, &m, &from)
					: gmp_received(mq, wc, &m, &from);
	}
	counter_inc(nr_ib_mad);
	if (!taken)
		counter_inc(nr_ib_mad_dropped);
	if (post_buffer(mq, (u32)wc->wr_id))
		pr_err_ratelimited("cannot give a MAD buffer back");
}

static void completed(const struct ib_wc *wc)
{
	struct mad_qp *mq = wc->qp->init.arg;

	if (wc->opcode == IB_WC_RECV) {
		received(mq, wc);
		return;
	}
	if (wc->status != IB_WC_SUCCESS) {
		pr_warn_ratelimited("a MAD was not sent: %s",
				    ib_wc_status_name(wc->status));
	}
	put_buffer(mq, (u32)wc->wr_id);
}

static void mad_thread(void *arg)
{
	struct ib_wc wc[POLL_BATCH];
	u32 n;

	for (;;) {
		ib_cq_arm(mad.cq);
		wait_event_idle(&mad.work_wait, READ_ONCE(mad.has_work));
		WRITE_ONCE(mad.has_work, false);
		while ((n = ib_cq_poll(mad.cq, POLL_BATCH, wc)))
			for (u32 i = 0; i < n; i++)
				completed(&wc[i]);
	}
}

static void work_arrived(struct ib_cq *cq, void *arg)
{
	WRITE_ONCE(mad.has_work, true);
	waitq_wake_one(&mad.work_wait);
}

/* ---- start ---------------------------------------------------- */

static int start_qp(struct ib_device *dev, u8 port, bool smi)
{
	struct mad_qp *mq = &mad.qps[port - 1][!smi];
	struct ib_qp_init init = {.type = smi ? IB_QP_SMI : IB_QP_GSI,
				  .port = port,
				  .send_cq = mad.cq,
				  .recv_cq = mad.cq,
				  .max_send_wr = NR_SENDS,
				  .max_recv_wr = NR_RECVS,
				  .max_send_sge = 1,
				  .max_recv_sge = 1,
				  .arg = mq};
	dma_addr_t dma;
	int err;

	mq->dev = dev;
	mq->port = port;
	mq->smi = smi;
	mq->recv_mem = dma_alloc(NR_RECVS * RECV_BYTES, &dma);
	mq->send_mem = dma_alloc(NR_SENDS * MAD_BYTES, &dma);
	if (!mq->recv_mem || !mq->send_mem)
		return -ENOMEM;
	err = ib_qp_create(mad.pd, &init, &mq->qp);
	for (u32 i = 0; i < NR_RECVS && !err; i++)
		err = post_buffer(mq, i);
	return err;
}

int mad_start(struct ib_device *dev)
{
	u32 nr_cqes = dev->nr_ports * 2u * (NR_SENDS + NR_RECVS);
	int err;

	mad.next_tid = random_u64() & ~0xffffffffULL;
	err = ib_pd_create(dev, &mad.pd);
	if (!err)
		err = ib_cq_create(dev, nr_cqes, 0, work_arrived, NULL,
				   &mad.cq);
	for (u8 port = 1; port <= dev->nr_ports && !err; port++) {
		err = start_qp(dev, port, true);
		if (!err)
			err = start_qp(dev, port, false);
	}
	if (!err && !thread_spawn("ib-mad", mad_thread, NULL))
		err = -ENOMEM;
	return err;
}
