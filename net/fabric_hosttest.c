/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two nodes as two processes on the model of the card: they find each other
 * by service records, connect, and call each other.
 */
#include "fabric_process.h"
#include "threads_kernel.h"
#include <kernel/monitor.h>
#include <kernel/time.h>
#include <lib/ktest.h>
#include <net/membership.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOIN_NS (20 * NSEC_PER_SEC)

static int node_start(enum node_role role, const char *socket_path)
{
	int err;

	host_role = role;
	err = host_probe(socket_path);
	if (!err)
		err = ib_start();
	return err ? err : net_start();
}

static pid_t memory_node(const struct fabric_process *fabric)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (node_start(ROLE_MEMORY, fabric_socket(fabric, 2)))
		_exit(1);
	for (;;)
		pause();
}

KTEST(two_nodes_find_each_other_and_call_each_other)
{
	struct fabric_process fabric;
	struct peer *peer;
	pid_t other;

	fabric_start(&fabric, 2);
	other = memory_node(&fabric);
	EXPECT_EQ(node_start(ROLE_PROCESSOR, fabric_socket(&fabric, 1)), 0);
	peer = peer_wait(ROLE_MEMORY, 0, JOIN_NS);
	EXPECT_TRUE(peer != NULL);
	if (peer) {
		EXPECT_EQ(monitor_run_line("rpctest 4 100"), 0);
		printf("    %s", host_monitor_text);
		EXPECT_TRUE(strstr(host_monitor_text, " 0 bad") != NULL);
		EXPECT_TRUE(strstr(host_monitor_text, "late write refused") !=
			    NULL);
		EXPECT_TRUE(strstr(host_monitor_text, "reply survived") !=
			    NULL);
		peer_put(peer);
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	fabric_stop(&fabric);
}
