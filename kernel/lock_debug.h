/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_LOCK_DEBUG_H
#define KERNEL_LOCK_DEBUG_H
#include <lib/types.h>

/**
 * locks_held - spinlocks this CPU holds (0 without CONFIG_DEBUG_LOCKS).
 *
 * @name: set to that of the last one taken.
 */
u32 locks_held(const char **name);

/**
 * check_interrupt_allowed - an interrupt comes: panic if this CPU holds a lock
 * that is to be held with interrupts off (with CONFIG_DEBUG_LOCKS).
 */
void check_interrupt_allowed(void);

#endif
