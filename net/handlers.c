/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the message list to handlers.  A message whose handler is not linked
 * in is answered with -ENOSYS.
 */
#include "net.h"

#include <lib/errno.h>

#define RPC(op_, role, name_, req_t, rep_t, ...)                             \
	__weak int rpc_handle_##name_(struct rpc_ctx *ctx, const req_t *req, \
				      rep_t *rep)                            \
	{                                                                    \
		return -ENOSYS;                                              \
	}                                                                    \
	static int call_##name_(struct rpc_ctx *ctx, const void *req,        \
				void *rep)                                   \
	{                                                                    \
		return rpc_handle_##name_(ctx, req, rep);                    \
	}
#include <rpc/rpc_list.def>
#undef RPC

typedef int (*handler_fn)(struct rpc_ctx *ctx, const void *req, void *rep);

static const handler_fn handlers[NR_RPC_OPS] = {
#define RPC(op_, role, name_, ...) [RPC_INDEX_##name_] = call_##name_,
#include <rpc/rpc_list.def>
#undef RPC
};

int serve_dispatch(const struct rpc_op_info *info, struct rpc_ctx *ctx,
		   const void *req, void *rep)
{
	return handlers[info->index](ctx, req, rep);
}
