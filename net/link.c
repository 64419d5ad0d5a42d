/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connecting.  The side with the lower role number connects: P to M and S,
 * M to S.  One thread looks after all peers: it opens the channels of those
 * we connect to, closes what has failed, announces who has all channels up
 * the first time, and tears down the dead.  Being alone it needs no locks
 * among these; the other side of a channel, accepting, runs in the connection
 * manager's thread and is kept apart by the OPENING state.
 */
#define pr_fmt(fmt) "net: " fmt
#include "net.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/string.h>

#define ROUND_NS      (500 * NSEC_PER_MSEC)
#define RETRY_NS      (300 * NSEC_PER_MSEC)
#define JOIN_LIMIT_NS (40 * NSEC_PER_SEC) /* passive side: all channels up */

static DEFINE_WAITQ(waitq);
static bool is_kicked; /* [atomic] */
static struct cm_listener *listener;

static const char *const refusal_names[NR_REFUSALS] = {
	[REFUSED_NOT] = "not said",
	[REFUSED_MALFORMED] = "malformed greeting",
	[REFUSED_VERSION] = "another protocol version: use the same image",
	[REFUSED_CLUSTER] = "another cluster",
	[REFUSED_ROLE] = "wrong role",
	[REFUSED_STALE] = "meant for an earlier life of that node",
	[REFUSED_BUSY] = "busy",
	[REFUSED_OVER] = "it has given us up meanwhile",
};

void link_kick(void)
{
	WRITE_ONCE(is_kicked, true);
	waitq_wake_one(&waitq);
}

/* ---- greeting
 * ------------------------------------------------------------------ */

static void hello_fill(struct wire_hello *h, const struct chan *c)
{
	const struct peer *p = c->peer;

	memset(h, 0, sizeof(*h));
	h->magic = le32_make(RPC_MAGIC);
	h->version = le32_make(RPC_VERSION);
	h->role = le32_make(node_role());
	h->channel = le32_make(c->index);
	h->nr_channels = le32_make(p->nr_chans);
	h->guid = le64_make(net_self.guid);
	h->incarnation = le64_make(net_self.incarnation);
	h->to_incarnation = le64_make(p->incarnation);
	h->session = le64_make(p->session);
	memcpy(h->cluster, net_self.cluster, sizeof(h->cluster));
}

static enum refusal hello_check(const struct wire_hello *h)
{
	u32 role = le32_get(h->role);
	u32 nr_chans = le32_get(h->nr_channels);

	if (le32_get(h->magic) != RPC_MAGIC)
		return REFUSED_MALFORMED;
	if (le32_get(h->version) != RPC_VERSION)
		return REFUSED_VERSION;
	if (memcmp(h->cluster, net_self.cluster, sizeof(h->cluster)))
		return REFUSED_CLUSTER;
	if (role < ROLE_PROCESSOR || role >= node_role())
		return REFUSED_ROLE;
	if (!nr_chans || nr_chans > MAX_CHANS ||
	    le32_get(h->channel) >= nr_chans || !le64_get(h->guid) ||
	    !le64_get(h->session))
		return REFUSED_MALFORMED;
	if (le64_get(h->to_incarnation) != net_self.incarnation)
		return REFUSED_STALE;
	return REFUSED_NOT;
}

/* Does the REP come from whom we called? */
static bool hello_is_answer(const struct cm_event *ev, const struct peer *p)
{
	struct wire_hello hello, *h = &hello;

	if (ev->private_bytes < sizeof(hello))
		return false;
	memcpy(h, ev->private_data, sizeof(hello)); /* it is not aligned */
	return le32_get(h->magic) == RPC_MAGIC &&
	       le32_get(h->version) == RPC_VERSION &&
	       le64_get(h->guid) == p->guid &&
	       le64_get(h->incarnation) == p->incarnation &&
	       le64_get(h->to_incarnation) == net_self.incarnation &&
	       le64_get(h->session) == p->session;
}

/* ---- events of a connection
 * ----------------------------------------------------- */

static void on_rejected(struct chan *c, const struct cm_event *ev)
{
	struct wire_refusal r = {.reason = le32_make(0)};
	struct peer *p = c->peer;
	u32 reason;

	if (ev->reason == CM_REJ_CONSUMER && ev->private_bytes >= sizeof(r))
		memcpy(&r, ev->private_data, sizeof(r));
	reason = le32_get(r.magic) == RPC_MAGIC ? le32_get(r.reason) : 0;
	if (reason >= NR_REFUSALS)
		reason = REFUSED_NOT;
	if (reason != REFUSED_BUSY)
		pr_warn_ratelimited("%s refused us: %s (code %u)", p->name,
				    refusal_names[reason], ev->reason);
	chan_fail(c, "refused");
	if (reason != REFUSED_BUSY && reason != REFUSED_NOT)
		peer_die(p, refusal_names[reason]);
}

static void on_conn_event(const struct cm_event *ev, void *arg)
{
	struct chan *c = arg;

	switch (ev->type) {
	case CM_ESTABLISHED:
		if (c->peer->is_active && !hello_is_answer(ev, c->peer)) {
			pr_warn_ratelimited("%s answered strangely",
					    c->peer->name);
			chan_fail(c, "strange answer");
			break;
		}
		chan_established(c);
		break;
	case CM_REJECTED:
		on_rejected(c, ev);
		break;
	case CM_UNREACHABLE:
		chan_fail(c, "no answer to the connection request");
		break;
	case CM_DISCONNECTED:
		chan_fail(c, "closed by the other side");
		break;
	case CM_REQUEST:
		break;
	}
}

/* ---- passive side: in the connection manager's thread
 * ---------------------------- */

static void refuse(struct cm_conn *conn, enum refusal reason)
{
	struct wire_refusal r = {
		.magic = le32_make(RPC_MAGIC),
		.version = le32_make(RPC_VERSION),
		.reason = le32_make(reason),
		.role = le32_make(node_role()),
	};

	memcpy(r.cluster, net_self.cluster, sizeof(r.cluster));
	cm_reject(conn, CM_REJ_CONSUMER, &r, sizeof(r));
}

/* The peer that the hello belongs to; a new one for a new session's first
 * channel, in which case an earlier session of that node is over. */
static struct peer *hello_peer(const struct wire_hello *h)
{
	u64 guid = le64_get(h->guid), session = le64_get(h->session);
	struct peer_init init = {
		.guid = guid,
		.incarnation = le64_get(h->incarnation),
		.session = session,
		.role = le32_get(h->role),
		.nr_chans = le32_get(h->nr_channels),
		.port = net_self.port,
	};
	struct peer *p = peer_find(guid, session), *old;

	if (p || le32_get(h->channel))
		return p;
	old = peer_find(guid, 0);
	if (old)
		peer_die(old, "it has started anew");
	peer_put(old);
	return peer_create(&init);
}

static int accept(struct chan *c, struct cm_conn *conn)
{
	struct wire_hello hello;
	struct cm_conn_params params = {
		.private_data = &hello,
		.private_bytes = sizeof(hello),
	};
	int rc = chan_open(c);

	if (!rc) {
		hello_fill(&hello, c);
		params.qp = c->qp;
		rc = cm_accept(conn, &params, on_conn_event, c);
	}
	if (!rc)
		c->conn = conn;
	chan_opened(c);
	if (rc)
		chan_fail(c, "accepting failed");
	return rc;
}

static void on_request(const struct cm_event *ev, void *arg)
{
	struct wire_hello hello = {.magic = le32_make(0)}, *h = &hello;
	enum refusal reason;
	struct peer *p = NULL;
	struct chan *c;

	if (ev->type != CM_REQUEST)
		return;
	if (ev->private_bytes >= sizeof(hello))
		memcpy(h, ev->private_data, sizeof(hello));
	reason = hello_check(h);
	if (!reason &&
	    peer_session_is_over(le64_get(h->guid), le64_get(h->session)))
		reason = REFUSED_OVER;
	if (!reason) {
		p = hello_peer(h);
		if (!p || le32_get(h->channel) >= p->nr_chans)
			reason = REFUSED_STALE;
	}
	if (reason) {
		pr_warn_ratelimited("refused a connection from %016lx: %s",
				    ib_gid_guid(&ev->remote_gid),
				    refusal_names[reason]);
		refuse(ev->conn, reason);
		peer_put(p);
		return;
	}
	c = &p->chans[le32_get(h->channel)];
	if (!chan_begin_open(c)) {
		/* Ours still looks up, theirs is gone; they will try again. */
		chan_fail(c, "the other side connects it anew");
		refuse(ev->conn, REFUSED_BUSY);
	} else if (accept(c, ev->conn)) {
		cm_conn_destroy(ev->conn);
	}
	peer_put(p);
}

int link_listen(void)
{
	return cm_listen(net_self.dev, BRICK_SERVICE_ID, on_request, NULL,
			 &listener);
}

/* ---- active side: in the link thread
 * ----------------------------------------------- */

static void connect(struct chan *c)
{
	struct wire_hello hello;
	struct cm_conn_params params = {
		.private_data = &hello,
		.private_bytes = sizeof(hello),
	};
	int rc;

	if (!chan_begin_open(c))
		return;
	rc = chan_open(c);
	params.qp = c->qp;
	hello_fill(&hello, c);
	chan_opened(c); /* its events may come before cm_connect() returns */
	if (!rc)
		rc = cm_connect(net_self.dev, c->peer->port, &c->peer->path,
				BRICK_SERVICE_ID, &params, on_conn_event, c,
				&c->conn);
	if (rc)
		chan_fail(c, "connecting failed");
	c->nr_tries++;
}

static void service_chan(struct peer *p, struct chan *c)
{
	u64 now = time_mono_ns();

	if (READ_ONCE(c->state) == CHAN_FAILED) {
		pr_debug("%s, channel %u: %s", p->name, c->index, c->why);
		chan_close(c);
		io_move(c);
		c->retry_ns = now + RETRY_NS;
		/* Before joining there is nothing to keep. */
		if (!p->is_announced && c->nr_tries >= 3)
			peer_die(p, c->why);
	}
	/* Channel 0 makes the peer known on the other side. */
	if (READ_ONCE(c->state) == CHAN_IDLE && p->is_active &&
	    now >= c->retry_ns &&
	    (!c->index || p->is_announced || p->chans[0].state == CHAN_UP))
		connect(c);
}

static bool all_up(struct peer *p)
{
	for (u32 i = 0; i < p->nr_chans; i++)
		if (READ_ONCE(p->chans[i].state) != CHAN_UP)
			return false;
	return true;
}

static void service_peer(struct peer *p)
{
	for (u32 i = 0; i < p->nr_chans; i++)
		service_chan(p, &p->chans[i]);
	if (p->is_announced)
		return;
	if (all_up(p)) {
		p->is_announced = true;
		peer_set_alive(p);
		counter_inc(nr_peer_joined);
		pr_info("%s joined (%u channels)", p->name, p->nr_chans);
		peer_emit(p, PEER_JOINED);
	} else if (time_mono_ns() - p->created_ns > JOIN_LIMIT_NS) {
		peer_die(p, "it did not finish connecting");
	}
}

/* Return: false while a channel is still being opened by somebody. */
static bool tear_down(struct peer *p)
{
	for (u32 i = 0; i < p->nr_chans; i++) {
		struct chan *c = &p->chans[i];

		if (READ_ONCE(c->state) == CHAN_FAILED)
			chan_close(c);
		if (READ_ONCE(c->state) != CHAN_IDLE)
			return false;
	}
	for (u32 i = 0; i < p->nr_chans; i++)
		io_fail_all(&p->chans[i]);
	if (p->is_announced) {
		counter_inc(nr_peer_gone);
		pr_warn("%s is gone: %s", p->name, p->why);
		peer_emit(p, PEER_GONE);
	} else {
		pr_info("%s did not join: %s", p->name, p->why);
	}
	discover_forget(p);
	peer_remove(p);
	return true;
}

static void link_main(void *arg)
{
	for (;;) {
		struct peer *p = NULL;

		WRITE_ONCE(is_kicked, false);
		while ((p = peer_next(p))) {
			if (p->state == PEER_DEAD) {
				tear_down(p);
				if (p->state == PEER_TORN)
					link_kick(); /* the walk ends here */
			} else {
				service_peer(p);
			}
		}
		(void)wait_event_timeout(&waitq, READ_ONCE(is_kicked),
					 ROUND_NS);
	}
}

int link_start(void)
{
	return thread_spawn("net-link", link_main, NULL) ? 0 : -ENOMEM;
}
