/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_UD_H
#define FABRIC_UD_H

/* Datagrams: UD queue pairs, and QP0 and QP1 (raw headers in the request). */
#include "packet.h"

struct qp;
struct card_port;

/* Work on the send queue: called by the loop when there may be something. */
void ud_run(struct qp *qp);

/* A packet arrives at @port; dropped (and counted) if nobody takes it. */
void ud_receive(struct card_port *port, const struct packet *packet);

#endif /* FABRIC_UD_H */
