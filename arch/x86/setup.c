/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of starting the boot CPU; init/main.c calls them in order. */
#include <arch/x86/setup.h>

#include <kernel/sched.h>
#include <kernel/thread.h>

#include "arch.h"

#define MSR_EFER  0xc0000080
#define MSR_STAR  0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_FMASK 0xc0000084

#define EFER_SCE BIT(0)
/* SYSRET takes CS from this + 16 and SS from this + 8, with RPL 3. */
#define STAR_SYSRET_BASE 0x23ul
#define STAR_SYSCALL_CS  0x08ul

void arch_init_early(void)
{
	percpu_init_boot();
	tsc_start();
	descriptors_load_early();
	features_detect();
}

void arch_read_boot_info(u32 magic, u32 info_paddr)
{
	boot_info_parse(magic, info_paddr);
}

const char *arch_boot_cmdline(void)
{
	return boot_cmdline();
}

paddr_t arch_boot_rsdp(void)
{
	return boot_rsdp();
}

void syscall_init_cpu(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, STAR_SYSRET_BASE << 48 | STAR_SYSCALL_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC |
				 RFLAGS_NT | RFLAGS_IOPL);
}

void arch_init_interrupts(void)
{
	entry_patch_smap();
	features_enable();
	syscall_init_cpu();
	fpu_init();
	fpu_init_cpu();
	tsc_init();
	apic_init();
	apic_init_cpu();
	smp_init_boot_cpu();
	ioapic_init();
	apic_timer_calibrate();
}
