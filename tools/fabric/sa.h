/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SA_H
#define FABRIC_SA_H

/*
 * The subnet administrator, on QP1 behind the switch's port 0.
 *
 * It answers ClassPortInfo, NodeRecord, PortInfoRecord, PathRecord,
 * MCMemberRecord and ServiceRecord.  Everything but services and group
 * members is computed from the subnet as it is.  A record that its port's
 * going made untrue is dropped at once; a service also when its lease ends.
 *
 * An answer that does not fit one MAD goes out by RMPP (rmpp.h).
 */
#include "loop.h"
#include "packet.h"
#include "rmpp.h"

struct ib_switch;

enum {
	SA_MAX_SERVICES = 256,
	SA_MAX_GROUPS = 64,
	SERVICE_BYTES = 176,
};

struct sa_service {
	bool is_used;
	unsigned int port; /* of the switch: who set it */
	u64 expires_ns;    /* UINT64_MAX: never */
	u8 record[SERVICE_BYTES];
};

struct sa_group {
	bool is_used;
	u8 mgid[16];
	u32 qkey;
	u16 pkey;
	u8 full_members[33]; /* join count by switch port */
};

struct sa {
	struct ib_switch *sw;
	struct sa_service services[SA_MAX_SERVICES];
	struct sa_group groups[SA_MAX_GROUPS]; /* MLID 0xc000 + index */
	struct rmpp rmpp;
};

void sa_init(struct sa *sa, struct ib_switch *sw);
void sa_close(struct sa *sa);

/* A packet for the management port's QP1. */
void sa_receive(struct sa *sa, const struct packet *packet);

/* The link at switch port @number went: so do its services and members. */
void sa_port_gone(struct sa *sa, unsigned int number);

#endif /* FABRIC_SA_H */
