/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rc.h"
#include "be.h"
#include "capture.h"
#include "card.h"
#include "fabric.h"
#include "log.h"
#include "memory_wr.h"
#include "traffic.h"
#include "transfer.h"

#include <string.h>

enum {
	MESSAGES_PER_TURN = 32,
	BYTES_PER_TURN = 256 << 10,
	RNR_DELAY_MIN_NS = 500000,
};

/* What a step of the message at the head came to. */
enum step {
	STEP_DONE, /* completed, well or in error */
	STEP_MORE, /* its next portion has a later turn */
	STEP_WAIT, /* a timer runs, or nothing will ever happen */
};

static u64 last_message_id;

static bool is_send(u8 opcode)
{
	return opcode == SEND_SEND || opcode == SEND_SEND_IMM ||
	       opcode == SEND_INV;
}

static bool is_write(u8 opcode)
{
	return opcode == SEND_RDMA_WRITE || opcode == SEND_RDMA_WRITE_IMM;
}

static bool takes_receive(u8 opcode)
{
	return is_send(opcode) || opcode == SEND_RDMA_WRITE_IMM;
}

static bool has_immediate(u8 opcode)
{
	return opcode == SEND_SEND_IMM || opcode == SEND_RDMA_WRITE_IMM;
}

/* Packets, and so sequence numbers, of a message. */
static u32 nr_packets(const struct qp *qp, u64 bytes)
{
	return bytes ? (u32)((bytes + qp->mtu_bytes - 1) / qp->mtu_bytes) : 1;
}

static u16 qp_pkey(const struct qp *qp)
{
	return qp->card->port.pkeys[qp->pkey_index];
}

/* The other end, if a packet of @qp would reach it and be taken. */
static struct qp *find_peer(struct qp *qp)
{
	struct route_key key = {qp->remote_lid, qp_pkey(qp), qp->sl};
	struct card *card =
		switch_find_card(&qp->card->fabric->sw, qp->card, &key);
	struct qp *peer;

	if (!card)
		return NULL;
	peer = qp_find(card, qp->remote_qpn);
	if (!peer || peer->type != qp->type || !qp_can_receive(peer) ||
	    peer->remote_qpn != qp->qpn ||
	    peer->remote_lid != port_lid(&qp->card->port))
		return NULL;
	if (!pkey_matches(qp_pkey(qp), qp_pkey(peer))) {
		card->stats.pkey_violations++;
		port_count_bad_pkey(&card->port);
		return NULL;
	}
	if (qp->type == QP_UC) {
		peer->recv_psn = qp->send_psn; /* what was missed is missed */
		return peer;
	}
	if (peer->recv_psn != qp->send_psn) {
		log_debug(qp->card->name,
			  "QP 0x%x: PSN 0x%x, but QP 0x%x expects 0x%x",
			  qp->qpn, qp->send_psn, peer->qpn, peer->recv_psn);
		return NULL;
	}
	return peer;
}

static enum step finish(struct qp *qp, enum wc_syndrome syndrome)
{
	struct requester *tx = &qp->tx;
	struct card_stats *stats = &qp->card->stats;
	u8 opcode = tx->wqe.opcode;
	u32 bytes = 0;

	if (syndrome == WC_OK) {
		tx->retries_left = qp->retry_count;
		tx->rnr_retries_left = qp->rnr_retry;
		stats->rc_messages++;
		stats->rc_bytes += tx->wqe.bytes;
		stats->rdma_reads += opcode == SEND_RDMA_READ;
		stats->rdma_writes += is_write(opcode);
		stats->sends += is_send(opcode);
		stats->atomics += is_atomic(opcode);
		if (opcode == SEND_RDMA_READ || is_atomic(opcode))
			bytes = (u32)tx->wqe.bytes;
	}
	qp_complete_send(qp, &tx->wqe, syndrome, bytes);
	return STEP_DONE;
}

/* An unreliable sender has done its part, whatever became of the message. */
static enum step forget(struct qp *qp)
{
	u32 packets = nr_packets(qp, qp->tx.wqe.bytes);

	qp->send_psn = (qp->send_psn + packets) & PSN_MASK;
	return finish(qp, WC_OK);
}

/* Nothing came back.  With a timeout of 0 a card waits for ever. */
static enum step lost(struct qp *qp)
{
	if (qp->type == QP_UC)
		return forget(qp);
	qp->tx.message_id = 0;
	qp->tx.timer_reason = TIMER_ACK;
	qp->tx.has_travelled = false;
	if (qp->ack_timeout)
		timer_arm(&qp->timer, 4096ull << qp->ack_timeout);
	return STEP_WAIT;
}

/*
 * Codes 0 to 31 of the RNR NAK timer, in units of 10 us.  The code is a
 * minimum; a receiver that stays away is asked less and less often.
 */
static u64 rnr_delay_ns(u8 code, unsigned int nr_naks)
{
	static const u16 units[] = {
		0,    1,    2,    3,     4,     6,     8,     12,
		16,   24,   32,   48,    64,    96,    128,   192,
		256,  384,  512,  768,   1024,  1536,  2048,  3072,
		4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152,
	};
	u64 ns = code ? units[code & 31] * 10000ull : 655360000ull;

	u64 floor_ns = (u64)RNR_DELAY_MIN_NS
		       << (nr_naks < 64 ? nr_naks / 16 : 4);

	return ns > floor_ns ? ns : floor_ns;
}

static enum step not_ready(struct qp *qp, const struct qp *peer)
{
	enum { RETRY_FOR_EVER = 7 };

	if (qp->type == QP_UC)
		return forget(qp);
	capture_refusal(qp, peer, AETH_RNR_NAK | peer->min_rnr_timer);
	qp->card->stats.rnr_naks++;
	if (qp->rnr_retry != RETRY_FOR_EVER) {
		if (!qp->tx.rnr_retries_left)
			return finish(qp, WC_RNR_EXCEEDED);
		qp->tx.rnr_retries_left--;
	}
	qp->tx.timer_reason = TIMER_RNR;
	timer_arm(&qp->timer,
		  rnr_delay_ns(peer->min_rnr_timer, qp->tx.nr_rnr_naks++));
	return STEP_WAIT;
}

void rc_timer(struct qp *qp)
{
	if (!qp->tx.is_busy || !qp_can_send(qp))
		return;
	if (qp->tx.timer_reason == TIMER_ACK) {
		qp->card->stats.timeouts++;
		if (!qp->tx.retries_left) {
			finish(qp, WC_RETRY_EXCEEDED);
			qp_kick(qp);
			return;
		}
		qp->tx.retries_left--;
	}
	qp_kick(qp);
}

/* What the responder's NAK says for what the requester will see. */
static u8 aeth_syndrome(enum wc_syndrome syndrome)
{
	switch (syndrome) {
	case WC_REMOTE_INVALID:
		return AETH_NAK_INVALID;
	case WC_REMOTE_ACCESS:
		return AETH_NAK_ACCESS;
	default:
		return AETH_NAK_OPERATION;
	}
}

/*
 * The responder refuses and fails: event there, syndrome here.  What is wrong
 * with an unreliable message is dropped without a word.
 */
static enum step refuse(struct qp *qp, struct qp *peer, enum event_type event,
			enum wc_syndrome syndrome)
{
	if (qp->type == QP_UC)
		return forget(qp);
	capture_refusal(qp, peer, aeth_syndrome(syndrome));
	log_warn(peer->card->name,
		 "QP 0x%x refuses opcode 0x%02x: syndrome 0x%02x at the sender",
		 peer->qpn, qp->tx.wqe.opcode, syndrome);
	event_post_number(peer->card, event, peer->qpn);
	qp_fail(peer);
	return finish(qp, syndrome);
}

/* Likewise, with a completion for the receive that cannot be used. */
static enum step refuse_receive(struct qp *qp, struct qp *peer,
				enum wc_syndrome at_peer,
				enum wc_syndrome syndrome)
{
	struct completion completion = {
		.wqe_index = peer->rx.wqe.index,
		.syndrome = at_peer,
	};

	peer->rx.has_wqe = false;
	if (qp->type == QP_RC)
		capture_refusal(qp, peer, aeth_syndrome(syndrome));
	qp_complete_recv(peer, &completion);
	qp_fail(peer);
	return qp->type == QP_UC ? forget(qp) : finish(qp, syndrome);
}

static bool check_remote(struct qp *qp, struct qp *peer, u32 access)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	struct mr mr;

	if (!(peer->remote_access & access))
		return false;
	if (!wqe->bytes)
		return true;
	return mr_find(peer->card, wqe->remote_key, peer->pd, wqe->remote_va,
		       wqe->bytes, access, &mr) &&
	       (!mr.bound_qpn || mr.bound_qpn == peer->qpn);
}

/* Returns false if the step is over: *@step is then what it came to. */
static bool take_receive(struct qp *qp, struct qp *peer, enum step *step)
{
	struct recv_wqe *recv = &peer->rx.wqe;
	u64 bytes = is_send(qp->tx.wqe.opcode) ? qp->tx.wqe.bytes : 0;

	if (!peer->rx.has_wqe) {
		switch (wqe_fetch_recv(peer, recv)) {
		case WQE_NONE:
			*step = not_ready(qp, peer);
			return false;
		case WQE_BAD:
			*step = refuse(qp, peer, EVENT_WQ_CATASTROPHIC,
				       WC_REMOTE_OP);
			return false;
		case WQE_READY:
			wqe_take_recv(peer);
			peer->rx.has_wqe = true;
		}
	}
	if (bytes > recv->bytes) {
		*step = refuse_receive(qp, peer, WC_LOCAL_LENGTH,
				       WC_REMOTE_INVALID);
		return false;
	}
	if (!transfer_check(peer->card, recv->pd, recv->segments,
			    recv->nr_segments, bytes, ACCESS_LOCAL_WRITE)) {
		*step = refuse_receive(qp, peer, WC_LOCAL_PROTECTION,
				       WC_REMOTE_OP);
		return false;
	}
	peer->rx.local = (struct cursor){0};
	return true;
}

/* The responder's checks at the first packet; as take_receive(). */
static bool begin(struct qp *qp, struct qp *peer, enum step *step)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	u32 access = 0;

	if (peer->state == QP_RTR && !peer->has_communicated) {
		peer->has_communicated = true;
		event_post_number(peer->card, EVENT_COMM_EST, peer->qpn);
	}
	if (is_write(wqe->opcode))
		access = ACCESS_REMOTE_WRITE;
	else if (wqe->opcode == SEND_RDMA_READ)
		access = ACCESS_REMOTE_READ;
	else if (is_atomic(wqe->opcode))
		access = ACCESS_REMOTE_ATOMIC;
	if (is_atomic(wqe->opcode) && wqe->remote_va % 8) {
		*step = refuse(qp, peer, EVENT_WQ_INVALID_REQUEST,
			       WC_REMOTE_INVALID);
		return false;
	}
	if (access && !check_remote(qp, peer, access)) {
		*step = refuse(qp, peer, EVENT_WQ_ACCESS, WC_REMOTE_ACCESS);
		return false;
	}
	if (takes_receive(wqe->opcode) && !take_receive(qp, peer, step))
		return false;
	qp->tx.message_id = ++last_message_id;
	peer->rx.message_id = qp->tx.message_id;
	qp->tx.done_bytes = 0;
	qp->tx.local = (struct cursor){0};
	return true;
}

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

/* Copy the next @bytes; BAD_SOURCE means this end, BAD_TARGET the peer. */
static enum transfer_result copy_portion(struct qp *qp, struct qp *peer,
					 u64 bytes)
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

/* The last packet: both ends' numbers, the receiver's completion. */
static enum step end(struct qp *qp, struct qp *peer)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	u32 packets = nr_packets(qp, wqe->bytes);
	struct completion completion = {
		.bytes = (u32)wqe->bytes,
		.wqe_index = peer->rx.wqe.index,
		.source = qp->qpn,
		.slid = port_lid(&qp->card->port),
		.is_solicited = wqe->is_solicited,
		.opcode = CQE_RECV_SEND,
	};

	capture_message(qp, peer);
	traffic_count(qp, peer, packets);
	peer->rx.message_id = 0;
	qp->send_psn = (qp->send_psn + packets) & PSN_MASK;
	peer->recv_psn = (peer->recv_psn + packets) & PSN_MASK;
	peer->messages_received = (peer->messages_received + 1) & PSN_MASK;
	if (wqe->opcode == SEND_INV) {
		if (!memory_invalidate_remotely(peer, wqe->immediate))
			return refuse_receive(qp, peer, WC_LOCAL_PROTECTION,
					      WC_REMOTE_ACCESS);
		completion.immediate = wqe->immediate;
		completion.opcode = CQE_RECV_SEND_INV;
	}
	if (takes_receive(wqe->opcode)) {
		if (has_immediate(wqe->opcode)) {
			completion.immediate = wqe->immediate;
			completion.opcode = is_send(wqe->opcode)
						    ? CQE_RECV_SEND_IMM
						    : CQE_RECV_WRITE_IMM;
		}
		peer->rx.has_wqe = false;
		if (qp_complete_recv(peer, &completion) && qp->type == QP_RC)
			return finish(qp, WC_REMOTE_OP);
	}
	return finish(qp, WC_OK);
}

static enum step step(struct qp *qp, u64 budget, u64 *used)
{
	struct ib_switch *sw = &qp->card->fabric->sw;
	struct qp *peer = find_peer(qp);
	enum transfer_result result;
	enum step outcome;
	u64 bytes;

	*used = 0;
	if (!peer)
		return lost(qp);
	if (!qp->tx.message_id && switch_loses(sw, qp->card, peer->card))
		return lost(qp);
	if (!qp->tx.has_travelled &&
	    switch_delay_ns(sw, qp->card, peer->card)) {
		qp->tx.timer_reason = TIMER_DELAY;
		qp->tx.has_travelled = true;
		timer_arm(&qp->timer,
			  switch_delay_ns(sw, qp->card, peer->card));
		return STEP_WAIT;
	}
	if (!qp->tx.message_id || peer->rx.message_id != qp->tx.message_id) {
		if (!begin(qp, peer, &outcome))
			return outcome;
	}
	bytes = min_u64(budget, qp->tx.wqe.bytes - qp->tx.done_bytes);
	result = bytes ? copy_portion(qp, peer, bytes) : TRANSFER_OK;
	*used = bytes;
	if (result == TRANSFER_BAD_SOURCE)
		return finish(qp, WC_LOCAL_PROTECTION);
	if (result == TRANSFER_BAD_TARGET && is_send(qp->tx.wqe.opcode))
		return refuse_receive(qp, peer, WC_LOCAL_PROTECTION,
				      WC_REMOTE_OP);
	if (result == TRANSFER_BAD_TARGET)
		return refuse(qp, peer, EVENT_WQ_ACCESS, WC_REMOTE_ACCESS);
	qp->tx.done_bytes += bytes;
	if (qp->tx.done_bytes < qp->tx.wqe.bytes)
		return STEP_MORE;
	return end(qp, peer);
}

/* What the requester checks before the first packet. */
static enum wc_syndrome check_local(struct qp *qp)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	bool is_scatter =
		wqe->opcode == SEND_RDMA_READ || is_atomic(wqe->opcode);

	if (is_scatter && qp->type == QP_UC)
		return WC_LOCAL_QP_OP; /* it has no answers */
	if (is_atomic(wqe->opcode) && wqe->bytes != 8)
		return WC_LOCAL_LENGTH;
	for (unsigned int i = 0; is_scatter && i < wqe->nr_segments; i++)
		if (wqe->segments[i].is_inline)
			return WC_LOCAL_QP_OP;
	if (!transfer_check(qp->card, qp->pd, wqe->segments, wqe->nr_segments,
			    wqe->bytes, is_scatter ? ACCESS_LOCAL_WRITE : 0))
		return WC_LOCAL_PROTECTION;
	return WC_OK;
}

/* Make the next request the current one.  False: there is none. */
static bool fetch(struct qp *qp)
{
	enum wc_syndrome syndrome;

	switch (wqe_fetch_send(qp, &qp->tx.wqe, &syndrome)) {
	case WQE_NONE:
		return false;
	case WQE_BAD:
		qp_complete_send(qp, NULL, syndrome, 0);
		return true;
	case WQE_READY:
		break;
	}
	qp->tx.is_busy = true;
	qp->tx.nr_rnr_naks = 0;
	qp->tx.has_travelled = false;
	qp->tx.message_id = 0;
	if (qp->tx.wqe.opcode == SEND_NOP) {
		qp_complete_send(qp, &qp->tx.wqe, WC_OK, 0);
		return true;
	}
	if (is_memory_request(qp->tx.wqe.opcode)) {
		syndrome = memory_request(qp, &qp->tx.wqe);
		qp_complete_send(qp, &qp->tx.wqe, syndrome, 0);
		return true;
	}
	syndrome = check_local(qp);
	if (syndrome != WC_OK)
		finish(qp, syndrome);
	return true;
}

void rc_run(struct qp *qp)
{
	u64 budget = BYTES_PER_TURN, used;

	if (qp->timer.is_armed)
		return;
	for (int i = 0; i < MESSAGES_PER_TURN && budget; i++) {
		if (qp->state != QP_RTS && !qp_can_send(qp))
			return;
		if (!qp->tx.is_busy && !fetch(qp))
			return;
		if (!qp->tx.is_busy)
			continue;
		if (step(qp, budget, &used) == STEP_WAIT)
			return;
		budget -= used;
	}
	work_queue(&qp->work);
}
