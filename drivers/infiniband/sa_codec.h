/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_SA_CODEC_H
#define IB_SA_CODEC_H

/*
 * Records of the subnet administrator, to and from bytes (InfiniBand volume 1,
 * 15.2).  Pure.  Decoders take bytes of a record as they came.
 */
#include <ib/mad.h>
#include <ib/sa.h>

#define SA_DATA              56 /* offset in the MAD */
#define SA_DATA_BYTES        200
#define SA_ATTR_OFFSET       HW_FIELD(struct mad, 0x2c, 31, 16) /* 8 bytes */
#define SA_MASK              HW_FIELD64(struct mad, 0x30)
#define SA_ATTR_SERVICE      0x31
#define SA_ATTR_PATH         0x35
#define SA_STATUS_NO_RECORDS 0x0300
#define SA_SERVICE_BYTES     176
#define SA_PATH_BYTES        64

/* Component mask bits. */
#define SA_PATH_DGID       (1ULL << 2)
#define SA_PATH_SGID       (1ULL << 3)
#define SA_PATH_DLID       (1ULL << 4)
#define SA_PATH_SLID       (1ULL << 5)
#define SA_PATH_REVERSIBLE (1ULL << 11)
#define SA_PATH_NUMB       (1ULL << 12)
#define SA_PATH_PKEY       (1ULL << 13)
#define SA_SERVICE_ID      (1ULL << 0)
#define SA_SERVICE_GID     (1ULL << 1)
#define SA_SERVICE_PKEY    (1ULL << 2)
#define SA_SERVICE_LEASE   (1ULL << 4)
#define SA_SERVICE_NAME    (1ULL << 6)
#define SA_SERVICE_DATA    (0x3fffffffULL << 7) /* all widths */

/** sa_request - an empty request MAD. */
void sa_request(struct mad *m, u8 method, u16 attr_id, u64 mask);

void sa_put_path(u8 data[SA_PATH_BYTES], const struct sa_path *path);
/** sa_get_path - Return: false if a field is out of range. */
bool sa_get_path(const u8 data[SA_PATH_BYTES], struct sa_path *path);

void sa_put_service(u8 data[SA_SERVICE_BYTES], const struct sa_service *s);
void sa_get_service(const u8 data[SA_SERVICE_BYTES], struct sa_service *s);

#endif /* IB_SA_CODEC_H */
