/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * n_echo, which every node serves, and the monitor command that uses it:
 * `rpctest [THREADS [CALLS]]` sends calls of mixed sizes to every peer from
 * many threads at once and verifies each byte that comes back, by message and
 * by bulk transfer, and that a late handler cannot write after a timeout.
 */
#define pr_fmt(fmt) "rpctest: " fmt
#include "net.h"

#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/hash.h>
#include <lib/kstrto.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <mm/dma.h>
#include <mm/slab.h>

#define ECHO_BULK_MAX (256u << 10)
#define MAX_THREADS   128u

static void pattern_fill(u8 *p, u64 len, u64 seed)
{
	for (u64 i = 0; i < len; i++)
		p[i] = (u8)(hash_u64(seed + i / 8) >> 8 * (i % 8));
}

static bool pattern_is(const u8 *p, u64 len, u64 seed)
{
	for (u64 i = 0; i < len; i++)
		if (p[i] != (u8)(hash_u64(seed + i / 8) >> 8 * (i % 8)))
			return false;
	return true;
}

/* ---- the handler ------------------------------------------------------------
 */

static int echo_bulk(struct rpc_ctx *ctx, u64 seed, u32 flags)
{
	u64 len = ctx->bulk_bytes;
	u64 size = ALIGN_UP(len, PAGE_SIZE);
	struct bulk_seg seg = {.len_bytes = (u32)len};
	struct region *region;
	u8 *buf;
	int rc;

	if (len > ECHO_BULK_MAX)
		return -EMSGSIZE;
	buf = dma_alloc(size, &seg.paddr);
	if (!buf)
		return -ENOMEM;
	rc = net_region_register(seg.paddr, size, 0, &region);
	if (rc)
		goto free_buf;
	if (!(flags & ECHO_NO_CHECK))
		rc = rpc_bulk_get(ctx, 0, region, &seg, 1);
	if (!rc && !(flags & ECHO_NO_CHECK) && !pattern_is(buf, len, seed))
		rc = -EILSEQ;
	if (!rc) {
		pattern_fill(buf, len, seed + 1);
		rc = rpc_bulk_put(ctx, 0, region, &seg, 1);
	}
	net_region_unregister(region);
free_buf:
	dma_free(buf, size);
	return rc;
}

/* ECHO_DROP_ONCE: seeds of requests that got no reply, by a hash. */
static atomic64_t dropped_seeds[64];

int rpc_handle_n_echo(struct rpc_ctx *ctx, const struct rpc_n_echo *req,
		      struct rpc_n_echo_reply *rep)
{
	u64 seed = le64_get(req->seed);
	u32 delay_ms = le32_get(req->delay_ms);
	const u8 *tail = ctx->tail;
	u8 *out = ctx->rep_tail;

	if (delay_ms > ECHO_MAX_DELAY_MS)
		return -EINVAL;
	if (le32_get(req->flags) & ECHO_DROP_ONCE &&
	    atomic64_xchg(&dropped_seeds[hash_u64(seed) % 64], (s64)seed) !=
		    (s64)seed)
		ctx->is_unanswered = true;
	if (delay_ms)
		sleep_ns(delay_ms * NSEC_PER_MSEC);
	for (u32 i = 0; i < ctx->tail_len; i++)
		out[i] = tail[i] ^ 0x5a;
	ctx->rep_tail_len = ctx->tail_len;
	rep->tail_hash = le64_make(hash_bytes(tail, ctx->tail_len, seed));
	rep->bulk_bytes = le64_make(ctx->bulk_bytes);
	return ctx->bulk_bytes ? echo_bulk(ctx, seed, le32_get(req->flags)) : 0;
}

/* ---- the test ---------------------------------------------------------------
 */

struct echo_test {
	struct peer *peer;
	u32 nr_calls;
	u64 seed;
	atomic_t nr_left; /* threads */
	atomic_t nr_bad;
	atomic64_t nr_done;
	struct completion done;
};

struct echo_buffers {
	u8 tail[RPC_MAX_TAIL];
	u8 rep_tail[RPC_MAX_TAIL];
	struct bulk_seg segs[RPC_MAX_SEGS];
	u8 *bulk;
	u64 bulk_paddr;
	struct region *region;
};

/* Cut @len bytes of the bulk buffer into pieces, in order. */
static u32 cut_segs(struct echo_buffers *b, struct rand *r, u32 len)
{
	u32 n = 0, at = 0;

	while (at < len) {
		u32 piece = 1 + (u32)rand_below(r, 16384);

		if (n == RPC_MAX_SEGS - 1 || piece > len - at)
			piece = len - at;
		b->segs[n++] = (struct bulk_seg){.paddr = b->bulk_paddr + at,
						 .len_bytes = piece};
		at += piece;
	}
	return n;
}

static bool echo_once(struct echo_test *t, struct echo_buffers *b,
		      struct rand *r)
{
	u64 seed = rand_u64(r);
	u32 tail_len = rand_below(r, 4) ? (u32)rand_below(r, 200)
					: (u32)rand_below(r, RPC_MAX_TAIL + 1);
	u32 bulk_len = rand_below(r, 8) ? 0 : (u32)rand_below(r, ECHO_BULK_MAX);
	struct rpc_bulk bulk = {.region = b->region, .segs = b->segs};
	struct rpc_n_echo req = {.seed = le64_make(seed)};
	struct rpc_n_echo_reply rep;
	struct rpc_args args = {
		.req = &req,
		.tail = b->tail,
		.tail_len = tail_len,
		.rep = &rep,
		.rep_tail = b->rep_tail,
		.rep_tail_max = sizeof(b->rep_tail),
		.bulk = bulk_len ? &bulk : NULL,
	};
	int rc;

	pattern_fill(b->tail, tail_len, seed);
	pattern_fill(b->bulk, bulk_len, seed);
	bulk.nr_segs = cut_segs(b, r, bulk_len);
	rc = rpc_call(t->peer, RPC_n_echo, &args);
	if (rc) {
		pr_err("call failed: error %d (tail %u, bulk %u)", -rc,
		       tail_len, bulk_len);
		return false;
	}
	for (u32 i = 0; i < tail_len; i++)
		if (b->rep_tail[i] != (b->tail[i] ^ 0x5a))
			rc = -EILSEQ;
	if (args.rep_tail_len != tail_len ||
	    le64_get(rep.tail_hash) != hash_bytes(b->tail, tail_len, seed) ||
	    le64_get(rep.bulk_bytes) != bulk_len ||
	    !pattern_is(b->bulk, bulk_len, seed + 1))
		rc = -EILSEQ;
	if (rc)
		pr_err("wrong bytes came back (tail %u, bulk %u)", tail_len,
		       bulk_len);
	return !rc;
}

static int buffers_init(struct echo_buffers *b)
{
	b->bulk = dma_alloc(ECHO_BULK_MAX, &b->bulk_paddr);
	if (!b->bulk)
		return -ENOMEM;
	return net_region_register(b->bulk_paddr, ECHO_BULK_MAX,
				   REGION_REMOTE_READ | REGION_REMOTE_WRITE,
				   &b->region);
}

static void buffers_free(struct echo_buffers *b)
{
	net_region_unregister(b->region);
	if (b->bulk)
		dma_free(b->bulk, ECHO_BULK_MAX);
	kfree(b);
}

static void echo_thread(void *arg)
{
	struct echo_test *t = arg;
	struct echo_buffers *b = kzalloc(sizeof(*b));
	struct rand r;

	rand_seed(&r, t->seed + (u64)atomic_read(&t->nr_left) * 7919 +
			      time_mono_ns());
	if (!b || buffers_init(b)) {
		pr_err("no memory");
		atomic_inc(&t->nr_bad);
	} else {
		for (u32 i = 0; i < t->nr_calls; i++) {
			if (!echo_once(t, b, &r))
				atomic_inc(&t->nr_bad);
			atomic64_inc(&t->nr_done);
		}
	}
	if (b)
		buffers_free(b);
	if (atomic_dec_and_test(&t->nr_left))
		complete(&t->done);
}

/* A handler that writes after its caller gave up must not be able to. */
static bool late_write_is_refused(struct peer *peer)
{
	struct echo_buffers *b = kzalloc(sizeof(*b));
	struct rpc_n_echo req = {
		.seed = le64_make(1),
		.delay_ms = le32_make(1500),
		.flags = le32_make(ECHO_NO_CHECK),
	};
	struct rpc_n_echo_reply rep;
	struct rpc_bulk bulk = {.nr_segs = 1};
	struct rpc_args args = {.req = &req, .rep = &rep, .bulk = &bulk};
	bool ok = false;
	int rc;

	if (!b || buffers_init(b))
		goto free;
	b->segs[0] =
		(struct bulk_seg){.paddr = b->bulk_paddr, .len_bytes = 65536};
	bulk.region = b->region;
	bulk.segs = b->segs;
	rc = rpc_call_timeout(peer, RPC_n_echo, &args, 400 * NSEC_PER_MSEC);
	memset(b->bulk, 0xa5, 65536);
	sleep_ns(3 * NSEC_PER_SEC);
	ok = rc == -ETIMEDOUT;
	for (u32 i = 0; i < 65536; i++)
		ok = ok && b->bulk[i] == 0xa5;
free:
	if (b)
		buffers_free(b);
	return ok;
}

/* A reply that is lost costs time, not the call. */
static bool lost_reply_is_survived(struct peer *peer)
{
	struct rpc_n_echo req = {
		.seed = le64_make(time_mono_ns()),
		.flags = le32_make(ECHO_DROP_ONCE),
	};
	struct rpc_n_echo_reply rep;
	struct rpc_args args = {.req = &req, .rep = &rep};

	return !rpc_call_timeout(peer, RPC_n_echo, &args, 6 * NSEC_PER_SEC);
}

bool net_echo_test(struct peer *peer, u32 nr_threads, u32 nr_calls)
{
	struct echo_test t = {
		.peer = peer,
		.nr_calls = nr_calls,
		.seed = time_mono_ns(),
	};
	u64 begun = time_mono_ns(), ns;
	bool late_ok, lost_ok;

	completion_init(&t.done);
	atomic_set(&t.nr_left, (int)nr_threads);
	for (u32 i = 0; i < nr_threads; i++) {
		if (thread_spawn("rpctest", echo_thread, &t))
			continue;
		atomic_inc(&t.nr_bad);
		if (atomic_dec_and_test(&t.nr_left))
			complete(&t.done);
	}
	wait_for_completion(&t.done);
	ns = max(time_mono_ns() - begun, 1ul);
	late_ok = late_write_is_refused(peer);
	lost_ok = lost_reply_is_survived(peer);
	mprintf("%s: %ld calls, %d bad, %lu calls/s; late write %s, lost reply "
		"%s\n",
		peer->name, atomic64_read(&t.nr_done), atomic_read(&t.nr_bad),
		(u64)atomic64_read(&t.nr_done) * NSEC_PER_SEC / ns,
		late_ok ? "refused" : "NOT REFUSED",
		lost_ok ? "survived" : "FATAL");
	return late_ok && lost_ok && !atomic_read(&t.nr_bad);
}

static void cmd_rpctest(int argc, char **argv)
{
	u32 nr_threads = 8, nr_calls = 200;
	struct peer *p = NULL;

	if ((argc > 1 && kstrtou32(argv[1], 0, &nr_threads)) ||
	    (argc > 2 && kstrtou32(argv[2], 0, &nr_calls)) || !nr_threads ||
	    nr_threads > MAX_THREADS) {
		mprintf("usage: rpctest [THREADS [CALLS]]\n");
		return;
	}
	while ((p = peer_next(p)))
		if (peer_is_alive(p))
			pr_info("%s: %s", p->name,
				net_echo_test(p, nr_threads, nr_calls)
					? "passed"
					: "FAILED");
}
MONITOR_CMD(rpctest, "call all peers from many threads and verify the answers",
	    cmd_rpctest);
