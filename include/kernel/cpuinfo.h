/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_CPUINFO_H
#define KERNEL_CPUINFO_H
/* What the processor is, for /proc/cpuinfo, AT_HWCAP and AT_PLATFORM. */
#include <lib/types.h>

struct cpuinfo {
	char vendor[13];
	char model_name[49];
	u32 family, model, stepping;
	u32 hwcap;  /* AT_HWCAP: CPUID.1:EDX */
	u32 hwcap2; /* AT_HWCAP2: bit 1 = FSGSBASE usable in user mode */
	u64 tsc_khz;
	u32 cache_line_bytes, phys_bits, virt_bits;
	u32 apic_id;
};

/** cpuinfo_get - facts of @cpu. */
const struct cpuinfo *cpuinfo_get(u32 cpu);

/**
 * cpuinfo_flags - the flags line of /proc/cpuinfo, Linux' names, into @buf.
 *
 * Return: its length.
 */
size_t cpuinfo_flags(char *buf, size_t size);

#endif
