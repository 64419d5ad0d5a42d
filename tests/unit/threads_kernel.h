/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_THREADS_KERNEL_H
#define TESTS_THREADS_KERNEL_H

#include <kernel/init.h>

extern enum node_role host_role; /* what node_role() says */
extern char host_monitor_text[]; /* what monitor commands printed */

/* The memory alone, for units without a device. Return: 0 or -ENOMEM. */
int host_memory(void);

/*
 * Connect to the device model at @socket_path and probe the one PCI driver of
 * the program with it.
 */
int host_probe(const char *socket_path);

#endif
