/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PCACHE_H
#define PROCESSOR_PCACHE_H

/*
 * The pcache: local copies of pages whose home is a memory node.
 *
 * A line is one page of local memory.  It is tagged with the frame it is a
 * copy of (gframe: memory node and frame number), so processes that share a
 * frame - forked children, users of one file - share the line, whatever their
 * addresses.  A gframe hashes to a set, which owns PCACHE ways lines; beside
 * the sets the victim cache owns nr_victims lines more.  Lines are not bound
 * to a place: a set whose ways are all taken gets one more line from the
 * victim cache's stock at once, and pays it back later, when the evictor
 * moves one of its lines to the victim cache.  No byte is copied for that.  The
 * other way round, a set lends a line when the victim cache has none to spare,
 * and has one again at its next fault.
 *
 * The reserve, which all sets share, is what can be had at once: the stock of
 * free lines, and the victims that are clean, which a fault may reuse without
 * asking anybody.  When it is used up, a fault evicts clean lines of any set.
 * It waits only if there are none either.
 *
 * States of a line, and the only function that makes each transition:
 *
 *	FREE ----pcache_get()-----------> FILLING	 a free line is claimed
 *	FREE ----pcache_borrow()--------> LOOSE		 from the victims' stock
 *	FREE ----pcache_ahead_claim()---> AHEAD		 nobody has asked yet
 *	AHEAD ---pcache_get()-----------> VALID		 somebody does
 *	AHEAD ---ahead_settle()---------> VICTIM	 nobody did
 *	LOOSE ---pcache_adopt()---------> VALID		 its frame is known now
 *	LOOSE ---pcache_give_back()-----> FREE
 *	FILLING -pcache_fill_end()------> VALID, or FREE if the fill failed
 *	VALID ---evict_line()-----------> EVICTING	 evictor; unmapped
 *	EVICTING victims_accept()-------> VICTIM	 after the TLB flush
 *	VICTIM --pcache_get()-----------> VALID		 hit in the victim cache
 *	VICTIM --victims_reclaim()------> FREE		 clean, wanted elsewhere
 *	VICTIM --line_free()------------> FREE		 its frame is dead
 *	VALID ---line_free()------------> FREE		 its frame is dead
 *
 * Invariants (pcache_line_check(), pcache_set_check()):
 *  1. only VALID lines are mapped; nr_maps is the number of their rmaps, and
 *     each rmap stands for exactly one present entry that maps the line
 *  2. two lines of one set never have the same gframe, unless both are FREE
 *  3. a set has as many FREE, FILLING and VALID lines as ways, and nr_extra
 *     more, or less if that is negative: what all sets have and the lines of
 *     the victim cache are always the same in sum; if nr_extra > 0, none is
 *     FREE, and the evictor knows the set
 *  4. an AHEAD, EVICTING or VICTIM line stands in its set's list of victims
 *     (so that one lookup under one lock finds it); a VICTIM line stands in
 *     one of the victim cache's FIFOs as well, unless it is being written
 *     back or somebody is about to reclaim it
 *  5. a line that may differ from its frame is dirty, or one of the entries
 *     that map it has the hardware's dirty bit
 *
 * A pin keeps a line where it is: in its set, with its gframe.  Whoever pins
 * one never waits for a free line (that would make two such threads wait for
 * each other), nor for the end of somebody else's fill.
 *
 * Locks: set->lock for everything in a set and its lines; inside it the lock
 * of a page-table page, or the victim cache's.  One step is made without the
 * set's lock: EVICTING becomes VICTIM under the victim cache's, for a batch at
 * once.  Nothing is locked during transfers.  Nothing here is called from
 * interrupts but the end of a write-back.
 */
#include <arch/x86/paging.h>
#include <kernel/spinlock.h>
#include <lib/list.h>
#include <lib/types.h>
#include <mm/page.h>

struct aspace;
struct region;

enum line_state {
	LINE_FREE,     /* no content */
	LINE_LOOSE,    /* in no set; being filled with a frame not yet known */
	LINE_FILLING,  /* one thread makes it a copy of its frame */
	LINE_VALID,    /* a copy */
	LINE_EVICTING, /* unmapped, but TLBs may still know it */
	LINE_VICTIM,   /* a copy, unmapped, in the victim cache */
	LINE_AHEAD,    /* is becoming a copy that nobody asked for yet */
	NR_LINE_STATES
};

/* The content of an AHEAD line. */
enum line_arrival { ARRIVAL_PENDING, ARRIVAL_OK, ARRIVAL_FAILED };

/* Reverse mapping: a page-table entry that maps the line. [set->lock] */
struct rmap {
	struct aspace *aspace;
	u64 vaddr;
	pte_t *ptep; /* its table stays while an entry is present */
	struct rmap *next;
};

/* Where a line's in_fifo is. */
enum line_fifo {
	FIFO_NONE,
	FIFO_CLEAN, /* may be reclaimed */
	FIFO_DIRTY, /* is to be written back */
	FIFO_OUT,   /* none, with batch fifo - FIFO_OUT of write-backs, at
		       whose end it comes into one */
};

struct pcache_line {
	struct pcache_set *set;   /* NULL: in the stock, or LOOSE
				     [set->lock, victim lock] */
	struct list_head in_list; /* of its set, or the stock [as set] */
	struct list_head in_fifo; /* VICTIM; EVICTING: of the batch [victim
				     lock; the evictor] */
	u64 gframe;             /* [set->lock; stable while pinned or mapped] */
	struct rmap first_rmap; /* used while nr_maps > 0 [set->lock] */
	u32 nr_maps;            /* [set->lock] */
	u16 nr_pins;            /* [set->lock] */
	u8 state;               /* enum line_state [set->lock; see above] */
	bool is_writing;        /* a write-back is in flight [set->lock] */
	u8 fifo;                /* enum line_fifo [victim lock; while
				   FIFO_NONE: set->lock] */
	u8 age;                 /* for LRU: 8 samples of use [set->lock] */
	bool is_dirty;          /* [set->lock] */
	bool has_code;          /* was mapped executable [set->lock] */
	bool is_ahead;          /* not yet asked for [set->lock] */
	u8 arrival;             /* enum line_arrival; AHEAD: [its transfer] */
};

struct pcache_set {
	struct spinlock lock;      /* LOCK_PCACHE_SET */
	u32 nr_free;               /* [lock] */
	s32 nr_extra;              /* lines beyond its ways; < 0: lent [lock] */
	u32 nr_events;             /* state changes, for waiters [lock] */
	u32 nr_waiting;            /* threads that want to know [lock] */
	struct list_head free;     /* [lock] */
	struct list_head resident; /* FILLING, VALID; oldest first [lock] */
	struct list_head victims;  /* EVICTING, VICTIM [lock] */
	struct list_head in_todo;  /* wants the evictor [hand's lock; who took
				      it from there] */
	bool is_todo;              /* .in_todo is in a list [lock] */
};

/* ---- start ------------------------------------------------------------------
 */

/** pcache_start - read the options, reserve the lines, start the evictors. */
int __must_check pcache_start(void);
/** pcache_register - let the card reach the lines.  Idempotent; may sleep. */
int __must_check pcache_register(void);
/** pcache_region - what pcache_register() made. */
const struct region *pcache_region(void);
u64 pcache_size_bytes(void);

/**
 * pcache_set_policy - from now on evict by the policy that is called @name.
 *
 * Context: any.  Return: 0, or -EINVAL: there is none of that name.
 */
int __must_check pcache_set_policy(const char *name, size_t len);
/** pcache_policy_name - of policy @i, and whether it is the one in use.
 * Return: NULL if there are not so many. */
const char *pcache_policy_name(u32 i, bool *is_current);

/* ---- finding and filling
 * ----------------------------------------------------- */

enum pcache_got {
	PCACHE_FOUND,        /* the line is VALID */
	PCACHE_FOUND_VICTIM, /* it was in the victim cache, now VALID */
	PCACHE_FOUND_AHEAD,  /* there because of pcache_ahead_claim() */
	PCACHE_CLAIMED,      /* FILLING: the caller fills it */
	PCACHE_FULL,         /* pcache_try_get() only: no free line */
	PCACHE_BUSY,         /* internal: somebody else is at it */
};

/**
 * pcache_get - find the line of @gframe, or claim a free one for it.
 *
 * Waits for a fill or an eviction of the same line, and for a free line.
 * Context: may sleep; no locks, no pins held.
 * Return: how; @line is pinned.  After PCACHE_CLAIMED the caller makes its
 *         content and calls pcache_fill_end().
 */
enum pcache_got pcache_get(u64 gframe, struct pcache_line **line);

/** pcache_try_get - as pcache_get(), but PCACHE_FULL (and no line) instead of
 * waiting for a free line. */
enum pcache_got pcache_try_get(u64 gframe, struct pcache_line **line);

/**
 * pcache_fill_end - the content of a claimed line is there, or could not be
 * had (@ok false: it is free again and no longer pinned).
 * @is_dirty: it differs from the frame at the memory node
 */
void pcache_fill_end(struct pcache_line *line, bool ok, bool is_dirty);

/** pcache_line_becomes_valid - the state of @line, checked. */
void pcache_line_becomes_valid(struct pcache_line *line);

/** pcache_fill_ended_locked - as above, it is there; its set's lock is held.
 * Who waits is told by pcache_unpin_locked(), which follows. */
static inline void pcache_fill_ended_locked(struct pcache_line *line,
					    bool is_dirty)
{
	if (IS_ENABLED(CONFIG_ASSERT))
		pcache_line_becomes_valid(line);
	line->state = LINE_VALID;
	line->is_dirty = is_dirty;
}

/** pcache_unpin - Context: any; no set lock held. */
void pcache_unpin(struct pcache_line *line);
/** pcache_unpin_locked - the same, its set's lock held. */
void pcache_unpin_locked(struct pcache_line *line);

/**
 * pcache_borrow - a line outside the sets, to be filled with a page whose
 * frame is not known yet.
 *
 * Return: LOOSE, or NULL if the victim cache has none to spare.
 */
struct pcache_line *pcache_borrow(void);
/** pcache_give_back - return a borrowed line. */
void pcache_give_back(struct pcache_line *line);

/**
 * pcache_adopt - a borrowed line turned out to be a copy of @gframe.
 * @nr_write_backs: pcache_nr_write_backs() from before the copy was read
 *
 * Does not wait.  Return: true: @line is VALID and pinned; false: @gframe has
 * a line already, or what was read may be older than a copy that was written
 * back meanwhile; @line was given back and pcache_get() is the way.
 */
bool __must_check pcache_adopt(struct pcache_line *line, u64 gframe,
			       u64 nr_write_backs);

/**
 * pcache_ahead_claim - a line to be filled with @gframe before anybody asks.
 * @ptep: an entry that said that its page is in @gframe; its table stays
 *
 * Only if a line can be had beyond the reserve that is kept for faults, see
 * pcache_ahead_has_room(): no set loses a line for it.  The first fault that
 * wants the page gets it as PCACHE_FOUND_AHEAD, and waits if it has not
 * arrived.
 *
 * Context: does not sleep; no set's and no entry's lock held.
 * Return: the line, AHEAD: pcache_ahead_arrived() must follow.  NULL: none to
 *         spare, @gframe has a line, or @ptep says something else now.
 */
struct pcache_line *pcache_ahead_claim(u64 gframe, const pte_t *ptep);
/** pcache_ahead_has_room - are there lines to spare?  A hint. */
bool pcache_ahead_has_room(void);
/** pcache_ahead_arrived - its content is there, or (@ok false) could not be
 * had.  Context: any.  The line is not the caller's any more. */
void pcache_ahead_arrived(struct pcache_line *line, bool ok);
/**
 * pcache_ahead_settle - @line, claimed for @gframe, arrived a while ago: if
 * nobody has taken it, it becomes a victim, to be reclaimed in its turn.
 *
 * Until then it is not reclaimed; so who claims many must do this.
 * Context: does not sleep; no set lock held.
 */
void pcache_ahead_settle(struct pcache_line *line, u64 gframe);
/** pcache_ahead_max - how many may be claimed and not settled. */
u32 pcache_ahead_max(void);

/**
 * pcache_forget - drop the copy of @gframe, if there is one nobody maps.
 * @is_dead: no entry refers to the frame any more: its content is worth
 *           nothing, and when this returns nothing will write to the frame.
 *           Else a dirty copy is written back first, and one that a fault
 *           maps meanwhile stays.
 *
 * Context: may sleep; no locks held, and no pin of @gframe's line.
 */
void pcache_forget(u64 gframe, bool is_dead);

/**
 * pcache_write_back - write a pinned line to its frame and wait.
 *
 * The caller has cleaned the entries that map it.
 * Return: 0 or the transfer's error (the line stays dirty).
 */
int __must_check pcache_write_back(struct pcache_line *line);

/** pcache_clean - write @gframe's copy back if there is a modified one.  The
 * entries that map it are not looked at.  May sleep. */
int __must_check pcache_clean(u64 gframe);

/** pcache_nr_write_backs - how many ended.  A copy of a frame that was read
 * outside of a claimed line may be old if one ended since. */
u64 pcache_nr_write_backs(void);

/* ---- content and mappings
 * ----------------------------------------------------- */

/* Where the lines are: line i is page i of the pool. [set once] */
struct pcache_pool {
	const struct pcache_line *lines;
	paddr_t paddr;
};
extern struct pcache_pool pcache_pool;

/** pcache_line_paddr, pcache_line_kaddr - the page of @line. */
static inline paddr_t pcache_line_paddr(const struct pcache_line *line)
{
	return pcache_pool.paddr + (u64)(line - pcache_pool.lines) * PAGE_SIZE;
}

static inline void *pcache_line_kaddr(const struct pcache_line *line)
{
	return kaddr_of(pcache_line_paddr(line));
}
/** pcache_line_at - the line at @paddr, from a present entry. */
struct pcache_line *pcache_line_at(paddr_t paddr);

/** pcache_line_lock - take the set lock of a line the caller has pinned.
 * Return: what to unlock; when the pin is gone the line may go elsewhere. */
static inline struct spinlock *pcache_line_lock(struct pcache_line *line)
{
	struct spinlock *lock = &line->set->lock;

	spin_lock(lock);
	return lock;
}

/**
 * pcache_lock_mapped - lock the line that @ptep maps, and @ptep.
 * @pte: the entry's value
 *
 * Return: the line, its set's lock and the entry's lock held
 *         (pcache_unlock_mapped()); NULL, nothing locked, if @ptep maps none.
 */
struct pcache_line *pcache_lock_mapped(pte_t *ptep, pte_t *pte);
void pcache_unlock_mapped(struct pcache_line *line, pte_t *ptep);

/**
 * pcache_rmap_add - @ptep, @aspace's entry of @vaddr, now maps @line.
 *
 * Context: set lock and entry's lock held.  Return: false: no memory.
 */
bool __must_check pcache_rmap_add(struct pcache_line *line,
				  struct aspace *aspace, u64 vaddr,
				  pte_t *ptep);
/** pcache_rmap_del - it no longer does.  Same context. */
void pcache_rmap_del(struct pcache_line *line, struct aspace *aspace,
		     u64 vaddr);

/**
 * pcache_is_unmapping - do TLBs know pages whose entries are remote already?
 *
 * That is so from when an evictor unmaps a line until its batch is flushed.
 * Who has seen a remote entry and promises that nobody reaches its page by
 * what the entry was before, asks and flushes.
 */
bool pcache_is_unmapping(void);

/** pcache_line_check, pcache_set_check - the invariants; set lock held. */
bool pcache_line_check(const struct pcache_line *line);
bool pcache_set_check(struct pcache_set *set);
/** pcache_check - all sets, for tests and the monitor; 0 or how many fail. */
u32 pcache_check(void);

#endif /* PROCESSOR_PCACHE_H */
