/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_MM_LOCK_H
#define PROCESSOR_MM_LOCK_H
/* mlock(2) and kin, and pages that are wanted before they are touched. */
#include "internal.h"

/** lock_check_mmap - does @args ask for locked memory (MAP_LOCKED, or after
 * mlockall()), and may there be more?  0, -EPERM, -EAGAIN. */
int __must_check lock_check_mmap(struct mmap_args *args);

/** populate - touch the pages of a new mapping, as far as that is allowed. */
void populate(u64 vaddr, u64 len_bytes);

/** madvise_populate - MADV_POPULATE_READ, MADV_POPULATE_WRITE. */
long madvise_populate(u64 vaddr, u64 len_bytes, bool is_write);

#endif /* PROCESSOR_MM_LOCK_H */
