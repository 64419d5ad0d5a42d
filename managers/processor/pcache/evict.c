/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eviction, ahead of demand.  A fault that finds all ways of its set taken
 * gets a line of the stock and leaves the set on a list, one line too large.
 * When the stock falls to the low mark an evictor wakes up and goes on to the
 * high mark: it takes the extra lines out of all those sets - unmap a batch,
 * flush all TLBs once, move them to the victim cache - and then frees the
 * oldest victims.  A fault itself evicts nothing, and wakes the evictor once
 * for many lines.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/time.h>
#include <lib/minmax.h>

struct evict_batch {
	u32 nr;
	struct pcache_line *lines[EVICT_BATCH]; /* EVICTING */
	struct rmap_flush flush;
};

void evict_want(struct pcache_set *set)
{
	ASSERT_LOCKED(&set->lock);
	spin_lock(&victims.lock);
	if (list_empty(&set->in_todo)) {
		list_add_tail(&set->in_todo, &victims.todo);
		victims.nr_todo++;
	}
	spin_unlock(&victims.lock);
	if (!stock_has(pcache.stock_low))
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
		victims.nr_todo--;
	}
	spin_unlock(&victims.lock);
	return set;
}

/* VALID -> EVICTING: nobody can find a mapping of it any more. */
static void evict_line(struct evict_batch *batch, struct pcache_line *line)
{
	struct pcache_set *set = line->set;

	ASSERT(line_is_evictable(line) && pcache_line_check(line));
	line->state = LINE_EVICTING;
	list_move_tail(&line->in_list, &set->victims);
	set->nr_extra--;
	rmap_unmap_all(line, &batch->flush);
	batch->lines[batch->nr++] = line;
	counter_inc(nr_pcache_eviction);
}

/* Evict what @set has beyond its ways, as far as the batch has room. */
static void evict_from_set(struct evict_batch *batch, struct pcache_set *set)
{
	struct pcache_line *line;

	spin_lock(&set->lock);
	while (set->nr_extra && batch->nr < EVICT_BATCH) {
		line = pcache.policy->choose(set);
		if (!line) {
			counter_inc(nr_pcache_eviction_failure_find);
			break;
		}
		evict_line(batch, line);
	}
	if (set->nr_extra)
		evict_want(set);
	spin_unlock(&set->lock);
}

/* EVICTING -> VICTIM */
static void evict_finish(struct pcache_line *line)
{
	struct pcache_set *set = line->set;

	spin_lock(&set->lock);
	ASSERT(line->state == LINE_EVICTING && !line->nr_maps);
	line->state = LINE_VICTIM;
	victim_add(line);
	set_event(set);
	ASSERT(pcache_set_check(set));
	spin_unlock(&set->lock);
}

/* Return: how many lines became victims. */
static u32 evict_extras(void)
{
	struct evict_batch batch = {.nr = 0};
	u32 nr_looks = READ_ONCE(victims.nr_todo);
	struct pcache_set *set;

	while (nr_looks-- && batch.nr < EVICT_BATCH && (set = todo_pop()))
		evict_from_set(&batch, set);
	if (!batch.nr)
		return 0;
	counter_inc(nr_pcache_eviction_batch);
	rmap_flush_run(&batch.flush);
	for (u32 i = 0; i < batch.nr; i++)
		evict_finish(batch.lines[i]);
	return batch.nr;
}

u32 evict_round(void)
{
	u32 nr_moved = 0, nr;

	do {
		nr = evict_extras();
		nr_moved += nr;
	} while (nr == EVICT_BATCH);
	/* What is taken meanwhile waits for the next round, so that there is
	 * much of it. */
	do {
		nr = victims_reclaim();
		nr_moved += nr;
	} while (nr >= WRITE_BATCH && !stock_has(pcache.stock_high));
	return nr_moved;
}

static bool has_work(void)
{
	return !stock_has(pcache.stock_low) &&
	       (READ_ONCE(victims.nr_todo) || READ_ONCE(victims.nr_in_fifo));
}

void evict_thread(void *arg)
{
	for (;;) {
		wait_event(&victims.evictors, has_work());
		/* No progress: all is pinned or being written; let it end. */
		if (!evict_round() && has_work())
			sleep_ns(NSEC_PER_MSEC);
	}
}
