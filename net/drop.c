/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor command `rpcdrop MESSAGE [N]`: the replies of the next N requests
 * of that kind are not sent, though the requests are carried out.  To see what
 * callers make of it.
 */
#define pr_fmt(fmt) "rpc: " fmt
#include "net.h"

#include <kernel/log.h>
#include <kernel/monitor.h>
#include <lib/kstrto.h>
#include <lib/string.h>

static atomic_t nr_to_drop; /* of all messages */
static atomic_t to_drop[NR_RPC_OPS];

bool drop_reply(const struct rpc_op_info *info)
{
	if (likely(!atomic_read(&nr_to_drop)))
		return false;
	if (atomic_read(&to_drop[info->index]) <= 0 ||
	    atomic_dec_return(&to_drop[info->index]) < 0)
		return false;
	atomic_dec(&nr_to_drop);
	pr_info("a reply of %s is lost", info->name);
	return true;
}

static void cmd_rpcdrop(int argc, char **argv)
{
	u32 nr = 1;

	if (argc < 2 || (argc > 2 && kstrtou32(argv[2], 0, &nr)) || nr > 1000) {
		mprintf("usage: rpcdrop MESSAGE [N]\n");
		return;
	}
	for (u32 i = 0; i < NR_RPC_OPS; i++) {
		if (strcmp(rpc_ops[i].name, argv[1]))
			continue;
		atomic_add(&to_drop[i], (int)nr);
		atomic_add(&nr_to_drop, (int)nr);
		mprintf("the next %u replies of %s will not be sent\n", nr,
			argv[1]);
		return;
	}
	mprintf("there is no message %s\n", argv[1]);
}
MONITOR_CMD(rpcdrop, "MESSAGE [N]: lose the next replies of a kind",
	    cmd_rpcdrop);
