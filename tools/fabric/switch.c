/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "switch.h"
#include "capture.h"
#include "card.h"
#include "fabric.h"
#include "log.h"
#include "mad.h"
#include "pma.h"
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
	memset(sw->lft, LFT_DROP, sizeof(sw->lft));
	for (unsigned int i = 0; i <= nr_ports; i++)
		port_init(&sw->ports[i].port, (u8)i, switch_guid,
			  i ? 0
			    : CAPABILITY_TRAPS | CAPABILITY_SL_MAPPING |
					  CAPABILITY_SYSTEM_GUID);
	for (unsigned int i = 0; i <= nr_ports; i++)
		for (unsigned int j = 0; j <= nr_ports; j++)
			memcpy(sw->sl2vl[i][j], sw->ports[0].port.sl2vl, 8);
	for (unsigned int i = 1; i <= nr_ports; i++)
		link_init(&sw->ports[i].link, sw, i);
	switch_seed(sw, 1);
	port_link_up(&sw->ports[0].port);
	switch_sma_init(sw);
	trap_init(&sw->trap, sw);
	sm_init(&sw->sm, sw);
	sa_init(&sw->sa, sw);
}

static void link_has_changed(struct ib_switch *sw, unsigned int number,
			     const char *how)
{
	log_info(who, "link %u is %s", number, how);
	switch_sma_state_changed(sw);
	trap_link_changed(&sw->trap);
}

static void link_down(struct ib_switch *sw, struct card_port *end)
{
	unsigned int number = end->uplink;
	bool was_active = port_state(&end->ib) == PORT_ACTIVE;

	if (port_state(&end->ib) == PORT_DOWN)
		return;
	port_link_down(&end->ib);
	port_link_down(&sw->ports[number].port);
	link_clear(&sw->ports[number].link);
	link_has_changed(sw, number, "down");
	/* a driver that closes its port knows */
	if (was_active && end->is_enabled)
		card_port_changed(end, PORT_CHANGED_DOWN);
	sm_link_down(&sw->sm, number);
}

static void link_up(struct ib_switch *sw, struct card_port *end)
{
	unsigned int number = end->uplink;

	if (port_state(&end->ib) != PORT_DOWN)
		return;
	port_link_up(&end->ib);
	port_link_up(&sw->ports[number].port);
	link_has_changed(sw, number, "up");
	sm_link_up(&sw->sm, number);
}

void switch_link_changed(struct ib_switch *sw, struct card_port *end)
{
	struct switch_port *port = &sw->ports[end->uplink];

	if (end->is_enabled && !end->ib.is_disabled &&
	    !port->port.is_disabled && !port->link.faults.is_cut)
		link_up(sw, end);
	else
		link_down(sw, end);
}

void switch_link_bounce(struct ib_switch *sw, struct card_port *end)
{
	link_down(sw, end);
	switch_link_changed(sw, end);
}

void switch_seed(struct ib_switch *sw, u64 seed)
{
	sw->seed = seed;
	for (unsigned int i = 1; i <= sw->nr_ports; i++)
		link_seed(&sw->ports[i].link, seed);
}

bool switch_loses(struct ib_switch *sw, const struct card_port *from,
		  const struct card_port *to)
{
	return from != to &&
	       (link_loses(&sw->ports[from->uplink].link, LINK_SWITCH) ||
		link_loses(&sw->ports[to->uplink].link, LINK_CARD));
}

void switch_damaged(struct ib_switch *sw, unsigned int number,
		    enum link_end end)
{
	struct port *port = end == LINK_CARD
				    ? &fabric_port(sw->fabric, number)->ib
				    : &sw->ports[number].port;

	port->counters.symbol_errors++;
	port->counters.rcv_errors++;
}

u64 switch_delay_ns(const struct ib_switch *sw, const struct card_port *from,
		    const struct card_port *to)
{
	if (from == to)
		return 0;
	return sw->ports[from->uplink].link.faults.delay_ns +
	       sw->ports[to->uplink].link.faults.delay_ns;
}

/* May data (not subnet management) pass port @number's link? */
static bool is_open(struct ib_switch *sw, unsigned int number)
{
	const struct card_port *end = fabric_port(sw->fabric, number);

	if (number == 0)
		return true;
	return end && port_state(&end->ib) == PORT_ACTIVE &&
	       port_state(&sw->ports[number].port) == PORT_ACTIVE;
}

/* The port that leads to a unicast LID, or LFT_DROP. */
static unsigned int port_to(const struct ib_switch *sw, u16 lid)
{
	unsigned int out = LFT_DROP;

	if (lid < SWITCH_NR_LIDS && lid <= switch_sma_linear_top(sw))
		out = sw->lft[lid];
	return out <= sw->nr_ports ? out : LFT_DROP;
}

/* What may be wrong with a packet, and is counted at a port. */
static const char *refusal(struct ib_switch *sw, unsigned int in,
			   unsigned int out, const struct route_key *key)
{
	struct port *from = &sw->ports[in].port;
	struct port *to = &sw->ports[out].port;

	if (in && port_enforces(from, PORT_ENFORCES_INBOUND) &&
	    port_find_pkey(from, key->pkey) < 0) {
		from->counters.rcv_constraint++;
		return "P_Key at the port it came in by";
	}
	if (!is_open(sw, out)) {
		to->counters.xmit_discards++;
		return "the link is not active";
	}
	if (!sl2vl_passes(sw->sl2vl[in][out], key->sl)) {
		from->counters.relay_errors++;
		return "no virtual lane for its service level";
	}
	if (out && port_enforces(to, PORT_ENFORCES_OUTBOUND) &&
	    port_find_pkey(to, key->pkey) < 0) {
		to->counters.xmit_constraint++;
		return "P_Key at the port it would go out by";
	}
	return NULL;
}

/* Where a packet that is not subnet management goes; NULL: it may go on. */
static const char *route_unicast(struct ib_switch *sw, unsigned int in,
				 const struct route_key *key, unsigned int *out)
{
	if (!is_open(sw, in))
		return "the port it came in by is not active";
	*out = port_to(sw, key->dlid);
	if (*out == LFT_DROP) {
		sw->ports[in].port.counters.relay_errors++;
		return "no route";
	}
	return refusal(sw, in, *out, key);
}

struct card_port *switch_find_end(struct ib_switch *sw,
				  const struct card_port *from,
				  const struct route_key *key)
{
	unsigned int out;

	if (route_unicast(sw, from->uplink, key, &out)) {
		sw->nr_dropped++;
		return NULL;
	}
	return fabric_port(sw->fabric, out);
}

void switch_count(struct ib_switch *sw, struct card_port *from,
		  struct card_port *to, const struct volume *volume)
{
	port_count_xmit(&from->ib, volume);
	port_count_rcv(&sw->ports[from->uplink].port, volume);
	port_count_xmit(&sw->ports[to->uplink].port, volume);
	port_count_rcv(&to->ib, volume);
}

static struct volume volume_of(const struct packet *p)
{
	u32 bytes = LRH_BYTES + BTH_BYTES + DETH_BYTES + ICRC_BYTES + p->bytes;

	if (p->has_grh)
		bytes += GRH_BYTES;
	if (p->has_immediate)
		bytes += IMMEDIATE_BYTES;
	return (struct volume){
		.packets = 1,
		.words = (bytes + 3) / 4,
		.is_multicast =
			p->dlid >= LID_MULTICAST && p->dlid < LID_PERMISSIVE,
	};
}

static void drop(struct ib_switch *sw, const struct packet *p, const char *why)
{
	sw->nr_dropped++;
	log_debug(who, "packet from LID %u to LID %u dropped: %s", p->slid,
		  p->dlid, why);
}

void switch_leaves(struct ib_switch *sw, unsigned int port,
		   const struct packet *packet)
{
	struct card_port *end = fabric_port(sw->fabric, port);
	struct volume volume = volume_of(packet);

	port_count_rcv(&end->ib, &volume);
	if (end->card->is_paused)
		drop(sw, packet, "the card stands still");
	else
		ud_receive(end, packet);
}

/* Out of external port @number, to the card behind it. */
static void emit(struct ib_switch *sw, unsigned int number,
		 const struct packet *p)
{
	struct volume volume = volume_of(p);

	if (!fabric_port(sw->fabric, number) ||
	    port_state(&sw->ports[number].port) == PORT_DOWN) {
		drop(sw, p, "the link is down");
		return;
	}
	port_count_xmit(&sw->ports[number].port, &volume);
	sw->nr_forwarded++;
	link_carry(&sw->ports[number].link, LINK_CARD, p);
}

/* A subnet management packet for the switch, or for the SM behind port 0. */
static void consume_smp(struct ib_switch *sw, unsigned int in,
			const struct packet *p)
{
	u8 method = p->data[MAD_METHOD];
	struct packet reply;

	if (method & METHOD_RESPONSE || method == METHOD_TRAP) {
		sm_receive(&sw->sm, in, p);
		return;
	}
	if (method == METHOD_TRAP_REPRESS) {
		trap_repress(&sw->trap, p->data);
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

static struct port *find_port(void *node, u8 number)
{
	struct ib_switch *sw = node;

	return number <= sw->nr_ports ? &sw->ports[number].port : NULL;
}

static void answer_performance(struct ib_switch *sw, const struct packet *p)
{
	static struct packet reply;

	reply = *p;
	pma_process(find_port, sw, p->data, reply.data);
	reply.dlid = p->slid;
	reply.slid = p->dlid;
	reply.dqpn = p->sqpn;
	reply.sqpn = QPN_GSI;
	reply.has_grh = false;
	switch_send(sw, 0, &reply);
}

/* A packet for the QP1 of port 0. */
static void consume_management(struct ib_switch *sw, const struct packet *p)
{
	struct port *own = &sw->ports[0].port;

	if (p->dqpn != QPN_GSI || p->bytes != MAD_BYTES) {
		drop(sw, p, "not a management packet");
	} else if (port_find_pkey(own, p->pkey) < 0) {
		port_count_bad_pkey(own);
		drop(sw, p, "P_Key");
	} else if (p->qkey != QKEY_GSI) {
		port_count_bad_qkey(own);
		drop(sw, p, "Q_Key");
	} else if (p->data[MAD_CLASS] == CLASS_PERFORMANCE) {
		if (!(p->data[MAD_METHOD] & METHOD_RESPONSE))
			answer_performance(sw, p);
	} else if (sm_is_master(&sw->sm)) {
		sa_receive(&sw->sa, p);
	} else {
		drop(sw, p, "no agent for its class");
	}
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
		sm_receive(&sw->sm, in, p);
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
	out = p.dlid == LID_PERMISSIVE ? 0 : port_to(sw, p.dlid);
	if (out == 0) {
		consume_smp(sw, in, &p);
	} else if (out == LFT_DROP) {
		sw->ports[in].port.counters.relay_errors++;
		drop(sw, &p, "no route");
	} else {
		emit(sw, out, &p);
	}
}

/*
 * To every port of the group, also the one it came in by: a card with several
 * members relies on the switch.  Groups that the table has no room for go out
 * by one default port, and what comes in there by the other.
 */
static void send_multicast(struct ib_switch *sw, unsigned int in,
			   const struct packet *p)
{
	struct route_key key = {p->dlid, p->pkey, p->sl};
	u32 group = p->dlid - LID_MULTICAST;
	u64 ports = 0;

	if (group < SWITCH_NR_MLIDS)
		ports = sw->mft[group];
	else if (switch_sma_default_multicast(sw, in) <= sw->nr_ports)
		ports = 1ull << switch_sma_default_multicast(sw, in);
	if (!ports) {
		sw->ports[in].port.counters.relay_errors++;
		drop(sw, p, "no such group");
	}
	for (unsigned int i = 1; i <= sw->nr_ports; i++)
		if ((ports >> i & 1) && !refusal(sw, in, i, &key))
			emit(sw, i, p);
}

static void send_data(struct ib_switch *sw, unsigned int in,
		      const struct packet *packet)
{
	struct route_key key = {packet->dlid, packet->pkey, packet->sl};
	unsigned int out;
	const char *why = route_unicast(sw, in, &key, &out);

	if (why)
		drop(sw, packet, why);
	else if (out == 0 && in == 0) /* somebody took the manager's LID */
		drop(sw, packet, "the agents talk to themselves");
	else if (out == 0)
		consume_management(sw, packet);
	else
		emit(sw, out, packet);
}

void switch_send(struct ib_switch *sw, unsigned int port,
		 const struct packet *packet)
{
	struct volume volume = volume_of(packet);

	capture_datagram(packet);
	if (!port) {
		switch_arrives(sw, 0, packet);
	} else if (port_state(&sw->ports[port].port) == PORT_DOWN) {
		drop(sw, packet, "its link is down");
	} else {
		port_count_xmit(&fabric_port(sw->fabric, port)->ib, &volume);
		link_carry(&sw->ports[port].link, LINK_SWITCH, packet);
	}
}

void switch_arrives(struct ib_switch *sw, unsigned int port,
		    const struct packet *packet)
{
	struct volume volume = volume_of(packet);

	if (port)
		port_count_rcv(&sw->ports[port].port, &volume);
	if (packet->dqpn == QPN_SMI)
		send_smp(sw, port, packet);
	else if (!volume.is_multicast)
		send_data(sw, port, packet);
	else if (is_open(sw, port))
		send_multicast(sw, port, packet);
	else
		drop(sw, packet, "its port is not active");
}

void switch_close(struct ib_switch *sw)
{
	for (unsigned int i = 1; i <= sw->nr_ports; i++)
		link_clear(&sw->ports[i].link);
	trap_close(&sw->trap);
	sm_close(&sw->sm);
	sa_close(&sw->sa);
}
