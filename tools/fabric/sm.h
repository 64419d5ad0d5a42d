/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SM_H
#define FABRIC_SM_H

/*
 * The subnet manager, behind the switch's port 0.
 *
 * When a link comes up it leads the card at its end, by directed-route SMPs
 * that the host there answers:
 *
 *   IDLE -> NODE_INFO -> DESCRIPTION -> PORT_INFO -> ASSIGN_LID -+
 *     ^                                                         v
 *     +---- the link goes down ---- DONE <- ACTIVATE <- ARM <- PKEYS
 *
 * A request without an answer is repeated; a host that has just enabled its
 * port may not listen yet.  A card keeps its LID as long as the fabric runs.
 *
 * Where other managers look (SMInfo at the switch's port 0) it is the master,
 * with the highest priority and, among those, the lowest GUID: they stay in
 * standby for ever.  It hands over to none; sm_turn_off() makes room for
 * another before any port has come up.
 */
#include "loop.h"
#include "packet.h"

struct ib_switch;

enum { SM_LID = 1, SM_MAX_LINKS = 33 };

enum sm_step {
	SM_IDLE,
	SM_NODE_INFO,
	SM_DESCRIPTION,
	SM_PORT_INFO,
	SM_ASSIGN_LID,
	SM_PKEYS,
	SM_ARM,
	SM_ACTIVATE,
	SM_DONE,
};

struct sm_link {
	struct sm *sm;
	unsigned int number; /* of the switch's port */
	enum sm_step step;
	u64 tid; /* of the request under way */
	unsigned int nr_tries;
	struct timer timer;
	u64 guid; /* of the port at its end; 0: never seen */
	u16 lid;
	u8 node_info[64], description[64], port_info[64];
};

struct sm {
	struct ib_switch *sw;
	bool is_off;
	struct sm_link links[SM_MAX_LINKS];
	u64 last_tid;
	u16 next_lid;
};

void sm_init(struct sm *sm, struct ib_switch *sw);
void sm_close(struct sm *sm);

/**
 * sm_turn_off - leave the subnet, and the administrator's part, to another.
 * The switch is as a real one when it is switched on: without LID or routes.
 */
void sm_turn_off(struct sm *sm);
bool sm_is_on(const struct sm *sm);

/**
 * sm_info - SMInfo.
 * @data: out: 64 bytes.
 *
 * Return: a MAD status.
 */
u16 sm_info(const struct sm *sm, u8 *data);

void sm_link_up(struct sm *sm, unsigned int number);
void sm_link_down(struct sm *sm, unsigned int number);

/* An SMP that answers one of ours, or a trap. */
void sm_receive(struct sm *sm, const struct packet *packet);

#endif /* FABRIC_SM_H */
