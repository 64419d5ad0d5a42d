/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands: `ib` shows, `ibtest` tries. */
#include "core.h"
#include "selftest.h"
#include <kernel/monitor.h>

static const char *state_name(enum ib_port_state state)
{
	static const char *const names[] = {"nop", "down", "init", "armed",
					    "active"};

	return state <= IB_PORT_ACTIVE ? names[state] : "?";
}

static void show_port(struct ib_device *dev, u8 port)
{
	struct ib_port_attr attr;

	if (ib_port_query(dev, port, &attr))
		return;
	mprintf("  port %u: %s (physical %u), LID %u, SM LID %u, "
		"GID %016lx:%016lx, MTU %u\n",
		port, state_name(attr.state), attr.phys_state, attr.lid,
		attr.sm_lid, ib_gid_prefix(&attr.gid), ib_gid_guid(&attr.gid),
		128u << attr.active_mtu);
}

static void cmd_ib(int argc, char **argv)
{
	struct ib_device *dev = ib_device_default();

	if (!dev) {
		mprintf("%s\n", ib_status_hint(ib_status()));
		return;
	}
	mprintf("%s: node GUID %016lx, %u completion vectors%s\n", dev->name,
		dev->node_guid, dev->nr_vectors, dev->failed ? ", FAILED" : "");
	for (u8 port = 1; port <= dev->nr_ports; port++)
		show_port(dev, port);
	mprintf("  in use: %d QPs, %d CQs, %d MRs\n", atomic_read(&dev->nr_qps),
		atomic_read(&dev->nr_cqs), atomic_read(&dev->nr_mrs));
	dev->ops->dump(dev);
	cm_dump();
	mprintf("%s\n", ib_status_hint(ib_status()));
}
MONITOR_CMD(ib, "show the InfiniBand card, its ports and connections", cmd_ib);

static void report(const char *step, int err)
{
	if (err)
		mprintf("  %s: FAILED, error %d\n", step, err);
	else
		mprintf("  %s: ok\n", step);
}

static void cmd_ibtest(int argc, char **argv)
{
	struct ib_device *dev = ib_device_default();

	if (!dev) {
		mprintf("%s\n", ib_status_hint(ib_status()));
		return;
	}
	mprintf("ibtest: %s\n",
		ib_selftest(dev, 1, report) ? "FAILED" : "passed");
}
MONITOR_CMD(ibtest, "test the InfiniBand card by a connection with itself",
	    cmd_ibtest);
