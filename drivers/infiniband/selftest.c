/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "selftest.h"

#include <ib/cm.h>
#include <ib/driver.h>
#include <ib/sa.h>
#include <kernel/random.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/dma.h>

#define SERVICE_BASE  0x627269636b000000ULL /* "brick", then random */
#define STEP_NS       (15 * NSEC_PER_SEC)
#define BUFFER_BYTES  16384u
#define MESSAGE_BYTES 5000u /* more than one packet */
#define NR_WRS        8
#define INLINE_BYTES  100u
#define PRIVATE_TEXT  "self-test"

/* One of the two ends. */
struct side {
	struct ib_qp *qp;
	struct cm_conn *conn;
	u8 *buffer;
	dma_addr_t dma;
	bool established, ended;
};

struct test {
	struct ib_device *dev;
	u8 port;
	u64 service_id;
	struct ib_pd *pd;
	struct ib_cq *cq;
	struct ib_mr *mr; /* of the passive side's buffer */
	struct cm_listener *listener;
	struct side a, b; /* active, passive */
	struct waitq wait;
	bool has_completion;
	int accept_err;
};

static void completion_arrived(struct ib_cq *cq, void *arg)
{
	struct test *t = arg;

	WRITE_ONCE(t->has_completion, true);
	waitq_wake_all(&t->wait);
}

/* One completion, with interrupts: poll, arm, sleep. */
static int next_completion(struct test *t, struct ib_wc *wc)
{
	u64 deadline = time_mono_ns() + STEP_NS;

	while (!ib_cq_poll(t->cq, 1, wc)) {
		WRITE_ONCE(t->has_completion, false);
		ib_cq_arm(t->cq);
		if (!wait_event_timeout(&t->wait, READ_ONCE(t->has_completion),
					STEP_NS) ||
		    time_mono_ns() > deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

static int expect(struct test *t, struct ib_qp *qp, enum ib_wc_opcode opcode,
		  enum ib_wc_status status, struct ib_wc *wc)
{
	int err = next_completion(t, wc);

	if (err)
		return err;
	if (wc->qp != qp || wc->status != status)
		return -EIO;
	return status == IB_WC_SUCCESS && wc->opcode != opcode ? -EIO : 0;
}

/* ---- connecting ----------------------------------------------- */

static int create_qp(struct test *t, struct side *s)
{
	struct ib_qp_init init = {
		.type = IB_QP_RC,
		.port = t->port,
		.send_cq = t->cq,
		.recv_cq = t->cq,
		.max_send_wr = NR_WRS,
		.max_recv_wr = NR_WRS,
		.max_send_sge = 2,
		.max_recv_sge = 2,
		.max_inline_bytes = INLINE_BYTES,
		.access = IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_WRITE,
	};

	return ib_qp_create(t->pd, &init, &s->qp);
}

static int post_recv(struct test *t, struct side *s, u32 offset, u32 bytes)
{
	struct ib_sge sge = {.dma = s->dma + offset,
			     .bytes = bytes,
			     .lkey = ib_pd_local_lkey(t->pd)};
	struct ib_recv_wr wr = {.wr_id = offset, .sge = &sge, .nr_sge = 1};

	return ib_post_recv(s->qp, &wr, 1);
}

static void side_event(struct test *t, struct side *s,
		       const struct cm_event *ev)
{
	if (ev->type == CM_ESTABLISHED)
		WRITE_ONCE(s->established, true);
	else
		WRITE_ONCE(s->ended, true);
	waitq_wake_all(&t->wait);
}

static void active_event(const struct cm_event *ev, void *arg)
{
	struct test *t = arg;

	side_event(t, &t->a, ev);
}

static void passive_event(const struct cm_event *ev, void *arg)
{
	struct test *t = arg;
	struct cm_conn_params params = {.private_data = PRIVATE_TEXT,
					.private_bytes = sizeof(PRIVATE_TEXT)};
	int err;

	if (ev->type != CM_REQUEST) {
		side_event(t, &t->b, ev);
		return;
	}
	if (t->b.conn || strcmp(ev->private_data, PRIVATE_TEXT)) {
		cm_reject(ev->conn, CM_REJ_CONSUMER, NULL, 0);
		return;
	}
	err = create_qp(t, &t->b);
	if (!err)
		err = post_recv(t, &t->b, 0, MESSAGE_BYTES);
	params.qp = t->b.qp;
	t->b.conn = ev->conn;
	if (!err)
		err = cm_accept(ev->conn, &params, passive_event, t);
	t->accept_err = err;
}

static int connect(struct test *t)
{
	struct cm_conn_params params = {.private_data = PRIVATE_TEXT,
					.private_bytes = sizeof(PRIVATE_TEXT)};
	struct ib_gid gid = ib_port_gid(t->dev, t->port);
	struct sa_path path;
	int err = sa_path_by_gid(t->dev, t->port, &gid, &path);

	if (!err)
		err = cm_listen(t->dev, t->service_id, passive_event, t,
				&t->listener);
	if (!err)
		err = create_qp(t, &t->a);
	params.qp = t->a.qp;
	if (!err)
		err = cm_connect(t->dev, t->port, &path, t->service_id, &params,
				 active_event, t, &t->a.conn);
	if (err)
		return err;
	if (!wait_event_timeout(&t->wait,
				(READ_ONCE(t->a.established) &&
				 READ_ONCE(t->b.established)) ||
					READ_ONCE(t->a.ended),
				STEP_NS))
		return t->accept_err ? t->accept_err : -ETIMEDOUT;
	return t->a.ended ? -ECONNREFUSED : 0;
}

/* ---- moving data ---------------------------------------------- */

static void fill(u8 *p, u32 bytes, u32 seed)
{
	for (u32 i = 0; i < bytes; i++)
		p[i] = (u8)(i * 7 + (i >> 8) + seed);
}

static int send(struct test *t, u32 bytes, u32 flags)
{
	struct ib_sge sge = {.dma = t->a.dma,
			     .bytes = bytes,
			     .lkey = ib_pd_local_lkey(t->pd)};
	struct ib_send_wr wr = {.sge = &sge,
				.nr_sge = 1,
				.opcode = IB_WR_SEND_IMM,
				.imm = 0x12345678,
				.flags = IB_SEND_SIGNALED | flags};

	return ib_post_send(t->a.qp, &wr, 1);
}

/* The two completions of a message come in any order. */
static int test_send(struct test *t, u32 bytes, u32 flags)
{
	u32 sent = 0, received = 0;
	int err;

	fill(t->a.buffer, bytes, bytes);
	memset(t->b.buffer, 0, bytes);
	err = send(t, bytes, flags);
	for (u32 i = 0; i < 2 && !err; i++) {
		struct ib_wc wc;

		err = next_completion(t, &wc);
		if (err || wc.status != IB_WC_SUCCESS)
			return err ? err : -EIO;
		if (wc.opcode == IB_WC_SEND && wc.qp == t->a.qp)
			sent++;
		if (wc.opcode == IB_WC_RECV && wc.qp == t->b.qp &&
		    wc.bytes == bytes && wc.imm == 0x12345678)
			received++;
	}
	if (err)
		return err;
	if (sent != 1 || received != 1 ||
	    memcmp(t->a.buffer, t->b.buffer, bytes))
		return -EIO;
	return post_recv(t, &t->b, 0, MESSAGE_BYTES);
}

static int rdma(struct test *t, enum ib_wr_opcode opcode, u32 offset, u32 rkey)
{
	struct ib_sge sge[2] = {
		{.dma = t->a.dma, .bytes = 100},
		{.dma = t->a.dma + 100, .bytes = MESSAGE_BYTES - 100},
	};
	struct ib_send_wr wr = {.sge = sge,
				.nr_sge = 2,
				.opcode = opcode,
				.flags = IB_SEND_SIGNALED,
				.remote_iova = t->mr->iova + offset,
				.rkey = rkey};

	sge[0].lkey = sge[1].lkey = ib_pd_local_lkey(t->pd);
	return ib_post_send(t->a.qp, &wr, 1);
}

static int test_write(struct test *t)
{
	struct ib_wc wc;
	int err;

	fill(t->a.buffer, MESSAGE_BYTES, 3);
	memset(t->b.buffer, 0, BUFFER_BYTES);
	err = rdma(t, IB_WR_RDMA_WRITE, 8192, t->mr->rkey);
	if (!err)
		err = expect(t, t->a.qp, IB_WC_RDMA_WRITE, IB_WC_SUCCESS, &wc);
	if (err)
		return err;
	return memcmp(t->a.buffer, t->b.buffer + 8192, MESSAGE_BYTES) ? -EIO
								      : 0;
}

static int test_read(struct test *t)
{
	struct ib_wc wc;
	int err;

	fill(t->b.buffer + 4096, MESSAGE_BYTES, 5);
	memset(t->a.buffer, 0, MESSAGE_BYTES);
	err = rdma(t, IB_WR_RDMA_READ, 4096, t->mr->rkey);
	if (!err)
		err = expect(t, t->a.qp, IB_WC_RDMA_READ, IB_WC_SUCCESS, &wc);
	if (err)
		return err;
	return memcmp(t->a.buffer, t->b.buffer + 4096, MESSAGE_BYTES) ? -EIO
								      : 0;
}

/* A revoked key is refused; both ends are in error then and flush. */
static int test_revoked(struct test *t)
{
	u32 rkey = t->mr->rkey;
	struct ib_wc wc;
	int err;

	err = rdma(t, IB_WR_RDMA_READ, 0, rkey ^ 0x55);
	if (!err)
		err = expect(t, t->a.qp, IB_WC_RDMA_READ, IB_WC_REM_ACCESS_ERR,
			     &wc);
	if (err)
		return err;
	err = ib_qp_error(t->b.qp);
	if (!err)
		err = expect(t, t->b.qp, IB_WC_RECV, IB_WC_FLUSH_ERR, &wc);
	if (!err)
		err = ib_qp_drain(t->b.qp, STEP_NS);
	return err;
}

static int test_disconnect(struct test *t)
{
	cm_disconnect(t->a.conn);
	if (!wait_event_timeout(&t->wait,
				READ_ONCE(t->a.ended) && READ_ONCE(t->b.ended),
				STEP_NS))
		return -ETIMEDOUT;
	return 0;
}

static int test_service(struct test *t)
{
	struct sa_service out[2], service = {.service_id = t->service_id,
					     .lease_seconds = 60,
					     .name = "brick-selftest",
					     .data = {1, 2, 3}};
	int n, err = sa_service_register(t->dev, t->port, &service);

	if (err)
		return err;
	n = sa_service_list(t->dev, t->port, service.name, t->service_id, out,
			    2);
	err = sa_service_delete(t->dev, t->port, t->service_id);
	if (n < 0)
		return n;
	if (n != 1 || memcmp(out[0].data, service.data, sizeof(service.data)))
		return -EIO;
	n = sa_service_list(t->dev, t->port, service.name, t->service_id, out,
			    2);
	return err ? err : n;
}

/* ---- the whole ------------------------------------------------ */

static int set_up(struct test *t)
{
	struct ib_phys_range range = {.bytes = BUFFER_BYTES};
	struct ib_mr_init init = {.ranges = &range,
				  .nr_ranges = 1,
				  .access = IB_ACCESS_LOCAL_WRITE |
					    IB_ACCESS_REMOTE_READ |
					    IB_ACCESS_REMOTE_WRITE,
				  .iova = 0x10000};
	int err;

	t->a.buffer = dma_alloc(BUFFER_BYTES, &t->a.dma);
	t->b.buffer = dma_alloc(BUFFER_BYTES, &t->b.dma);
	if (!t->a.buffer || !t->b.buffer)
		return -ENOMEM;
	range.paddr = t->b.dma;
	err = ib_pd_create(t->dev, &t->pd);
	if (!err)
		err = ib_cq_create(t->dev, 4 * NR_WRS, t->dev->nr_vectors - 1,
				   completion_arrived, t, &t->cq);
	if (!err)
		err = ib_mr_create(t->pd, &init, &t->mr);
	return err;
}

static void tear_down(struct test *t)
{
	if (t->listener)
		cm_listen_stop(t->listener);
	if (t->a.conn)
		cm_conn_destroy(t->a.conn);
	if (t->b.conn)
		cm_conn_destroy(t->b.conn);
	if (t->a.qp)
		ib_qp_destroy(t->a.qp);
	if (t->b.qp)
		ib_qp_destroy(t->b.qp);
	if (t->mr)
		ib_mr_destroy(t->mr);
	if (t->cq)
		ib_cq_destroy(t->cq);
	if (t->pd)
		ib_pd_destroy(t->pd);
	if (t->a.buffer)
		dma_free(t->a.buffer, BUFFER_BYTES);
	if (t->b.buffer)
		dma_free(t->b.buffer, BUFFER_BYTES);
}

static int run(struct test *t, void (*report)(const char *step, int err))
{
	int err;
#define STEP(name, call)            \
	do {                        \
		err = (call);       \
		report(name, err);  \
		if (err)            \
			return err; \
	} while (0)

	STEP("port active", ib_wait_active(t->dev, t->port, STEP_NS));
	STEP("set up", set_up(t));
	STEP("connect", connect(t));
	STEP("send", test_send(t, MESSAGE_BYTES, 0));
	STEP("inline send", test_send(t, INLINE_BYTES, IB_SEND_INLINE));
	STEP("rdma write", test_write(t));
	STEP("rdma read", test_read(t));
	for (u32 i = 0; i < 300 && !err; i++) /* around every ring */
		err = test_send(t, 1 + i * 16, 0);
	STEP("300 sends", err);
	STEP("revoked key", test_revoked(t));
	STEP("disconnect", test_disconnect(t));
	STEP("service record", test_service(t));
	return 0;
#undef STEP
}

int ib_selftest(struct ib_device *dev, u8 port,
		void (*report)(const char *step, int err))
{
	static struct test t; /* event handlers point to it */
	int qps = atomic_read(&dev->nr_qps), cqs = atomic_read(&dev->nr_cqs);
	int mrs = atomic_read(&dev->nr_mrs), err;

	memset(&t, 0, sizeof(t));
	waitq_init(&t.wait);
	t.dev = dev;
	t.port = port;
	t.service_id = SERVICE_BASE | (random_u64() & 0xffffff);
	err = run(&t, report);
	tear_down(&t);
	if (!err && (atomic_read(&dev->nr_qps) != qps ||
		     atomic_read(&dev->nr_cqs) != cqs ||
		     atomic_read(&dev->nr_mrs) != mrs))
		err = -EBUSY;
	report("nothing left behind", err);
	return err;
}
