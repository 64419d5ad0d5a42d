/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection manager against itself, over a network that loses and
 * repeats messages: every connection that is asked for comes up on both sides
 * or ends on both, and is told so exactly once.
 */
#include "cm_codec.h"
#include "core.h"
#include "threads_kernel.h"
#include <ib/cm.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_CONNS   60u
#define MAX_QPN    (2 * NR_CONNS + 12)
#define SERVICE    77u
#define LID        5
#define UP_NS      (25 * NSEC_PER_SEC)
#define LOSS_IN_10 3u
#define REFUSED    10u /* every n-th request is rejected */

/* ---- below the CM: a network and queue pairs that only remember ---- */

static mad_handler to_cm;
static struct rand dice;
static struct spinlock dice_lock;
static u32 loss_in_10;

void mad_register(u8 mgmt_class, mad_handler handler)
{
	to_cm = handler;
}

static u64 throw_dice(u32 sides)
{
	u64 v;

	spin_lock(&dice_lock);
	v = rand_below(&dice, sides);
	spin_unlock(&dice_lock);
	return v;
}

/* By queue pair: the PSN that messages tell the other side to begin with,
 * and what the queue pair was set to. */
static struct {
	u32 told, recv, send, remote_qpn;
} psns[MAX_QPN];

static void note_psn(const struct mad *m)
{
	u32 attr = HW_GET(m, MAD_ATTR_ID);

	if (attr == CM_REQ)
		psns[HW_GET(m, REQ_QPN)].told = HW_GET(m, REQ_PSN);
	if (attr == CM_REP)
		psns[HW_GET(m, REP_QPN)].told = HW_GET(m, REP_PSN);
}

int mad_send(const struct mad_addr *to, const struct mad *m)
{
	struct mad_addr from = *to;

	note_psn(m);
	if (throw_dice(10) < loss_in_10)
		return 0;
	to_cm(&from, m);
	if (!throw_dice(10))
		to_cm(&from, m);
	return 0;
}

u64 ib_device_node_guid(const struct ib_device *dev)
{
	return dev->node_guid;
}

int ib_qp_connect(struct ib_qp *qp, const struct ib_rc_peer *peer)
{
	if (qp->state != IB_QPS_INIT)
		return -EINVAL;
	qp->state = IB_QPS_RTR;
	psns[qp->qpn].recv = peer->recv_psn;
	psns[qp->qpn].send = peer->send_psn;
	psns[qp->qpn].remote_qpn = peer->qpn;
	return 0;
}

int ib_qp_rts(struct ib_qp *qp, const struct ib_rc_peer *peer)
{
	qp->state = IB_QPS_RTS;
	return 0;
}

int ib_qp_error(struct ib_qp *qp)
{
	qp->state = IB_QPS_ERR;
	return 0;
}

/* ---- the two sides of each connection ---- */

struct side {
	struct ib_qp qp;
	struct cm_conn *conn;
	u32 nr_up, nr_ended;
	enum cm_event_type end;
};

static struct ib_device dev = {.node_guid = 1, .nr_ports = 1};
static struct side active[NR_CONNS], passive[NR_CONNS];
static struct waitq wait;

static void side_init(struct side *s, u32 qpn)
{
	s->qp.dev = &dev;
	s->qp.qpn = qpn;
	s->qp.init.type = IB_QP_RC;
	s->qp.state = IB_QPS_INIT;
}

static void on_event(const struct cm_event *ev, void *arg)
{
	struct side *s = arg;

	if (ev->type == CM_ESTABLISHED) {
		s->nr_up++;
	} else {
		s->nr_ended++;
		s->end = ev->type;
	}
	waitq_wake_all(&wait);
}

static void on_request(const struct cm_event *ev, void *arg)
{
	struct cm_conn_params params = {0};
	u32 i;

	memcpy(&i, ev->private_data, sizeof(i));
	EXPECT_TRUE(i < NR_CONNS && !passive[i].conn);
	if (i % REFUSED == 0) {
		cm_reject(ev->conn, CM_REJ_CONSUMER, NULL, 0);
		return;
	}
	passive[i].conn = ev->conn;
	params.qp = &passive[i].qp;
	EXPECT_EQ(cm_accept(ev->conn, &params, on_event, &passive[i]), 0);
}

/* Each side begins with what the other said that it should. */
static void expect_psns(u32 qpn)
{
	EXPECT_EQ(psns[qpn].recv, psns[qpn].told);
	EXPECT_EQ(psns[qpn].send, psns[psns[qpn].remote_qpn].told);
}

static bool all_decided(void)
{
	for (u32 i = 0; i < NR_CONNS; i++) {
		if (!active[i].nr_up && !active[i].nr_ended)
			return false;
		if (active[i].nr_up && !passive[i].nr_up)
			return false;
	}
	return true;
}

static bool all_ended(void)
{
	for (u32 i = 0; i < NR_CONNS; i++)
		if (!active[i].nr_ended ||
		    (passive[i].conn && !passive[i].nr_ended))
			return false;
	return true;
}

static void connect_all(void)
{
	struct sa_path path = {.dlid = LID,
			       .slid = LID,
			       .mtu = IB_MTU_2048,
			       .pkey = IB_DEFAULT_PKEY};

	for (u32 i = 0; i < NR_CONNS; i++) {
		struct cm_conn_params params = {.qp = &active[i].qp,
						.private_data = &i,
						.private_bytes = sizeof(i)};

		side_init(&active[i], 2 * i + 10);
		side_init(&passive[i], 2 * i + 11);
		EXPECT_EQ(cm_connect(&dev, 1, &path, SERVICE, &params, on_event,
				     &active[i], &active[i].conn),
			  0);
	}
}

KTEST(connections_come_up_and_end_once_over_a_lossy_network)
{
	struct cm_listener *listener;
	u64 seed = time_mono_ns();

	if (getenv("SEED"))
		seed = strtoull(getenv("SEED"), NULL, 0);
	printf("    SEED=%#lx\n", seed);
	rand_seed(&dice, seed);
	loss_in_10 = LOSS_IN_10;
	EXPECT_EQ(host_memory(), 0);
	waitq_init(&wait);
	EXPECT_EQ(cm_start(&dev), 0);
	EXPECT_EQ(cm_listen(&dev, SERVICE, on_request, NULL, &listener), 0);
	connect_all();
	EXPECT_TRUE(wait_event_timeout(&wait, all_decided(), UP_NS));
	for (u32 i = 0; i < NR_CONNS; i++) {
		bool refused = i % REFUSED == 0;

		EXPECT_EQ(active[i].nr_up, !refused);
		EXPECT_EQ(passive[i].nr_up, !refused);
		if (!refused) {
			expect_psns(active[i].qp.qpn);
			expect_psns(passive[i].qp.qpn);
		}
		EXPECT_EQ(active[i].qp.state,
			  refused ? IB_QPS_INIT : IB_QPS_RTS);
		cm_disconnect(i % 2 || refused ? active[i].conn
					       : passive[i].conn);
	}
	loss_in_10 = 0;
	EXPECT_TRUE(wait_event_timeout(&wait, all_ended(), UP_NS));
	for (u32 i = 0; i < NR_CONNS; i++) {
		EXPECT_EQ(active[i].nr_ended, 1);
		EXPECT_EQ(active[i].end,
			  i % REFUSED ? CM_DISCONNECTED : CM_REJECTED);
		cm_conn_destroy(active[i].conn);
		if (passive[i].conn)
			cm_conn_destroy(passive[i].conn);
	}
	cm_listen_stop(listener);
}
