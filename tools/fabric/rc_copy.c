/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving the data of a message between the two guests; atomics. */
#include "rc_copy.h"
#include "card.h"

#include <string.h>

/* Carries stop at the highest bit of each field that @mask marks. */
static u64 masked_add(u64 value, u64 add, u64 mask)
{
	u64 sum = 0, carry = 0;

	for (int bit = 0; bit < 64; bit++) {
		u64 digit = (value >> bit & 1) + (add >> bit & 1) + carry;

		sum |= (digit & 1) << bit;
		carry = mask >> bit & 1 ? 0 : digit >> 1;
	}
	return sum;
}

static u64 atomic_result(const struct send_wqe *wqe, u64 value)
{
	switch (wqe->opcode) {
	case SEND_ATOMIC_FA:
		return value + wqe->swap_add;
	case SEND_MASKED_FA:
		return masked_add(value, wqe->swap_add, wqe->swap_add_mask);
	}
	if ((value ^ wqe->compare) & wqe->compare_mask)
		return value;
	return (value & ~wqe->swap_add_mask) |
	       (wqe->swap_add & wqe->swap_add_mask);
}

/* Guest processors take no lock of ours: atomic among cards only. */
static enum transfer_result do_atomic(struct qp *qp, struct qp *peer,
				      struct flow *local)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	struct mr mr;
	u64 got, value;
	u8 *cell;

	if (!mr_find(peer->card, wqe->remote_key, peer->pd, wqe->remote_va, 8,
		     ACCESS_REMOTE_ATOMIC, &mr))
		return TRANSFER_BAD_TARGET;
	cell = mr_run(peer->card, &mr, wqe->remote_va, 8, true, &got);
	/* a region may begin anywhere in its first page */
	if (!cell || got != 8 || (uintptr_t)cell % 8)
		return TRANSFER_BAD_TARGET;
	memcpy(&value, cell, 8);
	if (transfer_bytes(local, (u8 *)&value, 8) != TRANSFER_OK)
		return TRANSFER_BAD_SOURCE;
	value = atomic_result(wqe, value);
	__atomic_store_n((u64 *)cell, value, __ATOMIC_RELEASE);
	return TRANSFER_OK;
}

enum transfer_result rc_copy(struct qp *qp, struct qp *peer, u64 bytes)
{
	struct send_wqe *wqe = &qp->tx.wqe;
	struct flow local = flow_of_request(qp, &qp->tx.local);
	struct segment window = {
		.va = wqe->remote_va,
		.bytes = (u32)wqe->bytes,
		.key = wqe->remote_key,
	};
	struct cursor at = {0, (u32)qp->tx.done_bytes};
	struct flow remote = {
		.card = peer->card,
		.pd = peer->pd,
		.segments = &window,
		.nr_segments = 1,
		.cursor = &at,
	};
	enum transfer_result result;

	if (is_send(wqe->opcode)) {
		remote.access = ACCESS_LOCAL_WRITE;
		remote.pd = peer->rx.wqe.pd;
		remote.segments = peer->rx.wqe.segments;
		remote.nr_segments = peer->rx.wqe.nr_segments;
		remote.cursor = &peer->rx.local;
	}
	if (is_send(wqe->opcode) || is_write(wqe->opcode)) {
		if (is_write(wqe->opcode))
			remote.access = ACCESS_REMOTE_WRITE;
		remote.is_target = true;
		return transfer(&remote, &local, bytes);
	}
	local.access = ACCESS_LOCAL_WRITE;
	local.is_target = true;
	if (is_atomic(wqe->opcode))
		return do_atomic(qp, peer, &local);
	remote.access = ACCESS_REMOTE_READ;
	result = transfer(&local, &remote, bytes);
	if (result == TRANSFER_OK)
		return result;
	return result == TRANSFER_BAD_SOURCE ? TRANSFER_BAD_TARGET
					     : TRANSFER_BAD_SOURCE;
}
