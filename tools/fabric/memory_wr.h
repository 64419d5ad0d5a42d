/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_MEMORY_WR_H
#define FABRIC_MEMORY_WR_H

/*
 * Work requests about memory keys: fast registration, binding of windows,
 * invalidation.  They change the entries that lie in the host's ICM memory,
 * as commands do, but in the order of the queue.
 */
#include "qp.h"

/* Is @opcode one of them? */
bool is_memory_request(u8 opcode);

/**
 * memory_request - carry out the request in @wqe, on behalf of @qp.
 *
 * Return: WC_OK, or WC_BIND if the key, its state, the protection domain, the
 *         page list or the region does not allow it.
 */
enum wc_syndrome memory_request(struct qp *qp, const struct send_wqe *wqe);

/**
 * memory_invalidate_remotely - what a SEND with invalidate does to @key, at
 * the receiving queue pair @qp.
 *
 * Return: false if @key does not allow it.
 */
bool memory_invalidate_remotely(struct qp *qp, u32 key);

#endif /* FABRIC_MEMORY_WR_H */
