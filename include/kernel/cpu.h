/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H
/* CPUs: who am I, who is there, per-CPU data (percpu.h), cross calls. */
#include <arch/x86/percpu.h>
#include <lib/bitmap.h>
#include <lib/types.h>

struct cpumask {
	u64 bits[BITMAP_WORDS(CONFIG_NR_CPUS)];
};

extern u32 nr_cpus_online; /* CPUs 0 .. n - 1; fixed after boot */
extern struct cpumask cpus_online;

DECLARE_PERCPU(u32, cpu_number);

/** cpu_id - this CPU's number.  Stable until the thread sleeps. */
static inline u32 cpu_id(void)
{
	return this_cpu_read(cpu_number);
}

static inline bool cpumask_test(const struct cpumask *m, u32 cpu)
{
	return bitmap_test(m->bits, cpu);
}

static inline void cpumask_set(struct cpumask *m, u32 cpu)
{
	bitmap_set(m->bits, cpu);
}

static inline void cpumask_clear(struct cpumask *m, u32 cpu)
{
	bitmap_clear(m->bits, cpu);
}

static inline void cpumask_zero(struct cpumask *m)
{
	*m = (struct cpumask){{0}};
}

static inline bool cpumask_empty(const struct cpumask *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->bits); i++)
		if (m->bits[i])
			return false;
	return true;
}

/* Atomic forms, for masks that several CPUs change. */
static inline void cpumask_set_atomic(struct cpumask *m, u32 cpu)
{
	__atomic_fetch_or(&m->bits[cpu / 64], 1ul << (cpu % 64),
			  __ATOMIC_SEQ_CST);
}

static inline void cpumask_clear_atomic(struct cpumask *m, u32 cpu)
{
	__atomic_fetch_and(&m->bits[cpu / 64], ~(1ul << (cpu % 64)),
			   __ATOMIC_SEQ_CST);
}

static inline struct cpumask cpumask_of(u32 cpu)
{
	struct cpumask m = {{0}};

	cpumask_set(&m, cpu);
	return m;
}

/** cpumask_next - first CPU >= @from in @m, or CONFIG_NR_CPUS. */
static inline u32 cpumask_next(const struct cpumask *m, u32 from)
{
	for (u32 w = from / 64; w < ARRAY_SIZE(m->bits); w++) {
		u64 bits = m->bits[w];

		if (w == from / 64)
			bits &= ~0ul << (from % 64);
		if (bits)
			return w * 64 + (u32)__builtin_ctzl(bits);
	}
	return CONFIG_NR_CPUS;
}

#define for_each_cpu(cpu, mask)                                     \
	for ((cpu) = cpumask_next(mask, 0); (cpu) < CONFIG_NR_CPUS; \
	     (cpu) = cpumask_next(mask, (cpu) + 1))

/**
 * smp_call - run @fn(@arg) on every CPU of @mask, wait until all have.
 *
 * Runs in interrupt context there, also on this CPU if it is in @mask.
 * Context: any but interrupt handlers; with interrupts off it serves the
 * calls of others while it waits.  Hold no spinlock that others spin on with
 * interrupts off.
 */
void smp_call(const struct cpumask *mask, void (*fn)(void *), void *arg);

/**
 * smp_call_async - have @fn(@arg) run on @cpu in interrupt context, no wait.
 *
 * @call: memory for the request, free for use again when fn has begun.
 */
struct smp_async {
	void (*fn)(void *);
	void *arg;
	struct smp_async *next; /* [atomic: per-CPU stack of requests] */
	u32 is_queued;          /* [atomic] */
};
void smp_call_async(u32 cpu, struct smp_async *call);

/** in_interrupt - is this CPU in an interrupt handler? */
bool in_interrupt(void);

#endif
