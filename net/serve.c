/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The serving side: requests wait in a queue for worker threads, in that of
 * the CPU that took them off the wire.  Queues share nothing, neither a lock
 * nor workers.
 *
 * A handler may sleep and may call other nodes, whose handlers may call us.
 * So that such a chain never stops for want of a thread, a worker that takes
 * a request makes sure that another one is idle behind it, and makes one if
 * not.  The requests that peers can have in flight bound the number; workers
 * that were idle for long leave.
 */
#define pr_fmt(fmt) "rpc: " fmt
#include "net.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/string.h>
#include <mm/slab.h>

#define MIN_WORKERS 2u
#define MAX_WORKERS 1024u /* of one queue */
#define IDLE_NS     (10 * NSEC_PER_SEC)
#define SLOW_NS     (5 * NSEC_PER_SEC) /* said in the log */

/* A request, copied from its receive buffer, which is posted again at once. */
struct request {
	struct list_head link; /* [queue.lock] */
	struct chan *chan;     /* of a peer that we hold */
	u32 epoch;
	u64 arrived_ns;
	struct frame frame; /* points into data */
	u8 data[] __aligned(8);
};

struct serve_queue {
	struct spinlock lock;
	struct list_head requests; /* [lock] */
	u32 nr_requests;           /* [lock] */
	u32 nr_idle;               /* [lock] */
	u32 nr_workers;            /* [lock] */
	struct waitq waitq;
} __cacheline_aligned;

static struct serve_queue queues[CONFIG_NR_CPUS]; /* by CPU */

/* What a worker needs for the request it works on. */
struct worker {
	u8 rep[512] __aligned(8);
	u8 rep_tail[RPC_MAX_TAIL] __aligned(8);
	struct remote_io ios[BULK_MAX_IOS];
};

struct serve_ctx {
	struct rpc_ctx ctx; /* what the handler sees */
	struct bulk_target target;
	struct worker *worker;
};

static const void *moved(const void *p, const void *from, const void *to)
{
	return (const u8 *)to + ((const u8 *)p - (const u8 *)from);
}

void serve_request(struct chan *c, const struct frame *f, const void *buf,
		   u32 len)
{
	struct serve_queue *q = &queues[cpu_id()]; /* any is right */
	struct request *r;
	u64 flags;

	/* Nobody of ours has more in flight than it has slots. */
	if (atomic_inc_return(&c->nr_in_service) > (int)MAX_SERVED) {
		atomic_dec(&c->nr_in_service);
		counter_inc(nr_rpc_over_limit);
		pr_warn_ratelimited("%s has too many requests in service",
				    c->peer->name);
		return;
	}
	r = kmalloc(sizeof(*r) + len);
	if (!r) { /* the caller's deadline answers it */
		atomic_dec(&c->nr_in_service);
		counter_inc(nr_rpc_dropped);
		pr_err_ratelimited("no memory for a request of %s",
				   c->peer->name);
		return;
	}
	memcpy(r->data, buf, len);
	r->frame = *f;
	r->frame.body = moved(f->body, buf, r->data);
	r->frame.tail = moved(f->tail, buf, r->data);
	r->frame.segs = moved(f->segs, buf, r->data);
	r->chan = c;
	r->epoch = READ_ONCE(c->epoch);
	r->arrived_ns = time_mono_ns();
	peer_hold(c->peer);
	gauge_add(nr_rpc_in_service, 1);
	flags = spin_lock_irqsave(&q->lock);
	list_add_tail(&r->link, &q->requests);
	q->nr_requests++;
	spin_unlock_irqrestore(&q->lock, flags);
	waitq_wake_one(&q->waitq);
}

static bool chan_is_ours(struct chan *c, u32 epoch)
{
	return READ_ONCE(c->epoch) == epoch &&
	       READ_ONCE(c->state) != CHAN_FAILED;
}

/* A reply buffer of the channel on which the request came, in the same life.
 * Requests may come before the connection is known to be up on this side. */
static u32 get_reply_buffer(struct chan *c, u32 epoch)
{
	u32 i = NO_BUFFER;

	if (!READ_ONCE(c->nr_reply_free) && chan_poll_begin(c)) {
		chan_poll_sent(c);
		chan_poll_end(c);
	}
	wait_event(&c->reply_room, ({
		u64 flags = spin_lock_irqsave(&c->lock);
		bool is_over = !chan_is_ours(c, epoch);

		if (!is_over && c->state == CHAN_UP)
			i = chan_reply_get_locked(c);
		if (!is_over && i == NO_BUFFER)
			chan_want_sent_locked(c);
		spin_unlock_irqrestore(&c->lock, flags);
		is_over || i != NO_BUFFER;
	}));
	return i;
}

static void reply(struct request *r, int status, const struct worker *w,
		  u32 tail_len)
{
	struct chan *c = r->chan;
	u32 i = get_reply_buffer(c, r->epoch);
	u64 flags;
	u32 len;

	if (i == NO_BUFFER) { /* the caller has seen the channel fail */
		counter_inc(nr_rpc_dropped);
		return;
	}
	len = frame_encode_reply(chan_buffer(c, i), r->frame.op, r->frame.xid,
				 c->peer->session, status, w->rep,
				 r->frame.info->rep_bytes, w->rep_tail,
				 tail_len);
	flags = spin_lock_irqsave(&c->lock);
	/* chan_close() has taken the buffer back if the epoch is over. */
	if (c->epoch == r->epoch &&
	    chan_send_locked(c, i, len, wr_id_make(WR_REPLY, i)))
		chan_reply_put_locked(c, i);
	spin_unlock_irqrestore(&c->lock, flags);
}

static void serve(struct request *r, struct worker *w)
{
	const struct rpc_op_info *info = r->frame.info;
	struct serve_ctx s = {
		.ctx = {.peer = r->chan->peer,
			.tail = r->frame.tail,
			.tail_len = r->frame.tail_len,
			.rep_tail = w->rep_tail,
			.bulk_bytes = r->frame.bulk_bytes},
		.target = {.chan = r->chan,
			   .epoch = r->epoch,
			   .segs = r->frame.segs,
			   .nr_segs = r->frame.nr_segs,
			   .rkey = r->frame.bulk_rkey,
			   .bytes = r->frame.bulk_bytes},
		.worker = w,
	};
	u64 begun = time_mono_ns();
	int status;

	if (begun - r->arrived_ns > r->frame.budget_ms * NSEC_PER_MSEC ||
	    !chan_is_ours(r->chan, r->epoch)) {
		counter_inc(nr_rpc_dropped); /* its caller has given up */
		return;
	}
	memset(w->rep, 0, info->rep_bytes);
	counter_add_id(COUNTER_nr_rpc_served_n_echo + info->index, 1);
	status = serve_dispatch(info, &s.ctx, r->frame.body, w->rep);
	if (status > 0 || status < -4095 ||
	    s.ctx.rep_tail_len > info->rep_tail_max) {
		pr_err_ratelimited("handler of %s: status %d, reply tail %u",
				   info->name, status, s.ctx.rep_tail_len);
		status = -EIO;
	}
	if (time_mono_ns() - begun > SLOW_NS)
		pr_warn_ratelimited("%s for %s took %lu ms", info->name,
				    r->chan->peer->name,
				    (time_mono_ns() - begun) / NSEC_PER_MSEC);
	if (!s.ctx.is_unanswered && !drop_reply(info))
		reply(r, status, w, s.ctx.rep_tail_len);
}

int rpc_bulk_put(struct rpc_ctx *ctx, u64 offset, const struct region *region,
		 const struct bulk_seg *segs, u32 nr_segs)
{
	struct serve_ctx *s = container_of(ctx, struct serve_ctx, ctx);

	return io_bulk(&s->target, offset, region, segs, nr_segs, false,
		       s->worker->ios);
}

int rpc_bulk_get(struct rpc_ctx *ctx, u64 offset, const struct region *region,
		 const struct bulk_seg *segs, u32 nr_segs)
{
	struct serve_ctx *s = container_of(ctx, struct serve_ctx, ctx);

	return io_bulk(&s->target, offset, region, segs, nr_segs, true,
		       s->worker->ios);
}

/* ---- workers
 * ----------------------------------------------------------------- */

static void worker_main(void *arg);

static void add_worker(struct serve_queue *q)
{
	if (thread_spawn("rpc", worker_main, q))
		return;
	u64 flags = spin_lock_irqsave(&q->lock);
	q->nr_workers--;
	spin_unlock_irqrestore(&q->lock, flags);
	pr_err_ratelimited("no memory for a worker thread (%u run)",
			   q->nr_workers);
}

static struct request *pop(struct serve_queue *q, bool *needs_worker)
{
	struct request *r;
	u64 flags = spin_lock_irqsave(&q->lock);

	r = list_first_entry_or_null(&q->requests, struct request, link);
	if (r) {
		list_del(&r->link);
		q->nr_requests--;
	}
	*needs_worker = r && !q->nr_idle && q->nr_workers < MAX_WORKERS;
	q->nr_workers += *needs_worker;
	spin_unlock_irqrestore(&q->lock, flags);
	return r;
}

static void set_idle(struct serve_queue *q, bool is_idle)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	q->nr_idle += is_idle ? 1 : -1u;
	spin_unlock_irqrestore(&q->lock, flags);
}

/* May this worker leave? Decided under the lock, so that some stay. */
static bool may_leave(struct serve_queue *q)
{
	u64 flags = spin_lock_irqsave(&q->lock);
	bool leave = list_empty(&q->requests) && q->nr_workers > MIN_WORKERS &&
		     q->nr_idle > 0;

	q->nr_workers -= leave;
	spin_unlock_irqrestore(&q->lock, flags);
	return leave;
}

static struct request *next_request(struct serve_queue *q)
{
	for (;;) {
		bool needs_worker, has_more;
		struct request *r = pop(q, &needs_worker);

		if (needs_worker)
			add_worker(q);
		if (r)
			return r;
		set_idle(q, true);
		has_more = wait_event_timeout(
			&q->waitq, READ_ONCE(q->nr_requests), IDLE_NS);
		set_idle(q, false);
		if (!has_more && may_leave(q))
			return NULL;
	}
}

static void worker_main(void *arg)
{
	struct worker *w = kmalloc(sizeof(*w));
	struct serve_queue *q = arg;
	struct request *r;

	while (w && (r = next_request(q))) {
		serve(r, w);
		atomic_dec(&r->chan->nr_in_service);
		peer_put(r->chan->peer);
		gauge_sub(nr_rpc_in_service, 1);
		kfree(r);
	}
	if (!w) {
		u64 flags = spin_lock_irqsave(&q->lock);

		q->nr_workers--;
		spin_unlock_irqrestore(&q->lock, flags);
		pr_err_ratelimited("no memory for a worker");
	}
	kfree(w);
}

int serve_start(void)
{
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		struct serve_queue *q = &queues[cpu];

		spin_lock_init(&q->lock, "rpc queue", LOCK_MISC);
		list_init(&q->requests);
		waitq_init(&q->waitq);
		q->nr_workers = MIN_WORKERS;
		for (u32 i = 0; i < MIN_WORKERS; i++)
			if (!thread_spawn("rpc", worker_main, q))
				return -ENOMEM;
	}
	return 0;
}

static void cmd_rpc(int argc, char **argv)
{
	u32 nr_workers = 0, nr_idle = 0, nr_requests = 0;

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		nr_workers += READ_ONCE(queues[cpu].nr_workers);
		nr_idle += READ_ONCE(queues[cpu].nr_idle);
		nr_requests += READ_ONCE(queues[cpu].nr_requests);
	}
	mprintf("workers %u, idle %u, requests waiting %u\n", nr_workers,
		nr_idle, nr_requests);
	mprintf("%-16s %12s %12s\n", "message", "sent", "served");
	for (u32 i = 0; i < NR_RPC_OPS; i++) {
		u64 sent = counter_read(COUNTER_nr_rpc_sent_n_echo + i);
		u64 served = counter_read(COUNTER_nr_rpc_served_n_echo + i);

		if (sent || served)
			mprintf("%-16s %12lu %12lu\n", rpc_ops[i].name, sent,
				served);
	}
}
MONITOR_CMD(rpc, "messages sent and served, worker threads", cmd_rpc);
