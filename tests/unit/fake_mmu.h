/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FAKE_MMU_H
#define FAKE_MMU_H
/*
 * Page tables in host memory, and a CPU for each thread that uses them: with
 * accessed and dirty bits, and a TLB that keeps entries until it is told.
 */
#include <arch/x86/paging.h>

/**
 * mmu_access - the byte at @vaddr, as this thread's CPU sees it, or NULL: page
 * fault.  Good until the thread switches.
 */
u8 *mmu_access(struct page_table *pt, u64 vaddr, bool is_write);
u32 mmu_nr_tables(void);

#endif
