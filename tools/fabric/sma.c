/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sma.h"
#include "card.h"
#include "fabric.h"
#include "log.h"
#include "pma.h"

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
	const struct port_plan *plan = &card->plan;

	port_init(&card->port, CARD_PORT, card->node_guid + 1, CAPABILITIES);
	port_set_rate(&card->port, plan->width, plan->speed);
	if (plan->nr_pkeys)
		memcpy(card->port.pkeys, plan->pkeys,
		       plan->nr_pkeys * sizeof(plan->pkeys[0]));
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

/* A table's Set; the host hears of the entries that are not as they were. */
static u16 pkey_table(struct card *card, bool is_set, u32 block, u8 *data)
{
	u16 old[PORT_NR_PKEYS], status;
	u32 changed = 0;

	memcpy(old, card->port.pkeys, sizeof(old));
	status = sma_pkey_table(&card->port, is_set, block, data);
	for (u32 i = 0; !status && i < PORT_PKEYS_PER_BLOCK; i++) {
		u32 index = block * PORT_PKEYS_PER_BLOCK + i;

		if (old[index] != card->port.pkeys[index])
			changed |= 1u << i;
	}
	if (changed)
		card_table_changed(card, PORT_TABLE_PKEYS, block, changed);
	return status;
}

static u16 guid_info(struct card *card, bool is_set, u32 block, u8 *data)
{
	u64 old[PORT_NR_GUIDS];
	u32 changed = 0;
	u16 status;

	memcpy(old, card->port.guids, sizeof(old));
	status = sma_guid_info(&card->port, is_set, block, data);
	for (u32 i = 0; !status && i < PORT_GUIDS_PER_BLOCK; i++) {
		u32 index = block * PORT_GUIDS_PER_BLOCK + i;

		if (old[index] != card->port.guids[index])
			changed |= 1u << i;
	}
	if (changed)
		card_table_changed(card, PORT_TABLE_GUIDS, block, changed);
	return status;
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
		return guid_info(card, is_set, modifier, data);
	case ATTR_PORT_INFO:
		return port_info(card, is_set, modifier, data);
	case ATTR_PKEY_TABLE:
		return pkey_table(card, is_set, modifier & 0xffff, data);
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

/* 0, which perfquery asks for when it is told no port, is the only one. */
static struct port *find_port(void *node, u8 number)
{
	struct card *card = node;

	return number <= CARD_PORT ? &card->port : NULL;
}

/* Return: false if the packet is to be discarded. */
static bool subnet_management(struct card *card, const u8 *request,
			      bool checks_mkey, u8 *response)
{
	bool is_get = request[MAD_METHOD] == METHOD_GET, sees_mkey = true;
	u16 status;

	if (checks_mkey &&
	    !port_admits_smp(&card->port, get64(request + SMP_MKEY), is_get,
			     &sees_mkey))
		return false;
	if (is_get || request[MAD_METHOD] == METHOD_SET)
		status = subnet_attribute(card, request, response + SMP_DATA);
	else
		status = STATUS_UNSUPPORTED_METHOD;
	if (!sees_mkey && mad_attribute(request) == ATTR_PORT_INFO)
		put64(response + SMP_DATA, 0);
	response[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
	put16(response + MAD_STATUS, status);
	return true;
}

enum sma_result sma_process(struct card *card, const u8 *request,
			    bool checks_mkey, u8 *response)
{
	if (request[MAD_METHOD] == METHOD_TRAP_REPRESS)
		return SMA_SILENT;
	/* hop fields and paths stay as they are: they are the host's */
	memcpy(response, request, MAD_BYTES);
	if (mad_is_smp(request)) {
		if (!subnet_management(card, request, checks_mkey, response))
			return SMA_DISCARDED;
	} else if (request[MAD_CLASS] == CLASS_PERFORMANCE) {
		pma_process(find_port, card, request, response);
	} else {
		response[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
		put16(response + MAD_STATUS, STATUS_UNSUPPORTED);
	}
	log_debug(card->name,
		  "MAD class 0x%02x method %u attribute 0x%04x modifier 0x%x: "
		  "status 0x%x",
		  request[MAD_CLASS], request[MAD_METHOD],
		  mad_attribute(request), mad_modifier(request),
		  get16(response + MAD_STATUS));
	return SMA_ANSWERED;
}
