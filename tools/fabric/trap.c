/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trap.h"
#include "fabric.h"
#include "log.h"
#include "mad.h"

#include <string.h>

enum {
	TRAP_LINK_STATE = 128,
	IS_GENERIC = 0x80,
	TYPE_URGENT = 1,
	PRODUCER_SWITCH = 2,
	REPEAT_NS = 1000000000,
	MAX_TRIES = 10,
};

static void send_trap(struct trap *trap)
{
	static struct packet p;
	const struct port *own = &trap->sw->ports[0].port;
	u8 *mad = p.data, *notice = p.data + SMP_DATA;

	memset(&p, 0, sizeof(p));
	p.dlid = port_sm_lid(own);
	p.slid = port_lid(own);
	p.is_vl15 = true;
	p.bytes = MAD_BYTES;
	mad[MAD_BASE_VERSION] = 1;
	mad[MAD_CLASS] = CLASS_SMP;
	mad[MAD_CLASS_VERSION] = 1;
	mad[MAD_METHOD] = METHOD_TRAP;
	put64(mad + MAD_TID, trap->tid);
	put16(mad + MAD_ATTRIBUTE, ATTR_NOTICE);
	notice[0] = IS_GENERIC | TYPE_URGENT;
	put24(notice + 1, PRODUCER_SWITCH);
	put16(notice + 4, TRAP_LINK_STATE);
	put16(notice + 6, p.slid);
	put16(notice + 10, p.slid); /* whose link it is */
	trap->nr_tries++;
	if (trap->nr_tries < MAX_TRIES)
		timer_arm(&trap->timer, REPEAT_NS);
	switch_send(trap->sw, 0, &p);
}

static void timer_fired(struct timer *timer)
{
	send_trap(owner_of(timer, struct trap, timer));
}

void trap_init(struct trap *trap, struct ib_switch *sw)
{
	memset(trap, 0, sizeof(*trap));
	trap->sw = sw;
	trap->timer.fire = timer_fired;
}

void trap_close(struct trap *trap)
{
	timer_cancel(&trap->timer);
}

void trap_link_changed(struct trap *trap)
{
	if (sm_is_master(&trap->sw->sm) ||
	    !port_sm_lid(&trap->sw->ports[0].port))
		return;
	timer_cancel(&trap->timer);
	trap->tid++;
	trap->nr_tries = 0;
	send_trap(trap);
}

void trap_repress(struct trap *trap, const u8 *mad)
{
	if (get64(mad + MAD_TID) != trap->tid ||
	    mad_attribute(mad) != ATTR_NOTICE)
		return;
	log_debug("switch", "trap %llu was heard",
		  (unsigned long long)trap->tid);
	timer_cancel(&trap->timer);
}
