/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_TOPOLOGY_H
#define FABRIC_TOPOLOGY_H

/*
 * What each card and port of the fabric is to be, from a file of sections:
 *
 *	# two hosts, one of them far away and with two ports
 *	[port 1]
 *	description = near
 *	[port 2]
 *	guid = 0x0002c903000a0000
 *	delay = 1ms
 *	[port 2:2]
 *	link = down
 *
 * [port N] is card N, and its first port; [port N:2] gives it a second one.
 * Documentation/fabric.md lists the keys.
 */
#include "link.h"

enum {
	TOPOLOGY_MAX_PORTS = 32, /* of all cards, and so cards, too */
	CARD_MAX_PORTS = 2,
	PLAN_MAX_PKEYS = 16,
	PLAN_SOCKET_BYTES = 108,
	PLAN_DESCRIPTION_BYTES = 64,
};

/* What is zero or empty stays as it is without a plan. */
struct port_plan {
	u8 width, speed; /* PortInfo's codes of what is active */
	u16 pkeys[PLAN_MAX_PKEYS];
	unsigned int nr_pkeys;
	struct link_faults faults; /* at first */
	u32 seen;                  /* keys that were given: a bit each */
	bool is_given;
};

struct card_plan {
	char socket[PLAN_SOCKET_BYTES];
	char description[PLAN_DESCRIPTION_BYTES];
	u64 guid; /* of the node; its ports' are one and two more */
	struct port_plan ports[CARD_MAX_PORTS]; /* that are given: it has */
};

struct topology {
	struct card_plan cards[TOPOLOGY_MAX_PORTS];
	unsigned int nr_cards;
};

/* The ports of a card that is to be so: one, unless a second is given. */
unsigned int card_plan_nr_ports(const struct card_plan *plan);

/* The ports of all cards. */
unsigned int topology_nr_ports(const struct topology *topology);

/**
 * topology_read - fill @topology, which is all zero, from file @path.
 * @error: gets "FILE:LINE: what is wrong".
 *
 * Return: false if the file is not right.
 */
bool topology_read(struct topology *topology, const char *path, char *error,
		   size_t error_bytes);

#endif /* FABRIC_TOPOLOGY_H */
