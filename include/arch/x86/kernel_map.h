/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_KERNEL_MAP_H
#define ARCH_X86_KERNEL_MAP_H
/* The kernel's own half of the address space; used by mm/vmap.c. */
#include <arch/x86/paging.h>

/* Memory types, by the PAT that kernel_map_init_cpu() loads. */
#define PTE_CACHE_WC PTE_PWT
#define PTE_CACHE_UC (PTE_PWT | PTE_PCD)

/**
 * kernel_map_init - build the final tables and switch to them.
 *
 * The image gets read/execute, read, or read/write by segment; all RAM is
 * mapped at KERNEL_DIRECT_BASE without execute.  From here on nothing is
 * mapped at low addresses.
 */
void kernel_map_init(void);
/** kernel_map_init_cpu - the control registers that go with it, per CPU. */
void kernel_map_init_cpu(void);

/** kernel_root_paddr - for %cr3. */
paddr_t kernel_root_paddr(void);
/** kernel_root - the root table; its upper half is copied to user roots. */
const pte_t *kernel_root(void);

/**
 * kernel_map_page - map one page of the vmap area. @flags: PTE_*, without
 * present. Return: 0 or -ENOMEM.
 */
int __must_check kernel_map_page(u64 kaddr, paddr_t paddr, u64 flags);
/** kernel_pte - the entry of a page that was mapped before. */
pte_t *kernel_pte(u64 kaddr);
/**
 * kernel_map_move - make 2 MiB of the direct map read-only, and writable at
 * @kaddr instead: see arch/x86/table_page.h.
 *
 * Context: interrupts on.  Return: 0 or -ENOMEM.
 */
int __must_check kernel_map_move(void *block, u64 kaddr);
/** kernel_map_is_table - is @kaddr in such a block? */
bool kernel_map_is_table(u64 kaddr);
/** kernel_map_flush - drop @nr pages from all TLBs. Context: interrupts on. */
void kernel_map_flush(u64 kaddr, u64 nr);

/**
 * kernel_identity_root - a root that also maps the first 2 MiB at 0: where a
 * starting CPU turns paging on.
 */
paddr_t kernel_identity_root(void);

#endif
