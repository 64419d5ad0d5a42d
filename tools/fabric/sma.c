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

void sma_init_port(struct card_port *port)
{
	const struct port_plan *plan = &port->plan;

	port_init(&port->ib, port->number, port->card->node_guid + port->number,
		  CAPABILITIES);
	port_set_rate(&port->ib, plan->width, plan->speed);
	if (plan->nr_pkeys)
		memcpy(port->ib.pkeys, plan->pkeys,
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

struct node_identity sma_card_identity(const struct card_port *port)
{
	const struct card *card = port->card;

	return (struct node_identity){
		.type = NODE_TYPE_CA,
		.nr_ports = (u8)card->nr_ports,
		.port = port->number,
		.node_guid = card->node_guid,
		.port_guid = port->ib.guids[0],
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

static u16 port_info(struct card_port *port, bool is_set, u32 modifier,
		     u8 *data)
{
	u32 number = modifier & 0xff;
	u32 changed;

	if (number && number != port->number)
		return STATUS_BAD_FIELD;
	if (is_set) {
		if (!port_set_info(&port->ib, data, &changed))
			return STATUS_BAD_FIELD;
		if (changed & PORT_CHANGED_DOWN)
			switch_link_bounce(&port->card->fabric->sw, port);
		card_port_changed(port, changed & ~PORT_CHANGED_DOWN);
	}
	memcpy(data, port->ib.info, PORT_INFO_BYTES);
	return 0;
}

/* A table's Set; the host hears of the entries that are not as they were. */
static u16 pkey_table(struct card_port *port, bool is_set, u32 block, u8 *data)
{
	u16 old[PORT_NR_PKEYS], status;
	u32 changed = 0;

	memcpy(old, port->ib.pkeys, sizeof(old));
	status = sma_pkey_table(&port->ib, is_set, block, data);
	for (u32 i = 0; !status && i < PORT_PKEYS_PER_BLOCK; i++) {
		u32 index = block * PORT_PKEYS_PER_BLOCK + i;

		if (old[index] != port->ib.pkeys[index])
			changed |= 1u << i;
	}
	if (changed)
		card_table_changed(port, PORT_TABLE_PKEYS, block, changed);
	return status;
}

static u16 guid_info(struct card_port *port, bool is_set, u32 block, u8 *data)
{
	u64 old[PORT_NR_GUIDS];
	u32 changed = 0;
	u16 status;

	memcpy(old, port->ib.guids, sizeof(old));
	status = sma_guid_info(&port->ib, is_set, block, data);
	for (u32 i = 0; !status && i < PORT_GUIDS_PER_BLOCK; i++) {
		u32 index = block * PORT_GUIDS_PER_BLOCK + i;

		if (old[index] != port->ib.guids[index])
			changed |= 1u << i;
	}
	if (changed)
		card_table_changed(port, PORT_TABLE_GUIDS, block, changed);
	return status;
}

static u16 subnet_attribute(struct card_port *port, const u8 *request, u8 *data)
{
	bool is_set = request[MAD_METHOD] == METHOD_SET;
	u32 modifier = mad_modifier(request);
	struct node_identity identity;

	switch (mad_attribute(request)) {
	case ATTR_NODE_DESCRIPTION:
		memcpy(data, port->card->node_description, SMP_DATA_BYTES);
		return is_set ? STATUS_UNSUPPORTED : 0;
	case ATTR_NODE_INFO:
		identity = sma_card_identity(port);
		sma_node_info(&identity, data);
		return is_set ? STATUS_UNSUPPORTED : 0;
	case ATTR_GUID_INFO:
		return guid_info(port, is_set, modifier, data);
	case ATTR_PORT_INFO:
		return port_info(port, is_set, modifier, data);
	case ATTR_PKEY_TABLE:
		return pkey_table(port, is_set, modifier & 0xffff, data);
	case ATTR_SL_TO_VL:
		return sma_sl_to_vl(&port->ib, is_set, data);
	case ATTR_MLNX_EXTENDED_PORT:
		memset(data, 0, SMP_DATA_BYTES);
		return is_set ? STATUS_UNSUPPORTED : 0;
	case ATTR_VL_ARBITRATION:
		return sma_vl_arbitration(&port->ib, is_set, modifier >> 16,
					  data);
	}
	return STATUS_UNSUPPORTED;
}

/* 0, which perfquery asks for when it is told no port, is the one asked. */
static struct port *find_port(void *node, u8 number)
{
	struct card_port *asked = node;
	struct card_port *port =
		number ? card_port(asked->card, number) : asked;

	return port ? &port->ib : NULL;
}

/* Return: false if the packet is to be discarded. */
static bool subnet_management(struct card_port *port, const u8 *request,
			      bool checks_mkey, u8 *response)
{
	bool is_get = request[MAD_METHOD] == METHOD_GET, sees_mkey = true;
	u16 status;

	if (checks_mkey &&
	    !port_admits_smp(&port->ib, get64(request + SMP_MKEY), is_get,
			     &sees_mkey))
		return false;
	if (is_get || request[MAD_METHOD] == METHOD_SET)
		status = subnet_attribute(port, request, response + SMP_DATA);
	else
		status = STATUS_UNSUPPORTED_METHOD;
	if (!sees_mkey && mad_attribute(request) == ATTR_PORT_INFO)
		put64(response + SMP_DATA, 0);
	response[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
	put16(response + MAD_STATUS, status);
	return true;
}

enum sma_result sma_process(struct card_port *port, const u8 *request,
			    bool checks_mkey, u8 *response)
{
	if (request[MAD_METHOD] == METHOD_TRAP_REPRESS)
		return SMA_SILENT;
	/* hop fields and paths stay as they are: they are the host's */
	memcpy(response, request, MAD_BYTES);
	if (mad_is_smp(request)) {
		if (!subnet_management(port, request, checks_mkey, response))
			return SMA_DISCARDED;
	} else if (request[MAD_CLASS] == CLASS_PERFORMANCE) {
		pma_process(find_port, port, request, response);
	} else {
		response[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
		put16(response + MAD_STATUS, STATUS_UNSUPPORTED);
	}
	log_debug(port->card->name,
		  "MAD class 0x%02x method %u attribute 0x%04x modifier 0x%x: "
		  "status 0x%x",
		  request[MAD_CLASS], request[MAD_METHOD],
		  mad_attribute(request), mad_modifier(request),
		  get16(response + MAD_STATUS));
	return SMA_ANSWERED;
}
