/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_MONITOR_H
#define KERNEL_MONITOR_H
/*
 * The monitor on ttyS1: one command a line, run in a thread of its own.
 *
 *	static void cmd_peers(int argc, char **argv) { mprintf("...\n"); }
 *	MONITOR_CMD(peers, "list the nodes of the cluster", cmd_peers);
 */
#include <lib/types.h>

struct monitor_cmd {
	const char *name;
	const char *help;
	void (*fn)(int argc, char **argv);
};

#define MONITOR_CMD(cmd_name, cmd_help, cmd_fn)                                \
	static const struct monitor_cmd monitor_cmd_##cmd_name                 \
		__attribute__((used, section("monitor_cmds"), aligned(8))) = { \
			.name = #cmd_name, .help = cmd_help, .fn = cmd_fn}

/** mprintf - print to the monitor. Context: a monitor command. */
void mprintf(const char *fmt, ...) __printf(1, 2);

/**
 * monitor_run_line - run one command line, as if typed.
 *
 * Return: 0, or -ENOENT if there is no such command.
 */
int monitor_run_line(const char *line);

#endif
