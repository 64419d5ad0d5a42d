/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ops.h"

#include <rpc/frame.h>

#define SERVED_MEMORY  (1u << ROLE_MEMORY)
#define SERVED_STORAGE (1u << ROLE_STORAGE)
#define SERVED_ANY \
	(1u << ROLE_PROCESSOR | 1u << ROLE_MEMORY | 1u << ROLE_STORAGE)

/* Tails may be arrays of le64, so they start aligned: bodies are multiples
 * of 8.  A frame with everything at its maximum must fit its buffer. */
#define RPC(op_, role, name_, req_t, rep_t, min_, max_, rep_max, ...)    \
	_Static_assert(sizeof(req_t) % 8 == 0 && sizeof(rep_t) % 8 == 0, \
		       #name_ ": body sizes are multiples of 8");        \
	_Static_assert(sizeof(req_t) <= 512 && sizeof(rep_t) <= 512,     \
		       #name_ ": bodies are at most 512 bytes");         \
	_Static_assert((min_) <= (max_) && (max_) <= RPC_MAX_TAIL &&     \
			       (rep_max) <= RPC_MAX_TAIL,                \
		       #name_ ": tail limits");
#include <rpc/rpc_list.def>
#undef RPC

_Static_assert(sizeof(struct wire_frame) +
			       RPC_MAX_SEGS * sizeof(struct wire_seg) + 512 +
			       RPC_MAX_TAIL <=
		       RPC_FRAME_MAX,
	       "the largest frame fits its buffer");

const struct rpc_op_info rpc_ops[NR_RPC_OPS] = {
#define RPC(op_, role, name_, req_t, rep_t, min_, max_, rep_max, ms, rpt) \
	[RPC_INDEX_##name_] = {                                           \
		.name = #name_,                                           \
		.op = (op_),                                              \
		.index = RPC_INDEX_##name_,                               \
		.served_by = SERVED_##role,                               \
		.req_bytes = sizeof(req_t),                               \
		.rep_bytes = sizeof(rep_t),                               \
		.tail_min = (min_),                                       \
		.tail_max = (max_),                                       \
		.rep_tail_max = (rep_max),                                \
		.deadline_ms = (ms),                                      \
		.may_repeat = (rpt),                                      \
	},
#include <rpc/rpc_list.def>
#undef RPC
};

const struct rpc_op_info *rpc_op_find(u32 op)
{
	switch (op) { /* a number used twice does not compile */
#define RPC(op_, role, name_, ...) \
	case op_:                  \
		return &rpc_ops[RPC_INDEX_##name_];
#include <rpc/rpc_list.def>
#undef RPC
	}
	return NULL;
}

const char *rpc_name(u32 op)
{
	const struct rpc_op_info *info = rpc_op_find(op);

	return info ? info->name : "unknown";
}
