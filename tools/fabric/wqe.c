/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wqe.h"
#include "be.h"
#include "card.h"
#include "memory_wr.h"

#include <string.h>

enum {
	UNIT = 16, /* of a request's size */
	CONTROL_BYTES = 16,
	DATAGRAM_BYTES = 48,
	OWNER = 0x80, /* in the first byte */
	IS_INLINE = 1u << 31,
	INLINE_BYTES = 0x3ff,
	DATA_ZERO_MEANS = 1u << 31,
	MAX_MESSAGE_BYTES = 1 << 30,
	KEY_END_OF_LIST = 0x100,
};

static u64 entry_offset(const struct ring *ring)
{
	return ring->offset + ((u64)(ring->index & (ring->nr_entries - 1))
			       << ring->log_stride);
}

static void parse_control(struct send_wqe *wqe)
{
	const u8 *raw = wqe->raw;
	u32 flags = get32(raw + 0x08);

	wqe->opcode = raw[3] & 0x1f;
	wqe->is_fenced = raw[7] & 0x40;
	wqe->wants_completion = field(flags, 3, 2) == 3;
	wqe->is_solicited = flags & 2;
	wqe->immediate = get32(raw + 0x0c);
	wqe->mlx_vl15 = flags & 1 << 17;
	wqe->mlx_permissive_slid = flags & 1 << 16;
	wqe->mlx_sl = (u8)field(flags, 11, 8);
	wqe->mlx_dlid = get16(raw + 0x0c);
}

static void parse_datagram(struct send_wqe *wqe, const u8 *p)
{
	struct datagram *d = &wqe->datagram;
	u32 path = get32(p + 4), flow = get32(p + 0x0c);

	d->port = p[0] & 3;
	d->has_grh = path & 1 << 23;
	d->path_bits = (u8)field(path, 22, 16);
	d->dlid = (u16)path;
	d->sgid_index = p[0x09] & 0x7f;
	d->hop_limit = p[0x0b];
	d->sl = (u8)(flow >> 28);
	d->traffic_class = (u8)field(flow, 27, 20);
	d->flow_label = flow & 0xfffff;
	memcpy(d->dgid, p + 0x10, 16);
	d->dqpn = get24(p + 0x21);
	d->qkey = get32(p + 0x24);
}

static void parse_remote(struct send_wqe *wqe, const u8 *p)
{
	wqe->remote_va = get64(p);
	wqe->remote_key = get32(p + 8);
}

static void parse_atomic(struct send_wqe *wqe, const u8 *p)
{
	wqe->swap_add = get64(p);
	wqe->compare = get64(p + 8);
	wqe->swap_add_mask = ~0ull;
	wqe->compare_mask = ~0ull;
	if (wqe->opcode == SEND_MASKED_CS || wqe->opcode == SEND_MASKED_FA) {
		wqe->swap_add_mask = get64(p + 16);
		wqe->compare_mask = get64(p + 24);
	}
}

static int parse_fast_register(struct memory_wr *wr, const u8 *p)
{
	/* local read and write, remote read and write, atomic: from bit 27,
	 * in the order of an MPT's rights */
	wr->access = field(get32(p), 31, 27) << 10;
	wr->key = get32(p + 0x04);
	wr->pages = get64(p + 0x08);
	wr->va = get64(p + 0x10);
	wr->bytes = get64(p + 0x18);
	wr->first_byte = get32(p + 0x20);
	wr->page_shift = p[0x27] & 0x3f;
	return 48;
}

static int parse_bind(struct memory_wr *wr, const u8 *p)
{
	wr->access = field(get32(p), 31, 29) << 12;
	wr->bind_flags = get32(p + 0x04);
	wr->key = get32(p + 0x08);
	wr->region_key = get32(p + 0x0c);
	wr->va = get64(p + 0x10);
	wr->bytes = get64(p + 0x18);
	return 32;
}

static int parse_memory(struct send_wqe *wqe, const u8 *p)
{
	struct memory_wr *wr = &wqe->memory;

	memset(wr, 0, sizeof(*wr));
	if (wqe->opcode == SEND_FAST_REGISTER)
		return parse_fast_register(wr, p);
	if (wqe->opcode == SEND_BIND_MW)
		return parse_bind(wr, p);
	wr->key = get32(p + 8);
	return 32;
}

/* Bytes between the control and the data segments; -1: bad opcode. */
static int parse_transport(const struct qp *qp, struct send_wqe *wqe)
{
	const u8 *p = wqe->raw + CONTROL_BYTES;
	bool is_send = wqe->opcode == SEND_SEND || wqe->opcode == SEND_SEND_IMM;

	if (wqe->opcode == SEND_NOP)
		return 0;
	if (qp->type == QP_MLX)
		return is_send ? 0 : -1;
	if (qp->type == QP_UD) {
		parse_datagram(wqe, p);
		return is_send ? DATAGRAM_BYTES : -1;
	}
	if (is_memory_request(wqe->opcode))
		return parse_memory(wqe, p);
	switch (wqe->opcode) {
	case SEND_SEND:
	case SEND_SEND_IMM:
	case SEND_INV:
		return 0;
	case SEND_RDMA_WRITE:
	case SEND_RDMA_WRITE_IMM:
	case SEND_RDMA_READ:
		parse_remote(wqe, p);
		return 16;
	case SEND_ATOMIC_CS:
	case SEND_ATOMIC_FA:
		parse_remote(wqe, p);
		parse_atomic(wqe, p + 16);
		return 32;
	case SEND_MASKED_CS:
	case SEND_MASKED_FA:
		parse_remote(wqe, p);
		parse_atomic(wqe, p + 16);
		return 48;
	}
	return -1;
}

static void parse_data(const u8 *p, struct segment *segment)
{
	u32 bytes = get32(p);

	segment->is_inline = false;
	segment->bytes = bytes ? bytes : DATA_ZERO_MEANS;
	segment->key = get32(p + 4);
	segment->va = get64(p + 8);
}

static bool parse_segments(struct send_wqe *wqe, u32 at, u32 end)
{
	wqe->nr_segments = 0;
	wqe->bytes = 0;
	while (at < end) {
		struct segment *segment = &wqe->segments[wqe->nr_segments];
		u32 head = get32(wqe->raw + at);

		if (wqe->nr_segments == MAX_SEGMENTS)
			return false;
		if (head & IS_INLINE) {
			segment->is_inline = true;
			segment->inline_offset = (u16)(at + 4);
			segment->bytes = head & INLINE_BYTES;
			if (segment->bytes > end - at - 4)
				return false;
			at += (4 + segment->bytes + UNIT - 1) & ~(UNIT - 1u);
		} else {
			parse_data(wqe->raw + at, segment);
			at += UNIT;
		}
		wqe->bytes += segment->bytes;
		wqe->nr_segments += segment->bytes != 0;
	}
	return true;
}

enum wqe_fetch wqe_fetch_send(struct qp *qp, struct send_wqe *wqe,
			      enum wc_syndrome *syndrome)
{
	struct ring *ring = &qp->send_ring;
	u64 offset = entry_offset(ring);
	u8 *head = queue_buffer_at(qp->card, &qp->buffer, offset, CONTROL_BYTES,
				   false);
	u8 owner = ring->index & ring->nr_entries ? OWNER : 0;
	u32 bytes;
	int skip;

	*syndrome = WC_LOCAL_QP_OP;
	if (!head)
		return WQE_BAD;
	if ((__atomic_load_n(head, __ATOMIC_ACQUIRE) & OWNER) != owner)
		return WQE_NONE;
	bytes = (head[7] & 0x3fu) * UNIT;
	if (bytes < CONTROL_BYTES || bytes > 1u << ring->log_stride ||
	    bytes > MAX_SEND_WQE_BYTES)
		return WQE_BAD;
	memset(wqe->raw, 0, CONTROL_BYTES + DATAGRAM_BYTES);
	if (queue_buffer_read(qp->card, &qp->buffer, offset, wqe->raw, bytes))
		return WQE_BAD;
	parse_control(wqe);
	skip = parse_transport(qp, wqe);
	if (skip < 0 || CONTROL_BYTES + (u32)skip > bytes)
		return WQE_BAD;
	if (!parse_segments(wqe, CONTROL_BYTES + (u32)skip, bytes))
		return WQE_BAD;
	if (wqe->bytes > MAX_MESSAGE_BYTES) {
		*syndrome = WC_LOCAL_LENGTH;
		return WQE_BAD;
	}
	return WQE_READY;
}

unsigned int wqe_nr_recv(struct qp *qp)
{
	struct ring *ring = &qp->recv_ring;
	u8 record[4];
	u16 posted;

	if (!ring->nr_entries || card_read(qp->card, qp->recv_doorbell_record,
					   record, sizeof(record)))
		return 0;
	posted = (u16)(get16(record + 2) - ring->index);
	return posted < ring->nr_entries ? posted : ring->nr_entries;
}

void wqe_parse_recv(struct recv_wqe *wqe, const u8 *raw, u32 bytes)
{
	wqe->nr_segments = 0;
	wqe->bytes = 0;
	for (u32 at = 0; at < bytes; at += UNIT) {
		struct segment *segment = &wqe->segments[wqe->nr_segments];

		if (wqe->nr_segments == MAX_SEGMENTS)
			break;
		if (get32(raw + at + 4) == KEY_END_OF_LIST)
			break;
		parse_data(raw + at, segment);
		wqe->bytes += segment->bytes;
		wqe->nr_segments++;
	}
}

enum wqe_fetch wqe_fetch_recv(struct qp *qp, struct recv_wqe *wqe)
{
	struct ring *ring = &qp->recv_ring;
	u8 raw[1 << 11];
	u32 bytes = 1u << ring->log_stride;

	if (qp->has_srq) {
		struct srq *srq = srq_find(qp->card, qp->srqn);

		return srq ? srq_fetch(qp->card, srq, wqe) : WQE_BAD;
	}
	if (!wqe_nr_recv(qp))
		return WQE_NONE;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (queue_buffer_read(qp->card, &qp->buffer, entry_offset(ring), raw,
			      bytes))
		return WQE_BAD;
	wqe->index = ring->index;
	wqe->pd = qp->pd;
	wqe_parse_recv(wqe, raw, bytes);
	return WQE_READY;
}

void wqe_take_recv(struct qp *qp)
{
	struct srq *srq = qp->has_srq ? srq_find(qp->card, qp->srqn) : NULL;

	if (srq)
		srq_take(qp->card, srq);
	else
		qp->recv_ring.index++;
}
