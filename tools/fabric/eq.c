/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "eq.h"
#include "be.h"
#include "card.h"
#include "cmd.h"
#include "log.h"

#include <string.h>

enum {
	EQC_BYTES = 64,
	STATE_ARMED = 0x9,
	STATE_ALWAYS_ARMED = 0xb,
	DOORBELL_ARM = 1u << 31,
	INDEX_MASK = 0xffffff,
	UNWRITTEN = 0xee, /* owner bit set: what a real ring shows */
};

static struct eq *find(struct card *card, u32 eqn)
{
	if (eqn >= card->nr_eqs || !card->eqs[eqn].is_valid)
		return NULL;
	return &card->eqs[eqn];
}

static u8 *entry(struct card *card, struct eq *eq, u32 index)
{
	u64 slot = index & ((1u << eq->log_entries) - 1);

	return queue_buffer_at(card, &eq->buffer, slot * EQE_BYTES, EQE_BYTES,
			       true);
}

/* By pieces, not entries: a guest may ask for millions. */
static bool fill_ring(struct card *card, const struct eq *eq)
{
	u64 bytes = (u64)EQE_BYTES << eq->log_entries, n;

	for (u64 at = 0; at < bytes; at += n) {
		u8 *p = queue_buffer_run(card, &eq->buffer, at, bytes - at,
					 true, &n);

		if (!p)
			return false;
		memset(p, UNWRITTEN, n);
	}
	return true;
}

u8 eq_create(struct card *card, u32 eqn, const u8 *context)
{
	struct eq eq = {.is_valid = true};
	u32 state = field(get32(context), 11, 8);

	if (eqn >= card->nr_eqs)
		return CMD_BAD_INDEX;
	if (!card_icm(card, card->hca.eqc_base + (u64)eqn * EQC_BYTES,
		      EQC_BYTES, true) ||
	    !card_has_cmpt(card, CMPT_EQ, eqn))
		return CMD_ICM_ERROR;
	eq.buffer.page_offset = field(get32(context + 0x08), 11, 5) * 32;
	eq.buffer.page_shift = (u8)(12 + (context[0x18] & 0x3f));
	eq.buffer.mtt = (u64)context[0x1b] << 32 | get32(context + 0x1c);
	eq.log_entries = context[0x0c] & 0x1f;
	eq.vector = get16(context + 0x16) & 0x3ff;
	eq.is_armed = state == STATE_ARMED;
	eq.is_always_armed = state == STATE_ALWAYS_ARMED;
	if (eq.log_entries > 22 || eq.buffer.page_shift > 40 ||
	    eq.vector >= NR_VECTORS)
		return CMD_BAD_PARAM;
	if (!fill_ring(card, &eq))
		return CMD_BAD_PARAM;
	card->eqs[eqn] = eq;
	return CMD_OK;
}

void eq_destroy(struct card *card, u32 eqn)
{
	struct eq *eq = find(card, eqn);

	if (eq)
		eq->is_valid = false;
}

static void raise(struct card *card, struct eq *eq)
{
	card->stats.interrupts++;
	card_interrupt(card, eq->vector);
}

void eq_doorbell(struct card *card, u32 eqn, u32 value)
{
	struct eq *eq = find(card, eqn);

	if (!eq)
		return;
	eq->consumer = value & INDEX_MASK;
	eq->is_overrun = false;
	if (!(value & DOORBELL_ARM))
		return;
	eq->is_armed = eq->consumer == eq->producer;
	if (!eq->is_armed)
		raise(card, eq);
}

void eq_post(struct card *card, u32 eqn, const struct event *event)
{
	struct eq *eq = find(card, eqn);
	u8 *p;

	if (!eq) {
		log_debug(card->name, "event 0x%02x: no EQ %u", event->type,
			  eqn);
		return;
	}
	if (((eq->producer - eq->consumer) & INDEX_MASK) >=
	    1u << eq->log_entries) {
		card->stats.eq_overruns++;
		if (!eq->is_overrun)
			log_warn(card->name, "EQ %u is full: events are lost",
				 eqn);
		eq->is_overrun = true;
		return;
	}
	p = entry(card, eq, eq->producer);
	if (!p) {
		log_warn(card->name, "EQ %u: its buffer is not mapped", eqn);
		return;
	}
	memset(p, 0, 4);
	p[1] = event->type;
	p[3] = event->subtype;
	memcpy(p + 4, event->data, sizeof(event->data));
	__atomic_store_n(p + 31,
			 eq->producer & (1u << eq->log_entries) ? 0x80 : 0,
			 __ATOMIC_RELEASE);
	eq->producer = (eq->producer + 1) & INDEX_MASK;
	card->stats.events++;
	if (eq->is_armed || eq->is_always_armed) {
		eq->is_armed = false;
		raise(card, eq);
	}
}

void event_post(struct card *card, const struct event *event)
{
	u16 eqn = card->event_eqn[event->type % NR_EVENT_TYPES];

	if (eqn == NO_EQ)
		log_debug(card->name, "event 0x%02x is not mapped to an EQ",
			  event->type);
	else
		eq_post(card, eqn, event);
}

void event_post_number(struct card *card, enum event_type type, u32 number)
{
	struct event event = {.type = (u8)type};

	put32(event.data, number & 0xffffff);
	event_post(card, &event);
}
