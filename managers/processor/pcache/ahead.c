/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines that are filled before anybody asks; see pcache_ahead_claim().
 *
 * Such a line is AHEAD, in its set's list of victims, until somebody wants it
 * or settles it.  Its transfer ends in a completion, perhaps an interrupt,
 * where no set's lock can be taken: that only stores into .arrival and wakes
 * who waits.  What follows is done under the set's lock by whoever comes by.
 */
#include "internal.h"

#include <arch/x86/barrier.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <lib/compiler.h>
#include <managers/processor/mm/memnode.h>
#include <managers/processor/mm/pte.h>
#include <net/rpc.h>

/* Does @ptep still say that the page is in @gframe?  Then the frame is alive,
 * and who ends its life will find the line. */
static bool names_frame(const pte_t *ptep, u64 gframe)
{
	struct spinlock *lock = pte_lock_of(ptep);
	pte_t pte;

	spin_lock(lock);
	pte = pte_read(ptep);
	spin_unlock(lock);
	return pte_is_remote(pte) && pte_remote_gframe(pte) == gframe;
}

/*
 * Evictors work when the reserve is below the low mark; when it is below half
 * of that, faults help.  Three quarters stay for faults: reading ahead wakes
 * evictors, or it would find no room as soon as faults alone keep them busy.
 */
bool pcache_ahead_has_room(void)
{
	u32 low = READ_ONCE(victims.low);

	return reserve_has(low - low / 4 + 1);
}

struct pcache_line *pcache_ahead_claim(u64 gframe, const pte_t *ptep)
{
	struct pcache_set *set = set_of(gframe);
	struct pcache_line *line;
	bool is_new;

	if (!pcache_ahead_has_room())
		return NULL;
	line = reserve_take();
	if (!line)
		return NULL;
	spin_lock(&set->lock);
	is_new = !set_find(set, gframe) && names_frame(ptep, gframe);
	if (is_new) {
		line->arrival = ARRIVAL_PENDING;
		line_begin(line, set, gframe, LINE_AHEAD);
		line->is_ahead = true;
		gauge_add(nr_pcache_lines, 1);
		counter_inc(nr_prefetch_issued);
	}
	spin_unlock(&set->lock);
	if (is_new)
		return line;
	stock_push(line);
	return NULL;
}

void pcache_ahead_arrived(struct pcache_line *line, bool ok)
{
	/* Read first: then the line may at once be somebody else's. */
	struct waitq *waitq = set_waitq(line->set);

	ASSERT(line->state == LINE_AHEAD && line->arrival == ARRIVAL_PENDING);
	smp_store_release(&line->arrival,
			  (u8)(ok ? ARRIVAL_OK : ARRIVAL_FAILED));
	waitq_wake_all(waitq);
}

bool ahead_settle(struct pcache_line *line)
{
	struct pcache_set *set = line->set;
	u8 arrival = smp_load_acquire(&line->arrival);

	ASSERT_LOCKED(&set->lock);
	ASSERT(line->state == LINE_AHEAD && line->nr_pins == 1);
	if (arrival == ARRIVAL_PENDING)
		return false;
	line->nr_pins = 0;
	line_set_state(line, LINE_VICTIM);
	victim_add(line);
	if (arrival == ARRIVAL_FAILED)
		line_free(line);
	else
		set_event(set);
	return true;
}

void ahead_wait(struct pcache_line *line)
{
	struct pcache_set *set = line->set;
	struct peer *peer = memnode_of(line->gframe)->peer;
	u32 seen = set->nr_events;

	ASSERT_LOCKED(&set->lock);
	ASSERT(line->state == LINE_AHEAD);
	set->nr_waiting++;
	spin_unlock(&set->lock);
	remote_poll_for(peer, &line->arrival, ARRIVAL_PENDING);
	wait_event(set_waitq(set),
		   READ_ONCE(set->nr_events) != seen ||
			   READ_ONCE(line->arrival) != ARRIVAL_PENDING);
	spin_lock(&set->lock);
	set->nr_waiting--;
}

void pcache_ahead_settle(struct pcache_line *line, u64 gframe)
{
	struct pcache_set *set = set_of(gframe);

	/* Most have been taken: a look, which the lock confirms. */
	if (READ_ONCE(line->state) != LINE_AHEAD ||
	    READ_ONCE(line->gframe) != gframe)
		return;
	spin_lock(&set->lock);
	if (line->state == LINE_AHEAD && line->set == set &&
	    line->gframe == gframe)
		(void)ahead_settle(line);
	spin_unlock(&set->lock);
}

u32 pcache_ahead_max(void)
{
	return pcache.is_on_demand ? 0 : pcache.nr_victims / 4;
}
