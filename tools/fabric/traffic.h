/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_TRAFFIC_H
#define FABRIC_TRAFFIC_H

/*
 * Connected transports move messages; ports count packets.  This is the sum:
 * the packets that a message and its answer are on a wire.
 */
#include "qp.h"

/**
 * traffic_count - the message at the head of @qp, of @packets packets of
 * payload, has moved to or from @peer.
 */
void traffic_count(const struct qp *qp, const struct qp *peer, u32 packets);

#endif /* FABRIC_TRAFFIC_H */
