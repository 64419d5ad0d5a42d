/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_CPU_H
#define ARCH_X86_CPU_H
/* Instructions that C has no word for, and what the processor can do. */
#include <lib/types.h>

#define RFLAGS_CF   BIT(0)
#define RFLAGS_TF   BIT(8)
#define RFLAGS_IF   BIT(9)
#define RFLAGS_DF   BIT(10)
#define RFLAGS_IOPL (3ul << 12)
#define RFLAGS_NT   BIT(14)
#define RFLAGS_RF   BIT(16)
#define RFLAGS_AC   BIT(18)

#ifdef BRICK_HOST /* unit tests: there are no interrupts */
static inline u64 irq_save(void)
{
	return 0;
}
static inline void irq_restore(u64 flags) {}
static inline void irq_enable(void) {}
static inline void irq_disable(void) {}
static inline bool irqs_enabled(void)
{
	return true;
}
#else

/** irq_save - disable interrupts. Return: flags for irq_restore(). */
static __always_inline u64 irq_save(void)
{
	u64 flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=rm"(flags)::"memory");
	return flags;
}

static __always_inline void irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}

static __always_inline void irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static __always_inline void irq_restore(u64 flags)
{
	if (flags & (1ul << 9))
		irq_enable();
}

static __always_inline bool irqs_enabled(void)
{
	u64 flags;

	__asm__ volatile("pushfq; popq %0" : "=rm"(flags)::"memory");
	return flags >> 9 & 1;
}

/** cpu_idle_wait - enable interrupts and halt, with no gap between. */
static inline void cpu_idle_wait(void)
{
	__asm__ volatile("sti; hlt" ::: "memory");
}

#endif /* BRICK_HOST */

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)(v & ~0u)),
			 "d"((u32)(v >> 32))
			 : "memory");
}

static inline u64 rdtsc(void)
{
	u64 lo, hi; /* the upper halves become 0 */

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return hi << 32 | lo;
}

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

#define CONTROL_REGISTER_(n)                                                \
	static inline u64 read_cr##n(void)                                  \
	{                                                                   \
		u64 v;                                                      \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory"); \
		return v;                                                   \
	}                                                                   \
	static inline void write_cr##n(u64 v)                               \
	{                                                                   \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory");    \
	}

CONTROL_REGISTER_(0)
CONTROL_REGISTER_(2)
CONTROL_REGISTER_(3)
CONTROL_REGISTER_(4)

/* What this kernel asks of, or uses on, the processor; set at boot. */
struct cpu_features {
	bool x2apic, tsc_deadline, tsc_invariant, nx, gib_pages, pge;
	bool smap, smep, umip, fsgsbase, xsave, xsaveopt, avx, avx512, pku;
	bool rdrand, rdseed, erms, fsrm, rdtscp, hypervisor, sse42, invpcid;
};
extern struct cpu_features cpu_features;

#endif
