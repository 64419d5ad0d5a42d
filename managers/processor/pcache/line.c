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

/* Threads that wait for something in a set; sets share queues. */
#define NR_WAITQS 64
static struct waitq set_waitqs[NR_WAITQS];

/* ---- places -----------------------------------------------------------------
 */

struct pcache_set *set_of(u64 gframe)
{
	return &pcache.sets[hash_index(gframe, pcache.nr_sets)];
}

paddr_t pcache_line_paddr(const struct pcache_line *line)
{
	return pcache.pool_paddr + (u64)(line - pcache.lines) * PAGE_SIZE;
}

void *pcache_line_kaddr(const struct pcache_line *line)
{
	return kaddr_of(pcache_line_paddr(line));
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

static struct waitq *set_waitq(const struct pcache_set *set)
{
	return &set_waitqs[(uintptr_t)set / 32 % NR_WAITQS]; /* cheap */
}

void set_event(struct pcache_set *set)
{
	ASSERT_LOCKED(&set->lock);
	WRITE_ONCE(set->nr_events, set->nr_events + 1);
	waitq_wake_all(set_waitq(set));
	if (READ_ONCE(victims.nr_waiting))
		waitq_wake_all(&victims.room);
}

/* Drop @set's lock, sleep until something changed, take it again. */
static void set_wait(struct pcache_set *set)
{
	u32 seen = set->nr_events;

	spin_unlock(&set->lock);
	wait_event(set_waitq(set), READ_ONCE(set->nr_events) != seen);
	spin_lock(&set->lock);
}

/* ---- finding and claiming ---------------------------------------------------
 */

static struct pcache_line *set_find(struct pcache_set *set, u64 gframe)
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

/* Drop @set's lock, sleep until it may have a free way or the stock has a
 * line, take it again. */
static void set_wait_room(struct pcache_set *set)
{
	u32 seen = set->nr_events;

	spin_unlock(&set->lock);
	stock_wait(&set->nr_events, seen);
	spin_lock(&set->lock);
}

static struct pcache_line *set_pop_free(struct pcache_set *set)
{
	struct pcache_line *line;

	ASSERT_LOCKED(&set->lock);
	line = list_first_entry_or_null(&set->free, struct pcache_line,
					in_list);
	if (line) {
		list_del_init(&line->in_list);
		set->nr_free--;
	}
	return line;
}

/* One line more than ways: the evictor will take one away. */
static void set_add_extra(struct pcache_set *set)
{
	if (!set->nr_extra++)
		evict_want(set);
}

/* A free line for @set, a way of its own or from the stock; or NULL. */
static struct pcache_line *set_claim(struct pcache_set *set)
{
	struct pcache_line *line = set_pop_free(set);

	if (line)
		return line;
	line = stock_pop();
	if (line)
		set_add_extra(set);
	return line;
}

/* A line comes in from outside: for it a free way, if any, leaves. */
static void set_make_room(struct pcache_set *set)
{
	struct pcache_line *spare = set_pop_free(set);

	if (spare)
		stock_push(spare);
	else
		set_add_extra(set);
}

static void set_push_free(struct pcache_set *set, struct pcache_line *line)
{
	ASSERT_LOCKED(&set->lock);
	line->set = set;
	line->state = LINE_FREE;
	line->gframe = GFRAME_NONE;
	list_add(&line->in_list, &set->free);
	set->nr_free++;
}

/* @line, resident until now, has no content any more. */
static void set_put_free(struct pcache_set *set, struct pcache_line *line)
{
	list_del_init(&line->in_list);
	if (set->nr_extra) {
		set->nr_extra--;
		stock_push(line);
	} else {
		set_push_free(set, line);
	}
}

static void line_make_resident(struct pcache_line *line, struct pcache_set *set,
			       u64 gframe, enum line_state state)
{
	line->set = set;
	line->gframe = gframe;
	line->state = state;
	line->is_dirty = false;
	line->nr_pins = 1;
	line->age = 0x80; /* just used */
	list_add_tail(&line->in_list, &set->resident);
}

/* A hit in the victim cache. */
static void victim_rescue(struct pcache_set *set, struct pcache_line *line)
{
	victim_del(line);
	set_make_room(set);
	list_move_tail(&line->in_list, &set->resident);
	line->state = LINE_VALID;
	line->age = 0x80;
	line->nr_pins++;
}

/* One look at @set.  Return: false if the caller has to wait for an event. */
static bool set_try_get(struct pcache_set *set, u64 gframe,
			struct pcache_line **out, enum pcache_got *got)
{
	struct pcache_line *line = set_find(set, gframe);

	*got = PCACHE_FULL;
	*out = line;
	if (line && line->state == LINE_VALID) {
		line->nr_pins++;
		*got = PCACHE_FOUND;
		return true;
	}
	if (line && line->state == LINE_VICTIM) {
		victim_rescue(set, line);
		*got = PCACHE_FOUND_VICTIM;
		return true;
	}
	if (line) { /* FILLING or EVICTING: not for long */
		*got = PCACHE_FOUND;
		if (line->state == LINE_EVICTING)
			counter_inc(nr_pgfault_due_to_concurrent_eviction);
		return false;
	}
	*out = line = set_claim(set);
	if (!line)
		return false;
	line_make_resident(line, set, gframe, LINE_FILLING);
	gauge_add(nr_pcache_lines, 1);
	*got = PCACHE_CLAIMED;
	return true;
}

/* pcache_get() in all its cases.  @set's lock is held; dropped on return. */
static __noinline enum pcache_got get_locked(struct pcache_set *set, u64 gframe,
					     bool may_wait_for_room,
					     struct pcache_line **out)
{
	bool counted = false;
	enum pcache_got got;

	while (!set_try_get(set, gframe, out, &got)) {
		if (got != PCACHE_FULL) {
			set_wait(set);
			continue;
		}
		if (!may_wait_for_room)
			break;
		if (!counted)
			counter_inc(nr_pcache_eviction_sync);
		counted = true;
		set_wait_room(set);
	}
	ASSERT(got == PCACHE_FULL || pcache_line_check(*out));
	spin_unlock(&set->lock);
	if (got == PCACHE_FULL)
		*out = NULL;
	if (got == PCACHE_FOUND_VICTIM)
		counter_inc(nr_victim_hit);
	return got;
}

enum pcache_got pcache_get(u64 gframe, struct pcache_line **line)
{
	struct pcache_set *set = set_of(gframe);
	struct pcache_line *free;

	spin_lock(&set->lock);
	if (unlikely(set_find(set, gframe) || !(free = set_pop_free(set))))
		return get_locked(set, gframe, true, line);
	line_make_resident(free, set, gframe, LINE_FILLING);
	spin_unlock(&set->lock);
	gauge_add(nr_pcache_lines, 1);
	*line = free;
	return PCACHE_CLAIMED;
}

enum pcache_got pcache_try_get(u64 gframe, struct pcache_line **line)
{
	struct pcache_set *set = set_of(gframe);

	spin_lock(&set->lock);
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

void pcache_fill_ended_locked(struct pcache_line *line, bool is_dirty)
{
	ASSERT_LOCKED(&line->set->lock);
	ASSERT(line->state == LINE_FILLING && line->nr_pins == 1);
	line->state = LINE_VALID;
	line->is_dirty = is_dirty;
}

void pcache_unpin_locked(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	ASSERT(line->nr_pins);
	line->nr_pins--;
	if (!line->nr_pins)
		set_event(line->set);
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

struct pcache_line *pcache_borrow(void)
{
	struct pcache_line *line = stock_pop();

	if (!line)
		return NULL;
	line->state = LINE_LOOSE;
	gauge_add(nr_pcache_lines, 1);
	return line;
}

void pcache_give_back(struct pcache_line *line)
{
	ASSERT(line->state == LINE_LOOSE);
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
		line_make_resident(line, set, gframe, LINE_VALID);
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
static void line_scrub_code(struct pcache_line *line)
{
	if (pcache.must_scrub_code)
		memset(pcache_line_kaddr(line), 0, PAGE_SIZE);
	line->has_code = false;
}

void line_free(struct pcache_line *line)
{
	struct pcache_set *set = line->set;

	ASSERT_LOCKED(&set->lock);
	ASSERT(line->state == LINE_VALID || line->state == LINE_VICTIM);
	ASSERT(!line->nr_pins && !line->nr_maps && !line->is_writing);
	if (line->has_code)
		line_scrub_code(line);
	gauge_sub(nr_pcache_lines, 1);
	if (line->state == LINE_VICTIM) {
		list_del_init(&line->in_list);
		victim_del(line);
		stock_push(line);
	} else {
		set_put_free(set, line);
	}
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
		set_wait(set);
	if (line && line->is_dirty && line->state != LINE_FILLING) {
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
			CHECK(!is_dead);
			break; /* others have it, or will have */
		}
		if (line->nr_pins || line->state == LINE_EVICTING) {
			set_wait(set);
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
	switch (line->state) {
	case LINE_FREE:
		return !line->nr_maps && !line->nr_pins && !line->is_writing;
	case LINE_LOOSE:
		return !line->nr_maps && !line->set;
	case LINE_FILLING:
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

bool pcache_set_check(struct pcache_set *set)
{
	struct pcache_line *line, *other;
	u32 nr_resident = 0;

	ASSERT_LOCKED(&set->lock);
	list_for_each_entry (line, &set->resident, in_list) {
		nr_resident++;
		if (!pcache_line_check(line) || line->state == LINE_VICTIM ||
		    line->state == LINE_EVICTING)
			return false;
		list_for_each_entry (other, &set->resident, in_list)
			if (other != line && other->gframe == line->gframe)
				return false;
		list_for_each_entry (other, &set->victims, in_list)
			if (other->gframe == line->gframe)
				return false;
	}
	list_for_each_entry (line, &set->victims, in_list)
		if (!pcache_line_check(line) || (line->state != LINE_VICTIM &&
						 line->state != LINE_EVICTING))
			return false;
	return nr_resident + set->nr_free == pcache.nr_ways + set->nr_extra &&
	       !(set->nr_free && set->nr_extra);
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
			set_push_free(set, &pcache.lines[n]);
		}
		spin_unlock(&set->lock);
	}
	for (; n < pcache.nr_lines; n++) {
		list_init(&pcache.lines[n].in_fifo);
		stock_push(&pcache.lines[n]);
	}
}
