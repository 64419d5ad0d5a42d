/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_STATION_H
#define FABRIC_STATION_H

/* A machine with an active port that sends and receives MADs by its QP1. */
#include "fabric_client.h"

struct station {
	struct machine m;
	struct test_cq cq;
	struct test_qp gsi;
	u64 buffer, packet;
};

void station_start(struct station *s, unsigned int card);

/* The zeroed MAD that the next mad_send() sends. */
u8 *mad_at(struct station *s);
void mad_send(struct station *s, u16 dlid, u16 pkey);

/* The next MAD that comes in, or NULL after seconds without one. */
u8 *mad_wait(struct station *s);

#endif /* FABRIC_STATION_H */
