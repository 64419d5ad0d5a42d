/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fault_phases.h"

#include <arch/x86/percpu.h>
#include <kernel/cpu.h>
#include <kernel/monitor.h>
#include <kernel/time.h>
#include <lib/compiler.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>

#define NS_SHIFT   20
#define LINE_BYTES 400 /* the monitor takes a little more */

struct fault_histogram {
	u64 nr[NR_FAULT_KINDS][NR_FAULT_PHASES + 1][NR_FAULT_BUCKETS];
};

/* Written by its CPU only; readers elsewhere look whether .nr_writes stayed
 * the same and is even. */
struct slowest_of_cpu {
	u32 nr_writes;
	struct fault_slowest fault;
};

static DEFINE_PERCPU(struct fault_histogram, histogram);
static DEFINE_PERCPU(struct slowest_of_cpu, slowest);
static u64 ns_mult = (1ul << NS_SHIFT) / 8; /* ns = cycles * it >> NS_SHIFT */

#define PHASE_BIT(phase) (1u << PHASE_##phase)
#define PHASES_LOOK      (PHASE_BIT(TRAP) | PHASE_BIT(WAIT) | PHASE_BIT(LOOKUP))
#define PHASES_NET       (PHASE_BIT(POST) | PHASE_BIT(WIRE) | PHASE_BIT(WAKE))
#define PHASES_LINE      (PHASES_LOOK | PHASE_BIT(WAY) | PHASE_BIT(MAP))

static const char *const kind_names[] = {
	[FAULT_MINOR] = "minor",   [FAULT_ZEROFILL] = "zerofill",
	[FAULT_PCACHE] = "pcache", [FAULT_VICTIM] = "victim",
	[FAULT_AHEAD] = "ahead",   [FAULT_REFAULT] = "refault",
	[FAULT_MEMORY] = "memory", [FAULT_COPIED] = "cow",
};

static const char *const phase_names[] = {
	[PHASE_TRAP] = "trap",     [PHASE_WAIT] = "wait",
	[PHASE_LOOKUP] = "lookup", [PHASE_WAY] = "way",
	[PHASE_POST] = "post",     [PHASE_WIRE] = "wire",
	[PHASE_WAKE] = "wake",     [PHASE_COPY] = "copy",
	[PHASE_MAP] = "map",       [FAULT_PHASE_TOTAL] = "total",
};

/* ---- recording --------------------------------------------------------------
 */

static __always_inline u64 to_ns(u64 cycles)
{
	return cycles * ns_mult >> NS_SHIFT;
}

u64 fault_cycles_to_ns(u64 cycles)
{
	return to_ns(cycles);
}

/* The number of the highest bit of @v, not 0, with no step for its type. */
static __always_inline u64 top_bit(u64 v)
{
	u64 bit;

	__asm__("bsr %1, %0" : "=r"(bit) : "r"(v) : "cc");
	return bit;
}

/* One more of @cycles in the buckets at @nr, which is the section's place of
 * a per-CPU variable. */
static __always_inline void count(u64 *nr, u64 cycles)
{
	/* The bits below a nanosecond need no shift: they are bucket 0. */
	u64 bucket = top_bit(cycles * ns_mult | 1ul << NS_SHIFT);

	this_cpu_add(*(nr - NS_SHIFT + bucket), 1ul);
}

/*
 * Called with constants: straight code for each kind.  A phase in @maybe is
 * counted only if it has a length.
 */
static __always_inline void count_phases(const struct fault_clock *clock,
					 enum fault_kind kind, u32 phases,
					 u32 maybe)
{
	u64 from = clock->begun;

#pragma GCC unroll 16
	for (u32 p = 0; p < NR_FAULT_PHASES; p++) {
		u64 end;

		if (!(phases & 1u << p))
			continue;
		end = clock->ends[p];
		if (!(maybe & 1u << p) || end != from)
			count(histogram.nr[kind][p], end - from);
		from = end;
	}
	count(histogram.nr[kind][FAULT_PHASE_TOTAL], from - clock->begun);
}

static u32 phases_of(enum fault_kind kind)
{
	static const u32 phases[NR_FAULT_KINDS] = {
		[FAULT_MINOR] = PHASES_LOOK,
		[FAULT_ZEROFILL] = PHASES_LINE | PHASE_BIT(COPY),
		[FAULT_PCACHE] = PHASES_LINE,
		[FAULT_VICTIM] = PHASES_LINE,
		[FAULT_AHEAD] = PHASES_LINE,
		[FAULT_REFAULT] = PHASES_LINE | PHASES_NET,
		[FAULT_MEMORY] = PHASES_LINE | PHASES_NET,
		[FAULT_COPIED] = PHASES_LINE | PHASES_NET | PHASE_BIT(COPY),
	};

	return phases[kind];
}

/* This CPU has not seen a fault as slow as that. */
static __noinline void remember(const struct fault_clock *clock,
				enum fault_kind kind, u64 vaddr, u64 end)
{
	struct slowest_of_cpu *mine = this_cpu_ptr(slowest);
	u64 from = clock->begun;

	WRITE_ONCE(mine->nr_writes, mine->nr_writes + 1);
	compiler_barrier(); /* stores stay in order on x86 */
	mine->fault = (struct fault_slowest){.cycles = end - from,
					     .vaddr = vaddr,
					     .pid = fault_current_pid(),
					     .kind = kind};
	for (u32 p = 0; p < NR_FAULT_PHASES; p++) {
		if (!(phases_of(kind) & 1u << p))
			continue;
		mine->fault.phase_cycles[p] = clock->ends[p] - from;
		from = clock->ends[p];
	}
	compiler_barrier();
	WRITE_ONCE(mine->nr_writes, mine->nr_writes + 1);
}

void fault_clock_end(struct fault_clock *clock, enum fault_kind kind, u64 vaddr)
{
	enum fault_phase last = kind == FAULT_MINOR ? PHASE_LOOKUP : PHASE_MAP;
	u64 now = rdtsc();

	clock->ends[last] = now;
	switch (kind) {
	case FAULT_MINOR:
		count_phases(clock, FAULT_MINOR, PHASES_LOOK, PHASE_BIT(WAIT));
		break;
	case FAULT_ZEROFILL:
		count_phases(clock, FAULT_ZEROFILL,
			     PHASES_LINE | PHASE_BIT(COPY), PHASE_BIT(WAIT));
		break;
	case FAULT_PCACHE:
	case FAULT_VICTIM:
	case FAULT_AHEAD:
		count_phases(clock, kind, PHASES_LINE, PHASE_BIT(WAIT));
		break;
	case FAULT_REFAULT:
		count_phases(clock, FAULT_REFAULT, PHASES_LINE | PHASES_NET,
			     PHASE_BIT(WAIT));
		break;
	case FAULT_MEMORY:
		count_phases(clock, FAULT_MEMORY, PHASES_LINE | PHASES_NET,
			     PHASES_NET | PHASE_BIT(WAIT));
		break;
	default:
		count_phases(clock, FAULT_COPIED,
			     PHASES_LINE | PHASES_NET | PHASE_BIT(COPY),
			     PHASES_NET | PHASE_BIT(WAIT));
	}
	/* Signed: the counters of two CPUs may differ a little. */
	if ((s64)(now - clock->begun) >
	    (s64)this_cpu_read(slowest.fault.cycles))
		remember(clock, kind, vaddr, now);
}

void fault_clock_repeat(struct fault_clock *clock,
			const struct fault_clock *first)
{
	u64 from = first->ends[PHASE_WAKE], shift = 0;

	for (enum fault_phase p = PHASE_WAY; p <= PHASE_WAKE; p++) {
		u64 end = clock->ends[p];

		shift += end - from;
		from = end;
		clock->ends[p] = first->ends[p] + shift;
	}
}

void fault_phases_start(void)
{
	ns_mult = (1000000ul << NS_SHIFT) / time_tsc_khz();
}

/* ---- reading ----------------------------------------------------------------
 */

u64 fault_phase_count(enum fault_kind kind, u32 phase, u32 bucket)
{
	u64 sum = 0;

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		sum += READ_ONCE(
			per_cpu_ptr(histogram, cpu)->nr[kind][phase][bucket]);
	return sum;
}

static void slowest_read(u32 cpu, struct fault_slowest *out)
{
	const struct slowest_of_cpu *theirs = per_cpu_ptr(slowest, cpu);
	u32 seen;

	do {
		seen = READ_ONCE(theirs->nr_writes);
		compiler_barrier();
		*out = theirs->fault;
		compiler_barrier();
	} while (seen & 1 || READ_ONCE(theirs->nr_writes) != seen);
}

void fault_slowest_get(struct fault_slowest *out)
{
	struct fault_slowest one;

	*out = (struct fault_slowest){0};
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		slowest_read(cpu, &one);
		if (one.cycles > out->cycles)
			*out = one;
	}
}

/* Lines for @phase of @kind: one, unless there is much to say. */
static void show_phase(enum fault_kind kind, u32 phase,
		       void (*print)(void *arg, const char *line), void *arg)
{
	u64 sum = 0, nr[NR_FAULT_BUCKETS];
	char line[LINE_BYTES];
	size_t len = 0;

	for (u32 b = 0; b < NR_FAULT_BUCKETS; b++) {
		nr[b] = fault_phase_count(kind, phase, b);
		sum += nr[b];
	}
	for (u32 b = 0; b < NR_FAULT_BUCKETS; b++) {
		if (!nr[b])
			continue;
		if (!len)
			len = (size_t)scnprintf(line, LINE_BYTES, "%s %s %lu",
						kind_names[kind],
						phase_names[phase], sum);
		len += (size_t)scnprintf(line + len, LINE_BYTES - len,
					 " %u:%lu", b, nr[b]);
		if (len > LINE_BYTES - 32) {
			print(arg, line);
			len = 0;
		}
	}
	if (len)
		print(arg, line);
}

static void print_slowest(char *line, const struct fault_slowest *s)
{
	size_t len = (size_t)scnprintf(
		line, LINE_BYTES, "slowest %s %lu ns at %lx pid %u",
		kind_names[s->kind], time_cycles_to_ns(s->cycles), s->vaddr,
		s->pid);

	for (u32 p = 0; p < NR_FAULT_PHASES; p++)
		if (s->phase_cycles[p])
			len += (size_t)scnprintf(
				line + len, LINE_BYTES - len, " %s:%lu",
				phase_names[p],
				time_cycles_to_ns(s->phase_cycles[p]));
}

void fault_phases_show(void (*print)(void *arg, const char *line), void *arg)
{
	struct fault_slowest s;
	char line[LINE_BYTES];

	for (u32 kind = 0; kind < NR_FAULT_KINDS; kind++)
		for (u32 phase = 0; phase <= FAULT_PHASE_TOTAL; phase++)
			show_phase(kind, phase, print, arg);
	fault_slowest_get(&s);
	if (s.cycles) {
		print_slowest(line, &s);
		print(arg, line);
	}
}

static void print_to_monitor(void *arg, const char *line)
{
	mprintf("%s\n", line);
}

static void cmd_faults(int argc, char **argv)
{
	fault_phases_show(print_to_monitor, NULL);
}
MONITOR_CMD(faults,
	    "page faults by kind and phase; n:count took 2^n ns or more",
	    cmd_faults);
