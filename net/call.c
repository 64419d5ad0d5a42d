/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calling side.
 *
 * A call is tried on a channel of this CPU, or on any that is up.  An attempt
 * ends with the reply, with the channel, or with time.  It is repeated if its
 * request has certainly not left, or if the list says that repeating does no
 * harm.  How an attempt with a bulk buffer that ended
 * without a reply is made safe: see "Revoking" in net.h.
 */
#define pr_fmt(fmt) "rpc: " fmt
#include "net.h"

#include <arch/x86/barrier.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/time.h>

#define REPORT_NS      (5 * NSEC_PER_SEC) /* "still waiting" */
#define MIN_ATTEMPT_NS (1 * NSEC_PER_SEC)

enum outcome {
	OUTCOME_REPLY, /* the peer has answered */
	OUTCOME_LOST,  /* the channel failed, or the peer is dead */
	OUTCOME_TIMEOUT,
};

struct call {
	struct peer *peer;
	const struct rpc_op_info *info;
	struct rpc_args *args;
	u64 begun_ns;
	u64 deadline_ns;

	/* of this attempt */
	struct chan *chan;
	u32 epoch;
	u32 slot;
	u64 attempt_end_ns;
	bool is_sent; /* the request may have reached the peer */
	struct completion done;
};

static int args_check(const struct rpc_op_info *info,
		      const struct rpc_args *args)
{
	const struct rpc_bulk *bulk = args->bulk;

	if (!info || (info->req_bytes && !args->req) ||
	    args->tail_len < info->tail_min || args->tail_len > info->tail_max)
		return -EINVAL;
	if (!bulk)
		return 0;
	if (bulk->nr_segs > RPC_MAX_SEGS || !net_region_rkey(bulk->region))
		return -EINVAL;
	for (u32 i = 0; i < bulk->nr_segs; i++)
		if (!bulk->segs[i].len_bytes ||
		    !region_contains(bulk->region, bulk->segs[i].paddr,
				     bulk->segs[i].len_bytes))
			return -EINVAL;
	return 0;
}

static u64 remaining(u64 deadline_ns)
{
	u64 now = time_mono_ns();

	return now < deadline_ns ? deadline_ns - now : 0;
}

static struct chan *pick_chan(struct peer *peer)
{
	u32 first = cpu_id();

	for (u32 i = 0; i < peer->nr_chans; i++) {
		struct chan *c = &peer->chans[(first + i) % peer->nr_chans];

		if (READ_ONCE(c->state) == CHAN_UP)
			return c;
	}
	return NULL;
}

static bool is_dead(const struct peer *peer)
{
	return READ_ONCE(peer->state) >= PEER_DEAD;
}

/* Take a slot: 0, -EAGAIN if none is free, -ECONNRESET if the channel is not
 * up. */
static int begin(struct call *call)
{
	struct chan *c = call->chan;
	int rc = 0, slot;
	u64 flags = spin_lock_irqsave(&c->lock);

	if (c->state != CHAN_UP) {
		rc = -ECONNRESET;
	} else {
		slot = calls_begin(&c->calls, call->info, call->args,
				   &call->done);
		if (slot < 0) {
			rc = -EAGAIN;
			chan_want_sent_locked(c);
		} else {
			call->slot = (u32)slot;
		}
		call->epoch = c->epoch;
	}
	if (!rc)
		c->calls.slots[call->slot].since_ns = call->begun_ns;
	spin_unlock_irqrestore(&c->lock, flags);
	return rc;
}

/* Return: OUTCOME_REPLY when the call has a slot. */
static enum outcome take_slot(struct call *call)
{
	struct peer *peer = call->peer;
	u64 end_ns = call->attempt_end_ns;
	int rc;

	if (!wait_event_timeout(&peer->up,
				(call->chan = pick_chan(peer)) || is_dead(peer),
				remaining(end_ns)))
		return OUTCOME_TIMEOUT;
	if (!call->chan || is_dead(peer))
		return OUTCOME_LOST;
	completion_init(&call->done);
	rc = begin(call);
	if (rc == -EAGAIN) {
		counter_inc(nr_rpc_slot_wait);
		if (!wait_event_timeout(&call->chan->slot_room,
					(rc = begin(call)) != -EAGAIN,
					remaining(end_ns)))
			return OUTCOME_TIMEOUT;
	}
	return rc ? OUTCOME_LOST : OUTCOME_REPLY;
}

static void send_request(struct call *call)
{
	struct chan *c = call->chan;
	u32 i = chan_request_buffer(call->slot);
	u64 session = call->peer->session;
	u32 budget_ms = (u32)(remaining(call->attempt_end_ns) / NSEC_PER_MSEC);
	const struct rpc_bulk *bulk = call->args->bulk;
	u32 rkey = bulk ? net_region_rkey(bulk->region) : 0;
	u64 xid, flags;
	u32 len;

	/* The slot is ours, and with it its buffer and generation. */
	xid = calls_xid(&c->calls, call->slot);
	len = frame_encode_request(chan_buffer(c, i), call->info, xid, session,
				   call->args, rkey, budget_ms);
	flags = spin_lock_irqsave(&c->lock);
	if (c->calls.slots[call->slot].state == CALL_WAITING &&
	    !chan_send_locked(c, i, len, wr_id_make(WR_CALL, call->slot)))
		call->is_sent = true;
	else
		calls_sent(&c->calls, call->slot);
	spin_unlock_irqrestore(&c->lock, flags);
}

static void report_wait(const struct call *call)
{
	u64 now = time_mono_ns();

	pr_warn_ratelimited(
		"%s: waiting for %s for %lu s (last heard of %lu ms ago); is "
		"that node busy or stuck? see its console",
		call->info->name, call->peer->name,
		(now - call->begun_ns) / NSEC_PER_SEC,
		(now - READ_ONCE(call->peer->heard_ns)) / NSEC_PER_MSEC);
}

static void wait_reply(struct call *call)
{
	chan_poll_for(call->chan, &call->done);
	for (;;) {
		u64 left = remaining(call->attempt_end_ns);

		if (wait_for_completion_timeout(&call->done,
						min(left, REPORT_NS)))
			return;
		if (left <= REPORT_NS)
			return;
		report_wait(call);
	}
}

/* Give the slot back. Return: the outcome of the attempt. */
static enum outcome end(struct call *call, int *status)
{
	struct chan *c = call->chan;
	struct call_slot *s = &c->calls.slots[call->slot];
	enum outcome outcome = OUTCOME_TIMEOUT;
	bool is_freed;
	u64 flags = spin_lock_irqsave(&c->lock);

	if (s->state == CALL_DONE)
		outcome = OUTCOME_REPLY;
	else if (s->state == CALL_LOST)
		outcome = OUTCOME_LOST;
	*status = s->status;
	is_freed = calls_end(&c->calls, call->slot);
	spin_unlock_irqrestore(&c->lock, flags);
	if (is_freed)
		waitq_wake_one(&c->slot_room);
	return outcome;
}

/* Nobody can write the bulk buffer any more when this returns. */
static void revoke(struct call *call)
{
	struct chan *c = call->chan;

	counter_inc(nr_rpc_revoke);
	chan_fail(c, "a call with a bulk buffer ended without its reply");
	wait_event(&c->closed, READ_ONCE(c->epoch) != call->epoch);
}

static enum outcome attempt(struct call *call, u64 end_ns, int *status)
{
	enum outcome outcome;

	call->attempt_end_ns = end_ns;
	call->is_sent = false;
	outcome = take_slot(call);
	if (outcome != OUTCOME_REPLY)
		return outcome;
	send_request(call);
	wait_reply(call);
	outcome = end(call, status);
	if (outcome != OUTCOME_REPLY && call->args->bulk && call->is_sent)
		revoke(call);
	return outcome;
}

static int call_run(struct call *call)
{
	u64 timeout_ns = call->deadline_ns - call->begun_ns;
	u64 attempt_ns = timeout_ns;
	bool may_repeat = true;
	int status = 0;

	/* The first try of three leaves time for others. */
	if (call->info->may_repeat)
		attempt_ns =
			max(timeout_ns / 3, min(timeout_ns, MIN_ATTEMPT_NS));
	for (;;) {
		u64 end_ns =
			min(time_mono_ns() + attempt_ns, call->deadline_ns);
		enum outcome outcome = attempt(call, end_ns, &status);

		if (outcome == OUTCOME_REPLY)
			return status;
		if (is_dead(call->peer))
			return -EHOSTDOWN;
		may_repeat = call->info->may_repeat || !call->is_sent;
		if (!remaining(call->deadline_ns) || !may_repeat)
			return -ETIMEDOUT;
		counter_inc(nr_rpc_repeat);
	}
}

int rpc_call_timeout(struct peer *peer, enum rpc_op op, struct rpc_args *args,
		     u64 timeout_ns)
{
	const struct rpc_op_info *info = rpc_op_find(op);
	struct call call = {
		.peer = peer,
		.info = info,
		.args = args,
		.begun_ns = time_mono_ns(),
	};
	int rc = args_check(info, args);

	if (rc)
		return rc;
	call.deadline_ns = call.begun_ns + timeout_ns;
	args->rep_tail_len = 0;
	counter_add_id(COUNTER_nr_rpc_sent_n_echo + info->index, 1);
	rc = call_run(&call);
	if (rc == -ETIMEDOUT || rc == -EHOSTDOWN) {
		counter_inc(nr_rpc_failed);
		pr_warn_ratelimited(
			"%s to %s failed after %lu ms: %s", info->name,
			peer->name,
			(time_mono_ns() - call.begun_ns) / NSEC_PER_MSEC,
			rc == -EHOSTDOWN ? "the peer is gone" : "no reply");
	}
	return rc;
}

int rpc_call(struct peer *peer, enum rpc_op op, struct rpc_args *args)
{
	const struct rpc_op_info *info = rpc_op_find(op);

	return rpc_call_timeout(peer, op, args,
				info ? info->deadline_ms * NSEC_PER_MSEC : 0);
}

void call_show(struct peer *peer)
{
	u64 now = time_mono_ns();

	for (u32 i = 0; i < peer->nr_chans; i++) {
		struct chan *c = &peer->chans[i];

		for (u32 s = 0; s < CALL_SLOTS; s++) {
			struct call_slot slot;
			u64 flags = spin_lock_irqsave(&c->lock);

			slot = c->calls.slots[s];
			spin_unlock_irqrestore(&c->lock, flags);
			if (slot.state == CALL_WAITING)
				mprintf("  waits: %s, %lu ms\n",
					slot.info->name,
					(now - slot.since_ns) / NSEC_PER_MSEC);
		}
	}
}
