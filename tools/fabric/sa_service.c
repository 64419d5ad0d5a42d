/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ServiceRecord: what a node offers, by name. */
#include "log.h"
#include "mad.h"
#include "sa.h"

#include <inttypes.h>
#include <string.h>

enum {
	OFFSET_GID = 8,
	OFFSET_PKEY = 24,
	OFFSET_LEASE = 28,
	OFFSET_NAME = 48,
	NAME_BYTES = 64,
};

static const struct sa_component components[] = {
	{0, 0, 8},   /* service ID */
	{1, 8, 16},  /* GID */
	{2, 24, 2},  /* P_Key */
	{5, 32, 16}, /* key */
	{6, 48, 64}, /* name */
	{7, 112, 1},  {8, 113, 1},  {9, 114, 1},  {10, 115, 1}, {11, 116, 1},
	{12, 117, 1}, {13, 118, 1}, {14, 119, 1}, {15, 120, 1}, {16, 121, 1},
	{17, 122, 1}, {18, 123, 1}, {19, 124, 1}, {20, 125, 1}, {21, 126, 1},
	{22, 127, 1}, {23, 128, 2}, {24, 130, 2}, {25, 132, 2}, {26, 134, 2},
	{27, 136, 2}, {28, 138, 2}, {29, 140, 2}, {30, 142, 2}, {31, 144, 4},
	{32, 148, 4}, {33, 152, 4}, {34, 156, 4}, {35, 160, 8}, {36, 168, 8},
};

static void expire(struct sa *sa)
{
	u64 now = loop_now_ns();

	for (int i = 0; i < SA_MAX_SERVICES; i++)
		if (sa->services[i].is_used &&
		    sa->services[i].expires_ns <= now)
			sa->services[i].is_used = false;
}

/* Service ID, GID and P_Key together are its identity. */
static bool is_same(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, OFFSET_PKEY + 2);
}

static struct sa_service *find(struct sa *sa, const u8 *record)
{
	for (int i = 0; i < SA_MAX_SERVICES; i++)
		if (sa->services[i].is_used &&
		    is_same(sa->services[i].record, record))
			return &sa->services[i];
	return NULL;
}

static struct sa_service *find_free(struct sa *sa)
{
	for (int i = 0; i < SA_MAX_SERVICES; i++)
		if (!sa->services[i].is_used)
			return &sa->services[i];
	return NULL;
}

static void log_service(const char *what, const u8 *record)
{
	log_info("sa", "service 0x%016" PRIx64 " \"%.*s\" %s", get64(record),
		 NAME_BYTES, (const char *)record + OFFSET_NAME, what);
}

static u16 set(struct sa_query *query)
{
	struct sa_service *service = find(query->sa, query->data);
	u32 lease = get32(query->data + OFFSET_LEASE);
	u8 *record = sa_add_record(query);

	if (!service) {
		service = find_free(query->sa);
		if (!service)
			return SA_ERR_NO_RESOURCES;
		log_service("is set", query->data);
	}
	service->is_used = true;
	service->expires_ns = UINT64_MAX;
	if (lease && lease != UINT32_MAX)
		service->expires_ns = loop_now_ns() + lease * 1000000000ull;
	memcpy(service->record, query->data, SERVICE_BYTES);
	memcpy(record, service->record, SERVICE_BYTES);
	return 0;
}

static u16 delete (struct sa_query *query)
{
	struct sa_service *service = find(query->sa, query->data);

	if (!service)
		return SA_ERR_NO_RECORDS;
	memcpy(sa_add_record(query), service->record, SERVICE_BYTES);
	service->is_used = false;
	log_service("is deleted", service->record);
	return 0;
}

static u16 get(struct sa_query *query)
{
	u64 now = loop_now_ns();

	for (int i = 0; i < SA_MAX_SERVICES; i++) {
		const struct sa_service *s = &query->sa->services[i];
		u8 *record;

		if (!s->is_used || !sa_matches(query, s->record, components,
					       ARRAY_LEN(components)))
			continue;
		record = sa_add_record(query);
		if (!record)
			return SA_ERR_NO_RESOURCES;
		memcpy(record, s->record, SERVICE_BYTES);
		if (s->expires_ns != UINT64_MAX)
			put32(record + OFFSET_LEASE,
			      (u32)((s->expires_ns - now) / 1000000000));
	}
	return 0;
}

u16 sa_service_records(struct sa_query *query)
{
	expire(query->sa);
	switch (query->method) {
	case METHOD_SET:
		return set(query);
	case METHOD_DELETE:
		return delete (query);
	default:
		return get(query);
	}
}
