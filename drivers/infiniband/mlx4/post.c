/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Posting to the rings: no allocation, no register read, one doorbell a call.
 *
 * Everything of a call is checked before the first entry is written, so that
 * a call posts all or nothing.
 */
#include "mlx4.h"
#include "wqe.h"
#include <arch/x86/barrier.h>
#include <arch/x86/io.h>
#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/string.h>

#define MLX_SLID_PERMISSIVE 0xffff

static u8 *entry(const struct mlx4_ring *r, u32 n)
{
	return r->base +
	       ((size_t)(n & ((1u << r->log_size) - 1)) << r->log_stride);
}

static bool has_room(const struct mlx4_ring *r, u32 nr)
{
	return r->head - READ_ONCE(r->tail) + nr <= r->max_posted;
}

/* ---- checks --------------------------------------------------- */

static bool sges_ok(const struct ib_sge *sge, u32 nr, u32 max, u64 *bytes)
{
	*bytes = 0;
	if (nr > max)
		return false;
	for (u32 i = 0; i < nr; i++) {
		if (!sge[i].bytes)
			return false; /* 0 would mean 2 GiB to the card */
		*bytes += sge[i].bytes;
	}
	return true;
}

static bool send_ok(const struct mlx4_qp *qp, const struct ib_send_wr *wr)
{
	bool rdma = wr->opcode > IB_WR_SEND_IMM;
	u64 bytes;

	if (wqe_opcode(wr->opcode) < 0 ||
	    !sges_ok(wr->sge, wr->nr_sge, qp->sq.max_sge, &bytes))
		return false;
	if (wr->flags & IB_SEND_INLINE &&
	    (bytes > qp->max_inline || wr->opcode == IB_WR_RDMA_READ))
		return false;
	switch (qp->ib.init.type) {
	case IB_QP_RC:
		return true;
	case IB_QP_UD:
		return !rdma && wr->av;
	case IB_QP_SMI:
	case IB_QP_GSI:
		return wr->opcode == IB_WR_SEND && wr->av && !wr->av->has_grh &&
		       wr->nr_sge == 1 && bytes % 4 == 0;
	}
	return false;
}

static bool can_send(const struct mlx4_qp *qp)
{
	enum ib_qp_state state = READ_ONCE(qp->ib.state);

	return state == IB_QPS_RTS || state == IB_QPS_ERR;
}

/* ---- entries -------------------------------------------------- */

/* Last to first: the guard of an earlier chunk covers the later ones. */
static u8 *put_sges(u8 *seg, const struct ib_sge *sge, u32 nr)
{
	for (u32 i = nr; i-- > 0;)
		wqe_put_data(seg + i * sizeof(struct mlx4_data_seg), sge[i].dma,
			     sge[i].bytes, sge[i].lkey);
	return seg + nr * sizeof(struct mlx4_data_seg);
}

static u8 *put_inline(u8 *seg, const struct ib_sge *sge, u32 nr)
{
	struct wqe_inline in;

	wqe_inline_begin(&in, seg);
	for (u32 i = 0; i < nr; i++)
		wqe_inline_add(&in, kaddr_of(sge[i].dma), sge[i].bytes);
	return wqe_inline_end(&in);
}

static u8 *put_mlx(struct mlx4_qp *qp, struct mlx4_ctrl_seg *ctrl, u8 *seg,
		   const struct ib_send_wr *wr)
{
	struct ib_device *dev = qp->ib.dev;
	bool smi = qp->ib.init.type == IB_QP_SMI;
	bool permissive = wr->av->dlid == IB_PERMISSIVE_LID;
	const struct ib_port_attr *port = &dev->port[qp->ib.init.port - 1];
	struct mlx_header h = {
		.dlid = wr->av->dlid,
		.slid = permissive ? MLX_SLID_PERMISSIVE : wr->av->path_bits,
		.sl = wr->av->sl,
		.vl = smi ? 15 : 0,
		.pkey = smi ? IB_DEFAULT_PKEY
			    : READ_ONCE(port->pkeys[wr->pkey_index % 32]),
		.dest_qpn = wr->remote_qpn,
		.src_qpn = qp->ib.qpn,
		.qkey = wr->remote_qkey,
		.psn = qp->mlx_psn++,
		.payload_bytes = wr->sge[0].bytes,
	};
	static const u8 icrc[4];
	u8 header[MLX_HEADER_BYTES];
	struct wqe_inline in;

	HW_SET(ctrl, smi, CTRL_MLX_VL15);
	HW_SET(ctrl, permissive, CTRL_MLX_SLR);
	HW_SET(ctrl, wr->av->sl, CTRL_MLX_SL);
	HW_SET(ctrl, wr->av->dlid, CTRL_MLX_DLID);
	wqe_mlx_header(header, &h);
	wqe_inline_begin(&in, seg);
	wqe_inline_add(&in, header, sizeof(header));
	seg = put_sges(wqe_inline_end(&in), wr->sge, wr->nr_sge);
	/* Room for the checksum that the card computes. */
	wqe_inline_begin(&in, seg);
	wqe_inline_add(&in, icrc, sizeof(icrc));
	return wqe_inline_end(&in);
}

/* The bulk of all requests: a read or write of one piece on a connection. */
static bool is_plain_rdma(const struct mlx4_qp *qp, const struct ib_send_wr *wr)
{
	return (wr->opcode == IB_WR_RDMA_READ ||
		wr->opcode == IB_WR_RDMA_WRITE) &&
	       qp->ib.init.type == IB_QP_RC && wr->nr_sge == 1 &&
	       !(wr->flags & ~(u32)IB_SEND_SIGNALED);
}

static void build_send(struct mlx4_qp *qp, u8 *wqe, const struct ib_send_wr *wr,
		       bool owner)
{
	struct mlx4_ctrl_seg *ctrl = (struct mlx4_ctrl_seg *)wqe;
	struct mlx4_ctrl_seg c = {{0}};
	u8 *seg = wqe + sizeof(*ctrl);

	if (wr->flags & IB_SEND_SIGNALED)
		HW_SET(&c, MLX4_CQ_UPDATE_ALWAYS, CTRL_CQ_UPDATE);
	HW_SET(&c, !!(wr->flags & IB_SEND_FENCE), CTRL_FENCE);
	if (qp->ib.init.type == IB_QP_SMI || qp->ib.init.type == IB_QP_GSI) {
		seg = put_mlx(qp, &c, seg, wr);
	} else {
		HW_SET(&c, !!(wr->flags & IB_SEND_SOLICITED), CTRL_SOLICITED);
		HW_SET(&c, wr->imm, CTRL_IMM);
		if (qp->ib.init.type == IB_QP_UD) {
			wqe_put_ud(seg, wr, qp->ib.init.port, qp->ib.pd->pdn);
			seg += sizeof(struct mlx4_ud_seg);
		} else if (wr->opcode > IB_WR_SEND_IMM) {
			wqe_put_raddr(seg, wr->remote_iova, wr->rkey);
			seg += sizeof(struct mlx4_raddr_seg);
		}
		if (!(wr->flags & IB_SEND_INLINE))
			seg = put_sges(seg, wr->sge, wr->nr_sge);
		else if (wr->nr_sge)
			seg = put_inline(seg, wr->sge, wr->nr_sge);
	}
	HW_SET(&c, (u32)(seg - wqe) / 16, CTRL_DS);
	HW_SET(&c, (u32)wqe_opcode(wr->opcode), CTRL_OPCODE);
	HW_SET(&c, owner, CTRL_OWNER);
	memcpy(wqe + 4, c.raw + 4, sizeof(c) - 4);
	dma_wmb(); /* the owner bit makes the entry valid */
	WRITE_ONCE(*(u32 *)wqe, *(u32 *)c.raw);
}

/* One entry; the caller has checked it, and rings the doorbell. [r->lock] */
static __always_inline void put_send(struct mlx4_qp *qp,
				     const struct ib_send_wr *wr, bool is_plain)
{
	struct mlx4_ring *r = &qp->sq;
	u32 size = 1u << r->log_size, n = r->head;

	r->wr_id[n & (size - 1)] = wr->wr_id;
	if (is_plain)
		wqe_put_rdma(entry(r, n), wr, n & size);
	else
		build_send(qp, entry(r, n), wr, n & size);
	wqe_stamp(entry(r, n + qp->spare), 1u << r->log_stride);
	r->head = n + 1;
}

static void ring_send(struct mlx4_qp *qp)
{
	dma_wmb_before_doorbell();
	mmio_write_be32(to_mlx4(qp->ib.dev)->queue_uar + MLX4_UAR_SEND,
			qp->qpn << 8);
}

static __noinline int post_sends(struct mlx4_qp *qp,
				 const struct ib_send_wr *wr, u32 nr)
{
	struct mlx4_ring *r = &qp->sq;
	u64 flags;

	for (u32 i = 0; i < nr; i++)
		if (!send_ok(qp, &wr[i]))
			return -EINVAL;
	flags = spin_lock_irqsave(&r->lock);
	if (!can_send(qp) || !has_room(r, nr)) {
		spin_unlock_irqrestore(&r->lock, flags);
		return can_send(qp) ? -EAGAIN : -EINVAL;
	}
	for (u32 i = 0; i < nr; i++)
		put_send(qp, &wr[i], is_plain_rdma(qp, &wr[i]));
	ring_send(qp);
	spin_unlock_irqrestore(&r->lock, flags);
	return 0;
}

int mlx4_post_send(struct ib_qp *ib, const struct ib_send_wr *wr, u32 nr)
{
	struct mlx4_qp *qp = to_mqp(ib);
	struct mlx4_ring *r = &qp->sq;
	u64 flags;

	/* A page fault's read: what post_sends() does, for the one case. */
	if (nr != 1 || !is_plain_rdma(qp, wr) || !wr->sge->bytes)
		return post_sends(qp, wr, nr);
	flags = spin_lock_irqsave(&r->lock);
	if (unlikely(!can_send(qp) || !has_room(r, 1))) {
		spin_unlock_irqrestore(&r->lock, flags);
		return can_send(qp) ? -EAGAIN : -EINVAL;
	}
	put_send(qp, wr, true);
	ring_send(qp);
	spin_unlock_irqrestore(&r->lock, flags);
	return 0;
}

int mlx4_post_recv(struct ib_qp *ib, const struct ib_recv_wr *wr, u32 nr)
{
	struct mlx4_qp *qp = to_mqp(ib);
	struct mlx4_ring *r = &qp->rq;
	u32 size = 1u << r->log_size;
	u32 slots = (1u << r->log_stride) / sizeof(struct mlx4_data_seg);
	u64 flags, bytes;

	for (u32 i = 0; i < nr; i++)
		if (!sges_ok(wr[i].sge, wr[i].nr_sge, r->max_sge, &bytes))
			return -EINVAL;
	flags = spin_lock_irqsave(&r->lock);
	if (!has_room(r, nr)) {
		spin_unlock_irqrestore(&r->lock, flags);
		return -EAGAIN;
	}
	for (u32 i = 0; i < nr; i++) {
		u32 n = r->head++;
		u8 *seg = entry(r, n);

		r->wr_id[n & (size - 1)] = wr[i].wr_id;
		seg = put_sges(seg, wr[i].sge, wr[i].nr_sge);
		if (wr[i].nr_sge < slots)
			wqe_put_data(seg, 0, 0, MLX4_LKEY_END);
	}
	dma_wmb(); /* entries before the record that announces them */
	WRITE_ONCE(*(u32 *)qp->db, __builtin_bswap32(r->head & 0xffff));
	spin_unlock_irqrestore(&r->lock, flags);
	return 0;
}
