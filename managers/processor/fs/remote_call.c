/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls about files: to a node that may be away for a while, or gone. */
#define pr_fmt(fmt) "fs: " fmt
#include "remote.h"

#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <lib/errno.h>

#define REMOTE_WAIT_NS (10 * NSEC_PER_SEC)

int remote_call(enum node_role role, u64 guid, enum rpc_op op, bool may_repeat,
		struct rpc_args *args)
{
	u64 deadline = time_mono_ns() + REMOTE_WAIT_NS;

	counter_inc(nr_fs_rpc);
	for (;;) {
		struct peer *peer = peer_wait(role, guid, REMOTE_WAIT_NS);
		int err = -EHOSTDOWN;

		if (peer) {
			err = rpc_call(peer, op, args);
			peer_put(peer);
		}
		if (err != -EHOSTDOWN && err != -ETIMEDOUT)
			return err;
		if (!peer || !may_repeat || time_mono_ns() > deadline) {
			pr_err_ratelimited("%s: node %016lx does not answer",
					   rpc_name(op), guid);
			return -EIO;
		}
	}
}
