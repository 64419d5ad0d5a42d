/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of peers, and what the managers see of it: references and events.
 */
#define pr_fmt(fmt) "net: " fmt
#include "net.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/printf.h>
#include <mm/slab.h>

#define MAX_LISTENERS 8u

struct net_peers net_peers = {
	.lock = SPINLOCK_INIT("peers", LOCK_MEMBERS),
	.list = LIST_HEAD_INIT(net_peers.list),
};
struct net_self net_self;

static DEFINE_WAITQ(joined);       /* peer_wait() */
static u64 index_guids[MAX_PEERS]; /* who has which index [net_peers.lock] */
static u64 index_over[MAX_PEERS];  /* its last session that has ended [same] */
static peer_event_fn listeners[MAX_LISTENERS]; /* [events_lock; only grows] */
static u32 nr_listeners;                       /* [events_lock] */

static DEFINE_SPINLOCK(events_lock, LOCK_MISC);
static LIST_HEAD(events); /* struct peer_news [events_lock] */
static DEFINE_WAITQ(events_waitq);

const char *role_name(enum node_role role)
{
	switch (role) {
	case ROLE_PROCESSOR:
		return "processor";
	case ROLE_MEMORY:
		return "memory";
	case ROLE_STORAGE:
		return "storage";
	default:
		return "unknown";
	}
}

/* ---- references and look-up
 * ---------------------------------------------------- */

void peer_hold(struct peer *peer)
{
	atomic_inc(&peer->nr_refs);
}

void peer_put(struct peer *peer)
{
	if (!peer || !atomic_dec_and_test(&peer->nr_refs))
		return;
	ASSERT(peer->state == PEER_TORN);
	for (u32 i = 0; i < peer->nr_chans; i++)
		chan_free(&peer->chans[i]);
	gauge_sub(nr_peers, 1);
	kfree(peer);
}

struct peer *peer_get(enum node_role role, u64 guid)
{
	struct peer *p, *found = NULL;
	u64 flags = spin_lock_irqsave(&net_peers.lock);

	list_for_each_entry (p, &net_peers.list, link) {
		if (p->state == PEER_ALIVE && p->role == role &&
		    (!guid || p->guid == guid)) {
			peer_hold(p);
			found = p;
			break;
		}
	}
	spin_unlock_irqrestore(&net_peers.lock, flags);
	return found;
}

struct peer *peer_wait(enum node_role role, u64 guid, u64 timeout_ns)
{
	struct peer *p = NULL;

	if (!wait_event_timeout(&joined, (p = peer_get(role, guid)),
				timeout_ns))
		return NULL;
	return p;
}

struct peer *peer_find(u64 guid, u64 session)
{
	struct peer *p, *found = NULL;
	u64 flags = spin_lock_irqsave(&net_peers.lock);

	list_for_each_entry (p, &net_peers.list, link) {
		if (p->state < PEER_DEAD && p->guid == guid &&
		    (!session || p->session == session)) {
			peer_hold(p);
			found = p;
			break;
		}
	}
	spin_unlock_irqrestore(&net_peers.lock, flags);
	return found;
}

struct peer *peer_next(struct peer *prev)
{
	struct peer *next = NULL;
	struct list_head *link;
	u64 flags = spin_lock_irqsave(&net_peers.lock);

	link = prev && prev->state != PEER_TORN ? prev->link.next
						: net_peers.list.next;
	/* If prev left the list meanwhile the walk ends; the next round is
	 * soon. */
	if (!(prev && prev->state == PEER_TORN) && link != &net_peers.list) {
		next = list_entry(link, struct peer, link);
		peer_hold(next);
	}
	spin_unlock_irqrestore(&net_peers.lock, flags);
	peer_put(prev);
	return next;
}

bool peer_session_is_over(u64 guid, u64 session)
{
	bool is_over = false;
	u64 flags = spin_lock_irqsave(&net_peers.lock);

	for (u32 i = 0; i < MAX_PEERS; i++)
		if (index_guids[i] == guid)
			is_over = index_over[i] == session;
	spin_unlock_irqrestore(&net_peers.lock, flags);
	return is_over;
}

u64 peer_guid(const struct peer *peer)
{
	return peer->guid;
}
enum node_role peer_role(const struct peer *peer)
{
	return peer->role;
}
u32 peer_index(const struct peer *peer)
{
	return peer->index;
}
bool peer_is_alive(const struct peer *peer)
{
	/* One that is still connecting may already call us. */
	return READ_ONCE(peer->state) < PEER_DEAD;
}
const char *peer_name(const struct peer *peer)
{
	return peer->name;
}
u64 net_local_guid(void)
{
	return READ_ONCE(net_self.guid);
}

/* ---- life -------------------------------------------------------------------
 */

/* [net_peers.lock] */
static u32 index_for(u64 guid)
{
	u32 free = MAX_PEERS;

	for (u32 i = 0; i < MAX_PEERS; i++) {
		if (index_guids[i] == guid)
			return i;
		if (!index_guids[i] && free == MAX_PEERS)
			free = i;
	}
	if (free < MAX_PEERS)
		index_guids[free] = guid;
	return free;
}

static void peer_setup(struct peer *p, const struct peer_init *init)
{
	p->guid = init->guid;
	p->incarnation = init->incarnation;
	p->session = init->session;
	p->record_beat = init->record_beat;
	p->role = init->role;
	p->nr_chans = init->nr_chans;
	p->is_active = init->is_active;
	p->path = init->path;
	p->port = init->port;
	p->created_ns = time_mono_ns();
	p->heard_ns = p->created_ns;
	p->state = PEER_CONNECTING;
	atomic_set(&p->nr_refs, 2);
	waitq_init(&p->up);
	snprintf(p->name, sizeof(p->name), "%s node %016lx", role_name(p->role),
		 p->guid);
}

struct peer *peer_create(const struct peer_init *init)
{
	struct peer *p = kzalloc(sizeof(*p));
	u64 flags;
	int rc = 0;

	if (!p)
		return NULL;
	ASSERT(init->nr_chans && init->nr_chans <= MAX_CHANS);
	peer_setup(p, init);
	for (u32 i = 0; i < p->nr_chans; i++)
		rc |= chan_init(&p->chans[i], p, i);
	flags = spin_lock_irqsave(&net_peers.lock);
	p->index = index_for(p->guid);
	if (!rc && p->index < MAX_PEERS)
		list_add_tail(&p->link, &net_peers.list);
	spin_unlock_irqrestore(&net_peers.lock, flags);
	gauge_add(nr_peers, 1);
	if (!rc && p->index < MAX_PEERS)
		return p;
	pr_err("cannot talk to %s: %s", p->name,
	       rc ? "no memory" : "more nodes than this node can remember");
	p->state = PEER_TORN;
	atomic_set(&p->nr_refs, 1);
	peer_put(p);
	return NULL;
}

void peer_set_alive(struct peer *p)
{
	u64 flags = spin_lock_irqsave(&net_peers.lock);

	if (p->state == PEER_CONNECTING)
		p->state = PEER_ALIVE;
	spin_unlock_irqrestore(&net_peers.lock, flags);
	waitq_wake_all(&joined);
}

void peer_die(struct peer *p, const char *why)
{
	bool is_first;
	u64 flags = spin_lock_irqsave(&net_peers.lock);

	is_first = p->state < PEER_DEAD;
	if (is_first) {
		p->state = PEER_DEAD;
		p->why = why;
		index_over[p->index] = p->session;
	}
	spin_unlock_irqrestore(&net_peers.lock, flags);
	if (!is_first)
		return;
	/* Who takes a channel's lock after us sees the peer dead. */
	for (u32 i = 0; i < p->nr_chans; i++)
		chan_fail(&p->chans[i], why);
	waitq_wake_all(&p->up);
	link_kick();
}

void peer_remove(struct peer *p)
{
	u64 flags = spin_lock_irqsave(&net_peers.lock);

	ASSERT(p->state == PEER_DEAD);
	list_del(&p->link);
	p->state = PEER_TORN;
	spin_unlock_irqrestore(&net_peers.lock, flags);
	peer_put(p);
}

/* ---- events
 * ------------------------------------------------------------------- */

/* events_lock is held. */
static void queue_news(struct peer *peer, struct peer_news *n,
		       enum peer_event event, peer_event_fn only)
{
	if (n->is_queued)
		return;
	peer_hold(peer);
	*n = (struct peer_news){
		.is_queued = true, .event = event, .only = only, .peer = peer};
	list_add_tail(&n->link, &events);
}

/* A listener that starts: no peer can bring this about. */
static void queue_for(struct peer *peer, peer_event_fn only)
{
	struct peer_news *n = kzalloc(sizeof(*n));

	CHECK(n);
	queue_news(peer, n, PEER_JOINED, only);
}

void net_on_peer_event(peer_event_fn fn)
{
	struct peer *p;
	u64 flags = spin_lock_irqsave(&net_peers.lock);

	spin_lock(&events_lock);
	CHECK(nr_listeners < MAX_LISTENERS);
	listeners[nr_listeners++] = fn;
	list_for_each_entry (p, &net_peers.list, link)
		if (p->is_told)
			queue_for(p, fn);
	spin_unlock(&events_lock);
	spin_unlock_irqrestore(&net_peers.lock, flags);
	waitq_wake_one(&events_waitq);
}

void peer_emit(struct peer *peer, enum peer_event event)
{
	u64 flags = spin_lock_irqsave(&events_lock);

	queue_news(peer, &peer->news[event], event, NULL);
	spin_unlock_irqrestore(&events_lock, flags);
	waitq_wake_one(&events_waitq);
}

/* The next into @news; its peer's own entry may be queued again at once.  Also
 * @nr: how many of the listeners it is for. */
static bool next_event(struct peer_news *news, u32 *nr)
{
	struct peer_news *n;
	u64 flags = spin_lock_irqsave(&events_lock);

	n = list_first_entry_or_null(&events, struct peer_news, link);
	if (n) {
		list_del(&n->link);
		n->is_queued = false;
		if (n->event == PEER_JOINED)
			n->peer->is_told = true;
		*news = *n;
		*nr = nr_listeners;
	}
	spin_unlock_irqrestore(&events_lock, flags);
	if (n && n->only)
		kfree(n);
	return n;
}

static void events_main(void *arg)
{
	for (;;) {
		struct peer_news news;
		u32 nr = 0;

		wait_event_idle(&events_waitq, next_event(&news, &nr));
		if (news.only)
			news.only(news.peer, news.event);
		else
			for (u32 i = 0; i < nr; i++)
				listeners[i](news.peer, news.event);
		peer_put(news.peer);
	}
}

int peer_start(void)
{
	return thread_spawn("net-event", events_main, NULL) ? 0 : -ENOMEM;
}
