/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SWITCH_H
#define FABRIC_SWITCH_H

/*
 * The managed switch in the middle: card i hangs on port i + 1; port 0 is
 * its management port, behind which also the subnet manager (sm.h) and the
 * subnet administrator (sa.h) live.
 *
 * A link is up when the card's driver has enabled its port, neither end is
 * disabled and nobody cut the cable; both ends then go to INIT and the subnet
 * manager brings them on: the one built in (sm.h), or one behind a port.
 * Subnet management packets pass a link that is up; everything else needs
 * both ends ACTIVE, a forwarding table's entry, a virtual lane for its service
 * level and, where the port enforces partitions, a P_Key of its table.
 * switch_sma.h is the agent that sets these tables.
 */
#include "loop.h"
#include "packet.h"
#include "port.h"
#include "sa.h"
#include "sm.h"
#include "trap.h"

struct card;
struct fabric;

enum {
	SWITCH_MAX_PORTS = 33, /* with port 0 */
	SWITCH_NR_LIDS = 0xc000,
	SWITCH_NR_MLIDS = 1024,
	SWITCH_INFO_BYTES = 64,
	LFT_DROP = 0xff, /* no port: unicast tables, default multicast ports */
};

/* What goes wrong on a link, on demand. */
struct link_faults {
	bool is_cut;
	u32 drop_permille;
	u64 delay_ns;
};

struct switch_port {
	struct port port;
	struct link_faults faults;
};

/* A packet that takes its time. */
struct slow_packet {
	struct slow_packet *next, **link;
	struct ib_switch *sw;
	unsigned int port;
	struct timer timer;
	struct packet packet;
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
	u64 nr_forwarded, nr_dropped, nr_injected_drops;
	u32 random;
	struct slow_packet *slow;
	struct sm sm;
	struct sa sa;
};

void switch_init(struct ib_switch *sw, struct fabric *fabric,
		 unsigned int nr_ports);
void switch_close(struct ib_switch *sw);

/* @card's driver enabled or disabled its port, or its link was cut. */
void switch_link_changed(struct ib_switch *sw, struct card *card);

/* The link goes down and trains again. */
void switch_link_bounce(struct ib_switch *sw, struct card *card);

/* A packet comes in at @port (0: from the switch's own agents). */
void switch_send(struct ib_switch *sw, unsigned int port,
		 const struct packet *packet);

/* What the switch looks at in a packet's headers. */
struct route_key {
	u16 dlid, pkey;
	u8 sl;
};

/**
 * switch_find_card - the card that data from @from to LID @key->dlid reaches.
 *
 * Return: the card, or NULL: the packet was dropped, and counted.
 */
struct card *switch_find_card(struct ib_switch *sw, const struct card *from,
			      const struct route_key *key);

/* Packets have gone from one card to the other: count them at four ports. */
void switch_count(struct ib_switch *sw, struct card *from, struct card *to,
		  const struct volume *volume);

/* The injected delay of a message between the two. */
u64 switch_delay_ns(const struct ib_switch *sw, const struct card *from,
		    const struct card *to);

/* Does an injected fault eat a message between the two? */
bool switch_loses(struct ib_switch *sw, const struct card *from,
		  const struct card *to);

#endif /* FABRIC_SWITCH_H */
