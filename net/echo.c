/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * n_echo, which every node serves, and the monitor command that uses it:
 * `rpctest [THREADS [CALLS]]` sends calls of mixed sizes to every peer from
 * many threads at once and verifies each byte that comes back, by message and
 * by bulk transfer, and that a late handler cannot write after a timeout.
 */
#define pr_fmt(fmt) "rpctest: " fmt
#include "net.h"

#include <arch/x86/barrier.h>
#include <kernel/counters.h>
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

/* Word @i of the bytes that belong to @seed. */
static u64 pattern_word(u64 seed, u64 i)
{
	return hash_u64(seed + i);
}

static void pattern_fill(u8 *p, u64 len, u64 seed)
{
	for (u64 i = 0; i < len; i += sizeof(u64)) {
		u64 word = pattern_word(seed, i / sizeof(u64));

		memcpy(p + i, &word, min(len - i, sizeof(u64)));
	}
}

static bool pattern_is(const u8 *p, u64 len, u64 seed)
{
	for (u64 i = 0; i < len; i += sizeof(u64)) {
		u64 word = pattern_word(seed, i / sizeof(u64));

		if (memcmp(p + i, &word, min(len - i, sizeof(u64))))
			return false;
	}
	return true;
}

/* ---- the handler ------------------------------------------------------------
 */

/*
 * Registered memory for bulk data, kept for the next call: to register is a
 * command to the card, one at a time, and the test is one of many threads.
 */
struct echo_memory {
	u8 *kaddr;
	u64 paddr;
	struct region *region;
};

static struct echo_memory *spare_memory[16]; /* [atomic: xchg, cmpxchg] */

static int memory_make(struct echo_memory *m, u32 access)
{
	int rc;

	m->kaddr = dma_alloc(ECHO_BULK_MAX, &m->paddr);
	if (!m->kaddr)
		return -ENOMEM;
	rc = net_region_register(m->paddr, ECHO_BULK_MAX, access, &m->region);
	if (rc) {
		dma_free(m->kaddr, ECHO_BULK_MAX);
		m->kaddr = NULL;
	}
	return rc;
}

static void memory_free(struct echo_memory *m)
{
	if (!m->kaddr)
		return;
	net_region_unregister(m->region);
	dma_free(m->kaddr, ECHO_BULK_MAX);
}

static struct echo_memory *memory_get(void)
{
	struct echo_memory *m;

	for (u32 i = 0; i < ARRAY_SIZE(spare_memory); i++) {
		m = READ_ONCE(spare_memory[i]) ? xchg(&spare_memory[i], NULL)
					       : NULL;
		if (m)
			return m;
	}
	m = kzalloc(sizeof(*m));
	if (m && memory_make(m, 0)) {
		kfree(m);
		m = NULL;
	}
	return m;
}

static void memory_put(struct echo_memory *m)
{
	for (u32 i = 0; i < ARRAY_SIZE(spare_memory); i++)
		if (!READ_ONCE(spare_memory[i]) &&
		    !cmpxchg(&spare_memory[i], NULL, m))
			return;
	memory_free(m);
	kfree(m);
}

static int echo_bulk(struct rpc_ctx *ctx, u64 seed, u32 flags)
{
	struct bulk_seg seg = {.len_bytes = (u32)ctx->bulk_bytes};
	struct echo_memory *m;
	int rc = 0;

	if (ctx->bulk_bytes > ECHO_BULK_MAX)
		return -EMSGSIZE;
	m = memory_get();
	if (!m)
		return -ENOMEM;
	seg.paddr = m->paddr;
	if (!(flags & ECHO_NO_CHECK))
		rc = rpc_bulk_get(ctx, 0, m->region, &seg, 1);
	if (!rc && !(flags & ECHO_NO_CHECK) &&
	    !pattern_is(m->kaddr, ctx->bulk_bytes, seed))
		rc = -EILSEQ;
	if (!rc) {
		pattern_fill(m->kaddr, ctx->bulk_bytes, seed + 1);
		rc = rpc_bulk_put(ctx, 0, m->region, &seg, 1);
	}
	memory_put(m);
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
	struct echo_memory bulk;
};

/* Small ones are many, large ones few: each power of two as often. */
static u32 any_size(struct rand *r, u32 max)
{
	return (u32)rand_below(r, (u64)max >> rand_below(r, ilog2_up(max))) + 1;
}

/* Cut @len bytes of the bulk buffer into pieces, in order. */
static u32 cut_segs(struct echo_buffers *b, struct rand *r, u32 len)
{
	u32 n = 0, at = 0;

	while (at < len) {
		u32 piece = 1 + (u32)rand_below(r, 16384);

		if (n == RPC_MAX_SEGS - 1 || piece > len - at)
			piece = len - at;
		b->segs[n++] = (struct bulk_seg){.paddr = b->bulk.paddr + at,
						 .len_bytes = piece};
		at += piece;
	}
	return n;
}

static bool echo_once(struct echo_test *t, struct echo_buffers *b,
		      struct rand *r)
{
	u64 seed = rand_u64(r);
	u32 tail_len = rand_below(r, 8) ? any_size(r, RPC_MAX_TAIL) : 0;
	u32 bulk_len = rand_below(r, 8) ? 0 : any_size(r, ECHO_BULK_MAX);
	struct rpc_bulk bulk = {.region = b->bulk.region, .segs = b->segs};
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
	pattern_fill(b->bulk.kaddr, bulk_len, seed);
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
	    !pattern_is(b->bulk.kaddr, bulk_len, seed + 1))
		rc = -EILSEQ;
	if (rc)
		pr_err("wrong bytes came back (tail %u, bulk %u)", tail_len,
		       bulk_len);
	return !rc;
}

static int buffers_init(struct echo_buffers *b)
{
	return memory_make(&b->bulk, REGION_REMOTE_READ | REGION_REMOTE_WRITE);
}

static void buffers_free(struct echo_buffers *b)
{
	memory_free(&b->bulk);
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
		(struct bulk_seg){.paddr = b->bulk.paddr, .len_bytes = 65536};
	bulk.region = b->bulk.region;
	bulk.segs = b->segs;
	rc = rpc_call_timeout(peer, RPC_n_echo, &args, 400 * NSEC_PER_MSEC);
	memset(b->bulk.kaddr, 0xa5, 65536);
	sleep_ns(3 * NSEC_PER_SEC);
	ok = rc == -ETIMEDOUT;
	for (u32 i = 0; i < 65536; i++)
		ok = ok && b->bulk.kaddr[i] == 0xa5;
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

/* Calls that did not go well at once, so far. */
static u64 nr_troubles(void)
{
	return counter_read(COUNTER_nr_rpc_repeat) +
	       counter_read(COUNTER_nr_rpc_failed) +
	       counter_read(COUNTER_nr_rpc_late_reply);
}

bool net_echo_test(struct peer *peer, u32 nr_threads, u32 nr_calls)
{
	struct echo_test t = {
		.peer = peer,
		.nr_calls = nr_calls,
		.seed = time_mono_ns(),
	};
	u64 begun = time_mono_ns(), troubles = nr_troubles(), ns;
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
	wait_for_completion_idle(&t.done); /* as long as was asked for */
	ns = max(time_mono_ns() - begun, 1ul);
	troubles = nr_troubles() - troubles;
	late_ok = late_write_is_refused(peer);
	lost_ok = lost_reply_is_survived(peer);
	mprintf("%s: %ld calls, %d bad, %lu repeated, %lu calls/s; late write "
		"%s, lost reply %s\n",
		peer->name, atomic64_read(&t.nr_done), atomic_read(&t.nr_bad),
		troubles, (u64)atomic64_read(&t.nr_done) * NSEC_PER_SEC / ns,
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
