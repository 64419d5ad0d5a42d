/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cq.h"
#include "be.h"
#include "card.h"
#include "cmd.h"
#include "eq.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CQC_BYTES = 64,
	MODERATION = 0x10, /* in the context: period, count */
	MODERATION_BYTES = 4,
	FLAG_COLLAPSED = 1 << 18,
	FLAG_IGNORE_OVERRUN = 1 << 17,
	COMMAND_SOLICITED = 1,
	COMMAND_NEXT = 2,
	INDEX_MASK = 0xffffff,
	INDEX_HALF = 0x800000,
	UNWRITTEN = 0xee, /* owner bit set */
	ERROR_OVERRUN = 1,
	ERROR_ACCESS = 2,
};

struct cq *cq_find(struct card *card, u32 cqn)
{
	struct cq *cq;

	if (!card->nr_cqs)
		return NULL;
	cq = card->cqs[cqn & (card->nr_cqs - 1)];
	return cq && cq->cqn == cqn ? cq : NULL;
}

static u8 *entry(struct card *card, struct cq *cq, u32 index)
{
	u64 slot = index & ((1u << cq->log_entries) - 1);

	return queue_buffer_at(card, &cq->buffer, slot * CQE_BYTES, CQE_BYTES,
			       true);
}

static u8 owner_bit(const struct cq *cq, u32 index)
{
	return index & (1u << cq->log_entries) ? 0x80 : 0;
}

static u8 decode_buffer(const u8 *context, struct cq *cq)
{
	cq->buffer.page_offset = field(get32(context + 0x08), 11, 5) * 32;
	cq->buffer.page_shift = (u8)(12 + (context[0x18] & 0x3f));
	cq->buffer.mtt = (u64)context[0x1b] << 32 | get32(context + 0x1c);
	cq->log_entries = context[0x0c] & 0x1f;
	if (cq->log_entries > 22 || cq->buffer.page_shift > 40)
		return CMD_BAD_PARAM;
	return CMD_OK;
}

static void fire(struct cq *cq)
{
	struct event event = {.type = EVENT_COMPLETION};

	timer_cancel(&cq->timer);
	cq->nr_held = 0;
	cq->arm = CQ_DISARMED;
	put32(event.data, cq->cqn);
	eq_post(cq->card, cq->eqn, &event);
}

static void period_ended(struct timer *timer)
{
	fire(owner_of(timer, struct cq, timer));
}

/* A completion qualified: now, or with others. */
static void hold_or_fire(struct cq *cq)
{
	cq->nr_held++;
	if (cq->max_count ? cq->nr_held >= cq->max_count : !cq->period_us)
		fire(cq);
	else if (cq->period_us && !cq->timer.is_armed)
		timer_arm(&cq->timer, cq->period_us * 1000ull);
}

static void decode_moderation(struct cq *cq)
{
	cq->period_us = get16(cq->context + MODERATION);
	cq->max_count = get16(cq->context + MODERATION + 2);
}

void cq_moderate(struct cq *cq, const u8 *context)
{
	memcpy(cq->context + MODERATION, context + MODERATION,
	       MODERATION_BYTES);
	decode_moderation(cq);
	if (cq->nr_held)
		fire(cq);
}

/*
 * Mark every entry unwritten for the indices from @first on; by pieces, not
 * entries: a guest may ask for millions.
 */
static u8 fill_ring(struct card *card, struct cq *cq, u32 first)
{
	u32 mask = (1u << cq->log_entries) - 1, slot = 0;

	while (slot <= mask) {
		u64 left = (u64)CQE_BYTES * (mask + 1 - slot), n;
		u8 *p = queue_buffer_run(card, &cq->buffer,
					 (u64)CQE_BYTES * slot, left, true, &n);

		if (!p || n < CQE_BYTES)
			return CMD_BAD_PARAM;
		for (; n >= CQE_BYTES; n -= CQE_BYTES, p += CQE_BYTES) {
			u32 index = first + ((slot++ - first) & mask);

			memset(p, UNWRITTEN, CQE_BYTES - 1);
			p[31] = owner_bit(cq, index) ^ 0x80;
		}
	}
	return CMD_OK;
}

u8 cq_create(struct card *card, u32 cqn, const u8 *context, bool fill)
{
	u32 flags = get32(context);
	struct cq *cq;
	u8 status;

	if (cqn >= card->nr_cqs)
		return CMD_BAD_INDEX;
	if (card->cqs[cqn])
		return CMD_BAD_RESOURCE_STATE;
	if (flags & FLAG_COLLAPSED)
		return CMD_BAD_PARAM;
	if (!card_icm(card, card->hca.cqc_base + (u64)cqn * CQC_BYTES,
		      CQC_BYTES, true) ||
	    !card_has_cmpt(card, CMPT_CQ, cqn))
		return CMD_ICM_ERROR;
	cq = calloc(1, sizeof(*cq));
	if (!cq)
		return CMD_INTERNAL;
	cq->card = card;
	cq->cqn = cqn;
	cq->timer.fire = period_ended;
	memcpy(cq->context, context, CQC_BYTES);
	decode_moderation(cq);
	status = decode_buffer(context, cq);
	cq->eqn = get32(context + 0x14) & 0x1ff;
	cq->ignores_overrun = flags & FLAG_IGNORE_OVERRUN;
	cq->doorbell_record = get64(context + 0x38) & ~7ull;
	if (status == CMD_OK && fill)
		status = fill_ring(card, cq, 0);
	if (status == CMD_OK)
		card->cqs[cqn] = cq;
	else
		free(cq);
	return status;
}

void cq_destroy(struct card *card, u32 cqn)
{
	struct cq *cq = cq_find(card, cqn);

	if (!cq)
		return;
	if (cq->nr_qps)
		log_warn(card->name, "CQ 0x%x is destroyed with %u QP(s) on it",
			 cqn, cq->nr_qps);
	card->cqs[cqn & (card->nr_cqs - 1)] = NULL;
	timer_cancel(&cq->timer);
	free(cq);
}

void cq_destroy_all(struct card *card)
{
	for (u32 i = 0; i < card->nr_cqs; i++) {
		if (card->cqs[i])
			timer_cancel(&card->cqs[i]->timer);
		free(card->cqs[i]);
	}
	free(card->cqs);
	card->cqs = NULL;
	card->nr_cqs = 0;
}

/*
 * The marker consumes one index in the old ring; production continues in the
 * new one at the next.
 */
u8 cq_resize(struct card *card, struct cq *cq, const u8 *context)
{
	struct cq resized = *cq;
	u8 status = decode_buffer(context, &resized);
	u8 *marker = entry(card, cq, cq->producer);

	if (status == CMD_OK)
		status = fill_ring(card, &resized, cq->producer + 1);
	if (status != CMD_OK)
		return status;
	if (!marker)
		return CMD_INTERNAL;
	memset(marker, 0, CQE_BYTES - 1);
	__atomic_store_n(marker + 31,
			 (u8)(owner_bit(cq, cq->producer) | CQE_RESIZE),
			 __ATOMIC_RELEASE);
	cq->log_entries = resized.log_entries;
	cq->buffer = resized.buffer;
	cq->producer = (cq->producer + 1) & INDEX_MASK;
	return CMD_OK;
}

void cq_query(const struct cq *cq, u8 *context)
{
	static const u8 states[] = {0xa, 0x6, 0x9}; /* by enum cq_arm */
	u32 flags = get32(cq->context) & 0x0fff00ff;

	memcpy(context, cq->context, CQC_BYTES);
	put32(context, flags | (u32)states[cq->arm] << 8 |
			       (cq->is_overrun ? 9u << 28 : 0));
	put24(context + 0x29, cq->consumer);
	put24(context + 0x2d, cq->producer);
}

/* Is @index, a producer's, ahead of @consumer? */
static bool is_ahead(u32 index, u32 consumer)
{
	u32 distance = (index - consumer) & INDEX_MASK;

	return distance && distance < INDEX_HALF;
}

/* What the host has seen is held no longer. */
static void arm(struct cq *cq, enum cq_arm kind, bool is_behind)
{
	timer_cancel(&cq->timer);
	cq->nr_held = 0;
	cq->arm = kind;
	if (is_behind)
		fire(cq);
}

void cq_doorbell(struct card *card, u32 command, u32 consumer)
{
	struct cq *cq = cq_find(card, command & INDEX_MASK);

	if (!cq) {
		card->stats.bad_doorbells++;
		return;
	}
	consumer &= INDEX_MASK;
	cq->consumer = consumer;
	switch (field(command, 26, 24)) {
	case COMMAND_SOLICITED:
		arm(cq, CQ_ARMED_SOLICITED,
		    is_ahead(cq->after_solicited, consumer));
		break;
	case COMMAND_NEXT:
		arm(cq, CQ_ARMED, is_ahead(cq->producer, consumer));
		break;
	}
}

static void fail(struct card *card, struct cq *cq, u8 syndrome)
{
	struct event event = {.type = EVENT_CQ_ERROR};

	cq->is_overrun = true;
	card->stats.cq_overruns++;
	log_warn(card->name, "CQ 0x%x %s", cq->cqn,
		 syndrome == ERROR_OVERRUN ? "overran" : "is not mapped");
	put32(event.data, cq->cqn);
	event.data[0x0f - 4] = syndrome;
	event_post(card, &event);
}

static bool is_full(struct card *card, struct cq *cq)
{
	u32 size = 1u << cq->log_entries;
	u8 record[4];

	if (((cq->producer - cq->consumer) & INDEX_MASK) < size)
		return false;
	if (card_read(card, cq->doorbell_record, record, sizeof(record)))
		return false; /* cannot tell */
	cq->consumer = get32(record) & INDEX_MASK;
	return ((cq->producer - cq->consumer) & INDEX_MASK) >= size;
}

static void encode(const struct completion *c, u8 *cqe)
{
	memset(cqe, 0, CQE_BYTES);
	put32(cqe, c->qpn & 0xffffff);
	put32(cqe + 0x04, c->immediate);
	put32(cqe + 0x08, c->source);
	put16(cqe + 0x0c, (u16)(c->sl << 12));
	put16(cqe + 0x0e, c->slid);
	put32(cqe + 0x14, c->bytes);
	put16(cqe + 0x18, c->wqe_index);
	cqe[0x1f] = (u8)((c->is_send ? 0x40 : 0) | c->opcode);
	if (c->syndrome != WC_OK) {
		cqe[0x1b] = (u8)c->syndrome;
		cqe[0x1f] = (u8)((c->is_send ? 0x40 : 0) | CQE_ERROR);
	}
}

int cq_post(struct card *card, u32 cqn, const struct completion *completion)
{
	struct cq *cq = cq_find(card, cqn);
	u8 cqe[CQE_BYTES];
	u8 *p;

	if (!cq || cq->is_overrun)
		return -ENOSPC;
	if (!cq->ignores_overrun && is_full(card, cq)) {
		fail(card, cq, ERROR_OVERRUN);
		return -ENOSPC;
	}
	p = entry(card, cq, cq->producer);
	if (!p) {
		fail(card, cq, ERROR_ACCESS);
		return -ENOSPC;
	}
	encode(completion, cqe);
	memcpy(p, cqe, CQE_BYTES - 1);
	__atomic_store_n(p + 31, (u8)(cqe[31] | owner_bit(cq, cq->producer)),
			 __ATOMIC_RELEASE);
	cq->producer = (cq->producer + 1) & INDEX_MASK;
	card->stats.completions++;
	if (completion->is_solicited || completion->syndrome != WC_OK)
		cq->after_solicited = cq->producer;
	if (cq->arm == CQ_ARMED || (cq->arm == CQ_ARMED_SOLICITED &&
				    cq->after_solicited == cq->producer))
		hold_or_fire(cq);
	return 0;
}
