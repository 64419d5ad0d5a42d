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
