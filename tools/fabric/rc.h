/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_RC_H
#define FABRIC_RC_H

/*
 * The reliable-connected transport, message by message.
 *
 * Both ends live in this process, so no packet is ever built: the
 * requester's turn looks the responder up, makes the responder's checks in
 * the order in which a card makes them, and copies from guest to guest.  What
 * a driver can see stays: packet sequence numbers (by packet count, and a
 * mismatch is a lost message), RNR and timeout retries by timer, NAKs as the
 * two ends' errors and events, and the order within a queue pair.
 *
 * A long message is copied in portions, one a turn of the loop.  Both ends
 * remember it by a message number; if one end forgets (reset, error), the
 * other starts again or gives up, as after lost packets.
 *
 * What goes wrong on a cable (link.h) goes wrong packet by packet all the
 * same.  A requester has one message under way, and a try at it is:
 *
 *	TRAVEL_NONE --(delay)--> REQUEST --(delay)--> ANSWER --> finish()
 *	     ^                      |  the responder has done it all:
 *	     |   a packet is lost   |  is_carried_out
 *	     +----------------------+
 *
 * - What arrived before the gap stays: the responder has it and the next try
 *   goes on from there, as after a NAK that names the sequence number.
 * - If a later packet of the message arrives, the gap is noticed (NAK, or a
 *   READ response out of order) and the next try follows at once.  If it was
 *   the last one, only the transport timer helps: there is no next message
 *   that would show the gap.
 * - A lost acknowledgement, or answer of an atomic, means a second request
 *   that the responder knows already: it answers and does nothing again.
 * - Each try costs one of the retries; they are as many as at first when
 *   something was acknowledged (InfiniBand specification, volume 1, 9.9.2.4).
 */
struct qp;

/* Work on the send queue: called by the loop when there may be something. */
void rc_run(struct qp *qp);

/* A retry timer ended. */
void rc_timer(struct qp *qp);

#endif /* FABRIC_RC_H */
