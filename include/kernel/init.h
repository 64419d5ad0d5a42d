/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H
/*
 * Start order.  init/main.c boots the kernel, then calls, in thread context
 * with every CPU up:
 *
 *	INITCALL(fn) of all files, in no particular order: set up own tables
 *	pci_start()             finds devices and probes drivers
 *	ib_start()              the InfiniBand core on what was found
 *	verbs_service_start()   what other systems may try, if asked for
 *	net_start()             RPC and membership
 *	processor_start(), memory_start() or storage_start()   by role=
 *	selftests, if asked for
 *	processor_run() if the role is processor: run request or nothing
 *
 * Each returns 0 or -E...; a failure is logged and the node goes on, so that
 * its monitor can be used.
 */
#include <lib/types.h>

typedef int (*initcall_t)(void);

#define INITCALL(initcall_fn)                                             \
	static const initcall_t initcall_##initcall_fn                    \
		__attribute__((used, section("initcalls"), aligned(8))) = \
			initcall_fn

enum node_role { ROLE_NONE, ROLE_PROCESSOR, ROLE_MEMORY, ROLE_STORAGE };

/** node_role - what role= on the command line says. */
enum node_role node_role(void);
const char *node_role_name(void);
/** node_name - node_name= on the command line; the role if not given. */
const char *node_name(void);
/** node_cluster - cluster= on the command line; "brick" if not given. */
const char *node_cluster(void);

/* The steps above. Context: boot thread, may sleep. Return: 0 or -errno. */
int ib_start(void);
int verbs_service_start(void);
int net_start(void);
int processor_start(void);
int processor_run(void);
int memory_start(void);
int storage_start(void);

/** machine_poweroff, machine_reboot - at once. Context: any. */
_Noreturn void machine_poweroff(void);
_Noreturn void machine_reboot(void);

#endif
