/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sa_codec.h"
#include <lib/byteorder.h>
#include <lib/string.h>

#define SA_CLASS_VERSION 2
#define RMPP_VERSION     1

void sa_request(struct mad *m, u8 method, u16 attr_id, u64 mask)
{
	memset(m, 0, sizeof(*m));
	HW_SET(m, 1, MAD_BASE_VERSION);
	HW_SET(m, MAD_CLASS_SA, MAD_CLASS);
	HW_SET(m, SA_CLASS_VERSION, MAD_CLASS_VERSION);
	HW_SET(m, method, MAD_METHOD);
	HW_SET(m, attr_id, MAD_ATTR_ID);
	m->raw[24] = RMPP_VERSION;
	HW_SET64(m, mask, SA_MASK);
}

void sa_put_path(u8 data[SA_PATH_BYTES], const struct sa_path *path)
{
	memset(data, 0, SA_PATH_BYTES);
	memcpy(data + 8, path->dgid.raw, 16);
	memcpy(data + 24, path->sgid.raw, 16);
	put_be16(data + 40, path->dlid);
	put_be16(data + 42, path->slid);
	put_be32(data + 44, path->flow_label << 8 | path->hop_limit);
	data[48] = path->traffic_class;
	data[49] = 0x80 | 1; /* reversible, one path */
	put_be16(data + 50, path->pkey);
	put_be16(data + 52, path->sl);
	data[54] = (u8)path->mtu;
	data[55] = path->rate;
	data[56] = path->packet_lifetime;
}

bool sa_get_path(const u8 data[SA_PATH_BYTES], struct sa_path *path)
{
	u32 word = get_be32(data + 44);

	memset(path, 0, sizeof(*path));
	memcpy(path->dgid.raw, data + 8, 16);
	memcpy(path->sgid.raw, data + 24, 16);
	path->dlid = get_be16(data + 40);
	path->slid = get_be16(data + 42);
	path->flow_label = word >> 8 & 0xfffff;
	path->hop_limit = (u8)word;
	path->traffic_class = data[48];
	path->pkey = get_be16(data + 50);
	path->sl = data[53] & 0xf;
	path->mtu = data[54] & 0x3f;
	path->rate = data[55] & 0x3f;
	path->packet_lifetime = data[56] & 0x3f;
	return path->dlid && path->dlid < 0xc000 && path->slid &&
	       path->slid < 0xc000 && path->mtu >= IB_MTU_256 &&
	       path->mtu <= IB_MTU_4096;
}

void sa_put_service(u8 data[SA_SERVICE_BYTES], const struct sa_service *s)
{
	memset(data, 0, SA_SERVICE_BYTES);
	put_be64(data, s->service_id);
	memcpy(data + 8, s->gid.raw, 16);
	put_be16(data + 24, s->pkey);
	put_be32(data + 28, s->lease_seconds);
	memcpy(data + 48, s->name, strnlen(s->name, SA_SERVICE_NAME_BYTES));
	memcpy(data + 112, s->data, SA_SERVICE_DATA_BYTES);
}

void sa_get_service(const u8 data[SA_SERVICE_BYTES], struct sa_service *s)
{
	memset(s, 0, sizeof(*s));
	s->service_id = get_be64(data);
	memcpy(s->gid.raw, data + 8, 16);
	s->pkey = get_be16(data + 24);
	s->lease_seconds = get_be32(data + 28);
	memcpy(s->name, data + 48, SA_SERVICE_NAME_BYTES - 1);
	memcpy(s->data, data + 112, SA_SERVICE_DATA_BYTES);
}
