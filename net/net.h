/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_NET_H
#define NET_NET_H

/*
 * Inside net/: peers and their channels.
 *
 * A peer is one session with one incarnation of another node.  It has up to
 * MAX_CHANS channels; each is one reliable connection with its own completion
 * queues, its own calls in flight and its own buffers, so CPUs share nothing
 * unless there are more CPUs than channels.
 *
 * Of its two completion queues, recv_cq (messages) always interrupts.  send_cq
 * (what we posted has been done) is polled by whoever posted, and interrupts
 * only when somebody may sleep until then: chan_want_sent_locked().
 *
 *	file         what
 *	ops.c        the message list as a table
 *	frame.c      packing and checking frames
 *	calls.c      calls in flight on a channel: xids
 *	chan.c       one channel: open, close, buffers, completions
 *	io.c         one-sided transfers, and the bulk data of calls
 *	call.c       the calling side
 *	serve.c      the serving side: worker threads
 *	peer.c       the list of peers, references, events to the managers
 *	link.c       the thread that connects, repairs and tears down
 *	beat.c       heartbeats: suspected, gone
 *	discover.c   the thread that registers us and finds the others
 *	echo.c       the test message and `rpctest`
 *	bad_frames.c `rpcbad`: frames that have to be refused
 *	drop.c       `rpcdrop`: replies that are lost
 *
 * States of a channel.  [chan.lock]; in parentheses who does it:
 *
 *	IDLE -> OPENING         chan_open(): connection manager's thread on the
 *	                        passive side, link thread on the active one
 *	OPENING -> CONNECTING   the QP exists, REQ or REP is sent
 *	CONNECTING -> UP        chan_established()
 *	any of these -> FAILED  chan_fail(): anybody, any context
 *	FAILED -> IDLE          chan_close(): link thread; epoch advances
 *
 * Revoking.  Whoever may still write the caller's bulk buffer writes through
 * the channel that the request came on, and no other.  So when a call with a
 * bulk buffer ends without its reply, rpc_call() fails that channel and waits
 * for its epoch to advance: chan_close() has then moved the QP to error and
 * destroyed it, and the card refuses what the peer still sends.  The link
 * thread makes a new connection for the channel; the peer stays.  Calls that
 * were in flight on it beside the late one are repeated if the list allows
 * it, one-sided transfers always.  The price is paid only after a timeout;
 * a call that goes well costs neither a registration nor a copy.
 *
 * Locks: net_peers.lock, then chan.lock (which guards calls, buffers and
 * transfers of one channel; taken in interrupts), then those of verbs.
 */
#include "calls.h"
#include "spin.h"

#include <ib/cm.h>
#include <ib/sa.h>
#include <ib/verbs.h>
#include <kernel/spinlock.h>
#include <kernel/wait.h>
#include <lib/atomic.h>
#include <lib/list.h>
#include <net/membership.h>
#include <net/rpc.h>

#define MAX_CHANS  4u
#define NR_REPLIES 36u /* also send buffers of heartbeats */
#define NR_RECVS   (2 * CALL_SLOTS + 32u)
#define NR_BUFFERS (CALL_SLOTS + NR_REPLIES + NR_RECVS)
#define MAX_SERVED (4 * CALL_SLOTS) /* some may be of calls that ended */
#define IO_DEPTH   128u             /* one-sided transfers posted to a QP */
#define IO_BATCH   64u              /* thereof with one doorbell */
#define MAX_PEERS  64u
#define NO_BUFFER  (~0u)

enum chan_state {
	CHAN_IDLE,
	CHAN_OPENING,
	CHAN_CONNECTING,
	CHAN_UP,
	CHAN_FAILED,
};

struct chan {
	struct peer *peer; /* [set once] */
	u32 index;         /* [set once] */

	struct spinlock lock;
	enum chan_state state;   /* [lock] */
	u32 epoch;               /* lives of this channel that ended [lock] */
	const char *why;         /* it failed [lock] */
	struct call_table calls; /* [lock] */
	u32 reply_free[NR_REPLIES];   /* stack of free reply buffers [lock] */
	u32 nr_reply_free;            /* [lock] */
	struct list_head io_pending;  /* not posted [lock] */
	struct list_head io_inflight; /* posted, nr_io of them [lock] */
	u32 nr_io;
	atomic_t nr_in_service; /* requests of the peer, at most MAX_SERVED */
	atomic_t nr_pollers;    /* chan_poll_begin() [lock, to add] */
	struct io_spin spin;    /* for transfers */
	/* One for each kind of waiter, because one is woken at a time. */
	struct waitq slot_room;
	struct waitq reply_room;
	struct waitq closed; /* epoch has advanced */

	/* [set in OPENING, cleared by chan_close()] */
	struct ib_cq *send_cq, *recv_cq;
	struct ib_qp *qp;
	struct cm_conn *conn;

	u64 retry_ns; /* active side: not before [link thread] */
	u32 nr_tries; /* [link thread] */

	u32 lkey; /* for all memory of this node [as the three above] */

	u8 *buffers; /* NR_BUFFERS of RPC_FRAME_MAX [set once] */
	u64 buffers_dma;
};

/* An event on its way to the listeners. */
struct peer_news {
	struct list_head link; /* [events_lock, as all below] */
	bool is_queued;
	enum peer_event event;
	peer_event_fn only; /* a listener that came late; NULL: all */
	struct peer *peer;  /* a reference, while it is queued */
};

enum peer_state {
	PEER_CONNECTING, /* not all channels have been up */
	PEER_ALIVE,
	PEER_DEAD, /* nothing is sent any more; the link thread tears down */
	PEER_TORN, /* off the list; lives while it is referenced */
};

struct peer {
	struct list_head link; /* [net_peers.lock] */
	atomic_t nr_refs;
	enum peer_state state; /* [net_peers.lock; read without] */
	bool is_announced;     /* JOINED was queued [link thread] */
	bool is_suspected;     /* [beat thread] */
	bool is_told;          /* listeners know it [events_lock] */
	struct peer_news news[NR_PEER_EVENTS]; /* by event */
	bool is_active; /* we connect [set once, as all below] */
	u64 guid;
	u64 incarnation;
	u64 session;
	enum node_role role;
	u32 index;
	u32 nr_chans;
	struct sa_path path; /* active side */
	u8 port;
	u64 created_ns;
	u64 heard_ns;    /* last frame [atomic] */
	const char *why; /* it died [net_peers.lock] */
	u64 record_beat; /* of the service record that led to it */
	struct waitq up; /* a channel came up, or the peer died */
	char name[48];
	struct chan chans[MAX_CHANS];
};

/* What of this node is the same for all peers. [set once, by discover.c] */
struct net_self {
	struct ib_device *dev;
	u8 port;
	u64 guid;
	u64 incarnation;
	u32 nr_chans;
	char cluster[CLUSTER_NAME_BYTES];
	u64 spin_ns;
	u64 spin_cycles; /* the same */
};
extern struct net_self net_self;

const char *role_name(enum node_role role);

/* ---- region.c --------------------------------------------------------------
 */

struct region {
	u64 paddr;
	u64 len_bytes;
	struct ib_mr *mr; /* NULL: only local */
};

/** net_pd - the protection domain of all of net/; NULL without a card. */
struct ib_pd *net_pd(void);
bool region_contains(const struct region *r, u64 paddr, u64 len_bytes);

/* ---- chan.c ----------------------------------------------------------------
 */

/** chan_init - buffers and lists of a new peer's channel. 0 or -ENOMEM. */
int __must_check chan_init(struct chan *c, struct peer *peer, u32 index);
void chan_free(struct chan *c);

/**
 * chan_begin_open - IDLE to OPENING.
 *
 * Return: false if it is in another state, or the peer is dead.
 */
bool chan_begin_open(struct chan *c);

/**
 * chan_open - make the QP and post receives; OPENING stays.
 *
 * Context: may sleep.  Return: 0 or -E; chan_opened() follows in any case.
 */
int __must_check chan_open(struct chan *c);
/** chan_opened - OPENING to CONNECTING (FAILED if the peer died meanwhile). */
void chan_opened(struct chan *c);
/** chan_established - CONNECTING to UP; transfers that waited are posted. */
void chan_established(struct chan *c);

/**
 * chan_fail - stop using @c; the link thread closes it.
 *
 * Calls in flight become LOST and are woken.  Nothing happens if it has
 * failed already or is idle.  Context: any.
 */
void chan_fail(struct chan *c, const char *why);
void chan_fail_locked(struct chan *c, const char *why);

/**
 * chan_close - free QP, CQ and connection of a FAILED channel; then IDLE.
 *
 * On return nothing that belonged to this epoch touches memory any more.
 * Context: link thread; sleeps.
 */
void chan_close(struct chan *c);

/**
 * chan_poll_begin, chan_poll_end - between them the completion queues stay.
 *
 * Return: false if the channel is not up: there is nothing to poll.
 */
bool chan_poll_begin(struct chan *c);
static inline void chan_poll_end(struct chan *c)
{
	atomic_dec(&c->nr_pollers);
}
/** chan_poll_sent - handle the completions of what we posted. Context: between
 * the two above, or the channel is up and cannot be closed. */
void chan_poll_sent(struct chan *c);
/** chan_poll_for - poll until @done, at most for the spin budget and not
 * while another thread waits for this CPU. */
void chan_poll_for(struct chan *c, struct completion *done);
/**
 * chan_want_sent_locked - have an interrupt when what we posted has been done,
 * at once if something has. [c->lock]
 *
 * It comes once more as long as there are transfers in flight or threads wait
 * for a buffer.
 */
void chan_want_sent_locked(struct chan *c);
/** chan_want_sent - the same. Context: any. */
void chan_want_sent(struct chan *c);

static inline void *chan_buffer(const struct chan *c, u32 i)
{
	return c->buffers + (u64)i * RPC_FRAME_MAX;
}
static inline u32 chan_request_buffer(u32 slot)
{
	return slot;
}

/** chan_send_locked - post buffer @i. [c->lock] Return: 0 or -E. */
int __must_check chan_send_locked(struct chan *c, u32 i, u32 len, u64 wr_id);

/** chan_reply_get - a free reply buffer, or NO_BUFFER. [c->lock] */
u32 chan_reply_get_locked(struct chan *c);
void chan_reply_put_locked(struct chan *c, u32 i);

/** chan_send_beat - a heartbeat, if a buffer is free. Context: any. */
void chan_send_beat(struct chan *c);

/* wr_id: what a completion is of. */
enum wr_tag { WR_RECV, WR_CALL, WR_REPLY, WR_IO, WR_TAG_MASK = 7 };
static inline u64 wr_id_make(enum wr_tag tag, u64 v)
{
	return v << 3 | tag;
}

/* ---- io.c ------------------------------------------------------------------
 */

/* struct remote_io's private part */
struct io_priv {
	struct list_head link; /* io_pending or io_inflight [chan.lock] */
	void *owner;           /* of a bulk transfer: its struct bulk_op */
	u64 flags;             /* IO_* */
};
_Static_assert(sizeof(struct io_priv) <= sizeof(((struct remote_io *)0)->priv),
	       "fits the room in struct remote_io");
#define IO_READ   1u
#define IO_PINNED 2u /* only on this channel, in this epoch */
#define IO_QUIET  4u /* posted without asking for a completion */

static inline struct io_priv *io_priv(struct remote_io *io)
{
	return (struct io_priv *)io->priv;
}

/** io_complete - completion of a transfer. Context: any. */
void io_complete(struct chan *c, struct remote_io *io,
		 enum ib_wc_status status);
/** io_post_locked - post what waits and fits. [c->lock] */
void io_post_locked(struct chan *c);
/** io_move - the transfers of a closed channel to one that is up. */
void io_move(struct chan *from);
/** io_fail_all - end all transfers of a dead peer's closed channel. */
void io_fail_all(struct chan *c);

/**
 * io_bulk - move bulk data of a call on its channel and wait for it.
 *
 * @ios: room for @nr_ios transfers, of which this call needs at most
 * nr_segs of both sides.
 * Return: 0, -EMSGSIZE, -EINVAL, -EHOSTDOWN, -EIO.
 */
struct bulk_target {
	struct chan *chan;
	u32 epoch;
	const struct wire_seg *segs;
	u32 nr_segs;
	u32 rkey;
	u64 bytes;
};
int __must_check io_bulk(const struct bulk_target *target, u64 offset,
			 const struct region *region,
			 const struct bulk_seg *segs, u32 nr_segs, bool is_read,
			 struct remote_io *ios);
#define BULK_MAX_IOS (2 * RPC_MAX_SEGS)

/* ---- serve.c ---------------------------------------------------------------
 */

/** serve_request - queue a checked request. Context: any. */
void serve_request(struct chan *c, const struct frame *f, const void *buf,
		   u32 len);
int serve_start(void);
/** serve_dispatch - call the handler of @info. */
int serve_dispatch(const struct rpc_op_info *info, struct rpc_ctx *ctx,
		   const void *req, void *rep);

/* ---- drop.c ----------------------------------------------------------------
 */

/** drop_reply - has somebody asked that this reply of @info be lost? */
bool drop_reply(const struct rpc_op_info *info);

/* ---- call.c ----------------------------------------------------------------
 */

/** call_show - print calls in flight of @peer with mprintf(). */
void call_show(struct peer *peer);

/* ---- echo.c ----------------------------------------------------------------
 */

/**
 * net_echo_test - call @peer from many threads, verify all that comes back.
 *
 * Context: sleeps.  Return: whether all was as it should be.
 */
bool net_echo_test(struct peer *peer, u32 nr_threads, u32 nr_calls);

/* ---- peer.c ----------------------------------------------------------------
 */

struct net_peers {
	struct spinlock lock;
	struct list_head list; /* oldest first */
};
extern struct net_peers net_peers;

struct peer_init {
	u64 guid, incarnation, session, record_beat;
	enum node_role role;
	u32 nr_chans;
	bool is_active;
	struct sa_path path;
	u8 port;
};
/** peer_create - a new peer in CONNECTING, on the list (one reference) plus
 * one for the caller; NULL without memory or with too many nodes. */
struct peer *peer_create(const struct peer_init *init);

/** peer_find - the peer of @guid that is not dead; @session 0: any. */
struct peer *peer_find(u64 guid, u64 session);
/**
 * peer_session_is_over - has the last session of @guid that ended been
 * @session?
 *
 * A node that slept does not know that others have declared it dead: when it
 * connects its channels anew, it has to hear of it.
 */
bool peer_session_is_over(u64 guid, u64 session);

/** peer_next - iterate over the list: drops @prev, returns a reference. */
struct peer *peer_next(struct peer *prev);

/** peer_die - nothing more is sent to @peer; once. Context: any. */
void peer_die(struct peer *peer, const char *why);
/** peer_set_alive - CONNECTING to ALIVE. */
void peer_set_alive(struct peer *peer);
/** peer_remove - off the list; drops the list's reference. */
void peer_remove(struct peer *peer);
/** peer_emit - queue an event for the listeners, unless it waits there already.
 * Takes no memory: none is ever lost. */
void peer_emit(struct peer *peer, enum peer_event event);
int peer_start(void);

/* ---- link.c, beat.c, discover.c
 * ---------------------------------------------- */

int link_start(void);
/** link_kick - have the link thread look at all peers. Context: any. */
void link_kick(void);
/** link_listen - take connections; called once a card is there. */
int __must_check link_listen(void);
int beat_start(void);
int discover_start(void);
/** discover_forget - @peer is gone: ignore its record until it is renewed. */
void discover_forget(const struct peer *peer);

#endif
