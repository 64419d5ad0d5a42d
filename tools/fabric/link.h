/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_LINK_H
#define FABRIC_LINK_H

/*
 * The cable between a card and its port of the switch, and what goes wrong on
 * it on demand: it is cut, loses packets, damages them, or takes its time.
 *
 * A packet that is lost leaves no trace but a count here.  One that is
 * damaged fails the check sum (VCRC) at the end that it reaches, which drops
 * it and counts a symbol error and a receive error, as its port's counters
 * show.
 *
 * Chance is repeatable: each direction of each link draws from a sequence of
 * its own, which the fabric's one seed decides.  The same seed and the same
 * packets on a link lose the same ones, whatever happens on other links.
 */
#include "loop.h"
#include "packet.h"

struct ib_switch;

enum link_end { LINK_SWITCH, LINK_CARD, LINK_ENDS };

struct link_faults {
	bool is_cut;
	double drop_rate, corrupt_rate; /* of packets: 0 to 1 */
	u64 delay_ns;
};

/* What one end has received, or should have. */
struct link_counters {
	u64 dropped;   /* lost on the way */
	u64 corrupted; /* dropped by the end that noticed it */
	u64 delayed;   /* datagrams that took their time */
	u64 overruns;  /* datagrams lost because too many were on the way */
};

struct slow_packet;

/* One direction: the end that receives. */
struct link_lane {
	struct link *link;
	u64 random;
	struct link_counters counters;
	struct slow_packet *first, **last; /* on the way, in order */
	unsigned int nr_slow;
	struct timer timer; /* armed for the first's arrival */
};

struct link {
	struct ib_switch *sw;
	unsigned int number; /* of the switch's port */
	struct link_faults faults;
	struct link_lane lanes[LINK_ENDS];
};

void link_init(struct link *link, struct ib_switch *sw, unsigned int number);

/* Begin both directions' sequences of chance anew. */
void link_seed(struct link *link, u64 seed);

/* What is on the way is lost: the link went down, or the fabric ends. */
void link_clear(struct link *link);

/**
 * link_loses - is one packet to @end lost or damaged?  The caller then
 * forgets it.
 */
bool link_loses(struct link *link, enum link_end end);

/**
 * link_carry - take a datagram to @end, now or later, or lose it.  In order:
 * a packet never overtakes another.
 *
 * switch_arrives() or switch_leaves() gets what comes through.
 */
void link_carry(struct link *link, enum link_end end, const struct packet *p);

#endif /* FABRIC_LINK_H */
