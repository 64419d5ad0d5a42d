/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "switch.h"
#include "capture.h"
#include "card.h"
#include "fabric.h"
#include "log.h"
#include "mad.h"
#include "switch_sma.h"
#include "ud.h"

#include <stdlib.h>
#include <string.h>

static const u64 switch_guid = 0x0002c90200000001ull;
static const char who[] = "switch";

void switch_init(struct ib_switch *sw, struct fabric *fabric,
		 unsigned int nr_ports)
{
	memset(sw, 0, sizeof(*sw));
	sw->fabric = fabric;
	sw->nr_ports = nr_ports;
	sw->guid = switch_guid;
	sw->random = 2463534242u;
	memset(sw->lft, LFT_DROP, sizeof(sw->lft));
	for (unsigned int i = 0; i <= nr_ports; i++)
		port_init(&sw->ports[i].port, (u8)i, switch_guid, 0);
	port_link_up(&sw->ports[0].port);
	sm_init(&sw->sm, sw);
	sa_init(&sw->sa, sw);
}

static struct card *card_at(struct ib_switch *sw, unsigned int port)
{
	if (port < 1 || port > sw->fabric->nr_cards)
		return NULL;
	return &sw->fabric->cards[port - 1];
}

static void link_down(struct ib_switch *sw, struct card *card)
{
	unsigned int number = card->index + 1;
	bool was_active = port_state(&card->port) == PORT_ACTIVE;

	if (port_state(&card->port) == PORT_DOWN)
		return;
	port_link_down(&card->port);
	port_link_down(&sw->ports[number].port);
	sw->has_state_change = true;
	log_info(who, "link %u is down", number);
	/* a driver that closes its port knows */
	if (was_active && card->is_port_enabled)
		card_port_changed(card, PORT_CHANGED_DOWN);
	sm_link_down(&sw->sm, number);
}

static void link_up(struct ib_switch *sw, struct card *card)
{
	unsigned int number = card->index + 1;

	if (port_state(&card->port) != PORT_DOWN)
		return;
	port_link_up(&card->port);
	port_link_up(&sw->ports[number].port);
	sw->has_state_change = true;
	log_info(who, "link %u is up", number);
	sm_link_up(&sw->sm, number);
}

void switch_link_changed(struct ib_switch *sw, struct card *card)
{
	struct switch_port *port = &sw->ports[card->index + 1];

	if (card->is_port_enabled && !port->faults.is_cut)
		link_up(sw, card);
	else
		link_down(sw, card);
}

void switch_link_bounce(struct ib_switch *sw, struct card *card)
{
	link_down(sw, card);
	switch_link_changed(sw, card);
}

static u32 random_next(struct ib_switch *sw)
{
	sw->random ^= sw->random << 13;
	sw->random ^= sw->random >> 17;
	sw->random ^= sw->random << 5;
	return sw->random;
}

static bool port_loses(struct ib_switch *sw, unsigned int number)
{
	u32 permille = sw->ports[number].faults.drop_permille;

	if (!permille || random_next(sw) % 1000 >= permille)
		return false;
	sw->nr_injected_drops++;
	return true;
}

bool switch_loses(struct ib_switch *sw, const struct card *from,
		  const struct card *to)
{
	return port_loses(sw, from->index + 1) || port_loses(sw, to->index + 1);
}

u64 switch_delay_ns(const struct ib_switch *sw, const struct card *from,
		    const struct card *to)
{
	return sw->ports[from->index + 1].faults.delay_ns +
	       sw->ports[to->index + 1].faults.delay_ns;
}

/* May data (not subnet management) pass port @number's link? */
static bool is_open(struct ib_switch *sw, unsigned int number)
{
	struct card *card = card_at(sw, number);

	if (number == 0)
		return true;
	return card && port_state(&card->port) == PORT_ACTIVE &&
	       port_state(&sw->ports[number].port) == PORT_ACTIVE;
}

struct card *switch_find_card(struct ib_switch *sw, const struct card *from,
			      u16 lid)
{
	unsigned int number;

	if (lid >= SWITCH_NR_LIDS || !is_open(sw, from->index + 1))
		return NULL;
	number = sw->lft[lid];
	if (!number || number > sw->nr_ports || !is_open(sw, number))
		return NULL;
	return card_at(sw, number);
}

static void drop(struct ib_switch *sw, const struct packet *p, const char *why)
{
	sw->nr_dropped++;
	log_debug(who, "packet from LID %u to LID %u dropped: %s", p->slid,
		  p->dlid, why);
}

static void slow_free(struct slow_packet *slow)
{
	*slow->link = slow->next;
	if (slow->next)
		slow->next->link = slow->link;
	timer_cancel(&slow->timer);
	free(slow);
}

static void slow_arrives(struct timer *timer)
{
	struct slow_packet *slow = owner_of(timer, struct slow_packet, timer);
	struct card *card = card_at(slow->sw, slow->port);

	if (card && port_state(&card->port) != PORT_DOWN)
		ud_receive(card, &slow->packet);
	slow_free(slow);
}

static void send_slowly(struct ib_switch *sw, unsigned int number,
			const struct packet *p)
{
	struct slow_packet *slow = calloc(1, sizeof(*slow));

	if (!slow) {
		drop(sw, p, "out of memory");
		return;
	}
	slow->sw = sw;
	slow->port = number;
	slow->packet = *p;
	slow->timer.fire = slow_arrives;
	slow->next = sw->slow;
	slow->link = &sw->slow;
	if (slow->next)
		slow->next->link = &slow->next;
	sw->slow = slow;
	timer_arm(&slow->timer, sw->ports[number].faults.delay_ns);
}

/* Out of external port @number, to the card behind it. */
static void emit(struct ib_switch *sw, unsigned int number,
		 const struct packet *p)
{
	struct card *card = card_at(sw, number);

	if (!card || port_state(&sw->ports[number].port) == PORT_DOWN) {
		drop(sw, p, "the link is down");
		return;
	}
	if (port_loses(sw, number))
		return;
	sw->nr_forwarded++;
	if (sw->ports[number].faults.delay_ns)
		send_slowly(sw, number, p);
	else
		ud_receive(card, p);
}

/* A subnet management packet for the switch, or for the SM behind port 0. */
static void consume_smp(struct ib_switch *sw, unsigned int in,
			const struct packet *p)
{
	struct packet reply;

	if (p->data[MAD_METHOD] & METHOD_RESPONSE ||
	    p->data[MAD_METHOD] == METHOD_TRAP) {
		sm_receive(&sw->sm, p);
		return;
	}
	reply = *p;
	if (!switch_sma_process(sw, in, p->data, reply.data))
		return;
	reply.dlid = p->slid;
	reply.slid = p->dlid;
	if (p->data[MAD_CLASS] == CLASS_SMP_DIRECTED)
		put16(reply.data + MAD_STATUS,
		      get16(reply.data + MAD_STATUS) | STATUS_RETURNING);
	/* it starts at the end of its way back: as if it came in there */
	switch_send(sw, 0, &reply);
}

/* InfiniBand specification, volume 1, 14.2.2: outbound. */
static void route_outbound(struct ib_switch *sw, unsigned int in,
			   struct packet *p)
{
	u8 *mad = p->data;
	u8 pointer = mad[MAD_HOP_POINTER], count = mad[MAD_HOP_COUNT];

	if (in == 0 && pointer == 0 && count) { /* the SM is its origin */
		mad[MAD_HOP_POINTER] = 1;
		emit(sw, mad[SMP_INITIAL_PATH + 1], p);
	} else if (pointer && pointer < count) {
		mad[SMP_RETURN_PATH + pointer] = (u8)in;
		mad[MAD_HOP_POINTER] = ++pointer;
		if (!mad[SMP_INITIAL_PATH + pointer])
			drop(sw, p, "directed route through port 0");
		else
			emit(sw, mad[SMP_INITIAL_PATH + pointer], p);
	} else if (pointer == count) {
		if (count)
			mad[SMP_RETURN_PATH + pointer] = (u8)in;
		consume_smp(sw, in, p);
	} else {
		drop(sw, p, "directed route: hop pointer");
	}
}

/* The way back. */
static void route_returning(struct ib_switch *sw, unsigned int in,
			    struct packet *p)
{
	u8 *mad = p->data;
	u8 pointer = mad[MAD_HOP_POINTER], count = mad[MAD_HOP_COUNT];

	if (in == 0 && pointer && pointer == count) { /* our SMA's answer */
		emit(sw, mad[SMP_RETURN_PATH + pointer], p);
	} else if (pointer >= 2 && pointer <= count) {
		mad[MAD_HOP_POINTER] = --pointer;
		emit(sw, mad[SMP_RETURN_PATH + pointer], p);
	} else if (pointer <= 1) {
		mad[MAD_HOP_POINTER] = 0;
		sm_receive(&sw->sm, p);
	} else {
		drop(sw, p, "directed route: hop pointer");
	}
}

static void send_smp(struct ib_switch *sw, unsigned int in,
		     const struct packet *packet)
{
	struct packet p = *packet;
	const u8 *mad = p.data;
	unsigned int out;

	if (p.bytes != MAD_BYTES || !mad_is_smp(mad)) {
		drop(sw, &p, "not a subnet management packet");
		return;
	}
	if (mad[MAD_CLASS] == CLASS_SMP_DIRECTED) {
		if (mad[MAD_HOP_COUNT] > SMP_MAX_HOPS ||
		    mad[MAD_HOP_POINTER] > SMP_MAX_HOPS)
			drop(sw, &p, "directed route: too long");
		else if (get16(mad + MAD_STATUS) & STATUS_RETURNING)
			route_returning(sw, in, &p);
		else
			route_outbound(sw, in, &p);
		return;
	}
	out = p.dlid < SWITCH_NR_LIDS ? sw->lft[p.dlid] : LFT_DROP;
	if (out == 0)
		consume_smp(sw, in, &p);
	else
		emit(sw, out, &p);
}

static void send_multicast(struct ib_switch *sw, const struct packet *p)
{
	u32 group = p->dlid - LID_MULTICAST;

	for (unsigned int i = 1; i <= sw->nr_ports; i++)
		if (group < SWITCH_NR_MLIDS && (sw->mft[group] >> i & 1) &&
		    is_open(sw, i))
			emit(sw, i, p);
}

void switch_send(struct ib_switch *sw, unsigned int port,
		 const struct packet *packet)
{
	unsigned int out;

	capture_datagram(packet);
	if (port && (port_state(&sw->ports[port].port) == PORT_DOWN ||
		     port_loses(sw, port))) {
		sw->nr_dropped++;
		return;
	}
	if (packet->dqpn == QPN_SMI) {
		send_smp(sw, port, packet);
		return;
	}
	if (!is_open(sw, port)) {
		drop(sw, packet, "its port is not active");
		return;
	}
	if (packet->dlid >= LID_MULTICAST && packet->dlid < LID_PERMISSIVE) {
		send_multicast(sw, packet);
		return;
	}
	out = packet->dlid < SWITCH_NR_LIDS ? sw->lft[packet->dlid] : LFT_DROP;
	if (out == 0)
		sa_receive(&sw->sa, packet);
	else if (out > sw->nr_ports || !is_open(sw, out))
		drop(sw, packet, "no route");
	else
		emit(sw, out, packet);
}

void switch_close(struct ib_switch *sw)
{
	while (sw->slow)
		slow_free(sw->slow);
	sm_close(&sw->sm);
	sa_close(&sw->sa);
}
