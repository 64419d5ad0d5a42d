/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MLX4_WQE_H
#define MLX4_WQE_H

/*
 * Building work queue entries.  Pure: memory in, memory out.
 *
 * The card prefetches entries in chunks of 64 bytes.  A chunk whose first
 * dword is all ones counts as not yet written (a "stamp"); so each segment
 * writes its first dword last, and the entry's first dword goes last of all.
 */
#include "hw.h"
#include <ib/verbs.h>
#include <lib/compiler.h>

/** wqe_put_data - one scatter/gather element, 16 bytes at @seg. */
void wqe_put_data(void *seg, u64 dma, u32 bytes, u32 lkey);

/**
 * wqe_inline_bytes - room that @bytes of inline data take at @offset of an
 * entry: an inline segment ends at each chunk.
 */
u32 wqe_inline_bytes(u32 offset, u32 bytes);

/** Inline data being written, see wqe_inline_add(). */
struct wqe_inline {
	u8 *seg;  /* the open segment: its header */
	u32 used; /* data bytes in it */
};

void wqe_inline_begin(struct wqe_inline *in, u8 *seg);
void wqe_inline_add(struct wqe_inline *in, const void *data, u32 bytes);
/** wqe_inline_end - Return: where the next segment goes. */
u8 *wqe_inline_end(struct wqe_inline *in);

void wqe_put_raddr(void *seg, u64 va, u32 rkey);
/**
 * wqe_put_rdma - all of an entry at @wqe: a read or write of one piece on a
 * connection, with no flags but IB_SEND_SIGNALED.  @owner: the owner bit.
 */
void wqe_put_rdma(u8 *wqe, const struct ib_send_wr *wr, bool owner);
void wqe_put_ud(void *seg, const struct ib_send_wr *wr, u8 port, u32 pdn);

/** wqe_stamp - mark the chunks of a free entry as not written. */
static inline void wqe_stamp(u8 *wqe, u32 stride)
{
	for (u32 i = MLX4_CHUNK; i < stride; i += MLX4_CHUNK)
		WRITE_ONCE(*(u32 *)(wqe + i), 0xffffffff);
}

/** wqe_opcode - the card's code; -1 for one that does not exist. */
int wqe_opcode(enum ib_wr_opcode opcode);

#define MLX_HEADER_BYTES 28 /* LRH, BTH, DETH */

struct mlx_header {
	u16 dlid;
	u16 slid; /* path bits; the card adds the port's LID */
	u8 sl;
	u8 vl;
	u16 pkey;
	u32 dest_qpn;
	u32 src_qpn;
	u32 qkey;
	u32 psn;
	u32 payload_bytes; /* multiple of 4 */
};

/** wqe_mlx_header - the headers of a UD packet, as QP0 and QP1 send them. */
void wqe_mlx_header(u8 out[MLX_HEADER_BYTES], const struct mlx_header *h);

#endif /* MLX4_WQE_H */
