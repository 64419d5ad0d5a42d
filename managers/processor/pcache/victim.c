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
	waitq_init(&victims.evictors);
	waitq_init(&victims.room);
	waitq_init(&victims.finished);
	victims.low = pcache.low_min;
}

/* ---- waiting for room -------------------------------------------------------
 */

static void waiting_add(u32 nr)
{
	spin_lock(&victims.lock);
	WRITE_ONCE(victims.nr_waiting, victims.nr_waiting + nr);
	spin_unlock(&victims.lock);
	/* Who adds to the reserve sees it, or we see what was added. */
	smp_mb();
}

void reserve_wait(const u32 *nr_events, u32 seen)
{
	waiting_add(1);
	waitq_wake_one(&victims.evictors); /* they may work on demand only */
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

/* @line leaves the FIFO it is in, or would come into.  The lock is held. */
static void fifo_remove(struct pcache_line *line)
{
	if (line->fifo == FIFO_DIRTY) {
		WRITE_ONCE(victims.nr_dirty, victims.nr_dirty - 1);
		list_del(&line->in_fifo);
	} else if (line->fifo == FIFO_CLEAN) {
		WRITE_ONCE(victims.nr_clean, victims.nr_clean - 1);
		list_del(&line->in_fifo);
	}
	line->fifo = FIFO_NONE;
}

void victim_add(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	ASSERT(line->fifo == FIFO_NONE);
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

void victims_written(struct pcache_line *const *lines, u32 nr, u8 out)
{
	spin_lock(&victims.lock);
	/* Who wanted one, or freed it, made that FIFO_NONE under this lock. */
	for (u32 i = 0; i < nr; i++)
		if (lines[i]->fifo == out)
			fifo_push(lines[i]);
	WRITE_ONCE(victims.nr_writing, victims.nr_writing - nr);
	spin_unlock(&victims.lock);
	smp_mb(); /* pairs with reserve_wait() */
	wake_who_waits_for_room();
}

/* From here on others may take them away: when they get the lock. */
static void become_victims(struct list_head *lines, struct list_head *fifo)
{
	struct pcache_line *line;

	list_for_each_entry (line, lines, in_fifo)
		line_set_state(line, LINE_VICTIM);
	list_splice_tail_init(lines, fifo);
}

void victims_accept(struct victim_batch *batch)
{
	spin_lock(&victims.lock);
	become_victims(&batch->lines[false], &victims.clean);
	become_victims(&batch->lines[true], &victims.dirty);
	WRITE_ONCE(victims.nr_clean, victims.nr_clean + batch->nr[false]);
	WRITE_ONCE(victims.nr_dirty, victims.nr_dirty + batch->nr[true]);
	smp_store_release(&victims.nr_finished, victims.nr_finished + 1);
	spin_unlock(&victims.lock);
	counter_add(nr_clflush_clean_skipped, batch->nr[false]);
	waitq_wake_all(&victims.finished);
	wake_who_waits_for_room();
}

/* ---- taking victims ---------------------------------------------------------
 */

u32 victims_pick(enum line_fifo fifo, struct victim_pick *picks, u32 max)
{
	bool is_clean = fifo == FIFO_CLEAN;
	struct list_head *list = is_clean ? &victims.clean : &victims.dirty;
	u32 *count = is_clean ? &victims.nr_clean : &victims.nr_dirty;
	struct pcache_line *line;
	u32 nr = 0;

	spin_lock(&victims.lock);
	list_for_each_entry (line, list, in_fifo) {
		if (nr == max)
			break;
		picks[nr++] = (struct victim_pick){line, line->set};
		line->fifo = FIFO_NONE;
	}
	list_forget_before(list, &line->in_fifo);
	WRITE_ONCE(*count, *count - nr);
	if (!is_clean)
		WRITE_ONCE(victims.nr_writing, victims.nr_writing + nr);
	spin_unlock(&victims.lock);
	return nr;
}

void victims_wait_and_visit(const struct victim_pick *picks, u32 nr,
			    void (*visit)(void *arg, struct pcache_line *line),
			    void *arg)
{
	for (u32 i = 0; i < nr; i++) {
		spin_lock(&picks[i].set->lock);
		if (victim_is_ours(&picks[i]))
			visit(arg, picks[i].line);
		spin_unlock(&picks[i].set->lock);
	}
}

struct reclaimed {
	u32 nr;
	struct pcache_line *lines[HAND_BATCH_MAX];
};

/* Free a picked victim, unless somebody has a use for it: nobody else knows it
 * then. */
static __always_inline void reclaim_one(void *arg, struct pcache_line *line)
{
	struct reclaimed *freed = arg;

	if (line->is_dirty || line->nr_pins) {
		victim_add(line);
	} else {
		line_drop_victim(line);
		freed->lines[freed->nr++] = line;
	}
}

u32 victims_reclaim(void)
{
	struct victim_pick picks[HAND_BATCH_MAX];
	u32 nr = victims_pick(FIFO_CLEAN, picks, stock_batch());
	struct reclaimed freed;

	freed.nr = 0;
	victims_visit(picks, nr, reclaim_one, &freed);
	counter_add(nr_victim_eviction_triggered, nr);
	evictor_check();
	if (!freed.nr)
		return 0;
	counter_add(nr_victim_eviction_succeed, freed.nr);
	gauge_sub(nr_pcache_lines, freed.nr);
	stock_push_all(freed.lines, freed.nr);
	return freed.nr;
}
