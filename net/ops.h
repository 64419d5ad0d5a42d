/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_OPS_H
#define NET_OPS_H
/* The message list as a table: what the decoder, calls and counters ask. */
#include <lib/types.h>
#include <net/membership.h>
#include <net/rpc.h>

enum rpc_index {
#define RPC(op, role, name, ...) RPC_INDEX_##name,
#include <rpc/rpc_list.def>
#undef RPC
	NR_RPC_OPS
};

struct rpc_op_info {
	const char *name;
	u32 op;
	u32 index;
	u32 served_by; /* bits (1 << enum node_role) */
	u32 req_bytes;
	u32 rep_bytes;
	u32 tail_min;
	u32 tail_max;
	u32 rep_tail_max;
	u32 deadline_ms;
	bool may_repeat;
};

extern const struct rpc_op_info rpc_ops[NR_RPC_OPS];

/** rpc_op_find - the line of the list for @op, or NULL. Context: any. */
const struct rpc_op_info *rpc_op_find(u32 op);

#endif
