/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_RMPP_H
#define IB_RMPP_H

/*
 * Receiving answers of several MADs (RMPP, InfiniBand volume 1, 13.6), as the
 * subnet administrator sends them for tables.  Pure.
 */
#include <ib/mad.h>

#define RMPP_TYPE     HW_FIELD(struct mad, 0x18, 23, 16)
#define RMPP_RESPTIME HW_FIELD(struct mad, 0x18, 15, 11)
#define RMPP_LAST     HW_FIELD(struct mad, 0x18, 10, 10)
#define RMPP_FIRST    HW_FIELD(struct mad, 0x18, 9, 9)
#define RMPP_ACTIVE   HW_FIELD(struct mad, 0x18, 8, 8)
#define RMPP_STATUS   HW_FIELD(struct mad, 0x18, 7, 0)
#define RMPP_SEGMENT  HW_FIELD(struct mad, 0x1c, 31, 0)
#define RMPP_LENGTH   HW_FIELD(struct mad, 0x20, 31, 0) /* ACK: new window */

#define RMPP_TYPE_DATA 1
#define RMPP_TYPE_ACK  2
#define RMPP_SA_HEADER 20 /* counted in the length of each segment */
#define RMPP_SA_DATA   56 /* offset of its data */
#define RMPP_SA_BYTES  200
#define RMPP_WINDOW    16

struct rmpp_rx {
	u8 *out;
	u32 max;
	u32 bytes; /* so far */
	u32 next;  /* segment that is expected; starts at 1 */
	u32 window_end;
	bool overflow; /* @out was too small: the rest is dropped */
};

enum rmpp_result {
	RMPP_MORE, /* wait for more; maybe acknowledge */
	RMPP_DONE,
	RMPP_BROKEN,
};

void rmpp_rx_init(struct rmpp_rx *rx, void *out, u32 max);

/**
 * rmpp_rx_segment - take in @mad.
 *
 * @ack: set to a MAD to send back if *@has_ack.
 */
enum rmpp_result rmpp_rx_segment(struct rmpp_rx *rx, const struct mad *mad,
				 struct mad *ack, bool *has_ack);

#endif /* IB_RMPP_H */
