/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_RC_COPY_H
#define FABRIC_RC_COPY_H

/* Kinds of message, and moving a message's data between the two guests. */
#include "qp.h"
#include "transfer.h"

static inline bool is_send(u8 opcode)
{
	return opcode == SEND_SEND || opcode == SEND_SEND_IMM ||
	       opcode == SEND_INV;
}

static inline bool is_write(u8 opcode)
{
	return opcode == SEND_RDMA_WRITE || opcode == SEND_RDMA_WRITE_IMM;
}

static inline bool takes_receive(u8 opcode)
{
	return is_send(opcode) || opcode == SEND_RDMA_WRITE_IMM;
}

/* Does data come back, with the answer? */
static inline bool is_scatter(u8 opcode)
{
	return opcode == SEND_RDMA_READ || is_atomic(opcode);
}

static inline bool has_immediate(u8 opcode)
{
	return opcode == SEND_SEND_IMM || opcode == SEND_RDMA_WRITE_IMM;
}

/**
 * rc_copy - move the next @bytes of @qp's message, or carry out its atomic.
 *
 * Return: TRANSFER_BAD_SOURCE: this end cannot be accessed; BAD_TARGET: the
 *         peer's.
 */
enum transfer_result rc_copy(struct qp *qp, struct qp *peer, u64 bytes);

#endif /* FABRIC_RC_COPY_H */
