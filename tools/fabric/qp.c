/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qp.h"
#include "be.h"
#include "card.h"
#include "cmd.h"
#include "log.h"
#include "rc.h"
#include "ud.h"

#include <stdlib.h>
#include <string.h>

enum {
	FLUSH_DELAY_MIN_NS = 1000000,
	FLUSH_DELAY_MAX_NS = 64000000,
};

struct qp *qp_find(struct card *card, u32 qpn)
{
	struct qp *qp;

	if (!card->nr_qps)
		return NULL;
	qp = card->qps[qpn & (card->nr_qps - 1)];
	return qp && qp->qpn == qpn ? qp : NULL;
}

/* CONF_SPECIAL_QP's numbers: QP0 of each port, then QP1 of each port. */
static bool is_special(const struct qp *qp)
{
	u32 base = qp->card->special_base;

	return qp->type == QP_MLX && base &&
	       qp->qpn - base < 2 * CARD_MAX_PORTS;
}

static u32 special_port(const struct qp *qp)
{
	return (qp->qpn - qp->card->special_base) % CARD_MAX_PORTS + 1;
}

struct card_port *qp_port(const struct qp *qp)
{
	struct card_port *port = NULL;

	if (is_special(qp))
		port = card_port(qp->card, special_port(qp));
	/* it may have become special, and of a port that there is not */
	return port ? port : card_port(qp->card, qp->port);
}

struct qp *qp_special(const struct card_port *port, unsigned int index)
{
	struct card *card = port->card;
	struct qp *qp;

	if (!card->special_base)
		return NULL;
	qp = qp_find(card, card->special_base + CARD_MAX_PORTS * index +
				   port->number - 1);
	return qp && qp->type == QP_MLX && qp_can_receive(qp) ? qp : NULL;
}

u32 qp_wire_number(const struct qp *qp)
{
	if (is_special(qp))
		return (qp->qpn - qp->card->special_base) / CARD_MAX_PORTS;
	return qp->qpn;
}

bool qp_can_receive(const struct qp *qp)
{
	return qp->state == QP_RTR || qp->state == QP_RTS ||
	       qp->state == QP_SQD || qp->state == QP_SQER;
}

/* A draining queue finishes the message that it has begun. */
bool qp_can_send(const struct qp *qp)
{
	return qp->state == QP_RTS || (qp->state == QP_SQD && qp->tx.is_busy);
}

void qp_kick(struct qp *qp)
{
	if (!qp->timer.is_armed || qp->state == QP_ERR)
		work_queue(&qp->work);
}

void qp_doorbell(struct card *card, u32 qpn)
{
	struct qp *qp = qp_find(card, qpn);

	if (qp)
		qp_kick(qp);
	else
		card->stats.bad_doorbells++;
}

static void stop(struct qp *qp)
{
	timer_cancel(&qp->timer);
	work_cancel(&qp->work);
	qp->is_due = false;
	qp->tx.is_busy = false;
	qp->tx.message_id = 0;
	qp->rx.message_id = 0;
}

void qp_fail(struct qp *qp)
{
	if (qp->state == QP_ERR)
		return;
	stop(qp);
	qp->state = QP_ERR;
	qp->flush_delay_ns = FLUSH_DELAY_MIN_NS;
	work_queue(&qp->work); /* the flush, when the caller has finished */
}

void qp_complete_send(struct qp *qp, const struct send_wqe *wqe,
		      enum wc_syndrome syndrome, u32 bytes)
{
	struct completion completion = {
		.qpn = qp->qpn,
		.bytes = bytes,
		.wqe_index = qp->send_ring.index,
		.opcode = wqe ? wqe->opcode : 0,
		.is_send = true,
		.syndrome = syndrome,
	};

	qp->send_ring.index++;
	qp->tx.is_busy = false;
	qp->tx.message_id = 0;
	if (syndrome != WC_OK && syndrome != WC_FLUSHED) {
		qp->card->stats.error_completions++;
		log_warn(qp->card->name,
			 "QP 0x%x: send %u ended with syndrome 0x%02x", qp->qpn,
			 completion.wqe_index, syndrome);
	}
	if (syndrome != WC_OK || (wqe && wqe->wants_completion)) {
		if (cq_post(qp->card, qp->send_cqn, &completion)) {
			event_post_number(qp->card, EVENT_WQ_CATASTROPHIC,
					  qp->qpn);
			qp_fail(qp);
			return;
		}
	}
	if (syndrome == WC_OK || syndrome == WC_FLUSHED)
		return;
	if (qp->type == QP_RC) {
		qp_fail(qp);
	} else {
		qp->state = QP_SQER;
		work_queue(&qp->work);
	}
}

int qp_complete_recv(struct qp *qp, struct completion *completion)
{
	int err;

	completion->qpn = qp->qpn;
	err = cq_post(qp->card, qp->recv_cqn, completion);
	if (completion->syndrome != WC_OK &&
	    completion->syndrome != WC_FLUSHED) {
		qp->card->stats.error_completions++;
		log_warn(qp->card->name,
			 "QP 0x%x: receive %u ended with syndrome 0x%02x",
			 qp->qpn, completion->wqe_index, completion->syndrome);
	}
	if (err)
		qp_fail(qp);
	return err;
}

/* Return: there was one, and there may be more. */
static bool flush_send(struct qp *qp)
{
	struct completion completion = {
		.qpn = qp->qpn,
		.wqe_index = qp->send_ring.index,
		.is_send = true,
		.syndrome = WC_FLUSHED,
	};
	enum wc_syndrome syndrome;

	/* a malformed request is one, too; an unmapped ring has no more */
	if (!queue_buffer_at(qp->card, &qp->buffer, qp->send_ring.offset, 16,
			     false) ||
	    wqe_fetch_send(qp, &qp->tx.wqe, &syndrome) == WQE_NONE)
		return false;
	if (cq_post(qp->card, qp->send_cqn, &completion))
		return false;
	qp->send_ring.index++;
	qp->card->stats.flushed++;
	return true;
}

/* A host that goes on to post, and to empty its CQ, would keep us here. */
static void flush_sends(struct qp *qp)
{
	for (int i = 0; i < MESSAGES_PER_TURN; i++)
		if (!flush_send(qp))
			return;
	work_queue(&qp->work);
}

static bool flush_recv(struct qp *qp, u16 index)
{
	struct completion completion = {
		.qpn = qp->qpn,
		.bytes = 40, /* some driver subtracts a GRH unseen */
		.wqe_index = index,
		.syndrome = WC_FLUSHED,
	};

	if (cq_post(qp->card, qp->recv_cqn, &completion))
		return false;
	qp->card->stats.flushed++;
	return true;
}

/*
 * A receive queue has no doorbell: what is posted after the error shows only
 * in the doorbell record, so look there until the QP is reset, less and less
 * often.
 */
static void flush_recvs(struct qp *qp)
{
	unsigned int left = wqe_nr_recv(qp);

	if (qp->rx.has_wqe) {
		qp->rx.has_wqe = false;
		flush_recv(qp, qp->rx.wqe.index);
		qp->flush_delay_ns = FLUSH_DELAY_MIN_NS;
	}
	for (; left; left--) {
		if (!flush_recv(qp, qp->recv_ring.index))
			return;
		wqe_take_recv(qp);
		qp->flush_delay_ns = FLUSH_DELAY_MIN_NS;
	}
	if (qp->has_srq) {
		if (!qp->has_told_last)
			event_post_number(qp->card, EVENT_SRQ_LAST_WQE,
					  qp->qpn);
		qp->has_told_last = true;
		return;
	}
	timer_arm(&qp->timer, qp->flush_delay_ns);
	if (qp->flush_delay_ns < FLUSH_DELAY_MAX_NS)
		qp->flush_delay_ns *= 2;
}

static void tell_drained(struct qp *qp)
{
	if (!qp->wants_drained_event || qp->tx.is_busy)
		return;
	qp->wants_drained_event = false;
	event_post_number(qp->card, EVENT_SQ_DRAINED, qp->qpn);
}

static void run(struct work *work)
{
	struct qp *qp = owner_of(work, struct qp, work);

	if (qp->card->is_paused)
		return; /* qp_resume_all() */
	switch (qp->state) {
	case QP_ERR:
		flush_sends(qp);
		flush_recvs(qp);
		break;
	case QP_SQER:
		flush_sends(qp);
		break;
	case QP_RTS:
	case QP_SQD:
		if (qp_type_is_connected(qp->type))
			rc_run(qp);
		else
			ud_run(qp);
		if (qp->state == QP_SQD)
			tell_drained(qp);
		break;
	default:
		break;
	}
}

static void timer_fired(struct timer *timer)
{
	struct qp *qp = owner_of(timer, struct qp, timer);

	qp->is_due = qp->card->is_paused;
	if (qp->is_due)
		return; /* qp_resume_all() */
	if (qp->state != QP_ERR && qp_type_is_connected(qp->type))
		rc_timer(qp);
	else
		work_queue(&qp->work);
}

void qp_resume_all(struct card *card)
{
	for (u32 i = 0; i < card->nr_qps; i++) {
		struct qp *qp = card->qps[i];

		if (!qp)
			continue;
		if (qp->is_due)
			timer_fired(&qp->timer);
		else
			qp_kick(qp);
	}
}

static void count_on_queues(struct qp *qp, int change)
{
	struct srq *srq = qp->has_srq ? srq_find(qp->card, qp->srqn) : NULL;
	struct cq *send = cq_find(qp->card, qp->send_cqn);
	struct cq *recv = cq_find(qp->card, qp->recv_cqn);

	if (send)
		send->nr_qps += (u32)change;
	if (recv)
		recv->nr_qps += (u32)change;
	if (srq)
		srq->nr_qps += (u32)change;
}

void qp_destroy(struct qp *qp)
{
	struct card *card = qp->card;

	stop(qp);
	count_on_queues(qp, -1);
	card->qps[qp->qpn & (card->nr_qps - 1)] = NULL;
	free(qp);
}

void qp_destroy_all(struct card *card)
{
	for (u32 i = 0; i < card->nr_qps; i++)
		if (card->qps[i])
			qp_destroy(card->qps[i]);
	free(card->qps);
	card->qps = NULL;
	card->nr_qps = 0;
}

static u8 check_new(struct card *card, const struct qp *qp)
{
	u64 index = qp->qpn & (card->nr_qps - 1);

	if (!card_has_qp_tables(card, index))
		return CMD_ICM_ERROR;
	if (is_special(qp) && special_port(qp) > card->nr_ports)
		return CMD_BAD_PARAM;
	if (!qp_type_is_connected(qp->type) && qp->type != QP_UD &&
	    qp->type != QP_MLX) {
		log_warn(card->name, "QP 0x%x: type %u is not supported",
			 qp->qpn, qp->type);
		return CMD_BAD_PARAM;
	}
	if (qp->has_srq && !srq_find(card, qp->srqn)) {
		log_warn(card->name, "QP 0x%x: no SRQ 0x%x", qp->qpn, qp->srqn);
		return CMD_BAD_RESOURCE_STATE;
	}
	if (!cq_find(card, qp->send_cqn) || !cq_find(card, qp->recv_cqn)) {
		log_warn(card->name, "QP 0x%x: no CQ 0x%x or 0x%x", qp->qpn,
			 qp->send_cqn, qp->recv_cqn);
		return CMD_BAD_RESOURCE_STATE;
	}
	return CMD_OK;
}

/* RST2INIT */
static u8 create(struct card *card, u32 qpn, u32 optional, const u8 *context)
{
	struct qp **slot = &card->qps[qpn & (card->nr_qps - 1)];
	struct qp *qp;
	u8 status;

	if (*slot)
		return CMD_BAD_QP_STATE;
	qp = calloc(1, sizeof(*qp));
	if (!qp)
		return CMD_INTERNAL;
	qp->card = card;
	qp->qpn = qpn;
	qp->state = QP_INIT;
	qp->work.run = run;
	qp->timer.fire = timer_fired;
	qpc_merge(qp, 0x019, optional, context);
	status = qpc_decode(qp) ? check_new(card, qp) : CMD_BAD_PARAM;
	if (status != CMD_OK) {
		free(qp);
		return status;
	}
	count_on_queues(qp, 1);
	*slot = qp;
	return CMD_OK;
}

static const struct {
	u16 opcode;
	u16 from; /* bit per state */
	enum qp_state to;
} transitions[] = {
	{0x01a, 1 << QP_INIT, QP_RTR}, {0x01b, 1 << QP_RTR, QP_RTS},
	{0x01c, 1 << QP_RTS, QP_RTS},  {0x01d, 1 << QP_SQER, QP_RTS},
	{0x01e, 0x7e, QP_ERR},         {0x01f, 1 << QP_RTS, QP_SQD},
	{0x020, 1 << QP_SQD, QP_RTS},  {0x02d, 1 << QP_INIT, QP_INIT},
	{0x038, 1 << QP_SQD, QP_SQD},
};

static void enter(struct qp *qp, u16 opcode, enum qp_state to)
{
	if (opcode == 0x01a)
		qp->recv_psn = get24(qp->context + 0x95);
	if (opcode == 0x01b) {
		qp->send_psn = get24(qp->context + 0x79);
		qp->tx.retries_left = qp->retry_count;
		qp->tx.rnr_retries_left = qp->rnr_retry;
	}
	if (to == QP_ERR) {
		qp_fail(qp);
		return;
	}
	qp->state = to;
	work_queue(&qp->work);
}

u8 qp_modify(struct card *card, u32 qpn, u16 opcode, const u8 *mailbox,
	     bool wants_event)
{
	u32 optional = get32(mailbox);
	u32 port = qpc_new_port(opcode, optional, mailbox + 8);
	struct qp *qp = qp_find(card, qpn);

	if (!qpc_is_supported(opcode, optional, mailbox + 8)) {
		log_warn(card->name,
			 "QP 0x%x: alternate paths are not supported", qpn);
		return CMD_BAD_PARAM;
	}
	if (port && !card_port(card, port)) {
		log_warn(card->name, "QP 0x%x: no port %u", qpn, port);
		return CMD_BAD_PARAM;
	}
	if (opcode == 0x019)
		return create(card, qpn, optional, mailbox + 8);
	if (!qp)
		return CMD_BAD_QP_STATE;
	for (size_t i = 0; i < ARRAY_LEN(transitions); i++) {
		if (transitions[i].opcode != opcode)
			continue;
		if (!(transitions[i].from & 1 << qp->state)) {
			log_warn(card->name,
				 "QP 0x%x: command 0x%03x in "
				 "state %u",
				 qpn, opcode, qp->state);
			return CMD_BAD_QP_STATE;
		}
		qpc_merge(qp, opcode, optional, mailbox + 8);
		qpc_decode(qp);
		qp->wants_drained_event = opcode == 0x01f && wants_event;
		enter(qp, opcode, transitions[i].to);
		return CMD_OK;
	}
	return CMD_BAD_OP;
}

void qp_query(const struct qp *qp, u8 *context)
{
	enum qp_state state = qp->state;

	if (state == QP_SQD && qp->tx.is_busy)
		state = QP_SQ_DRAINING;
	memcpy(context, qp->context, QPC_BYTES);
	put32(context, (get32(context) & 0x0fffffff) | (u32)state << 28);
	put24(context + 0x11, qp->qpn);
	put24(context + 0x79, qp->send_psn);
	put24(context + 0x89, (qp->send_psn - 1) & PSN_MASK);
	put24(context + 0x95, qp->recv_psn);
	put24(context + 0xb1, qp->messages_received);
	put16(context + 0xb4, qp->recv_ring.index);
	put16(context + 0xb6, qp->send_ring.index);
}
