/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_TRANSFER_H
#define FABRIC_TRANSFER_H

/*
 * Copying between lists of segments in two guests' memories (or one's).
 */
#include "memory.h"
#include "wqe.h"

/* One side of a copy. */
struct flow {
	struct card *card;
	u32 pd;
	u32 access; /* what each segment's key must allow */
	bool is_target;
	const struct segment *segments;
	unsigned int nr_segments;
	const u8 *inline_data; /* the WQE's bytes */
	struct cursor *cursor;
};

struct qp;

/* The segments of the request at the head of @qp's send queue. */
struct flow flow_of_request(struct qp *qp, struct cursor *cursor);

enum transfer_result { TRANSFER_OK, TRANSFER_BAD_SOURCE, TRANSFER_BAD_TARGET };

/**
 * transfer - copy @bytes from where @from's cursor stands to where @to's
 * does, and advance both; in ascending order, the last bytes last.
 *
 * Return: TRANSFER_OK, or which side could not be accessed.
 */
enum transfer_result transfer(struct flow *to, struct flow *from, u64 bytes);

/* As transfer(), from our own memory. */
enum transfer_result transfer_bytes(struct flow *to, const u8 *from, u64 bytes);

/* As transfer(), to our own memory. */
enum transfer_result transfer_gather(u8 *to, struct flow *from, u64 bytes);

/* May every key of the first @bytes be used for @access? */
bool transfer_check(struct card *card, u32 pd, const struct segment *segments,
		    unsigned int nr_segments, u64 bytes, u32 access);

#endif /* FABRIC_TRANSFER_H */
