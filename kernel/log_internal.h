/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_LOG_INTERNAL_H
#define KERNEL_LOG_INTERNAL_H
#include <lib/types.h>

/**
 * log_console_write - print to ttyS1 between log lines, not into the log.
 *
 * Context: any but under a lock of rank LOCK_CONSOLE.
 */
void log_console_write(const char *buf, size_t len);
/** log_enter_panic - from now on take no locks, nobody else runs. */
void log_enter_panic(void);
#endif
