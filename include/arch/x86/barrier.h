/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_BARRIER_H
#define ARCH_X86_BARRIER_H
/*
 * Memory barriers.  x86 orders loads with loads and stores with stores on
 * ordinary memory; only a store followed by a load needs an instruction.
 * DMA barriers order ordinary memory against what a coherent device sees.
 */
#include <lib/compiler.h>

static inline void smp_mb(void)
{
	__asm__ volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc");
}

static inline void smp_rmb(void)
{
	compiler_barrier();
}
static inline void smp_wmb(void)
{
	compiler_barrier();
}

/* Before reading what a device wrote, after seeing its owner bit. */
static inline void dma_rmb(void)
{
	compiler_barrier();
}
/* Before giving a descriptor to a device that reads it from memory. */
static inline void dma_wmb(void)
{
	compiler_barrier();
}
/* Before a doorbell write to device registers (also write-combining ones). */
static inline void dma_wmb_before_doorbell(void)
{
	__asm__ volatile("sfence" ::: "memory");
}

static inline void mb(void)
{
	__asm__ volatile("mfence" ::: "memory");
}

/** cpu_relax - in every loop that polls memory. */
static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

#endif
