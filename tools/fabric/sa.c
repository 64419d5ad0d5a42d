/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sa.h"
#include "fabric.h"
#include "log.h"
#include "mad.h"

#include <string.h>

enum {
	ATTR_NODE_RECORD = 0x0011,
	ATTR_PORT_INFO_RECORD = 0x0012,
	ATTR_SERVICE_RECORD = 0x0031,
	ATTR_PATH_RECORD = 0x0035,
	ATTR_MC_MEMBER_RECORD = 0x0038,
	RMPP_FLAGS = 26,
	RMPP_ACTIVE = 1,
	CLASS_VERSION = 2,
	RESPONSE_TIME = 18, /* 4.096 us x 2^18: a second */
};

static const struct {
	u16 attribute, record_bytes;
	u16 (*answer)(struct sa_query *query);
} attributes[] = {
	{ATTR_NODE_RECORD, 112, sa_node_records},
	{ATTR_PORT_INFO_RECORD, 72, sa_port_info_records},
	{ATTR_SERVICE_RECORD, SERVICE_BYTES, sa_service_records},
	{ATTR_PATH_RECORD, 64, sa_path_records},
	{ATTR_MC_MEMBER_RECORD, 56, sa_multicast_records},
};

void sa_init(struct sa *sa, struct ib_switch *sw)
{
	sa->sw = sw;
	rmpp_init(&sa->rmpp, sw);
}

void sa_close(struct sa *sa)
{
	rmpp_close(&sa->rmpp);
}

static bool has_members(const struct sa_group *group)
{
	for (size_t i = 0; i < ARRAY_LEN(group->join_states); i++)
		if (group->join_states[i])
			return true;
	return false;
}

void sa_port_gone(struct sa *sa, unsigned int number)
{
	for (int i = 0; i < SA_MAX_GROUPS; i++) {
		struct sa_group *group = &sa->groups[i];

		group->join_states[number] = 0;
		group->is_used = group->is_used && has_members(group);
		sa->sw->mft[i] &= ~(1ull << number);
	}
}

u8 *sa_add_record(struct sa_query *query)
{
	u8 *record = query->records + query->nr_records * query->record_bytes;

	if (query->nr_records == query->max_records)
		return NULL;
	query->nr_records++;
	memset(record, 0, query->record_bytes);
	return record;
}

bool sa_matches(const struct sa_query *query, const u8 *record,
		const struct sa_component *components, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		const struct sa_component *c = &components[i];

		if ((query->mask >> c->bit & 1) &&
		    memcmp(record + c->offset, query->data + c->offset,
			   c->bytes))
			return false;
	}
	return true;
}

/* The answer's addresses and headers, without data. */
static void begin_reply(const struct packet *request, struct packet *reply)
{
	memset(reply, 0, sizeof(*reply));
	reply->dlid = request->slid;
	reply->slid = request->dlid;
	reply->sl = request->sl;
	reply->dqpn = request->sqpn;
	reply->sqpn = QPN_GSI;
	reply->qkey = QKEY_GSI;
	reply->pkey = request->pkey;
	reply->bytes = MAD_BYTES;
	memcpy(reply->data, request->data, SA_DATA);
	reply->data[MAD_METHOD] |= METHOD_RESPONSE;
	memset(reply->data + RMPP_HEADER, 0, 12);
}

static void send_reply(struct sa *sa, const struct packet *request,
		       const struct sa_query *query, u16 status)
{
	static struct packet reply;

	begin_reply(request, &reply);
	put16(reply.data + MAD_STATUS, status);
	if (query) {
		put16(reply.data + SA_ATTRIBUTE_OFFSET,
		      (u16)(query->record_bytes / 8));
		if (query->method == METHOD_GET_TABLE && !status) {
			rmpp_send(&sa->rmpp, &reply, query->records,
				  query->nr_records * query->record_bytes);
			return;
		}
		if (query->nr_records)
			memcpy(reply.data + SA_DATA, query->records,
			       min_u64(query->record_bytes, SA_DATA_BYTES));
	}
	switch_send(sa->sw, 0, &reply);
}

static void class_port_info(struct sa *sa, const struct packet *request)
{
	static struct packet reply;
	u8 *data = reply.data + SA_DATA;

	begin_reply(request, &reply);
	memset(data, 0, SA_DATA_BYTES);
	data[0] = 1;
	data[1] = CLASS_VERSION;
	data[7] = RESPONSE_TIME;
	switch_send(sa->sw, 0, &reply);
}

static u16 check_count(const struct sa_query *query)
{
	if (query->method == METHOD_GET_TABLE)
		return 0;
	if (!query->nr_records)
		return SA_ERR_NO_RECORDS;
	if (query->method == METHOD_GET && query->nr_records > 1)
		return SA_ERR_TOO_MANY;
	return 0;
}

static void answer(struct sa *sa, const struct packet *packet)
{
	static u8 records[RMPP_MAX_BYTES];
	const u8 *mad = packet->data;
	struct sa_query query = {
		.sa = sa,
		.packet = packet,
		.method = mad[MAD_METHOD],
		.mask = get64(mad + SA_COMPONENT_MASK),
		.data = mad + SA_DATA,
		.records = records,
	};
	u16 attribute = mad_attribute(mad), status;

	if (attribute == ATTR_CLASS_PORT_INFO && query.method == METHOD_GET) {
		class_port_info(sa, packet);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		if (attributes[i].attribute != attribute)
			continue;
		query.record_bytes = attributes[i].record_bytes;
		query.max_records = sizeof(records) / query.record_bytes;
		status = attributes[i].answer(&query);
		if (!status)
			status = check_count(&query);
		log_debug("sa",
			  "LID %u: method 0x%02x attribute 0x%04x mask 0x%llx: "
			  "%u record(s), status 0x%04x",
			  packet->slid, query.method, attribute,
			  (unsigned long long)query.mask, query.nr_records,
			  status);
		send_reply(sa, packet, &query, status);
		return;
	}
	log_debug("sa", "LID %u: attribute 0x%04x is not supported",
		  packet->slid, attribute);
	send_reply(sa, packet, NULL, STATUS_UNSUPPORTED);
}

void sa_receive(struct sa *sa, const struct packet *packet)
{
	const u8 *mad = packet->data;

	if (packet->dqpn != QPN_GSI || packet->bytes != MAD_BYTES ||
	    mad[MAD_CLASS] != CLASS_SA ||
	    mad[MAD_CLASS_VERSION] != CLASS_VERSION ||
	    packet->qkey != QKEY_GSI) {
		log_debug("sa", "LID %u: not an SA request", packet->slid);
		return;
	}
	/*
	 * What a receiver of segments says; its method is the answer's without
	 * the response bit (Linux), or with it.
	 */
	if (mad[RMPP_FLAGS] & RMPP_ACTIVE) {
		rmpp_receive(&sa->rmpp, packet);
		return;
	}
	switch (mad[MAD_METHOD]) {
	case METHOD_GET:
	case METHOD_SET:
	case METHOD_GET_TABLE:
	case METHOD_DELETE:
		answer(sa, packet);
		break;
	default:
		if (!(mad[MAD_METHOD] & METHOD_RESPONSE))
			send_reply(sa, packet, NULL, STATUS_UNSUPPORTED_METHOD);
	}
}
