/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sma.h"
#include "card.h"
#include "fabric.h"
#include "log.h"

#include <string.h>

enum {
	/* trap, SL mapping, system GUID, vendor class, notices,
	 * client reregister: a real card's without extended speeds */
	CAPABILITIES = 0x02510868,
	CA_DEVICE = 0x1003,
	MELLANOX_OUI = 0x0002c9,
};

void sma_init_port(struct card *card)
{
	port_init(&card->port, CARD_PORT, card->node_guid + 1, CAPABILITIES);
}

void sma_node_info(const struct node_identity *node, u8 *data)
{
	memset(data, 0, SMP_DATA_BYTES);
	data[0] = 1; /* base version */
	data[1] = 1; /* class version */
	data[2] = node->type;
	data[3] = node->nr_ports;
	put64(data + 4, node->system_guid);
	put64(data + 12, node->node_guid);
	put64(data + 20, node->port_guid);
	put16(data + 28, node->nr_pkeys);
	put16(data + 30, node->device);
	put32(data + 32, 1);
	data[36] = node->port;
	put24(data + 37, MELLANOX_OUI);
}

struct node_identity sma_card_identity(const struct card *card)
{
	return (struct node_identity){
		.type = NODE_TYPE_CA,
		.nr_ports = 1,
		.port = CARD_PORT,
		.node_guid = card->node_guid,
		.port_guid = card->port.guids[0],
		.system_guid = card->node_guid + 3,
		.nr_pkeys = PORT_NR_PKEYS,
		.device = CA_DEVICE,
	};
}

u16 sma_guid_info(struct port *port, bool is_set, u32 block, u8 *data)
{
	u64 *guids;

	if (block >= PORT_NR_GUIDS / PORT_GUIDS_PER_BLOCK)
		return STATUS_BAD_FIELD;
	guids = &port->guids[block * PORT_GUIDS_PER_BLOCK];
	for (unsigned int i = 0; i < PORT_GUIDS_PER_BLOCK; i++) {
		/* the first is the port's own, and fixed */
		if (is_set && (block || i))
			guids[i] = get64(data + 8 * i);
		put64(data + 8 * i, guids[i]);
	}
	return 0;
}

u16 sma_pkey_table(struct port *port, bool is_set, u32 block, u8 *data)
{
	u16 *pkeys;

	if (block >= PORT_NR_PKEYS / PORT_PKEYS_PER_BLOCK)
		return STATUS_BAD_FIELD;
	pkeys = &port->pkeys[block * PORT_PKEYS_PER_BLOCK];
	for (unsigned int i = 0; i < PORT_PKEYS_PER_BLOCK; i++) {
		if (is_set)
			pkeys[i] = get16(data + 2 * i);
		put16(data + 2 * i, pkeys[i]);
	}
	return 0;
}

u16 sma_vl_arbitration(struct port *port, bool is_set, u32 block, u8 *data)
{
	if (block < 1 || block > 4)
		return STATUS_BAD_FIELD;
	if (is_set)
		memcpy(port->vl_arbitration[block - 1], data, 64);
	memcpy(data, port->vl_arbitration[block - 1], 64);
	return 0;
}

u16 sma_sl_to_vl(struct port *port, bool is_set, u8 *data)
{
	if (is_set)
		memcpy(port->sl2vl, data, sizeof(port->sl2vl));
	memcpy(data, port->sl2vl, sizeof(port->sl2vl));
	return 0;
}

static u16 port_info(struct card *card, bool is_set, u32 modifier, u8 *data)
{
	u32 number = modifier & 0xff;
	u32 changed;

	if (number > CARD_PORT)
		return STATUS_BAD_FIELD;
	if (is_set) {
		if (!port_set_info(&card->port, data, &changed))
			return STATUS_BAD_FIELD;
		if (changed & PORT_CHANGED_DOWN)
			switch_link_bounce(&card->fabric->sw, card);
		card_port_changed(card, changed & ~PORT_CHANGED_DOWN);
	}
	memcpy(data, card->port.info, PORT_INFO_BYTES);
	return 0;
}

static u16 subnet_attribute(struct card *card, const u8 *request, u8 *data)
{
	bool is_set = request[MAD_METHOD] == METHOD_SET;
	u32 modifier = mad_modifier(request);
	struct node_identity identity;

	switch (mad_attribute(request)) {
	case ATTR_NODE_DESCRIPTION:
		memcpy(data, card->node_description, SMP_DATA_BYTES);
		return is_set ? STATUS_UNSUPPORTED : 0;
	case ATTR_NODE_INFO:
		identity = sma_card_identity(card);
		sma_node_info(&identity, data);
		return is_set ? STATUS_UNSUPPORTED : 0;
	case ATTR_GUID_INFO:
		return sma_guid_info(&card->port, is_set, modifier, data);
	case ATTR_PORT_INFO:
		return port_info(card, is_set, modifier, data);
	case ATTR_PKEY_TABLE:
		return sma_pkey_table(&card->port, is_set, modifier & 0xffff,
				      data);
	case ATTR_SL_TO_VL:
		return sma_sl_to_vl(&card->port, is_set, data);
	case ATTR_MLNX_EXTENDED_PORT:
		memset(data, 0, SMP_DATA_BYTES);
		return is_set ? STATUS_UNSUPPORTED : 0;
	case ATTR_VL_ARBITRATION:
		return sma_vl_arbitration(&card->port, is_set, modifier >> 16,
					  data);
	}
	return STATUS_UNSUPPORTED;
}

enum {
	PMA_DATA = 64,
	PMA_PORT_COUNTERS = 0x0012,
	PMA_PORT_COUNTERS_EXTENDED = 0x001d,
	PMA_EXTENDED_WIDTH = 0x0200,
};

static u32 saturate(u64 v)
{
	return v > UINT32_MAX ? UINT32_MAX : (u32)v;
}

static u16 performance_attribute(struct card *card, const u8 *request, u8 *data)
{
	const struct card_stats *s = &card->stats;
	u64 packets_out = s->rc_messages + s->packets_sent;

	if (request[MAD_METHOD] != METHOD_GET)
		return STATUS_UNSUPPORTED_METHOD;
	switch (mad_attribute(request)) {
	case ATTR_CLASS_PORT_INFO:
		data[0] = 1;
		data[1] = 1;
		put16(data + 2, PMA_EXTENDED_WIDTH);
		return 0;
	case PMA_PORT_COUNTERS:
		data[1] = CARD_PORT;
		put32(data + 24, saturate(s->rc_bytes / 4));
		put32(data + 32, saturate(packets_out));
		put32(data + 36, saturate(s->packets_received));
		return 0;
	case PMA_PORT_COUNTERS_EXTENDED:
		data[1] = CARD_PORT;
		put64(data + 8, s->rc_bytes / 4);
		put64(data + 24, packets_out);
		put64(data + 32, s->packets_received);
		return 0;
	}
	return STATUS_UNSUPPORTED;
}

bool sma_process(struct card *card, const u8 *request, u8 *response)
{
	u8 method = request[MAD_METHOD];
	u16 status = STATUS_UNSUPPORTED;

	if (method == METHOD_TRAP_REPRESS)
		return false;
	/* hop fields and paths stay as they are: they are the host's */
	memcpy(response, request, MAD_BYTES);
	response[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
	if (method != METHOD_GET && method != METHOD_SET)
		status = STATUS_UNSUPPORTED_METHOD;
	else if (mad_is_smp(request))
		status = subnet_attribute(card, request, response + SMP_DATA);
	else if (request[MAD_CLASS] == CLASS_PERFORMANCE)
		status = performance_attribute(card, request,
					       response + PMA_DATA);
	put16(response + MAD_STATUS, status);
	log_debug(card->name,
		  "MAD class 0x%02x method %u attribute 0x%04x modifier 0x%x: "
		  "status 0x%x",
		  request[MAD_CLASS], method, mad_attribute(request),
		  mad_modifier(request), status);
	return true;
}
