/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_WQE_H
#define FABRIC_WQE_H

/*
 * Work requests: from the rings' bytes to checked structures.
 */
#include "cq.h"
#include "types.h"

struct qp;

enum {
	MAX_SEND_WQE_BYTES = 1024,
	MAX_SEGMENTS = 64,
};

enum send_opcode {
	SEND_NOP = 0x00,
	SEND_INV = 0x01,
	SEND_RDMA_WRITE = 0x08,
	SEND_RDMA_WRITE_IMM = 0x09,
	SEND_SEND = 0x0a,
	SEND_SEND_IMM = 0x0b,
	SEND_RDMA_READ = 0x10,
	SEND_ATOMIC_CS = 0x11,
	SEND_ATOMIC_FA = 0x12,
	SEND_MASKED_CS = 0x14,
	SEND_MASKED_FA = 0x15,
	SEND_BIND_MW = 0x18,
	SEND_FAST_REGISTER = 0x19,
	SEND_LOCAL_INVALIDATE = 0x1b,
};

static inline bool is_fetch_add(u8 opcode)
{
	return opcode == SEND_ATOMIC_FA || opcode == SEND_MASKED_FA;
}

static inline bool is_atomic(u8 opcode)
{
	return is_fetch_add(opcode) || opcode == SEND_ATOMIC_CS ||
	       opcode == SEND_MASKED_CS;
}

/* A piece of a message: guest memory by key, or bytes inside the WQE. */
struct segment {
	u64 va;
	u32 bytes;
	u32 key;
	u16 inline_offset;
	bool is_inline;
};

/* How far a walk over segments has come. */
struct cursor {
	unsigned int segment;
	u32 offset;
};

/* The address vector in a UD request. */
struct datagram {
	bool has_grh;
	u8 port;
	u8 path_bits, sgid_index, hop_limit, sl, traffic_class;
	u16 dlid;
	u32 flow_label;
	u8 dgid[16];
	u32 dqpn, qkey;
};

/* A request about a memory key: see memory_wr.h. */
struct memory_wr {
	u32 key, region_key;
	u32 access; /* ACCESS_ bits */
	u32 bind_flags;
	u64 pages; /* device address of the list */
	u64 va, bytes;
	u32 first_byte;
	u8 page_shift;
};

struct send_wqe {
	u8 opcode;
	bool wants_completion, is_solicited, is_fenced;
	u32 immediate; /* or the key that a SEND invalidates */
	u64 remote_va;
	u32 remote_key;
	u64 swap_add, compare, swap_add_mask, compare_mask;
	struct datagram datagram;
	struct memory_wr memory;
	u8 mlx_sl;
	bool mlx_vl15, mlx_permissive_slid;
	u16 mlx_dlid;
	struct segment segments[MAX_SEGMENTS];
	unsigned int nr_segments;
	u64 bytes;
	u8 raw[MAX_SEND_WQE_BYTES]; /* inline data lies here */
};

struct recv_wqe {
	u16 index;
	u32 pd; /* of the queue that it comes from */
	struct segment segments[MAX_SEGMENTS];
	unsigned int nr_segments;
	u64 bytes;
};

enum wqe_fetch { WQE_NONE, WQE_READY, WQE_BAD };

/**
 * wqe_fetch_send - read the entry at the head of the send ring.
 *
 * Return: WQE_NONE if the host has not posted it, WQE_READY and *@wqe, or
 *         WQE_BAD and *@syndrome.
 */
enum wqe_fetch wqe_fetch_send(struct qp *qp, struct send_wqe *wqe,
			      enum wc_syndrome *syndrome);

/* Likewise the next receive; it stays posted until wqe_take_recv(). */
enum wqe_fetch wqe_fetch_recv(struct qp *qp, struct recv_wqe *wqe);
void wqe_take_recv(struct qp *qp);

/* Decode @bytes of segments. */
void wqe_parse_recv(struct recv_wqe *wqe, const u8 *raw, u32 bytes);

/* Receives posted to its own queue and not taken. */
unsigned int wqe_nr_recv(struct qp *qp);

#endif /* FABRIC_WQE_H */
