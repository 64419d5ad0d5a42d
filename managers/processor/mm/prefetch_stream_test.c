/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of faults made up, with a pcache that keeps all that is read. */
#include "prefetch_stream.h"

#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/rand.h>
#include <lib/string.h>

#define NR_PAGES 8192u

/* One thread that touches pages, in a memory that was all evicted. */
struct scan {
	struct prefetch_stream stream;
	enum prefetch_mode mode;
	u8 is_ahead[NR_PAGES]; /* was read, not yet used */
	u32 nr_faults, nr_issued, nr_used, nr_batches, batch_max;
};

static struct scan scan;

static void begin(enum prefetch_mode mode)
{
	scan = (struct scan){.mode = mode};
}

static void touch(u64 page)
{
	struct prefetch_plan plan;
	bool was_ahead = scan.is_ahead[page];
	u32 nr = 0;

	scan.nr_faults++;
	scan.nr_used += was_ahead;
	scan.is_ahead[page] = 0;
	if (!prefetch_note(&scan.stream, scan.mode, page, was_ahead, &plan))
		return;
	for (u32 i = 0; i < plan.nr; i++) {
		u64 p = plan.first + (u64)plan.stride * i;

		if (p >= NR_PAGES || scan.is_ahead[p])
			continue;
		scan.is_ahead[p] = 1;
		nr++;
	}
	prefetch_issued(&scan.stream, plan.nr, plan.nr, nr);
	scan.nr_issued += nr;
	scan.nr_batches += nr > 0;
	scan.batch_max = nr > scan.batch_max ? nr : scan.batch_max;
}

KTEST(a_sequential_scan_is_read_ahead_after_a_few_faults)
{
	begin(PREFETCH_SEQ);
	for (u32 i = 0; i < 2000; i++)
		touch(100 + i);
	EXPECT_TRUE(scan.nr_used >= 1990);
	EXPECT_TRUE(scan.nr_issued - scan.nr_used <= PREFETCH_WINDOW_MAX);
	EXPECT_EQ(scan.stream.window, PREFETCH_WINDOW_MAX);
	/* In batches of half a window. */
	EXPECT_TRUE(scan.nr_batches < 2000 / 7);
	EXPECT_TRUE(scan.batch_max <= PREFETCH_WINDOW_MAX);
}

KTEST(a_scan_downwards_and_a_strided_one_are_trends)
{
	begin(PREFETCH_SEQ);
	for (u32 i = 0; i < 1000; i++)
		touch(5000 - i);
	EXPECT_TRUE(scan.nr_used >= 990);
	begin(PREFETCH_TREND);
	for (u32 i = 0; i < 1000; i++)
		touch(10 + 7 * i);
	EXPECT_TRUE(scan.nr_used >= 990);
	/* The simple mode wants neighbours. */
	begin(PREFETCH_SEQ);
	for (u32 i = 0; i < 1000; i++)
		touch(10 + 7 * i);
	EXPECT_EQ(scan.nr_issued, 0);
}

KTEST(random_access_reads_nothing_ahead)
{
	struct rand rand;

	for (u64 seed = 1; seed <= 20; seed++) {
		rand_seed(&rand, seed);
		begin(PREFETCH_TREND);
		for (u32 i = 0; i < 5000; i++)
			touch(rand_below(&rand, NR_PAGES));
		EXPECT_TRUE(scan.nr_issued <= 4);
	}
	/* Where distances are few, some repeat by chance. */
	for (u64 seed = 1; seed <= 20; seed++) {
		rand_seed(&rand, seed);
		begin(PREFETCH_TREND);
		for (u32 i = 0; i < 5000; i++)
			touch(rand_below(&rand, 12));
		EXPECT_TRUE(scan.nr_issued <= 250);
	}
}

/* Runs and leaps, some of the same length. */
static u64 next_page(struct rand *rand, u64 page)
{
	switch (rand_below(rand, 8)) {
	case 0:
		return rand_below(rand, NR_PAGES);
	case 1:
		return page; /* once more */
	case 2:
		return (page + 5) % NR_PAGES;
	default:
		return (page + rand_below(rand, 3)) % NR_PAGES;
	}
}

KTEST(the_short_way_of_noting_a_fault_does_what_the_long_one_does)
{
	struct prefetch_stream s, other;
	struct prefetch_plan plan, other_plan;
	u32 nr_short = 0, nr_plans = 0;
	struct rand rand;
	u64 page = 1;

	memset(&s, 0, sizeof(s));
	memset(&other, 0, sizeof(other));
	rand_seed(&rand, 7);
	for (u32 i = 0; i < 20000; i++) {
		bool was_ahead = rand_below(&rand, 2), is_planned;

		page = next_page(&rand, page);
		is_planned = prefetch_note(&s, PREFETCH_TREND, page, was_ahead,
					   &plan);
		if (!was_ahead && prefetch_note_astray(&other, page)) {
			EXPECT_TRUE(!is_planned);
			nr_short++;
		} else {
			EXPECT_EQ(prefetch_note(&other, PREFETCH_TREND, page,
						was_ahead, &other_plan),
				  is_planned);
		}
		if (is_planned) {
			nr_plans++;
			prefetch_issued(&s, plan.nr, plan.nr, plan.nr);
			prefetch_issued(&other, plan.nr, plan.nr, plan.nr);
		}
		EXPECT_TRUE(!memcmp(&s, &other, sizeof(s)));
	}
	EXPECT_TRUE(nr_short > 1000 && nr_plans > 100);
}

KTEST(random_access_goes_the_short_way)
{
	struct prefetch_stream s = {0};
	u32 nr_short = 0;
	struct rand rand;

	rand_seed(&rand, 8);
	for (u32 i = 0; i < 5000; i++)
		nr_short +=
			prefetch_note_astray(&s, rand_below(&rand, NR_PAGES));
	EXPECT_TRUE(nr_short > 4990);
}

KTEST(a_stream_goes_on_after_faults_elsewhere)
{
	struct rand rand;

	rand_seed(&rand, 5);
	begin(PREFETCH_TREND);
	for (u32 i = 0; i < 2000; i++) {
		touch(100 + i);
		if (i % 5 == 4)
			touch(4000 + rand_below(&rand, 4000));
	}
	EXPECT_TRUE(scan.nr_used >= 1980);
	EXPECT_TRUE(scan.nr_issued - scan.nr_used <= 2 * PREFETCH_WINDOW_MAX);
}

KTEST(pages_on_the_way_that_take_no_fault_do_not_stop_it)
{
	struct rand rand;

	rand_seed(&rand, 6);
	begin(PREFETCH_TREND);
	for (u32 i = 0; i < 50; i++)
		touch(100 + i);
	for (u32 i = 50; i < 2000; i++)
		if (rand_below(&rand, 8)) /* others are mapped */
			touch(100 + i);
	EXPECT_EQ(scan.stream.trend, 1);
	EXPECT_TRUE(scan.nr_used >= 1600);
}

KTEST(a_window_closes_when_what_it_reads_is_not_used)
{
	u64 page = 10;

	/* Runs of 7, then elsewhere: most of each batch is in vain. */
	begin(PREFETCH_TREND);
	for (u32 run = 0; run < 200; run++, page = (page + 997) % 8000)
		for (u32 i = 0; i < 7; i++)
			touch(page + i);
	EXPECT_TRUE(scan.nr_issued < 1400);
	EXPECT_TRUE(scan.nr_issued - scan.nr_used < 500);
	EXPECT_TRUE(scan.stream.window <= 4);
}

/* Pages that fill and vanish again before use: no fault finds them. */
KTEST(reading_that_is_never_found_stops)
{
	struct prefetch_stream s = {0};
	struct prefetch_plan plan;
	u32 nr_issued = 0;

	for (u64 page = 1; page < 4000; page++) {
		if (!prefetch_note(&s, PREFETCH_TREND, page, false, &plan))
			continue;
		nr_issued += plan.nr;
		prefetch_issued(&s, plan.nr, plan.nr, plan.nr);
	}
	EXPECT_TRUE(nr_issued < 4000 / 6);
	EXPECT_TRUE(s.window <= PREFETCH_WINDOW_MIN);
	EXPECT_TRUE(s.patience > PREFETCH_PATIENCE);
}

KTEST(plans_never_ask_twice_for_what_is_covered)
{
	struct prefetch_stream s = {0};
	struct prefetch_plan plan;
	u64 next = 0;

	for (u64 page = 1; page < 1000; page++) {
		if (!prefetch_note(&s, PREFETCH_SEQ, page, page > 20, &plan))
			continue;
		EXPECT_TRUE(plan.first > page && plan.first >= next);
		EXPECT_TRUE(plan.nr && plan.nr <= PREFETCH_WINDOW_MAX);
		EXPECT_TRUE(plan.first + plan.nr - 1 <=
			    page + PREFETCH_WINDOW_MAX);
		next = plan.first + plan.nr;
		prefetch_issued(&s, plan.nr, plan.nr, plan.nr);
	}
	EXPECT_TRUE(next > 1000);
}

KTEST(pages_that_a_plan_did_not_get_to_are_asked_for_again)
{
	struct prefetch_stream s = {0};
	struct prefetch_plan plan;
	u64 next = 0;

	/* There is room for one read at a time. */
	for (u64 page = 1; page < 500; page++) {
		if (!prefetch_note(&s, PREFETCH_SEQ, page, page < next, &plan))
			continue;
		EXPECT_TRUE(!next || plan.first == next);
		EXPECT_EQ(plan.nr_before, plan.first - page - 1);
		next = plan.first + 1;
		prefetch_issued(&s, plan.nr, 1, 1);
	}
	EXPECT_TRUE(next >= 500);
}

KTEST(a_fault_of_the_same_page_again_changes_nothing)
{
	begin(PREFETCH_SEQ);
	for (u32 i = 0; i < 500; i++) {
		touch(100 + i);
		touch(100 + i);
	}
	EXPECT_TRUE(scan.nr_used >= 490);
}

KTEST(extreme_page_numbers_do_no_harm)
{
	static const u64 pages[] = {0,          ~0ul >> 12, 1ul << 51,   1,
				    ~0ul >> 13, 0x7ff,      ~0ul / 4097, 2};
	struct prefetch_stream s = {0};
	struct prefetch_plan plan;
	struct rand rand;

	rand_seed(&rand, 9);
	for (u32 i = 0; i < 20000; i++)
		if (prefetch_note(&s, PREFETCH_TREND,
				  pages[rand_below(&rand, ARRAY_SIZE(pages))],
				  rand_below(&rand, 2), &plan))
			prefetch_issued(&s, plan.nr, plan.nr, plan.nr);
	EXPECT_TRUE(s.window <= PREFETCH_WINDOW_MAX);
}
