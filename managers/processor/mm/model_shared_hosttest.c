/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model_shared.h"

#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <lib/ktest.h>
#include <lib/string.h>
#include <managers/processor/pcache/internal.h>
#include <stdio.h>
#include <stdlib.h>
#include <tests/unit/fake_m.h>
#include <tests/unit/fake_mmu.h>
#include <tests/unit/fake_sched.h>

#define NR_STREAMS 64u

struct prefetch_stream *model_stream(void)
{
	static struct prefetch_stream streams[NR_STREAMS];

	return &streams[fake_sched_self() % NR_STREAMS];
}

void model_set_option(const char *name, const char *value)
{
	extern const struct boot_option __start_boot_options[];
	extern const struct boot_option __stop_boot_options[];

	for (const struct boot_option *o = __start_boot_options;
	     o < __stop_boot_options; o++)
		if (!strcmp(o->name, name))
			CHECK(!o->setter(value));
}

void model_expect_lines_free(void)
{
	s32 nr_lent = 0;

	CHECK(pcache_check() == 0);
	CHECK(!victims.nr_clean && !victims.nr_dirty && !victims.nr_writing);
	for (u32 i = 0; i < pcache.nr_sets; i++) {
		CHECK(list_empty(&pcache.sets[i].resident));
		CHECK(list_empty(&pcache.sets[i].victims));
		CHECK(pcache.sets[i].nr_extra <= 0);
		nr_lent -= pcache.sets[i].nr_extra;
	}
	CHECK((s32)stock_count() == (s32)pcache.nr_victims + nr_lent);
	for (u32 i = 0; i < pcache.nr_lines; i++) {
		const struct pcache_line *line = &pcache.lines[i];

		CHECK(line->state == LINE_FREE && !line->nr_pins &&
		      !line->nr_maps && !line->is_writing);
	}
}

void model_expect_nothing_left(void)
{
	CHECK(gauge_read(nr_pcache_rmaps) == 0);
	CHECK(gauge_read(nr_pcache_lines) == 0);
	CHECK(gauge_read(nr_user_frames) == 0);
	CHECK(gauge_read(nr_user_aspaces) == 0);
	CHECK(gauge_read(nr_stock_frames) == fake_m_granted_frames());
	CHECK(mmu_nr_tables() == 0);
	CHECK(counter_read(COUNTER_nr_prefetch_issued) ==
	      counter_read(COUNTER_nr_prefetch_used) +
		      counter_read(COUNTER_nr_prefetch_wasted));
	model_expect_lines_free();
}

void model_run_seeds(void (*fn)(void), u64 *seed, u64 nr)
{
	const char *fixed = getenv("PCACHE_SEED");
	const char *rounds = getenv("PCACHE_ROUNDS");
	u64 first = 1;

	if (rounds)
		nr = strtoul(rounds, NULL, 0);
	if (fixed)
		first = nr = strtoul(fixed, NULL, 0);
	for (*seed = first; *seed <= nr; ++*seed) {
		int status = fake_sched_run_apart(fn);

		if (status)
			fprintf(stderr, "repeat with PCACHE_SEED=%lu\n", *seed);
		EXPECT_EQ(status, 0);
	}
}
