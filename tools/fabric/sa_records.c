/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records computed from the subnet: nodes, ports, paths. */
#include "fabric.h"
#include "mad.h"
#include "sa.h"
#include "sma.h"
#include "switch_sma.h"

#include <string.h>

/* One end port: a card's, or (number 0) the switch's. */
struct end_port {
	unsigned int number;
	u16 lid;
	u64 guid;
	const struct port *port;
	u8 on_node; /* its number there */
};

static bool end_port(struct ib_switch *sw, unsigned int number,
		     struct end_port *end)
{
	const struct sm_link *link = &sw->sm.links[number];

	end->number = number;
	if (!number) {
		end->lid = sm_lid(&sw->sm);
		end->guid = sw->guid;
		end->port = &sw->ports[0].port;
		end->on_node = 0;
		return true;
	}
	end->lid = link->lid;
	end->guid = link->guid;
	end->port = &fabric_port(sw->fabric, number)->ib;
	end->on_node = fabric_port(sw->fabric, number)->number;
	return link->step == SM_DONE;
}

static void node_info(struct ib_switch *sw, const struct end_port *end,
		      u8 *info, u8 *description)
{
	u8 request[MAD_BYTES] = {0}, response[MAD_BYTES];

	if (end->number) {
		memcpy(info, sw->sm.links[end->number].node_info, 40);
		memcpy(description, sw->sm.links[end->number].description, 64);
		return;
	}
	request[MAD_METHOD] = METHOD_GET;
	put16(request + MAD_ATTRIBUTE, ATTR_NODE_INFO);
	switch_sma_process(sw, 0, request, response);
	memcpy(info, response + SMP_DATA, 40);
	put16(request + MAD_ATTRIBUTE, ATTR_NODE_DESCRIPTION);
	switch_sma_process(sw, 0, request, response);
	memcpy(description, response + SMP_DATA, 64);
}

static void retract(struct sa_query *query)
{
	query->nr_records--;
}

u16 sa_node_records(struct sa_query *query)
{
	static const struct sa_component components[] = {
		{0, 0, 2},  {4, 6, 1},  {5, 7, 1},   {6, 8, 8},    {7, 16, 8},
		{8, 24, 8}, {9, 32, 2}, {10, 34, 2}, {14, 44, 64},
	};
	struct ib_switch *sw = query->sa->sw;
	struct end_port end;

	if (query->method != METHOD_GET && query->method != METHOD_GET_TABLE)
		return STATUS_UNSUPPORTED;
	for (unsigned int i = 0; i <= sw->nr_ports; i++) {
		u8 *record;

		if (!end_port(sw, i, &end))
			continue;
		record = sa_add_record(query);
		if (!record)
			return SA_ERR_NO_RESOURCES;
		put16(record, end.lid);
		node_info(sw, &end, record + 4, record + 44);
		if (!sa_matches(query, record, components,
				ARRAY_LEN(components)))
			retract(query);
	}
	return 0;
}

static bool add_port_info(struct sa_query *query, u16 lid, u8 number,
			  const struct port *port)
{
	static const struct sa_component components[] = {
		{0, 0, 2},
		{1, 2, 1},
	};
	u8 *record = sa_add_record(query);

	if (!record)
		return false;
	put16(record, lid);
	record[2] = number;
	memcpy(record + 4, port->info, PORT_INFO_BYTES);
	if (!sa_matches(query, record, components, ARRAY_LEN(components)))
		retract(query);
	return true;
}

u16 sa_port_info_records(struct sa_query *query)
{
	struct ib_switch *sw = query->sa->sw;
	struct end_port end;

	if (query->method != METHOD_GET && query->method != METHOD_GET_TABLE)
		return STATUS_UNSUPPORTED;
	for (unsigned int i = 0; i <= sw->nr_ports; i++) {
		if (!add_port_info(query, sm_lid(&sw->sm), (u8)i,
				   &sw->ports[i].port))
			return SA_ERR_NO_RESOURCES;
		if (i && end_port(sw, i, &end) &&
		    !add_port_info(query, end.lid, end.on_node, end.port))
			return SA_ERR_NO_RESOURCES;
	}
	return 0;
}

/* PathRecord: components and offsets */
enum {
	PATH_DGID = 1 << 2,
	PATH_SGID = 1 << 3,
	PATH_DLID = 1 << 4,
	PATH_SLID = 1 << 5,
	PATH_PKEY = 1 << 13,
	OFFSET_DGID = 8,
	OFFSET_SGID = 24,
	OFFSET_DLID = 40,
	OFFSET_SLID = 42,
	OFFSET_PKEY = 50,
	EXACTLY = 2 << 6,
	MTU_4096 = 5,
	RATE_40 = 7,
	LIFE_TIME = 18,
};

static bool is_end(const struct sa_query *query, const struct end_port *end,
		   u32 gid_bit, u32 gid_offset, u32 lid_bit, u32 lid_offset)
{
	const u8 *data = query->data;

	if ((query->mask & gid_bit) &&
	    (get64(data + gid_offset) != port_gid_prefix(end->port) ||
	     get64(data + gid_offset + 8) != end->guid))
		return false;
	return !(query->mask & lid_bit) || get16(data + lid_offset) == end->lid;
}

/* The partition that both are in; 0: none that was asked for. */
static u16 common_pkey(const struct sa_query *query, const struct end_port *a,
		       const struct end_port *b)
{
	u16 wanted = get16(query->data + OFFSET_PKEY);

	for (int i = 0; i < PORT_NR_PKEYS; i++) {
		u16 pkey = a->port->pkeys[i];

		if (!(pkey & 0x7fff) || port_find_pkey(b->port, pkey) < 0)
			continue;
		if (!(query->mask & PATH_PKEY) || !((wanted ^ pkey) & 0x7fff))
			return pkey;
	}
	return 0;
}

static bool add_path(struct sa_query *query, const struct end_port *from,
		     const struct end_port *to, u16 pkey)
{
	u8 *record = sa_add_record(query);

	if (!record)
		return false;
	memcpy(record, query->data, 8); /* service ID */
	put64(record + OFFSET_DGID, port_gid_prefix(to->port));
	put64(record + OFFSET_DGID + 8, to->guid);
	put64(record + OFFSET_SGID, port_gid_prefix(from->port));
	put64(record + OFFSET_SGID + 8, from->guid);
	put16(record + OFFSET_DLID, to->lid);
	put16(record + OFFSET_SLID, from->lid);
	record[49] = 0x81; /* reversible, one path */
	put16(record + OFFSET_PKEY, pkey);
	record[54] = EXACTLY | MTU_4096;
	record[55] = EXACTLY | RATE_40;
	record[56] = EXACTLY | LIFE_TIME;
	return true;
}

u16 sa_path_records(struct sa_query *query)
{
	struct ib_switch *sw = query->sa->sw;
	struct end_port from, to;

	if (query->method != METHOD_GET && query->method != METHOD_GET_TABLE)
		return STATUS_UNSUPPORTED;
	if (!(query->mask & (PATH_SGID | PATH_SLID)))
		return SA_ERR_INSUFFICIENT;
	for (unsigned int i = 0; i <= sw->nr_ports; i++) {
		if (!end_port(sw, i, &from) ||
		    !is_end(query, &from, PATH_SGID, OFFSET_SGID, PATH_SLID,
			    OFFSET_SLID))
			continue;
		for (unsigned int j = 0; j <= sw->nr_ports; j++) {
			u16 pkey;

			if (!end_port(sw, j, &to) ||
			    !is_end(query, &to, PATH_DGID, OFFSET_DGID,
				    PATH_DLID, OFFSET_DLID))
				continue;
			pkey = common_pkey(query, &from, &to);
			if (pkey && !add_path(query, &from, &to, pkey))
				return SA_ERR_NO_RESOURCES;
		}
	}
	return 0;
}
