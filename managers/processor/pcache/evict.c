/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eviction, ahead of demand.  A fault that finds all ways of its set taken
 * gets a line of the reserve and leaves the set on a list, one line too large.
 * When the reserve falls to the low mark an evictor wakes up: it takes the
 * extra lines out of all those sets - unmap a batch, flush all TLBs once, make
 * them victims - and posts write-backs of the dirty ones, for which it does
 * not wait.
 *
 * The low mark follows demand: when the reserve was nearly used up before an
 * evictor came, it rises by a quarter; round by round it sinks again, slowly.
 * Evictors are kernel threads, which get a CPU before programs do; should they
 * be late all the same, faults help (evict_help()).  How long a write-back
 * takes, or an evictor between unmapping and the end of its TLB shootdown,
 * nobody knows; so a fault that finds nothing at all goes to any set for lines
 * that are clean (evict_clean()).
 */
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/time.h>
#include <lib/minmax.h>

struct evict_batch {
	u32 nr, nr_max;
	struct list_head lines; /* EVICTING, by in_fifo */
	struct rmap_flush flush;
};

static void todo_push(struct pcache_set *set)
{
	ASSERT_LOCKED(&set->lock);
	spin_lock(&victims.lock);
	todo_add_locked(set);
	spin_unlock(&victims.lock);
}

void evict_want(struct pcache_set *set)
{
	todo_push(set);
	evictor_check();
}

void evictor_check(void)
{
	if (reserve_is_below(READ_ONCE(victims.low)))
		waitq_wake_one(&victims.evictors);
}

static struct pcache_set *todo_pop(void)
{
	struct pcache_set *set;

	spin_lock(&victims.lock);
	set = list_first_entry_or_null(&victims.todo, struct pcache_set,
				       in_todo);
	if (set) {
		list_del_init(&set->in_todo);
		WRITE_ONCE(victims.nr_todo, victims.nr_todo - 1);
	}
	spin_unlock(&victims.lock);
	return set;
}

/* VALID -> EVICTING: nobody can find a mapping of it any more. */
static void evict_line(struct evict_batch *batch, struct pcache_line *line)
{
	struct pcache_set *set = line->set;

	ASSERT(line_is_evictable(line));
	rmap_unmap_all(line, &batch->flush);
	line_set_state(line, LINE_EVICTING);
	list_move_tail(&line->in_list, &set->victims);
	list_add_tail(&line->in_fifo, &batch->lines);
	set->nr_extra--;
	batch->nr++;
}

/* Evict what @set has beyond its ways, as far as the batch has room. */
static void evict_from_set(struct evict_batch *batch, struct pcache_set *set)
{
	struct pcache_line *line;

	spin_lock(&set->lock);
	while (set->nr_extra > 0 && batch->nr < batch->nr_max) {
		line = READ_ONCE(pcache.policy)->choose(set);
		if (!line) {
			counter_inc(nr_pcache_eviction_failure_find);
			break;
		}
		evict_line(batch, line);
	}
	if (set->nr_extra > 0)
		todo_push(set);
	ASSERT(pcache_set_check(set));
	spin_unlock(&set->lock);
}

/* What is unmapped becomes victims.  Return: how many lines. */
static u32 batch_finish(struct evict_batch *batch)
{
	if (!batch->nr)
		return 0;
	counter_add(nr_pcache_eviction_triggered, batch->nr);
	counter_inc(nr_pcache_eviction_batch);
	rmap_flush_run(&batch->flush);
	victims_accept(&batch->lines);
	counter_add(nr_pcache_eviction_succeed, batch->nr);
	return batch->nr;
}

/* Return: how many lines became victims, at most @nr_max. */
static u32 evict_extras(u32 nr_max)
{
	struct evict_batch batch = {.nr = 0, .nr_max = nr_max};
	u32 nr_looks = READ_ONCE(victims.nr_todo);
	struct pcache_set *set;

	list_init(&batch.lines);
	while (nr_looks-- && batch.nr < nr_max && (set = todo_pop()))
		evict_from_set(&batch, set);
	return batch_finish(&batch);
}

static void evict_clean_of(struct evict_batch *batch, struct pcache_set *set)
{
	struct pcache_line *line;

	spin_lock(&set->lock);
	line = choose_clean(set);
	if (line)
		evict_line(batch, line);
	ASSERT(pcache_set_check(set));
	spin_unlock(&set->lock);
}

u32 evict_clean(struct pcache_set *first)
{
	struct evict_batch batch = {
		.nr_max = max(READ_ONCE(victims.low) / 2, 1u)};
	u32 nr_looks = min(pcache.nr_sets, CLEAN_LOOKS_MAX);
	u32 at = READ_ONCE(pcache.hand); /* races only make it uneven */

	list_init(&batch.lines);
	evict_clean_of(&batch, first);
	while (nr_looks-- && batch.nr < batch.nr_max) {
		at = at + 1 < pcache.nr_sets ? at + 1 : 0;
		evict_clean_of(&batch, &pcache.sets[at]);
	}
	WRITE_ONCE(pcache.hand, at);
	counter_add(nr_pcache_eviction_clean, batch.nr);
	return batch_finish(&batch);
}

u32 evict_help(void)
{
	u32 nr = write_backs_end(), low = READ_ONCE(victims.low), n;

	if (reserve_is_below(low)) {
		n = evict_extras(PAGES_PER_IPI);
		if (n)
			counter_inc(nr_pcache_eviction_help);
		nr += n;
	}
	write_backs_start();
	return nr;
}

u32 evict_round(void)
{
	u32 nr = write_backs_end(), nr_evicted = 0, n, low = victims.low;

	if (reserve_is_below(low)) {
		do {
			n = evict_extras(pcache.evict_batch);
			nr_evicted += n;
			write_backs_start();
		} while (n == pcache.evict_batch && nr_evicted < pcache.refill);
		/* A race with reserve_was_short() loses nothing that matters.
		 */
		WRITE_ONCE(victims.low, max(low - low / 32, pcache.low_min));
	}
	write_backs_start();
	return nr + nr_evicted;
}

static bool has_work(void)
{
	return write_backs_ended() || write_backs_may_start() ||
	       (READ_ONCE(victims.nr_todo) &&
		reserve_is_below(READ_ONCE(victims.low)));
}

void evict_thread(void *arg)
{
	for (;;) {
		wait_event_idle(&victims.evictors, has_work());
		/* No progress: all is pinned; let it end. */
		if (!evict_round() && has_work())
			sleep_ns(NSEC_PER_MSEC);
	}
}
