/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SA_H
#define FABRIC_SA_H

/*
 * The subnet administrator, on QP1 behind the switch's port 0.
 *
 * It answers ClassPortInfo, NodeRecord, PortInfoRecord, PathRecord,
 * MCMemberRecord and ServiceRecord (InfiniBand specification, volume 1,
 * chapter 15).  Nodes, ports and paths are computed from the subnet as it is.
 * A service stays until it is deleted or its lease ends, even if the port
 * that set it goes, as with a real subnet manager; a group's members leave it
 * when their link goes down.
 *
 * A GetTable is answered by RMPP (rmpp.h), everything else by one MAD.
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

/* Where things are in an SA MAD, and how it says no. */
enum {
	SA_ATTRIBUTE_OFFSET = 44,
	SA_COMPONENT_MASK = 48,
	SA_DATA = 56,
	SA_DATA_BYTES = 200,
	SA_ERR_NO_RESOURCES = 0x0100,
	SA_ERR_INVALID = 0x0200,
	SA_ERR_NO_RECORDS = 0x0300,
	SA_ERR_TOO_MANY = 0x0400,
	SA_ERR_INVALID_GID = 0x0500,
	SA_ERR_INSUFFICIENT = 0x0600,
};

struct sa_service {
	bool is_used;
	u64 expires_ns; /* UINT64_MAX: never */
	u8 record[SERVICE_BYTES];
};

struct sa_group {
	bool is_used;
	u8 mgid[16];
	u32 qkey;
	u16 pkey;
	u8 join_states[33]; /* by switch port; 0: no member there */
};

struct sa {
	struct ib_switch *sw;
	struct sa_service services[SA_MAX_SERVICES];
	struct sa_group groups[SA_MAX_GROUPS]; /* MLID 0xc000 + index */
	struct rmpp rmpp;
};

/* A question, decoded, and its records. */
struct sa_query {
	struct sa *sa;
	const struct packet *packet;
	u8 method;
	u64 mask;
	const u8 *data;
	u8 *records; /* of record_bytes each */
	u32 record_bytes, nr_records, max_records;
};

void sa_init(struct sa *sa, struct ib_switch *sw);
void sa_close(struct sa *sa);

/* A packet for the management port's QP1. */
void sa_receive(struct sa *sa, const struct packet *packet);

/* The link at switch port @number went. */
void sa_port_gone(struct sa *sa, unsigned int number);

/**
 * sa_add_record - room for one more record of the answer.
 *
 * Return: zeroed bytes, or NULL if the answer is full.
 */
u8 *sa_add_record(struct sa_query *query);

/* A component: @bytes at @offset of the record, @bit of the mask. */
struct sa_component {
	u8 bit;
	u8 offset, bytes;
};

/* Does @record have every component that the query's mask names? */
bool sa_matches(const struct sa_query *query, const u8 *record,
		const struct sa_component *components, unsigned int nr);

/* What answers an attribute.  Return: a MAD status. */
u16 sa_node_records(struct sa_query *query);
u16 sa_port_info_records(struct sa_query *query);
u16 sa_path_records(struct sa_query *query);
u16 sa_service_records(struct sa_query *query);
u16 sa_multicast_records(struct sa_query *query);

#endif /* FABRIC_SA_H */
