/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor command `rpcbad`: sends every peer frames that no node of ours
 * would send, and then an ordinary call, which has to go well.  The peer
 * counts each of them in nr_rpc_bad_frame and says so in its log.
 *
 * A frame is a good request of n_echo with one or two fields of the header
 * overwritten and its length changed.  Its xid is nobody's, so the refusals
 * that come back end in nr_rpc_late_reply.
 *
 * And `rpcflood`: sends every peer more good requests on one channel than a
 * node of ours would, whose handlers take a while.  The peer drops and counts
 * what is over its limit.
 */
#define pr_fmt(fmt) "rpcbad: " fmt
#include "net.h"

#include <kernel/assert.h>
#include <kernel/monitor.h>
#include <kernel/time.h>
#include <lib/string.h>

#define NOBODYS_XID ~0ull
#define BUFFER_NS   (5 * NSEC_PER_SEC)
#define BUDGET_MS   1000u
#define FLOOD_OVER  64u /* requests above the limit */
#define FLOOD_MS    20000u

/* The frame that is damaged: header and body. */
#define GOOD_LEN ((u32)(sizeof(struct wire_frame) + sizeof(struct rpc_n_echo)))
#define SEG_LEN  ((u32)sizeof(struct wire_seg))

#define FIELD(name) ((u32) __builtin_offsetof(struct wire_frame, name))

struct damage {
	const char *what;
	u32 len; /* that is sent */
	struct {
		u32 at;
		u32 value;
	} fields[2]; /* all zero: unused */
};

static const struct damage damages[] = {
	{"one byte", 1},
	{"half a header", 28},
	{"no body", sizeof(struct wire_frame)},
	{"a byte too few", GOOD_LEN - 1},
	{"a byte too many", GOOD_LEN + 1},
	{"magic", GOOD_LEN, {{FIELD(magic), 0x12345678}}},
	{"version", GOOD_LEN, {{FIELD(version), RPC_VERSION + 1}}},
	{"kind", GOOD_LEN, {{FIELD(kind), 77}}},
	{"session", GOOD_LEN, {{FIELD(session), 0}}},
	{"message", GOOD_LEN, {{FIELD(op), 0x7777}}},
	{"body size",
	 GOOD_LEN + 8,
	 {{FIELD(body_len), sizeof(struct rpc_n_echo) + 8}}},
	{"body of 4 GiB", GOOD_LEN, {{FIELD(body_len), ~0u - 7}}},
	{"body and tail that wrap",
	 GOOD_LEN,
	 {{FIELD(body_len), 0x80000000}, {FIELD(tail_len), 0x80000010}}},
	{"tail too long",
	 GOOD_LEN + RPC_MAX_TAIL + 8,
	 {{FIELD(tail_len), RPC_MAX_TAIL + 8}}},
	{"segments without number", GOOD_LEN, {{FIELD(nr_segs), ~0u}}},
	{"empty segment", GOOD_LEN + SEG_LEN, {{FIELD(nr_segs), 1}}},
	{"reply with a positive status",
	 GOOD_LEN,
	 {{FIELD(kind), RPC_KIND_REPLY}, {FIELD(status), 1}}},
	{"heartbeat with a body", GOOD_LEN, {{FIELD(kind), RPC_KIND_BEAT}}},
};

/* One of the flood: good, and slow. */
static const struct damage slow = {
	"nothing",
	GOOD_LEN,
	{{FIELD(budget_ms), FLOOD_MS},
	 {sizeof(struct wire_frame) +
		  __builtin_offsetof(struct rpc_n_echo, delay_ms),
	  FLOOD_MS}}};

static_assert(GOOD_LEN + RPC_MAX_TAIL + 8 <= RPC_FRAME_MAX, "room");

/* @buf has RPC_FRAME_MAX bytes. */
static void frame_make_bad(u8 *buf, u64 session, const struct damage *d)
{
	static const struct rpc_n_echo body; /* zero: an empty segment, too */
	const struct rpc_args args = {.req = &body};

	memset(buf, 0, RPC_FRAME_MAX);
	frame_encode_request(buf, rpc_op_find(RPC_n_echo), NOBODYS_XID, session,
			     &args, 0, BUDGET_MS);
	for (u32 i = 0; i < ARRAY_SIZE(d->fields); i++) {
		le32 value = le32_make(d->fields[i].value);

		if (!d->fields[i].at && !d->fields[i].value)
			continue;
		memcpy(buf + d->fields[i].at, &value, sizeof(value));
	}
}

static int send_bad(struct chan *c, const struct damage *d)
{
	u64 flags = spin_lock_irqsave(&c->lock);
	u32 i = c->state == CHAN_UP ? chan_reply_get_locked(c) : NO_BUFFER;
	int rc = -EAGAIN;

	if (i != NO_BUFFER) {
		frame_make_bad(chan_buffer(c, i), c->peer->session, d);
		rc = chan_send_locked(c, i, d->len, wr_id_make(WR_REPLY, i));
		if (rc)
			chan_reply_put_locked(c, i);
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return rc;
}

/* Waits for a buffer. */
static bool send_one(struct chan *c, const struct damage *d)
{
	int rc;

	return wait_event_timeout(&c->reply_room,
				  (rc = send_bad(c, d)) != -EAGAIN,
				  BUFFER_NS) &&
	       !rc;
}

/* All kinds of damage, over all channels in turn. Return: how many left. */
static u32 send_all_bad(struct peer *peer)
{
	u32 nr_sent = 0;

	for (u32 i = 0; i < ARRAY_SIZE(damages); i++) {
		struct chan *c = &peer->chans[i % peer->nr_chans];

		if (send_one(c, &damages[i]))
			nr_sent++;
		else
			mprintf("%s: \"%s\" could not be sent\n",
				peer_name(peer), damages[i].what);
	}
	return nr_sent;
}

static void cmd_rpcbad(int argc, char **argv)
{
	struct rpc_n_echo req = {.seed = le64_make(1)};
	struct rpc_n_echo_reply rep;
	struct rpc_args args = {.req = &req, .rep = &rep};
	struct peer *p = NULL;

	while ((p = peer_next(p))) {
		u32 nr_sent;
		int rc;

		if (!peer_is_alive(p))
			continue;
		nr_sent = send_all_bad(p);
		rc = rpc_call(p, RPC_n_echo, &args);
		if (rc)
			mprintf("%s: %u bad frames sent, then a call FAILED: "
				"error %d\n",
				peer_name(p), nr_sent, -rc);
		else
			mprintf("%s: %u bad frames sent, then a call went "
				"well\n",
				peer_name(p), nr_sent);
	}
}
MONITOR_CMD(rpcbad, "send malformed frames to all peers, then call them",
	    cmd_rpcbad);

static void cmd_rpcflood(int argc, char **argv)
{
	struct peer *p = NULL;

	while ((p = peer_next(p))) {
		u32 nr_sent = 0;

		if (!peer_is_alive(p))
			continue;
		while (nr_sent < MAX_SERVED + FLOOD_OVER &&
		       send_one(&p->chans[0], &slow))
			nr_sent++;
		mprintf("%s: %u requests sent, of which it should drop %u\n",
			peer_name(p), nr_sent, FLOOD_OVER);
	}
}
MONITOR_CMD(rpcflood, "send all peers more requests than they accept at once",
	    cmd_rpcflood);
