/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SWITCH_H
#define FABRIC_SWITCH_H

/*
 * The managed switch in the middle: cards' ports hang on its own, as the fabric
 * has cabled them (fabric_port()); port 0 is its management port, behind which
 * also the subnet manager (sm.h) and the subnet administrator (sa.h) live.
 *
 * A link is up when the card's driver has enabled its port, neither end is
 * disabled and nobody cut the cable; both ends then go to INIT and the subnet
 * manager brings them on: the one built in (sm.h), or one behind a port.
 * Subnet management packets pass a link that is up; everything else needs
 * both ends ACTIVE, a forwarding table's entry, a virtual lane for its service
 * level and, where the port enforces partitions, a P_Key of its table.
 * switch_sma.h is the agent that sets these tables.
 */
#include "link.h"
#include "loop.h"
#include "packet.h"
#include "port.h"
#include "sa.h"
#include "sm.h"
#include "trap.h"

struct card_port;
struct fabric;

enum {
	SWITCH_MAX_PORTS = 33, /* with port 0 */
	SWITCH_NR_LIDS = 0xc000,
	SWITCH_NR_MLIDS = 1024,
	SWITCH_INFO_BYTES = 64,
	LFT_DROP = 0xff, /* no port: unicast tables, default multicast ports */
};

struct switch_port {
	struct port port;
	struct link link; /* not of port 0 */
};

struct ib_switch {
	struct fabric *fabric;
	unsigned int nr_ports; /* external ones */
	u64 guid;
	struct switch_port ports[SWITCH_MAX_PORTS];
	u8 lft[SWITCH_NR_LIDS];
	u64 mft[SWITCH_NR_MLIDS];                        /* bit per port */
	u8 info[SWITCH_INFO_BYTES];                      /* SwitchInfo */
	u8 sl2vl[SWITCH_MAX_PORTS][SWITCH_MAX_PORTS][8]; /* from, to */
	struct trap trap;
	u64 nr_forwarded, nr_dropped;
	u64 seed; /* of what goes wrong by chance */
	struct sm sm;
	struct sa sa;
};

void switch_init(struct ib_switch *sw, struct fabric *fabric,
		 unsigned int nr_ports);
void switch_close(struct ib_switch *sw);

/* @end's driver enabled or disabled it, or its link was cut. */
void switch_link_changed(struct ib_switch *sw, struct card_port *end);

/* The link goes down and trains again. */
void switch_link_bounce(struct ib_switch *sw, struct card_port *end);

/* A packet comes in at @port (0: from the switch's own agents). */
void switch_send(struct ib_switch *sw, unsigned int port,
		 const struct packet *packet);

/* What the switch looks at in a packet's headers. */
struct route_key {
	u16 dlid, pkey;
	u8 sl;
};

/**
 * switch_find_end - the port that data from @from to LID @key->dlid reaches.
 *
 * Return: the card's port, or NULL: the packet was dropped, and counted.
 */
struct card_port *switch_find_end(struct ib_switch *sw,
				  const struct card_port *from,
				  const struct route_key *key);

/* Packets have gone from one end to the other: count them at four ports. */
void switch_count(struct ib_switch *sw, struct card_port *from,
		  struct card_port *to, const struct volume *volume);

/* A datagram has come through @port's link to the switch. */
void switch_arrives(struct ib_switch *sw, unsigned int port,
		    const struct packet *packet);

/* A datagram has come through @port's link to the card there. */
void switch_leaves(struct ib_switch *sw, unsigned int port,
		   const struct packet *packet);

/* A packet was damaged on @port's link: count it where it was noticed. */
void switch_damaged(struct ib_switch *sw, unsigned int port, enum link_end end);

/* Begin all sequences of chance anew: see link.h. */
void switch_seed(struct ib_switch *sw, u64 seed);

/* The injected delay of a packet between the two. */
u64 switch_delay_ns(const struct ib_switch *sw, const struct card_port *from,
		    const struct card_port *to);

/**
 * switch_loses - does an injected fault eat a packet between the two?  Within
 * one port there is no cable.
 */
bool switch_loses(struct ib_switch *sw, const struct card_port *from,
		  const struct card_port *to);

#endif /* FABRIC_SWITCH_H */
