/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wqe.h"
#include <arch/x86/barrier.h>
#include <lib/byteorder.h>
#include <lib/compiler.h>
#include <lib/minmax.h>
#include <lib/string.h>

#define INLINE_HEADER 4
#define UD_SEND_ONLY  0x64
#define LNH_LOCAL     2 /* a BTH follows the LRH */
#define ICRC_BYTES    4

void wqe_put_data(void *seg, u64 dma, u32 bytes, u32 lkey)
{
	struct mlx4_data_seg *d = seg;

	HW_SET64(d, dma, DATA_ADDR);
	HW_SET(d, lkey, DATA_LKEY);
	compiler_barrier(); /* stores stay in order; the guard is last */
	HW_SET(d, bytes, DATA_BYTES);
}

u32 wqe_inline_bytes(u32 offset, u32 bytes)
{
	u32 at = offset;

	do {
		u32 room = MLX4_CHUNK - at % MLX4_CHUNK - INLINE_HEADER;
		u32 n = min(room, bytes);

		at += INLINE_HEADER + n;
		bytes -= n;
	} while (bytes);
	return ALIGN_UP(at, 16u) - offset;
}

static void close_segment(struct wqe_inline *in)
{
	compiler_barrier(); /* the header guards the chunk */
	put_be32(in->seg, MLX4_INLINE | in->used);
}

void wqe_inline_begin(struct wqe_inline *in, u8 *seg)
{
	in->seg = seg;
	in->used = 0;
}

/* Entries are aligned to chunks, so addresses tell where a chunk ends. */
void wqe_inline_add(struct wqe_inline *in, const void *data, u32 bytes)
{
	const u8 *from = data;

	while (bytes) {
		u8 *at = in->seg + INLINE_HEADER + in->used;
		u32 room = (u32)(MLX4_CHUNK - (uintptr_t)in->seg % MLX4_CHUNK) -
			   INLINE_HEADER - in->used;
		u32 n = min(room, bytes);

		if (!room) {
			close_segment(in);
			wqe_inline_begin(in, at);
			continue;
		}
		memcpy(at, from, n);
		in->used += n;
		from += n;
		bytes -= n;
	}
}

u8 *wqe_inline_end(struct wqe_inline *in)
{
	uintptr_t end = (uintptr_t)in->seg + INLINE_HEADER + in->used;

	close_segment(in);
	return (u8 *)ALIGN_UP(end, 16);
}

void wqe_put_raddr(void *seg, u64 va, u32 rkey)
{
	struct mlx4_raddr_seg *r = seg;

	HW_SET64(r, va, RADDR_VA);
	HW_SET(r, rkey, RADDR_RKEY);
	put_be32(r->raw + 12, 0);
}

void wqe_put_rdma(u8 *wqe, const struct ib_send_wr *wr, bool owner)
{
	const u32 nr_bytes = sizeof(struct mlx4_ctrl_seg) +
			     sizeof(struct mlx4_raddr_seg) +
			     sizeof(struct mlx4_data_seg);
	struct mlx4_raddr_seg *raddr =
		(void *)(wqe + sizeof(struct mlx4_ctrl_seg));
	struct mlx4_data_seg *data = (void *)(raddr + 1);
	u32 first = HW_VALUE((u32)owner, CTRL_OWNER) |
		    (wr->opcode == IB_WR_RDMA_READ
			     ? HW_VALUE((u32)MLX4_WQE_RDMA_READ, CTRL_OPCODE)
			     : HW_VALUE((u32)MLX4_WQE_RDMA_WRITE, CTRL_OPCODE));

	put_be64(data->raw + 8, wr->sge->dma);
	put_be32(data->raw + 4, wr->sge->lkey);
	put_be32(data->raw, wr->sge->bytes);
	put_be64(raddr->raw, wr->remote_iova);
	put_be32(raddr->raw + 8, wr->rkey);
	put_be32(raddr->raw + 12, 0);
	put_be32(wqe + 4, HW_VALUE(nr_bytes / 16, CTRL_DS));
	put_be32(wqe + 8,
		 wr->flags & IB_SEND_SIGNALED
			 ? HW_VALUE((u32)MLX4_CQ_UPDATE_ALWAYS, CTRL_CQ_UPDATE)
			 : 0);
	put_be32(wqe + 12, 0);
	dma_wmb(); /* the owner bit makes the entry valid */
	WRITE_ONCE(*(u32 *)wqe, __builtin_bswap32(first));
}

void wqe_put_ud(void *seg, const struct ib_send_wr *wr, u8 port, u32 pdn)
{
	struct mlx4_ud_seg *u = seg;
	const struct ib_av *av = wr->av;

	memset(u, 0, sizeof(*u));
	HW_SET(u, port, UD_PORT);
	HW_SET(u, pdn, UD_PD);
	HW_SET(u, av->path_bits, UD_PATH_BITS);
	HW_SET(u, av->dlid, UD_DLID);
	if (av->rate)
		HW_SET(u, av->rate + 5, UD_STATIC_RATE);
	HW_SET(u, av->sl, UD_SL);
	if (av->has_grh) {
		HW_SET(u, 1, UD_GRH);
		HW_SET(u, av->hop_limit, UD_HOP_LIMIT);
		HW_SET(u, av->traffic_class, UD_TRAFFIC_CLASS);
		HW_SET(u, av->flow_label, UD_FLOW_LABEL);
		memcpy(u->raw + UD_DGID_OFFSET, av->dgid.raw, 16);
	}
	HW_SET(u, wr->remote_qpn, UD_QPN);
	HW_SET(u, wr->remote_qkey, UD_QKEY);
}

int wqe_opcode(enum ib_wr_opcode opcode)
{
	switch (opcode) {
	case IB_WR_SEND:
		return MLX4_WQE_SEND;
	case IB_WR_SEND_IMM:
		return MLX4_WQE_SEND_IMM;
	case IB_WR_RDMA_WRITE:
		return MLX4_WQE_RDMA_WRITE;
	case IB_WR_RDMA_WRITE_IMM:
		return MLX4_WQE_RDMA_WRITE_IMM;
	case IB_WR_RDMA_READ:
		return MLX4_WQE_RDMA_READ;
	}
	return -1;
}

void wqe_mlx_header(u8 out[MLX_HEADER_BYTES], const struct mlx_header *h)
{
	u8 *lrh = out, *bth = out + 8, *deth = out + 20;
	u32 words = (MLX_HEADER_BYTES + h->payload_bytes + ICRC_BYTES) / 4;

	memset(out, 0, MLX_HEADER_BYTES);
	lrh[0] = (u8)(h->vl << 4);
	lrh[1] = (u8)(h->sl << 4 | LNH_LOCAL);
	put_be16(lrh + 2, h->dlid);
	put_be16(lrh + 4, (u16)(words & 0x7ff));
	put_be16(lrh + 6, h->slid);
	bth[0] = UD_SEND_ONLY;
	put_be16(bth + 2, h->pkey);
	put_be32(bth + 4, h->dest_qpn & 0xffffff);
	put_be32(bth + 8, h->psn & 0xffffff);
	put_be32(deth, h->qkey);
	put_be32(deth + 4, h->src_qpn & 0xffffff);
}
