/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC (Intel SDM vol. 3, chapter 11): x2APIC through MSRs where
 * there is one, else memory-mapped.  Its timer is the CPU's clock event: TSC
 * deadline where there is one, else one-shot.
 */
#define pr_fmt(fmt) "apic: " fmt
#include <arch/x86/barrier.h>
#include <arch/x86/io.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/vmap.h>

#include "arch.h"

#define MSR_APIC_BASE    0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC       0x800

#define BASE_ENABLE BIT(11)
#define BASE_X2APIC BIT(10)

/* Register numbers; memory offset is 16 times that. */
#define REG_ID        0x02
#define REG_TPR       0x08
#define REG_EOI       0x0b
#define REG_SPURIOUS  0x0f
#define REG_ESR       0x28
#define REG_ICR       0x30
#define REG_ICR_HIGH  0x31
#define REG_LVT_TIMER 0x32
#define REG_LVT_LINT0 0x35
#define REG_LVT_LINT1 0x36
#define REG_LVT_ERROR 0x37
#define REG_COUNT     0x38
#define REG_COUNT_NOW 0x39
#define REG_DIVIDE    0x3e

#define SPURIOUS_ENABLE BIT(8)
#define LVT_MASKED      BIT(16)
#define LVT_NMI         (4u << 8)
#define LVT_DEADLINE    (2u << 17)
#define ICR_INIT        (5u << 8)
#define ICR_STARTUP     (6u << 8)
#define ICR_ASSERT      BIT(14)
#define ICR_BUSY        BIT(12)
#define DIVIDE_BY_1     0xb

static void *apic_mmio; /* NULL: x2APIC */
static u64 timer_khz;   /* of the one-shot timer */

static u32 reg_read(u32 reg)
{
	if (!apic_mmio)
		return (u32)rdmsr(MSR_X2APIC + reg);
	return mmio_read32((char *)apic_mmio + reg * 16);
}

static void reg_write(u32 reg, u32 v)
{
	if (!apic_mmio)
		wrmsr(MSR_X2APIC + reg, v);
	else
		mmio_write32((char *)apic_mmio + reg * 16, v);
}

/* QEMU's emulator stops at accesses to the x2APIC's timer when it counts
 * instructions (-icount), so there the other mode is the default. */
static bool is_emulated(void)
{
	struct cpuid r;

	if (!cpu_features.hypervisor)
		return false;
	r = cpuid(0x40000000, 0);
	return !memcmp(&r.ebx, "TCGT", 4);
}

BOOT_OPTION(x2apic, "0|1: use the x2APIC; default 1, 0 under emulation", NULL);

void apic_init(void)
{
	paddr_t base = rdmsr(MSR_APIC_BASE);

	/* Once on it cannot be left without a reset. */
	if (cpu_features.x2apic &&
	    (base & BASE_X2APIC || cmdline_get_u64("x2apic", !is_emulated())))
		return;
	base &= 0x000ffffffffff000ul;
	apic_mmio = ioremap(base, PAGE_SIZE);
	CHECK(apic_mmio);
}

void apic_init_cpu(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (!apic_mmio)
		wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
	reg_write(REG_TPR, 0);
	reg_write(REG_LVT_TIMER, LVT_MASKED);
	reg_write(REG_LVT_LINT0, LVT_MASKED);
	reg_write(REG_LVT_LINT1, LVT_NMI);
	reg_write(REG_LVT_ERROR, LVT_MASKED);
	reg_write(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	if (cpu_features.tsc_deadline) {
		reg_write(REG_LVT_TIMER, LVT_DEADLINE | VECTOR_TIMER);
		/* The SDM wants a fence between these two (11.5.4.1). */
		mb();
	} else {
		reg_write(REG_DIVIDE, DIVIDE_BY_1);
		reg_write(REG_LVT_TIMER, VECTOR_TIMER);
	}
}

u32 apic_id(void)
{
	u32 id = reg_read(REG_ID);

	return apic_mmio ? id >> 24 : id;
}

void apic_eoi(void)
{
	reg_write(REG_EOI, 0);
}

/* Context: interrupts off between the two halves of an xAPIC command. */
static void icr_write(u32 dest, u32 command)
{
	u64 flags;

	if (!apic_mmio) {
		/* MSR writes to the x2APIC do not order earlier stores. */
		mb();
		wrmsr(MSR_X2APIC + REG_ICR, (u64)dest << 32 | command);
		return;
	}
	flags = irq_save();
	for (int i = 0; reg_read(REG_ICR) & ICR_BUSY && i < 100000; i++)
		cpu_relax();
	reg_write(REG_ICR_HIGH, dest << 24);
	reg_write(REG_ICR, command);
	irq_restore(flags);
}

void apic_send_ipi(u32 dest, u8 vector)
{
	icr_write(dest, ICR_ASSERT | vector);
}

void apic_send_nmi(u32 dest)
{
	icr_write(dest, ICR_ASSERT | LVT_NMI);
}

void apic_send_init(u32 dest)
{
	icr_write(dest, ICR_INIT | ICR_ASSERT);
}

void apic_send_startup(u32 dest, u8 page)
{
	icr_write(dest, ICR_STARTUP | ICR_ASSERT | page);
}

/* How fast the one-shot timer counts, against the TSC; best of three. */
void apic_timer_calibrate(void)
{
	const u64 us = 5000;
	u64 best_cycles = 0;

	if (cpu_features.tsc_deadline) {
		pr_info("timer: TSC deadline");
		return;
	}
	reg_write(REG_LVT_TIMER, LVT_MASKED);
	for (int i = 0; i < 3; i++) {
		u64 start, cycles;
		u32 count;

		reg_write(REG_COUNT, UINT32_MAX);
		start = rdtsc();
		udelay(us);
		count = UINT32_MAX - reg_read(REG_COUNT_NOW);
		cycles = rdtsc() - start;
		reg_write(REG_COUNT, 0);
		/* The shortest try was disturbed least. */
		if (!best_cycles || cycles < best_cycles) {
			best_cycles = cycles;
			timer_khz = (u64)count * 1000000 /
				    max(time_cycles_to_ns(cycles), 1ul);
		}
	}
	reg_write(REG_LVT_TIMER, VECTOR_TIMER);
	CHECK(timer_khz);
	pr_info("timer: one-shot, %lu kHz", timer_khz);
}

void clock_event_set(u64 deadline_ns)
{
	u64 now = time_mono_ns();
	u64 delta = deadline_ns > now + 1000 ? deadline_ns - now : 1000;
	u64 count;

	delta = min(delta, 600 * NSEC_PER_SEC); /* no overflow below */
	if (cpu_features.tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE,
		      rdtsc() + delta * time_tsc_khz() / 1000000);
		return;
	}
	delta = min(delta, 4 * NSEC_PER_SEC); /* early is allowed */
	count = delta * timer_khz / 1000000;
	reg_write(REG_COUNT, (u32)clamp(count, 1ul, (u64)UINT32_MAX));
}
