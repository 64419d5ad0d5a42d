/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_SA_H
#define IB_SA_H

/*
 * Client of the subnet administrator: who is where, and by which path.
 *
 * All calls sleep until the answer came or the retries are used up (about
 * SA_TIMEOUT_NS * (SA_RETRIES + 1)); they need an ACTIVE port.  Common
 * results: -ENETDOWN the port is not active or knows no SM; -ETIMEDOUT the SM
 * did not answer; -ENOENT it knows no such record; -EPROTO its answer was
 * refused or malformed.
 */
#include <ib/verbs.h>

#define SA_TIMEOUT_NS 500000000ULL /* for one try */
#define SA_RETRIES    5

/** A path to another port, as the SA reports it. */
struct sa_path {
	struct ib_gid dgid;
	struct ib_gid sgid;
	u16 dlid;
	u16 slid;
	u16 pkey;
	u8 sl;
	enum ib_mtu mtu;
	u8 rate;
	u8 packet_lifetime; /* 4.096 us << n */
	u8 hop_limit;       /* > 1: another subnet, needs a GRH */
	u8 traffic_class;
	u32 flow_label;
};

/**
 * sa_path_by_gid, sa_path_by_lid - ask the SA for the path to a port.
 *
 * Context: may sleep; retries, then gives up.
 * Return: 0; -ENOENT the SA knows none; -ETIMEDOUT; -ENETDOWN port not active.
 */
int __must_check sa_path_by_gid(struct ib_device *dev, u8 port,
				const struct ib_gid *dgid,
				struct sa_path *path);
int __must_check sa_path_by_lid(struct ib_device *dev, u8 port, u16 dlid,
				struct sa_path *path);

#define SA_SERVICE_NAME_BYTES 64
#define SA_SERVICE_DATA_BYTES 64
#define SA_LEASE_FOREVER      0xffffffffu

/** ServiceRecord: "this port offers that service". */
struct sa_service {
	u64 service_id;
	struct ib_gid gid;
	u16 pkey;
	u32 lease_seconds;
	char name[SA_SERVICE_NAME_BYTES]; /* NUL-terminated here */
	u8 data[SA_SERVICE_DATA_BYTES]; /* opaque bytes, carried as they are */
};

/**
 * sa_service_register - announce @service (its gid and pkey are filled in
 * from the port).  Registering the same service id again replaces it.
 *
 * Register again after IB_EVENT_REREGISTER and IB_EVENT_LID_CHANGE, and
 * before the lease ends.
 */
int __must_check sa_service_register(struct ib_device *dev, u8 port,
				     struct sa_service *service);
int __must_check sa_service_delete(struct ib_device *dev, u8 port,
				   u64 service_id);

/**
 * sa_service_list - all records with service @name (NULL: any name) and
 * @service_id (0: any id).
 *
 * Return: how many were stored in @out (at most @max; surplus is dropped with
 *         a warning), 0 if there is none, or -E as above.
 */
int __must_check sa_service_list(struct ib_device *dev, u8 port,
				 const char *name, u64 service_id,
				 struct sa_service *out, u32 max);

#endif /* IB_SA_H */
