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
 *
 * A port whose physical state was set to DISABLED stays DOWN until it is set
 * to POLLING.
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
	SL_NO_VL = 15, /* in sl2vl: packets of this level are dropped */
};

/* PortInfo's capability mask */
enum {
	CAPABILITY_SM = 1 << 1,
	CAPABILITY_TRAPS = 1 << 3,
	CAPABILITY_SL_MAPPING = 1 << 6,
	CAPABILITY_SYSTEM_GUID = 1 << 11,
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

/* What a port counts (InfiniBand specification, volume 1, 16.1.3.5). */
struct port_counters {
	u64 xmit_words, rcv_words; /* of four bytes, headers included */
	u64 xmit_packets, rcv_packets;
	u64 unicast_xmit, unicast_rcv, multicast_xmit, multicast_rcv;
	u64 link_downed;
	u64 symbol_errors;   /* of which each made */
	u64 rcv_errors;      /* a damaged packet */
	u64 relay_errors;    /* came in, and there is no way on */
	u64 xmit_discards;   /* were to go out, and the link was not active */
	u64 xmit_constraint; /* partition enforcement */
	u64 rcv_constraint;
	u64 vl15_dropped; /* subnet management, and nobody to take it */
};

/* So many packets of so many words together. */
struct volume {
	u64 packets, words;
	bool is_multicast;
};

struct port {
	u8 info[PORT_INFO_BYTES];
	u16 pkeys[PORT_NR_PKEYS];
	u64 guids[PORT_NR_GUIDS]; /* 0 is the port's own */
	u8 sl2vl[8];
	u8 vl_arbitration[4][64];
	bool is_disabled;
	u64 mkey_lease_end_ns; /* 0: no lease runs out */
	struct port_counters counters;
};

void port_init(struct port *port, u8 number, u64 guid, u32 capabilities);

enum port_state port_state(const struct port *port);
u16 port_lid(const struct port *port);
u32 port_path_mask(const struct port *port); /* of its LIDs, by the LMC */
u16 port_sm_lid(const struct port *port);
u64 port_gid_prefix(const struct port *port);
u32 port_mtu_bytes(const struct port *port); /* of the link */
u32 port_capabilities(const struct port *port);
void port_set_capabilities(struct port *port, u32 capabilities);

/**
 * port_set_rate - the most that the link can do: PortInfo's codes of the
 * width (1: 1x, 2: 4x) and speed (1, 2, 4); 0: as it is.
 */
void port_set_rate(struct port *port, u8 width, u8 speed);

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
 * port_admits_smp - the M_Key check (InfiniBand specification, volume 1,
 * 14.2.4) of an SMP with @mkey.
 * @sees_mkey: out: may the answer show the port's own key?
 *
 * Return: false if the SMP is to be dropped; it was counted.
 */
bool port_admits_smp(struct port *port, u64 mkey, bool is_get, bool *sees_mkey);

/* PortInfo's counter of packets that came with a P_Key or Q_Key not ours. */
void port_count_bad_pkey(struct port *port);
void port_count_bad_qkey(struct port *port);

void port_count_xmit(struct port *port, const struct volume *volume);
void port_count_rcv(struct port *port, const struct volume *volume);

/* Does a port of a switch drop what is not in its P_Key table? */
enum port_enforcement {
	PORT_ENFORCES_OUTBOUND = 1 << 2,
	PORT_ENFORCES_INBOUND = 1 << 3,
};

bool port_enforces(const struct port *port, enum port_enforcement direction);

/* May packets of service level @sl pass this table? */
bool sl2vl_passes(const u8 *sl2vl, u8 sl);

/**
 * port_find_pkey - the index of the entry that matches @pkey (low 15 bits
 * equal, at least one of both a full member).
 *
 * Return: the index, or -1.
 */
int port_find_pkey(const struct port *port, u16 pkey);

bool pkey_matches(u16 a, u16 b);

#endif /* FABRIC_PORT_H */
