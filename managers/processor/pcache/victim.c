/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The victim cache: lines that left their sets, until they are wanted again
 * or their room is; and the reserve.
 *
 * Fully associative: it holds lines of all sets.  There are two FIFOs, oldest
 * first: dirty victims wait to be written back, clean ones wait for nothing.
 * They are found again until the last moment, when somebody needs a line and
 * the stock has none: then the oldest are freed (victims_reclaim()), by who
 * needs one.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <lib/minmax.h>

struct victim_cache victims;

void victims_start(void)
{
	spin_lock_init(&victims.lock, "victim cache", LOCK_VICTIM);
	list_init(&victims.stock);
	list_init(&victims.clean);
	list_init(&victims.dirty);
	list_init(&victims.todo);
	waitq_init(&victims.evictors);
	waitq_init(&victims.room);
	waitq_init(&victims.finished);
	victims.low = pcache.low_min;
}

/* ---- the stock --------------------------------------------------------------
 */

static void wake_who_waits_for_room(void)
{
	if (READ_ONCE(victims.nr_waiting))
		waitq_wake_all(&victims.room);
}

void stock_push(struct pcache_line *line)
{
	ASSERT(line->state == LINE_FREE);
	spin_lock(&victims.lock);
	line->set = NULL;
	list_add(&line->in_list, &victims.stock);
	WRITE_ONCE(victims.nr_stock, victims.nr_stock + 1);
	spin_unlock(&victims.lock);
	wake_who_waits_for_room();
}

struct pcache_line *stock_pop(struct pcache_set *becomes_large)
{
	struct pcache_line *line;

	spin_lock(&victims.lock);
	line = list_first_entry_or_null(&victims.stock, struct pcache_line,
					in_list);
	if (line) {
		list_del_init(&line->in_list);
		WRITE_ONCE(victims.nr_stock, victims.nr_stock - 1);
		if (becomes_large)
			todo_add_locked(becomes_large);
	}
	spin_unlock(&victims.lock);
	evictor_check();
	return line;
}

static void waiting_add(u32 nr)
{
	/* With the lock: who adds to the reserve sees it, or we see what was
	 * added. */
	spin_lock(&victims.lock);
	victims.nr_waiting += nr;
	spin_unlock(&victims.lock);
}

void reserve_wait(const u32 *nr_events, u32 seen)
{
	waiting_add(1);
	wait_event(&victims.room, reserve_has(1) || write_backs_ended() ||
					  READ_ONCE(*nr_events) != seen);
	waiting_add(-1u);
}

void reserve_was_short(void)
{
	u32 low = READ_ONCE(victims.low);

	WRITE_ONCE(victims.low, min(low + low / 4 + 1, pcache.low_max));
}

/* ---- the FIFOs --------------------------------------------------------------
 */

/* @line, in no FIFO, goes to the end of its own.  The lock is held. */
static void fifo_push(struct pcache_line *line)
{
	ASSERT(line->fifo == FIFO_NONE);
	if (line->is_dirty) {
		line->fifo = FIFO_DIRTY;
		list_add_tail(&line->in_fifo, &victims.dirty);
		WRITE_ONCE(victims.nr_dirty, victims.nr_dirty + 1);
	} else {
		line->fifo = FIFO_CLEAN;
		list_add_tail(&line->in_fifo, &victims.clean);
		WRITE_ONCE(victims.nr_clean, victims.nr_clean + 1);
	}
}

/* @line leaves the FIFO it is in, if any.  The lock is held. */
static void fifo_remove(struct pcache_line *line)
{
	if (line->fifo == FIFO_DIRTY)
		WRITE_ONCE(victims.nr_dirty, victims.nr_dirty - 1);
	else if (line->fifo == FIFO_CLEAN)
		WRITE_ONCE(victims.nr_clean, victims.nr_clean - 1);
	line->fifo = FIFO_NONE;
	list_del_init(&line->in_fifo);
}

void victim_add(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	spin_lock(&victims.lock);
	fifo_push(line);
	spin_unlock(&victims.lock);
	wake_who_waits_for_room();
}

void victim_del(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	spin_lock(&victims.lock);
	fifo_remove(line);
	spin_unlock(&victims.lock);
}

void victims_accept(struct list_head *lines)
{
	struct pcache_line *line, *next;
	u32 nr_clean = 0;

	spin_lock(&victims.lock);
	list_for_each_entry_safe (line, next, lines, in_fifo) {
		list_del_init(&line->in_fifo);
		nr_clean += !line->is_dirty;
		fifo_push(line);
		/* From here on others may take it away. */
		line_set_state(line, LINE_VICTIM);
	}
	smp_store_release(&victims.nr_finished, victims.nr_finished + 1);
	spin_unlock(&victims.lock);
	counter_add(nr_clflush_clean_skipped, nr_clean);
	waitq_wake_all(&victims.finished);
	wake_who_waits_for_room();
}

/* ---- taking victims ---------------------------------------------------------
 */

u32 victims_pick(enum line_fifo fifo, struct victim_pick *picks, u32 max)
{
	struct list_head *list =
		fifo == FIFO_DIRTY ? &victims.dirty : &victims.clean;
	u32 nr = 0;

	spin_lock(&victims.lock);
	while (nr < max && !list_empty(list)) {
		struct pcache_line *line =
			list_first_entry(list, struct pcache_line, in_fifo);

		picks[nr++] = (struct victim_pick){line, line->set};
		fifo_remove(line);
	}
	spin_unlock(&victims.lock);
	return nr;
}

bool victim_lock(const struct victim_pick *pick)
{
	struct pcache_line *line = pick->line;

	/* Meanwhile it may have been wanted, freed, even evicted again: then
	 * it is in a FIFO. */
	spin_lock(&pick->set->lock);
	if (line->set == pick->set && line->state == LINE_VICTIM &&
	    line->fifo == FIFO_NONE && !line->is_writing)
		return true;
	spin_unlock(&pick->set->lock);
	return false;
}

/* Free a picked victim, unless somebody has a use for it. */
static bool reclaim_one(const struct victim_pick *pick)
{
	struct pcache_line *line = pick->line;
	bool is_free = false;

	if (!victim_lock(pick))
		return false;
	if (line->is_dirty || line->nr_pins) {
		victim_add(line);
	} else {
		line_drop_victim(line);
		is_free = true;
	}
	spin_unlock(&pick->set->lock);
	return is_free;
}

u32 victims_reclaim(void)
{
	struct victim_pick picks[RECLAIM_BATCH_MAX];
	u32 nr = victims_pick(FIFO_CLEAN, picks, pcache.reclaim_batch);
	LIST_HEAD(freed);
	u32 nr_freed = 0;

	for (u32 i = 0; i < nr; i++) {
		struct pcache_line *line = picks[i].line;

		if (!reclaim_one(&picks[i]))
			continue;
		line->set = NULL; /* nobody else knows it now */
		list_add_tail(&line->in_list, &freed);
		nr_freed++;
	}
	counter_add(nr_victim_eviction_triggered, nr);
	if (!nr_freed)
		return 0;
	counter_add(nr_victim_eviction_succeed, nr_freed);
	spin_lock(&victims.lock);
	list_splice_tail_init(&freed, &victims.stock);
	WRITE_ONCE(victims.nr_stock, victims.nr_stock + nr_freed);
	spin_unlock(&victims.lock);
	wake_who_waits_for_room();
	return nr_freed;
}
