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
#include "unmap.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/time.h>
#include <lib/minmax.h>

struct evict_batch {
	u32 nr, nr_max, nr_announced;
	struct victim_batch victims; /* what they become */
	struct rmap_flush flush;
};

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

bool pcache_is_unmapping(void)
{
	return atomic_read(&victims.nr_unmapping) != 0;
}

/* From now on others count on @nr lines, and on TLBs that know too much. */
static void batch_announce(struct evict_batch *batch, u32 nr)
{
	batch->nr_announced += nr;
	atomic_add(&victims.nr_unmapping, (int)nr);
}

static void batch_init(struct evict_batch *batch, u32 nr_max)
{
	batch->nr = 0;
	batch->nr_announced = 0;
	batch->nr_max = nr_max;
	for (u32 i = 0; i < ARRAY_SIZE(batch->victims.nr); i++) {
		batch->victims.nr[i] = 0;
		list_init(&batch->victims.lines[i]);
	}
	rmap_flush_init(&batch->flush);
}

/* VALID -> EVICTING: nobody can find a mapping of it any more.  @line is in
 * @set. */
static __always_inline void evict_line(struct evict_batch *batch,
				       struct pcache_set *set,
				       struct pcache_line *line)
{
	bool is_dirty;

	ASSERT(line_is_evictable(line));
	rmap_unmap_all(line, &batch->flush);
	line_set_state(line, LINE_EVICTING);
	list_move_tail(&line->in_list, &set->victims);
	is_dirty = line->is_dirty;
	line->fifo = is_dirty ? FIFO_DIRTY : FIFO_CLEAN;
	list_add_tail(&line->in_fifo, &batch->victims.lines[is_dirty]);
	batch->victims.nr[is_dirty]++;
	set->nr_extra--;
	batch->nr++;
}

/* Lock @set.  Return: false: not locked, because somebody else is at it, and
 * @may_wait is not set. */
static __always_inline bool set_lock(struct pcache_set *set, bool may_wait)
{
	if (likely(spin_trylock(&set->lock)))
		return true;
	if (may_wait)
		spin_lock(&set->lock);
	return may_wait;
}

/* Evict what @set, which is locked, has beyond its ways, as far as the batch
 * has room. */
static void evict_from_set(struct evict_batch *batch, struct pcache_set *set)
{
	struct pcache_line *line;

	set->is_todo = false;
	while (set->nr_extra > 0 && batch->nr < batch->nr_max) {
		line = READ_ONCE(pcache.policy)->choose(set);
		if (!line) {
			counter_inc(nr_pcache_eviction_failure_find);
			break;
		}
		evict_line(batch, set, line);
	}
	if (set->nr_extra > 0)
		todo_push(set);
	ASSERT(pcache_set_check(set));
}

/* What is unmapped becomes victims.  Return: how many lines. */
static u32 batch_finish(struct evict_batch *batch)
{
	rmap_flush_run(&batch->flush);
	if (batch->nr) {
		counter_add(nr_pcache_eviction_triggered, batch->nr);
		counter_inc(nr_pcache_eviction_batch);
		victims_accept(&batch->victims);
		counter_add(nr_pcache_eviction_succeed, batch->nr);
	}
	atomic_sub(&victims.nr_unmapping, (int)batch->nr_announced);
	return batch->nr;
}

/* Return: how many lines became victims, at most @nr_max. */
static u32 evict_extras(u32 nr_max)
{
	struct pcache_set *set, *next;
	struct evict_batch batch;
	u32 nr_looks = todo_count(), nr_sets, nr_busy = 0;
	LIST_HEAD(sets);
	LIST_HEAD(busy);

	batch_init(&batch, nr_max);
	while (nr_looks && batch.nr < nr_max && (nr_sets = todo_take(&sets))) {
		batch_announce(&batch, nr_sets);
		list_for_each_entry_safe (set, next, &sets, in_todo) {
			if (batch.nr == nr_max || !nr_looks)
				break;
			nr_looks--;
			nr_sets--;
			/* Only who has nothing yet waits. */
			if (unlikely(!set_lock(set, !batch.nr))) {
				list_add_tail(&set->in_todo, &busy);
				nr_busy++;
				continue;
			}
			evict_from_set(&batch, set);
			spin_unlock(&set->lock); /* others may note it */
		}
		list_forget_before(&sets, &set->in_todo);
		todo_return(&sets, nr_sets);
	}
	todo_return(&busy, nr_busy);
	return batch_finish(&batch);
}

/* Return: false: somebody else is at @set, and @may_wait is not set. */
static bool evict_clean_of(struct evict_batch *batch, struct pcache_set *set,
			   bool may_wait)
{
	struct pcache_line *line;

	if (!set_lock(set, may_wait))
		return false;
	line = choose_clean(set);
	if (line)
		evict_line(batch, set, line);
	ASSERT(pcache_set_check(set));
	spin_unlock(&set->lock);
	return true;
}

/* Return: how many sets were not looked at, because others were at them. */
static u32 evict_clean_round(struct evict_batch *batch,
			     struct pcache_set *first, bool may_wait)
{
	u32 nr_looks = min(pcache.nr_sets, CLEAN_LOOKS_MAX);
	u32 nr_busy = !evict_clean_of(batch, first, may_wait);

	while (nr_looks-- && batch->nr < batch->nr_max) {
		/* Several CPUs that look share the sets, or they would walk in
		 * lock step. */
		u32 at = fetch_add(&pcache.hand, 1u) % pcache.nr_sets;

		nr_busy += !evict_clean_of(batch, &pcache.sets[at], may_wait);
	}
	return nr_busy;
}

u32 evict_clean(struct pcache_set *first)
{
	struct evict_batch batch;

	batch_init(&batch, max(READ_ONCE(victims.low) / 2, 1u));
	batch_announce(&batch, 1);
	/* Any set will do; only when all others have nothing it is worth
	 * waiting for one. */
	if (evict_clean_round(&batch, first, false) && !batch.nr)
		(void)evict_clean_round(&batch, first, true);
	counter_add(nr_pcache_eviction_clean, batch.nr);
	return batch_finish(&batch);
}

/*
 * One more line for the reserve: of the next set that has one, modified or
 * not.
 *
 * A victim cache of a few lines holds less than one instruction may need, so
 * what is evicted ahead of demand may be what a program is just bringing
 * together, again and again.  Therefore such a pcache evicts only when a fault
 * waits, one line, and in turn: what has come stays until the hand has been
 * round all other sets.
 */
static u32 evict_next(void)
{
	struct evict_batch batch;
	u32 nr_looks = pcache.nr_sets, at = READ_ONCE(pcache.hand);
	bool has_lent = false;

	batch_init(&batch, 1);
	batch_announce(&batch, 1);
	while (nr_looks-- && !batch.nr && !has_lent) {
		struct pcache_set *set;
		struct pcache_line *line;

		at = at + 1 < pcache.nr_sets ? at + 1 : 0;
		set = &pcache.sets[at];
		spin_lock(&set->lock);
		has_lent = set_lend_free(set);
		line = has_lent ? NULL : READ_ONCE(pcache.policy)->choose(set);
		if (line)
			evict_line(&batch, set, line);
		ASSERT(pcache_set_check(set));
		spin_unlock(&set->lock);
	}
	WRITE_ONCE(pcache.hand, at);
	return batch_finish(&batch) + has_lent;
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

/* Is there something to evict? */
static bool is_wanted(void)
{
	if (pcache.is_on_demand)
		return !reserve_will_have(READ_ONCE(victims.nr_waiting));
	return todo_count() && reserve_is_below(READ_ONCE(victims.low));
}

u32 evict_round(void)
{
	u32 nr = write_backs_end(), nr_evicted = 0, n, low = victims.low;

	if (pcache.is_on_demand) {
		if (is_wanted())
			nr_evicted = evict_next();
	} else if (reserve_is_below(low)) {
		do {
			n = evict_extras(pcache.evict_batch);
			nr_evicted += n;
			write_backs_start();
		} while (n == pcache.evict_batch && nr_evicted < pcache.refill);
		/* A race with reserve_was_short() loses nothing that matters.
		 */
		WRITE_ONCE(victims.low,
			   max(low - DIV_ROUND_UP(low, 32), pcache.low_min));
	}
	write_backs_start();
	return nr + nr_evicted;
}

static bool has_work(void)
{
	return write_backs_ended() || write_backs_may_start() || is_wanted();
}

/* Does a fault wait that nobody but an evictor makes room for?  What is coming
 * now may go to others, who tell nobody. */
static bool is_on_call(void)
{
	return pcache.is_on_demand && READ_ONCE(victims.nr_waiting);
}

void evict_thread(void *arg)
{
	for (;;) {
		wait_event_idle(&victims.evictors, has_work() || is_on_call());
		if (evict_round())
			continue;
		if (has_work()) /* no progress: all is pinned; let it end */
			sleep_ns(NSEC_PER_MSEC);
		else if (is_on_call())
			wait_event_timeout(&victims.evictors, has_work(),
					   NSEC_PER_MSEC);
	}
}
