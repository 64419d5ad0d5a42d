/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_PORT_H
#define FABRIC_PORT_H

/*
 * An InfiniBand port: of a card, or of the switch.
 *
 * Its state is what PortInfo shows; struct port keeps the attribute's bytes
 * and this is the only place that changes them.
 *
 *             link trained          Set(ARMED)         Set(ACTIVE)
 *     DOWN  ------------->  INIT  ------------>  ARMED ----------> ACTIVE
 *       ^                    |                     |                 |
 *       +--------------------+---------------------+-----------------+
 *          port_link_down(): the other end went, or Set(DOWN)
 */
#include "types.h"

enum port_state {
	PORT_NO_CHANGE = 0,
	PORT_DOWN = 1,
	PORT_INIT = 2,
	PORT_ARMED = 3,
	PORT_ACTIVE = 4,
};

enum {
	PORT_INFO_BYTES = 64,
	PORT_NR_PKEYS = 128,
	PORT_NR_GUIDS = 128,
	PORT_PKEYS_PER_BLOCK = 32,
	PORT_GUIDS_PER_BLOCK = 8,
	LID_PERMISSIVE = 0xffff,
	LID_MULTICAST = 0xc000, /* first */
	PKEY_DEFAULT = 0xffff,
};

/* What a change of PortInfo did, for the events that it raises. */
enum {
	PORT_CHANGED_SM_LID = 1 << 0,
	PORT_CHANGED_PREFIX = 1 << 1,
	PORT_CHANGED_LID = 1 << 2,
	PORT_CHANGED_REREGISTER = 1 << 3,
	PORT_CHANGED_SM_SL = 1 << 4,
	PORT_CHANGED_ACTIVE = 1 << 8,
	PORT_CHANGED_DOWN = 1 << 9,
};

struct port {
	u8 info[PORT_INFO_BYTES];
	u16 pkeys[PORT_NR_PKEYS];
	u64 guids[PORT_NR_GUIDS]; /* 0 is the port's own */
	u8 sl2vl[8];
	u8 vl_arbitration[4][64];
};

void port_init(struct port *port, u8 number, u64 guid, u32 capabilities);

enum port_state port_state(const struct port *port);
u16 port_lid(const struct port *port);
u16 port_sm_lid(const struct port *port);
u64 port_gid_prefix(const struct port *port);
u32 port_mtu_bytes(const struct port *port); /* of the link */
void port_set_capabilities(struct port *port, u32 capabilities);

/* The link came up or went; LID and prefix stay. */
void port_link_up(struct port *port);
void port_link_down(struct port *port);

/**
 * port_set_info - apply a Set(PortInfo).
 * @changed: out: PORT_CHANGED_ bits.
 *
 * Return: false if the attribute asks for what is not allowed (then nothing
 *         was changed).
 */
bool port_set_info(struct port *port, const u8 *info, u32 *changed);

/**
 * port_find_pkey - the index of the entry that matches @pkey (low 15 bits
 * equal, at least one of both a full member).
 *
 * Return: the index, or -1.
 */
int port_find_pkey(const struct port *port, u16 pkey);

bool pkey_matches(u16 a, u16 b);

#endif /* FABRIC_PORT_H */
