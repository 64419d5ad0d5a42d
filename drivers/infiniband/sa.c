/* SPDX-License-Identifier: GPL-2.0-or-later */
#define pr_fmt(fmt) "ib: " fmt
#include <ib/sa.h>

#include "sa_codec.h"
#include <ib/driver.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/slab.h>

#define TABLE_MAX_BYTES (64u << 10)

static int status_errno(u32 status)
{
	if (!status)
		return 0;
	if (status == SA_STATUS_NO_RECORDS)
		return -ENOENT;
	pr_warn_ratelimited("the subnet administrator refused: 0x%04x", status);
	return -EPROTO;
}

/* One request with a one-record answer. */
static int query(struct ib_device *dev, u8 port, struct mad *req,
		 struct mad *resp)
{
	struct mad_addr sm;
	int err = mad_sm_addr(dev, port, &sm);

	if (!err)
		err = mad_call(&sm, req, resp, NULL, NULL, SA_TIMEOUT_NS,
			       SA_RETRIES);
	if (err)
		return err;
	if (HW_GET(resp, MAD_ATTR_ID) != HW_GET(req, MAD_ATTR_ID))
		return -EPROTO;
	return status_errno(HW_GET(resp, MAD_STATUS));
}

static int query_path(struct ib_device *dev, u8 port, struct sa_path *path,
		      u64 mask)
{
	struct mad req, resp;
	int err;

	path->pkey = IB_DEFAULT_PKEY;
	sa_request(&req, MAD_GET, SA_ATTR_PATH,
		   mask | SA_PATH_REVERSIBLE | SA_PATH_NUMB | SA_PATH_PKEY);
	sa_put_path(req.raw + SA_DATA, path);
	err = query(dev, port, &req, &resp);
	if (err)
		return err;
	return sa_get_path(resp.raw + SA_DATA, path) ? 0 : -EPROTO;
}

int sa_path_by_gid(struct ib_device *dev, u8 port, const struct ib_gid *dgid,
		   struct sa_path *path)
{
	memset(path, 0, sizeof(*path));
	path->dgid = *dgid;
	path->sgid = ib_port_gid(dev, port);
	return query_path(dev, port, path, SA_PATH_DGID | SA_PATH_SGID);
}

int sa_path_by_lid(struct ib_device *dev, u8 port, u16 dlid,
		   struct sa_path *path)
{
	struct ib_port_attr attr;
	int err = ib_port_query(dev, port, &attr);

	if (err)
		return err;
	memset(path, 0, sizeof(*path));
	path->dlid = dlid;
	path->slid = attr.lid;
	return query_path(dev, port, path, SA_PATH_DLID | SA_PATH_SLID);
}

int sa_service_register(struct ib_device *dev, u8 port,
			struct sa_service *service)
{
	struct mad req, resp;

	service->gid = ib_port_gid(dev, port);
	service->pkey = IB_DEFAULT_PKEY;
	sa_request(&req, MAD_SET, SA_ATTR_SERVICE,
		   SA_SERVICE_ID | SA_SERVICE_GID | SA_SERVICE_PKEY |
			   SA_SERVICE_LEASE | SA_SERVICE_NAME |
			   SA_SERVICE_DATA);
	sa_put_service(req.raw + SA_DATA, service);
	return query(dev, port, &req, &resp);
}

int sa_service_delete(struct ib_device *dev, u8 port, u64 service_id)
{
	struct sa_service service = {.service_id = service_id,
				     .gid = ib_port_gid(dev, port),
				     .pkey = IB_DEFAULT_PKEY};
	struct mad req, resp;

	sa_request(&req, MAD_DELETE, SA_ATTR_SERVICE,
		   SA_SERVICE_ID | SA_SERVICE_GID | SA_SERVICE_PKEY);
	sa_put_service(req.raw + SA_DATA, &service);
	return query(dev, port, &req, &resp);
}

/* Records of a table answer lie at a distance that the answer tells. */
static int take_services(const u8 *table, u32 bytes, u32 stride,
			 struct sa_service *out, u32 max)
{
	u32 n = 0;

	if (bytes && stride < SA_SERVICE_BYTES)
		return -EPROTO;
	for (u32 at = 0; bytes - at >= SA_SERVICE_BYTES; at += stride) {
		if (n == max) {
			pr_warn_ratelimited("more than %u service records",
					    max);
			break;
		}
		sa_get_service(table + at, &out[n++]);
		if (bytes - at < stride)
			break;
	}
	return (int)n;
}

int sa_service_list(struct ib_device *dev, u8 port, const char *name,
		    u64 service_id, struct sa_service *out, u32 max)
{
	struct sa_service want = {.service_id = service_id};
	u64 mask = service_id ? SA_SERVICE_ID : 0;
	u32 bytes = TABLE_MAX_BYTES, status;
	struct mad req, resp;
	struct mad_addr sm;
	void *table;
	int err = mad_sm_addr(dev, port, &sm);

	if (err)
		return err;
	if (name) {
		strscpy(want.name, name, sizeof(want.name));
		mask |= SA_SERVICE_NAME;
	}
	table = kmalloc(TABLE_MAX_BYTES);
	if (!table)
		return -ENOMEM;
	sa_request(&req, MAD_GET_TABLE, SA_ATTR_SERVICE, mask);
	sa_put_service(req.raw + SA_DATA, &want);
	err = mad_call(&sm, &req, &resp, table, &bytes, SA_TIMEOUT_NS,
		       SA_RETRIES);
	if (err)
		goto free_table;
	status = HW_GET(&resp, MAD_STATUS);
	if (status == SA_STATUS_NO_RECORDS)
		err = 0;
	else if (status)
		err = status_errno(status);
	else
		err = take_services(table, bytes,
				    HW_GET(&resp, SA_ATTR_OFFSET) * 8, out,
				    max);
free_table:
	kfree(table);
	return err;
}
