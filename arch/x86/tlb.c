/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which address space each CPU has loaded, and shooting down TLBs.
 *
 * A CPU that switches to a kernel thread keeps the user tables loaded (lazy):
 * kernel threads never touch user addresses.  Per CPU, tlb_state is
 *
 *	ACTIVE   runs threads of the loaded space: must be interrupted
 *	LAZY     runs none of them: may be told to flush later
 *	STALE    lazy, and has to flush before it is active again
 *
 *	ACTIVE <--pt_activate, tlb_lazy_enter--> LAZY --shootdown--> STALE
 *	STALE --pt_activate (flushes)--> ACTIVE
 *
 * Tables that are to be freed are another matter: the processor may walk them
 * speculatively, so then lazy CPUs are interrupted too.
 */
#include <arch/x86/paging.h>

#include <arch/x86/barrier.h>
#include <arch/x86/kernel_map.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <lib/atomic.h>

#include "arch.h"

enum { TLB_ACTIVE, TLB_LAZY, TLB_STALE };

static DEFINE_PERCPU(struct page_table *, loaded_pt); /* NULL: the kernel's */
static DEFINE_PERCPU(u32, tlb_state);                 /* [atomic] */

void tlb_flush_all_local(void)
{
	write_cr3(read_cr3());
}

/* Context: interrupts off. */
static void load(struct page_table *pt)
{
	struct page_table *old = this_cpu_read(loaded_pt);
	u32 me = cpu_id();

	/* In the mask before it is loaded, so that no shootdown is missed. */
	if (pt)
		cpumask_set_atomic(&pt->cpus, me);
	this_cpu_write(loaded_pt, pt);
	(void)xchg(this_cpu_ptr(tlb_state), (u32)TLB_ACTIVE);
	write_cr3(pt ? pt->top_paddr : kernel_root_paddr());
	if (old && old != pt)
		cpumask_clear_atomic(&old->cpus, me);
}

void pt_activate(struct page_table *pt)
{
	u64 flags = irq_save();

	if (this_cpu_read(loaded_pt) != pt)
		load(pt);
	else if (xchg(this_cpu_ptr(tlb_state), (u32)TLB_ACTIVE) == TLB_STALE)
		tlb_flush_all_local();
	irq_restore(flags);
}

void tlb_lazy_enter(void)
{
	(void)cmpxchg(this_cpu_ptr(tlb_state), (u32)TLB_ACTIVE, (u32)TLB_LAZY);
}

struct shootdown {
	const struct page_table *pt; /* NULL: whatever is loaded */
	const u64 *vaddrs;
	size_t n;
};

static void flush_here(void *arg)
{
	const struct shootdown *s = arg;

	if (s->pt && this_cpu_read(loaded_pt) != s->pt)
		return; /* it has switched, which flushed */
	if (!s->vaddrs) {
		tlb_flush_all_local();
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		tlb_flush_page_local(s->vaddrs[i]);
}

/* Return: whether @cpu will flush by itself before it is active again. */
static bool leave_to_lazy(u32 cpu)
{
	u32 *state = per_cpu_ptr(tlb_state, cpu);
	u32 seen = READ_ONCE(*state);

	if (seen == TLB_LAZY)
		seen = cmpxchg(state, (u32)TLB_LAZY, (u32)TLB_STALE);
	return seen != TLB_ACTIVE;
}

/* Flush the CPUs of @mask that are not lazy.  Return: the others among them. */
static u32 shootdown(const struct cpumask *mask, struct shootdown *s)
{
	struct cpumask targets = {{0}};
	u32 me = cpu_id(), cpu, n = 0;

	counter_inc(nr_tlb_shootdown);
	for_each_cpu (cpu, mask) {
		if (cpu == me) {
			cpumask_set(&targets, cpu);
		} else if (leave_to_lazy(cpu)) {
			counter_inc(nr_tlb_shootdown_lazy);
		} else {
			cpumask_set(&targets, cpu);
			n++;
		}
	}
	counter_add(nr_tlb_shootdown_ipi, n);
	if (!cpumask_empty(&targets))
		smp_call(&targets, flush_here, s);
	return n;
}

u32 tlb_shootdown(struct page_table *pt, const u64 *vaddrs, size_t n)
{
	struct cpumask mask = pt->cpus;
	struct shootdown s = {.pt = pt, .vaddrs = vaddrs, .n = n};

	if (n > TLB_FLUSH_PAGES_MAX)
		s.vaddrs = NULL;
	return shootdown(&mask, &s);
}

u32 tlb_shootdown_mask(const struct cpumask *mask)
{
	struct shootdown s = {0};

	return shootdown(mask, &s);
}

void tlb_shootdown_tables(struct page_table *pt)
{
	struct cpumask mask = pt->cpus;
	struct shootdown s = {.pt = pt};

	counter_inc(nr_tlb_shootdown);
	smp_mb();
	smp_call(&mask, flush_here, &s);
}

static void leave(void *arg)
{
	if (this_cpu_read(loaded_pt) == arg)
		load(NULL);
}

void pt_deactivate_everywhere(struct page_table *pt)
{
	struct cpumask mask = pt->cpus;

	if (!cpumask_empty(&mask))
		smp_call(&mask, leave, pt);
	ASSERT(cpumask_empty(&pt->cpus));
}
