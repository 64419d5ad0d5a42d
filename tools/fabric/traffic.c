/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "traffic.h"
#include "card.h"
#include "fabric.h"

enum {
	RETH_BYTES = 16,
	ATOMIC_ETH_BYTES = 28,
	AETH_BYTES = 4,
	PLAIN_BYTES = LRH_BYTES + BTH_BYTES + ICRC_BYTES, /* of each packet */
};

/* @packets with @bytes of payload, and @extended of headers, in all. */
static struct volume volume_of(u64 packets, u64 bytes, u32 extended)
{
	return (struct volume){
		.packets = packets,
		.words = (packets * PLAIN_BYTES + bytes + extended + 3) / 4,
	};
}

static struct volume request_of(const struct send_wqe *wqe, u32 packets)
{
	switch (wqe->opcode) {
	case SEND_RDMA_READ:
		return volume_of(1, 0, RETH_BYTES);
	case SEND_RDMA_WRITE:
		return volume_of(packets, wqe->bytes, RETH_BYTES);
	case SEND_RDMA_WRITE_IMM:
		return volume_of(packets, wqe->bytes,
				 RETH_BYTES + IMMEDIATE_BYTES);
	case SEND_SEND:
		return volume_of(packets, wqe->bytes, 0);
	case SEND_SEND_IMM:
	case SEND_INV: /* the key to invalidate */
		return volume_of(packets, wqe->bytes, IMMEDIATE_BYTES);
	}
	return volume_of(1, 0, ATOMIC_ETH_BYTES);
}

static struct volume response_of(const struct send_wqe *wqe, u32 packets)
{
	/* of a read's responses the first and the last have one */
	if (wqe->opcode == SEND_RDMA_READ)
		return volume_of(packets, wqe->bytes,
				 packets > 1 ? 2 * AETH_BYTES : AETH_BYTES);
	return volume_of(1, is_atomic(wqe->opcode) ? wqe->bytes : 0,
			 AETH_BYTES);
}

void traffic_count(const struct qp *qp, const struct qp *peer, u32 packets)
{
	struct ib_switch *sw = &qp->card->fabric->sw;
	struct volume request = request_of(&qp->tx.wqe, packets);
	struct volume response = response_of(&qp->tx.wqe, packets);

	switch_count(sw, qp_port(qp), qp_port(peer), &request);
	if (qp->type == QP_RC)
		switch_count(sw, qp_port(peer), qp_port(qp), &response);
}
