/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PortInfo offsets: InfiniBand specification, volume 1, 14.2.5.6. */
#include "port.h"
#include "be.h"
#include "loop.h"

#include <string.h>

enum {
	INFO_MKEY = 0,
	INFO_PREFIX = 8,
	INFO_LID = 16,
	INFO_SM_LID = 18,
	INFO_CAPABILITIES = 20,
	INFO_MKEY_LEASE = 26,
	INFO_WIDTH_ENABLED = 29,
	INFO_WIDTH_SUPPORTED = 30,
	INFO_WIDTH_ACTIVE = 31,
	INFO_STATE = 32,
	INFO_PHYSICAL = 33,
	INFO_LMC = 34,
	INFO_SPEED = 35, /* active, enabled */
	INFO_NEIGHBOR_MTU = 36,
	INFO_OPERATIONAL_VLS = 43,
	INFO_MKEY_VIOLATIONS = 44,
	INFO_PKEY_VIOLATIONS = 46,
	INFO_QKEY_VIOLATIONS = 48,
	INFO_SUBNET_TIMEOUT = 51,
	PHYSICAL_POLLING = 2,
	PHYSICAL_DISABLED = 3,
	PHYSICAL_LINK_UP = 5,
	PKEY_FULL = 0x8000,
	MTU_4096 = 5, /* code */
};

/* Appendix "Byte images" of a trained 4x QDR port, before the SM came. */
static void init_info(u8 *info, u8 number, u32 capabilities)
{
	memset(info, 0, PORT_INFO_BYTES);
	put64(info + INFO_PREFIX, 0xfe80000000000000ull);
	put32(info + INFO_CAPABILITIES, capabilities);
	info[28] = number;
	info[INFO_WIDTH_ENABLED] = 0x03; /* 1x, 4x */
	info[INFO_WIDTH_SUPPORTED] = 0x03;
	info[INFO_WIDTH_ACTIVE] = 0x02;      /* 4x */
	info[INFO_STATE] = 0x70 | PORT_DOWN; /* SDR, DDR, QDR */
	info[INFO_PHYSICAL] = PHYSICAL_POLLING << 4 | 2;
	info[INFO_SPEED] = 0x47;        /* QDR active */
	info[INFO_NEIGHBOR_MTU] = 0x50; /* 4096 */
	info[37] = 0x40;                /* VL0-7 */
	info[39] = 8;
	info[40] = 8;
	info[41] = MTU_4096; /* what it could do */
	info[INFO_OPERATIONAL_VLS] = 0x40;
	info[50] = PORT_NR_GUIDS;
	info[INFO_SUBNET_TIMEOUT] = 18;
	info[52] = 16; /* response time */
	info[53] = 0x88;
}

void port_init(struct port *port, u8 number, u64 guid, u32 capabilities)
{
	memset(port, 0, sizeof(*port));
	init_info(port->info, number, capabilities);
	port->pkeys[0] = PKEY_DEFAULT;
	port->guids[0] = guid;
	for (int i = 0; i < 8; i++) /* SL n on VL n mod 8 */
		port->sl2vl[i] = (u8)((2 * i & 7) << 4 | ((2 * i + 1) & 7));
}

enum port_state port_state(const struct port *port)
{
	return port->info[INFO_STATE] & 0xf;
}

static void set_state(struct port *port, enum port_state state, u8 physical)
{
	port->info[INFO_STATE] = (u8)((port->info[INFO_STATE] & 0xf0) | state);
	port->info[INFO_PHYSICAL] =
		(u8)((port->info[INFO_PHYSICAL] & 0xf) | physical << 4);
}

u16 port_lid(const struct port *port)
{
	return get16(port->info + INFO_LID);
}

u32 port_path_mask(const struct port *port)
{
	return (1u << (port->info[INFO_LMC] & 7)) - 1;
}

u16 port_sm_lid(const struct port *port)
{
	return get16(port->info + INFO_SM_LID);
}

u64 port_gid_prefix(const struct port *port)
{
	return get64(port->info + INFO_PREFIX);
}

u32 port_mtu_bytes(const struct port *port)
{
	u32 code = port->info[INFO_NEIGHBOR_MTU] >> 4;

	return 128u << (code >= 1 && code <= 5 ? code : 1);
}

u32 port_capabilities(const struct port *port)
{
	return get32(port->info + INFO_CAPABILITIES);
}

void port_set_capabilities(struct port *port, u32 capabilities)
{
	put32(port->info + INFO_CAPABILITIES, capabilities);
}

void port_set_rate(struct port *port, u8 width, u8 speed)
{
	u8 *info = port->info;

	/* what is below the highest bit is supported, too */
	if (width) {
		info[INFO_WIDTH_ENABLED] = (u8)(2 * width - 1);
		info[INFO_WIDTH_SUPPORTED] = (u8)(2 * width - 1);
		info[INFO_WIDTH_ACTIVE] = width;
	}
	if (speed) {
		info[INFO_STATE] =
			(u8)((info[INFO_STATE] & 0xf) | (2 * speed - 1) << 4);
		info[INFO_SPEED] = (u8)(speed << 4 | (2 * speed - 1));
	}
}

void port_link_up(struct port *port)
{
	set_state(port, PORT_INIT, PHYSICAL_LINK_UP);
}

void port_link_down(struct port *port)
{
	if (port_state(port) != PORT_DOWN)
		port->counters.link_downed++;
	set_state(port, PORT_DOWN,
		  port->is_disabled ? PHYSICAL_DISABLED : PHYSICAL_POLLING);
}

static bool may_change_state(enum port_state from, enum port_state to)
{
	switch (to) {
	case PORT_NO_CHANGE:
	case PORT_DOWN:
		return true;
	case PORT_ARMED:
		return from == PORT_INIT || from == PORT_ARMED;
	case PORT_ACTIVE:
		return from == PORT_ARMED || from == PORT_ACTIVE;
	default:
		return false;
	}
}

/* The bytes that a Set stores as they are given: from, to (excluded). */
static const struct {
	u8 from, to;
} settable[] = {
	{0, 20},  /* M_Key, prefix, LID, SM LID */
	{26, 28}, /* M_Key lease */
	{38, 39}, /* VL high limit */
	{42, 43}, /* VL stall count, HOQ life */
	{44, 50}, /* violation counters */
	{51, 52}, /* subnet timeout */
	{53, 54}, /* thresholds */
};

static void take_fields(struct port *port, const u8 *new)
{
	u8 *info = port->info;

	for (size_t i = 0; i < ARRAY_LEN(settable); i++)
		memcpy(info + settable[i].from, new + settable[i].from,
		       settable[i].to - settable[i].from);
	info[INFO_SUBNET_TIMEOUT] &= 0x7f; /* reregister is an order */
	info[INFO_LMC] = new[INFO_LMC] & 0xc7;
	info[INFO_NEIGHBOR_MTU] = new[INFO_NEIGHBOR_MTU];
	/* no virtual lanes: no change; partition enforcement: as given */
	info[INFO_OPERATIONAL_VLS] = (u8)((info[INFO_OPERATIONAL_VLS] & 0xf0) |
					  (new[INFO_OPERATIONAL_VLS] & 0x0f));
	if (new[INFO_OPERATIONAL_VLS] >> 4)
		info[INFO_OPERATIONAL_VLS] = new[INFO_OPERATIONAL_VLS];
	if (new[INFO_PHYSICAL] & 0xf)
		info[INFO_PHYSICAL] = (u8)((info[INFO_PHYSICAL] & 0xf0) |
					   (new[INFO_PHYSICAL] & 0xf));
}

bool port_set_info(struct port *port, const u8 *info, u32 *changed)
{
	enum port_state from = port_state(port), to = info[INFO_STATE] & 0xf;
	u8 physical = info[INFO_PHYSICAL] >> 4;
	u8 old[PORT_INFO_BYTES];

	*changed = 0;
	if (!may_change_state(from, to) ||
	    get16(info + INFO_LID) >= LID_MULTICAST ||
	    info[INFO_NEIGHBOR_MTU] >> 4 > MTU_4096)
		return false;
	memcpy(old, port->info, sizeof(old));
	take_fields(port, info);
	if (memcmp(old + INFO_SM_LID, info + INFO_SM_LID, 2))
		*changed |= PORT_CHANGED_SM_LID;
	if (memcmp(old + INFO_PREFIX, info + INFO_PREFIX, 8))
		*changed |= PORT_CHANGED_PREFIX;
	if (memcmp(old + INFO_LID, info + INFO_LID, 2))
		*changed |= PORT_CHANGED_LID;
	if (info[INFO_SUBNET_TIMEOUT] & 0x80)
		*changed |= PORT_CHANGED_REREGISTER;
	if ((old[INFO_NEIGHBOR_MTU] ^ info[INFO_NEIGHBOR_MTU]) & 0xf)
		*changed |= PORT_CHANGED_SM_SL;
	if (physical == PHYSICAL_POLLING || physical == PHYSICAL_DISABLED)
		port->is_disabled = physical == PHYSICAL_DISABLED;
	if (to == PORT_DOWN || physical == PHYSICAL_POLLING ||
	    physical == PHYSICAL_DISABLED) {
		*changed |= PORT_CHANGED_DOWN;
	} else if (to != PORT_NO_CHANGE) {
		if (to == PORT_ACTIVE && from != PORT_ACTIVE)
			*changed |= PORT_CHANGED_ACTIVE;
		set_state(port, to, PHYSICAL_LINK_UP);
	}
	return true;
}

/* When a lease is over, nothing is protected any more. */
static void expire_mkey_lease(struct port *port)
{
	if (port->mkey_lease_end_ns &&
	    loop_now_ns() >= port->mkey_lease_end_ns) {
		port->info[INFO_LMC] &= 0x3f;
		port->mkey_lease_end_ns = 0;
	}
}

static void count_violation(struct port *port, u32 offset)
{
	u16 n = get16(port->info + offset);

	if (n != UINT16_MAX)
		put16(port->info + offset, (u16)(n + 1));
}

bool port_admits_smp(struct port *port, u64 mkey, bool is_get, bool *sees_mkey)
{
	enum { HIDES_KEY = 1, REFUSES_GET = 2 };
	u64 own = get64(port->info + INFO_MKEY);
	u16 lease_s = get16(port->info + INFO_MKEY_LEASE);
	u8 protection;

	expire_mkey_lease(port);
	protection = port->info[INFO_LMC] >> 6;
	*sees_mkey = !own || own == mkey || protection < HIDES_KEY;
	if (!own || own == mkey) {
		port->mkey_lease_end_ns = 0;
		return true;
	}
	if (is_get && protection < REFUSES_GET)
		return true;
	count_violation(port, INFO_MKEY_VIOLATIONS);
	if (lease_s && !port->mkey_lease_end_ns)
		port->mkey_lease_end_ns =
			loop_now_ns() + lease_s * 1000000000ull;
	return false;
}

void port_count_bad_pkey(struct port *port)
{
	count_violation(port, INFO_PKEY_VIOLATIONS);
}

void port_count_bad_qkey(struct port *port)
{
	count_violation(port, INFO_QKEY_VIOLATIONS);
}

void port_count_xmit(struct port *port, const struct volume *volume)
{
	struct port_counters *c = &port->counters;

	c->xmit_packets += volume->packets;
	c->xmit_words += volume->words;
	if (volume->is_multicast)
		c->multicast_xmit += volume->packets;
	else
		c->unicast_xmit += volume->packets;
}

void port_count_rcv(struct port *port, const struct volume *volume)
{
	struct port_counters *c = &port->counters;

	c->rcv_packets += volume->packets;
	c->rcv_words += volume->words;
	if (volume->is_multicast)
		c->multicast_rcv += volume->packets;
	else
		c->unicast_rcv += volume->packets;
}

bool port_enforces(const struct port *port, enum port_enforcement direction)
{
	return port->info[INFO_OPERATIONAL_VLS] & direction;
}

bool sl2vl_passes(const u8 *sl2vl, u8 sl)
{
	u8 both = sl2vl[(sl & 15) / 2];

	return (sl & 1 ? both & 15 : both >> 4) != SL_NO_VL;
}

bool pkey_matches(u16 a, u16 b)
{
	return !((a ^ b) & 0x7fff) && (a & 0x7fff) && ((a | b) & PKEY_FULL);
}

int port_find_pkey(const struct port *port, u16 pkey)
{
	for (int i = 0; i < PORT_NR_PKEYS; i++)
		if (pkey_matches(port->pkeys[i], pkey))
			return i;
	return -1;
}
