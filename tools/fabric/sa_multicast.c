/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MCMemberRecord: multicast groups.  A group comes into being with its first
 * member and takes that one's P_Key and Q_Key; nobody has to create IPoIB's
 * broadcast group.
 */
#include "fabric.h"
#include "log.h"
#include "mad.h"
#include "sa.h"

#include <string.h>

enum {
	COMPONENT_MGID = 1 << 0,
	COMPONENT_PORT_GID = 1 << 1,
	COMPONENT_QKEY = 1 << 2,
	COMPONENT_PKEY = 1 << 7,
	OFFSET_PORT_GUID = 24,
	OFFSET_QKEY = 32,
	OFFSET_PKEY = 40,
	OFFSET_JOIN = 48, /* scope, join state */
	QKEY_IPOIB = 0x00000b1b,
	EXACTLY = 2 << 6,
	MTU_2048 = 4,
	RATE_10 = 3,
	LIFE_TIME = 18,
	LINK_LOCAL_SCOPE = 2 << 4,
};

static int find_group(struct sa *sa, const u8 *mgid)
{
	for (int i = 0; i < SA_MAX_GROUPS; i++)
		if (sa->groups[i].is_used &&
		    !memcmp(sa->groups[i].mgid, mgid, 16))
			return i;
	return -1;
}

static int create_group(const struct sa_query *query)
{
	struct sa *sa = query->sa;

	for (int i = 0; i < SA_MAX_GROUPS; i++) {
		struct sa_group *group = &sa->groups[i];

		if (group->is_used)
			continue;
		memset(group, 0, sizeof(*group));
		group->is_used = true;
		memcpy(group->mgid, query->data, 16);
		group->qkey = QKEY_IPOIB;
		group->pkey = PKEY_DEFAULT;
		if (query->mask & COMPONENT_QKEY)
			group->qkey = get32(query->data + OFFSET_QKEY);
		if (query->mask & COMPONENT_PKEY)
			group->pkey = get16(query->data + OFFSET_PKEY);
		return i;
	}
	return -1;
}

/* The switch port behind which port GUID @guid is; 0: unknown. */
static unsigned int find_port(struct ib_switch *sw, u64 guid)
{
	for (unsigned int i = 1; i <= sw->nr_ports; i++)
		if (sw->sm.links[i].step == SM_DONE &&
		    sw->sm.links[i].guid == guid)
			return i;
	return 0;
}

static void add_member(struct sa_query *query, int index, unsigned int port)
{
	struct sa_group *group = &query->sa->groups[index];
	u8 *record = sa_add_record(query);

	if (!record)
		return;
	memcpy(record, group->mgid, 16);
	if (port) {
		const struct sm_link *link = &query->sa->sw->sm.links[port];

		put64(record + 16, 0xfe80000000000000ull);
		put64(record + OFFSET_PORT_GUID, link->guid);
	}
	put32(record + OFFSET_QKEY, group->qkey);
	put16(record + 36, (u16)(LID_MULTICAST + index));
	record[38] = EXACTLY | MTU_2048;
	put16(record + OFFSET_PKEY, group->pkey);
	record[42] = EXACTLY | RATE_10;
	record[43] = EXACTLY | LIFE_TIME;
	record[OFFSET_JOIN] = LINK_LOCAL_SCOPE | group->join_states[port];
}

static u16 join(struct sa_query *query)
{
	struct sa *sa = query->sa;
	unsigned int port =
		find_port(sa->sw, get64(query->data + OFFSET_PORT_GUID));
	int index = find_group(sa, query->data);

	if (!port)
		return SA_ERR_INVALID_GID;
	if (!(query->mask & COMPONENT_MGID) || query->data[0] != 0xff ||
	    !(query->data[OFFSET_JOIN] & 0xf))
		return SA_ERR_INVALID;
	if (index < 0)
		index = create_group(query);
	if (index < 0)
		return SA_ERR_NO_RESOURCES;
	sa->groups[index].join_states[port] |= query->data[OFFSET_JOIN] & 0xf;
	sa->sw->mft[index] |= 1ull << port;
	add_member(query, index, port);
	return 0;
}

static u16 leave(struct sa_query *query)
{
	struct sa *sa = query->sa;
	unsigned int port =
		find_port(sa->sw, get64(query->data + OFFSET_PORT_GUID));
	int index = find_group(sa, query->data);
	struct sa_group *group;

	if (index < 0 || !port || !sa->groups[index].join_states[port])
		return SA_ERR_INVALID;
	group = &sa->groups[index];
	add_member(query, index, port);
	group->join_states[port] &= (u8) ~(query->data[OFFSET_JOIN] & 0xf);
	if (!group->join_states[port])
		sa->sw->mft[index] &= ~(1ull << port);
	if (!sa->sw->mft[index])
		group->is_used = false;
	return 0;
}

static u16 list(struct sa_query *query)
{
	struct sa *sa = query->sa;

	for (int i = 0; i < SA_MAX_GROUPS; i++) {
		if (!sa->groups[i].is_used)
			continue;
		if ((query->mask & COMPONENT_MGID) &&
		    memcmp(sa->groups[i].mgid, query->data, 16))
			continue;
		add_member(query, i, 0);
	}
	return 0;
}

u16 sa_multicast_records(struct sa_query *query)
{
	switch (query->method) {
	case METHOD_SET:
		return join(query);
	case METHOD_DELETE:
		return leave(query);
	default:
		return list(query);
	}
}
