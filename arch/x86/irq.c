/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device vectors: each CPU has its own set. */
#define pr_fmt(fmt) "irq: " fmt
#include <kernel/irq.h>

#include <arch/x86/barrier.h>
#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <kernel/trap.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/string.h>

#include "arch.h"

#define NR_VECTORS (VECTOR_DEVICE_LAST - VECTOR_DEVICE_FIRST + 1)
#define NAME_MAX   24

struct vector {
	irq_handler_t fn; /* [written under irq_lock, read by the own CPU] */
	void *arg;
	u64 nr_taken;
	char name[NAME_MAX];
};

struct vector_table {
	struct vector v[NR_VECTORS];
};

static DEFINE_PERCPU(struct vector_table, vectors);
static DEFINE_SPINLOCK(irq_lock, LOCK_IRQ);

int irq_alloc(irq_handler_t fn, void *arg, u32 cpu, const char *name)
{
	struct vector *v;
	int vector = -ENOSPC;
	u64 flags;

	if (cpu >= nr_cpus_online)
		return -EINVAL;
	flags = spin_lock_irqsave(&irq_lock);
	for (u32 i = 0; i < NR_VECTORS && vector < 0; i++) {
		v = &per_cpu_ptr(vectors, cpu)->v[i];
		if (v->fn)
			continue;
		v->arg = arg;
		v->nr_taken = 0;
		(void)strscpy(v->name, name, sizeof(v->name));
		smp_store_release(&v->fn, fn);
		vector = (int)i + VECTOR_DEVICE_FIRST;
	}
	spin_unlock_irqrestore(&irq_lock, flags);
	return vector;
}

static void nothing(void *arg) {}

void irq_free(int vector, u32 cpu)
{
	struct cpumask mask = cpumask_of(cpu);
	u64 flags = spin_lock_irqsave(&irq_lock);

	per_cpu_ptr(vectors, cpu)->v[vector - VECTOR_DEVICE_FIRST].fn = NULL;
	spin_unlock_irqrestore(&irq_lock, flags);
	/* Handlers run with interrupts off: when this got through, none is
	 * running with the old pointer. */
	smp_call(&mask, nothing, NULL);
}

/* SDM vol. 3, 11.11: the address selects the CPU, the data the vector. */
void irq_msi_message(int vector, u32 cpu, u64 *msi_paddr, u32 *msi_data)
{
	*msi_paddr = 0xfee00000ul | (u64)(cpu_apic_id(cpu) & 0xff) << 12;
	*msi_data = (u32)vector;
}

int irq_request_gsi(u32 gsi, irq_handler_t fn, void *arg, const char *name)
{
	int vector = irq_alloc(fn, arg, 0, name);
	int rc;

	if (vector < 0)
		return vector;
	rc = ioapic_route(gsi, (u8)vector, cpu_apic_id(0));
	if (rc)
		irq_free(vector, 0);
	return rc;
}

void irq_device(u64 vector)
{
	struct vector *v;
	irq_handler_t fn;

	if (vector < VECTOR_DEVICE_FIRST || vector > VECTOR_DEVICE_LAST) {
		pr_warn_ratelimited("stray vector %lu", vector);
		return;
	}
	v = &this_cpu_ptr(vectors)->v[vector - VECTOR_DEVICE_FIRST];
	fn = smp_load_acquire(&v->fn);
	if (!fn) {
		pr_warn_ratelimited("vector %lu has no handler", vector);
		return;
	}
	v->nr_taken++;
	fn(v->arg);
}

void irq_for_each(void (*fn)(void *arg, u32 cpu, int vector, const char *name,
			     u64 count),
		  void *arg)
{
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		for (int i = 0; i < NR_VECTORS; i++) {
			const struct vector *v =
				&per_cpu_ptr(vectors, cpu)->v[i];

			if (v->fn)
				fn(arg, cpu, i + VECTOR_DEVICE_FIRST, v->name,
				   v->nr_taken);
		}
	}
}
