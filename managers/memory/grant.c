/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames for processor nodes to fill by themselves. */
#include <managers/memory/client.h>
#include <managers/memory/frames.h>

#include <kernel/counters.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <net/rpc.h>

int rpc_handle_m_attach(struct rpc_ctx *ctx, const struct rpc_m_attach *req,
			struct rpc_m_attach_reply *rep)
{
	struct client *client = client_enter(ctx->peer);

	if (!client)
		return -EHOSTDOWN;
	*rep = (struct rpc_m_attach_reply){
		.pool_dma = le64_make(pool.paddr),
		.nr_frames = le64_make(pool.nr_frames),
		.pool_rkey = le32_make(net_region_rkey(pool.region)),
	};
	client_leave(client);
	return 0;
}

int rpc_handle_m_grant(struct rpc_ctx *ctx, const struct rpc_m_grant *req,
		       struct rpc_m_grant_reply *rep)
{
	u32 nr = min(le32_get(req->nr_frames), RPC_GRANT_MAX);
	struct client *client;
	u32 pfns[RPC_GRANT_MAX];
	le64 *out = ctx->rep_tail;

	if (!nr)
		return -EINVAL;
	client = client_enter(ctx->peer);
	if (!client)
		return -EHOSTDOWN;
	nr = frame_grant(client->id, pfns, nr);
	client_leave(client);
	if (!nr)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++)
		out[i] = le64_make(pfns[i]);
	ctx->rep_tail_len = nr * sizeof(*out);
	*rep = (struct rpc_m_grant_reply){.nr_frames = le32_make(nr)};
	return 0;
}

int rpc_handle_m_ungrant(struct rpc_ctx *ctx, const struct rpc_none *req,
			 struct rpc_none *rep)
{
	const le64 *pfns = ctx->tail;
	u32 nr = ctx->tail_len / sizeof(*pfns), nr_bad = 0;
	struct client *client;

	if (ctx->tail_len % sizeof(*pfns))
		return -EINVAL;
	client = client_enter(ctx->peer);
	if (!client)
		return -EHOSTDOWN;
	for (u32 i = 0; i < nr; i++)
		nr_bad += !frame_ungrant(client->id, le64_get(pfns[i]));
	client_leave(client);
	counter_add(nr_page_op_refused, nr_bad);
	return nr_bad ? -EINVAL : 0;
}
