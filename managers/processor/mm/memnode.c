/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory nodes, granted frames and share counts; see memnode.h. */
#define pr_fmt(fmt) "mm: " fmt
#include "memnode.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/string.h>
#include <managers/processor/pcache/pcache.h>
#include <managers/processor/proc/resources.h>
#include <mm/slab.h>
#include <mm/vmap.h>
#include <net/membership.h>

static DEFINE_MUTEX(attach_lock, LOCK_PEER);
struct memnode *memnodes[MEMNODE_MAX]; /* [attach_lock to change] */
static DEFINE_WAITQ(node_waitq);       /* a node was attached */
static u32 nr_usable;                  /* not gone [attach_lock to change] */
static DEFINE_WAITQ(refill_waitq);
static bool is_refill_wanted; /* a stock may be low [atomic] */

/* ---- nodes ----------------------------------------------------------------
 */

const char *memnode_name(const struct memnode *node)
{
	return peer_name(node->peer);
}

/* attach_lock is held, as in all that looks at the table. */
static struct memnode *choose_home(void)
{
	struct memnode *best = NULL;

	for (u32 i = 0; i < MEMNODE_MAX; i++) {
		struct memnode *node = memnodes[i];

		if (!node || node->is_gone)
			continue;
		if (!best || atomic_read(&node->nr_aspaces) <
				     atomic_read(&best->nr_aspaces))
			best = node;
	}
	return best;
}

struct memnode *memnode_get_home(u64 timeout_ns)
{
	struct memnode *node = NULL;

	if (!READ_ONCE(nr_usable))
		pr_info("waiting for a memory node");
	if (!wait_event_timeout(&node_waitq, READ_ONCE(nr_usable), timeout_ns))
		return NULL;
	mutex_lock(&attach_lock);
	node = choose_home();
	if (node)
		memnode_hold(node);
	mutex_unlock(&attach_lock);
	return node;
}

void memnode_hold(struct memnode *node)
{
	atomic_inc(&node->nr_aspaces);
}

void memnode_put(struct memnode *node)
{
	atomic_dec(&node->nr_aspaces);
}

void memnode_for_each(void (*fn)(struct memnode *node))
{
	mutex_lock(&attach_lock);
	for (u32 i = 0; i < MEMNODE_MAX; i++)
		if (memnodes[i] && !memnodes[i]->is_gone)
			fn(memnodes[i]);
	mutex_unlock(&attach_lock);
}

void memory_totals(u64 *total_bytes, u64 *free_bytes)
{
	u64 nr_frames = 0, nr_used = (u64)gauge_read(nr_user_frames);

	mutex_lock(&attach_lock);
	for (u32 i = 0; i < MEMNODE_MAX; i++)
		if (memnodes[i] && !memnodes[i]->is_gone)
			nr_frames += memnodes[i]->nr_frames;
	mutex_unlock(&attach_lock);
	*total_bytes = nr_frames * PAGE_SIZE;
	*free_bytes =
		nr_frames > nr_used ? (nr_frames - nr_used) * PAGE_SIZE : 0;
}

static void memnode_free(struct memnode *node)
{
	gauge_sub(nr_stock_frames, node->nr_stock);
	for (u32 i = 0; i < MEMNODE_NR_HANDS; i++)
		gauge_sub(nr_stock_frames, node->hands[i].nr);
	peer_put(node->peer);
	vfree(node->nr_shares);
	vfree(node);
}

/* A slot that is empty, or whose node is gone and has no users. */
static int slot_find(void)
{
	for (u32 i = 0; i < MEMNODE_MAX; i++) {
		if (!memnodes[i])
			return (int)i;
		if (!memnodes[i]->is_gone ||
		    atomic_read(&memnodes[i]->nr_aspaces))
			continue;
		memnode_free(memnodes[i]);
		memnodes[i] = NULL;
		return (int)i;
	}
	return -ENOSPC;
}

static int memnode_attach(struct peer *peer)
{
	struct rpc_m_attach req = {.pcache_bytes =
					   le64_make(pcache_size_bytes())};
	struct rpc_m_attach_reply rep;
	struct rpc_args args = {.req = &req, .rep = &rep};
	struct memnode *node;
	int slot, rc;

	rc = pcache_register();
	if (rc)
		return rc;
	rc = rpc_call(peer, RPC_m_attach, &args);
	if (rc)
		return rc;
	if (!le64_get(rep.nr_frames) ||
	    le64_get(rep.nr_frames) >> GFRAME_NODE_SHIFT)
		return -EPROTO;
	slot = slot_find();
	if (slot < 0)
		return slot;
	node = vmalloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->nr_shares = vmalloc(le64_get(rep.nr_frames) * sizeof(u16));
	if (!node->nr_shares) {
		vfree(node);
		return -ENOMEM;
	}
	peer_hold(peer);
	node->peer = peer;
	node->index = (u32)slot;
	node->pool_dma = le64_get(rep.pool_dma);
	node->nr_frames = le64_get(rep.nr_frames);
	node->rkey = le32_get(rep.pool_rkey);
	mutex_init(&node->refill, "grant", LOCK_MISC_SLEEP);
	spin_lock_init(&node->lock, "frame stock", LOCK_FRAME);
	for (u32 i = 0; i < MEMNODE_NR_HANDS; i++)
		spin_lock_init(&node->hands[i].lock, "frames at hand",
			       LOCK_FRAMES_AT_HAND);
	smp_store_release(&memnodes[slot], node);
	return 0;
}

static u32 count_usable(void)
{
	u32 nr = 0;

	for (u32 i = 0; i < MEMNODE_MAX; i++)
		nr += memnodes[i] && !memnodes[i]->is_gone;
	return nr;
}

static void want_refill(void)
{
	WRITE_ONCE(is_refill_wanted, true);
	waitq_wake_one(&refill_waitq);
}

static void memnode_event(struct peer *peer, enum peer_event event)
{
	int rc = 0;

	if (peer_role(peer) != ROLE_MEMORY || event == PEER_SUSPECTED)
		return;
	mutex_lock(&attach_lock);
	if (event == PEER_JOINED)
		rc = memnode_attach(peer);
	for (u32 i = 0; event == PEER_GONE && i < MEMNODE_MAX; i++)
		if (memnodes[i] && memnodes[i]->peer == peer)
			WRITE_ONCE(memnodes[i]->is_gone, true);
	WRITE_ONCE(nr_usable, count_usable());
	mutex_unlock(&attach_lock);
	if (rc)
		pr_err("cannot use %s: error %d", peer_name(peer), rc);
	else if (event == PEER_JOINED)
		pr_info("using %s", peer_name(peer));
	waitq_wake_all(&node_waitq);
	want_refill();
}

/* ---- the stock of granted frames ------------------------------------------
 */

#define GRANT_TRIES 3

/*
 * Ask @node for frames unless the stock holds more than @enough.
 * Return: how many frames came or were there - others may have taken them by
 * now -, 0 if @node has none, or an error.
 */
static int stock_refill(struct memnode *node, u32 enough)
{
	struct rpc_m_grant req = {.nr_frames = le32_make(RPC_GRANT_MAX)};
	struct rpc_m_grant_reply rep;
	le64 *pfns = kmalloc(RPC_GRANT_MAX * sizeof(le64));
	struct rpc_args args = {.req = &req,
				.rep = &rep,
				.rep_tail = pfns,
				.rep_tail_max = RPC_GRANT_MAX * sizeof(le64)};
	u32 nr;
	int rc;

	if (!pfns)
		return -ENOMEM;
	mutex_lock(&node->refill);
	rc = (int)READ_ONCE(node->nr_stock);
	if ((u32)rc > enough)
		goto unlock;
	/* A program waits: one reply that is lost must not be its end.  The
	 * frames that it named stay lent until this node goes. */
	for (u32 i = 0; i < GRANT_TRIES && (!i || rc == -ETIMEDOUT); i++) {
		counter_inc(nr_grant_rpc);
		rc = rpc_call(node->peer, RPC_m_grant, &args);
	}
	if (rc)
		goto unlock;
	nr = args.rep_tail_len / sizeof(le64);
	spin_lock(&node->lock);
	for (u32 i = 0; i < nr && node->nr_stock < MEMNODE_STOCK_MAX; i++) {
		if (!memnode_has_frame(node, le64_get(pfns[i])))
			continue;
		node->stock[node->nr_stock++] = le64_get(pfns[i]);
		gauge_add(nr_stock_frames, 1);
		rc++;
	}
	spin_unlock(&node->lock);
unlock:
	mutex_unlock(&node->refill);
	kfree(pfns);
	return rc;
}

static bool stock_is_low(const struct memnode *node)
{
	return !READ_ONCE(node->is_gone) &&
	       READ_ONCE(node->nr_stock) < MEMNODE_STOCK_LOW;
}

/* One whose stock is low, held; NULL: there is none. */
static struct memnode *get_low_node(void)
{
	struct memnode *node = NULL;

	mutex_lock(&attach_lock);
	for (u32 i = 0; i < MEMNODE_MAX && !node; i++)
		if (memnodes[i] && stock_is_low(memnodes[i]))
			node = memnodes[i];
	if (node)
		memnode_hold(node);
	mutex_unlock(&attach_lock);
	return node;
}

static void grant_thread(void *arg)
{
	for (;;) {
		struct memnode *node;
		int rc;

		wait_event_idle(&refill_waitq, READ_ONCE(is_refill_wanted));
		(void)xchg(&is_refill_wanted, false); /* before we look */
		node = get_low_node();
		if (!node)
			continue;
		WRITE_ONCE(is_refill_wanted, true); /* there may be others */
		rc = stock_refill(node, MEMNODE_STOCK_LOW);
		if (rc < 0 || stock_is_low(node)) {
			pr_warn_ratelimited("%s is short of frames (error %d)",
					    peer_name(node->peer), min(rc, 0));
			sleep_ns(100 * NSEC_PER_MSEC);
		}
		memnode_put(node);
	}
}

/* Fill @hand from the stock; its lock is held. */
static __noinline void hand_fill(struct memnode *node, struct frame_hand *hand)
{
	if (READ_ONCE(node->nr_stock)) {
		spin_lock(&node->lock);
		while (hand->nr < MEMNODE_HAND_MAX && node->nr_stock)
			hand->pfns[hand->nr++] = node->stock[--node->nr_stock];
		spin_unlock(&node->lock);
	}
	if (stock_is_low(node))
		want_refill();
}

static bool hand_pop(struct memnode *node, u32 i, u64 *pfn)
{
	struct frame_hand *hand = &node->hands[i % MEMNODE_NR_HANDS];
	bool found;

	spin_lock(&hand->lock);
	if (unlikely(!hand->nr))
		hand_fill(node, hand);
	found = hand->nr;
	if (likely(found))
		*pfn = hand->pfns[--hand->nr];
	spin_unlock(&hand->lock);
	return found;
}

/* A frame that some CPU has at hand. */
static bool stock_steal(struct memnode *node, u64 *pfn)
{
	for (u32 i = 0; i < MEMNODE_NR_HANDS; i++)
		if (READ_ONCE(node->hands[i].nr) && hand_pop(node, i, pfn))
			return true;
	return false;
}

static bool stock_is_empty(const struct memnode *node)
{
	for (u32 i = 0; i < MEMNODE_NR_HANDS; i++)
		if (READ_ONCE(node->hands[i].nr))
			return false;
	return !READ_ONCE(node->nr_stock);
}

/* @pfn left the stock: it is in use, by one entry. */
static __always_inline int frame_taken(struct memnode *node, u64 pfn,
				       u64 *gframe)
{
	u16 none = 0;

	*gframe = gframe_make(node->index, pfn);
	gauge_sub(nr_stock_frames, 1);
	if (unlikely(!__atomic_compare_exchange_n(&node->nr_shares[pfn], &none,
						  1, false, __ATOMIC_SEQ_CST,
						  __ATOMIC_SEQ_CST))) {
		frame_conflict(*gframe);
		return -EPROTO;
	}
	gauge_add(nr_user_frames, 1);
	return 0;
}

/* This CPU has none at hand. */
static __noinline int frame_take_slow(struct memnode *node, u64 *gframe)
{
	u64 pfn;

	while (!hand_pop(node, cpu_id(), &pfn) && !stock_steal(node, &pfn)) {
		int rc;

		counter_inc(nr_grant_sync);
		rc = stock_refill(node, 0);
		if (rc < 0)
			return rc;
		if (!rc && stock_is_empty(node))
			return -ENOMEM;
	}
	return frame_taken(node, pfn, gframe);
}

int frame_take(struct memnode *node, u64 *gframe)
{
	struct frame_hand *hand = &node->hands[cpu_id() % MEMNODE_NR_HANDS];
	u64 pfn;

	spin_lock(&hand->lock);
	if (unlikely(!hand->nr)) {
		spin_unlock(&hand->lock);
		return frame_take_slow(node, gframe);
	}
	pfn = hand->pfns[--hand->nr];
	spin_unlock(&hand->lock);
	return frame_taken(node, pfn, gframe);
}

void frame_untake(u64 gframe)
{
	u64 pfn = gframe_pfn(gframe);

	if (frame_unshare(gframe))
		frame_conflict(gframe);
	else
		memnode_return_frames(memnode_of(gframe), &pfn, 1);
}

void frame_lose(u64 gframe)
{
	(void)frame_unshare(gframe);
	frame_conflict(gframe);
}

void frame_conflict(u64 gframe)
{
	counter_inc(nr_frame_conflict);
	pr_err_ratelimited("%s gives out frame %lx, which is in use",
			   memnode_name(memnode_of(gframe)),
			   gframe_pfn(gframe));
}

void memnode_return_frames(struct memnode *node, const u64 *pfns, u32 nr)
{
	le64 tail[32];
	u32 nr_kept = 0;

	spin_lock(&node->lock);
	while (nr_kept < nr && node->nr_stock < MEMNODE_STOCK_MAX)
		node->stock[node->nr_stock++] = pfns[nr_kept++];
	spin_unlock(&node->lock);
	gauge_add(nr_stock_frames, nr_kept);

	while (nr_kept < nr) {
		u32 n = min_t(u32, nr - nr_kept, ARRAY_SIZE(tail));
		struct rpc_none none;
		struct rpc_args args = {.req = &none,
					.rep = &none,
					.tail = tail,
					.tail_len = n * sizeof(tail[0])};
		int rc;

		for (u32 i = 0; i < n; i++)
			tail[i] = le64_make(pfns[nr_kept + i]);
		nr_kept += n;
		rc = rpc_call(node->peer, RPC_m_ungrant, &args);
		if (rc)
			pr_warn_ratelimited("%u frames of %s are lost: %d", n,
					    peer_name(node->peer), rc);
	}
}

/* ---- share counts ---------------------------------------------------------
 */

static u16 *shares_of(u64 gframe)
{
	struct memnode *node = memnode_of(gframe);

	CHECK(memnode_has_frame(node, gframe_pfn(gframe)));
	return &node->nr_shares[gframe_pfn(gframe)];
}

bool frame_share(u64 gframe)
{
	u16 *nr = shares_of(gframe);
	u16 old = __atomic_load_n(nr, __ATOMIC_RELAXED);

	do {
		if (old == 0xffff) { /* more processes than there are pids */
			frame_conflict(gframe);
			return false;
		}
	} while (!__atomic_compare_exchange_n(nr, &old, (u16)(old + 1), false,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (!old)
		gauge_add(nr_user_frames, 1);
	return true;
}

u32 frame_unshare(u64 gframe)
{
	u16 left = __atomic_sub_fetch(shares_of(gframe), 1, __ATOMIC_SEQ_CST);

	CHECK(left != 0xffff);
	if (!left)
		gauge_sub(nr_user_frames, 1);
	return left;
}

int memnode_start(void)
{
	net_on_peer_event(memnode_event);
	if (!thread_spawn("grantd", grant_thread, NULL))
		return -ENOMEM;
	return 0;
}
