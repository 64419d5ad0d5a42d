/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls of ib/verbs.h: checks, counts, then the driver. */
#define pr_fmt(fmt) "ib: " fmt
#include "core.h"
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/minmax.h>

#define DRAIN_POLL_NS 500000ULL
#define PAGE_MASK_4K  0xfffULL

/* ---- protection domains, memory regions ----------------------- */

int ib_pd_create(struct ib_device *dev, struct ib_pd **pd)
{
	return dev->ops->pd_create(dev, pd);
}

void ib_pd_destroy(struct ib_pd *pd)
{
	CHECK(atomic_read(&pd->users) == 0);
	pd->dev->ops->pd_destroy(pd);
}

u32 ib_pd_local_lkey(const struct ib_pd *pd)
{
	return pd->local_lkey;
}

static bool access_ok(u32 access)
{
	u32 need_write = IB_ACCESS_REMOTE_WRITE | IB_ACCESS_REMOTE_ATOMIC;
	u32 all = need_write | IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_READ;

	return !(access & ~all) &&
	       (!(access & need_write) || access & IB_ACCESS_LOCAL_WRITE);
}

static bool ranges_ok(const struct ib_mr_init *init)
{
	bool physical = init->iova == IB_IOVA_PHYS;
	u64 total = 0;

	if (!init->nr_ranges || (physical && init->nr_ranges != 1))
		return false;
	if (!physical && init->iova & PAGE_MASK_4K)
		return false;
	for (u32 i = 0; i < init->nr_ranges; i++) {
		const struct ib_phys_range *r = &init->ranges[i];

		if (!r->bytes || r->paddr + r->bytes < r->paddr ||
		    total + r->bytes < total)
			return false;
		if (!physical && r->paddr & PAGE_MASK_4K)
			return false;
		if (i + 1 < init->nr_ranges && r->bytes & PAGE_MASK_4K)
			return false;
		total += r->bytes;
	}
	return true;
}

int ib_mr_create(struct ib_pd *pd, const struct ib_mr_init *init,
		 struct ib_mr **mr)
{
	int err;

	if (!access_ok(init->access) || !ranges_ok(init))
		return -EINVAL;
	err = pd->dev->ops->mr_create(pd, init, mr);
	if (err)
		return err;
	atomic_inc(&pd->users);
	atomic_inc(&pd->dev->nr_mrs);
	gauge_add(nr_ib_mrs, 1);
	return 0;
}

void ib_mr_destroy(struct ib_mr *mr)
{
	struct ib_pd *pd = mr->pd;

	pd->dev->ops->mr_destroy(mr);
	atomic_dec(&pd->dev->nr_mrs);
	gauge_sub(nr_ib_mrs, 1);
	atomic_dec(&pd->users);
}

/* ---- completion queues ---------------------------------------- */

int ib_cq_create(struct ib_device *dev, u32 nr_cqes, u32 vector,
		 ib_cq_handler handler, void *arg, struct ib_cq **cq)
{
	int err;

	if (!nr_cqes || vector >= dev->nr_vectors)
		return -EINVAL;
	err = dev->ops->cq_create(dev, nr_cqes, vector, handler, arg, cq);
	if (err)
		return err;
	atomic_inc(&dev->nr_cqs);
	gauge_add(nr_ib_cqs, 1);
	return 0;
}

void ib_cq_destroy(struct ib_cq *cq)
{
	CHECK(atomic_read(&cq->users) == 0);
	atomic_dec(&cq->dev->nr_cqs);
	gauge_sub(nr_ib_cqs, 1);
	cq->dev->ops->cq_destroy(cq);
}

u32 ib_cq_poll(struct ib_cq *cq, u32 max, struct ib_wc *wc)
{
	return cq->dev->ops->cq_poll(cq, max, wc);
}

void ib_cq_arm(struct ib_cq *cq)
{
	cq->dev->ops->cq_arm(cq);
}

/* ---- queue pairs ---------------------------------------------- */

static bool init_ok(const struct ib_pd *pd, const struct ib_qp_init *init)
{
	u32 sends = init->max_send_wr;

	return init->port >= 1 && init->port <= pd->dev->nr_ports &&
	       init->send_cq && init->recv_cq && sends &&
	       init->send_cq->dev == pd->dev && init->recv_cq->dev == pd->dev;
}

/* UD and special QPs have no peer: straight to RTS. */
static int start_datagram(struct ib_qp *qp)
{
	const struct ib_device_ops *ops = qp->dev->ops;
	int err;

	err = ops->qp_rtr(qp, NULL);
	return err ? err : ops->qp_rts(qp, NULL);
}

int ib_qp_create(struct ib_pd *pd, const struct ib_qp_init *init,
		 struct ib_qp **out)
{
	const struct ib_device_ops *ops = pd->dev->ops;
	struct ib_qp *qp;
	int err;

	if (!init_ok(pd, init))
		return -EINVAL;
	err = ops->qp_create(pd, init, &qp);
	if (err)
		return err;
	err = ops->qp_init(qp);
	if (!err && init->type != IB_QP_RC)
		err = start_datagram(qp);
	if (err) {
		ops->qp_destroy(qp);
		return err;
	}
	atomic_inc(&pd->users);
	atomic_inc(&init->send_cq->users);
	atomic_inc(&init->recv_cq->users);
	atomic_inc(&pd->dev->nr_qps);
	gauge_add(nr_ib_qps, 1);
	*out = qp;
	return 0;
}

void ib_qp_destroy(struct ib_qp *qp)
{
	struct ib_pd *pd = qp->pd;
	struct ib_cq *send = qp->init.send_cq, *recv = qp->init.recv_cq;

	pd->dev->ops->qp_destroy(qp);
	atomic_dec(&pd->dev->nr_qps);
	gauge_sub(nr_ib_qps, 1);
	atomic_dec(&send->users);
	atomic_dec(&recv->users);
	atomic_dec(&pd->users);
}

int ib_qp_connect(struct ib_qp *qp, const struct ib_rc_peer *peer)
{
	if (qp->init.type != IB_QP_RC || qp->state != IB_QPS_INIT ||
	    peer->retries > 7 || peer->rnr_retries > 7 ||
	    peer->ack_timeout > 31 || peer->mtu < IB_MTU_256 ||
	    peer->mtu > IB_MTU_4096)
		return -EINVAL;
	return qp->dev->ops->qp_rtr(qp, peer);
}

int ib_qp_rts(struct ib_qp *qp, const struct ib_rc_peer *peer)
{
	if (qp->init.type != IB_QP_RC || qp->state != IB_QPS_RTR)
		return -EINVAL;
	return qp->dev->ops->qp_rts(qp, peer);
}

int ib_qp_error(struct ib_qp *qp)
{
	return qp->dev->ops->qp_error(qp);
}

int ib_qp_drain(struct ib_qp *qp, u64 timeout_ns)
{
	u64 deadline = time_mono_ns() + timeout_ns;
	int err = ib_qp_error(qp);

	while (!err && ib_qp_outstanding(qp)) {
		if (time_mono_ns() > deadline)
			return -ETIMEDOUT;
		sleep_ns(DRAIN_POLL_NS);
	}
	return err;
}

int ib_qp_reset(struct ib_qp *qp)
{
	int err = qp->dev->ops->qp_reset(qp);

	return err ? err : qp->dev->ops->qp_init(qp);
}

u32 ib_qp_outstanding(struct ib_qp *qp)
{
	return qp->dev->ops->qp_outstanding(qp);
}

int ib_post_send(struct ib_qp *qp, const struct ib_send_wr *wr, u32 nr)
{
	return qp->dev->ops->post_send(qp, wr, nr);
}

int ib_post_recv(struct ib_qp *qp, const struct ib_recv_wr *wr, u32 nr)
{
	return qp->dev->ops->post_recv(qp, wr, nr);
}
