/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sm.h"
#include "fabric.h"
#include "log.h"
#include "mad.h"
#include "switch_sma.h"

#include <inttypes.h>
#include <string.h>

enum {
	/*
	 * Linux starts the link before all that answers MADs is there, and says
	 * so when it is asked in between, which matters while its host is busy.
	 * No subnet manager comes at once.
	 */
	TRAINING_NS = 100000000,
	RETRY_NS = 200000000,
	RETRY_SLOW_NS = 1000000000,
	QUICK_TRIES = 20,
	CLIENT_REREGISTER = 0x80,
};

static const char who[] = "sm";
static const u64 default_prefix = 0xfe80000000000000ull;

static struct port *switch_side(struct sm_link *link)
{
	return &link->sm->sw->ports[link->number].port;
}

u64 sm_begin_smp(struct sm_link *link, struct packet *p, u8 method,
		 u16 attribute, u32 modifier)
{
	u8 *mad = p->data;
	u64 tid = ++link->sm->last_tid;

	memset(p, 0, offsetof(struct packet, data));
	memset(mad, 0, MAD_BYTES);
	p->dlid = LID_PERMISSIVE;
	p->slid = LID_PERMISSIVE;
	p->is_vl15 = true;
	p->bytes = MAD_BYTES;
	mad[MAD_BASE_VERSION] = 1;
	mad[MAD_CLASS] = CLASS_SMP_DIRECTED;
	mad[MAD_CLASS_VERSION] = 1;
	mad[MAD_METHOD] = method;
	mad[MAD_HOP_COUNT] = 1;
	put64(mad + MAD_TID, tid);
	put16(mad + MAD_ATTRIBUTE, attribute);
	put32(mad + MAD_MODIFIER, modifier);
	put16(mad + SMP_DR_SLID, LID_PERMISSIVE);
	put16(mad + SMP_DR_DLID, LID_PERMISSIVE);
	mad[SMP_INITIAL_PATH + 1] = (u8)link->number;
	return tid;
}

static void begin_smp(struct sm_link *link, struct packet *p, u8 method,
		      u16 attribute, u32 modifier)
{
	link->tid = sm_begin_smp(link, p, method, attribute, modifier);
}

/* PortInfo as it is, with what a Set changes. */
static void fill_port_info(struct sm_link *link, u8 *info,
			   enum port_state state)
{
	memcpy(info, link->port_info, PORT_INFO_BYTES);
	put64(info + 8, default_prefix);
	put16(info + 16, link->lid);
	put16(info + 18, sm_lid(link->sm));
	info[32] = (u8)((info[32] & 0xf0) | state);
	info[33] &= 0x0f; /* physical state: no change */
	info[51] &= (u8)~CLIENT_REREGISTER;
	/*
	 * Not before the port is active: Linux reads its tables when asked,
	 * for so long that what it then keeps is the state of the beginning.
	 */
	if (state == PORT_ACTIVE)
		info[51] |= CLIENT_REREGISTER;
}

/* How the node at the other end numbers its port, by its NodeInfo. */
static u8 own_number(const struct sm_link *link)
{
	return link->node_info[36];
}

static void send_step(struct sm_link *link)
{
	static struct packet p;
	u8 *data = p.data + SMP_DATA;

	switch (link->step) {
	case SM_IDLE:
	case SM_DONE:
		return;
	case SM_NODE_INFO:
		begin_smp(link, &p, METHOD_GET, ATTR_NODE_INFO, 0);
		break;
	case SM_DESCRIPTION:
		begin_smp(link, &p, METHOD_GET, ATTR_NODE_DESCRIPTION, 0);
		break;
	case SM_PORT_INFO:
		begin_smp(link, &p, METHOD_GET, ATTR_PORT_INFO,
			  own_number(link));
		break;
	case SM_ASSIGN_LID:
		begin_smp(link, &p, METHOD_SET, ATTR_PORT_INFO,
			  own_number(link));
		fill_port_info(link, data, PORT_NO_CHANGE);
		break;
	case SM_PKEYS:
		begin_smp(link, &p, METHOD_GET, ATTR_PKEY_TABLE, 0);
		break;
	case SM_ARM:
		begin_smp(link, &p, METHOD_SET, ATTR_PORT_INFO,
			  own_number(link));
		fill_port_info(link, data, PORT_ARMED);
		break;
	case SM_ACTIVATE:
		begin_smp(link, &p, METHOD_SET, ATTR_PORT_INFO,
			  own_number(link));
		fill_port_info(link, data, PORT_ACTIVE);
		break;
	}
	link->nr_tries++;
	timer_arm(&link->timer,
		  link->nr_tries < QUICK_TRIES ? RETRY_NS : RETRY_SLOW_NS);
	switch_send(link->sm->sw, 0, &p);
}

static void timer_fired(struct timer *timer)
{
	struct sm_link *link = owner_of(timer, struct sm_link, timer);

	if (link->nr_tries == QUICK_TRIES)
		log_warn(who,
			 "the host at link %u does not answer SMPs (step %d)",
			 link->number, link->step);
	send_step(link);
}

static void enter(struct sm_link *link, enum sm_step step)
{
	link->step = step;
	link->nr_tries = 0;
	timer_cancel(&link->timer);
	send_step(link);
}

/* A route, below the forwarding table's top. */
static void set_route(struct sm *sm, u16 lid, u8 number)
{
	sm->sw->lft[lid] = number;
	if (switch_sma_linear_top(sm->sw) < lid)
		switch_sma_set_linear_top(sm->sw, lid);
}

void sm_init(struct sm *sm, struct ib_switch *sw)
{
	struct port *own = &sw->ports[0].port;

	sm->sw = sw;
	sm->state = SM_MASTER;
	sm->next_lid = SM_LID + 1;
	for (unsigned int i = 0; i < SM_MAX_LINKS; i++) {
		sm->links[i].sm = sm;
		sm->links[i].number = i;
		sm->links[i].timer.fire = timer_fired;
	}
	sm_peer_init(sm);
	put16(own->info + 16, SM_LID);
	put16(own->info + 18, SM_LID);
	own->info[32] = (u8)((own->info[32] & 0xf0) | PORT_ACTIVE);
	port_set_capabilities(own, port_capabilities(own) | CAPABILITY_SM);
	set_route(sm, SM_LID, 0);
}

void sm_turn_off(struct sm *sm)
{
	struct port *own = &sm->sw->ports[0].port;

	sm->is_off = true;
	put16(own->info + 16, 0);
	put16(own->info + 18, 0);
	port_set_capabilities(own, port_capabilities(own) & ~CAPABILITY_SM);
	sm->sw->lft[SM_LID] = LFT_DROP;
	switch_sma_set_linear_top(sm->sw, 0);
}

bool sm_is_master(const struct sm *sm)
{
	return !sm->is_off && sm->state == SM_MASTER;
}

u16 sm_lid(const struct sm *sm)
{
	return port_lid(&sm->sw->ports[0].port);
}

void sm_close(struct sm *sm)
{
	for (unsigned int i = 0; i < SM_MAX_LINKS; i++)
		timer_cancel(&sm->links[i].timer);
	sm_peer_close(sm);
}

void sm_link_up(struct sm *sm, unsigned int number)
{
	struct sm_link *link = &sm->links[number];

	if (!sm_is_master(sm))
		return;
	link->step = SM_NODE_INFO;
	link->nr_tries = 0;
	timer_arm(&link->timer, TRAINING_NS);
}

void sm_start_sweep(struct sm *sm)
{
	struct port *own = &sm->sw->ports[0].port;

	if (!sm_lid(sm))
		put16(own->info + 16, SM_LID);
	put16(own->info + 18, sm_lid(sm));
	set_route(sm, sm_lid(sm), 0);
	/* members join again when their ports ask them to register */
	memset(sm->sw->mft, 0, sizeof(sm->sw->mft));
	for (unsigned int i = 1; i <= sm->sw->nr_ports; i++) {
		sa_port_gone(&sm->sw->sa, i);
		sm->links[i].keeps_lid = true;
		if (port_state(switch_side(&sm->links[i])) != PORT_DOWN)
			sm_link_up(sm, i);
	}
}

void sm_stop_sweep(struct sm *sm)
{
	for (unsigned int i = 0; i < SM_MAX_LINKS; i++) {
		sm->links[i].step = SM_IDLE;
		timer_cancel(&sm->links[i].timer);
	}
}

void sm_link_down(struct sm *sm, unsigned int number)
{
	struct sm_link *link = &sm->links[number];

	if (sm->is_off)
		return;
	link->step = SM_IDLE;
	timer_cancel(&link->timer);
	if (sm_is_master(sm)) {
		if (link->lid)
			sm->sw->lft[link->lid] = LFT_DROP;
		sa_port_gone(&sm->sw->sa, number);
	}
	sm_peer_gone(link);
}

static bool lid_is_taken(const struct sm *sm, u16 lid)
{
	bool is_taken = lid == sm_lid(sm);

	for (unsigned int i = 1; i < SM_MAX_LINKS; i++)
		is_taken |= sm->links[i].lid == lid;
	return is_taken;
}

/* There are far more than ports: behind the last one the first are free. */
static u16 new_lid(struct sm *sm)
{
	u16 lid;

	do {
		if (sm->next_lid >= LID_MULTICAST)
			sm->next_lid = SM_LID + 1;
		lid = sm->next_lid++;
	} while (lid_is_taken(sm, lid));
	return lid;
}

/*
 * After another manager: its LID, unless that is one that another link has
 * had; connections live on.
 */
static void keep_lid(struct sm_link *link)
{
	u16 lid = get16(link->port_info + 16);

	if (link->keeps_lid && lid && lid < LID_MULTICAST &&
	    !lid_is_taken(link->sm, lid)) {
		log_info(who, "link %u keeps LID %u", link->number, lid);
		link->lid = lid;
	}
	link->keeps_lid = false;
}

static void learn_node(struct sm_link *link, const u8 *info)
{
	u64 guid = get64(info + 20);

	memcpy(link->node_info, info, 64);
	if (!link->lid || guid != link->guid)
		link->lid = new_lid(link->sm);
	link->guid = guid;
	log_info(who, "link %u: port GUID 0x%016" PRIx64 " gets LID %u",
		 link->number, guid, link->lid);
}

/* Both ends of the link have separate states; ours we set directly. */
static void set_switch_side(struct sm_link *link, enum port_state state)
{
	struct port *port = switch_side(link);
	u8 info[PORT_INFO_BYTES];
	u32 changed;

	memcpy(info, port->info, sizeof(info));
	info[32] = (u8)((info[32] & 0xf0) | state);
	info[33] &= 0x0f;
	port_set_info(port, info, &changed);
}

static void advance(struct sm_link *link, const u8 *mad)
{
	const u8 *data = mad + SMP_DATA;

	switch (link->step) {
	case SM_IDLE:
	case SM_DONE:
		break;
	case SM_NODE_INFO:
		learn_node(link, data);
		enter(link, SM_DESCRIPTION);
		break;
	case SM_DESCRIPTION:
		memcpy(link->description, data, 64);
		enter(link, SM_PORT_INFO);
		break;
	case SM_PORT_INFO:
		memcpy(link->port_info, data, 64);
		keep_lid(link);
		enter(link, SM_ASSIGN_LID);
		break;
	case SM_ASSIGN_LID:
		memcpy(link->port_info, data, 64);
		enter(link, SM_PKEYS);
		break;
	case SM_PKEYS:
		set_route(link->sm, link->lid, (u8)link->number);
		/* another manager has activated it: nothing leads back */
		if ((link->port_info[32] & 0xf) == PORT_ACTIVE) {
			set_switch_side(link, PORT_ARMED);
			enter(link, SM_ACTIVATE);
		} else {
			enter(link, SM_ARM);
		}
		break;
	case SM_ARM:
		set_switch_side(link, PORT_ARMED);
		enter(link, SM_ACTIVATE);
		break;
	case SM_ACTIVATE:
		set_switch_side(link, PORT_ACTIVE);
		memcpy(link->port_info, data, 64);
		enter(link, SM_DONE);
		log_info(who, "link %u is active, LID %u", link->number,
			 link->lid);
		sm_peer_changed(link);
		break;
	}
}

/* The model tells us of everything: a trap is heard, and needs no repeating. */
static void repress(struct sm *sm, const struct packet *trap)
{
	static struct packet p;

	if (!sm_is_master(sm) || trap->data[MAD_CLASS] != CLASS_SMP ||
	    mad_attribute(trap->data) != ATTR_NOTICE || !trap->slid)
		return;
	p = *trap;
	p.dlid = trap->slid;
	p.slid = sm_lid(sm);
	p.data[MAD_METHOD] = METHOD_TRAP_REPRESS;
	switch_send(sm->sw, 0, &p);
}

void sm_receive(struct sm *sm, unsigned int in, const struct packet *packet)
{
	/* Who is asked answers by the way the question came; of port 0, which
	 * has no link, nothing is asked. */
	struct sm_link *link = &sm->links[in];
	const u8 *mad = packet->data;
	u16 status = get16(mad + MAD_STATUS) & 0x7fff;

	if (!(mad[MAD_METHOD] & METHOD_RESPONSE)) {
		repress(sm, packet);
		return;
	}
	if (mad_attribute(mad) == ATTR_SM_INFO) {
		sm_peer_receive(link, mad);
		return;
	}
	if (link->tid != get64(mad + MAD_TID) || !link->timer.is_armed)
		log_debug(who, "an answer to no request");
	else if (status)
		log_warn(who, "link %u: step %d: MAD status 0x%04x", in,
			 link->step, status);
	else
		advance(link, mad);
}
