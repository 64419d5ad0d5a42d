/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switch's SMA.  It answers every Get that a subnet manager or a
 * diagnostic tool sends; Sets are the built-in subnet manager's alone, which
 * is the master of this subnet, and are refused.
 */
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
	STATE_CHANGE = 1 << 2,
	ENHANCED_PORT0 = 0,
};

void switch_info(const struct ib_switch *sw, u8 *data)
{
	memset(data, 0, SMP_DATA_BYTES);
	put16(data, SWITCH_NR_LIDS);
	put16(data + 4, SWITCH_NR_MLIDS);
	put16(data + 6, SWITCH_NR_LIDS - 1); /* linear table's top */
	data[11] = 18 << 3;
	if (sw->has_state_change)
		data[11] |= STATE_CHANGE;
	data[16] = ENHANCED_PORT0;
}

static u16 node_info(const struct ib_switch *sw, unsigned int in, u8 *data)
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
	return 0;
}

static u16 port_info(const struct ib_switch *sw, unsigned int in, u32 number,
		     u8 *data)
{
	if (number > sw->nr_ports)
		return STATUS_BAD_FIELD;
	memcpy(data, sw->ports[number].port.info, PORT_INFO_BYTES);
	data[28] = (u8)in;
	return 0;
}

static u16 multicast_forwarding(const struct ib_switch *sw, u32 modifier,
				u8 *data)
{
	u32 first = (modifier & 0x1ff) * 32, group = modifier >> 28;

	for (u32 i = 0; i < 32; i++) {
		u64 ports =
			first + i < SWITCH_NR_MLIDS ? sw->mft[first + i] : 0;

		put16(data + 2 * i,
		      group < 4 ? (u16)(ports >> (16 * group)) : 0);
	}
	return 0;
}

static u16 attribute(struct ib_switch *sw, unsigned int in, const u8 *request,
		     u8 *data)
{
	u32 modifier = mad_modifier(request);
	u32 number = modifier & 0xff;

	memset(data, 0, SMP_DATA_BYTES);
	switch (mad_attribute(request)) {
	case ATTR_NODE_DESCRIPTION:
		snprintf((char *)data, SMP_DATA_BYTES, "brick-fabric switch");
		return 0;
	case ATTR_NODE_INFO:
		return node_info(sw, in, data);
	case ATTR_SWITCH_INFO:
		switch_info(sw, data);
		return 0;
	case ATTR_PORT_INFO:
		return port_info(sw, in, number, data);
	case ATTR_GUID_INFO:
		return sma_guid_info(&sw->ports[0].port, false, modifier, data);
	case ATTR_PKEY_TABLE:
		if (modifier >> 16 > sw->nr_ports)
			return STATUS_BAD_FIELD;
		return sma_pkey_table(&sw->ports[modifier >> 16].port, false,
				      modifier & 0xffff, data);
	case ATTR_SL_TO_VL:
		if (number > sw->nr_ports)
			return STATUS_BAD_FIELD;
		return sma_sl_to_vl(&sw->ports[number].port, false, data);
	case ATTR_MLNX_EXTENDED_PORT:
		return number > sw->nr_ports ? STATUS_BAD_FIELD : 0;
	case ATTR_LINEAR_FORWARDING:
		if (modifier >= SWITCH_NR_LIDS / LFT_BLOCK)
			return STATUS_BAD_FIELD;
		memcpy(data, sw->lft + modifier * LFT_BLOCK, LFT_BLOCK);
		return 0;
	case ATTR_MULTICAST_FORWARDING:
		return multicast_forwarding(sw, modifier, data);
	case ATTR_SM_INFO:
		put64(data, sw->guid);
		data[20] = 15 << 4 | 3; /* priority, master */
		return 0;
	}
	return STATUS_UNSUPPORTED;
}

bool switch_sma_process(struct ib_switch *sw, unsigned int in_port,
			const u8 *request, u8 *response)
{
	u16 status = STATUS_UNSUPPORTED_METHOD;

	if (request[MAD_METHOD] != METHOD_GET &&
	    request[MAD_METHOD] != METHOD_SET)
		return false;
	memcpy(response, request, MAD_BYTES);
	if (request[MAD_METHOD] == METHOD_GET)
		status = attribute(sw, in_port, request, response + SMP_DATA);
	response[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
	put16(response + MAD_STATUS, status);
	return true;
}
