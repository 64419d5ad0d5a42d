/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sm_peer.h"
#include "fabric.h"
#include "log.h"
#include "mad.h"
#include "sm.h"

#include <inttypes.h>
#include <string.h>

enum {
	POLL_NS = 2000000000,
	DISCOVERY_NS = 1000000000,
	MAX_MISSED = 5,
	SM_KEY = 1, /* OpenSM's: it takes no notice of managers with another */
};

/* SMInfo */
enum {
	INFO_GUID = 0,
	INFO_KEY = 8,
	INFO_ACTIVITY = 16,
	INFO_PRIORITY_AND_STATE = 20,
};

static const char who[] = "sm";

static void fill_info(const struct sm *sm, u8 *data)
{
	memset(data, 0, SMP_DATA_BYTES);
	put64(data + INFO_GUID, sm->sw->guid);
	put64(data + INFO_KEY, SM_KEY);
	put32(data + INFO_ACTIVITY, (u32)sm->last_tid);
	data[INFO_PRIORITY_AND_STATE] = (u8)(SM_PRIORITY << 4 | sm->state);
}

/* Is there a manager at the end of the link? */
static bool has_manager(const struct sm_link *link)
{
	struct ib_switch *sw = link->sm->sw;
	const struct card_port *end = fabric_port(sw->fabric, link->number);

	return link->number && end && port_state(&end->ib) != PORT_DOWN &&
	       (port_capabilities(&end->ib) & CAPABILITY_SM);
}

static bool is_higher(const struct sm *sm, const struct sm_peer *peer)
{
	if (peer->priority != SM_PRIORITY)
		return peer->priority > SM_PRIORITY;
	return peer->guid < sm->sw->guid;
}

static void say(struct sm_link *link, enum sm_order order)
{
	static struct packet p;
	struct sm_peer *peer = &link->peer;

	peer->tid = sm_begin_smp(link, &p,
				 order == SM_ASKS ? METHOD_GET : METHOD_SET,
				 ATTR_SM_INFO, order);
	fill_info(link->sm, p.data + SMP_DATA);
	peer->order = order;
	peer->is_waiting = true;
	timer_arm(&peer->timer, POLL_NS);
	switch_send(link->sm->sw, 0, &p);
}

static void forget(struct sm_peer *peer)
{
	timer_cancel(&peer->timer);
	peer->is_waiting = false;
	peer->is_known = false;
	peer->nr_missed = 0;
}

/* Is it one that this manager, in its state, has questions for? */
static bool is_of_interest(const struct sm_link *link)
{
	const struct sm *sm = link->sm;

	return has_manager(link) &&
	       (sm->state == SM_MASTER || sm->state == SM_DISCOVERING ||
		(sm->state == SM_STANDBY && sm->master == link));
}

/* Change to @state; @master: where the master is, in standby. */
static void enter(struct sm *sm, enum sm_state state, struct sm_link *master)
{
	static const char *const names[] = {"not active", "discovering",
					    "in standby", "master"};

	log_info(who, "the built-in subnet manager is %s", names[state]);
	if (sm->state == SM_MASTER)
		sm_stop_sweep(sm);
	sm->state = state;
	sm->master = master;
	timer_cancel(&sm->discovery);
	for (unsigned int i = 1; i <= sm->sw->nr_ports; i++) {
		forget(&sm->links[i].peer);
		if (is_of_interest(&sm->links[i]))
			say(&sm->links[i], SM_ASKS);
	}
	if (state == SM_DISCOVERING)
		timer_arm(&sm->discovery, DISCOVERY_NS);
	else if (state == SM_MASTER)
		sm_start_sweep(sm);
}

/* All have had the time to answer. */
static void discovery_ended(struct timer *timer)
{
	struct sm *sm = owner_of(timer, struct sm, discovery);
	struct sm_link *master = NULL;

	for (unsigned int i = 1; i <= sm->sw->nr_ports; i++) {
		struct sm_link *link = &sm->links[i];
		const struct sm_peer *peer = &link->peer;

		if (!peer->is_known || peer->state == SM_NOT_ACTIVE)
			continue;
		if (peer->state == SM_MASTER)
			master = link;
		else if (!master && is_higher(sm, peer))
			master = link;
	}
	enter(sm, master ? SM_STANDBY : SM_MASTER, master);
}

/* The time for the next question, or nobody has answered the last one. */
static void timer_fired(struct timer *timer)
{
	struct sm_link *link = owner_of(timer, struct sm_link, peer.timer);
	struct sm_peer *peer = &link->peer;
	struct sm *sm = link->sm;

	if (peer->is_waiting)
		peer->nr_missed++;
	if (peer->nr_missed < MAX_MISSED) {
		say(link, SM_ASKS);
		return;
	}
	log_warn(who, "the manager at link %u does not answer", link->number);
	forget(peer);
	if (sm->master == link)
		enter(sm, SM_DISCOVERING, NULL);
}

void sm_peer_init(struct sm *sm)
{
	sm->discovery.fire = discovery_ended;
	for (unsigned int i = 0; i < SM_MAX_LINKS; i++)
		sm->links[i].peer.timer.fire = timer_fired;
}

void sm_peer_close(struct sm *sm)
{
	timer_cancel(&sm->discovery);
	for (unsigned int i = 0; i < SM_MAX_LINKS; i++)
		timer_cancel(&sm->links[i].peer.timer);
}

void sm_peer_changed(struct sm_link *link)
{
	struct sm *sm = link->sm;

	if (sm->is_off)
		return;
	if (!is_of_interest(link))
		sm_peer_gone(link);
	else if (!link->peer.timer.is_armed)
		say(link, SM_ASKS);
}

void sm_peer_gone(struct sm_link *link)
{
	struct sm *sm = link->sm;

	forget(&link->peer);
	if (sm->master == link)
		enter(sm, SM_DISCOVERING, NULL);
}

/* A master hears what @link's manager is. */
static void compare(struct sm_link *link)
{
	const struct sm_peer *peer = &link->peer;

	if ((peer->state == SM_STANDBY || peer->state == SM_MASTER) &&
	    is_higher(link->sm, peer)) {
		log_info(who,
			 "handing over to the manager at link %u, 0x%016" PRIx64
			 " of priority %u",
			 link->number, peer->guid, peer->priority);
		say(link, SM_HANDOVER);
	}
}

/* One in standby hears from the master, or from who is to become it. */
static void check_master(struct sm_link *link)
{
	const struct sm_peer *peer = &link->peer;

	if (peer->state != SM_MASTER &&
	    (peer->state == SM_NOT_ACTIVE || !is_higher(link->sm, peer)))
		enter(link->sm, SM_DISCOVERING, NULL);
}

static void take_answer(struct sm_link *link, const u8 *data)
{
	struct sm_peer *peer = &link->peer;
	struct sm *sm = link->sm;

	peer->is_waiting = false;
	peer->is_known = true;
	peer->nr_missed = 0;
	peer->guid = get64(data + INFO_GUID);
	peer->priority = data[INFO_PRIORITY_AND_STATE] >> 4;
	peer->state = data[INFO_PRIORITY_AND_STATE] & 0xf;
	if (sm->state == SM_MASTER && peer->order == SM_HANDOVER)
		enter(sm, SM_STANDBY, link);
	else if (sm->state == SM_MASTER && peer->order == SM_ASKS)
		compare(link);
	else if (sm->master == link)
		check_master(link);
}

void sm_peer_receive(struct sm_link *link, const u8 *mad)
{
	u16 status = get16(mad + MAD_STATUS) & 0x7fff;

	if (!link->peer.is_waiting || link->peer.tid != get64(mad + MAD_TID))
		log_debug(who, "an SMInfo that nobody asked for");
	else if (status)
		log_warn(who, "SMInfo at link %u: MAD status 0x%04x",
			 link->number, status);
	else
		take_answer(link, mad + SMP_DATA);
}

/* May a manager in @sender's state give the order to this one? */
static bool is_legal(const struct sm *sm, u32 order, enum sm_state sender)
{
	switch (order) {
	case SM_HANDOVER:
		return sender == SM_MASTER && sm->state != SM_NOT_ACTIVE;
	case SM_ACKNOWLEDGE:
		return sender == SM_STANDBY && sm->state == SM_STANDBY;
	case SM_DISABLE:
	case SM_DISCOVER:
		return sender == SM_MASTER && sm->state == SM_STANDBY;
	case SM_TO_STANDBY:
		return sender == SM_MASTER && sm->state == SM_NOT_ACTIVE;
	default:
		return false;
	}
}

static void obey(struct sm *sm, struct sm_link *sender, enum sm_order order)
{
	switch (order) {
	case SM_HANDOVER:
		if (sm->state == SM_STANDBY)
			say(sender, SM_ACKNOWLEDGE);
		enter(sm, SM_MASTER, NULL);
		break;
	case SM_DISABLE:
		enter(sm, SM_NOT_ACTIVE, NULL);
		break;
	case SM_TO_STANDBY:
		enter(sm, SM_STANDBY, sender);
		break;
	case SM_DISCOVER:
		enter(sm, SM_DISCOVERING, NULL);
		break;
	case SM_ACKNOWLEDGE: /* the answer to HANDOVER has said it */
	case SM_ASKS:
		break;
	}
}

u16 sm_peer_info(struct sm *sm, bool is_set, unsigned int in, u32 order,
		 u8 *data)
{
	enum sm_state sender = data[INFO_PRIORITY_AND_STATE] & 0xf;

	if (sm->is_off)
		return STATUS_UNSUPPORTED;
	fill_info(sm, data);
	if (!is_set)
		return 0;
	if (!in || in > sm->sw->nr_ports || !is_legal(sm, order, sender))
		return STATUS_BAD_FIELD;
	obey(sm, &sm->links[in], (enum sm_order)order);
	return 0;
}
