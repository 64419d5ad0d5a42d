/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Completion queues.
 *
 * The card flips an entry's owner bit on each lap.  Our consumer index goes to
 * the doorbell record in memory; no register is touched but to arm.
 *
 * An error completion of the card also tells the state of its queue pair: it
 * is in error from then on, without asking the card.
 */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include <arch/x86/barrier.h>
#include <arch/x86/io.h>
#include <kernel/assert.h>
#include <kernel/time.h>
#include <lib/byteorder.h>
#include <lib/errno.h>
#include <lib/string.h>

#define DB_BYTES        8
#define CI_MASK         0xffffff
#define HANDLER_WAIT_NS 1000000ULL

static struct mlx4_cqe *cqe_at(struct mlx4_cq *cq, u32 n)
{
	return (struct mlx4_cqe *)(cq->cqes + (size_t)(n & cq->mask) *
						      sizeof(struct mlx4_cqe));
}

/* Entry @n if the card has written it, else NULL. */
static struct mlx4_cqe *cqe_ready(struct mlx4_cq *cq, u32 n)
{
	struct mlx4_cqe *cqe = cqe_at(cq, n);
	u32 owner = READ_ONCE(cqe->raw[0x1f]) >> 7;

	return owner == !!(n & (cq->mask + 1)) ? cqe : NULL;
}

static void update_record(struct mlx4_cq *cq)
{
	WRITE_ONCE(*(u32 *)cq->db, __builtin_bswap32(cq->ci & CI_MASK));
}

/* ---- decoding ------------------------------------------------- */

static enum ib_wc_status status_of(u32 syndrome)
{
	switch (syndrome) {
	case 0x01:
		return IB_WC_LOC_LEN_ERR;
	case 0x02:
		return IB_WC_LOC_QP_OP_ERR;
	case 0x04:
		return IB_WC_LOC_PROT_ERR;
	case 0x05:
		return IB_WC_FLUSH_ERR;
	case 0x10:
		return IB_WC_BAD_RESP_ERR;
	case 0x11:
		return IB_WC_LOC_ACCESS_ERR;
	case 0x12:
		return IB_WC_REM_INV_REQ_ERR;
	case 0x13:
		return IB_WC_REM_ACCESS_ERR;
	case 0x14:
		return IB_WC_REM_OP_ERR;
	case 0x15:
		return IB_WC_RETRY_EXC_ERR;
	case 0x16:
		return IB_WC_RNR_RETRY_EXC_ERR;
	case 0x22:
		return IB_WC_REM_ABORT_ERR;
	default:
		return IB_WC_GENERAL_ERR;
	}
}

static void decode_send(const struct mlx4_cqe *cqe, struct ib_wc *wc)
{
	switch (HW_GET(cqe, CQE_OPCODE)) {
	case MLX4_WQE_RDMA_WRITE:
	case MLX4_WQE_RDMA_WRITE_IMM:
		wc->opcode = IB_WC_RDMA_WRITE;
		break;
	case MLX4_WQE_RDMA_READ:
		wc->opcode = IB_WC_RDMA_READ;
		wc->bytes = HW_GET(cqe, CQE_BYTES);
		break;
	default:
		wc->opcode = IB_WC_SEND;
	}
}

static void decode_recv(const struct mlx4_cqe *cqe, const struct mlx4_qp *qp,
			struct ib_wc *wc)
{
	u32 opcode = HW_GET(cqe, CQE_OPCODE);

	wc->opcode = opcode == MLX4_CQE_RECV_WRITE_IMM ? IB_WC_RECV_RDMA_IMM
						       : IB_WC_RECV;
	wc->bytes = HW_GET(cqe, CQE_BYTES);
	wc->pkey_index = 0;
	if (opcode == MLX4_CQE_RECV_WRITE_IMM ||
	    opcode == MLX4_CQE_RECV_SEND_IMM) {
		wc->flags |= IB_WC_WITH_IMM;
		wc->imm = HW_GET(cqe, CQE_IMM);
	}
	if (qp->ib.init.type == IB_QP_RC)
		return;
	if (HW_GET(cqe, CQE_GRH))
		wc->flags |= IB_WC_GRH;
	if (!(wc->flags & IB_WC_WITH_IMM))
		wc->pkey_index = (u16)HW_GET(cqe, CQE_PKEY_INDEX);
	wc->src_qpn = HW_GET(cqe, CQE_SRC_QPN);
	wc->slid = (u16)HW_GET(cqe, CQE_SLID);
	wc->sl = (u8)HW_GET(cqe, CQE_SL);
	wc->path_bits = (u8)HW_GET(cqe, CQE_PATH_BITS);
}

/* Which request it was; gives its room in the ring back. */
static u64 complete_request(struct mlx4_qp *qp, const struct mlx4_cqe *cqe,
			    bool is_send)
{
	struct mlx4_ring *r = is_send ? &qp->sq : &qp->rq;
	u32 tail = r->tail;
	u64 wr_id;

	/* A send completion also ends the unsignalled ones before it. */
	if (is_send)
		tail += (u16)(HW_GET(cqe, CQE_WQE) - tail);
	wr_id = r->wr_id[tail & ((1u << r->log_size) - 1)];
	WRITE_ONCE(r->tail, tail + 1);
	return wr_id;
}

static bool decode(struct mlx4_cq *cq, const struct mlx4_cqe *cqe,
		   struct ib_wc *wc)
{
	struct mlx4_dev *m = to_mlx4(cq->ib.dev);
	u32 mask = mlx4_nr_entries(m, MLX4_T_QPC) - 1;
	struct mlx4_qp *qp = READ_ONCE(m->qps[HW_GET(cqe, CQE_QPN) & mask]);
	bool is_send = HW_GET(cqe, CQE_IS_SEND);

	if (!qp) {
		pr_err_ratelimited("completion for a QP that is not there");
		return false;
	}
	wc->qp = &qp->ib;
	wc->wr_id = complete_request(qp, cqe, is_send);
	wc->status = IB_WC_SUCCESS;
	wc->flags = 0;
	if (unlikely(HW_GET(cqe, CQE_OPCODE) == MLX4_CQE_ERROR)) {
		wc->status = status_of(HW_GET(cqe, CQE_SYNDROME));
		wc->vendor_err = (u8)HW_GET(cqe, CQE_VENDOR_ERR);
		wc->opcode = is_send ? IB_WC_SEND : IB_WC_RECV;
		if (qp->ib.init.type == IB_QP_RC)
			WRITE_ONCE(qp->ib.state, IB_QPS_ERR);
	} else if (is_send) {
		decode_send(cqe, wc);
	} else {
		decode_recv(cqe, qp, wc);
	}
	return true;
}

/* ---- the fast path -------------------------------------------- */

static __noinline u32 take_entries(struct mlx4_cq *cq, u32 max,
				   struct ib_wc *wc)
{
	struct mlx4_cqe *cqe;
	u32 start, n = 0;
	u64 flags;

	flags = spin_lock_irqsave(&cq->lock);
	start = cq->ci;
	while (n < max && (cqe = cqe_ready(cq, cq->ci))) {
		dma_rmb(); /* the entry, after its owner bit */
		if (decode(cq, cqe, &wc[n]))
			n++;
		cq->ci++;
	}
	if (cq->ci != start)
		update_record(cq);
	spin_unlock_irqrestore(&cq->lock, flags);
	return n;
}

u32 mlx4_cq_poll(struct ib_cq *ib, u32 max, struct ib_wc *wc)
{
	struct mlx4_cq *cq = to_mcq(ib);

	/* Mostly there is nothing; if others poll, they see what we miss. */
	if (!cqe_ready(cq, READ_ONCE(cq->ci)))
		return 0;
	return take_entries(cq, max, wc);
}

void mlx4_cq_arm(struct ib_cq *ib)
{
	struct mlx4_cq *cq = to_mcq(ib);
	struct mlx4_dev *m = to_mlx4(ib->dev);
	u64 flags = spin_lock_irqsave(&cq->lock);
	u32 sn_cmd = (READ_ONCE(cq->arm_sn) & 3) << MLX4_CQ_DB_SN_SHIFT |
		     MLX4_CQ_DB_REQ_NEXT;
	u32 ci = cq->ci & CI_MASK;

	WRITE_ONCE(*(u32 *)(cq->db + 4), __builtin_bswap32(sn_cmd | ci));
	dma_wmb_before_doorbell();
	mmio_write_be64(m->queue_uar + MLX4_UAR_CQ,
			(u64)(sn_cmd | cq->cqn) << 32 | ci);
	spin_unlock_irqrestore(&cq->lock, flags);
}

/* Return: the CQ with that number until cq_put(), or NULL: there is none. */
static struct mlx4_cq *cq_get(struct mlx4_dev *m, u32 cqn)
{
	struct mlx4_cq_slot *slot;
	struct mlx4_cq *cq;

	if (cqn >= mlx4_nr_entries(m, MLX4_T_CQC))
		return NULL;
	slot = &m->cqs[cqn];
	atomic_inc(&slot->nr_users); /* a full barrier */
	cq = READ_ONCE(slot->cq);
	if (!cq)
		atomic_dec(&slot->nr_users);
	return cq;
}

static void cq_put(struct mlx4_dev *m, const struct mlx4_cq *cq)
{
	atomic_dec(&m->cqs[cq->cqn].nr_users);
}

void mlx4_cq_event(struct mlx4_dev *m, u32 cqn)
{
	struct mlx4_cq *cq = cq_get(m, cqn);

	if (!cq)
		return;
	WRITE_ONCE(cq->arm_sn, cq->arm_sn + 1);
	/* Who asks to be told from now on either arms with this number, or the
	 * handler sees that he asked. */
	smp_mb();
	if (cq->ib.handler)
		cq->ib.handler(&cq->ib, cq->ib.arg);
	cq_put(m, cq);
}

void mlx4_cq_error_event(struct mlx4_dev *m, u32 cqn)
{
	struct mlx4_cq *cq = cq_get(m, cqn);
	struct ib_event ev = {.type = IB_EVENT_CQ_ERROR, .dev = &m->ib};

	if (!cq)
		return;
	pr_err("completion queue 0x%x is dead: overrun?", cqn);
	ev.cq = &cq->ib;
	ib_event_raise(&ev);
	cq_put(m, cq);
}

/* ---- create, destroy ------------------------------------------ */

static int cq_start(struct mlx4_dev *m, struct mlx4_cq *cq, u32 log)
{
	struct mlx4_cqc c = {{0}};
	u64 mtt = (u64)cq->buf.mtt * 8;

	HW_SET(&c, log, CQC_LOG_SIZE);
	HW_SET(&c, MLX4_FIRST_QUEUE_UAR, CQC_UAR);
	HW_SET(&c, m->comp_eq[cq->ib.vector].eqn, CQC_EQN);
	HW_SET(&c, cq->buf.log_page, CQC_LOG_PAGE);
	HW_SET(&c, (u32)(mtt >> 32), CQC_MTT_HIGH);
	HW_SET(&c, (u32)mtt, CQC_MTT_LOW);
	HW_SET64(&c, dma_addr_of(cq->db), CQC_DB_RECORD);
	return mlx4_fw_sw2hw(m, MLX4_SW2HW_CQ, cq->cqn, &c, sizeof(c));
}

/* From now on, or no longer, interrupts find @cq. */
static void cq_publish(struct mlx4_dev *m, struct mlx4_cq *cq)
{
	smp_store_release(&m->cqs[cq->cqn].cq, cq);
}

static void cq_withdraw(struct mlx4_dev *m, const struct mlx4_cq *cq)
{
	struct mlx4_cq_slot *slot = &m->cqs[cq->cqn];

	WRITE_ONCE(slot->cq, NULL);
	smp_mb(); /* who counts himself after we looked finds none */
	while (atomic_read(&slot->nr_users))
		sleep_ns(HANDLER_WAIT_NS);
}

int mlx4_cq_create(struct ib_device *ib, u32 nr_cqes, u32 vector,
		   ib_cq_handler handler, void *arg, struct ib_cq **out)
{
	struct mlx4_dev *m = to_mlx4(ib);
	u32 log = ilog2_up(nr_cqes + 1);
	struct mlx4_cq *cq;
	int err = -ENOMEM;

	if (log > HW_GET(&m->caps.raw, CAP_LOG_MAX_CQES))
		return -EINVAL;
	cq = kzalloc(sizeof(*cq));
	if (!cq)
		return -ENOMEM;
	cq->ib = (struct ib_cq){
		.dev = ib, .handler = handler, .arg = arg, .vector = vector};
	spin_lock_init(&cq->lock, "mlx4 cq", LOCK_CQ);
	cq->mask = (1u << log) - 1;
	cq->arm_sn = 1;
	cq->db = kzalloc(DB_BYTES < 16 ? 16 : DB_BYTES);
	if (!cq->db)
		goto free_cq;
	err = mlx4_buf_alloc(m, sizeof(struct mlx4_cqe) << log, &cq->buf);
	if (err)
		goto free_db;
	cq->cqes = cq->buf.kaddr;
	memset(cq->cqes, 0xff, sizeof(struct mlx4_cqe) << log);
	cq->cqn = mlx4_ids_get(&m->cqns, 1);
	err = -ENOMEM;
	if (!cq->cqn)
		goto free_buf;
	cq_publish(m, cq);
	err = cq_start(m, cq, log);
	if (err)
		goto put_cqn;
	*out = &cq->ib;
	return 0;
put_cqn:
	cq_withdraw(m, cq);
	mlx4_ids_put(&m->cqns, cq->cqn, 1);
free_buf:
	mlx4_buf_free(m, &cq->buf);
free_db:
	kfree(cq->db);
free_cq:
	kfree(cq);
	return err;
}

void mlx4_cq_destroy(struct ib_cq *ib)
{
	struct mlx4_dev *m = to_mlx4(ib->dev);
	struct mlx4_cq *cq = to_mcq(ib);
	int err = mlx4_fw_hw2sw(m, MLX4_HW2SW_CQ, cq->cqn);

	cq_withdraw(m, cq);
	if (err)
		return; /* the card may still write here: leave it alone */
	mlx4_ids_put(&m->cqns, cq->cqn, 1);
	mlx4_buf_free(m, &cq->buf);
	kfree(cq->db);
	kfree(cq);
}

/*
 * Entries of @qp are taken out by moving the others up, from the newest to the
 * oldest; each place keeps its own owner bit.
 */
void mlx4_cq_forget_qp(struct mlx4_cq *cq, const struct mlx4_qp *qp)
{
	u64 flags = spin_lock_irqsave(&cq->lock);
	u32 end = cq->ci, removed = 0;

	while (cqe_ready(cq, end) && end - cq->ci <= cq->mask)
		end++;
	dma_rmb();
	for (u32 n = end; n-- != cq->ci;) {
		struct mlx4_cqe *from = cqe_at(cq, n);
		struct mlx4_cqe *to = cqe_at(cq, n + removed);

		if (HW_GET(from, CQE_QPN) == qp->qpn) {
			removed++;
		} else if (removed) {
			u32 owner = HW_GET(to, CQE_OWNER);

			*to = *from;
			HW_SET(to, owner, CQE_OWNER);
		}
	}
	if (removed) {
		cq->ci += removed;
		update_record(cq);
	}
	spin_unlock_irqrestore(&cq->lock, flags);
}
