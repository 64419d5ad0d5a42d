/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_TRAP_H
#define FABRIC_TRAP_H

/*
 * Trap 128 (InfiniBand specification, volume 1, 14.2.5.1): the switch tells
 * the subnet manager, at the LID that it gave the switch, that a link has
 * changed its state.  The trap is repeated until the manager represses it;
 * changes meanwhile are one trap with it, since the manager looks at all
 * ports.  The manager built in hears of links without traps.
 */
#include "loop.h"

struct ib_switch;

struct trap {
	struct ib_switch *sw;
	struct timer timer;
	u64 tid; /* of the latest */
	unsigned int nr_tries;
};

void trap_init(struct trap *trap, struct ib_switch *sw);
void trap_close(struct trap *trap);

/* Some link went up or down. */
void trap_link_changed(struct trap *trap);

/* The subnet manager has sent TrapRepress @mad. */
void trap_repress(struct trap *trap, const u8 *mad);

#endif /* FABRIC_TRAP_H */
