/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SM_PEER_H
#define FABRIC_SM_PEER_H

/*
 * Which of a subnet's managers is the master (InfiniBand specification,
 * volume 1, 14.2.5.13 and 14.4): of two, the one with the higher priority, or,
 * with equal ones, the lower GUID.  Managers show and tell each other by
 * SMInfo; a port whose capability mask has IsSM has one.
 *
 *                      DISCOVER, or the master
 *                      is not heard of any more
 *       DISCOVERING <----------------------------- STANDBY ----+
 *          |   |                                   ^  ^  |  ^  | DISABLE
 *          |   +--- there is a master, or a higher-+  |  |  |  v
 *          |                                          |  |  | NOT_ACTIVE
 *          +--- there is none ---> MASTER -- handed --+  |  |  |
 *                                    ^        over       |  +--+ STANDBY
 *                                    +---- HANDOVER -----+
 *
 * The built-in manager begins as the master.  It asks each manager that it
 * hears of, again and again, and hands over to one that is higher and not
 * still discovering.  In standby it asks the master; if that leaves too many
 * questions without an answer, its link goes down or its port ceases to be a
 * manager's, it looks for another, and is the master itself if there is none.
 */
#include "loop.h"

struct sm;
struct sm_link;

enum { SM_PRIORITY = 14 }; /* room for one that is to be the master */

enum sm_state { /* as SMInfo has them */
		SM_NOT_ACTIVE = 0,
		SM_DISCOVERING = 1,
		SM_STANDBY = 2,
		SM_MASTER = 3,
};

/* What a Set(SMInfo) says: its attribute modifier. */
enum sm_order {
	SM_ASKS = 0, /* a Get */
	SM_HANDOVER = 1,
	SM_ACKNOWLEDGE = 2,
	SM_DISABLE = 3,
	SM_TO_STANDBY = 4,
	SM_DISCOVER = 5,
};

/* The manager at the other end of a link, as far as is known. */
struct sm_peer {
	struct timer timer;
	u64 tid;             /* of the latest request */
	enum sm_order order; /* which it was */
	bool is_waiting;     /* for its answer */
	unsigned int nr_missed;
	bool is_known; /* it has answered since it was first asked */
	u64 guid;
	u8 priority;
	enum sm_state state;
};

void sm_peer_init(struct sm *sm);
void sm_peer_close(struct sm *sm);

/**
 * sm_peer_info - Get or Set SMInfo of the built-in manager.
 * @in: the switch's port by which the request came.
 * @order: the request's attribute modifier.
 * @data: in, out: 64 bytes.
 *
 * Return: a MAD status.
 */
u16 sm_peer_info(struct sm *sm, bool is_set, unsigned int in, u32 order,
		 u8 *data);

/* @link's port is active, or began or ceased to be a manager's. */
void sm_peer_changed(struct sm_link *link);

/* @link went down. */
void sm_peer_gone(struct sm_link *link);

/* An answer to SMInfo that came by @link. */
void sm_peer_receive(struct sm_link *link, const u8 *mad);

#endif /* FABRIC_SM_PEER_H */
