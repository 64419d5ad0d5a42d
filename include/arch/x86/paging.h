/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_PAGING_H
#define ARCH_X86_PAGING_H
/*
 * Page tables of user address spaces and TLB maintenance.
 *
 * Four levels; the upper half of the root is the kernel's and shared by all.
 * Tables below the root are made with an atomic exchange, so concurrent
 * pt_walk(alloc) need no lock; leaf entries belong to the caller, who orders
 * their changes by his own locks.  Tables go only in pt_free_range() and
 * pt_destroy(), which nobody may run against a walk of the same range.
 *
 * A leaf entry without PTE_PRESENT is entirely the caller's to use (62 bits;
 * bit 0 clear).  All-zero is "none".
 *
 *	0000000000000000  user
 *	ffff800000000000  all RAM (direct map), not executable
 *	ffffc00000000000  mapped on demand: I/O, vmalloc, kernel stacks
 *	ffffe00000000000  debug build: page-table pages, writable
 *	ffffffff80000000  the kernel image
 */
#include <kernel/cpu.h>
#include <lib/types.h>

typedef u64 pte_t;

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define PTE_PRESENT  0x001ul
#define PTE_WRITE    0x002ul
#define PTE_USER     0x004ul
#define PTE_PWT      0x008ul
#define PTE_PCD      0x010ul
#define PTE_ACCESSED 0x020ul
#define PTE_DIRTY    0x040ul
#define PTE_LARGE    0x080ul /* in a directory: 2 MiB or 1 GiB page */
#define PTE_GLOBAL   0x100ul
#define PTE_SOFT1    0x200ul /* three bits the hardware ignores */
#define PTE_SOFT2    0x400ul
#define PTE_SOFT3    0x800ul
#define PTE_NX       (1ul << 63)
#define PTE_PADDR    0x000ffffffffff000ul

#ifdef BRICK_HOST /* unit tests: where a program may map memory */
#define KERNEL_DIRECT_BASE 0x0000200000000000ul
#else
#define KERNEL_DIRECT_BASE 0xffff800000000000ul
#endif
#define KERNEL_VMAP_BASE  0xffffc00000000000ul
#define KERNEL_VMAP_SIZE  0x0000008000000000ul /* one root entry */
#define KERNEL_IMAGE_BASE 0xffffffff80000000ul

static inline u64 pte_paddr(pte_t pte)
{
	return pte & PTE_PADDR;
}

/* Entries are changed by hardware (A, D) and other CPUs: one access each. */
static inline pte_t pte_read(const pte_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void pte_write(pte_t *p, pte_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/** pte_xchg - replace, returning the old entry with its final A and D bits. */
static inline pte_t pte_xchg(pte_t *p, pte_t v)
{
	return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}

/** pte_cmpxchg - replace @old by @v. Return: whether it was @old. */
static inline bool pte_cmpxchg(pte_t *p, pte_t old, pte_t v)
{
	return __atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

struct page_table {
	pte_t *top; /* the root page */
	paddr_t top_paddr;
	struct cpumask cpus; /* which may have it loaded [atomic] */
};

/** pt_init - an empty user half. Return: 0 or -ENOMEM. */
int __must_check pt_init(struct page_table *pt);

/**
 * pt_destroy - free all tables of @pt; leaf entries are not looked at.
 *
 * No thread uses it any more; CPUs that still have it loaded are moved off.
 * Context: thread, interrupts on.
 */
void pt_destroy(struct page_table *pt);

/**
 * pt_walk - the leaf entry of @vaddr (user half).
 *
 * @alloc: make missing tables.
 * Return: NULL if a table is missing (or, with @alloc, there is no memory).
 */
pte_t *pt_walk(struct page_table *pt, u64 vaddr, bool alloc);

/**
 * pt_next - find the next leaf table entry at or after *@vaddr that could be
 * non-zero, skipping missing tables.
 *
 * *@vaddr is advanced to the entry's address.
 * Return: the entry of *@vaddr, NULL if there is none below @end.
 */
pte_t *pt_next(struct page_table *pt, u64 *vaddr, u64 end);

/**
 * pt_free_range - free the tables that cover only [@start, @end).
 *
 * The caller has cleared all leaf entries there and keeps walks out.
 * Context: thread, interrupts on (flushes TLBs).
 */
void pt_free_range(struct page_table *pt, u64 start, u64 end);

/** pt_count_tables - how many tables @pt has. Context: as pt_walk(). */
u64 pt_count_tables(const struct page_table *pt);

/**
 * pt_activate - load @pt on this CPU; NULL: the kernel's own root.
 *
 * Context: interrupts off (hooks.context_switch), or the thread that owns
 * this CPU's address space, e.g. in exec.
 */
void pt_activate(struct page_table *pt);

/** pt_deactivate_everywhere - move all CPUs that have @pt loaded, lazily, to
 * the kernel's root. Context: thread, interrupts on. */
void pt_deactivate_everywhere(struct page_table *pt);

/** tlb_lazy_enter - this CPU now runs a kernel thread; for the scheduler. */
void tlb_lazy_enter(void);

/** tlb_flush_page_local - drop @vaddr from this CPU's TLB. */
static inline void tlb_flush_page_local(u64 vaddr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(vaddr) : "memory");
}

/** tlb_flush_all_local - drop all non-global entries of this CPU. */
void tlb_flush_all_local(void);

/* More pages than this: the whole TLB is flushed instead. */
#define TLB_FLUSH_PAGES_MAX 32

/**
 * tlb_shootdown - drop @vaddrs of @pt from the TLBs of all CPUs that may
 * cache them, by one round of IPIs; returns when all have.
 *
 * @n > TLB_FLUSH_PAGES_MAX, or @vaddrs == NULL: everything of @pt.
 * CPUs that are idle or in a kernel thread flush before they are back in
 * user mode instead of being interrupted.
 * Context: thread or interrupts off; as smp_call() about locks.
 * Return: how many CPUs were interrupted.
 */
u32 tlb_shootdown(struct page_table *pt, const u64 *vaddrs, size_t n);

/** tlb_shootdown_mask - as above for several address spaces at once: drop all
 * non-global entries of the CPUs of @mask. */
u32 tlb_shootdown_mask(const struct cpumask *mask);

/** tlb_shootdown_tables - before tables of @pt are freed: also lazy CPUs. */
void tlb_shootdown_tables(struct page_table *pt);

#endif
