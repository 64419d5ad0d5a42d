/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_CAPTURE_H
#define FABRIC_CAPTURE_H

/*
 * A capture of what crosses the fabric, as InfiniBand packets in a pcap
 * file (link type 197, ERF records of type 21: each packet begins with its
 * local route header.  The link type for such packets without ERF's header,
 * 247, is one that Wireshark does not read).
 *
 * Transports work by message; the capture shows the packets that a message
 * is on a wire, with the acknowledgement that ends it.  Checksums are not
 * modelled: ICRC and VCRC are 0.
 */
#include "packet.h"
#include "qp.h"

/**
 * capture_open - begin to write to @path.
 *
 * Return: 0, or -errno.
 */
int capture_open(const char *path);

/* Write out what is left. */
void capture_close(void);

/* A datagram leaves its sender. */
void capture_datagram(const struct packet *packet);

/* The message at the head of @qp has moved to or from @peer; not completed. */
void capture_message(struct qp *qp, const struct qp *peer);

/* @peer refused it: its first packet, and the answer with @syndrome (AETH). */
void capture_refusal(struct qp *qp, const struct qp *peer, u8 syndrome);

/* AETH syndromes (InfiniBand specification, volume 1, 9.7.5.2.1). */
enum {
	AETH_ACK = 0x1f, /* says nothing of credits */
	AETH_RNR_NAK = 0x20,
	AETH_NAK_INVALID = 0x61,
	AETH_NAK_ACCESS = 0x62,
	AETH_NAK_OPERATION = 0x63,
};

#endif /* FABRIC_CAPTURE_H */
