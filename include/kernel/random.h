/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H
/*
 * Random numbers fit for keys: ChaCha20, keyed from RDSEED/RDRAND where there
 * are and from the jitter of the TSC everywhere, re-keyed after each use.
 */
#include <lib/types.h>

/** random_bytes - fill @buf. Context: any. */
void random_bytes(void *buf, size_t n);
u64 random_u64(void);
/** random_add_entropy - mix something unpredictable in. Context: any. */
void random_add_entropy(const void *p, size_t n);

#endif
