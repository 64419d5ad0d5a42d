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
 * It is one of the subnet's managers: sm_peer.h has how they agree on the one
 * that is master.  Only the master leads ports and answers as administrator.
 * sm_turn_off() makes room for another before any port has come up.
 */
#include "loop.h"
#include "packet.h"
#include "sm_peer.h"

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
	bool keeps_lid; /* the one that another manager gave it */
	u8 node_info[64], description[64], port_info[64];
	struct sm_peer peer; /* the manager at its end */
};

struct sm {
	struct ib_switch *sw;
	bool is_off;
	enum sm_state state;
	struct sm_link *master; /* STANDBY: where it is */
	struct timer discovery; /* DISCOVERING: its end */
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

/* Is it this one that manages the subnet now? */
bool sm_is_master(const struct sm *sm);

/* Its LID: the switch's. */
u16 sm_lid(const struct sm *sm);

/* Lead every port whose link is up, from the beginning; or none any more. */
void sm_start_sweep(struct sm *sm);
void sm_stop_sweep(struct sm *sm);

/**
 * sm_begin_smp - make a directed-route request to the node at @link's end.
 * @p: out: without data.
 *
 * Return: its transaction's number.
 */
u64 sm_begin_smp(struct sm_link *link, struct packet *p, u8 method,
		 u16 attribute, u32 modifier);

void sm_link_up(struct sm *sm, unsigned int number);
void sm_link_down(struct sm *sm, unsigned int number);

/* An SMP that answers one of ours, or a trap; it came in by port @in.  Only who
 * was asked can answer. */
void sm_receive(struct sm *sm, unsigned int in, const struct packet *packet);

#endif /* FABRIC_SM_H */
