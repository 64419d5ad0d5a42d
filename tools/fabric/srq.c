/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "srq.h"
#include "be.h"
#include "card.h"
#include "cmd.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

enum {
	NEXT_BYTES = 16, /* the link in front of the segments */
	NEXT_INDEX = 2,
};

struct srq *srq_find(struct card *card, u32 srqn)
{
	if (srqn >= card->nr_srqs)
		return NULL;
	return card->srqs[srqn];
}

static u8 decode(struct srq *srq, const u8 *c)
{
	srq->log_entries = c[0x00] & 0xf;
	srq->log_stride = (u8)((c[0x04] & 7) + 4);
	srq->buffer.page_offset = (c[0x08] & 0x3fu) * 64;
	srq->buffer.page_shift = (u8)(12 + (c[0x10] & 0x3f));
	srq->buffer.mtt = (u64)c[0x13] << 32 | (get32(c + 0x14) & ~7u);
	srq->pd = get24(c + 0x19);
	srq->doorbell_record = get64(c + 0x28) & ~3ull;
	if (srq->buffer.page_shift > 40 || srq->log_stride < 5)
		return CMD_BAD_PARAM;
	return CMD_OK;
}

u8 srq_create(struct card *card, u32 srqn, const u8 *context)
{
	struct srq *srq;
	u8 status;

	if (srqn >= card->nr_srqs)
		return CMD_BAD_INDEX;
	if (card->srqs[srqn])
		return CMD_BAD_RESOURCE_STATE;
	if (!card_has_cmpt(card, CMPT_SRQ, srqn))
		return CMD_ICM_ERROR;
	srq = calloc(1, sizeof(*srq));
	if (!srq)
		return CMD_INTERNAL;
	srq->srqn = srqn;
	memcpy(srq->context, context, SRQC_BYTES);
	status = decode(srq, context);
	if (status == CMD_OK)
		card->srqs[srqn] = srq;
	else
		free(srq);
	return status;
}

void srq_destroy(struct card *card, struct srq *srq)
{
	if (srq->nr_qps)
		log_warn(card->name,
			 "SRQ 0x%x is destroyed with %u QP(s) on it", srq->srqn,
			 srq->nr_qps);
	card->srqs[srq->srqn] = NULL;
	free(srq);
}

void srq_destroy_all(struct card *card)
{
	for (u32 i = 0; i < card->nr_srqs; i++)
		free(card->srqs[i]);
	free(card->srqs);
	card->srqs = NULL;
	card->nr_srqs = 0;
}

static unsigned int nr_posted(struct card *card, const struct srq *srq)
{
	u8 record[4];
	u16 posted;

	if (card_read(card, srq->doorbell_record, record, sizeof(record)))
		return 0;
	posted = (u16)(get16(record + 2) - srq->taken);
	return posted <= 1u << srq->log_entries ? posted : 0;
}

void srq_query(const struct srq *srq, u8 *context)
{
	memcpy(context, srq->context, SRQC_BYTES);
	put16(context + 0x1c, srq->limit);
	put16(context + 0x22, srq->taken);
}

static void check_limit(struct card *card, struct srq *srq)
{
	if (!srq->limit || nr_posted(card, srq) >= srq->limit)
		return;
	srq->limit = 0;
	event_post_number(card, EVENT_SRQ_LIMIT, srq->srqn);
}

void srq_arm(struct card *card, struct srq *srq, u16 limit)
{
	srq->limit = limit;
	check_limit(card, srq);
}

static u64 entry_offset(const struct srq *srq)
{
	return (u64)(srq->head & ((1u << srq->log_entries) - 1))
	       << srq->log_stride;
}

enum wqe_fetch srq_fetch(struct card *card, struct srq *srq,
			 struct recv_wqe *wqe)
{
	u8 raw[1 << 11];
	u32 bytes = 1u << srq->log_stride;

	if (!nr_posted(card, srq))
		return WQE_NONE;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (queue_buffer_read(card, &srq->buffer, entry_offset(srq), raw,
			      bytes))
		return WQE_BAD;
	wqe->index = srq->head;
	wqe->pd = srq->pd;
	wqe_parse_recv(wqe, raw + NEXT_BYTES, bytes - NEXT_BYTES);
	return WQE_READY;
}

void srq_take(struct card *card, struct srq *srq)
{
	u8 *link = queue_buffer_at(card, &srq->buffer, entry_offset(srq),
				   NEXT_BYTES, false);

	if (link)
		srq->head = get16(link + NEXT_INDEX);
	srq->taken++;
	check_limit(card, srq);
}
