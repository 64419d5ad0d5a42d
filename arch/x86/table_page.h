/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_TABLE_PAGE_H
#define ARCH_X86_TABLE_PAGE_H
/*
 * Where the page-table pages of address spaces come from.
 *
 * With CONFIG_DEBUG_PAGE_TABLES they are kept apart, in blocks of 2 MiB that
 * are read-only in the direct map; only here, at KERNEL_TABLES_BASE, can they
 * be written.  So whatever stores to a page-table page by an address of its
 * own - a stale pointer, a list head in the wrong place - stops the node.
 * A free one is zero, which is checked when it is used again.
 */
#include <arch/x86/paging.h>
#include <lib/config.h>
#include <mm/page.h>

#define KERNEL_TABLES_BASE 0xffffe00000000000ul

#define TABLES_ARE_APART IS_ENABLED(CONFIG_DEBUG_PAGE_TABLES)

/** table_page_alloc - a page of zeros, or NULL.  Context: interrupts on. */
pte_t *table_page_alloc(void);
/** table_page_free - @table is empty or not needed any more.  Context: any. */
void table_page_free(pte_t *table);

static inline pte_t *table_at(paddr_t paddr)
{
	return TABLES_ARE_APART ? (pte_t *)(KERNEL_TABLES_BASE + paddr)
				: kaddr_of(paddr);
}

static inline paddr_t table_paddr(const pte_t *table)
{
	return TABLES_ARE_APART ? (u64)table - KERNEL_TABLES_BASE
				: paddr_of(table);
}

#endif
