/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time from the TSC.  Its frequency is what the hypervisor or the processor
 * says, else it is measured against the ACPI PM timer or the PIT.
 *
 * A measurement takes, at both ends, the pair of readings that lie closest
 * together: an emulated or preempted CPU may lose milliseconds between two
 * instructions.
 */
#define pr_fmt(fmt) "time: " fmt
#include <arch/x86/barrier.h>
#include <arch/x86/io.h>
#include <drivers/acpi.h>
#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/time.h>

#include "arch.h"

#define PM_TIMER_HZ   3579545ul /* ACPI 6.4, 4.8.3.3 */
#define PM_TIMER_MASK 0xfffffful
#define PIT_HZ        1193182ul
#define MEASURE_MS    30
#define NR_PROBES     8
#define NS_SHIFT      32

static u64 tsc_base; /* at boot */
/* Until measured: faster than any, so that time only jumps forward. */
static u64 tsc_khz = 8000000;
/* ns = (cycles * ns_mult) >> NS_SHIFT */
static u64 ns_mult = (1ul << NS_SHIFT) / 8;

struct sample {
	u64 tsc, ref;
};

static u64 pm_timer_read(void)
{
	return inl(acpi_pm_timer_port()) & PM_TIMER_MASK;
}

/* Channel 2 counts down from 0xffff once its gate is raised. */
static void pit_start(void)
{
	outb((u8)((inb(0x61) & ~2) | 1), 0x61);
	outb(0xb0, 0x43);
	outb(0xff, 0x42);
	outb(0xff, 0x42);
}

static u64 pit_read(void)
{
	u32 low, high;

	outb(0x80, 0x43); /* latch channel 2 */
	low = inb(0x42);
	high = inb(0x42);
	return 0xffff - (high << 8 | low);
}

static struct sample take_sample(u64 (*read)(void))
{
	struct sample best = {0};
	u64 best_gap = ~0ul;

	for (int i = 0; i < NR_PROBES; i++) {
		u64 before = rdtsc(), ref = read(), after = rdtsc();

		if (after - before < best_gap) {
			best_gap = after - before;
			best = (struct sample){before + best_gap / 2, ref};
		}
	}
	return best;
}

static u64 measure_khz(u64 (*read)(void), u64 hz, u64 mask)
{
	struct sample a = take_sample(read), b;
	u64 ticks, wanted = hz * MEASURE_MS / 1000;

	do {
		b = take_sample(read);
		ticks = (b.ref - a.ref) & mask;
	} while (ticks < wanted && ticks < mask / 2);
	/* Below 2^64: some 100 ms of cycles times a few MHz. */
	return (b.tsc - a.tsc) * (hz / 1000) / ticks;
}

/* What CPUID says, 0 if nothing. */
static u64 stated_khz(void)
{
	struct cpuid r;

	if (cpu_features.hypervisor && cpuid(0x40000000, 0).eax >= 0x40000010) {
		r = cpuid(0x40000010, 0); /* VMware's, also in QEMU */
		if (r.eax)
			return r.eax;
	}
	if (cpuid(0, 0).eax >= 0x15) {
		r = cpuid(0x15, 0);
		if (r.eax && r.ebx && r.ecx)
			return (u64)r.ecx * r.ebx / r.eax / 1000;
	}
	return 0;
}

void tsc_init(void)
{
	const char *how = "CPUID";
	u64 khz = stated_khz();

	if (!khz && acpi_pm_timer_port()) {
		how = "PM timer";
		khz = measure_khz(pm_timer_read, PM_TIMER_HZ, PM_TIMER_MASK);
	}
	if (!khz) {
		how = "PIT";
		pit_start();
		khz = measure_khz(pit_read, PIT_HZ, 0xffff);
	}
	CHECK(khz);
	tsc_khz = khz;
	ns_mult = (1000000ul << NS_SHIFT) / khz;
	pr_info("TSC %lu.%03lu MHz (%s)%s", khz / 1000, khz % 1000, how,
		cpu_features.tsc_invariant || cpu_features.hypervisor
			? ""
			: ", not invariant");
}

void tsc_start(void)
{
	tsc_base = rdtsc();
}

u64 time_cycles(void)
{
	return rdtsc();
}

u64 time_cycles_to_ns(u64 cycles)
{
	return (u64)((unsigned __int128)cycles * ns_mult >> NS_SHIFT);
}

u64 time_mono_ns(void)
{
	return time_cycles_to_ns(rdtsc() - tsc_base);
}

u64 time_tsc_khz(void)
{
	return tsc_khz;
}

void udelay(u64 us)
{
	u64 start = rdtsc(), cycles = us * tsc_khz / 1000;

	while (rdtsc() - start < cycles)
		cpu_relax();
}
