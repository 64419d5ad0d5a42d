/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PCACHE_INTERNAL_H
#define PROCESSOR_PCACHE_INTERNAL_H
/* What the files of the pcache share; nobody outside includes it. */
#include "pcache.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/wait.h>
#include <lib/atomic.h>
#include <managers/processor/mm/pte.h>
#include <net/rpc.h>

#define WRITE_BATCH      64u   /* lines written back with one completion */
#define NR_WRITE_BATCHES 4u    /* in flight at a time */
#define PAGES_PER_IPI    64u   /* unmapped with one round of TLB flushes, for */
#define EVICT_BATCH_MAX  1024u /* each CPU to interrupt; but at most */
#define HAND_BATCH_MAX   16u   /* free lines that a CPU gets at once */
#define CLEAN_LOOKS_MAX  1024u /* sets in which it looks for clean lines */
#define VICTIMS_AHEAD    8u    /* fewer: nothing is evicted ahead of demand */
#define INSTRUCTION_MAX  8u    /* pages that one instruction may need */

/* Which line of a set goes? */
struct pcache_policy {
	const char *name;
	const char *help;
	/*
	 * Return one of @set's lines for which line_is_evictable(), or NULL.
	 * Context: set->lock held.
	 */
	struct pcache_line *(*choose)(struct pcache_set *set);
};

struct pcache {
	u32 nr_sets; /* any number */
	u32 nr_ways;
	u32 nr_victims; /* lines of the victim cache */
	u32 low_min;    /* bounds of victims.low */
	u32 low_max;
	u32 refill;      /* lines an evictor evicts before it sleeps */
	u32 evict_batch; /* lines unmapped with one TLB shootdown */
	u32 nr_lines;
	paddr_t pool_paddr;
	struct pcache_set *sets;
	struct pcache_line *lines; /* line i is page i of the pool */
	struct region *region;
	const struct pcache_policy *policy; /* [may change at any time] */
	u32 hand;             /* where evict_clean() goes on [atomic] */
	bool must_scrub_code; /* see line_scrub_code() */
	bool is_on_demand;    /* see evict_next() [set once] */
	atomic64_t nr_write_backs;
};

/*
 * The victim cache.
 *
 * Of nr_victims lines some are in the stock, some are victims, some LOOSE,
 * AHEAD or EVICTING, and as many as all sets' nr_extra are in the sets.  The
 * reserve is the stock and the clean victims; some lines CPUs have at hand
 * (stock.c).
 */
struct victim_cache {
	struct spinlock lock;   /* LOCK_VICTIM, inside a hand's lock */
	u32 nr_stock;           /* in .stock [lock; read: hint, as all] */
	u32 nr_clean;           /* in .clean [lock] */
	u32 nr_dirty;           /* in .dirty [lock] */
	u32 nr_writing;         /* being written back [lock] */
	u32 nr_waiting;         /* threads that want a free line [lock] */
	u32 nr_finished;        /* batches of evictions [lock] */
	atomic_t nr_unmapping;  /* sets whose lines are being unmapped */
	u32 low;                /* fewer lines wake an evictor [a hint] */
	struct list_head stock; /* FREE lines [lock] */
	struct list_head clean; /* VICTIM lines, oldest first [lock] */
	struct list_head dirty; /* the same, to be written back [lock] */
	struct waitq evictors;  /* sleep here */
	struct waitq room;      /* here who waits for a free line */
	struct waitq finished;  /* here who waits for EVICTING lines */
};

extern struct pcache pcache;
extern struct victim_cache victims;

/* ---- line.c ---- */

/** sets_start - make all sets, full of free lines; the rest is stock. */
void sets_start(void);

struct pcache_set *set_of(u64 gframe);
/** set_find - @set's line of @gframe, or NULL; set locked. */
struct pcache_line *set_find(struct pcache_set *set, u64 gframe);
/** set_lend_free - a free way of @set, locked, goes to the stock, if it has
 * one. */
bool set_lend_free(struct pcache_set *set);
struct waitq *set_waitq(const struct pcache_set *set);
/** line_begin - a FREE or LOOSE line that is in no list becomes the copy of
 * @gframe.  @set is locked. */
void line_begin(struct pcache_line *line, struct pcache_set *set, u64 gframe,
		enum line_state state);
/** reserve_take - a line of the stock or of the clean victims; NULL: there are
 * none. */
struct pcache_line *reserve_take(void);
/** set_event - something changed that waiters of @set want to know. */
void set_event(struct pcache_set *set);
/** line_check_change - assert that @line may become @to. */
void line_check_change(struct pcache_line *line, enum line_state to);
/** line_set_state - make one of the transitions that pcache.h names. */
static inline void line_set_state(struct pcache_line *line, enum line_state to)
{
	if (IS_ENABLED(CONFIG_ASSERT))
		line_check_change(line, to);
	if (to == LINE_FREE)
		line->gframe = GFRAME_NONE;
	/* Last: an EVICTING line is ours, a VICTIM is everybody's. */
	smp_store_release(&line->state, (u8)to);
}
void line_scrub_code(struct pcache_line *line);

/* What all ends of a line have in common. */
static inline void line_end(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	ASSERT(!line->nr_pins && !line->nr_maps && !line->is_writing);
	if (unlikely(line->has_code))
		line_scrub_code(line);
	if (unlikely(line->is_ahead)) {
		counter_inc(nr_prefetch_wasted);
		line->is_ahead = false;
	}
}

/** line_free - @line, VALID or VICTIM, unmapped, unpinned, becomes FREE. */
void line_free(struct pcache_line *line);
/** line_drop_victim - the same for a VICTIM that is in no FIFO; it is in no
 * list then, nor counted. */
static inline void line_drop_victim(struct pcache_line *line)
{
	ASSERT(line->state == LINE_VICTIM && line->fifo == FIFO_NONE);
	line_end(line);
	line_set_state(line, LINE_FREE);
	list_unlink(&line->in_list);
}

static inline bool line_is_evictable(const struct pcache_line *line)
{
	return line->state == LINE_VALID && !line->nr_pins && !line->is_writing;
}

/* ---- victim.c ---- */

void victims_start(void);

/** stock_count - lines of the stock, those at hand included.  A hint. */
u32 stock_count(void);

/** reserve_has - is there at least @nr to be had at once?  A hint. */
static inline bool reserve_has(u32 nr)
{
	return stock_count() + READ_ONCE(victims.nr_clean) >= nr;
}

/** reserve_will_have - the same, once all that was begun has ended. */
static inline bool reserve_will_have(u32 nr)
{
	return stock_count() + READ_ONCE(victims.nr_clean) +
		       READ_ONCE(victims.nr_dirty) +
		       READ_ONCE(victims.nr_writing) +
		       (u32)atomic_read(&victims.nr_unmapping) >=
	       nr;
}

/** todo_count - how many sets evictors know of.  A hint. */
u32 todo_count(void);

/** reserve_is_below - is there less than @mark?  Or less than half of it at
 * once, because much is being written, while many sets are too large? */
static inline bool reserve_is_below(u32 mark)
{
	return !reserve_will_have(mark) ||
	       (!reserve_has(mark / 2) && todo_count() > pcache.nr_victims / 2);
}

/** reserve_wait - wait until there is some, or *@nr_events is no more @seen. */
void reserve_wait(const u32 *nr_events, u32 seen);
/** reserve_was_short - the reserve nearly ran out: from now on keep more. */
void reserve_was_short(void);

/** wake_who_waits_for_room - after a full barrier. */
static inline void wake_who_waits_for_room(void)
{
	if (READ_ONCE(victims.nr_waiting))
		waitq_wake_all(&victims.room);
}

/* Lines, EVICTING, chained by in_fifo, with .fifo set; [1]: the dirty ones. */
struct victim_batch {
	u32 nr[2];
	struct list_head lines[2];
};
/** victims_accept - the lines of @batch become victims. */
void victims_accept(struct victim_batch *batch);
/** victim_add, victim_del - @line enters, leaves the FIFO; set lock held. */
void victim_add(struct pcache_line *line);
void victim_del(struct pcache_line *line);
/**
 * victims_written - the write-backs of the @nr lines of batch @out - FIFO_OUT
 * have ended; those that are still victims enter a FIFO again.
 *
 * For all at once, without their sets' locks: who takes such a line away sets
 * .fifo under the victim cache's lock.
 */
void victims_written(struct pcache_line *const *lines, u32 nr, u8 out);
/** victims_reclaim - free a few clean victims.  No lock held.
 * Return: how many lines the stock gained. */
u32 victims_reclaim(void);

/* A victim that was taken out of its FIFO. */
struct victim_pick {
	struct pcache_line *line;
	struct pcache_set *set; /* where it was then */
};
/** victims_pick - take up to @max of @fifo, oldest first.  Those of the dirty
 * one count as being written from now on. */
u32 victims_pick(enum line_fifo fifo, struct victim_pick *picks, u32 max);

/* Is a picked victim still ours?  Its set is locked.  Meanwhile it may have
 * been wanted, freed, even evicted again: then it is in a FIFO, or on its way
 * into one. */
static inline bool victim_is_ours(const struct victim_pick *pick)
{
	const struct pcache_line *line = pick->line;

	return likely(line->set == pick->set && line->state == LINE_VICTIM &&
		      line->fifo == FIFO_NONE && !line->is_writing);
}

/** victims_wait_and_visit - victims_visit() of the last ones. */
void victims_wait_and_visit(const struct victim_pick *picks, u32 nr,
			    void (*visit)(void *arg, struct pcache_line *line),
			    void *arg);
/**
 * victims_visit - call @visit for each of @picks that is still ours, its set
 * locked.
 *
 * Their order is free, so those whose set somebody else has locked come last:
 * by then he has left it, as a rule, and nobody has waited.
 * Context: no lock held.  @picks is used up.
 */
static __always_inline void
victims_visit(struct victim_pick *picks, u32 nr,
	      void (*visit)(void *arg, struct pcache_line *line), void *arg)
{
	u32 nr_busy = 0;

	for (u32 i = 0; i < nr; i++) {
		if (unlikely(!spin_trylock(&picks[i].set->lock))) {
			picks[nr_busy++] = picks[i];
			continue;
		}
		if (victim_is_ours(&picks[i]))
			visit(arg, picks[i].line);
		spin_unlock(&picks[i].set->lock);
	}
	if (unlikely(nr_busy))
		victims_wait_and_visit(picks, nr_busy, visit, arg);
}

/* ---- stock.c ---- */

void stock_start(void);
/** stock_batch - how many lines a CPU gets at once. */
u32 stock_batch(void);
/** stock_push, stock_pop - FREE lines of the victim cache.  To pop wakes an
 * evictor when the reserve becomes small.
 * @nr: at most stock_batch()
 * @becomes_large: this set gets the line as the first beyond its ways, and
 *                 becomes known to evictors; or NULL */
void stock_push(struct pcache_line *line);
void stock_push_all(struct pcache_line **lines, u32 nr);
struct pcache_line *stock_pop(struct pcache_set *becomes_large);
/** stock_steal - get what another CPU has at hand.  Return: is there some? */
bool stock_steal(void);

/** todo_push - let evictors know of @set, which is locked. */
void todo_push(struct pcache_set *set);
/** todo_take - move all of them to @sets, by .in_todo; who takes one from
 * there locks it and clears .is_todo.  Return: how many. */
u32 todo_take(struct list_head *sets);
/** todo_return - @nr of them were not looked at. */
void todo_return(struct list_head *sets, u32 nr);

/* ---- writeback.c ---- */

/** write_backs_start - post write-backs of dirty victims, as many as may be in
 * flight.  Does not wait for them. */
void write_backs_start(void);
/** write_backs_end - take care of those that ended.
 * Return: how many. */
u32 write_backs_end(void);
/** write_backs_ended - is there something for write_backs_end()? */
bool write_backs_ended(void);
/** write_backs_may_start - is there something for write_backs_start()? */
bool write_backs_may_start(void);

/* ---- evict.c ---- */

/** evict_want - @set has lines beyond its ways; its lock is held. */
void evict_want(struct pcache_set *set);
/** evictor_check - wake an evictor if the reserve became small. */
void evictor_check(void);
/** evict_round - what an evictor does when it wakes up.  Does not sleep.
 * Return: lines that got further. */
u32 evict_round(void);
/** evict_help - a fault does a little of it.  Return: as above. */
u32 evict_help(void);
/**
 * evict_clean - the same for a fault that has no line to take, but only what
 * needs no write-back, whatever set it is in: those of @first, then others.
 *
 * Context: no set lock held; does not sleep.
 */
u32 evict_clean(struct pcache_set *first);
void evict_thread(void *arg);

/* ---- ahead.c ---- */

/** ahead_settle - @line, AHEAD, becomes a victim, or free, if it has arrived.
 * Return: false: it has not.  Context: its set's lock held. */
bool ahead_settle(struct pcache_line *line);
/** ahead_wait - drop the set's lock, wait until @line, AHEAD, has arrived or
 * something else happened, take it again.  May sleep. */
void ahead_wait(struct pcache_line *line);

/* ---- rmap.c ---- */

int __must_check rmap_start(void);
/** rmap_test_accessed_all - see rmap_test_accessed(); any line. */
bool rmap_test_accessed_all(struct pcache_line *line);
/** rmap_test_accessed_one - the same for a line that is mapped once; evictors
 * look at every line. */
static inline bool rmap_test_accessed_one(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	if (!(pte_read(line->first_rmap.ptep) & PTE_ACCESSED))
		return false;
	fetch_and(line->first_rmap.ptep, ~PTE_ACCESSED);
	return true;
}
/** rmap_test_accessed - was @line used since the last call? */
static inline bool rmap_test_accessed(struct pcache_line *line)
{
	return likely(line->nr_maps == 1) ? rmap_test_accessed_one(line)
					  : rmap_test_accessed_all(line);
}
/** rmap_has_dirty - has an entry that maps @line the dirty bit? */
bool rmap_has_dirty(const struct pcache_line *line);

/* Who has to flush what after a batch of unmappings. */
struct rmap_flush {
	struct aspace *aspace; /* the first one, pinned; or NULL */
	bool is_many;          /* it is not the only one */
	u32 nr_singles;        /* lines mapped once, not yet counted */
	u32 nr;
	u64 vaddrs[TLB_FLUSH_PAGES_MAX + 1];
	struct cpumask cpus; /* of the others */
};
void rmap_flush_init(struct rmap_flush *flush);
/** rmap_flush_run - one round of TLB shootdown for all of them. */
void rmap_flush_run(struct rmap_flush *flush);

/* ---- policy.c ---- */

#define NR_POLICIES 4u
extern const struct pcache_policy *const pcache_policies[NR_POLICIES];
/** choose_clean - a line that needs no write-back, whatever the policy is. */
struct pcache_line *choose_clean(struct pcache_set *set);

#endif /* PROCESSOR_PCACHE_INTERNAL_H */
