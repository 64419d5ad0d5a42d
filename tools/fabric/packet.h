/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_PACKET_H
#define FABRIC_PACKET_H

/*
 * A datagram on the wire: UD, or a MAD.  Headers are fields, not bytes;
 * checksums are not modelled.
 */
#include "types.h"

enum {
	GRH_BYTES = 40,
	PACKET_MAX_BYTES = 4096,
	QPN_SMI = 0,
	QPN_GSI = 1,
	QPN_MULTICAST = 0xffffff,
};

/* Headers as bytes (InfiniBand specification, volume 1, 5.2). */
enum {
	LRH_BYTES = 8,
	LNH_LOCAL = 2, /* link next header: BTH, or a GRH before it */
	LNH_GLOBAL = 3,
	BTH_BYTES = 12,
	DETH_BYTES = 8,
	IMMEDIATE_BYTES = 4,
	ICRC_BYTES = 4,
	VCRC_BYTES = 2,
	BTH_UD_SEND = 0x64, /* opcodes */
	BTH_UD_SEND_IMM = 0x65,
};

enum { QKEY_GSI = 0x80010000u };

struct packet {
	u16 dlid, slid;
	u8 sl;
	bool is_vl15, has_grh, has_immediate, is_solicited;
	u32 dqpn, sqpn, qkey, immediate;
	u16 pkey;
	u8 grh[GRH_BYTES];
	u32 bytes;
	u8 data[PACKET_MAX_BYTES];
};

#endif /* FABRIC_PACKET_H */
