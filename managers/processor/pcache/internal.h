/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PCACHE_INTERNAL_H
#define PROCESSOR_PCACHE_INTERNAL_H
/* What the files of the pcache share; nobody outside includes it. */
#include "pcache.h"

#include <kernel/wait.h>
#include <lib/atomic.h>

#define EVICT_BATCH 64u /* lines unmapped with one TLB shootdown */
#define WRITE_BATCH 64u /* lines written back at a time */

/* Which line of a set goes? */
struct pcache_policy {
	const char *name;
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
	u32 stock_low;  /* fewer free lines wake the evictor, */
	u32 stock_high; /* which goes on until there are as many as this */
	u32 nr_lines;
	paddr_t pool_paddr;
	struct pcache_set *sets;
	struct pcache_line *lines; /* line i is page i of the pool */
	struct region *region;
	const struct pcache_policy *policy;
	bool must_scrub_code; /* see line_scrub_code() */
	atomic64_t nr_write_backs;
};

/* The victim cache. */
struct victim_cache {
	struct spinlock lock;   /* LOCK_VICTIM, inside a set's lock */
	u32 nr_stock;           /* [lock] */
	u32 nr_in_fifo;         /* [lock] */
	u32 nr_todo;            /* [lock] */
	u32 nr_waiting;         /* threads that want a free line [lock] */
	struct list_head stock; /* FREE lines [lock] */
	struct list_head fifo;  /* VICTIM lines, oldest first [lock] */
	struct list_head todo;  /* sets with more lines than ways [lock] */
	struct waitq evictors;  /* sleep here */
	struct waitq room;      /* here who waits for a free line */
};

extern struct pcache pcache;
extern struct victim_cache victims;

/* ---- line.c ---- */

/** sets_start - make all sets, full of free lines; the rest is stock. */
void sets_start(void);

struct pcache_set *set_of(u64 gframe);
/** set_event - something changed that waiters of @set want to know. */
void set_event(struct pcache_set *set);
/** line_free - @line, VALID or VICTIM, unmapped, unpinned, becomes FREE. */
void line_free(struct pcache_line *line);

/* ---- victim.c ---- */

void victims_start(void);

/** stock_push, stock_pop - FREE lines of the victim cache.  To pop wakes the
 * evictor when they become few. */
void stock_push(struct pcache_line *line);
struct pcache_line *stock_pop(void);
/** stock_wait - wait until there are some, or *@nr_events is no more @seen. */
void stock_wait(const u32 *nr_events, u32 seen);
/** stock_has - is there at least @nr?  A hint. */
bool stock_has(u32 nr);
/** victim_add, victim_del - @line enters, leaves the FIFO; set lock held. */
void victim_add(struct pcache_line *line);
void victim_del(struct pcache_line *line);
/** victims_reclaim - free a batch of old victims, writing dirty ones back.
 * May sleep.  Return: how many lines the stock gained. */
u32 victims_reclaim(void);

/* ---- evict.c ---- */

/** evict_want - @set has lines beyond its ways; its lock is held. */
void evict_want(struct pcache_set *set);
/** evict_round - cut the sets to size, then free victims up to the high mark.
 * May sleep.  Return: lines moved and freed. */
u32 evict_round(void);
void evict_thread(void *arg);

static inline bool line_is_evictable(const struct pcache_line *line)
{
	return line->state == LINE_VALID && !line->nr_pins && !line->is_writing;
}

/* ---- rmap.c ---- */

int __must_check rmap_start(void);
/** rmap_test_accessed - was @line used since the last call? */
bool rmap_test_accessed(struct pcache_line *line);

/* Who has to flush what after a batch of unmappings. */
struct rmap_flush {
	struct aspace *aspace; /* the only one, pinned; or NULL */
	bool is_many;          /* more than one: flush all of .cpus */
	u32 nr;
	u64 vaddrs[TLB_FLUSH_PAGES_MAX + 1];
	struct cpumask cpus;
};
/** rmap_unmap_all - turn all entries that map @line into remote ones. */
void rmap_unmap_all(struct pcache_line *line, struct rmap_flush *flush);
/** rmap_flush_run - one round of TLB shootdown for all of them. */
void rmap_flush_run(struct rmap_flush *flush);

/* ---- policy.c ---- */

extern const struct pcache_policy pcache_policies[];
const struct pcache_policy *policy_find(const char *name);

#endif /* PROCESSOR_PCACHE_INTERNAL_H */
