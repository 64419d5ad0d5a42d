/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rc.h"
#include "be.h"
#include "capture.h"
#include "card.h"
#include "fabric.h"
#include "log.h"
#include "memory_wr.h"
#include "rc_copy.h"
#include "traffic.h"
#include "transfer.h"

#include <string.h>

enum {
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

/* Packets, and so sequence numbers, of a message. */
static u32 nr_packets(const struct qp *qp, u64 bytes)
{
	return bytes ? (u32)((bytes + qp->mtu_bytes - 1) / qp->mtu_bytes) : 1;
}

static u16 qp_pkey(const struct qp *qp)
{
	return qp_port(qp)->ib.pkeys[qp->pkey_index];
}

static struct card_port *find_end(const struct qp *qp)
{
	struct route_key key = {qp->remote_lid, qp_pkey(qp), qp->sl};

	return switch_find_end(&qp->card->fabric->sw, qp_port(qp), &key);
}

/* The other end, if a packet of @qp would reach it and be taken. */
static struct qp *find_peer(struct qp *qp)
{
	struct card_port *end = find_end(qp);
	struct qp *peer;

	if (!end || end->card->is_paused)
		return NULL;
	peer = qp_find(end->card, qp->remote_qpn);
	if (!peer || qp_port(peer) != end || peer->type != qp->type ||
	    !qp_can_receive(peer) || peer->remote_qpn != qp->qpn ||
	    peer->remote_lid != port_lid(&qp_port(qp)->ib))
		return NULL;
	if (!pkey_matches(qp_pkey(qp), qp_pkey(peer))) {
		end->card->stats.pkey_violations++;
		port_count_bad_pkey(&end->ib);
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

	qp->card->stats.uc_losses++;
	qp->send_psn = (qp->send_psn + packets) & PSN_MASK;
	return finish(qp, WC_OK);
}

static u64 ack_timeout_ns(const struct qp *qp)
{
	return 4096ull << qp->ack_timeout;
}

static void count_timeout(struct qp *qp)
{
	qp->card->stats.timeouts++;
	qp->card->stats.timeout_us += ack_timeout_ns(qp) / 1000;
}

/* Nothing came back.  With a timeout of 0 a card waits for ever. */
static enum step lost(struct qp *qp)
{
	if (qp->type == QP_UC)
		return forget(qp);
	qp->tx.travel = TRAVEL_NONE;
	qp->tx.timer_reason = TIMER_ACK;
	if (qp->ack_timeout)
		timer_arm(&qp->timer, ack_timeout_ns(qp));
	return STEP_WAIT;
}

static bool loses(const struct qp *from, const struct qp *to)
{
	return switch_loses(&from->card->fabric->sw, qp_port(from),
			    qp_port(to));
}

/* Is the answer of @peer, that ends the message, lost? */
static bool loses_answer(const struct qp *qp, const struct qp *peer)
{
	return qp->type == QP_RC && loses(peer, qp);
}

static void arm_flight(struct qp *qp, u64 now)
{
	u64 end = qp->tx.flight_end_ns;

	if (qp->ack_timeout && qp->type == QP_RC)
		end = min_u64(end, qp->tx.ack_deadline_ns);
	qp->tx.timer_reason = TIMER_FLIGHT;
	timer_arm(&qp->timer, end > now ? end - now : 0);
}

/* Something is on its way for @delay_ns; the requester's patience runs. */
static enum step fly(struct qp *qp, u64 delay_ns)
{
	u64 now = loop_now_ns();

	qp->tx.flight_end_ns = now + delay_ns;
	arm_flight(qp, now);
	return STEP_WAIT;
}

/* False: there was none left, and the message has failed. */
static bool take_retry(struct qp *qp)
{
	if (!qp->tx.retries_left) {
		finish(qp, WC_RETRY_EXCEEDED);
		return false;
	}
	qp->tx.retries_left--;
	return true;
}

/*
 * A packet from @from to @to is lost, and @nr_later of the message follow it:
 * is the gap noticed?
 */
static bool is_noticed(struct qp *qp, struct qp *from, struct qp *to,
		       u32 nr_later)
{
	while (nr_later) {
		nr_later--;
		if (!loses(from, to)) /* a responder says it once */
			return to == qp || !loses(to, qp);
	}
	return false;
}

/* The requester learns that what arrived so far did. */
static void acknowledge(struct qp *qp)
{
	if (qp->tx.done_bytes == qp->tx.acked_bytes)
		return;
	qp->tx.acked_bytes = qp->tx.done_bytes;
	qp->tx.retries_left = qp->retry_count;
}

/* A packet from @from to @to did not arrive; @nr_later of the message follow.
 */
static enum step gap(struct qp *qp, struct qp *from, struct qp *to,
		     u32 nr_later)
{
	u64 delay_ns;

	if (qp->type == QP_UC)
		return forget(qp);
	if (to == qp)
		acknowledge(qp);
	if (!is_noticed(qp, from, to, nr_later))
		return lost(qp);
	acknowledge(qp);
	qp->tx.travel = TRAVEL_NONE;
	qp->card->stats.sequence_errors++;
	if (!take_retry(qp))
		return STEP_DONE;
	delay_ns = switch_delay_ns(&qp->card->fabric->sw, qp_port(from),
				   qp_port(to));
	return delay_ns ? fly(qp, delay_ns) : STEP_MORE;
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
	qp->tx.travel = TRAVEL_NONE;
	if (loses(peer, qp))
		return lost(qp);
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

/* It is still on its way: only the requester's patience may have ended. */
static bool flight_goes_on(struct qp *qp)
{
	u64 now = loop_now_ns();

	if (now >= qp->tx.flight_end_ns)
		return false;
	count_timeout(qp);
	if (take_retry(qp)) {
		qp->tx.ack_deadline_ns = now + ack_timeout_ns(qp);
		arm_flight(qp, now);
	}
	return true;
}

void rc_timer(struct qp *qp)
{
	if (!qp->tx.is_busy || !qp_can_send(qp))
		return;
	switch (qp->tx.timer_reason) {
	case TIMER_ACK:
		count_timeout(qp);
		take_retry(qp);
		break;
	case TIMER_FLIGHT:
		if (flight_goes_on(qp))
			return;
		break;
	case TIMER_RNR:
		break;
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

/* The answer is a NAK; if it is lost, the requester hears no more. */
static enum step say_no(struct qp *qp, struct qp *peer,
			enum wc_syndrome syndrome)
{
	if (qp->type == QP_UC)
		return forget(qp);
	if (loses_answer(qp, peer))
		return lost(qp);
	capture_refusal(qp, peer, aeth_syndrome(syndrome));
	return finish(qp, syndrome);
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
	log_warn(peer->card->name,
		 "QP 0x%x refuses opcode 0x%02x: syndrome 0x%02x at the sender",
		 peer->qpn, qp->tx.wqe.opcode, syndrome);
	event_post_number(peer->card, event, peer->qpn);
	qp_fail(peer);
	return say_no(qp, peer, syndrome);
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
	qp_complete_recv(peer, &completion);
	qp_fail(peer);
	return say_no(qp, peer, syndrome);
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
	qp->tx.local = (struct cursor){0};
	return true;
}

/* The receiver's completion.  False: its queue cannot take it. */
static bool complete_receive(struct qp *qp, struct qp *peer)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	struct completion completion = {
		.bytes = (u32)wqe->bytes,
		.wqe_index = peer->rx.wqe.index,
		.source = qp->qpn,
		.slid = port_lid(&qp_port(qp)->ib),
		.is_solicited = wqe->is_solicited,
		.opcode = CQE_RECV_SEND,
	};

	if (wqe->opcode == SEND_INV) {
		completion.immediate = wqe->immediate;
		completion.opcode = CQE_RECV_SEND_INV;
	} else if (has_immediate(wqe->opcode)) {
		completion.immediate = wqe->immediate;
		completion.opcode = is_send(wqe->opcode) ? CQE_RECV_SEND_IMM
							 : CQE_RECV_WRITE_IMM;
	}
	peer->rx.has_wqe = false;
	return !qp_complete_recv(peer, &completion);
}

/* The answer leaves the responder, and is not lost. */
static enum step answer(struct qp *qp, struct qp *peer)
{
	u64 delay_ns = switch_delay_ns(&qp->card->fabric->sw, qp_port(peer),
				       qp_port(qp));

	if (qp->type == QP_UC || !delay_ns)
		return finish(qp, WC_OK);
	qp->tx.travel = TRAVEL_ANSWER;
	return fly(qp, delay_ns);
}

/*
 * The last packet is there: both ends' numbers, the receiver's completion.  A
 * READ's answer was its data.
 */
static enum step end(struct qp *qp, struct qp *peer)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	u32 packets = nr_packets(qp, wqe->bytes);

	capture_message(qp, peer);
	traffic_count(qp, peer, packets);
	peer->rx.message_id = 0;
	qp->send_psn = (qp->send_psn + packets) & PSN_MASK;
	peer->recv_psn = (peer->recv_psn + packets) & PSN_MASK;
	peer->messages_received = (peer->messages_received + 1) & PSN_MASK;
	if (wqe->opcode == SEND_INV &&
	    !memory_invalidate_remotely(peer, wqe->immediate))
		return refuse_receive(qp, peer, WC_LOCAL_PROTECTION,
				      WC_REMOTE_ACCESS);
	if (takes_receive(wqe->opcode) && !complete_receive(qp, peer))
		return say_no(qp, peer, WC_REMOTE_OP);
	qp->tx.is_carried_out = true;
	if (wqe->opcode != SEND_RDMA_READ && loses_answer(qp, peer))
		return lost(qp);
	return answer(qp, peer);
}

/* Once more what the responder has done: only its answer was missing. */
static enum step repeat(struct qp *qp, struct qp *peer)
{
	if (loses(qp, peer))
		return lost(qp);
	qp->card->stats.duplicates++;
	if (loses(peer, qp))
		return lost(qp);
	return answer(qp, peer);
}

/* How many of @nr packets arrive before one does not. */
static u32 nr_arriving(struct qp *from, struct qp *to, u32 nr)
{
	u32 n = 0;

	while (n < nr && !loses(from, to))
		n++;
	return n;
}

/* Whole packets, but for the message's last. */
static u64 portion_bytes(const struct qp *qp, u64 budget)
{
	u64 rest = qp->tx.wqe.bytes - qp->tx.done_bytes;

	if (budget < qp->mtu_bytes)
		budget = qp->mtu_bytes;
	return min_u64(budget - budget % qp->mtu_bytes, rest);
}

static enum step copy_failed(struct qp *qp, struct qp *peer,
			     enum transfer_result result)
{
	if (result == TRANSFER_BAD_SOURCE)
		return finish(qp, WC_LOCAL_PROTECTION);
	if (is_send(qp->tx.wqe.opcode))
		return refuse_receive(qp, peer, WC_LOCAL_PROTECTION,
				      WC_REMOTE_OP);
	return refuse(qp, peer, EVENT_WQ_ACCESS, WC_REMOTE_ACCESS);
}

/* The next packets of the message; the data of those that arrive. */
static enum step move(struct qp *qp, struct qp *peer, u64 budget, u64 *used)
{
	bool is_answered = is_scatter(qp->tx.wqe.opcode);
	struct qp *from = is_answered ? peer : qp;
	struct qp *to = is_answered ? qp : peer;
	bool is_begun =
		qp->tx.message_id && peer->rx.message_id == qp->tx.message_id;
	u32 nr, nr_arrived, nr_left;
	enum transfer_result result;
	enum step outcome;
	u64 bytes;

	if (!is_begun)
		qp->tx.done_bytes = qp->tx.acked_bytes = 0;
	bytes = portion_bytes(qp, budget);
	nr = nr_packets(qp, bytes);
	nr_left = nr_packets(qp, qp->tx.wqe.bytes - qp->tx.done_bytes);
	nr_arrived = is_answered ? nr : nr_arriving(from, to, nr);
	if (!nr_arrived)
		return gap(qp, from, to, nr_left - 1);
	if (!is_begun && !begin(qp, peer, &outcome))
		return outcome;
	if (qp->tx.wqe.opcode == SEND_RDMA_READ)
		nr_arrived = nr_arriving(from, to, nr);
	bytes = min_u64(bytes, (u64)nr_arrived * qp->mtu_bytes);
	result = bytes ? rc_copy(qp, peer, bytes) : TRANSFER_OK;
	*used = bytes;
	if (result != TRANSFER_OK)
		return copy_failed(qp, peer, result);
	qp->tx.done_bytes += bytes;
	if (nr_arrived < nr)
		return gap(qp, from, to, nr_left - nr_arrived - 1);
	if (qp->tx.done_bytes < qp->tx.wqe.bytes)
		return STEP_MORE;
	return end(qp, peer);
}

static enum step step(struct qp *qp, u64 budget, u64 *used)
{
	struct qp *peer;
	u64 delay_ns;

	*used = 0;
	if (qp->tx.travel == TRAVEL_ANSWER)
		return find_end(qp) ? finish(qp, WC_OK) : lost(qp);
	peer = find_peer(qp);
	if (!peer)
		return lost(qp);
	if (qp->tx.travel == TRAVEL_NONE) {
		qp->tx.travel = TRAVEL_REQUEST;
		qp->tx.ack_deadline_ns = loop_now_ns() + ack_timeout_ns(qp);
		delay_ns = switch_delay_ns(&qp->card->fabric->sw, qp_port(qp),
					   qp_port(peer));
		/* the one packet of a READ or atomic; others count later */
		if (is_scatter(qp->tx.wqe.opcode) && !qp->tx.is_carried_out &&
		    loses(qp, peer))
			return lost(qp);
		if (delay_ns)
			return fly(qp, delay_ns);
	}
	if (qp->tx.is_carried_out)
		return repeat(qp, peer);
	return move(qp, peer, budget, used);
}

/* What the requester checks before the first packet. */
static enum wc_syndrome check_local(struct qp *qp)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	bool scatters = is_scatter(wqe->opcode);

	if (scatters && qp->type == QP_UC)
		return WC_LOCAL_QP_OP; /* it has no answers */
	if (is_atomic(wqe->opcode) && wqe->bytes != 8)
		return WC_LOCAL_LENGTH;
	for (unsigned int i = 0; scatters && i < wqe->nr_segments; i++)
		if (wqe->segments[i].is_inline)
			return WC_LOCAL_QP_OP;
	if (!transfer_check(qp->card, qp->pd, wqe->segments, wqe->nr_segments,
			    wqe->bytes, scatters ? ACCESS_LOCAL_WRITE : 0))
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
	qp->tx.travel = TRAVEL_NONE;
	qp->tx.is_carried_out = false;
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
		budget -= min_u64(budget, used);
	}
	work_queue(&qp->work);
}
