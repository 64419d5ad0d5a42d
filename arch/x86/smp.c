/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other CPUs: starting them, one at a time and with time limits, and
 * calling them.
 *
 * Cross calls: each CPU has a lock-free stack of requests.  The first request
 * on an empty stack sends the IPI; the receiver takes all at once.
 */
#define pr_fmt(fmt) "smp: " fmt
#include <kernel/cpu.h>

#include <arch/x86/barrier.h>
#include <arch/x86/kernel_map.h>
#include <arch/x86/setup.h>
#include <drivers/acpi.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <lib/atomic.h>
#include <lib/byteorder.h>
#include <lib/kstrto.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/slab.h>

#include "arch.h"

#define TRAMPOLINE_PADDR 0x8000ul
#define START_TIMEOUT    (10 * NSEC_PER_SEC)
#define START_RETRY      (1 * NSEC_PER_SEC)

#define MADT_LAPIC   0
#define MADT_X2APIC  9
#define MADT_ENABLED 1

u32 nr_cpus_online = 1;
struct cpumask cpus_online = {{1}};

static u32 apic_ids[CONFIG_NR_CPUS]; /* by CPU [set before it is online] */
static u32 found_ids[CONFIG_NR_CPUS], nr_found;
static struct cpu_descriptors *starting_descriptors;
static bool is_stopping; /* a CPU panics: the others halt */
static u32 started;      /* number of the CPU that got through [atomic] */

static DEFINE_PERCPU(struct smp_async *, call_stack); /* [atomic] */

extern char trampoline_start[], trampoline_end[], trampoline_cr3[],
	trampoline_stack[], trampoline_cpu[];

u32 cpu_apic_id(u32 cpu)
{
	return apic_ids[cpu];
}

void smp_init_boot_cpu(void)
{
	apic_ids[0] = apic_id();
	cpuinfo_record(0, apic_ids[0]);
}

static void found(u32 id)
{
	if (id == apic_ids[0])
		return;
	if (nr_found + 1 >= CONFIG_NR_CPUS) {
		pr_warn_once("more than %d CPUs, the rest stays parked",
			     CONFIG_NR_CPUS);
		return;
	}
	found_ids[nr_found++] = id;
}

static void madt_entry(void *arg, const u8 *e)
{
	if (e[0] == MADT_LAPIC && e[1] >= 8 && e[4] & MADT_ENABLED &&
	    e[3] != 0xff)
		found(e[3]);
	else if (e[0] == MADT_X2APIC && e[1] >= 16 && e[8] & MADT_ENABLED)
		found(get_le32(e + 4));
}

/* First C code of another CPU, on its idle thread's stack. In no header. */
_Noreturn void ap_start(u64 cpu);

_Noreturn void ap_start(u64 cpu)
{
	wrmsr(0xc0000101, percpu_offset[cpu]); /* GS base */
	write_cr3(kernel_root_paddr());
	kernel_map_init_cpu();
	descriptors_init_cpu(starting_descriptors, (u32)cpu);
	features_enable();
	syscall_init_cpu();
	fpu_init_cpu();
	apic_init_cpu();
	cpuinfo_record((u32)cpu, apic_ids[cpu]);
	sched_init_cpu();
	smp_store_release(&started, (u32)cpu);
	sched_idle_loop();
}

static void *trampoline_word(const char *sym)
{
	return (char *)kaddr_of(TRAMPOLINE_PADDR) + (sym - trampoline_start);
}

static bool wait_started(u32 cpu, u64 timeout_ns)
{
	u64 deadline = time_mono_ns() + timeout_ns;

	while (smp_load_acquire(&started) != cpu) {
		if (time_mono_ns() > deadline)
			return false;
		sleep_ns(NSEC_PER_MSEC / 2);
	}
	return true;
}

/* The sequence of SDM vol. 3, 9.4.4: INIT, 10 ms, start-up, again if silent. */
static bool kick(u32 cpu)
{
	/* To see what happens then: leave it asleep. */
	if (cpu == cmdline_get_u64("ap_fail", 0))
		return wait_started(cpu, START_RETRY + START_TIMEOUT);
	apic_send_init(apic_ids[cpu]);
	sleep_ns(10 * NSEC_PER_MSEC);
	apic_send_startup(apic_ids[cpu], TRAMPOLINE_PADDR >> PAGE_SHIFT);
	if (wait_started(cpu, START_RETRY))
		return true;
	apic_send_startup(apic_ids[cpu], TRAMPOLINE_PADDR >> PAGE_SHIFT);
	return wait_started(cpu, START_TIMEOUT);
}

static bool start_cpu(u32 cpu, u32 id)
{
	struct thread *idle;

	apic_ids[cpu] = id;
	starting_descriptors = page_alloc_zero(
		ilog2_up(DIV_ROUND_UP(descriptors_bytes(), PAGE_SIZE)));
	if (!starting_descriptors || percpu_alloc(cpu))
		return false;
	idle = sched_prepare_cpu(cpu);
	if (!idle)
		return false;
	*(u64 *)trampoline_word(trampoline_stack) = idle->stack_top;
	*(u64 *)trampoline_word(trampoline_cpu) = cpu;
	return kick(cpu);
}

void smp_start_cpus(void)
{
	u64 limit = cmdline_get_u64("cpus", CONFIG_NR_CPUS);

	acpi_for_each_madt(madt_entry, NULL);
	memcpy(kaddr_of(TRAMPOLINE_PADDR), trampoline_start,
	       (size_t)(trampoline_end - trampoline_start));
	*(u64 *)trampoline_word(trampoline_cr3) = kernel_identity_root();
	for (u32 i = 0; i < nr_found && nr_cpus_online < limit; i++) {
		u32 cpu = nr_cpus_online;

		if (!start_cpu(cpu, found_ids[i])) {
			/* It may still wake up in our tables: use no more. */
			pr_warn("CPU with APIC id %u did not start within "
				"%lu s; going on with %u CPUs",
				found_ids[i],
				(START_TIMEOUT + START_RETRY) / NSEC_PER_SEC,
				nr_cpus_online);
			break;
		}
		cpumask_set_atomic(&cpus_online, cpu);
		smp_store_release(&nr_cpus_online, cpu + 1);
	}
	pr_info("%u CPU%s", nr_cpus_online, nr_cpus_online > 1 ? "s" : "");
}

BOOT_OPTION(cpus, "N: use at most N processors", NULL);
BOOT_OPTION(ap_fail, "N: for tests: processor N does not start", NULL);

void smp_kick_call(u32 cpu)
{
	apic_send_ipi(apic_ids[cpu], VECTOR_CALL);
}

void smp_kick_resched(u32 cpu)
{
	apic_send_ipi(apic_ids[cpu], VECTOR_RESCHED);
}

bool smp_is_stopping(void)
{
	return READ_ONCE(is_stopping);
}

/* By NMI: a CPU that spins with interrupts off must stop too. */
void smp_stop_others(void)
{
	WRITE_ONCE(is_stopping, true);
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		if (cpu != cpu_id())
			apic_send_nmi(apic_ids[cpu]);
}

void smp_call_async(u32 cpu, struct smp_async *call)
{
	struct smp_async **stack = per_cpu_ptr(call_stack, cpu);
	struct smp_async *top = READ_ONCE(*stack), *seen;

	CHECK(!xchg(&call->is_queued, 1));
	for (;;) {
		call->next = top;
		seen = cmpxchg(stack, top, call);
		if (seen == top)
			break;
		top = seen;
	}
	if (!top)
		smp_kick_call(cpu);
}

void smp_call_serve(void)
{
	struct smp_async *call = xchg(this_cpu_ptr(call_stack), NULL);
	struct smp_async *in_order = NULL, *next;

	for (; call; call = next) {
		next = call->next;
		call->next = in_order;
		in_order = call;
	}
	for (call = in_order; call; call = next) {
		void (*fn)(void *) = call->fn;
		void *arg = call->arg;

		next = call->next;
		smp_store_release(&call->is_queued, 0);
		fn(arg);
	}
}

struct sync_call {
	void (*fn)(void *);
	void *arg;
	atomic_t nr_pending;
};

static void run_sync_call(void *arg)
{
	struct sync_call *s = arg;

	s->fn(s->arg);
	/* The last touch: the caller's stack may go now. */
	atomic_dec(&s->nr_pending);
}

static void wait_pending(struct sync_call *s)
{
	u64 warn_at = time_mono_ns() + 10 * NSEC_PER_SEC;

	while (atomic_read(&s->nr_pending)) {
		/* Two CPUs that call each other with interrupts off. */
		if (!irqs_enabled())
			smp_call_serve();
		cpu_relax();
		if (unlikely(time_mono_ns() > warn_at)) {
			pr_warn("CPU %u waits 10 s for %d CPUs to take a call",
				cpu_id(), atomic_read(&s->nr_pending));
			warn_at = ~0ul;
		}
	}
}

void smp_call(const struct cpumask *mask, void (*fn)(void *), void *arg)
{
	struct sync_call s = {.fn = fn, .arg = arg};
	struct smp_async calls[CONFIG_NR_CPUS];
	u32 me = cpu_id(), cpu, n = 0;
	u64 flags;

	for_each_cpu (cpu, mask)
		n += cpu != me && cpumask_test(&cpus_online, cpu);
	atomic_set(&s.nr_pending, (int)n);
	for_each_cpu (cpu, mask) {
		if (cpu == me || !cpumask_test(&cpus_online, cpu))
			continue;
		calls[cpu] = (struct smp_async){run_sync_call, &s, NULL, 0};
		smp_call_async(cpu, &calls[cpu]);
	}
	if (cpumask_test(mask, me)) {
		flags = irq_save();
		fn(arg);
		irq_restore(flags);
	}
	wait_pending(&s);
}
