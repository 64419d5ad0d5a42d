/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver and all above it, unchanged, on the model of the card: from
 * reset to connections of the card with itself.  Needs the fabric program
 * (BRICK_FABRIC, or where `make tools` puts it).
 */
#include "fabric_process.h"
#include "mlx4/mlx4.h"
#include "selftest.h"
#include "threads_kernel.h"
#include <ib/cm.h>
#include <ib/driver.h>
#include <ib/smp.h>
#include <ib/verbs_service.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/ktest.h>
#include <mm/dma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELFTESTS    3
#define STEP_NS      (60 * NSEC_PER_SEC)
#define COPY_BYTES   100000u /* several of the service's chunks */
#define MEMORY_BYTES (256u << 10)
#define NR_CLIENTS   (VERBS_MAX_CONNECTIONS + 1)

bool cmdline_get(const char *name, char *buf, size_t len)
{
	return !strcmp(name, "verbs_service");
}

static void report(const char *step, int err)
{
	if (err || getenv("UNIT_LOG"))
		printf("    %s: %d\n", step, err);
}

/* What the card's own agent says, without our word on the way. */
static void expect_description(struct ib_device *dev, const char *text)
{
	struct mad in, out;

	smp_get(&in, SMP_ATTR_NODE_DESC, 0);
	EXPECT_EQ(dev->ops->mad_ifc(dev, 1, 0, &in, &out), 0);
	EXPECT_TRUE(!strcmp((char *)out.raw + SMP_DATA, text));
}

/* ---- a client of the service for other systems ---------------- */

struct memory {
	u8 request[VERBS_MESSAGE_BYTES];
	u8 answer[VERBS_MESSAGE_BYTES];
	u8 from[COPY_BYTES], to[COPY_BYTES + 1];
};

struct client {
	struct ib_pd *pd;
	struct ib_cq *cq;
	struct ib_qp *qp;
	struct ib_mr *mr;
	struct cm_conn *conn;
	struct memory *m;
	struct waitq wait;
	bool is_up, is_over;
	u16 reason;
};

static void client_event(const struct cm_event *ev, void *arg)
{
	struct client *c = arg;

	c->reason = ev->reason;
	if (ev->type == CM_ESTABLISHED)
		WRITE_ONCE(c->is_up, true);
	else
		WRITE_ONCE(c->is_over, true);
	waitq_wake_all(&c->wait);
}

static void nothing(struct ib_cq *cq, void *arg) {}

static void client_connect(struct ib_device *dev, struct client *c)
{
	struct ib_gid gid = ib_port_gid(dev, 1);
	struct ib_qp_init init = {.type = IB_QP_RC,
				  .port = 1,
				  .max_send_wr = 4,
				  .max_recv_wr = 4,
				  .max_send_sge = 1,
				  .max_recv_sge = 1,
				  .access = IB_ACCESS_REMOTE_READ |
					    IB_ACCESS_REMOTE_WRITE};
	struct cm_conn_params params = {0};
	struct ib_phys_range range = {.bytes = MEMORY_BYTES};
	struct ib_mr_init mr = {.ranges = &range,
				.nr_ranges = 1,
				.access = init.access | IB_ACCESS_LOCAL_WRITE,
				.iova = 0x10000};
	struct sa_path path;

	waitq_init(&c->wait);
	c->m = dma_alloc(MEMORY_BYTES, &range.paddr);
	EXPECT_EQ(sa_path_by_gid(dev, 1, &gid, &path), 0);
	EXPECT_EQ(ib_pd_create(dev, &c->pd), 0);
	EXPECT_EQ(ib_cq_create(dev, 8, 0, nothing, NULL, &c->cq), 0);
	init.send_cq = init.recv_cq = c->cq;
	EXPECT_EQ(ib_qp_create(c->pd, &init, &c->qp), 0);
	EXPECT_EQ(ib_mr_create(c->pd, &mr, &c->mr), 0);
	params.qp = c->qp;
	EXPECT_EQ(cm_connect(dev, 1, &path, VERBS_SERVICE_ID, &params,
			     client_event, c, &c->conn),
		  0);
	EXPECT_TRUE(wait_event_timeout(
		&c->wait, READ_ONCE(c->is_up) || READ_ONCE(c->is_over),
		STEP_NS));
}

static void client_free(struct client *c)
{
	cm_conn_destroy(c->conn);
	ib_qp_destroy(c->qp);
	ib_mr_destroy(c->mr);
	ib_cq_destroy(c->cq);
	ib_pd_destroy(c->pd);
	dma_free(c->m, MEMORY_BYTES);
}

static void next_completion(struct client *c, struct ib_wc *wc)
{
	u64 deadline = time_mono_ns() + STEP_NS;

	while (!ib_cq_poll(c->cq, 1, wc)) {
		CHECK(time_mono_ns() < deadline);
		sleep_ns(20000);
	}
}

/* Return: bytes of the answer; 0 if the connection broke. */
static u32 call(struct client *c, u32 bytes)
{
	struct ib_sge sge[2] = {{.dma = dma_addr_of(c->m->request),
				 .bytes = bytes,
				 .lkey = ib_pd_local_lkey(c->pd)},
				{.dma = dma_addr_of(c->m->answer),
				 .bytes = VERBS_MESSAGE_BYTES,
				 .lkey = ib_pd_local_lkey(c->pd)}};
	struct ib_recv_wr recv = {.sge = &sge[1], .nr_sge = 1};
	struct ib_send_wr send = {.sge = &sge[0],
				  .nr_sge = 1,
				  .opcode = IB_WR_SEND,
				  .flags = IB_SEND_SIGNALED};
	struct ib_wc wc;
	u32 got = 0;

	EXPECT_EQ(ib_post_recv(c->qp, &recv, 1), 0);
	EXPECT_EQ(ib_post_send(c->qp, &send, 1), 0);
	for (u32 i = 0; i < 2; i++) {
		next_completion(c, &wc);
		if (wc.status == IB_WC_SUCCESS && wc.opcode == IB_WC_RECV)
			got = wc.bytes;
	}
	return got;
}

static u32 answered_status(struct client *c)
{
	struct verbs_request *answer = (void *)c->m->answer;

	return HW_GET(answer, VREQ_STATUS);
}

static u32 call_copy(struct client *c, u32 bytes, u32 rkey)
{
	struct verbs_request *req = (void *)c->m->request;

	for (u32 i = 0; i < COPY_BYTES; i++)
		c->m->from[i] = (u8)(i * 7 + (i >> 8) + bytes);
	memset(c->m->to, 0x55, sizeof(c->m->to));
	memset(req, 0, sizeof(*req));
	HW_SET(req, VERBS_COPY, VREQ_OP);
	HW_SET(req, bytes, VREQ_BYTES);
	HW_SET(req, rkey, VREQ_RKEY);
	HW_SET64(req, c->mr->iova + offsetof(struct memory, from), VREQ_FROM);
	HW_SET64(req, c->mr->iova + offsetof(struct memory, to), VREQ_TO);
	return call(c, sizeof(*req));
}

static void try_good_requests(struct client *c)
{
	static const u32 sizes[] = {0, 1, 4096, COPY_BYTES};
	struct verbs_request *req = (void *)c->m->request;
	u32 wrong = 0;

	memset(req, 0xa5, VERBS_MESSAGE_BYTES);
	HW_SET(req, VERBS_ECHO, VREQ_OP);
	HW_SET(req, 0, VREQ_STATUS);
	EXPECT_EQ(call(c, VERBS_MESSAGE_BYTES), VERBS_MESSAGE_BYTES);
	EXPECT_EQ(memcmp(c->m->answer, req, VERBS_MESSAGE_BYTES), 0);
	for (u32 n = 0; n < ARRAY_SIZE(sizes); n++) {
		EXPECT_EQ(call_copy(c, sizes[n], c->mr->rkey), sizeof(*req));
		EXPECT_EQ(answered_status(c), VERBS_OK);
		for (u32 i = 0; i < sizes[n]; i++)
			wrong += c->m->to[i] != (u8)~c->m->from[i];
		EXPECT_EQ(c->m->to[sizes[n]], 0x55);
	}
	EXPECT_EQ(wrong, 0);
}

static void try_bad_requests(struct client *c)
{
	memset(c->m->request, 0xff, VERBS_MESSAGE_BYTES);
	EXPECT_EQ(call(c, 1), VERBS_HEADER_BYTES);
	EXPECT_EQ(answered_status(c), VERBS_BAD_REQUEST);
	EXPECT_EQ(call(c, VERBS_MESSAGE_BYTES), VERBS_MESSAGE_BYTES);
	EXPECT_EQ(answered_status(c), VERBS_BAD_REQUEST);
	EXPECT_EQ(call_copy(c, VERBS_COPY_MAX_BYTES + 1, c->mr->rkey),
		  VERBS_HEADER_BYTES);
	EXPECT_EQ(answered_status(c), VERBS_BAD_REQUEST);
	/* The end of the connection, as for anybody with a wrong key. */
	EXPECT_EQ(call_copy(c, 100, c->mr->rkey ^ 0xff00), 0);
	EXPECT_TRUE(
		wait_event_timeout(&c->wait, READ_ONCE(c->is_over), STEP_NS));
}

static void expect_queue_pairs(struct ib_device *dev, int n)
{
	u64 deadline = time_mono_ns() + STEP_NS;

	while (atomic_read(&dev->nr_qps) != n && time_mono_ns() < deadline)
		sleep_ns(NSEC_PER_MSEC);
	EXPECT_EQ(atomic_read(&dev->nr_qps), n);
}

static void try_service(struct ib_device *dev)
{
	static struct client clients[NR_CLIENTS];
	int nr_qps = atomic_read(&dev->nr_qps);
	int nr_cqs = atomic_read(&dev->nr_cqs);

	for (u32 i = 0; i < NR_CLIENTS; i++)
		client_connect(dev, &clients[i]);
	/* The last found no room. */
	EXPECT_TRUE(clients[NR_CLIENTS - 1].is_over);
	EXPECT_EQ(clients[NR_CLIENTS - 1].reason, CM_REJ_NO_RESOURCES);
	for (u32 i = 0; i + 1 < NR_CLIENTS; i++)
		EXPECT_TRUE(clients[i].is_up && !clients[i].is_over);
	try_good_requests(&clients[0]);
	try_good_requests(&clients[1]);
	try_bad_requests(&clients[1]);
	cm_disconnect(clients[0].conn);
	/* Dead without a word: the service finds out. */
	EXPECT_EQ(ib_qp_error(clients[2].qp), 0);
	EXPECT_TRUE(wait_event_timeout(&clients[2].wait,
				       READ_ONCE(clients[2].is_over), STEP_NS));
	for (u32 i = 0; i < NR_CLIENTS; i++)
		client_free(&clients[i]);
	expect_queue_pairs(dev, nr_qps);
	EXPECT_EQ(atomic_read(&dev->nr_cqs), nr_cqs);
}

/* ---- a queue that goes while its event is handled --------------------- */

static struct {
	struct ib_cq *cq;
	u32 cqn;
	atomic_t nr_handled;
	bool may_leave, is_destroyed;
} slow;

static void handle_slowly(struct ib_cq *cq, void *arg)
{
	atomic_inc(&slow.nr_handled);
	while (!READ_ONCE(slow.may_leave))
		sleep_ns(NSEC_PER_MSEC);
	EXPECT_TRUE(!READ_ONCE(slow.is_destroyed));
}

static void raise_event(void *dev)
{
	mlx4_cq_event(to_mlx4(dev), slow.cqn);
}

static void destroy_slow(void *arg)
{
	ib_cq_destroy(slow.cq);
	WRITE_ONCE(slow.is_destroyed, true);
}

static void try_destroy_under_event(struct ib_device *dev)
{
	const struct mlx4_cq_slot *slot;
	u64 deadline = time_mono_ns() + STEP_NS;

	EXPECT_EQ(ib_cq_create(dev, 8, 0, handle_slowly, NULL, &slow.cq), 0);
	slow.cqn = to_mcq(slow.cq)->cqn;
	slot = &to_mlx4(dev)->cqs[slow.cqn];
	thread_spawn("event", raise_event, dev);
	while (!atomic_read(&slow.nr_handled) && time_mono_ns() < deadline)
		sleep_ns(NSEC_PER_MSEC);
	thread_spawn("destroy", destroy_slow, NULL);
	while (READ_ONCE(slot->cq) && time_mono_ns() < deadline)
		sleep_ns(NSEC_PER_MSEC);
	EXPECT_TRUE(!slot->cq && atomic_read(&slot->nr_users) == 1);
	raise_event(dev); /* finds none any more */
	sleep_ns(20 * NSEC_PER_MSEC);
	EXPECT_EQ(atomic_read(&slow.nr_handled), 1);
	EXPECT_TRUE(!READ_ONCE(slow.is_destroyed));
	WRITE_ONCE(slow.may_leave, true);
	while (!READ_ONCE(slow.is_destroyed) && time_mono_ns() < deadline)
		sleep_ns(NSEC_PER_MSEC);
	EXPECT_TRUE(slow.is_destroyed);
}

KTEST(the_driver_brings_the_card_up_and_connects_it_with_itself)
{
	struct fabric_process fabric;
	struct ib_device *dev;

	fabric_start(&fabric, 1);
	EXPECT_EQ(host_probe(fabric_socket(&fabric, 1)), 0);
	EXPECT_EQ(ib_start(), 0);
	dev = ib_device_default();
	EXPECT_TRUE(dev != NULL);
	expect_description(dev, "brick host (unit)");
	for (int i = 0; dev && i < SELFTESTS; i++)
		EXPECT_EQ(ib_selftest(dev, 1, report), 0);
	EXPECT_EQ(ib_status(), IB_STATUS_ACTIVE);
	EXPECT_EQ(verbs_service_start(), 0);
	try_service(dev);
	try_destroy_under_event(dev);
	fabric_stop(&fabric);
}
