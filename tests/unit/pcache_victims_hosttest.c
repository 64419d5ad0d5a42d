/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The victim cache and the lines that CPUs have at hand, step by step: what
 * random loads of the pcache meet too seldom to be relied upon.  Nothing is
 * mapped here, and no memory node is needed.  Each test runs in a process of
 * its own, with a fresh boot.
 */
#include "fake_sched.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/ktest.h>
#include <lib/string.h>
#include <managers/processor/mm/model_shared.h>
#include <managers/processor/pcache/internal.h>

#define NR_WAYS    4u
#define NR_VICTIMS 128u /* so many that lines come and go by twos */

static u64 seed;

static void boot(void)
{
	model_set_option("pcache", "1M,4way,victim=128");
	fake_sched_start(seed);
	CHECK(!pcache_start());
	CHECK(pcache.nr_sets == 32 && pcache.nr_ways == NR_WAYS);
	CHECK(pcache.nr_victims == NR_VICTIMS && stock_batch() == 2);
	victims.low = 1; /* nobody evicts unasked, evict_clean() one line */
}

/* The first frame from @pfn on whose set is @set. */
static u64 gframe_of(const struct pcache_set *set, u64 pfn)
{
	while (set_of(gframe_make(0, pfn)) != set)
		pfn++;
	return gframe_make(0, pfn);
}

/* The line of @gframe, which is expected to be @got; then it is unpinned. */
static struct pcache_line *use(u64 gframe, enum pcache_got got)
{
	struct pcache_line *line;

	CHECK(pcache_try_get(gframe, &line) == got);
	if (got == PCACHE_CLAIMED)
		pcache_fill_end(line, true, false);
	pcache_unpin(line);
	return line;
}

/* @line, the only one of @set that can be, becomes a clean victim. */
static void evict(struct pcache_set *set, const struct pcache_line *line)
{
	CHECK(evict_clean(set) == 1);
	CHECK(line->state == LINE_VICTIM && line->fifo == FIFO_CLEAN);
}

static struct pcache_line *new_victim(struct pcache_set *set)
{
	struct pcache_line *line = use(gframe_of(set, 1), PCACHE_CLAIMED);

	evict(set, line);
	return line;
}

static u32 fifo_count(struct list_head *head, enum line_fifo fifo)
{
	struct pcache_line *line;
	u32 nr = 0;

	list_for_each_entry (line, head, in_fifo) {
		CHECK(line->state == LINE_VICTIM && line->fifo == fifo);
		CHECK(line->is_dirty == (fifo == FIFO_DIRTY));
		nr++;
	}
	return nr;
}

/* Victims and nothing else are in the FIFOs, and so many. */
static void expect_victims(u32 nr_clean, u32 nr_dirty)
{
	CHECK(fifo_count(&victims.clean, FIFO_CLEAN) == nr_clean);
	CHECK(fifo_count(&victims.dirty, FIFO_DIRTY) == nr_dirty);
	CHECK(victims.nr_clean == nr_clean && victims.nr_dirty == nr_dirty);
	CHECK(pcache_check() == 0);
}

/* ---- R14: a victim that is wanted again --------------------------------- */

static void run_rescue(void)
{
	struct pcache_set *set;
	struct pcache_line *line;

	boot();
	set = &pcache.sets[0];
	line = new_victim(set);
	for (u32 i = 0; i < 3; i++) {
		expect_victims(1, 0);
		CHECK(use(line->gframe, PCACHE_FOUND_VICTIM) == line);
		expect_victims(0, 0);
		CHECK(victims_reclaim() == 0);
		CHECK(use(line->gframe, PCACHE_FOUND) == line);
		evict(set, line);
	}
	CHECK(victims_reclaim() == 1);
	model_expect_lines_free();
}

KTEST(r14_a_victim_that_is_wanted_again_is_in_no_fifo)
{
	for (seed = 1; seed <= 4; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_rescue), 0);
}

/* ---- R14: what happens to a victim between picking and locking it -------- */

static u32 nr_reclaimed;
static bool is_reclaimed;

static void reclaim_thread(void *arg)
{
	nr_reclaimed = victims_reclaim();
	is_reclaimed = true;
}

#define NR_POINTS 100u /* in which all threads get on as far as they can */

static void let_others_run(void)
{
	for (u32 i = 0; i < NR_POINTS; i++)
		fake_sched_point();
}

/* Return: a clean victim of the second set, which a thread has picked to free
 * it, found locked, and comes back to after one of the first set, whose lock
 * it waits for: we hold it. */
static struct pcache_line *picked_victim(void)
{
	struct pcache_line *line;

	boot();
	new_victim(&pcache.sets[0]);
	line = new_victim(&pcache.sets[1]);
	expect_victims(2, 0);
	spin_lock_pair(&pcache.sets[0].lock, &pcache.sets[1].lock);
	CHECK(thread_spawn("reclaims", reclaim_thread, NULL));
	while (READ_ONCE(victims.nr_clean))
		fake_sched_point();
	let_others_run();
	spin_unlock(&pcache.sets[1].lock);
	CHECK(line->state == LINE_VICTIM && line->fifo == FIFO_NONE);
	return line;
}

/* The thread goes on; it frees @nr victims. */
static void expect_reclaimed(u32 nr)
{
	spin_unlock(&pcache.sets[0].lock);
	while (!is_reclaimed)
		sleep_ns(NSEC_PER_MSEC);
	CHECK(nr_reclaimed == nr);
}

static void run_nothing_happens(void)
{
	picked_victim();
	expect_reclaimed(2);
	model_expect_lines_free();
}

/* It came back and was evicted once more: it is the youngest, not ours. */
static void run_evicted_again(void)
{
	struct pcache_line *line = picked_victim();
	u64 gframe = line->gframe;

	CHECK(use(gframe, PCACHE_FOUND_VICTIM) == line);
	evict(&pcache.sets[1], line);
	expect_reclaimed(1);
	expect_victims(1, 0);
	CHECK(use(gframe, PCACHE_FOUND_VICTIM) == line);
}

/* It came back, was modified, evicted once more, and picked by somebody who
 * will write it: what it holds is nowhere else. */
static void run_modified(void)
{
	struct pcache_line *line = picked_victim();
	struct victim_pick pick = {line, line->set};

	spin_lock(&line->set->lock);
	line->is_dirty = true;
	spin_unlock(&line->set->lock);
	expect_reclaimed(1);
	expect_victims(0, 1);
	CHECK(!victim_is_ours(&pick)); /* who was to write it lets it be */
	CHECK(use(line->gframe, PCACHE_FOUND_VICTIM) == line);
	CHECK(line->is_dirty);
}

/* Somebody pinned it. */
static void run_in_use(void)
{
	struct pcache_line *line = picked_victim(), *found;

	CHECK(pcache_try_get(line->gframe, &found) == PCACHE_FOUND_VICTIM);
	CHECK(found == line);
	expect_reclaimed(1);
	CHECK(line->state == LINE_VALID && line->nr_pins == 1);
	expect_victims(0, 0);
}

/* Its frame died. */
static void run_freed(void)
{
	pcache_forget(picked_victim()->gframe, true);
	expect_reclaimed(1);
	model_expect_lines_free();
}

KTEST(r14_a_picked_victim_is_freed_only_if_nothing_happened_to_it)
{
	for (seed = 1; seed <= 4; seed++) {
		EXPECT_EQ(fake_sched_run_apart(run_nothing_happens), 0);
		EXPECT_EQ(fake_sched_run_apart(run_evicted_again), 0);
		EXPECT_EQ(fake_sched_run_apart(run_modified), 0);
		EXPECT_EQ(fake_sched_run_apart(run_in_use), 0);
		EXPECT_EQ(fake_sched_run_apart(run_freed), 0);
	}
}

/* ---- sets that somebody has locked --------------------------------------- */

static u32 nr_evicted;
static bool has_evicted;

static void evict_clean_thread(void *arg)
{
	nr_evicted = evict_clean(arg);
	has_evicted = true;
}

static void evict_help_thread(void *arg)
{
	nr_evicted = evict_help();
	has_evicted = true;
}

/* The victim of a set that can be had goes first. */
static void run_reclaim_passes_by(void)
{
	struct pcache_line *line;

	boot();
	new_victim(&pcache.sets[0]);
	line = new_victim(&pcache.sets[1]);
	spin_lock(&pcache.sets[0].lock);
	CHECK(thread_spawn("reclaims", reclaim_thread, NULL));
	let_others_run();
	CHECK(line->state == LINE_FREE && !is_reclaimed);
	expect_reclaimed(2);
	model_expect_lines_free();
}

/* Who looks for any clean line takes one of another set. */
static void run_clean_passes_by(void)
{
	struct pcache_line *lines[2];

	boot();
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++)
		lines[i] = use(gframe_of(&pcache.sets[i], 1), PCACHE_CLAIMED);
	spin_lock(&pcache.sets[0].lock);
	CHECK(thread_spawn("evicts", evict_clean_thread, &pcache.sets[0]));
	while (!has_evicted)
		fake_sched_point();
	CHECK(nr_evicted == 1 && lines[1]->state == LINE_VICTIM);
	CHECK(lines[0]->state == LINE_VALID);
	spin_unlock(&pcache.sets[0].lock);
	expect_victims(1, 0);
}

/* But it waits for the set that has the only one. */
static void run_clean_waits_for_the_last(void)
{
	struct pcache_line *line;

	boot();
	line = use(gframe_of(&pcache.sets[0], 1), PCACHE_CLAIMED);
	spin_lock(&pcache.sets[0].lock);
	CHECK(thread_spawn("evicts", evict_clean_thread, &pcache.sets[1]));
	let_others_run();
	CHECK(!has_evicted && line->state == LINE_VALID);
	spin_unlock(&pcache.sets[0].lock);
	while (!has_evicted)
		sleep_ns(NSEC_PER_MSEC);
	CHECK(nr_evicted == 1);
	expect_victims(1, 0);
}

static void make_too_large(struct pcache_set *set)
{
	u64 gframe = 0;

	for (u32 i = 0; i <= NR_WAYS; i++) {
		gframe = gframe_of(set, gframe + 1);
		use(gframe, PCACHE_CLAIMED);
	}
	CHECK(set->nr_extra == 1 && set->is_todo);
}

/* A set that is too large stays known to evictors, whoever has locked it. */
static void run_extras_pass_by(void)
{
	struct pcache_set *sets;

	boot();
	sets = pcache.sets;
	for (u32 i = 0; i < 3; i++)
		make_too_large(&sets[i]);
	victims.low = NR_VICTIMS;
	spin_lock(&sets[1].lock);
	CHECK(thread_spawn("evicts", evict_help_thread, NULL));
	while (!has_evicted)
		fake_sched_point();
	CHECK(nr_evicted == 2 && !sets[0].nr_extra && !sets[2].nr_extra);
	CHECK(sets[1].nr_extra == 1 && sets[1].is_todo && todo_count() == 1);
	spin_unlock(&sets[1].lock);
	CHECK(evict_help() == 1 && !sets[1].nr_extra && !todo_count());
	expect_victims(3, 0);
}

KTEST(who_has_a_choice_passes_by_sets_that_are_locked)
{
	for (seed = 1; seed <= 4; seed++) {
		EXPECT_EQ(fake_sched_run_apart(run_reclaim_passes_by), 0);
		EXPECT_EQ(fake_sched_run_apart(run_clean_passes_by), 0);
		EXPECT_EQ(fake_sched_run_apart(run_clean_waits_for_the_last),
			  0);
		EXPECT_EQ(fake_sched_run_apart(run_extras_pass_by), 0);
	}
}

/* ---- the end of a batch of write-backs ----------------------------------- */

/* What victims do when they are picked to be written as batch @out. */
static void go_out(struct pcache_line *line, u8 out)
{
	struct victim_pick pick;

	CHECK(victims_pick(FIFO_CLEAN, &pick, 1) == 1 && pick.line == line);
	spin_lock(&line->set->lock);
	line->fifo = out;
	spin_unlock(&line->set->lock);
	victims.nr_writing++;
}

static void run_written(void)
{
	const u8 out = FIFO_OUT + 1, other = FIFO_OUT;
	struct pcache_line *lines[5];
	u64 gframes[5];

	boot();
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		lines[i] = new_victim(&pcache.sets[i]);
		gframes[i] = lines[i]->gframe;
		go_out(lines[i], out);
	}
	expect_victims(0, 0);
	/* Nothing happens to the first.  Others are wanted, and evicted once
	 * more, and written once more; or freed. */
	for (u32 i = 1; i < 4; i++)
		CHECK(use(gframes[i], PCACHE_FOUND_VICTIM) == lines[i]);
	for (u32 i = 2; i < 4; i++)
		evict(&pcache.sets[i], lines[i]);
	CHECK(use(gframes[2], PCACHE_FOUND_VICTIM) == lines[2]);
	go_out(lines[3], other);
	evict(&pcache.sets[2], lines[2]);
	pcache_forget(gframes[4], true);

	victims_written(lines, ARRAY_SIZE(lines), out);
	CHECK(lines[0]->fifo == FIFO_CLEAN && lines[1]->fifo == FIFO_NONE);
	CHECK(lines[2]->fifo == FIFO_CLEAN && lines[3]->fifo == other);
	CHECK(lines[4]->state == LINE_FREE && victims.nr_writing == 1);
	expect_victims(2, 0);
	victims_written(&lines[3], 1, other);
	CHECK(!victims.nr_writing);
	expect_victims(3, 0);
	CHECK(use(gframes[1], PCACHE_FOUND) == lines[1]);
}

KTEST(of_a_batch_that_was_written_those_become_victims_that_stayed_out)
{
	for (seed = 1; seed <= 4; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_written), 0);
}

/* ---- lines that another CPU has at hand --------------------------------- */

#define NR_AT_HAND 4u /* the most at two a time */

static u32 hoarder_cpu;
static bool has_hoarded;

/* This CPU keeps as many lines as it may. */
static void hoard_thread(void *arg)
{
	struct pcache_line *lines[NR_AT_HAND];

	hoarder_cpu = cpu_id();
	for (u32 i = 0; i < NR_AT_HAND; i++)
		CHECK((lines[i] = stock_pop(NULL)));
	for (u32 i = 0; i < NR_AT_HAND; i++)
		stock_push(lines[i]);
	has_hoarded = true;
}

/* All lines but those that another CPU has at hand are taken. */
static void take_all_but_hoarded(struct pcache_line **taken)
{
	boot();
	CHECK(thread_spawn("hoards", hoard_thread, NULL));
	while (!has_hoarded)
		sleep_ns(NSEC_PER_MSEC);
	CHECK(hoarder_cpu != cpu_id());
	for (u32 i = 0; i < NR_VICTIMS - NR_AT_HAND; i++)
		CHECK((taken[i] = stock_pop(NULL)));
	CHECK(!stock_pop(NULL));
	CHECK(stock_count() == NR_AT_HAND && !victims.nr_stock);
}

static void run_steal(void)
{
	struct pcache_line *taken[NR_VICTIMS];

	take_all_but_hoarded(taken);
	for (u32 i = NR_VICTIMS - NR_AT_HAND; i < NR_VICTIMS; i++) {
		CHECK(stock_steal());
		CHECK(stock_count() == NR_VICTIMS - i); /* none is lost */
		CHECK((taken[i] = stock_pop(NULL)));
	}
	CHECK(!stock_steal() && !stock_count());
	for (u32 i = 0; i < NR_VICTIMS; i++)
		for (u32 k = 0; k < i; k++)
			CHECK(taken[i] != taken[k]);
	for (u32 i = 0; i < NR_VICTIMS; i++)
		stock_push(taken[i]);
	model_expect_lines_free();
}

/* A fault that finds nothing else does it. */
static void run_fault_steals(void)
{
	struct pcache_line *taken[NR_VICTIMS], *lines[NR_WAYS + NR_AT_HAND];
	struct pcache_line *line;
	struct pcache_set *set;
	u64 gframe = 0;

	take_all_but_hoarded(taken);
	set = &pcache.sets[0];
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		gframe = gframe_of(set, gframe + 1);
		CHECK(pcache_try_get(gframe, &lines[i]) == PCACHE_CLAIMED);
	}
	CHECK(set->nr_extra == (s32)NR_AT_HAND);
	CHECK(pcache_try_get(gframe_of(set, gframe + 1), &line) == PCACHE_FULL);
	CHECK(counter_read(COUNTER_nr_pcache_eviction_sync) == 0);
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++)
		pcache_fill_end(lines[i], false, false);
	for (u32 i = 0; i < NR_VICTIMS - NR_AT_HAND; i++)
		stock_push(taken[i]);
	model_expect_lines_free();
}

KTEST(who_finds_no_line_takes_what_another_cpu_has_at_hand)
{
	for (seed = 1; seed <= 4; seed++) {
		EXPECT_EQ(fake_sched_run_apart(run_steal), 0);
		EXPECT_EQ(fake_sched_run_apart(run_fault_steals), 0);
	}
}
