/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One-sided transfers.  A transfer is on exactly one of: the pending list of
 * a channel (no room in the queue, or the channel is not up), its in-flight
 * list, or nowhere any more (done() is called).  If a channel fails under a
 * transfer it goes on on another one: reads and writes of pages may be
 * repeated.  Only the bulk data of a call is pinned to its channel, because
 * the caller revokes that channel to be rid of it.
 */
#define pr_fmt(fmt) "net: " fmt
#include "net.h"

#include <arch/x86/barrier.h>
#include <arch/x86/cpu.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>

static struct remote_io *io_of(struct list_head *link)
{
	return (struct remote_io *)((u8 *)link -
				    offsetof(struct remote_io, priv));
}
_Static_assert(offsetof(struct io_priv, link) == 0, "io_of() relies on it");

/* Statuses that say the transfer itself is wrong: repeating cannot help. */
static bool is_own_fault(enum ib_wc_status status)
{
	switch (status) {
	case IB_WC_SUCCESS:
	case IB_WC_FLUSH_ERR:
	case IB_WC_RETRY_EXC_ERR:
	case IB_WC_RNR_RETRY_EXC_ERR:
		return false;
	default:
		return true;
	}
}

static void finish(struct remote_io *io, int status)
{
	io->status = status;
	io->done(io);
}

/* What a read or write of one piece needs; the rest of @wr is not looked at. */
static void fill_wr(const struct chan *c, struct remote_io *io,
		    struct ib_send_wr *wr, struct ib_sge *sge)
{
	*sge = (struct ib_sge){
		.dma = io->paddr,
		.bytes = io->len_bytes,
		.lkey = c->lkey,
	};
	wr->wr_id = (u64)io | WR_IO;
	wr->sge = sge;
	wr->nr_sge = 1;
	wr->opcode = io_priv(io)->flags & IO_READ ? IB_WR_RDMA_READ
						  : IB_WR_RDMA_WRITE;
	wr->flags = IB_SEND_SIGNALED;
	wr->imm = 0;
	wr->remote_iova = io->remote_addr;
	wr->rkey = io->rkey;
	wr->av = NULL;
}

/*
 * Of the first @n pending transfers, which are about to be posted as @wr, those
 * that need no completion of their own are quiet: writes that may be repeated,
 * but the last.  A later transfer that succeeds says that they did too.  Those
 * that fail are heard of all the same, and if their channel is closed before
 * either happens they are repeated.
 */
static void quiet_some(struct chan *c, struct ib_send_wr *wr, u32 n)
{
	struct list_head *link;

	list_for_each (link, &c->io_pending) {
		struct io_priv *p = io_priv(io_of(link));

		p->flags &= ~(u64)IO_QUIET;
		if (!--n)
			return;
		if (!(p->flags & (IO_READ | IO_PINNED))) {
			p->flags |= IO_QUIET;
			wr->flags &= ~(u32)IB_SEND_SIGNALED;
		}
		wr++;
	}
}

/* The quiet ones posted just before @io, which succeeded, go to @done. */
static void take_quiet(struct chan *c, struct remote_io *io,
		       struct list_head *done)
{
	struct list_head *link;

	while ((link = io_priv(io)->link.prev) != &c->io_inflight &&
	       io_priv(io_of(link))->flags & IO_QUIET) {
		list_move(link, done);
		c->nr_io--;
	}
}

void io_post_locked(struct chan *c)
{
	struct ib_send_wr wr[IO_BATCH];
	struct ib_sge sge[IO_BATCH];
	struct list_head *link, *next;
	u32 n;

	ASSERT_LOCKED(&c->lock);
	if (list_empty(&c->io_pending) || c->state != CHAN_UP)
		return;
	while (c->state == CHAN_UP && !list_empty(&c->io_pending) &&
	       c->nr_io < IO_DEPTH) {
		n = 0;
		list_for_each (link, &c->io_pending) {
			if (n == IO_BATCH || c->nr_io + n == IO_DEPTH)
				break;
			fill_wr(c, io_of(link), &wr[n], &sge[n]);
			n++;
		}
		quiet_some(c, wr, n);
		if (ib_post_send(c->qp, wr, n)) {
			chan_fail_locked(c, "a transfer was refused");
			return;
		}
		c->nr_io += n;
		list_for_each_safe(link, next, &c->io_pending)
		{
			if (!n--)
				break;
			list_move_tail(link, &c->io_inflight);
		}
	}
	/* Nobody polls for these. */
	chan_want_sent_locked(c);
}

/* Post @io alone and at once. Return: false if it has to wait its turn. */
static bool post_now_locked(struct chan *c, struct remote_io *io)
{
	struct ib_send_wr wr;
	struct ib_sge sge;

	ASSERT_LOCKED(&c->lock);
	if (c->state != CHAN_UP || !list_empty(&c->io_pending) ||
	    c->nr_io >= IO_DEPTH)
		return false;
	fill_wr(c, io, &wr, &sge);
	if (ib_post_send(c->qp, &wr, 1)) {
		chan_fail_locked(c, "a transfer was refused");
		return false;
	}
	c->nr_io++;
	list_add_tail(&io_priv(io)->link, &c->io_inflight);
	return true;
}

/* Pinned transfers that will not be posted any more. */
static void fail_pinned(struct chan *c)
{
	struct list_head *link, *next;
	LIST_HEAD(failed);
	u64 flags = spin_lock_irqsave(&c->lock);

	list_for_each_safe(link, next,
			   &c->io_pending) if (io_priv(io_of(link))->flags &
					       IO_PINNED)
		list_move_tail(link, &failed);
	spin_unlock_irqrestore(&c->lock, flags);
	list_for_each_safe(link, next, &failed) finish(io_of(link), -EHOSTDOWN);
}

void io_complete(struct chan *c, struct remote_io *io, enum ib_wc_status status)
{
	struct io_priv *p = io_priv(io);
	bool is_over = true;
	int rc = 0;
	u64 flags = spin_lock_irqsave(&c->lock);
	struct list_head *link, *next;
	LIST_HEAD(quiet);

	counter_inc(nr_rdma_completion);
	if (!status)
		take_quiet(c, io, &quiet);
	list_del(&p->link);
	c->nr_io--;
	if (is_own_fault(status)) {
		rc = -EIO;
	} else if (status && p->flags & IO_PINNED) {
		rc = -EHOSTDOWN;
	} else if (status) {
		list_add_tail(&p->link, &c->io_pending);
		is_over = false;
	}
	if (!status && !list_empty(&c->io_pending))
		io_post_locked(c);
	spin_unlock_irqrestore(&c->lock, flags);
	if (rc == -EIO)
		pr_err_ratelimited("%s of %u bytes at %#lx of %s: %s",
				   p->flags & IO_READ ? "read" : "write",
				   io->len_bytes, io->remote_addr,
				   c->peer->name, ib_wc_status_name(status));
	list_for_each_safe(link, next, &quiet) finish(io_of(link), 0);
	if (is_over)
		finish(io, rc);
}

void io_move(struct chan *from)
{
	struct peer *peer = from->peer;
	LIST_HEAD(moving);
	u64 flags;

	fail_pinned(from);
	for (u32 i = 0; i < peer->nr_chans; i++) {
		struct chan *to = &peer->chans[i];

		if (to == from || READ_ONCE(to->state) != CHAN_UP)
			continue;
		flags = spin_lock_irqsave(&from->lock);
		list_splice_tail_init(&from->io_pending, &moving);
		spin_unlock_irqrestore(&from->lock, flags);
		flags = spin_lock_irqsave(&to->lock);
		list_splice_tail_init(&moving, &to->io_pending);
		io_post_locked(to);
		spin_unlock_irqrestore(&to->lock, flags);
		return;
	}
}

void io_fail_all(struct chan *c)
{
	struct list_head *link, *next;
	LIST_HEAD(failed);
	u64 flags = spin_lock_irqsave(&c->lock);

	ASSERT(list_empty(&c->io_inflight));
	list_splice_tail_init(&c->io_pending, &failed);
	spin_unlock_irqrestore(&c->lock, flags);
	list_for_each_safe(link, next, &failed) finish(io_of(link), -EHOSTDOWN);
}

/* ---- posting ----------------------------------------------------------------
 */

static struct chan *io_chan(struct peer *peer)
{
	u32 first = cpu_id() % peer->nr_chans;

	if (likely(READ_ONCE(peer->chans[first].state) == CHAN_UP))
		return &peer->chans[first];
	for (u32 i = 1; i < peer->nr_chans; i++) {
		struct chan *c = &peer->chans[(first + i) % peer->nr_chans];

		if (READ_ONCE(c->state) == CHAN_UP)
			return c;
	}
	return &peer->chans[first]; /* posted when one is up again */
}

/* [c->lock] Death is set before channels fail, under this lock: peer_die(). */
static bool is_refused(const struct chan *c)
{
	return READ_ONCE(c->peer->state) >= PEER_DEAD;
}

static int submit(struct chan *c, struct remote_io **ios, u32 nr, u64 io_flags)
{
	u64 flags;

	for (u32 i = 0; i < nr; i++) {
		ASSERT(region_contains(ios[i]->region, ios[i]->paddr,
				       ios[i]->len_bytes));
		io_priv(ios[i])->flags = io_flags;
	}
	flags = spin_lock_irqsave(&c->lock);
	if (is_refused(c)) {
		spin_unlock_irqrestore(&c->lock, flags);
		return -EHOSTDOWN;
	}
	for (u32 i = 0; i < nr; i++)
		list_add_tail(&io_priv(ios[i])->link, &c->io_pending);
	io_post_locked(c);
	spin_unlock_irqrestore(&c->lock, flags);
	return 0;
}

int remote_read_async(struct peer *peer, struct remote_io **ios, u32 nr)
{
	counter_add(nr_rdma_read, nr);
	return submit(io_chan(peer), ios, nr, IO_READ);
}

int remote_write_async(struct peer *peer, struct remote_io **ios, u32 nr)
{
	counter_add(nr_rdma_write, nr);
	return submit(io_chan(peer), ios, nr, 0);
}

/* ---- transfers that a thread waits for
 * ------------------------------------- */

/* The owner polls, then perhaps sleeps; who completes the transfer wakes it
 * only if it does.  After DONE the completer touches nothing any more. */
enum wait_state { WAIT_POLLED, WAIT_SLEEPS, WAIT_DONE };

static void wait_over(struct remote_io *io)
{
	struct remote_wait *w = container_of(io, struct remote_wait, io);

	w->arrived = rdtsc();
	if (xchg(&w->state, WAIT_DONE) == WAIT_SLEEPS)
		complete(&w->done);
}

static bool wait_is_over(const struct remote_wait *w)
{
	return smp_load_acquire(&w->state) == WAIT_DONE;
}

/* Poll as long as it pays, and nobody else wants the CPU. */
static void wait_poll(struct chan *c, struct remote_wait *w)
{
	u64 budget = io_spin_cycles(&c->spin, net_self.spin_cycles);
	u64 seen = w->posted, now;

	if (!budget || thread_should_yield())
		return;
	for (;;) {
		chan_poll_sent(c);
		if (wait_is_over(w) || READ_ONCE(c->state) != CHAN_UP)
			return;
		cpu_relax();
		now = rdtsc();
		counter_add(nr_poll_cycles, now - seen);
		seen = now;
		if (now - w->posted >= budget || thread_should_yield())
			return;
	}
}

static __noinline void wait_sleep(struct chan *c, struct remote_wait *w)
{
	completion_init(&w->done);
	if (cmpxchg(&w->state, WAIT_POLLED, WAIT_SLEEPS) != WAIT_POLLED)
		return;
	counter_inc(nr_rdma_sleep);
	chan_want_sent(c);
	wait_for_completion_of(&w->done, peer_name(c->peer));
}

static void pend_locked(struct chan *c, struct remote_io *io, u64 io_flags)
{
	io_priv(io)->flags = io_flags;
	list_add_tail(&io_priv(io)->link, &c->io_pending);
}

static int transfer(struct peer *peer, struct remote_wait *w,
		    struct remote_io **more, u32 nr_more, u64 io_flags)
{
	struct chan *c = io_chan(peer);
	bool may_poll;
	u64 flags;

	ASSERT(nr_more <= REMOTE_WAIT_MORE_MAX);
	ASSERT(region_contains(w->io.region, w->io.paddr, w->io.len_bytes));
	w->io.done = wait_over;
	w->state = WAIT_POLLED;
	w->posted = 0;
	io_priv(&w->io)->flags = io_flags;
	flags = spin_lock_irqsave(&c->lock);
	if (is_refused(c)) {
		spin_unlock_irqrestore(&c->lock, flags);
		return -EHOSTDOWN;
	}
	if (nr_more || !post_now_locked(c, &w->io)) {
		pend_locked(c, &w->io, io_flags);
		for (u32 i = 0; i < nr_more; i++)
			pend_locked(c, more[i], io_flags);
		io_post_locked(c);
	}
	may_poll = c->state == CHAN_UP;
	if (likely(may_poll))
		atomic_inc(&c->nr_pollers);
	w->posted = rdtsc(); /* before it completes, which takes the lock */
	spin_unlock_irqrestore(&c->lock, flags);
	if (likely(may_poll)) {
		wait_poll(c, w);
		chan_poll_end(c);
	}
	if (unlikely(!wait_is_over(w)))
		wait_sleep(c, w);
	io_spin_note(&c->spin, w->arrived - w->posted);
	return w->io.status;
}

int remote_read_wait(struct peer *peer, struct remote_wait *w,
		     struct remote_io **more, u32 nr_more)
{
	counter_add(nr_rdma_read, 1 + nr_more);
	return transfer(peer, w, more, nr_more, IO_READ);
}

void remote_poll_for(struct peer *peer, const u8 *state, u8 from)
{
	struct chan *c = io_chan(peer);
	u64 begun = rdtsc(), seen = begun, now;

	if (!net_self.spin_cycles || thread_should_yield() ||
	    !chan_poll_begin(c))
		return;
	for (;;) {
		chan_poll_sent(c);
		if (READ_ONCE(*state) != from || READ_ONCE(c->state) != CHAN_UP)
			break;
		cpu_relax();
		now = rdtsc();
		counter_add(nr_poll_cycles, now - seen);
		seen = now;
		if (now - begun >= net_self.spin_cycles ||
		    thread_should_yield())
			break;
	}
	chan_poll_end(c);
}

int remote_read(struct peer *peer, const struct region *region, u64 paddr,
		u64 remote_addr, u32 rkey, u32 len_bytes)
{
	struct remote_wait w;

	remote_wait_init(&w, region, paddr, remote_addr, rkey, len_bytes);
	return remote_read_wait(peer, &w, NULL, 0);
}

int remote_write(struct peer *peer, const struct region *region, u64 paddr,
		 u64 remote_addr, u32 rkey, u32 len_bytes)
{
	struct remote_wait w;

	remote_wait_init(&w, region, paddr, remote_addr, rkey, len_bytes);
	counter_inc(nr_rdma_write);
	return transfer(peer, &w, NULL, 0, 0);
}

/* ---- bulk data of calls
 * ------------------------------------------------------- */

struct bulk_op {
	atomic_t nr_left;
	int status; /* of the first that failed */
	struct completion done;
};

static void bulk_done(struct remote_io *io)
{
	struct bulk_op *op = io_priv(io)->owner;

	if (io->status)
		cmpxchg(&op->status, 0, io->status);
	if (atomic_dec_and_test(&op->nr_left))
		complete(&op->done);
}

/* Cut both sides' segments into pieces that are contiguous on both. */
static int bulk_cut(const struct bulk_target *t, u64 offset,
		    const struct region *region, const struct bulk_seg *segs,
		    u32 nr_segs, struct remote_io *ios)
{
	u32 r = 0, n = 0;
	u64 r_off = offset;

	for (u32 l = 0; l < nr_segs; l++) {
		u32 l_off = 0;

		if (!region_contains(region, segs[l].paddr, segs[l].len_bytes))
			return -EINVAL;
		while (l_off < segs[l].len_bytes) {
			u32 r_len = le32_get(t->segs[r].len_bytes);

			if (r_off >= r_len) {
				r_off -= r_len;
				r++;
				ASSERT(r < t->nr_segs);
				continue;
			}
			CHECK(n < BULK_MAX_IOS);
			ios[n] = (struct remote_io){
				.region = region,
				.paddr = segs[l].paddr + l_off,
				.remote_addr =
					le64_get(t->segs[r].iova) + r_off,
				.rkey = t->rkey,
				.len_bytes = (u32)min_t(
					u64, segs[l].len_bytes - l_off,
					r_len - r_off),
				.done = bulk_done,
			};
			l_off += ios[n].len_bytes;
			r_off += ios[n].len_bytes;
			n++;
		}
	}
	return (int)n;
}

static int bulk_submit(const struct bulk_target *t, struct remote_io *ios,
		       u32 nr, bool is_read, struct bulk_op *op)
{
	struct chan *c = t->chan;
	int rc = 0;
	u64 flags = spin_lock_irqsave(&c->lock);

	if (c->state != CHAN_UP || c->epoch != t->epoch)
		rc = -EHOSTDOWN;
	for (u32 i = 0; !rc && i < nr; i++) {
		io_priv(&ios[i])->owner = op;
		io_priv(&ios[i])->flags = IO_PINNED | (is_read ? IO_READ : 0);
		list_add_tail(&io_priv(&ios[i])->link, &c->io_pending);
	}
	if (!rc)
		io_post_locked(c);
	spin_unlock_irqrestore(&c->lock, flags);
	return rc;
}

int io_bulk(const struct bulk_target *t, u64 offset,
	    const struct region *region, const struct bulk_seg *segs,
	    u32 nr_segs, bool is_read, struct remote_io *ios)
{
	struct bulk_op op = {.status = 0};
	u64 total = 0;
	int n, rc;

	for (u32 i = 0; i < nr_segs; i++)
		total += segs[i].len_bytes;
	if (offset > t->bytes || total > t->bytes - offset)
		return -EMSGSIZE;
	if (nr_segs > RPC_MAX_SEGS)
		return -EINVAL;
	if (!total)
		return 0;
	n = bulk_cut(t, offset, region, segs, nr_segs, ios);
	if (n < 0)
		return n;
	completion_init(&op.done);
	atomic_set(&op.nr_left, n);
	rc = bulk_submit(t, ios, (u32)n, is_read, &op);
	if (rc)
		return rc;
	wait_for_completion(&op.done);
	return op.status;
}
