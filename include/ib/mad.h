/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_MAD_H
#define IB_MAD_H

/*
 * Management datagrams: 256-byte messages on QP0 (subnet management) and QP1
 * (general services) of each port.
 *
 * What arrives is untrusted: receivers get the 256 bytes as they came, of
 * which only base version, and that a class handler exists, were checked.
 * Offsets: InfiniBand volume 1, chapter 13.4.
 */
#include <ib/hwfield.h>
#include <ib/verbs.h>

#define MAD_BYTES 256

struct mad {
	u8 raw[MAD_BYTES];
};
_Static_assert(sizeof(struct mad) == 256, "a MAD is 256 bytes");

#define MAD_BASE_VERSION  HW_FIELD(struct mad, 0x00, 31, 24)
#define MAD_CLASS         HW_FIELD(struct mad, 0x00, 23, 16)
#define MAD_CLASS_VERSION HW_FIELD(struct mad, 0x00, 15, 8)
#define MAD_METHOD        HW_FIELD(struct mad, 0x00, 7, 0)
#define MAD_STATUS        HW_FIELD(struct mad, 0x04, 31, 16)
#define MAD_CLASS_SPEC    HW_FIELD(struct mad, 0x04, 15, 0)
#define MAD_TID_HIGH      HW_FIELD(struct mad, 0x08, 31, 0)
#define MAD_TID_LOW       HW_FIELD(struct mad, 0x0c, 31, 0)
#define MAD_ATTR_ID       HW_FIELD(struct mad, 0x10, 31, 16)
#define MAD_ATTR_MOD      HW_FIELD(struct mad, 0x14, 31, 0)

enum mad_class {
	MAD_CLASS_SMP_LID = 0x01,
	MAD_CLASS_SA = 0x03,
	MAD_CLASS_PMA = 0x04,
	MAD_CLASS_CM = 0x07,
	MAD_CLASS_OPENIB_PING = 0x32, /* of the vendors' range with an OUI */
	MAD_CLASS_SMP_DIRECTED = 0x81,
};

enum mad_method {
	MAD_GET = 0x01,
	MAD_SET = 0x02,
	MAD_SEND = 0x03,
	MAD_TRAP = 0x05,
	MAD_REPORT = 0x06,
	MAD_TRAP_REPRESS = 0x07,
	MAD_GET_TABLE = 0x12,
	MAD_DELETE = 0x15,
	MAD_RESPONSE = 0x80, /* or-ed to a method */
};

/** The other end of a MAD on QP1. */
struct mad_addr {
	struct ib_device *dev;
	u8 port; /* of dev */
	u16 pkey_index;
	u32 qpn; /* remote QP: 1 in requests */
	struct ib_av av;
};

/**
 * Called in the MAD thread for each MAD of a registered class that is not the
 * answer of a mad_call(); may sleep for short.
 */
typedef void (*mad_handler)(const struct mad_addr *from, const struct mad *mad);

/** mad_register - handle @mgmt_class on QP1 of all ports; at start only. */
void mad_register(u8 mgmt_class, mad_handler handler);

/**
 * mad_send - send one MAD through QP1.
 *
 * Context: may sleep until a send buffer is free.
 * Return: 0: it was queued; -ENETDOWN, -EIO.
 */
int __must_check mad_send(const struct mad_addr *to, const struct mad *mad);

/**
 * mad_call - send @req and wait for its answer, repeating @retries times.
 *
 * The transaction id of @req is set here.  If the answer is a multi-packet
 * one (RMPP) @table receives the data of all its segments, and *@table_bytes,
 * its size on entry, their length; the first segment is in @resp.
 *
 * Context: sleeps.
 * Return: 0, -ETIMEDOUT, -ENETDOWN, -EPROTO (RMPP broken), -EMSGSIZE (@table
 *         too small).
 */
int __must_check mad_call(const struct mad_addr *to, struct mad *req,
			  struct mad *resp, void *table, u32 *table_bytes,
			  u64 timeout_ns, u32 retries);

/**
 * mad_sm_addr - the address of the subnet administrator of a port.
 *
 * Return: 0, or -ENETDOWN when the port is not active or knows no SM.
 */
int __must_check mad_sm_addr(struct ib_device *dev, u8 port,
			     struct mad_addr *to);

#endif /* IB_MAD_H */
