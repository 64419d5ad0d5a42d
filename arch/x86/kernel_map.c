/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of the kernel's half.  The direct map uses the largest pages
 * that fit; the image uses 4 KiB pages so that every segment has its rights.
 * The vmap area's root entry is filled at boot: roots of address spaces copy
 * the upper half once and never need an update.
 */
#include <arch/x86/kernel_map.h>

#include <arch/x86/cpu.h>
#include <kernel/assert.h>
#include <kernel/log.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/phys.h>

#include "arch.h"
#include "table_page.h"

#define MIB2             (2ul << 20)
#define GIB1             (1ul << 30)
#define ROOT_ENTRY_BYTES (512 * GIB1)

#define MSR_PAT   0x277
#define PAT_VALUE 0x0007040600070106ul /* WB WC UC- UC, WB WT UC- UC */

#define CR0_WP  BIT(16)
#define CR4_PGE BIT(7)

static pte_t *root;
static bool is_booting = true;

static pte_t *table_alloc(void)
{
	if (is_booting)
		return kaddr_of(phys_early_alloc(PAGE_SIZE, PAGE_SIZE));
	return page_alloc_zero(0);
}

static unsigned int index_at(u64 vaddr, int level)
{
	return vaddr >> (PAGE_SHIFT + 9 * level) & 511;
}

/* The table below entry @e, made if missing; NULL without memory. */
static pte_t *table_below(pte_t *e)
{
	pte_t old = pte_read(e);
	pte_t *table;

	if (old & PTE_PRESENT)
		return kaddr_of(pte_paddr(old));
	table = table_alloc();
	if (!table)
		return NULL;
	/* Somebody else may have been faster. */
	if (!pte_cmpxchg(e, 0, paddr_of(table) | PTE_PRESENT | PTE_WRITE)) {
		page_free(table, 0);
		return kaddr_of(pte_paddr(pte_read(e)));
	}
	return table;
}

/* Entry of @vaddr at @level (0: 4 KiB, 1: 2 MiB, 2: 1 GiB). */
static pte_t *entry_at(u64 vaddr, int level)
{
	pte_t *table = root;

	for (int l = 3; l > level; l--) {
		table = table_below(&table[index_at(vaddr, l)]);
		if (!table)
			return NULL;
	}
	return &table[index_at(vaddr, level)];
}

static void map_direct(void *arg, const struct phys_region *r)
{
	const u64 flags = PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_GLOBAL;
	/* Page-table pages become read-only by 2 MiB. */
	bool may_use_1gib = cpu_features.gib_pages && !TABLES_ARE_APART;
	paddr_t pos = ALIGN_DOWN(r->start, PAGE_SIZE);
	paddr_t end = ALIGN_UP(r->end, PAGE_SIZE);

	if (r->kind == PHYS_RESERVED)
		return;
	while (pos < end) {
		u64 vaddr = KERNEL_DIRECT_BASE + pos;

		if (may_use_1gib && IS_ALIGNED(pos, GIB1) &&
		    end - pos >= GIB1) {
			*entry_at(vaddr, 2) = pos | flags | PTE_LARGE;
			pos += GIB1;
		} else if (IS_ALIGNED(pos, MIB2) && end - pos >= MIB2) {
			*entry_at(vaddr, 1) = pos | flags | PTE_LARGE;
			pos += MIB2;
		} else {
			*entry_at(vaddr, 0) = pos | flags;
			pos += PAGE_SIZE;
		}
	}
}

static void map_image(const char *start, const char *end, u64 flags)
{
	u64 vaddr = (u64)start;

	for (; vaddr < (u64)end; vaddr += PAGE_SIZE)
		*entry_at(vaddr, 0) = (vaddr - KERNEL_IMAGE_BASE) |
				      PTE_PRESENT | PTE_GLOBAL | flags;
}

void kernel_map_init_cpu(void)
{
	wrmsr(MSR_PAT, PAT_VALUE);
	write_cr0(read_cr0() | CR0_WP);
	write_cr4(read_cr4() | CR4_PGE);
}

void kernel_map_init(void)
{
	root = table_alloc();
	phys_for_each(map_direct, NULL);
	map_image(__text_start, __text_end, 0);
	map_image(__rodata_start, __data_start, PTE_NX);
	map_image(__data_start, __image_end, PTE_NX | PTE_WRITE);
	CHECK(table_below(&root[index_at(KERNEL_VMAP_BASE, 3)]));
	for (paddr_t pos = 0; TABLES_ARE_APART && pos < phys_end();
	     pos += ROOT_ENTRY_BYTES)
		CHECK(table_below(
			&root[index_at(KERNEL_TABLES_BASE + pos, 3)]));
	write_cr3(paddr_of(root));
	kernel_map_init_cpu();
	is_booting = false;
}

paddr_t kernel_root_paddr(void)
{
	return paddr_of(root);
}

const pte_t *kernel_root(void)
{
	return root;
}

int kernel_map_page(u64 kaddr, paddr_t paddr, u64 flags)
{
	pte_t *e = entry_at(kaddr, 0);

	ASSERT(kaddr >= KERNEL_VMAP_BASE &&
	       kaddr < KERNEL_VMAP_BASE + KERNEL_VMAP_SIZE);
	if (!e)
		return -ENOMEM;
	ASSERT(!*e);
	pte_write(e, paddr | flags | PTE_PRESENT | PTE_GLOBAL);
	return 0;
}

pte_t *kernel_pte(u64 kaddr)
{
	pte_t *e = entry_at(kaddr, 0);

	CHECK(e && *e);
	return e;
}

/* Is 2 MiB of the direct map mapped by one entry? */
static bool is_large(u64 kaddr)
{
	return *entry_at(kaddr, 1) & PTE_LARGE;
}

int kernel_map_move(void *block, u64 kaddr)
{
	u64 direct = (u64)block;
	pte_t *alias = entry_at(kaddr, 1);

	ASSERT(IS_ALIGNED(direct, MIB2) && IS_ALIGNED(kaddr, MIB2));
	if (!alias)
		return -ENOMEM;
	pte_write(alias, paddr_of(block) | PTE_PRESENT | PTE_WRITE | PTE_NX |
				 PTE_GLOBAL | PTE_LARGE);
	if (is_large(direct)) {
		fetch_and(entry_at(direct, 1), ~PTE_WRITE);
		kernel_map_flush(direct, 1);
		return 0;
	}
	for (u64 pos = direct; pos < direct + MIB2; pos += PAGE_SIZE)
		fetch_and(entry_at(pos, 0), ~PTE_WRITE);
	kernel_map_flush(direct, MIB2 / PAGE_SIZE);
	return 0;
}

bool kernel_map_is_table(u64 kaddr)
{
	if (!TABLES_ARE_APART || kaddr < KERNEL_DIRECT_BASE ||
	    kaddr - KERNEL_DIRECT_BASE >= phys_end())
		return false;
	return !(*entry_at(kaddr, is_large(kaddr)) & PTE_WRITE);
}

struct flush_range {
	u64 kaddr, nr;
};

static void flush_range_local(void *arg)
{
	const struct flush_range *r = arg;

	for (u64 i = 0; i < r->nr; i++)
		tlb_flush_page_local(r->kaddr + (i << PAGE_SHIFT));
}

void kernel_map_flush(u64 kaddr, u64 nr)
{
	struct flush_range r = {kaddr, nr};

	if (nr_cpus_online <= 1)
		flush_range_local(&r);
	else
		smp_call(&cpus_online, flush_range_local, &r);
}

paddr_t kernel_identity_root(void)
{
	pte_t *top = page_alloc_zero(0), *pdpt = page_alloc_zero(0),
	      *pd = page_alloc_zero(0);

	CHECK(top && pdpt && pd);
	memcpy(top, root, PAGE_SIZE);
	pd[0] = PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	pdpt[0] = paddr_of(pd) | PTE_PRESENT | PTE_WRITE;
	top[0] = paddr_of(pdpt) | PTE_PRESENT | PTE_WRITE;
	return paddr_of(top);
}
