/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_LOG_INTERNAL_H
#define KERNEL_LOG_INTERNAL_H
#include <lib/types.h>

/** log_enter_panic - from now on take no locks, nobody else runs. */
void log_enter_panic(void);
#endif
