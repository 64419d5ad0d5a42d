/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames from a hostile peer.  The first byte chooses role and whether the
 * header is made plausible, so that the checks behind it are reached; what is
 * accepted must describe only bytes of the frame, all of which are touched.
 */
#include "net/frame.h"

#include <stdlib.h>
#include <string.h>

#define SESSION 1ul

static void make_plausible(u8 *buf, size_t len)
{
	struct wire_frame *h = (struct wire_frame *)buf;
	u32 op;

	if (len < sizeof(*h))
		return;
	op = le32_get(h->op) % NR_RPC_OPS;
	h->magic = le32_make(RPC_MAGIC);
	h->version = le32_make(RPC_VERSION);
	h->session = le64_make(SESSION);
	h->op = le32_make(rpc_ops[op].op);
	h->kind = le32_make(1 + le32_get(h->kind) % 3);
}

static u64 touch(const void *p, size_t len)
{
	const u8 *b = p;
	u64 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += b[i];
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u64 sum;
	struct frame f;
	u8 how, *buf;

	if (!size || size > RPC_FRAME_MAX + 9)
		return 0;
	how = data[0];
	size--;
	buf = malloc(size + 1); /* exactly sized: overreach is seen */
	memcpy(buf, data + 1, size);
	if (how & 4)
		make_plausible(buf, size);
	if (!frame_decode(buf, (u32)size, SESSION, how & 3, &f) &&
	    f.kind != RPC_KIND_BEAT) {
		u32 body = f.status ? 0
				    : (f.kind == RPC_KIND_REQUEST
					       ? f.info->req_bytes
					       : f.info->rep_bytes);

		if (f.kind == RPC_KIND_REQUEST)
			body = f.info->req_bytes;
		sum = touch(f.segs, f.nr_segs * sizeof(*f.segs)) +
		      touch(f.body, body) + touch(f.tail, f.tail_len);
		__asm__ volatile("" ::"r"(sum));
		if ((const u8 *)f.tail + f.tail_len != buf + size)
			abort();
	}
	free(buf);
	return 0;
}
