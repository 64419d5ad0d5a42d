/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines and sets: finding, claiming, filling, freeing; see pcache.h. */
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <managers/processor/mm/memnode.h>
#include <managers/processor/mm/pte.h>
#include <mm/page.h>
#include <net/rpc.h>

struct pcache pcache;
struct pcache_pool pcache_pool;

/* Threads that wait for something in a set; sets share queues. */
#define NR_WAITQS 64
static struct waitq set_waitqs[NR_WAITQS];

/* ---- places -----------------------------------------------------------------
 */

struct pcache_set *set_of(u64 gframe)
{
	return &pcache.sets[hash_index(gframe, pcache.nr_sets)];
}

struct pcache_line *pcache_line_at(paddr_t paddr)
{
	u64 index = (paddr - pcache.pool_paddr) >> PAGE_SHIFT;

	CHECK(index < pcache.nr_lines);
	return &pcache.lines[index];
}

const struct region *pcache_region(void)
{
	return pcache.region;
}

u64 pcache_size_bytes(void)
{
	return (u64)pcache.nr_lines * PAGE_SIZE;
}

/* ---- waiting ----------------------------------------------------------------
 */

struct waitq *set_waitq(const struct pcache_set *set)
{
	return &set_waitqs[(uintptr_t)set / 32 % NR_WAITQS]; /* cheap */
}

/* Inline where every fault comes by. */
static __always_inline void set_changed(struct pcache_set *set)
{
	ASSERT_LOCKED(&set->lock);
	/* A full barrier: who waits for room sees it, or we see who waits. */
	fetch_add(&set->nr_events, 1u);
	if (set->nr_waiting)
		waitq_wake_all(set_waitq(set));
	if (READ_ONCE(victims.nr_waiting))
		waitq_wake_all(&victims.room);
}

void set_event(struct pcache_set *set)
{
	set_changed(set);
}

/* Drop @set's lock, sleep until something changed, take it again. */
static void set_wait(struct pcache_set *set)
{
	u32 seen = set->nr_events;

	set->nr_waiting++;
	spin_unlock(&set->lock);
	wait_event(set_waitq(set), READ_ONCE(set->nr_events) != seen);
	spin_lock(&set->lock);
	set->nr_waiting--;
}

/* As set_wait(), for something to happen to @line of @set.  The end of an
 * eviction is no event of its set, but of all evictions. */
static void line_wait(struct pcache_set *set, struct pcache_line *line)
{
	u32 seen = smp_load_acquire(&victims.nr_finished);

	switch (smp_load_acquire(&line->state)) {
	case LINE_EVICTING:
		spin_unlock(&set->lock);
		wait_event(&victims.finished,
			   READ_ONCE(victims.nr_finished) != seen);
		spin_lock(&set->lock);
		break;
	case LINE_VICTIM:
		if (line->nr_pins)
			set_wait(set);
		break; /* else it was EVICTING when the caller looked */
	case LINE_AHEAD:
		if (!ahead_settle(line))
			ahead_wait(line);
		break;
	default:
		set_wait(set);
	}
}

/* ---- states -----------------------------------------------------------------
 */

/* Is what is known of @line right for @state? */
static bool may_be(const struct pcache_line *line, enum line_state state)
{
	switch (state) {
	case LINE_FREE:
		return !line->nr_maps && !line->nr_pins && !line->is_writing;
	case LINE_LOOSE:
		return !line->nr_maps && !line->set;
	case LINE_FILLING:
	case LINE_AHEAD:
		return !line->nr_maps && line->nr_pins == 1 &&
		       line->set == set_of(line->gframe);
	case LINE_VALID:
		return line->set == set_of(line->gframe);
	case LINE_EVICTING:
	case LINE_VICTIM:
		return !line->nr_maps && line->set == set_of(line->gframe);
	default:
		return false;
	}
}

void line_check_change(struct pcache_line *line, enum line_state to)
{
	static const u16 next[NR_LINE_STATES] = {
		[LINE_FREE] =
			BIT(LINE_LOOSE) | BIT(LINE_FILLING) | BIT(LINE_AHEAD),
		[LINE_LOOSE] = BIT(LINE_VALID) | BIT(LINE_FREE),
		[LINE_FILLING] = BIT(LINE_VALID) | BIT(LINE_FREE),
		[LINE_VALID] = BIT(LINE_EVICTING) | BIT(LINE_FREE),
		[LINE_EVICTING] = BIT(LINE_VICTIM),
		[LINE_VICTIM] = BIT(LINE_VALID) | BIT(LINE_FREE),
		[LINE_AHEAD] = BIT(LINE_VALID) | BIT(LINE_VICTIM),
	};

	ASSERT(next[line->state] & BIT(to));
	ASSERT(may_be(line, to));
}

/* ---- finding and claiming ---------------------------------------------------
 */

struct pcache_line *set_find(struct pcache_set *set, u64 gframe)
{
	struct pcache_line *line;

	ASSERT_LOCKED(&set->lock);
	list_for_each_entry (line, &set->resident, in_list)
		if (line->gframe == gframe)
			return line;
	list_for_each_entry (line, &set->victims, in_list)
		if (line->gframe == gframe)
			return line;
	return NULL;
}

static struct pcache_line *set_pop_free(struct pcache_set *set)
{
	struct pcache_line *line;

	ASSERT_LOCKED(&set->lock);
	line = list_first_entry_or_null(&set->free, struct pcache_line,
					in_list);
	if (line) {
		list_unlink(&line->in_list);
		set->nr_free--;
	}
	return line;
}

/* One line more; the evictor will take away what is more than ways. */
static void set_add_extra(struct pcache_set *set)
{
	if (++set->nr_extra == 1)
		evict_want(set);
	else
		evictor_check();
}

/* A free line for @set, a way of its own or from the stock; or NULL. */
static __always_inline struct pcache_line *set_claim(struct pcache_set *set)
{
	struct pcache_line *line = set_pop_free(set);

	if (line)
		return line;
	line = stock_pop(set->nr_extra ? NULL : set); /* first beyond ways? */
	set->nr_extra += line != NULL;
	return line;
}

/* A line comes in from outside: for it a free way, if any, leaves. */
static void set_make_room(struct pcache_set *set)
{
	struct pcache_line *spare =
		set->nr_extra < 0 ? NULL : set_pop_free(set);

	if (spare)
		stock_push(spare);
	else
		set_add_extra(set);
}

bool set_lend_free(struct pcache_set *set)
{
	struct pcache_line *line = set_pop_free(set);

	if (!line)
		return false;
	set->nr_extra--;
	stock_push(line);
	return true;
}

static void set_push_free(struct pcache_set *set, struct pcache_line *line)
{
	ASSERT_LOCKED(&set->lock);
	ASSERT(line->state == LINE_FREE);
	line->set = set;
	list_add(&line->in_list, &set->free);
	set->nr_free++;
}

/* @line, resident until now, has no content any more. */
static void set_put_free(struct pcache_set *set, struct pcache_line *line)
{
	line_set_state(line, LINE_FREE);
	list_del_init(&line->in_list);
	if (set->nr_extra > 0) {
		set->nr_extra--;
		stock_push(line);
	} else {
		set_push_free(set, line);
	}
}

void line_begin(struct pcache_line *line, struct pcache_set *set, u64 gframe,
		enum line_state state)
{
	line->set = set;
	line->gframe = gframe;
	line->is_dirty = false;
	line->is_ahead = false;
	line->nr_pins = 1;
	line->age = 0x80; /* just used */
	list_add_tail(&line->in_list,
		      state == LINE_AHEAD ? &set->victims : &set->resident);
	line_set_state(line, state);
}

/* @line, in no FIFO, comes into the ways of its set because it is wanted. */
static enum pcache_got line_come_in(struct pcache_set *set,
				    struct pcache_line *line)
{
	bool was_ahead = line->is_ahead;

	set_make_room(set);
	list_move_tail(&line->in_list, &set->resident);
	line_set_state(line, LINE_VALID);
	line->is_ahead = false;
	line->age = 0x80;
	line->nr_pins++;
	if (was_ahead) {
		counter_inc(nr_prefetch_used);
		return PCACHE_FOUND_AHEAD;
	}
	counter_inc(nr_victim_hit);
	return PCACHE_FOUND_VICTIM;
}

/* A hit in the victim cache. */
static enum pcache_got victim_rescue(struct pcache_set *set,
				     struct pcache_line *line)
{
	victim_del(line);
	return line_come_in(set, line);
}

/* What to do about @line, which set_find() found.  Return: PCACHE_BUSY if the
 * caller has to wait for it, PCACHE_FULL if there is none to claim. */
static enum pcache_got set_use(struct pcache_set *set, u64 gframe,
			       struct pcache_line *line,
			       struct pcache_line **out)
{
	*out = line;
	if (!line) {
		*out = line = set_claim(set);
		if (!line)
			return PCACHE_FULL;
		line_begin(line, set, gframe, LINE_FILLING);
		gauge_add(nr_pcache_lines, 1);
		return PCACHE_CLAIMED;
	}
	switch (smp_load_acquire(&line->state)) {
	case LINE_VALID:
		line->nr_pins++;
		return PCACHE_FOUND;
	case LINE_VICTIM:
		return victim_rescue(set, line);
	case LINE_AHEAD:
		if (smp_load_acquire(&line->arrival) != ARRIVAL_OK)
			return PCACHE_BUSY;
		line->nr_pins = 0;
		return line_come_in(set, line);
	case LINE_EVICTING:
		counter_inc(nr_pgfault_due_to_concurrent_eviction);
		return PCACHE_BUSY;
	default: /* somebody fills it: not for long */
		return PCACHE_BUSY;
	}
}

/*
 * Nothing is free, nothing clean: a fault has to wait for a write-back.
 * @seen: the number of events of @set when there was no room
 */
static void make_room(struct pcache_set *set, u32 seen)
{
	if (!evict_help())
		reserve_wait(&set->nr_events, seen);
}

/* Evictors should never be this late; if they are, each fault that takes a
 * batch of the reserve lends a hand.  No lock held; does not sleep. */
static void help_if_late(void)
{
	if (!reserve_is_below(READ_ONCE(victims.low) / 2))
		return;
	reserve_was_short();
	evict_help();
}

/* pcache_get() in all its cases.  @set's lock is held, dropped on return.
 * @out: what set_find() found; becomes what is got */
static __noinline enum pcache_got get_locked(struct pcache_set *set, u64 gframe,
					     bool may_wait_for_room,
					     struct pcache_line **out)
{
	bool is_counted = false, is_late = false;

	for (;; spin_lock(&set->lock), *out = set_find(set, gframe)) {
		enum pcache_got got;
		u32 seen;

		while ((got = set_use(set, gframe, *out, out)) == PCACHE_BUSY) {
			is_late |= (*out)->state == LINE_AHEAD;
			line_wait(set, *out);
			*out = set_find(set, gframe);
		}
		seen = set->nr_events;
		spin_unlock(&set->lock);
		if (got != PCACHE_FULL) {
			if (is_late && got == PCACHE_FOUND_AHEAD)
				counter_inc(nr_prefetch_late);
			return got;
		}
		help_if_late();
		if (victims_reclaim() || stock_steal() ||
		    (!pcache.is_on_demand && evict_clean(set)))
			continue;
		if (!may_wait_for_room)
			return got;
		if (!is_counted)
			counter_inc(nr_pcache_eviction_sync);
		is_counted = true;
		make_room(set, seen);
	}
}

enum pcache_got pcache_get(u64 gframe, struct pcache_line **line)
{
	struct pcache_set *set = set_of(gframe);
	struct pcache_line *free;

	spin_lock(&set->lock);
	*line = set_find(set, gframe);
	if (unlikely(*line || !(free = set_claim(set))))
		return get_locked(set, gframe, true, line);
	line_begin(free, set, gframe, LINE_FILLING);
	spin_unlock(&set->lock);
	gauge_add(nr_pcache_lines, 1);
	*line = free;
	return PCACHE_CLAIMED;
}

enum pcache_got pcache_try_get(u64 gframe, struct pcache_line **line)
{
	struct pcache_set *set = set_of(gframe);

	spin_lock(&set->lock);
	*line = set_find(set, gframe);
	return get_locked(set, gframe, false, line);
}

void pcache_fill_end(struct pcache_line *line, bool ok, bool is_dirty)
{
	struct pcache_set *set = line->set;

	spin_lock(&set->lock);
	if (ok) {
		pcache_fill_ended_locked(line, is_dirty);
	} else {
		ASSERT(line->state == LINE_FILLING && line->nr_pins == 1);
		line->nr_pins = 0;
		set_put_free(set, line);
		gauge_sub(nr_pcache_lines, 1);
	}
	set_event(set);
	spin_unlock(&set->lock);
}

void pcache_line_becomes_valid(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	ASSERT(line->state == LINE_FILLING && line->nr_pins == 1);
	line_check_change(line, LINE_VALID);
}

void pcache_unpin_locked(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	ASSERT(line->nr_pins);
	line->nr_pins--;
	if (!line->nr_pins)
		set_changed(line->set);
}

void pcache_unpin(struct pcache_line *line)
{
	struct pcache_set *set = line->set;

	spin_lock(&set->lock);
	pcache_unpin_locked(line);
	spin_unlock(&set->lock);
}

/* ---- borrowed lines ---------------------------------------------------------
 */

struct pcache_line *reserve_take(void)
{
	struct pcache_line *line;

	do
		line = stock_pop(NULL);
	while (!line && (victims_reclaim() || stock_steal()));
	return line;
}

struct pcache_line *pcache_borrow(void)
{
	struct pcache_line *line;

	help_if_late();
	line = reserve_take();
	if (!line)
		return NULL;
	line_set_state(line, LINE_LOOSE);
	gauge_add(nr_pcache_lines, 1);
	return line;
}

void pcache_give_back(struct pcache_line *line)
{
	ASSERT(line->state == LINE_LOOSE);
	line_set_state(line, LINE_FREE);
	stock_push(line);
	gauge_sub(nr_pcache_lines, 1);
}

bool pcache_adopt(struct pcache_line *line, u64 gframe, u64 nr_write_backs)
{
	struct pcache_set *set = set_of(gframe);
	bool is_new;

	ASSERT(line->state == LINE_LOOSE);
	/* A line that left before is counted, one that leaves later is found.
	 */
	spin_lock(&set->lock);
	is_new = !set_find(set, gframe) &&
		 pcache_nr_write_backs() == nr_write_backs;
	if (is_new) {
		set_make_room(set);
		line_begin(line, set, gframe, LINE_VALID);
	}
	spin_unlock(&set->lock);
	if (!is_new)
		pcache_give_back(line);
	return is_new;
}

/* ---- the end of a line ------------------------------------------------------
 */

/*
 * An emulator that translates code (QEMU's TCG) keeps translations of a page
 * until a CPU stores to it; what the card writes it does not see, unlike a
 * processor.  So pages that held code are overwritten before they are used
 * again.
 */
void line_scrub_code(struct pcache_line *line)
{
	if (pcache.must_scrub_code)
		memset(pcache_line_kaddr(line), 0, PAGE_SIZE);
	line->has_code = false;
}

void line_free(struct pcache_line *line)
{
	struct pcache_set *set = line->set;

	if (line->state == LINE_VICTIM) {
		victim_del(line);
		line_drop_victim(line);
		stock_push(line);
	} else {
		line_end(line);
		set_put_free(set, line);
	}
	gauge_sub(nr_pcache_lines, 1);
	set_event(set);
}

int pcache_write_back(struct pcache_line *line)
{
	struct pcache_set *set = line->set;
	int rc;

	spin_lock(&set->lock);
	ASSERT(line->nr_pins);
	while (line->is_writing)
		set_wait(set);
	line->is_writing = true;
	line->is_dirty = false;
	spin_unlock(&set->lock);

	counter_inc(nr_clflush);
	rc = remote_write(memnode_of(line->gframe)->peer, pcache.region,
			  pcache_line_paddr(line), frame_dma(line->gframe),
			  memnode_of(line->gframe)->rkey, PAGE_SIZE);

	spin_lock(&set->lock);
	line->is_writing = false;
	atomic64_inc(&pcache.nr_write_backs);
	if (rc) {
		line->is_dirty = true;
		counter_inc(nr_clflush_fail);
	}
	if (line->state == LINE_VICTIM && line->fifo == FIFO_NONE)
		victim_add(line); /* who picked it met us, and left it alone */
	set_event(set);
	spin_unlock(&set->lock);
	return rc;
}

u64 pcache_nr_write_backs(void)
{
	return (u64)atomic64_read(&pcache.nr_write_backs);
}

int pcache_clean(u64 gframe)
{
	struct pcache_set *set = set_of(gframe);
	struct pcache_line *line;
	int rc = 0;

	spin_lock(&set->lock);
	while ((line = set_find(set, gframe)) &&
	       (line->is_writing || line->state == LINE_EVICTING))
		line_wait(set, line);
	if (line && line->is_dirty) {
		line->nr_pins++;
		spin_unlock(&set->lock);
		rc = pcache_write_back(line);
		pcache_unpin(line);
		return rc;
	}
	spin_unlock(&set->lock);
	return rc;
}

void pcache_forget(u64 gframe, bool is_dead)
{
	struct pcache_set *set = set_of(gframe);
	struct pcache_line *line;
	bool is_worthless = is_dead;

	spin_lock(&set->lock);
	while ((line = set_find(set, gframe))) {
		if (line->nr_maps || line->state == LINE_FILLING) {
			if (is_dead)
				frame_conflict(gframe);
			break; /* others have it, or will have */
		}
		if (line->nr_pins || line->state == LINE_EVICTING) {
			line_wait(set, line);
		} else if (is_worthless || !line->is_dirty) {
			line_free(line);
			break;
		} else {
			line->nr_pins++;
			spin_unlock(&set->lock);
			/* On failure its node is gone, and the content. */
			is_worthless = pcache_write_back(line) != 0;
			pcache_unpin(line);
			spin_lock(&set->lock);
		}
	}
	spin_unlock(&set->lock);
}

/* ---- present entries --------------------------------------------------------
 */

struct pcache_line *pcache_lock_mapped(pte_t *ptep, pte_t *pte)
{
	struct spinlock *pte_lock = pte_lock_of(ptep);

	for (;;) {
		struct pcache_line *line;
		struct pcache_set *set;
		pte_t now;

		spin_lock(pte_lock);
		*pte = pte_read(ptep);
		if (!pte_is_present(*pte) || *pte & PTE_ZERO) {
			spin_unlock(pte_lock);
			return NULL;
		}
		line = pcache_line_at(pte_paddr(*pte));
		set = line->set; /* stable: it is mapped */
		spin_unlock(pte_lock);

		/* In lock order; meanwhile it may have been evicted, even
		 * come back for another frame. */
		spin_lock(&set->lock);
		spin_lock(pte_lock);
		now = pte_read(ptep);
		if (pte_is_present(now) && !(now & PTE_ZERO) &&
		    pte_paddr(now) == pte_paddr(*pte) && line->set == set) {
			*pte = now;
			return line;
		}
		spin_unlock(pte_lock);
		spin_unlock(&set->lock);
	}
}

void pcache_unlock_mapped(struct pcache_line *line, pte_t *ptep)
{
	spin_unlock(pte_lock_of(ptep));
	spin_unlock(&line->set->lock);
}

/* ---- checks -----------------------------------------------------------------
 */

bool pcache_line_check(const struct pcache_line *line)
{
	return may_be(line, line->state);
}

bool pcache_set_check(struct pcache_set *set)
{
	struct pcache_line *line, *other;
	u32 nr_resident = 0;

	ASSERT_LOCKED(&set->lock);
	list_for_each_entry (line, &set->resident, in_list) {
		nr_resident++;
		if (!pcache_line_check(line) ||
		    (line->state != LINE_VALID && line->state != LINE_FILLING))
			return false;
		list_for_each_entry (other, &set->resident, in_list)
			if (other != line && other->gframe == line->gframe)
				return false;
		list_for_each_entry (other, &set->victims, in_list)
			if (other->gframe == line->gframe)
				return false;
	}
	list_for_each_entry (line, &set->victims, in_list)
		if (!pcache_line_check(line) || line->state == LINE_VALID ||
		    line->state == LINE_FILLING)
			return false;
	return (s32)(nr_resident + set->nr_free) ==
		       (s32)pcache.nr_ways + set->nr_extra &&
	       !(set->nr_free && set->nr_extra > 0);
}

u32 pcache_check(void)
{
	u32 nr_bad = 0;

	for (u32 i = 0; i < pcache.nr_sets; i++) {
		struct pcache_set *set = &pcache.sets[i];

		spin_lock(&set->lock);
		nr_bad += !pcache_set_check(set);
		spin_unlock(&set->lock);
	}
	return nr_bad;
}

/* ---- start ------------------------------------------------------------------
 */

void sets_start(void)
{
	u32 n = 0;

	for (u32 i = 0; i < NR_WAITQS; i++)
		waitq_init(&set_waitqs[i]);
	for (u32 i = 0; i < pcache.nr_sets; i++) {
		struct pcache_set *set = &pcache.sets[i];

		spin_lock_init(&set->lock, "pcache set", LOCK_PCACHE_SET);
		list_init(&set->free);
		list_init(&set->resident);
		list_init(&set->victims);
		list_init(&set->in_todo);
		spin_lock(&set->lock);
		for (u32 way = 0; way < pcache.nr_ways; way++, n++) {
			list_init(&pcache.lines[n].in_fifo);
			pcache.lines[n].gframe = GFRAME_NONE;
			set_push_free(set, &pcache.lines[n]);
		}
		spin_unlock(&set->lock);
	}
	for (; n < pcache.nr_lines; n++) {
		list_init(&pcache.lines[n].in_fifo);
		pcache.lines[n].gframe = GFRAME_NONE;
		stock_push(&pcache.lines[n]);
	}
}
