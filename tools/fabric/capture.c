/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture.h"
#include "be.h"
#include "card.h"
#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	LINKTYPE_ERF = 197,
	ERF_HEADER_BYTES = 16,
	ERF_TYPE_INFINIBAND = 21,
	ERF_VARYING_LENGTHS = 1 << 2,
	VL_MANAGEMENT = 15,
	FRAME_MAX_BYTES = PACKET_MAX_BYTES + 256,
};

/* BTH opcodes of reliable connections; unreliable ones: plus 0x20. */
enum {
	BTH_SEND_FIRST = 0x00,
	BTH_SEND_MIDDLE = 0x01,
	BTH_SEND_LAST = 0x02,
	BTH_SEND_LAST_IMM = 0x03,
	BTH_SEND_ONLY = 0x04,
	BTH_SEND_ONLY_IMM = 0x05,
	BTH_WRITE_FIRST = 0x06,
	BTH_WRITE_MIDDLE = 0x07,
	BTH_WRITE_LAST = 0x08,
	BTH_WRITE_LAST_IMM = 0x09,
	BTH_WRITE_ONLY = 0x0a,
	BTH_WRITE_ONLY_IMM = 0x0b,
	BTH_READ_REQUEST = 0x0c,
	BTH_READ_FIRST = 0x0d,
	BTH_READ_MIDDLE = 0x0e,
	BTH_READ_LAST = 0x0f,
	BTH_READ_ONLY = 0x10,
	BTH_ACK = 0x11,
	BTH_ATOMIC_ACK = 0x12,
	BTH_COMPARE_SWAP = 0x13,
	BTH_FETCH_ADD = 0x14,
	BTH_SEND_LAST_INV = 0x16,
	BTH_SEND_ONLY_INV = 0x17,
	BTH_UC = 0x20,
};

static FILE *file;

/* A frame as it grows. */
static struct {
	u8 bytes[FRAME_MAX_BYTES];
	u32 length;
} frame;

static void raw32(u32 v)
{
	fwrite(&v, sizeof(v), 1, file);
}

int capture_open(const char *path)
{
	const u16 version[2] = {2, 4};

	file = fopen(path, "wbe");
	if (!file)
		return -errno;
	raw32(0xa1b2c3d4);
	fwrite(version, sizeof(version), 1, file);
	raw32(0);
	raw32(0);
	raw32(ERF_HEADER_BYTES + FRAME_MAX_BYTES);
	raw32(LINKTYPE_ERF);
	fflush(file);
	return 0;
}

void capture_close(void)
{
	if (file)
		fclose(file);
	file = NULL;
}

static u8 *extend(u32 bytes)
{
	u8 *p = frame.bytes + frame.length;

	memset(p, 0, bytes);
	frame.length += bytes;
	return p;
}

static void begin_lrh(u8 vl, u8 sl, u16 dlid, u16 slid, bool has_grh)
{
	u8 *lrh;

	frame.length = 0;
	lrh = extend(LRH_BYTES);
	lrh[0] = (u8)(vl << 4);
	lrh[1] = (u8)(sl << 4 | (has_grh ? LNH_GLOBAL : LNH_LOCAL));
	put16(lrh + 2, dlid);
	put16(lrh + 6, slid);
}

static void add_bth(u8 opcode, u16 pkey, u32 dqpn, u32 psn, u32 payload)
{
	u8 *bth = extend(BTH_BYTES);

	bth[0] = opcode;
	bth[1] = (u8)((4 - payload % 4) % 4 << 4);
	put16(bth + 2, pkey);
	put24(bth + 5, dqpn);
	put24(bth + 9, psn);
}

static void add32(u32 v)
{
	put32(extend(4), v);
}

/*
 * ERF's record header: seconds and their fraction, little-endian; type,
 * flags, length of the record, losses, length on the wire.
 */
static void write_erf_header(const struct timespec *now, u32 bytes)
{
	u8 header[8] = {ERF_TYPE_INFINIBAND, ERF_VARYING_LENGTHS};

	raw32((u32)(((u64)now->tv_nsec << 32) / 1000000000u));
	raw32((u32)now->tv_sec);
	put16(header + 2, (u16)(ERF_HEADER_BYTES + bytes));
	put16(header + 6, (u16)bytes);
	fwrite(header, sizeof(header), 1, file);
}

static void finish(void)
{
	struct timespec now;
	u32 words;

	extend((4 - frame.length % 4) % 4);
	words = (frame.length + ICRC_BYTES) / 4;
	put16(frame.bytes + 4, (u16)words);
	extend(ICRC_BYTES + VCRC_BYTES);
	clock_gettime(CLOCK_REALTIME, &now);
	raw32((u32)now.tv_sec);
	raw32((u32)(now.tv_nsec / 1000));
	raw32(ERF_HEADER_BYTES + frame.length);
	raw32(ERF_HEADER_BYTES + frame.length);
	write_erf_header(&now, frame.length);
	fwrite(frame.bytes, frame.length, 1, file);
}

void capture_datagram(const struct packet *p)
{
	u8 *deth;

	if (!file)
		return;
	begin_lrh(p->is_vl15 || p->dqpn == QPN_SMI ? VL_MANAGEMENT : 0, p->sl,
		  p->dlid, p->slid, p->has_grh);
	if (p->has_grh)
		memcpy(extend(GRH_BYTES), p->grh, GRH_BYTES);
	add_bth(p->has_immediate ? BTH_UD_SEND_IMM : BTH_UD_SEND, p->pkey,
		p->dqpn, 0, p->bytes);
	deth = extend(DETH_BYTES);
	put32(deth, p->qkey);
	put24(deth + 5, p->sqpn);
	if (p->has_immediate)
		add32(p->immediate);
	memcpy(extend(p->bytes), p->data, p->bytes);
	finish();
	fflush(file);
}

/* The headers that every packet from @from to @to begins with. */
static void begin_packet(const struct qp *from, const struct qp *to, u8 opcode,
			 u32 psn, u32 payload)
{
	begin_lrh(0, from->sl, port_lid(&qp_port(to)->ib),
		  port_lid(&qp_port(from)->ib), false);
	add_bth(from->type == QP_UC ? opcode | BTH_UC : opcode,
		qp_port(from)->ib.pkeys[from->pkey_index], to->qpn,
		psn & PSN_MASK, payload);
}

static void add_reth(const struct send_wqe *wqe)
{
	put64(extend(8), wqe->remote_va);
	add32(wqe->remote_key);
	add32((u32)wqe->bytes);
}

static void add_aeth(u8 syndrome, u32 sequence)
{
	add32((u32)syndrome << 24 | (sequence & PSN_MASK));
}

/* Opcodes of a message's packets: first, middle, last, only. */
struct opcodes {
	u8 first, middle, last, only;
};

static struct opcodes opcodes_of(u8 opcode)
{
	switch (opcode) {
	case SEND_SEND_IMM:
		return (struct opcodes){BTH_SEND_FIRST, BTH_SEND_MIDDLE,
					BTH_SEND_LAST_IMM, BTH_SEND_ONLY_IMM};
	case SEND_INV:
		return (struct opcodes){BTH_SEND_FIRST, BTH_SEND_MIDDLE,
					BTH_SEND_LAST_INV, BTH_SEND_ONLY_INV};
	case SEND_RDMA_WRITE:
		return (struct opcodes){BTH_WRITE_FIRST, BTH_WRITE_MIDDLE,
					BTH_WRITE_LAST, BTH_WRITE_ONLY};
	case SEND_RDMA_WRITE_IMM:
		return (struct opcodes){BTH_WRITE_FIRST, BTH_WRITE_MIDDLE,
					BTH_WRITE_LAST_IMM, BTH_WRITE_ONLY_IMM};
	case SEND_RDMA_READ:
		return (struct opcodes){BTH_READ_FIRST, BTH_READ_MIDDLE,
					BTH_READ_LAST, BTH_READ_ONLY};
	}
	return (struct opcodes){BTH_SEND_FIRST, BTH_SEND_MIDDLE, BTH_SEND_LAST,
				BTH_SEND_ONLY};
}

/* Where a packet stands in its message. */
struct place {
	bool is_first, is_last;
	u32 index, bytes;
};

static u8 opcode_at(const struct send_wqe *wqe, const struct place *at)
{
	struct opcodes codes = opcodes_of(wqe->opcode);

	if (at->is_first)
		return at->is_last ? codes.only : codes.first;
	return at->is_last ? codes.last : codes.middle;
}

/* The extended headers between BTH and payload. */
static void add_headers(const struct qp *qp, const struct qp *peer,
			const struct place *at)
{
	const struct send_wqe *wqe = &qp->tx.wqe;

	switch (wqe->opcode) {
	case SEND_RDMA_READ:
		if (at->is_first || at->is_last)
			add_aeth(AETH_ACK, peer->messages_received + 1);
		return;
	case SEND_RDMA_WRITE:
	case SEND_RDMA_WRITE_IMM:
		if (at->is_first)
			add_reth(wqe);
		break;
	}
	if (at->is_last &&
	    (wqe->opcode == SEND_SEND_IMM || wqe->opcode == SEND_INV ||
	     wqe->opcode == SEND_RDMA_WRITE_IMM))
		add32(wqe->immediate);
}

static void add_payload(struct qp *qp, struct cursor *cursor, u32 bytes)
{
	struct flow flow = flow_of_request(qp, cursor);

	/* what the host took away meanwhile shows as zeroes */
	transfer_gather(extend(bytes), &flow, bytes);
}

/* The packets with the data: from @qp, or a read's from @peer. */
static void write_data(struct qp *qp, const struct qp *peer, u32 max_packets)
{
	bool is_read = qp->tx.wqe.opcode == SEND_RDMA_READ;
	u64 left = qp->tx.wqe.bytes;
	struct cursor cursor = {0};
	struct place at = {.is_first = true};

	do {
		at.bytes = (u32)min_u64(left, qp->mtu_bytes);
		left -= at.bytes;
		at.is_last = !left;
		begin_packet(is_read ? peer : qp, is_read ? qp : peer,
			     opcode_at(&qp->tx.wqe, &at),
			     qp->send_psn + at.index, at.bytes);
		add_headers(qp, peer, &at);
		add_payload(qp, &cursor, at.bytes);
		finish();
		at.is_first = false;
		at.index++;
	} while (left && at.index < max_packets);
}

static void write_read_request(const struct qp *qp, const struct qp *peer)
{
	begin_packet(qp, peer, BTH_READ_REQUEST, qp->send_psn, 0);
	add_reth(&qp->tx.wqe);
	finish();
}

static void write_atomic_request(const struct qp *qp, const struct qp *peer)
{
	const struct send_wqe *wqe = &qp->tx.wqe;

	begin_packet(qp, peer,
		     is_fetch_add(wqe->opcode) ? BTH_FETCH_ADD
					       : BTH_COMPARE_SWAP,
		     qp->send_psn, 0);
	put64(extend(8), wqe->remote_va);
	add32(wqe->remote_key);
	put64(extend(8), wqe->swap_add);
	put64(extend(8), wqe->compare);
	finish();
}

static void write_answer(const struct qp *qp, const struct qp *peer, u8 opcode,
			 u32 psn, u8 syndrome)
{
	begin_packet(peer, qp, opcode, psn, 0);
	add_aeth(syndrome, peer->messages_received + (syndrome == AETH_ACK));
}

void capture_message(struct qp *qp, const struct qp *peer)
{
	u8 opcode = qp->tx.wqe.opcode;
	u64 bytes = qp->tx.wqe.bytes;
	u32 packets = (u32)((bytes + qp->mtu_bytes - 1) / qp->mtu_bytes);
	struct cursor cursor = {0};
	u8 original[8] = {0};

	if (!file)
		return;
	if (is_atomic(opcode)) {
		write_atomic_request(qp, peer);
		write_answer(qp, peer, BTH_ATOMIC_ACK, qp->send_psn, AETH_ACK);
		add_payload(qp, &cursor, sizeof(original));
		/* host order in memory, big-endian on the wire */
		memcpy(original, frame.bytes + frame.length - 8, 8);
		for (int i = 0; i < 8; i++)
			frame.bytes[frame.length - 8 + i] = original[7 - i];
		finish();
	} else {
		if (opcode == SEND_RDMA_READ)
			write_read_request(qp, peer);
		write_data(qp, peer, UINT32_MAX);
		if (opcode != SEND_RDMA_READ && qp->type == QP_RC) {
			write_answer(qp, peer, BTH_ACK,
				     qp->send_psn + (packets ? packets - 1 : 0),
				     AETH_ACK);
			finish();
		}
	}
	fflush(file);
}

void capture_refusal(struct qp *qp, const struct qp *peer, u8 syndrome)
{
	if (!file)
		return;
	if (is_atomic(qp->tx.wqe.opcode))
		write_atomic_request(qp, peer);
	else if (qp->tx.wqe.opcode == SEND_RDMA_READ)
		write_read_request(qp, peer);
	else
		write_data(qp, peer, 1);
	write_answer(qp, peer, BTH_ACK, qp->send_psn, syndrome);
	finish();
	fflush(file);
}
