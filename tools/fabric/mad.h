/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_MAD_H
#define FABRIC_MAD_H

/*
 * Management datagrams: numbers and offsets (InfiniBand specification,
 * volume 1, chapters 13 to 16).
 */
#include "be.h"

enum { MAD_BYTES = 256 };

/* Header */
enum {
	MAD_BASE_VERSION = 0,
	MAD_CLASS = 1,
	MAD_CLASS_VERSION = 2,
	MAD_METHOD = 3,
	MAD_STATUS = 4,
	MAD_HOP_POINTER = 6, /* directed-route SMP only, as the next */
	MAD_HOP_COUNT = 7,
	MAD_TID = 8,
	MAD_ATTRIBUTE = 16,
	MAD_MODIFIER = 20,
	SMP_MKEY = 24,
};

enum mad_class {
	CLASS_SMP = 0x01,
	CLASS_SMP_DIRECTED = 0x81,
	CLASS_SA = 0x03,
	CLASS_PERFORMANCE = 0x04,
};

enum mad_method {
	METHOD_GET = 0x01,
	METHOD_SET = 0x02,
	METHOD_TRAP = 0x05,
	METHOD_TRAP_REPRESS = 0x07,
	METHOD_GET_TABLE = 0x12,
	METHOD_DELETE = 0x15,
	METHOD_RESPONSE = 0x80,
};

enum mad_attribute {
	ATTR_CLASS_PORT_INFO = 0x0001,
	ATTR_NOTICE = 0x0002,
	ATTR_INFORM_INFO = 0x0003,
	ATTR_NODE_DESCRIPTION = 0x0010,
	ATTR_NODE_INFO = 0x0011,
	ATTR_SWITCH_INFO = 0x0012,
	ATTR_GUID_INFO = 0x0014,
	ATTR_PORT_INFO = 0x0015,
	ATTR_PKEY_TABLE = 0x0016,
	ATTR_SL_TO_VL = 0x0017,
	ATTR_VL_ARBITRATION = 0x0018,
	ATTR_LINEAR_FORWARDING = 0x0019,
	ATTR_MULTICAST_FORWARDING = 0x001b,
	ATTR_SM_INFO = 0x0020,
	ATTR_MLNX_EXTENDED_PORT = 0xff90, /* whether a link runs FDR10 */
};

enum {
	STATUS_UNSUPPORTED_METHOD = 0x0008,
	STATUS_UNSUPPORTED = 0x000c,
	STATUS_BAD_FIELD = 0x001c,
	STATUS_RETURNING = 0x8000, /* D: a directed-route reply */
};

/* SMP */
enum {
	SMP_DR_SLID = 32,
	SMP_DR_DLID = 34,
	SMP_DATA = 64,
	SMP_DATA_BYTES = 64,
	SMP_INITIAL_PATH = 128,
	SMP_RETURN_PATH = 192,
	SMP_MAX_HOPS = 63,
};

enum { NODE_TYPE_CA = 1, NODE_TYPE_SWITCH = 2 };

static inline u16 mad_attribute(const u8 *mad)
{
	return get16(mad + MAD_ATTRIBUTE);
}

static inline u32 mad_modifier(const u8 *mad)
{
	return get32(mad + MAD_MODIFIER);
}

static inline bool mad_is_smp(const u8 *mad)
{
	return mad[MAD_CLASS] == CLASS_SMP ||
	       mad[MAD_CLASS] == CLASS_SMP_DIRECTED;
}

#endif /* FABRIC_MAD_H */
