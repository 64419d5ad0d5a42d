/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_RC_H
#define FABRIC_RC_H

/*
 * The reliable-connected transport, message by message.
 *
 * Both ends live in this process, so there are no packets and no ACKs: the
 * requester's turn looks the responder up, makes the responder's checks in
 * the order in which a card makes them, and copies from guest to guest.  What
 * a driver can see stays: packet sequence numbers (by packet count, and a
 * mismatch is a lost message), RNR and timeout retries by timer, NAKs as the
 * two ends' errors and events, and the order within a queue pair.
 *
 * A long message is copied in portions, one a turn of the loop.  Both ends
 * remember it by a message number; if one end forgets (reset, error), the
 * other starts again or gives up, as after lost packets.
 */
struct qp;

/* Work on the send queue: called by the loop when there may be something. */
void rc_run(struct qp *qp);

/* A retry timer ended. */
void rc_timer(struct qp *qp);

#endif /* FABRIC_RC_H */
