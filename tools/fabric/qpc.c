/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QP context: which of its fields a transition takes.
 *
 * A row is a dword's bits, the transitions that always take them, and the
 * optional-parameter bit with which the others do.
 */
#include "be.h"
#include "card.h"
#include "qp.h"

#include <string.h>

enum {
	RST2INIT = 1 << 0,
	INIT2INIT = 1 << 1,
	INIT2RTR = 1 << 2,
	RTR2RTS = 1 << 3,
	RTS2RTS = 1 << 4,
	SQERR2RTS = 1 << 5,
	SQD2SQD = 1 << 6,
	SQD2RTS = 1 << 7,
};

enum {
	OPT_ALTERNATE = 1 << 0,
	OPT_READ = 1 << 1,
	OPT_ATOMIC = 1 << 2,
	OPT_WRITE = 1 << 3,
	OPT_PKEY = 1 << 4,
	OPT_QKEY = 1 << 5,
	OPT_MIN_RNR = 1 << 6,
	OPT_PATH = 1 << 7,
	OPT_SRA = 1 << 8,
	OPT_RRA = 1 << 9,
	OPT_PM = 1 << 10,
	OPT_RETRY = 1 << 12,
	OPT_RNR = 1 << 13,
	OPT_ACK_TIMEOUT = 1 << 14,
	OPT_SCHEDULE = 1 << 16,
};

static const struct {
	u16 offset;
	u32 mask;
	u16 always;
	u32 optional;
} fields[] = {
	{0x00, 0x000f2000, RST2INIT, 0}, /* type, RSS */
	{0x00, 0x00001800, RST2INIT | INIT2RTR, OPT_PM},
	{0x04, 0x00ffffff, RST2INIT, 0}, /* PD */
	{0x08, 0xff000000, INIT2RTR, 0}, /* MTU, message */
	{0x08, 0x00ffffff, RST2INIT, 0}, /* rings */
	{0x0c, 0x00ffffff, RST2INIT, 0}, /* UAR */
	{0x14, 0x00ffffff, INIT2RTR, 0}, /* remote QPN */
	{0x18, 0xffffff80, INIT2RTR, OPT_PATH},
	{0x18, 0x0000007f, RST2INIT, OPT_PKEY},
	{0x1c, 0xffffffff, INIT2RTR, OPT_PATH},
	{0x20, 0x07ffffff, INIT2RTR, OPT_PATH},
	{0x20, 0xf8000000, INIT2RTR | RTR2RTS, OPT_ACK_TIMEOUT},
	{0x24, 0xffffffff, INIT2RTR, OPT_PATH},
	{0x28, 0xffffffff, INIT2RTR, OPT_PATH},
	{0x2c, 0xffffffff, INIT2RTR, OPT_PATH},
	{0x30, 0xffffffff, INIT2RTR, OPT_PATH},
	{0x34, 0xffffffff, INIT2RTR, OPT_PATH},
	{0x38, 0xff000000, INIT2RTR, OPT_PATH | OPT_SCHEDULE},
	{0x38, 0x00ffffff, INIT2RTR, OPT_PATH},
	{0x3c, 0xffffffff, INIT2RTR, OPT_PATH},
	{0x40, 0xffffffff, INIT2RTR, OPT_PATH},
	{0x70, 0xf0000000, RTR2RTS, 0}, /* ACK frequency */
	{0x70, 0x00e00000, RTR2RTS, OPT_SRA},
	{0x70, 0x00070000, RTR2RTS, OPT_RETRY},
	{0x70, 0x0000e000, RTR2RTS, OPT_RNR},
	{0x70, 0x00000800, RST2INIT, 0}, /* fast register */
	{0x78, 0x00ffffff, RTR2RTS, 0},  /* send PSN */
	{0x7c, 0x00ffffff, RST2INIT, 0}, /* send CQ */
	{0x90, 0x00e00000, INIT2RTR, OPT_RRA},
	{0x90, 0x00008000, RST2INIT, OPT_READ},
	{0x90, 0x00004000, RST2INIT, OPT_WRITE},
	{0x90, 0x00002000, RST2INIT, OPT_ATOMIC},
	{0x90, 0x00000fd8, RST2INIT, 0}, /* page offset, RIC, FPP */
	{0x94, 0x1f000000, INIT2RTR, OPT_MIN_RNR},
	{0x94, 0x00ffffff, INIT2RTR, 0}, /* receive PSN */
	{0x98, 0x00ffffff, RST2INIT, 0}, /* XRC domain */
	{0x9c, 0x00ffffff, RST2INIT, 0}, /* receive CQ */
	{0xa0, 0xffffffff, RST2INIT, 0}, /* doorbell record */
	{0xa4, 0xffffffff, RST2INIT, 0},
	{0xa8, 0xffffffff, RST2INIT, OPT_QKEY},
	{0xac, 0x01ffffff, RST2INIT, 0}, /* SRQ */
	{0xc0, 0xffffffff, RST2INIT, 0},
	{0xc8, 0x3f0000ff, RST2INIT, 0}, /* page size, MTT */
	{0xcc, 0xfffffff8, RST2INIT, 0},
};

static u16 transition_bit(u16 opcode)
{
	switch (opcode) {
	case 0x019:
		return RST2INIT;
	case 0x02d:
		return INIT2INIT;
	case 0x01a:
		return INIT2RTR;
	case 0x01b:
		return RTR2RTS;
	case 0x01c:
		return RTS2RTS;
	case 0x01d:
		return SQERR2RTS;
	case 0x038:
		return SQD2SQD;
	case 0x020:
		return SQD2RTS;
	}
	return 0; /* takes nothing: no mailbox */
}

bool qpc_is_supported(u16 opcode, u32 optional, const u8 *context)
{
	enum { MIGRATED = 3 }; /* the one path is the primary one */

	if (!transition_bit(opcode))
		return true;
	if (optional & OPT_ALTERNATE)
		return false;
	return !(optional & OPT_PM) ||
	       field(get32(context), 12, 11) == MIGRATED;
}

/* The schedule queue: 1, port - 1, SL of four bits, 3. */
static u8 port_of(const u8 *context)
{
	return (context[0x38] >> 6 & 1) + 1;
}

u32 qpc_new_port(u16 opcode, u32 optional, const u8 *context)
{
	u16 transition = transition_bit(opcode);

	if (transition == INIT2RTR ||
	    (transition && (optional & (OPT_PATH | OPT_SCHEDULE))))
		return port_of(context);
	return 0;
}

void qpc_merge(struct qp *qp, u16 opcode, u32 optional, const u8 *context)
{
	u16 transition = transition_bit(opcode);

	if (!transition)
		return;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		u8 *to = qp->context + fields[i].offset;
		u32 mask = fields[i].mask;

		if (!(fields[i].always & transition) &&
		    !(fields[i].optional & optional))
			continue;
		put32(to, (get32(to) & ~mask) |
				  (get32(context + fields[i].offset) & mask));
	}
}

static void decode_ring(struct ring *ring, u8 size)
{
	ring->nr_entries = 1u << field(size, 6, 3);
	ring->log_stride = (u8)(field(size, 2, 0) + 4);
}

/* The ring with the larger stride comes first; if equal, the send ring. */
static void decode_rings(struct qp *qp, const u8 *c)
{
	struct ring *send = &qp->send_ring, *recv = &qp->recv_ring;

	decode_ring(send, c[0x0a]);
	send->offset = 0;
	if (qp->has_srq) {
		recv->nr_entries = 0;
		return;
	}
	decode_ring(recv, c[0x09]);
	recv->offset = 0;
	if (recv->log_stride > send->log_stride)
		send->offset = (u64)recv->nr_entries << recv->log_stride;
	else
		recv->offset = (u64)send->nr_entries << send->log_stride;
}

bool qpc_decode(struct qp *qp)
{
	const u8 *c = qp->context;
	u32 params1 = get32(c + 0x70), params2 = get32(c + 0x90);
	u32 mtu_code = c[0x08] >> 5;

	qp->type = field(get32(c), 19, 16);
	qp->pd = get24(c + 0x05);
	qp->remote_qpn = get24(c + 0x15);
	qp->pkey_index = c[0x1b] & 0x7f;
	qp->remote_lid = get16(c + 0x1e);
	qp->ack_timeout = c[0x20] >> 3;
	qp->port = port_of(c);
	qp->sl = (c[0x38] >> 2) & 0xf;
	qp->mtu_bytes = 128u << (mtu_code >= 1 && mtu_code <= 5 ? mtu_code : 1);
	qp->retry_count = (u8)field(params1, 18, 16);
	qp->rnr_retry = (u8)field(params1, 15, 13);
	qp->send_cqn = get24(c + 0x7d);
	qp->recv_cqn = get24(c + 0x9d);
	qp->min_rnr_timer = c[0x94] & 0x1f;
	qp->recv_doorbell_record = get64(c + 0xa0) & ~3ull;
	qp->qkey = get32(c + 0xa8);
	qp->has_srq = c[0xac] & 1;
	qp->srqn = get24(c + 0xad);
	qp->remote_access = 0;
	if (params2 & 1 << 15)
		qp->remote_access |= ACCESS_REMOTE_READ;
	if (params2 & 1 << 14)
		qp->remote_access |= ACCESS_REMOTE_WRITE;
	if (params2 & 1 << 13)
		qp->remote_access |= ACCESS_REMOTE_ATOMIC;
	qp->buffer.page_offset = field(params2, 11, 6) * 64;
	qp->buffer.page_shift = (u8)(12 + (c[0xc8] & 0x3f));
	qp->buffer.mtt = (u64)c[0xcb] << 32 | (get32(c + 0xcc) & ~7u);
	decode_rings(qp, c);
	return qp->buffer.page_shift <= 40;
}
