/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SwitchInfo: InfiniBand specification, volume 1, 14.2.5.4. */
#include "switch_sma.h"
#include "be.h"
#include "fabric.h"
#include "mad.h"
#include "sma.h"

#include <stdio.h>
#include <string.h>

enum {
	SWITCH_DEVICE = 0xc738, /* an SX6036's */
	LFT_BLOCK = 64,
	MFT_BLOCK = 32,
	MFT_PORTS = 16,   /* of one position */
	ALL_PORTS = 0xff, /* SL to VL: a wildcard */
};

/* SwitchInfo */
enum {
	INFO_LINEAR_CAP = 0,
	INFO_MULTICAST_CAP = 4,
	INFO_LINEAR_TOP = 6,
	INFO_DEFAULT_PORT = 8,
	INFO_MULTICAST_PRIMARY = 9,
	INFO_MULTICAST_OTHER = 10,
	INFO_LIFE_AND_STATE = 11,
	INFO_ENFORCEMENT_CAP = 14,
	INFO_FLAGS = 16,
	STATE_CHANGE = 1 << 2,
	LIFE_TIME = 18 << 3,
	ENFORCES_INBOUND = 1 << 7,
	ENFORCES_OUTBOUND = 1 << 6,
};

void switch_sma_init(struct ib_switch *sw)
{
	u8 *info = sw->info;

	memset(info, 0, SWITCH_INFO_BYTES);
	put16(info + INFO_LINEAR_CAP, SWITCH_NR_LIDS);
	put16(info + INFO_MULTICAST_CAP, SWITCH_NR_MLIDS);
	info[INFO_MULTICAST_PRIMARY] = LFT_DROP;
	info[INFO_MULTICAST_OTHER] = LFT_DROP;
	info[INFO_LIFE_AND_STATE] = LIFE_TIME;
	put16(info + INFO_ENFORCEMENT_CAP, PORT_NR_PKEYS);
	info[INFO_FLAGS] = ENFORCES_INBOUND | ENFORCES_OUTBOUND;
}

void switch_sma_state_changed(struct ib_switch *sw)
{
	sw->info[INFO_LIFE_AND_STATE] |= STATE_CHANGE;
}

u16 switch_sma_linear_top(const struct ib_switch *sw)
{
	return get16(sw->info + INFO_LINEAR_TOP);
}

void switch_sma_set_linear_top(struct ib_switch *sw, u16 lid)
{
	put16(sw->info + INFO_LINEAR_TOP, lid);
}

u8 switch_sma_default_multicast(const struct ib_switch *sw,
				unsigned int in_port)
{
	u8 primary = sw->info[INFO_MULTICAST_PRIMARY];

	return primary == in_port ? sw->info[INFO_MULTICAST_OTHER] : primary;
}

static u16 switch_info(struct ib_switch *sw, bool is_set, u8 *data)
{
	u8 *info = sw->info;

	if (is_set) {
		if (get16(data + INFO_LINEAR_TOP) >= SWITCH_NR_LIDS)
			return STATUS_BAD_FIELD;
		/* top, and the default ports */
		memcpy(info + INFO_LINEAR_TOP, data + INFO_LINEAR_TOP,
		       INFO_LIFE_AND_STATE - INFO_LINEAR_TOP);
		/* writing the state change as 1 clears it */
		info[INFO_LIFE_AND_STATE] =
			(u8)((data[INFO_LIFE_AND_STATE] & 0xf8) |
			     (info[INFO_LIFE_AND_STATE] & STATE_CHANGE &
			      ~data[INFO_LIFE_AND_STATE]));
	}
	memcpy(data, info, SWITCH_INFO_BYTES);
	return 0;
}

static void node_info(const struct ib_switch *sw, unsigned int in, u8 *data)
{
	struct node_identity identity = {
		.type = NODE_TYPE_SWITCH,
		.nr_ports = (u8)sw->nr_ports,
		.port = (u8)in,
		.node_guid = sw->guid,
		.port_guid = sw->guid,
		.system_guid = sw->guid,
		.nr_pkeys = PORT_NR_PKEYS,
		.device = SWITCH_DEVICE,
	};

	sma_node_info(&identity, data);
}

/* Port 0 is a base port: its state is what it is. */
static u16 set_port_info(struct ib_switch *sw, u32 number, u8 *data)
{
	struct port *port = &sw->ports[number].port;
	u32 changed;

	if (!number) {
		data[32] &= 0xf0;
		data[33] &= 0x0f;
	}
	if (!port_set_info(port, data, &changed))
		return STATUS_BAD_FIELD;
	if ((changed & PORT_CHANGED_DOWN) && number)
		switch_link_bounce(sw, fabric_port(sw->fabric, number));
	return 0;
}

static u16 port_info(struct ib_switch *sw, bool is_set, unsigned int in,
		     u32 number, u8 *data)
{
	u16 status = 0;

	if (number > sw->nr_ports)
		return STATUS_BAD_FIELD;
	if (is_set)
		status = set_port_info(sw, number, data);
	memcpy(data, sw->ports[number].port.info, PORT_INFO_BYTES);
	data[28] = (u8)in;
	return status;
}

static u16 linear_forwarding(struct ib_switch *sw, bool is_set, u32 block,
			     u8 *data)
{
	u8 *entries;

	if (block >= SWITCH_NR_LIDS / LFT_BLOCK)
		return STATUS_BAD_FIELD;
	entries = sw->lft + block * LFT_BLOCK;
	if (is_set)
		memcpy(entries, data, LFT_BLOCK);
	memcpy(data, entries, LFT_BLOCK);
	return 0;
}

static u16 multicast_forwarding(struct ib_switch *sw, bool is_set, u32 modifier,
				u8 *data)
{
	u32 first = (modifier & 0x1ff) * MFT_BLOCK, position = modifier >> 28;
	u32 shift = position * MFT_PORTS;

	if (first >= SWITCH_NR_MLIDS || shift >= 64)
		return STATUS_BAD_FIELD;
	for (u32 i = 0; i < MFT_BLOCK; i++) {
		u64 *ports = &sw->mft[first + i];

		if (is_set)
			*ports = (*ports & ~(0xffffull << shift)) |
				 (u64)get16(data + 2 * i) << shift;
		put16(data + 2 * i, (u16)(*ports >> shift));
	}
	return 0;
}

static u16 pkey_table(struct ib_switch *sw, bool is_set, u32 modifier, u8 *data)
{
	if (modifier >> 16 > sw->nr_ports)
		return STATUS_BAD_FIELD;
	return sma_pkey_table(&sw->ports[modifier >> 16].port, is_set,
			      modifier & 0xffff, data);
}

/* The table of each pair of ports; a Set may mean every port with 0xff. */
static u16 sl_to_vl(struct ib_switch *sw, bool is_set, u32 modifier, u8 *data)
{
	u32 in = modifier >> 8 & 0xff, out = modifier & 0xff;
	u32 first_in = in, last_in = in, first_out = out, last_out = out;

	if (is_set && in == ALL_PORTS) {
		first_in = 0;
		last_in = sw->nr_ports;
	}
	if (is_set && out == ALL_PORTS) {
		first_out = 0;
		last_out = sw->nr_ports;
	}
	if (last_in > sw->nr_ports || last_out > sw->nr_ports)
		return STATUS_BAD_FIELD;
	for (u32 i = first_in; is_set && i <= last_in; i++)
		for (u32 j = first_out; j <= last_out; j++)
			memcpy(sw->sl2vl[i][j], data, 8);
	memcpy(data, sw->sl2vl[first_in][first_out], 8);
	return 0;
}

static u16 vl_arbitration(struct ib_switch *sw, bool is_set, u32 modifier,
			  u8 *data)
{
	u32 number = modifier & 0xff;

	if (number > sw->nr_ports)
		return STATUS_BAD_FIELD;
	return sma_vl_arbitration(&sw->ports[number].port, is_set,
				  modifier >> 16, data);
}

/* What can be read only: Set is refused. */
static u16 identity(const struct ib_switch *sw, unsigned int in,
		    const u8 *request, u8 *data)
{
	memset(data, 0, SMP_DATA_BYTES);
	switch (mad_attribute(request)) {
	case ATTR_NODE_DESCRIPTION:
		snprintf((char *)data, SMP_DATA_BYTES, "brick-fabric switch");
		break;
	case ATTR_NODE_INFO:
		node_info(sw, in, data);
		break;
	case ATTR_MLNX_EXTENDED_PORT:
		if ((mad_modifier(request) & 0xff) > sw->nr_ports)
			return STATUS_BAD_FIELD;
		break;
	}
	return request[MAD_METHOD] == METHOD_SET ? STATUS_UNSUPPORTED : 0;
}

static u16 attribute(struct ib_switch *sw, unsigned int in, const u8 *request,
		     u8 *data)
{
	bool is_set = request[MAD_METHOD] == METHOD_SET;
	u32 modifier = mad_modifier(request);

	switch (mad_attribute(request)) {
	case ATTR_NODE_DESCRIPTION:
	case ATTR_NODE_INFO:
	case ATTR_MLNX_EXTENDED_PORT:
		return identity(sw, in, request, data);
	case ATTR_SWITCH_INFO:
		return switch_info(sw, is_set, data);
	case ATTR_PORT_INFO:
		return port_info(sw, is_set, in, modifier & 0xff, data);
	case ATTR_GUID_INFO:
		return sma_guid_info(&sw->ports[0].port, is_set, modifier,
				     data);
	case ATTR_PKEY_TABLE:
		return pkey_table(sw, is_set, modifier, data);
	case ATTR_SL_TO_VL:
		return sl_to_vl(sw, is_set, modifier, data);
	case ATTR_VL_ARBITRATION:
		return vl_arbitration(sw, is_set, modifier, data);
	case ATTR_LINEAR_FORWARDING:
		return linear_forwarding(sw, is_set, modifier, data);
	case ATTR_MULTICAST_FORWARDING:
		return multicast_forwarding(sw, is_set, modifier, data);
	case ATTR_SM_INFO:
		return sm_peer_info(&sw->sm, is_set, in, modifier, data);
	}
	return STATUS_UNSUPPORTED;
}

bool switch_sma_process(struct ib_switch *sw, unsigned int in_port,
			const u8 *request, u8 *response)
{
	bool is_get = request[MAD_METHOD] == METHOD_GET, sees_mkey;
	u16 status;

	if (!is_get && request[MAD_METHOD] != METHOD_SET)
		return false;
	/* SMInfo is between managers: it has its own key */
	if (mad_attribute(request) == ATTR_SM_INFO)
		sees_mkey = true;
	else if (!port_admits_smp(&sw->ports[0].port, get64(request + SMP_MKEY),
				  is_get, &sees_mkey))
		return false;
	memcpy(response, request, MAD_BYTES);
	status = attribute(sw, in_port, request, response + SMP_DATA);
	if (!sees_mkey && mad_attribute(request) == ATTR_PORT_INFO)
		put64(response + SMP_DATA, 0);
	response[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
	put16(response + MAD_STATUS, status);
	return true;
}
