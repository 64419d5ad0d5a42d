/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks with times made up, into the histogram and out as text. */
#include "fault_phases.h"

#include <kernel/monitor.h>
#include <kernel/time.h>
#include <lib/ktest.h>
#include <lib/printf.h>
#include <lib/string.h>

#define TSC_KHZ 2500000ul /* 0.4 ns a cycle */

u32 nr_cpus_online = 1;

u64 time_tsc_khz(void)
{
	return TSC_KHZ;
}

u64 time_cycles_to_ns(u64 cycles)
{
	return cycles * 1000000 / TSC_KHZ;
}

u32 fault_current_pid(void)
{
	return 17;
}

void mprintf(const char *fmt, ...) {}

/* A fault whose phase p took @cycles[p]; it ends now, so it began then. */
static struct fault_clock clock_of(const u64 *cycles)
{
	struct fault_clock clock;
	u64 all = 0, at;

	for (u32 p = 0; p < NR_FAULT_PHASES; p++)
		all += cycles[p];
	at = clock.begun = rdtsc() - all;
	for (u32 p = 0; p < NR_FAULT_PHASES; p++)
		clock.ends[p] = at += cycles[p];
	return clock;
}

KTEST(nanoseconds_are_right_and_never_beyond_the_last_bucket)
{
	fault_phases_start();
	for (u32 shift = 3; shift < 40; shift++) {
		u64 cycles = 5ul << shift, ns = 2ul << shift;
		u64 got = fault_cycles_to_ns(cycles);

		EXPECT_TRUE(got <= ns && got >= ns - ns / 100000 - 1);
	}
	EXPECT_TRUE(fault_cycles_to_ns(~0ul) < 1ul << NR_FAULT_BUCKETS);
	EXPECT_TRUE(fault_cycles_to_ns((u64)-5) < 1ul << NR_FAULT_BUCKETS);
}

/* What a fault of @kind that ends with @clock adds to the histogram. */
static u64 added[NR_FAULT_KINDS][NR_FAULT_PHASES + 1][NR_FAULT_BUCKETS];

static void add_all(u64 sign)
{
	for (u32 kind = 0; kind < NR_FAULT_KINDS; kind++)
		for (u32 p = 0; p <= NR_FAULT_PHASES; p++)
			for (u32 b = 0; b < NR_FAULT_BUCKETS; b++)
				added[kind][p][b] +=
					sign * fault_phase_count(kind, p, b);
}

static void end_fault(struct fault_clock *clock, enum fault_kind kind)
{
	fault_phases_start();
	memset(added, 0, sizeof(added));
	add_all(-1ul);
	fault_clock_end(clock, kind, 0x1000);
	add_all(1);
}

static u64 sum_of(enum fault_kind kind, u32 phase)
{
	u64 sum = 0;

	for (u32 b = 0; b < NR_FAULT_BUCKETS; b++)
		sum += added[kind][phase][b];
	return sum;
}

KTEST(each_phase_falls_into_the_bucket_of_its_length)
{
	u64 cycles[NR_FAULT_PHASES] = {
		[PHASE_TRAP] = 40 * 5 / 2,       /* 40 ns: 2^5 */
		[PHASE_LOOKUP] = 64 * 5 / 2 + 3, /* 65 ns: 2^6 */
		[PHASE_WAY] = 0,                 /* 2^0 */
		[PHASE_COPY] = 1025 * 5 / 2,     /* 2^10 */
	};
	struct fault_clock clock = clock_of(cycles);

	end_fault(&clock, FAULT_ZEROFILL);
	EXPECT_EQ(added[FAULT_ZEROFILL][PHASE_TRAP][5], 1);
	EXPECT_EQ(added[FAULT_ZEROFILL][PHASE_LOOKUP][6], 1);
	EXPECT_EQ(added[FAULT_ZEROFILL][PHASE_WAY][0], 1);
	EXPECT_EQ(added[FAULT_ZEROFILL][PHASE_COPY][10], 1);
	EXPECT_EQ(sum_of(FAULT_ZEROFILL, PHASE_MAP), 1);
	EXPECT_EQ(sum_of(FAULT_ZEROFILL, FAULT_PHASE_TOTAL), 1);
	/* It did not wait, and has nothing to do with the network. */
	EXPECT_EQ(sum_of(FAULT_ZEROFILL, PHASE_WAIT), 0);
	EXPECT_EQ(sum_of(FAULT_ZEROFILL, PHASE_WIRE), 0);
	EXPECT_EQ(sum_of(FAULT_REFAULT, FAULT_PHASE_TOTAL), 0);
}

KTEST(every_kind_counts_its_phases_once)
{
	static const u32 nr_phases[NR_FAULT_KINDS] = {
		[FAULT_MINOR] = 3,  [FAULT_ZEROFILL] = 6, [FAULT_PCACHE] = 5,
		[FAULT_VICTIM] = 5, [FAULT_AHEAD] = 5,    [FAULT_REFAULT] = 8,
		[FAULT_MEMORY] = 8, [FAULT_COPIED] = 9};
	u64 cycles[NR_FAULT_PHASES];

	for (u32 p = 0; p < NR_FAULT_PHASES; p++)
		cycles[p] = 1000;
	for (u32 kind = 0; kind < NR_FAULT_KINDS; kind++) {
		struct fault_clock clock = clock_of(cycles);
		u64 nr = 0;

		end_fault(&clock, kind);
		for (u32 p = 0; p < NR_FAULT_PHASES; p++) {
			EXPECT_TRUE(sum_of(kind, p) <= 1);
			nr += sum_of(kind, p);
		}
		EXPECT_EQ(nr, nr_phases[kind]);
		EXPECT_EQ(sum_of(kind, FAULT_PHASE_TOTAL), 1);
	}
}

KTEST(phases_that_come_twice_are_added)
{
	u64 once[NR_FAULT_PHASES] = {
		[PHASE_TRAP] = 1,  [PHASE_LOOKUP] = 2, [PHASE_WAY] = 10,
		[PHASE_POST] = 20, [PHASE_WIRE] = 300, [PHASE_WAKE] = 4};
	struct fault_clock first = clock_of(once), clock = first;
	u64 at = first.ends[PHASE_WAKE];

	clock.ends[PHASE_WAY] = at += 5;
	clock.ends[PHASE_POST] = at += 6;
	clock.ends[PHASE_WIRE] = at += 7;
	clock.ends[PHASE_WAKE] = at += 8;
	fault_clock_repeat(&clock, &first);
	EXPECT_EQ(clock.ends[PHASE_LOOKUP] - clock.begun, 3);
	EXPECT_EQ(clock.ends[PHASE_WAY] - clock.ends[PHASE_LOOKUP], 15);
	EXPECT_EQ(clock.ends[PHASE_POST] - clock.ends[PHASE_WAY], 26);
	EXPECT_EQ(clock.ends[PHASE_WIRE] - clock.ends[PHASE_POST], 307);
	EXPECT_EQ(clock.ends[PHASE_WAKE] - clock.ends[PHASE_WIRE], 12);
	EXPECT_EQ(clock.ends[PHASE_WAKE], at);
}

static char text[16384];

static void append(void *arg, const char *line)
{
	size_t len = strlen(text);

	scnprintf(text + len, sizeof(text) - len, "%s\n", line);
}

KTEST(the_slowest_fault_is_kept_with_its_phases)
{
	u64 slow[NR_FAULT_PHASES] = {[PHASE_TRAP] = 250,
				     [PHASE_LOOKUP] = 500,
				     [PHASE_WAY] = 2500,
				     [PHASE_WIRE] = 2500000000000};
	u64 fast[NR_FAULT_PHASES] = {[PHASE_WIRE] = 2500000000};
	struct fault_clock clock = clock_of(slow);
	struct fault_slowest s;

	fault_phases_start();
	fault_clock_end(&clock, FAULT_REFAULT, 0x7f0000001000);
	clock = clock_of(fast);
	fault_clock_end(&clock, FAULT_MEMORY, 0x2000);
	fault_slowest_get(&s);
	EXPECT_EQ(s.kind, FAULT_REFAULT);
	EXPECT_EQ(s.vaddr, 0x7f0000001000);
	EXPECT_EQ(s.pid, 17);
	EXPECT_EQ(s.phase_cycles[PHASE_LOOKUP], 500);
	EXPECT_EQ(s.phase_cycles[PHASE_WIRE], 2500000000000);
	EXPECT_EQ(s.phase_cycles[PHASE_WAIT], 0);

	fault_phases_show(append, NULL);
	EXPECT_TRUE(strstr(text, "\nslowest refault 1000"));
	EXPECT_TRUE(strstr(text, " ns at 7f0000001000 pid 17 trap:100 "
				 "lookup:200 way:1000 wire:1000000000000"));
	EXPECT_TRUE(strstr(text, "\nrefault wire "));
	EXPECT_TRUE(strstr(text, " 39:1\n")); /* 1000 s */
}

KTEST(a_clock_that_went_back_harms_nothing)
{
	u64 cycles[NR_FAULT_PHASES] = {[PHASE_WAKE] = 100};
	struct fault_clock clock = clock_of(cycles);
	struct fault_slowest before, after;

	fault_phases_start();
	clock.begun = clock.ends[PHASE_TRAP] = rdtsc() + 100000000000;
	clock.ends[PHASE_WAIT] = clock.begun;
	fault_slowest_get(&before);
	fault_clock_end(&clock, FAULT_MINOR, 0);
	fault_slowest_get(&after);
	EXPECT_EQ(after.cycles, before.cycles);
}
