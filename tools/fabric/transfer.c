/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "transfer.h"
#include "qp.h"

#include <string.h>

struct flow flow_of_request(struct qp *qp, struct cursor *cursor)
{
	return (struct flow){
		.card = qp->card,
		.pd = qp->pd,
		.segments = qp->tx.wqe.segments,
		.nr_segments = qp->tx.wqe.nr_segments,
		.inline_data = qp->tx.wqe.raw,
		.cursor = cursor,
	};
}

/* The contiguous piece at the cursor, or NULL. */
static u8 *run_at(struct flow *flow, u64 want, u64 *got)
{
	struct cursor *cursor = flow->cursor;
	const struct segment *segment;
	struct mr mr;

	if (cursor->segment >= flow->nr_segments)
		return NULL;
	segment = &flow->segments[cursor->segment];
	want = min_u64(want, segment->bytes - cursor->offset);
	if (segment->is_inline) {
		*got = want;
		return (u8 *)flow->inline_data + segment->inline_offset +
		       cursor->offset;
	}
	if (!mr_find(flow->card, segment->key, flow->pd,
		     segment->va + cursor->offset, want, flow->access, &mr))
		return NULL;
	return mr_run(flow->card, &mr, segment->va + cursor->offset, want,
		      flow->is_target, got);
}

static void advance(struct flow *flow, u64 bytes)
{
	struct cursor *cursor = flow->cursor;

	cursor->offset += (u32)bytes;
	if (cursor->offset == flow->segments[cursor->segment].bytes) {
		cursor->segment++;
		cursor->offset = 0;
	}
}

/*
 * A guest may spin on the last byte, or on an aligned word at the end, of
 * what is written to it: that is stored last, and in one piece.
 */
static void copy(u8 *to, const u8 *from, u64 n)
{
	u64 word;

	if (n >= 8 && !((uintptr_t)(to + n) & 7)) {
		memcpy(&word, from + n - 8, 8);
		memmove(to, from, n - 8);
		__atomic_store_n((u64 *)(to + n - 8), word, __ATOMIC_RELEASE);
	} else {
		u8 last = from[n - 1];

		memmove(to, from, n - 1);
		__atomic_store_n(to + n - 1, last, __ATOMIC_RELEASE);
	}
}

enum transfer_result transfer(struct flow *to, struct flow *from, u64 bytes)
{
	while (bytes) {
		u64 n;
		u8 *source = run_at(from, bytes, &n);
		u8 *target;

		if (!source)
			return TRANSFER_BAD_SOURCE;
		target = run_at(to, n, &n);
		if (!target)
			return TRANSFER_BAD_TARGET;
		copy(target, source, n);
		advance(from, n);
		advance(to, n);
		bytes -= n;
	}
	return TRANSFER_OK;
}

enum transfer_result transfer_bytes(struct flow *to, const u8 *from, u64 bytes)
{
	while (bytes) {
		u64 n;
		u8 *target = run_at(to, bytes, &n);

		if (!target)
			return TRANSFER_BAD_TARGET;
		copy(target, from, n);
		advance(to, n);
		from += n;
		bytes -= n;
	}
	return TRANSFER_OK;
}

enum transfer_result transfer_gather(u8 *to, struct flow *from, u64 bytes)
{
	while (bytes) {
		u64 n;
		u8 *source = run_at(from, bytes, &n);

		if (!source)
			return TRANSFER_BAD_SOURCE;
		memcpy(to, source, n);
		advance(from, n);
		to += n;
		bytes -= n;
	}
	return TRANSFER_OK;
}

bool transfer_check(struct card *card, u32 pd, const struct segment *segments,
		    unsigned int nr_segments, u64 bytes, u32 access)
{
	struct mr mr;

	for (unsigned int i = 0; i < nr_segments && bytes; i++) {
		u64 n = min_u64(bytes, segments[i].bytes);

		if (!segments[i].is_inline &&
		    !mr_find(card, segments[i].key, pd, segments[i].va, n,
			     access, &mr))
			return false;
		bytes -= n;
	}
	return true;
}
