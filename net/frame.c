/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frame.h"

#include <lib/errno.h>
#include <lib/string.h>

static const char *const error_names[NR_FRAME_ERRORS] = {
	[FRAME_OK] = "ok",
	[FRAME_BAD_LENGTH] = "bad length",
	[FRAME_BAD_MAGIC] = "bad magic",
	[FRAME_BAD_VERSION] = "another protocol version",
	[FRAME_BAD_KIND] = "unknown kind",
	[FRAME_BAD_SESSION] = "a session that is over",
	[FRAME_BAD_OP] = "unknown message",
	[FRAME_BAD_ROLE] = "message not served here",
	[FRAME_BAD_BODY] = "bad body size",
	[FRAME_BAD_TAIL] = "bad tail size",
	[FRAME_BAD_BULK] = "bad bulk segments",
	[FRAME_BAD_STATUS] = "bad status",
};

const char *frame_error_name(enum frame_error error)
{
	return error < NR_FRAME_ERRORS ? error_names[error] : "?";
}

int frame_error_errno(enum frame_error error)
{
	switch (error) {
	case FRAME_OK:
		return 0;
	case FRAME_BAD_OP:
	case FRAME_BAD_ROLE:
		return -ENOSYS;
	case FRAME_BAD_LENGTH:
	case FRAME_BAD_BODY:
	case FRAME_BAD_TAIL:
	case FRAME_BAD_BULK:
		return -EBADMSG;
	default:
		return -EPROTO;
	}
}

static enum frame_error decode_segs(const struct wire_frame *h,
				    struct frame *out)
{
	u64 total = 0;

	for (u32 i = 0; i < out->nr_segs; i++) {
		u64 iova = le64_get(out->segs[i].iova);
		u32 bytes = le32_get(out->segs[i].len_bytes);

		if (!bytes || iova > ~0ul - bytes)
			return FRAME_BAD_BULK;
		total += bytes;
	}
	out->bulk_bytes = total;
	out->bulk_rkey = le32_get(h->bulk_rkey);
	return FRAME_OK;
}

static enum frame_error decode_request(const struct wire_frame *h, u32 body_len,
				       enum node_role role, struct frame *out)
{
	if (!out->info)
		return FRAME_BAD_OP;
	if (!(out->info->served_by & 1u << role))
		return FRAME_BAD_ROLE;
	if (body_len != out->info->req_bytes)
		return FRAME_BAD_BODY;
	if (out->tail_len < out->info->tail_min ||
	    out->tail_len > out->info->tail_max)
		return FRAME_BAD_TAIL;
	return decode_segs(h, out);
}

static enum frame_error decode_reply(u32 body_len, const struct frame *out)
{
	if (!out->info)
		return FRAME_BAD_OP;
	if (out->status > 0 || out->status < -4095)
		return FRAME_BAD_STATUS;
	if (body_len != (out->status ? 0 : out->info->rep_bytes))
		return FRAME_BAD_BODY;
	if (out->tail_len > (out->status ? 0 : out->info->rep_tail_max))
		return FRAME_BAD_TAIL;
	return out->nr_segs ? FRAME_BAD_BULK : FRAME_OK;
}

enum frame_error frame_decode(const void *buf, u32 len, u64 session,
			      enum node_role role, struct frame *out)
{
	const struct wire_frame *h = buf;
	u32 body_len, segs_len;

	memset(out, 0, sizeof(*out));
	if (len < sizeof(*h) || len > RPC_FRAME_MAX)
		return FRAME_BAD_LENGTH;
	out->op = le32_get(h->op);
	if (le32_get(h->magic) != RPC_MAGIC)
		return FRAME_BAD_MAGIC;
	if (le32_get(h->version) != RPC_VERSION)
		return FRAME_BAD_VERSION;
	if (le64_get(h->session) != session)
		return FRAME_BAD_SESSION;
	out->kind = le32_get(h->kind);
	out->info = rpc_op_find(out->op);
	out->xid = le64_get(h->xid);
	out->status = (int)le32_get(h->status);
	out->budget_ms = le32_get(h->budget_ms);
	out->is_answerable = out->kind == RPC_KIND_REQUEST;
	body_len = le32_get(h->body_len);
	out->tail_len = le32_get(h->tail_len);
	out->nr_segs = le32_get(h->nr_segs);
	if (out->nr_segs > RPC_MAX_SEGS)
		return FRAME_BAD_BULK;
	segs_len = out->nr_segs * (u32)sizeof(struct wire_seg);
	if ((u64)sizeof(*h) + segs_len + body_len + out->tail_len != len)
		return FRAME_BAD_LENGTH;
	out->segs = (const struct wire_seg *)(h + 1);
	out->body = (const u8 *)(h + 1) + segs_len;
	out->tail = (const u8 *)out->body + body_len;
	switch (out->kind) {
	case RPC_KIND_REQUEST:
		return decode_request(h, body_len, role, out);
	case RPC_KIND_REPLY:
		return decode_reply(body_len, out);
	case RPC_KIND_BEAT:
		return len == sizeof(*h) ? FRAME_OK : FRAME_BAD_LENGTH;
	default:
		return FRAME_BAD_KIND;
	}
}

static void header_fill(struct wire_frame *h, enum rpc_kind kind, u32 op,
			u64 xid, u64 session)
{
	memset(h, 0, sizeof(*h));
	h->magic = le32_make(RPC_MAGIC);
	h->version = le32_make(RPC_VERSION);
	h->kind = le32_make(kind);
	h->op = le32_make(op);
	h->xid = le64_make(xid);
	h->session = le64_make(session);
}

static u32 put(void *buf, u32 at, const void *data, u32 len)
{
	if (len)
		memcpy((u8 *)buf + at, data, len);
	return at + len;
}

u32 frame_encode_request(void *buf, const struct rpc_op_info *info, u64 xid,
			 u64 session, const struct rpc_args *args,
			 u32 bulk_rkey, u32 budget_ms)
{
	struct wire_frame *h = buf;
	struct wire_seg *seg = (struct wire_seg *)(h + 1);
	u32 nr_segs = args->bulk ? args->bulk->nr_segs : 0;
	u32 at = sizeof(*h) + nr_segs * (u32)sizeof(*seg);

	header_fill(h, RPC_KIND_REQUEST, info->op, xid, session);
	h->budget_ms = le32_make(budget_ms);
	h->body_len = le32_make(info->req_bytes);
	h->tail_len = le32_make(args->tail_len);
	h->nr_segs = le32_make(nr_segs);
	h->bulk_rkey = le32_make(bulk_rkey);
	for (u32 i = 0; i < nr_segs; i++, seg++) {
		seg->iova = le64_make(args->bulk->segs[i].paddr);
		seg->len_bytes = le32_make(args->bulk->segs[i].len_bytes);
		seg->reserved = le32_make(0);
	}
	at = put(buf, at, args->req, info->req_bytes);
	return put(buf, at, args->tail, args->tail_len);
}

u32 frame_encode_reply(void *buf, u32 op, u64 xid, u64 session, int status,
		       const void *body, u32 body_len, const void *tail,
		       u32 tail_len)
{
	struct wire_frame *h = buf;
	u32 at = sizeof(*h);

	header_fill(h, RPC_KIND_REPLY, op, xid, session);
	h->status = le32_make((u32)status);
	if (status)
		return at;
	h->body_len = le32_make(body_len);
	h->tail_len = le32_make(tail_len);
	at = put(buf, at, body, body_len);
	return put(buf, at, tail, tail_len);
}

u32 frame_encode_beat(void *buf, u64 session)
{
	header_fill(buf, RPC_KIND_BEAT, 0, 0, session);
	return sizeof(struct wire_frame);
}
