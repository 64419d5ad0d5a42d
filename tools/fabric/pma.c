/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pma.h"
#include "mad.h"

#include <string.h>

enum {
	PMA_DATA = 64,
	PMA_DATA_BYTES = 192,
	PMA_PORT_COUNTERS = 0x0012,
	PMA_PORT_COUNTERS_EXTENDED = 0x001d,
	PORT_SELECT = 1,
	COUNTER_SELECT = 2,
	CAPABILITY_EXTENDED = 0x0200,
	RESPONSE_TIME = 18,
};

/* One counter: where it stands, and which bit of the selection it is. */
struct counter {
	u8 offset, bytes, bit;
	size_t field; /* in struct port_counters */
};

#define FIELD(name) offsetof(struct port_counters, name)

/* What the model never counts (links that recover) is not in it, and 0. */
static const struct counter counters[] = {
	{4, 2, 0, FIELD(symbol_errors)},   {8, 2, 3, FIELD(rcv_errors)},
	{7, 1, 2, FIELD(link_downed)},     {12, 2, 5, FIELD(relay_errors)},
	{14, 2, 6, FIELD(xmit_discards)},  {16, 1, 7, FIELD(xmit_constraint)},
	{17, 1, 8, FIELD(rcv_constraint)}, {22, 2, 11, FIELD(vl15_dropped)},
	{24, 4, 12, FIELD(xmit_words)},    {28, 4, 13, FIELD(rcv_words)},
	{32, 4, 14, FIELD(xmit_packets)},  {36, 4, 15, FIELD(rcv_packets)},
};

static const struct counter extended_counters[] = {
	{8, 8, 0, FIELD(xmit_words)},      {16, 8, 1, FIELD(rcv_words)},
	{24, 8, 2, FIELD(xmit_packets)},   {32, 8, 3, FIELD(rcv_packets)},
	{40, 8, 4, FIELD(unicast_xmit)},   {48, 8, 5, FIELD(unicast_rcv)},
	{56, 8, 6, FIELD(multicast_xmit)}, {64, 8, 7, FIELD(multicast_rcv)},
};

static u64 *value_of(struct port *port, const struct counter *c)
{
	return (u64 *)(void *)((u8 *)&port->counters + c->field);
}

/* A field that is too narrow stays at its largest value. */
static void show(const struct counter *c, u64 value, u8 *data)
{
	u64 max = c->bytes == 8 ? UINT64_MAX : (1ull << 8 * c->bytes) - 1;

	value = min_u64(value, max);
	for (u32 i = c->bytes; i--; value >>= 8)
		data[c->offset + i] = (u8)value;
}

static u64 given(const struct counter *c, const u8 *data)
{
	u64 value = 0;

	for (u32 i = 0; i < c->bytes; i++)
		value = value << 8 | data[c->offset + i];
	return value;
}

static void get_or_set(struct port *port, const struct counter *table,
		       unsigned int nr, bool is_set, u8 *data)
{
	u8 asked[PMA_DATA_BYTES];
	u16 selected = get16(data + COUNTER_SELECT);

	memcpy(asked, data, sizeof(asked));
	memset(data + 4, 0, PMA_DATA_BYTES - 4);
	for (unsigned int i = 0; i < nr; i++) {
		const struct counter *c = &table[i];

		if (is_set && (selected >> c->bit & 1))
			*value_of(port, c) = given(c, asked);
		show(c, *value_of(port, c), data);
	}
}

static u16 class_port_info(bool is_set, u8 *data)
{
	if (is_set)
		return STATUS_UNSUPPORTED;
	memset(data, 0, PMA_DATA_BYTES);
	data[0] = 1;
	data[1] = 1;
	put16(data + 2, CAPABILITY_EXTENDED);
	data[7] = RESPONSE_TIME;
	return 0;
}

static u16 attribute(pma_find_port find, void *node, bool is_set, u16 id,
		     u8 *data)
{
	struct port *port;

	if (id == ATTR_CLASS_PORT_INFO)
		return class_port_info(is_set, data);
	if (id != PMA_PORT_COUNTERS && id != PMA_PORT_COUNTERS_EXTENDED)
		return STATUS_UNSUPPORTED;
	port = find(node, data[PORT_SELECT]);
	if (!port)
		return STATUS_BAD_FIELD;
	if (id == PMA_PORT_COUNTERS)
		get_or_set(port, counters, ARRAY_LEN(counters), is_set, data);
	else
		get_or_set(port, extended_counters,
			   ARRAY_LEN(extended_counters), is_set, data);
	return 0;
}

void pma_process(pma_find_port find, void *node, const u8 *request,
		 u8 *response)
{
	u8 method = request[MAD_METHOD];
	u16 status = STATUS_UNSUPPORTED_METHOD;

	if (method == METHOD_GET || method == METHOD_SET)
		status = attribute(find, node, method == METHOD_SET,
				   mad_attribute(request), response + PMA_DATA);
	response[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
	put16(response + MAD_STATUS, status);
}
