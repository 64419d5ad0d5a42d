/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_RPC_H
#define NET_RPC_H

/*
 * Remote calls and one-sided transfers between the nodes of a cluster.
 *
 * A call is a request with one reply: a fixed body each way, a small tail,
 * and, for anything larger, a bulk buffer of the caller that the handler
 * fills or reads by RDMA before it replies.  Many calls are in flight at
 * once; any thread may call.  Nobody who waits here may hold a spinlock.
 */
#include <kernel/wait.h>
#include <lib/types.h>
#include <rpc/wire.h>

struct peer;   /* a live node; see net/membership.h */
struct region; /* registered memory */

enum rpc_op {
#define RPC(op, role, name, ...) RPC_##name = (op),
#include <rpc/rpc_list.def>
#undef RPC
};

/* ---- registered memory --------------------------------------------------- */

#define REGION_REMOTE_READ  1u
#define REGION_REMOTE_WRITE 2u

/**
 * net_region_register - let the card reach physical memory.
 * @paddr, @len_bytes: contiguous, page aligned; must stay until unregistered
 * @access: REGION_REMOTE_*; 0: usable only as the local side of transfers
 *
 * Context: may sleep.  Return: 0, -ENOMEM, -EIO (no card).
 */
int __must_check net_region_register(u64 paddr, u64 len_bytes, u32 access,
				     struct region **out);
void net_region_unregister(struct region *region);
u32 net_region_rkey(const struct region *region);

/* ---- calling ------------------------------------------------------------- */

/* One piece of the caller's bulk buffer, in registered memory. */
struct bulk_seg {
	u64 paddr;
	u32 len_bytes;
};
#define RPC_MAX_SEGS 64u

struct rpc_bulk {
	const struct region *region; /* all segments lie in it */
	const struct bulk_seg *segs;
	u32 nr_segs;
};

struct rpc_args {
	const void *req;  /* request body, of the size in the list */
	const void *tail; /* request tail or NULL */
	u32 tail_len;
	void *rep;      /* reply body is stored here if status is 0 */
	void *rep_tail; /* reply tail is stored here, or NULL */
	u32 rep_tail_max;
	u32 rep_tail_len;            /* out */
	const struct rpc_bulk *bulk; /* or NULL */
};

/**
 * rpc_call - call @op on @peer and wait for the reply.
 *
 * Context: may sleep; no spinlock held.  Not interrupted by signals: bounded
 * by the message's deadline.
 * Return: the handler's status (0 or -errno), or -ETIMEDOUT (deadline),
 *         -EHOSTDOWN (peer gone), -ENOMEM.  Whatever the return, nothing
 *         writes to the caller's buffers or bulk memory afterwards.
 */
int __must_check rpc_call(struct peer *peer, enum rpc_op op,
			  struct rpc_args *args);

/**
 * rpc_call_timeout - as rpc_call() with a deadline of the caller's choice.
 * @timeout_ns: for the whole call, repeats included
 */
int __must_check rpc_call_timeout(struct peer *peer, enum rpc_op op,
				  struct rpc_args *args, u64 timeout_ns);

/* ---- serving ------------------------------------------------------------- */

/* What a handler is given besides its checked body. Valid until it returns. */
struct rpc_ctx {
	struct peer *peer; /* who called */
	const void *tail;  /* request tail, tail_len within the list's limits */
	u32 tail_len;
	void *rep_tail;     /* room of the list's reply tail maximum */
	u32 rep_tail_len;   /* set by the handler */
	u64 bulk_bytes;     /* size of the caller's bulk buffer; 0: none */
	bool is_unanswered; /* set by a handler for tests: send no reply */
};

/**
 * rpc_bulk_put - RDMA WRITE local memory into the caller's bulk buffer.
 * @offset: into the caller's bulk buffer
 * @segs, @nr_segs: local memory, inside @region
 *
 * Context: in a handler; may sleep until the data has been sent (the local
 * memory may be reused on return).  The reply arrives after the data.
 * Return: 0, -EMSGSIZE outside the bulk buffer, -EHOSTDOWN.
 */
int __must_check rpc_bulk_put(struct rpc_ctx *ctx, u64 offset,
			      const struct region *region,
			      const struct bulk_seg *segs, u32 nr_segs);

/** rpc_bulk_get - RDMA READ from the caller's bulk buffer; as rpc_bulk_put. */
int __must_check rpc_bulk_get(struct rpc_ctx *ctx, u64 offset,
			      const struct region *region,
			      const struct bulk_seg *segs, u32 nr_segs);

/*
 * Handlers: one per message, implemented by the manager of its role, run by a
 * worker thread that may sleep and call others.  Return the status; fill @rep
 * and ctx->rep_tail if it is 0.
 */
#define RPC(op, role, name, req_t, rep_t, ...)                       \
	int rpc_handle_##name(struct rpc_ctx *ctx, const req_t *req, \
			      rep_t *rep);
#include <rpc/rpc_list.def>
#undef RPC

/* ---- one-sided ----------------------------------------------------------- */

/* One transfer between local registered memory and a peer's. */
struct remote_io {
	/* set by the caller */
	const struct region *region; /* local */
	u64 paddr;                   /* local */
	u64 remote_addr;
	u32 rkey;
	u32 len_bytes;
	void (*done)(struct remote_io *io); /* completion context: IRQ or
					       poller; must not sleep */
	/* set before done() */
	int status; /* 0, -EHOSTDOWN, -EIO */
	/* net's own */
	void *priv[4];
};

/**
 * remote_read_async, remote_write_async - post @nr transfers to @peer.
 *
 * One doorbell for the batch.  @ios stay the caller's and must live until
 * each done() has run.  Never sleeps and allocates nothing; transfers that do
 * not fit the queue wait in a list for room.
 * Context: any but a hard IRQ; no lock that done() takes.
 * Return: 0, or -EHOSTDOWN with no done() called.
 */
int __must_check remote_read_async(struct peer *peer, struct remote_io **ios,
				   u32 nr);
int __must_check remote_write_async(struct peer *peer, struct remote_io **ios,
				    u32 nr);

/**
 * remote_read, remote_write - one transfer, waiting for it.
 *
 * Spins for the spin budget (option rdma_spin_us, 0 allowed) unless another
 * thread wants the CPU, then sleeps.
 * Context: may sleep.  Return: 0, -EHOSTDOWN, -EIO.
 */
int __must_check remote_read(struct peer *peer, const struct region *region,
			     u64 paddr, u64 remote_addr, u32 rkey,
			     u32 len_bytes);
int __must_check remote_write(struct peer *peer, const struct region *region,
			      u64 paddr, u64 remote_addr, u32 rkey,
			      u32 len_bytes);

/* A transfer that a thread waits for. */
struct remote_wait {
	struct remote_io io;    /* remote_wait_init() */
	struct completion done; /* net's own, as the next */
	u32 state;
	u64 posted, arrived; /* when: time_cycles() */
};

/** remote_wait_init - what to transfer; the rest of @w is net's. */
static inline void remote_wait_init(struct remote_wait *w,
				    const struct region *region, u64 paddr,
				    u64 remote_addr, u32 rkey, u32 len_bytes)
{
	w->io.region = region;
	w->io.paddr = paddr;
	w->io.remote_addr = remote_addr;
	w->io.rkey = rkey;
	w->io.len_bytes = len_bytes;
}

/**
 * remote_read_wait - read @w, and @more beside it, and wait for @w.
 * @more: as for remote_read_async(); one doorbell is for all of them
 *
 * Waits as remote_read() does.
 * Context: may sleep.  Return: as remote_read(); -EHOSTDOWN from the start
 *         (no done() of @more was called, nor will be) has @w->posted 0.
 */
int __must_check remote_read_wait(struct peer *peer, struct remote_wait *w,
				  struct remote_io **more, u32 nr_more);
#define REMOTE_WAIT_MORE_MAX 15u

/**
 * remote_poll_for - wait a little for a transfer that another thread posted.
 * @state: what its done() changes from @from to something else
 *
 * Spins as remote_read() does, then returns in any case.
 */
void remote_poll_for(struct peer *peer, const u8 *state, u8 from);

/** rpc_name - for messages; "unknown" for what the list lacks. */
const char *rpc_name(u32 op);

#endif /* NET_RPC_H */
