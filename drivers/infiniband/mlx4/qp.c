/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queue pairs.
 *
 * One buffer holds both rings, the one with the larger entries first (equal:
 * the send ring): the card knows no offsets.  The send ring has "spare"
 * entries that are never posted, because the card reads ahead of the last one.
 */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include "wqe.h"
#include <kernel/assert.h>
#include <kernel/random.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/string.h>

#define MIN_LOG_SQ_STRIDE 6
#define MIN_LOG_RQ_STRIDE 4
#define DB_BYTES          16 /* 4 are used */
#define EVENT_WAIT_NS     1000000ULL
#define QPN_BITS          22        /* 22 and 23 of a QPN have other uses */
#define MLX_SEGMENTS      (32 + 16) /* inline headers, checksum */
#define LOG_MSG_MLX       11
#define LOG_MSG_UD        12
#define ACK_FREQUENCY     8
#define LOG_MAX_RDMARC    4 /* as the profile in icm.c has it */

static bool is_special(const struct ib_qp_init *init)
{
	return init->type == IB_QP_SMI || init->type == IB_QP_GSI;
}

/* ---- rings ---------------------------------------------------- */

static u32 send_bytes(const struct ib_qp_init *init)
{
	u32 head = sizeof(struct mlx4_ctrl_seg);
	u32 data = init->max_send_sge * (u32)sizeof(struct mlx4_data_seg);

	if (is_special(init))
		head += MLX_SEGMENTS;
	else if (init->type == IB_QP_UD)
		head += sizeof(struct mlx4_ud_seg);
	else
		head += sizeof(struct mlx4_raddr_seg);
	if (init->max_inline_bytes)
		data = max(data,
			   wqe_inline_bytes(head, init->max_inline_bytes));
	return head + data;
}

static int size_rings(struct mlx4_dev *m, struct mlx4_qp *qp)
{
	const struct ib_qp_init *init = &qp->ib.init;
	const struct mlx4_dev_cap *cap = &m->caps.raw;
	u32 log_max = HW_GET(cap, CAP_LOG_MAX_WQES);
	u32 rq_bytes = init->max_recv_sge * (u32)sizeof(struct mlx4_data_seg);

	if (init->max_send_sge > HW_GET(cap, CAP_MAX_SQ_SGE) ||
	    init->max_recv_sge > HW_GET(cap, CAP_MAX_RQ_SGE) ||
	    send_bytes(init) > HW_GET(cap, CAP_MAX_SQ_BYTES) ||
	    rq_bytes > HW_GET(cap, CAP_MAX_RQ_BYTES) ||
	    init->max_send_wr > 1u << log_max ||
	    init->max_recv_wr > 1u << log_max)
		return -EINVAL;
	qp->sq.log_stride =
		max_t(u32, MIN_LOG_SQ_STRIDE, ilog2_up(send_bytes(init)));
	qp->spare = (MLX4_SQ_PREFETCH >> qp->sq.log_stride) + 1;
	qp->sq.log_size = ilog2_up(init->max_send_wr + qp->spare);
	qp->rq.log_stride = max_t(u32, MIN_LOG_RQ_STRIDE, ilog2_up(rq_bytes));
	qp->rq.log_size = ilog2_up(max_t(u32, init->max_recv_wr, 1));
	if (qp->sq.log_size > log_max || qp->rq.log_size > log_max)
		return -EINVAL;
	qp->sq.max_posted = (1u << qp->sq.log_size) - qp->spare;
	qp->sq.max_sge = init->max_send_sge;
	qp->rq.max_posted = init->max_recv_wr;
	qp->rq.max_sge = init->max_recv_sge;
	qp->max_inline = init->max_inline_bytes;
	return 0;
}

static int alloc_rings(struct mlx4_dev *m, struct mlx4_qp *qp)
{
	u32 sq_bytes = 1u << (qp->sq.log_size + qp->sq.log_stride);
	u32 rq_bytes = 1u << (qp->rq.log_size + qp->rq.log_stride);
	u8 *base;
	int err = -ENOMEM;

	qp->sq.wr_id = kcalloc(1u << qp->sq.log_size, sizeof(u64));
	qp->rq.wr_id = kcalloc(1u << qp->rq.log_size, sizeof(u64));
	qp->db = kzalloc(DB_BYTES);
	if (!qp->sq.wr_id || !qp->rq.wr_id || !qp->db)
		goto free_ids;
	err = mlx4_buf_alloc(m, sq_bytes + rq_bytes, &qp->buf);
	if (err)
		goto free_ids;
	base = qp->buf.kaddr;
	if (qp->rq.log_stride > qp->sq.log_stride) {
		qp->rq.base = base;
		qp->sq.base = base + rq_bytes;
	} else {
		qp->sq.base = base;
		qp->rq.base = base + sq_bytes;
	}
	spin_lock_init(&qp->sq.lock, "mlx4 sq", LOCK_QP);
	spin_lock_init(&qp->rq.lock, "mlx4 rq", LOCK_QP);
	return 0;
free_ids:
	kfree(qp->sq.wr_id);
	kfree(qp->rq.wr_id);
	kfree(qp->db);
	return err;
}

static void free_rings(struct mlx4_dev *m, struct mlx4_qp *qp)
{
	mlx4_buf_free(m, &qp->buf);
	kfree(qp->sq.wr_id);
	kfree(qp->rq.wr_id);
	kfree(qp->db);
}

/* As the card expects them when it enters INIT. */
static void clear_rings(struct mlx4_qp *qp)
{
	u32 stride = 1u << qp->sq.log_stride;

	qp->sq.head = qp->sq.tail = 0;
	qp->rq.head = qp->rq.tail = 0;
	memset(qp->db, 0, DB_BYTES);
	for (u32 i = 0; i < 1u << qp->sq.log_size; i++) {
		u8 *wqe = qp->sq.base + (size_t)i * stride;
		struct mlx4_ctrl_seg *c = (struct mlx4_ctrl_seg *)wqe;

		memset(c, 0, sizeof(*c));
		HW_SET(c, 1, CTRL_OWNER); /* not posted in the first lap */
		HW_SET(c, stride / 16, CTRL_DS);
		wqe_stamp(wqe, stride);
	}
}

/* ---- contexts ------------------------------------------------- */

static u32 service_of(const struct ib_qp_init *init)
{
	return is_special(init)         ? MLX4_ST_MLX
	       : init->type == IB_QP_UD ? MLX4_ST_UD
					: MLX4_ST_RC;
}

static void fill_base(const struct mlx4_qp *qp, struct mlx4_qp_mbox *c)
{
	const struct ib_qp_init *init = &qp->ib.init;
	u64 mtt = (u64)qp->buf.mtt * 8;
	u32 sched = init->type == IB_QP_SMI ? MLX4_SCHED_QP0 : MLX4_SCHED_DATA;

	HW_SET(c, service_of(init), QPC_SERVICE);
	HW_SET(c, MLX4_MIGRATED, QPC_MIGRATION);
	HW_SET(c, qp->ib.pd->pdn, QPC_PD);
	HW_SET(c, IB_MTU_4096, QPC_MTU);
	HW_SET(c, is_special(init) ? LOG_MSG_MLX : LOG_MSG_UD, QPC_LOG_MAX_MSG);
	HW_SET(c, qp->rq.log_size, QPC_RQ_LOG_SIZE);
	HW_SET(c, qp->rq.log_stride - 4, QPC_RQ_LOG_STRIDE);
	HW_SET(c, qp->sq.log_size, QPC_SQ_LOG_SIZE);
	HW_SET(c, qp->sq.log_stride - 4, QPC_SQ_LOG_STRIDE);
	HW_SET(c, MLX4_FIRST_QUEUE_UAR, QPC_UAR);
	HW_SET(c, qp->qpn, QPC_LOCAL_QPN);
	HW_SET(c, init->pkey_index, QPC_PKEY_INDEX);
	HW_SET(c, sched | (init->port - 1u) << 6, QPC_SCHED_QUEUE);
	HW_SET(c, to_mcq(init->send_cq)->cqn, QPC_SEND_CQN);
	HW_SET(c, to_mcq(init->recv_cq)->cqn, QPC_RECV_CQN);
	HW_SET64(c, dma_addr_of(qp->db), QPC_DB_RECORD);
	HW_SET(c, init->type == IB_QP_GSI ? IB_GSI_QKEY : init->qkey, QPC_QKEY);
	HW_SET(c, qp->buf.log_page, QPC_LOG_PAGE);
	HW_SET(c, (u32)(mtt >> 32), QPC_MTT_HIGH);
	HW_SET(c, (u32)mtt, QPC_MTT_LOW);
	HW_SET(c, !!(init->access & IB_ACCESS_REMOTE_READ), QPC_R_READ);
	HW_SET(c, !!(init->access & IB_ACCESS_REMOTE_WRITE), QPC_R_WRITE);
	HW_SET(c, !!(init->access & IB_ACCESS_REMOTE_ATOMIC), QPC_R_ATOMIC);
}

static void fill_peer(const struct mlx4_dev *m, const struct ib_rc_peer *peer,
		      struct mlx4_qp_mbox *c, u8 port)
{
	const struct mlx4_dev_cap *cap = &m->caps.raw;
	const struct ib_av *av = &peer->av;
	u32 rra = ilog2_up(max_t(u32, peer->responder_resources, 1));
	u32 sra = ilog2_up(max_t(u32, peer->initiator_depth, 1));

	rra = min(rra,
		  min_t(u32, LOG_MAX_RDMARC, HW_GET(cap, CAP_LOG_RRA_MAX)));
	sra = min(sra, HW_GET(cap, CAP_LOG_SRA_MAX));
	HW_SET(c, peer->mtu, QPC_MTU);
	HW_SET(c, HW_GET(cap, CAP_LOG_MAX_MSG), QPC_LOG_MAX_MSG);
	HW_SET(c, peer->qpn, QPC_REMOTE_QPN);
	HW_SET(c, av->path_bits, QPC_PATH_BITS);
	HW_SET(c, av->dlid, QPC_DLID);
	HW_SET(c, peer->ack_timeout, QPC_ACK_TIMEOUT);
	HW_SET(c, av->rate ? av->rate + 5u : 0, QPC_STATIC_RATE);
	HW_SET(c, MLX4_SCHED_DATA | (u32)av->sl << 2 | (port - 1u) << 6,
	       QPC_SCHED_QUEUE);
	if (av->has_grh) {
		HW_SET(c, 1, QPC_GRH);
		HW_SET(c, av->hop_limit, QPC_HOP_LIMIT);
		HW_SET(c, av->traffic_class, QPC_TRAFFIC_CLASS);
		HW_SET(c, av->flow_label, QPC_FLOW_LABEL);
		memcpy(c->raw + QPC_DGID_OFFSET, av->dgid.raw, 16);
	}
	HW_SET(c, ACK_FREQUENCY, QPC_ACK_FREQ);
	HW_SET(c, sra, QPC_LOG_SRA_MAX);
	HW_SET(c, peer->retries, QPC_RETRIES);
	HW_SET(c, peer->rnr_retries, QPC_RNR_RETRIES);
	HW_SET(c, peer->send_psn, QPC_SEND_PSN);
	HW_SET(c, rra, QPC_LOG_RRA_MAX);
	HW_SET(c, peer->min_rnr_timer, QPC_MIN_RNR_TIMER);
	HW_SET(c, peer->recv_psn, QPC_RECV_PSN);
}

static int transition(struct mlx4_qp *qp, u16 op, u32 optpar,
		      const struct ib_rc_peer *peer)
{
	struct mlx4_dev *m = to_mlx4(qp->ib.dev);
	struct mlx4_qp_mbox c = {{0}};

	HW_SET(&c, optpar, QPM_OPTPAR);
	fill_base(qp, &c);
	if (peer)
		fill_peer(m, peer, &c, qp->ib.init.port);
	return mlx4_fw_qp(m, op, qp->qpn, &c);
}

#define OPT_ACCESS (MLX4_OPT_R_READ | MLX4_OPT_R_WRITE | MLX4_OPT_R_ATOMIC)

int mlx4_qp_init(struct ib_qp *ib)
{
	struct mlx4_qp *qp = to_mqp(ib);
	u32 optpar = MLX4_OPT_PKEY |
		     (ib->init.type == IB_QP_RC ? OPT_ACCESS : MLX4_OPT_QKEY);
	int err;

	clear_rings(qp);
	err = transition(qp, MLX4_RST2INIT_QP, optpar, NULL);
	if (!err)
		WRITE_ONCE(ib->state, IB_QPS_INIT);
	return err;
}

int mlx4_qp_rtr(struct ib_qp *ib, const struct ib_rc_peer *peer)
{
	u32 optpar = ib->init.type == IB_QP_RC ? OPT_ACCESS | MLX4_OPT_PKEY
					       : MLX4_OPT_QKEY | MLX4_OPT_PKEY;
	int err = transition(to_mqp(ib), MLX4_INIT2RTR_QP, optpar, peer);

	if (!err)
		WRITE_ONCE(ib->state, IB_QPS_RTR);
	return err;
}

int mlx4_qp_rts(struct ib_qp *ib, const struct ib_rc_peer *peer)
{
	u32 optpar = ib->init.type == IB_QP_RC ? OPT_ACCESS | MLX4_OPT_RNR_TIMER
					       : MLX4_OPT_QKEY;
	int err = transition(to_mqp(ib), MLX4_RTR2RTS_QP, optpar, peer);

	if (!err)
		WRITE_ONCE(ib->state, IB_QPS_RTS);
	return err;
}

int mlx4_qp_error(struct ib_qp *ib)
{
	struct mlx4_qp *qp = to_mqp(ib);
	struct mlx4_qp_mbox c = {{0}};

	WRITE_ONCE(ib->state, IB_QPS_ERR);
	return mlx4_fw_qp(to_mlx4(ib->dev), MLX4_2ERR_QP, qp->qpn, &c);
}

static void forget_completions(struct mlx4_qp *qp)
{
	struct mlx4_cq *send = to_mcq(qp->ib.init.send_cq);
	struct mlx4_cq *recv = to_mcq(qp->ib.init.recv_cq);

	mlx4_cq_forget_qp(send, qp);
	if (recv != send)
		mlx4_cq_forget_qp(recv, qp);
}

int mlx4_qp_reset(struct ib_qp *ib)
{
	struct mlx4_qp *qp = to_mqp(ib);
	int err = mlx4_fw_qp(to_mlx4(ib->dev), MLX4_2RST_QP, qp->qpn, NULL);

	if (err)
		return err;
	WRITE_ONCE(ib->state, IB_QPS_RESET);
	forget_completions(qp);
	return 0;
}

u32 mlx4_qp_outstanding(struct ib_qp *ib)
{
	struct mlx4_qp *qp = to_mqp(ib);

	return READ_ONCE(qp->sq.head) - READ_ONCE(qp->sq.tail) +
	       READ_ONCE(qp->rq.head) - READ_ONCE(qp->rq.tail);
}

/* ---- create, destroy, events ---------------------------------- */

static struct mlx4_qp **qp_slot(struct mlx4_dev *m, u32 qpn)
{
	return &m->qps[qpn & (mlx4_nr_entries(m, MLX4_T_QPC) - 1)];
}

static void set_qp(struct mlx4_dev *m, u32 qpn, struct mlx4_qp *qp)
{
	u64 flags = spin_lock_irqsave(&m->object_lock);

	WRITE_ONCE(*qp_slot(m, qpn), qp);
	spin_unlock_irqrestore(&m->object_lock, flags);
}

void mlx4_qp_event(struct mlx4_dev *m, u32 qpn, enum ib_event_type type)
{
	struct ib_event ev = {.type = type, .dev = &m->ib};
	u64 flags = spin_lock_irqsave(&m->object_lock);
	struct mlx4_qp *qp = *qp_slot(m, qpn);

	if (qp && qp->qpn == qpn) {
		atomic_inc(&qp->ib.event_refs);
		if (type == IB_EVENT_QP_FATAL)
			WRITE_ONCE(qp->ib.state, IB_QPS_ERR);
		ev.qp = &qp->ib;
	}
	spin_unlock_irqrestore(&m->object_lock, flags);
	if (ev.qp)
		ib_event_raise(&ev);
}

/*
 * The table index, and above it bits that change with each use: packets meant
 * for a former owner of the index, or for this node before it was restarted,
 * do not reach the new one.
 */
static int choose_qpn(struct mlx4_dev *m, struct mlx4_qp *qp)
{
	const struct ib_qp_init *init = &qp->ib.init;
	u32 log = m->table[MLX4_T_QPC].log_entries;
	u32 index;

	if (is_special(init)) {
		qp->ib.qpn = init->type == IB_QP_GSI;
		qp->qpn = m->special_base + 2 * qp->ib.qpn + init->port - 1;
		return *qp_slot(m, qp->qpn) ? -EBUSY : 0;
	}
	index = mlx4_ids_get(&m->qpns, 1);
	if (!index)
		return -ENOMEM;
	qp->qpn = index;
	if (log < QPN_BITS)
		qp->qpn |= ((u32)random_u64() << log) & ((1u << QPN_BITS) - 1);
	qp->ib.qpn = qp->qpn;
	return 0;
}

static void put_qpn(struct mlx4_dev *m, struct mlx4_qp *qp)
{
	u32 mask = mlx4_nr_entries(m, MLX4_T_QPC) - 1;

	if (!is_special(&qp->ib.init))
		mlx4_ids_put(&m->qpns, qp->qpn & mask, 1);
}

int mlx4_qp_create(struct ib_pd *pd, const struct ib_qp_init *init,
		   struct ib_qp **out)
{
	struct mlx4_dev *m = to_mlx4(pd->dev);
	struct mlx4_qp *qp = kzalloc(sizeof(*qp));
	int err;

	if (!qp)
		return -ENOMEM;
	qp->ib = (struct ib_qp){.dev = pd->dev, .pd = pd, .init = *init};
	err = size_rings(m, qp);
	if (err)
		goto free_qp;
	err = alloc_rings(m, qp);
	if (err)
		goto free_qp;
	err = choose_qpn(m, qp);
	if (err)
		goto free_rings;
	set_qp(m, qp->qpn, qp);
	*out = &qp->ib;
	return 0;
free_rings:
	free_rings(m, qp);
free_qp:
	kfree(qp);
	return err;
}

void mlx4_qp_destroy(struct ib_qp *ib)
{
	struct mlx4_dev *m = to_mlx4(ib->dev);
	struct mlx4_qp *qp = to_mqp(ib);
	int err = 0;

	if (ib->state != IB_QPS_RESET)
		err = mlx4_qp_reset(ib);
	set_qp(m, qp->qpn, NULL);
	while (atomic_read(&ib->event_refs))
		sleep_ns(EVENT_WAIT_NS);
	if (err)
		return; /* the card may still use its rings: leave them */
	put_qpn(m, qp);
	free_rings(m, qp);
	kfree(qp);
}
