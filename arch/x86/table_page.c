/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table_page.h"

#include <arch/x86/kernel_map.h>
#include <kernel/assert.h>
#include <kernel/log.h>
#include <lib/string.h>

#define BLOCK_ORDER 9 /* what one entry of a directory maps */
#define BLOCK_PAGES (1u << BLOCK_ORDER)
#define NR_WORDS    (PAGE_SIZE / sizeof(pte_t))

/* Free pages, linked by their first word; they never go back. */
static DEFINE_SPINLOCK(tables_lock, LOCK_TABLES);
static pte_t *free_tables; /* [tables_lock] */

static void push_locked(pte_t *table)
{
	ASSERT_LOCKED(&tables_lock);
	table[0] = (pte_t)free_tables;
	free_tables = table;
}

static void push(pte_t *first, u32 nr)
{
	u64 flags = spin_lock_irqsave(&tables_lock);

	for (u32 i = 0; i < nr; i++)
		push_locked(first + i * NR_WORDS);
	spin_unlock_irqrestore(&tables_lock, flags);
}

static pte_t *pop(void)
{
	u64 flags = spin_lock_irqsave(&tables_lock);
	pte_t *table = free_tables;

	if (table) {
		free_tables = (pte_t *)table[0];
		table[0] = 0;
	}
	spin_unlock_irqrestore(&tables_lock, flags);
	return table;
}

/* One more block. */
static bool grow(void)
{
	void *block = page_alloc_zero(BLOCK_ORDER);

	if (!block)
		return false;
	if (kernel_map_move(block, KERNEL_TABLES_BASE + paddr_of(block))) {
		page_free(block, BLOCK_ORDER);
		return false;
	}
	push(table_at(paddr_of(block)), BLOCK_PAGES);
	return true;
}

static void check_unused(const pte_t *table)
{
	for (u32 i = 0; i < NR_WORDS; i++)
		if (table[i])
			panic("page-table page %lx: word %u was written to "
			      "while it was free: %lx",
			      table_paddr(table), i, table[i]);
}

pte_t *table_page_alloc(void)
{
	pte_t *table;

	if (!TABLES_ARE_APART)
		return page_alloc_zero(0);
	while (!(table = pop()))
		if (!grow())
			return NULL;
	check_unused(table);
	return table;
}

void table_page_free(pte_t *table)
{
	if (!TABLES_ARE_APART) {
		page_free(table, 0);
		return;
	}
	memset(table, 0, PAGE_SIZE);
	push(table, 1);
}
