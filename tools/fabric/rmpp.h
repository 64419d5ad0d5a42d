/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_RMPP_H
#define FABRIC_RMPP_H

/*
 * The sending side of RMPP (InfiniBand specification, volume 1, 13.6), for
 * the answers of the subnet administrator.
 *
 * The receiver opens a window by ACKs; segments up to its end are sent, and
 * sent again from the last acknowledged one if nothing is heard.
 */
#include "loop.h"
#include "packet.h"

struct ib_switch;

enum {
	RMPP_HEADER = 24, /* in the MAD */
	RMPP_DATA = 56,   /* SA's: behind SM key, offset, component mask */
	RMPP_SEGMENT_BYTES = 200,
	RMPP_MAX_BYTES = 64 << 10,
	RMPP_MAX_TRANSFERS = 16,
};

struct rmpp_transfer {
	struct rmpp *rmpp;
	bool is_used;
	struct packet *head; /* addresses, and the MAD's headers */
	u8 *data;
	u32 bytes, nr_segments;
	u32 acked, window_end; /* segments */
	unsigned int nr_tries;
	struct timer timer;
};

struct rmpp {
	struct ib_switch *sw;
	struct rmpp_transfer transfers[RMPP_MAX_TRANSFERS];
};

void rmpp_init(struct rmpp *rmpp, struct ib_switch *sw);
void rmpp_close(struct rmpp *rmpp);

/**
 * rmpp_send - send @bytes of records as the answer whose addresses and first
 * 56 bytes stand in @head.
 *
 * Return: 0, or -ENOBUFS or -EMSGSIZE.
 */
int rmpp_send(struct rmpp *rmpp, const struct packet *head, const u8 *data,
	      u32 bytes);

/* An ACK, STOP or ABORT of a receiver. */
void rmpp_receive(struct rmpp *rmpp, const struct packet *packet);

#endif /* FABRIC_RMPP_H */
