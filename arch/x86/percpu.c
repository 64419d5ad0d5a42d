/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot CPU's copy of the per-CPU section stands in the image behind .bss;
 * the others are allocated.  Every copy begins as the section was linked.
 */
#include <kernel/cpu.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/page.h>

#include "arch.h"

#define MSR_GS_BASE 0xc0000101

u64 percpu_offset[CONFIG_NR_CPUS];
__attribute__((section(".percpu.first"))) u64 percpu_this_offset;
DEFINE_PERCPU(u32, cpu_number);

static void copy_section(u32 cpu, char *copy)
{
	u64 offset = (u64)copy - (u64)__percpu_start;

	memcpy(copy, __percpu_start, (size_t)(__percpu_end - __percpu_start));
	percpu_offset[cpu] = offset;
	*PERCPU_SHIFT_(percpu_this_offset, offset) = offset;
	*PERCPU_SHIFT_(cpu_number, offset) = cpu;
}

void percpu_init_boot(void)
{
	copy_section(0, __percpu_boot);
	wrmsr(MSR_GS_BASE, percpu_offset[0]);
}

int percpu_alloc(u32 cpu)
{
	size_t bytes = (size_t)(__percpu_end - __percpu_start);
	char *copy = page_alloc_zero(ilog2_up(DIV_ROUND_UP(bytes, PAGE_SIZE)));

	if (!copy)
		return -ENOMEM;
	copy_section(cpu, copy);
	return 0;
}
