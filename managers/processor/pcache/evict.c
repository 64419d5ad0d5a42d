/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eviction, ahead of demand: whoever takes a free way and sees that few are
 * left puts the set on a list; evictor threads restore its free ways.  A
 * fault itself evicts nothing.
 *
 * One round takes up to EVICT_BATCH lines out of their sets: unmap them all,
 * flush all TLBs once, move them to the victim cache.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/time.h>
#include <lib/minmax.h>

struct evict_batch {
	u32 nr;
	struct pcache_line *lines[EVICT_BATCH]; /* EVICTING */
	u32 nr_spares;
	struct pcache_line *spares[EVICT_BATCH]; /* free, from the stock */
	struct rmap_flush flush;
};

void evict_want(struct pcache_set *set)
{
	bool is_new;

	ASSERT_LOCKED(&set->lock);
	spin_lock(&victims.lock);
	is_new = list_empty(&set->in_todo);
	if (is_new)
		list_add_tail(&set->in_todo, &victims.todo);
	spin_unlock(&victims.lock);
	if (is_new)
		waitq_wake_one(&victims.waitq);
}

static struct pcache_set *todo_pop(void)
{
	struct pcache_set *set;

	spin_lock(&victims.lock);
	set = list_first_entry_or_null(&victims.todo, struct pcache_set,
				       in_todo);
	if (set)
		list_del_init(&set->in_todo);
	spin_unlock(&victims.lock);
	return set;
}

/* VALID -> EVICTING: nobody can find a mapping of it any more. */
static void evict_line(struct evict_batch *batch, struct pcache_line *line)
{
	ASSERT(line_is_evictable(line) && pcache_line_check(line));
	line->state = LINE_EVICTING;
	rmap_unmap_all(line, &batch->flush);
	batch->lines[batch->nr++] = line;
	counter_inc(nr_pcache_eviction);
}

/* Evict what @set is short of.  Return: false if the batch is full. */
static bool evict_from_set(struct evict_batch *batch, struct pcache_set *set)
{
	bool has_room = true;
	u32 target, nr_free;

	spin_lock(&set->lock);
	target = max(pcache.free_target, set->nr_waiting ? 1u : 0u);
	for (nr_free = set->nr_free; nr_free < target; nr_free++) {
		struct pcache_line *line;

		has_room = batch->nr < batch->nr_spares;
		if (!has_room)
			break;
		line = pcache.policy->choose(set);
		if (!line) {
			counter_inc(nr_pcache_eviction_failure_find);
			break;
		}
		evict_line(batch, line);
	}
	spin_unlock(&set->lock);
	return has_room;
}

/* EVICTING -> VICTIM; a spare line takes its place in the set. */
static void evict_finish(struct pcache_line *line, struct pcache_line *spare)
{
	struct pcache_set *set = line->set;

	spin_lock(&set->lock);
	ASSERT(line->state == LINE_EVICTING && !line->nr_maps);
	line->state = LINE_VICTIM;
	list_move_tail(&line->in_list, &set->victims);
	victim_add(line);
	spare->set = set;
	list_add(&spare->in_list, &set->free);
	set->nr_free++;
	set_event(set);
	ASSERT(pcache_set_check(set));
	spin_unlock(&set->lock);
}

u32 evict_round(void)
{
	struct evict_batch batch = {.nr = 0};
	struct pcache_set *set;

	if (victims_are_short())
		victims_reclaim();
	while (batch.nr_spares < EVICT_BATCH) {
		struct pcache_line *spare = stock_pop();

		if (!spare)
			break;
		batch.spares[batch.nr_spares++] = spare;
	}
	while (batch.nr < batch.nr_spares && (set = todo_pop())) {
		if (evict_from_set(&batch, set))
			continue;
		spin_lock(&set->lock);
		evict_want(set);
		spin_unlock(&set->lock);
		break;
	}
	rmap_flush_run(&batch.flush);
	for (u32 i = 0; i < batch.nr; i++)
		evict_finish(batch.lines[i], batch.spares[i]);
	for (u32 i = batch.nr; i < batch.nr_spares; i++)
		stock_push(batch.spares[i]);
	return batch.nr;
}

static bool has_work(void)
{
	return !list_empty(&victims.todo) || victims_are_short();
}

void evict_thread(void *arg)
{
	for (;;) {
		wait_event(&victims.waitq, has_work());
		/* No progress: all is pinned or being written; let it end. */
		if (!evict_round() && has_work())
			sleep_ns(NSEC_PER_MSEC);
	}
}
