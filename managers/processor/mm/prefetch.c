/* SPDX-License-Identifier: GPL-2.0-or-later */
#define pr_fmt(fmt) "prefetch: " fmt
#include "prefetch.h"

#include "internal.h"

#include <arch/x86/percpu.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/monitor.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/pcache/pcache.h>

#define NR_SLOTS     64u /* on a CPU; fewer are used if the pcache is small */
#define NR_SLOTS_MIN 8u

enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_ENDED };

/* One READ, from pcache_ahead_claim() until its line is settled. */
struct slot {
	struct remote_io io;
	struct pcache_line *line;
	u64 gframe;
	u8 state; /* TAKEN: of its READ; else of the ring's CPU */
};

struct slot_ring {
	u32 next;
	struct slot slots[NR_SLOTS];
};

static DEFINE_PERCPU(struct slot_ring, ring);
static u32 nr_slots = 1; /* in use in each ring */
enum prefetch_mode prefetch_mode = PREFETCH_TREND;

static const char *const mode_names[] = {
	[PREFETCH_OFF] = "off",
	[PREFETCH_SEQ] = "seq",
	[PREFETCH_TREND] = "trend",
};

/* ---- slots ------------------------------------------------------------------
 */

/*
 * The next slot of this CPU, if its READ has ended.  Nothing here sleeps until
 * it is taken, so the ring is ours that long.
 */
static struct slot *slot_take(void)
{
	struct slot_ring *mine = this_cpu_ptr(ring);
	struct slot *slot = &mine->slots[mine->next % nr_slots];
	u8 was = smp_load_acquire(&slot->state);

	if (was == SLOT_TAKEN)
		return NULL;
	mine->next++;
	slot->state = SLOT_TAKEN;
	if (was == SLOT_ENDED)
		pcache_ahead_settle(slot->line, slot->gframe);
	return slot;
}

static void slot_done(struct remote_io *io)
{
	struct slot *slot = container_of(io, struct slot, io);

	pcache_ahead_arrived(slot->line, !io->status);
	smp_store_release(&slot->state, SLOT_ENDED);
}

/* ---- choosing ---------------------------------------------------------------
 */

/* Add the page of @ptep, in @gframe, if there is a line and a slot for it.
 * Return: false if there is none: nor would there be for other pages. */
static bool batch_add(struct prefetch_batch *batch, const pte_t *ptep,
		      u64 gframe, u32 rkey)
{
	struct slot *slot = pcache_ahead_has_room() ? slot_take() : NULL;

	if (!slot)
		return false;
	slot->line = pcache_ahead_claim(gframe, ptep);
	if (!slot->line) {
		smp_store_release(&slot->state, SLOT_FREE);
		return true;
	}
	slot->gframe = gframe;
	slot->io = (struct remote_io){
		.region = pcache_region(),
		.paddr = pcache_line_paddr(slot->line),
		.remote_addr = frame_dma(gframe),
		.rkey = rkey,
		.len_bytes = PAGE_SIZE,
		.done = slot_done,
	};
	batch->ios[batch->nr++] = &slot->io;
	return true;
}

/* vma_lock is held: where something is mapped that is not busy, tables stay.
 * Return: how many pages of @plan were looked at. */
static u32 choose_pages(struct aspace *aspace, const struct prefetch_plan *plan,
			const struct memnode *node,
			struct prefetch_batch *batch)
{
	u32 ahead_max = pcache_ahead_max();
	u32 nr = min(plan->nr, PREFETCH_BATCH_MAX), i;

	/* In a small pcache what was read would go before it is used. */
	nr = min(nr, ahead_max - min(ahead_max, plan->nr_before));
	for (i = 0; i < nr; i++) {
		u64 vaddr = (plan->first + (u64)plan->stride * i) << PAGE_SHIFT;
		const pte_t *ptep;
		pte_t pte;
		u64 gframe;

		if (vaddr >= aspace->vmas.high)
			break;
		if (aspace_is_busy(aspace, vaddr) ||
		    !aspace_vma_at(aspace, vaddr))
			continue;
		ptep = pt_walk(&aspace->pt, vaddr, false);
		if (!ptep)
			continue;
		pte = pte_read(ptep);
		gframe = pte_remote_gframe(pte);
		if (!pte_is_remote(pte) || gframe_node(gframe) != node->index)
			continue;
		if (!batch_add(batch, ptep, gframe, node->rkey))
			break;
	}
	return i;
}

void prefetch_follow(struct prefetch_stream *stream, struct aspace *aspace,
		     u64 vaddr, u64 gframe, bool was_ahead,
		     struct prefetch_batch *batch)
{
	const struct memnode *node;
	struct prefetch_plan plan;
	u32 nr_tried;

	if (!prefetch_note(stream, READ_ONCE(prefetch_mode),
			   vaddr >> PAGE_SHIFT, was_ahead, &plan))
		return;
	node = memnode_of(gframe);
	batch->peer = node->peer;
	down_read(&aspace->vma_lock);
	nr_tried = choose_pages(aspace, &plan, node, batch);
	up_read(&aspace->vma_lock);
	prefetch_issued(stream, plan.nr, nr_tried, batch->nr);
}

void prefetch_drop(struct prefetch_batch *batch)
{
	for (u32 i = 0; i < batch->nr; i++) {
		batch->ios[i]->status = -EHOSTDOWN;
		slot_done(batch->ios[i]);
	}
	batch->nr = 0;
}

void prefetch_post(struct prefetch_batch *batch)
{
	if (batch->nr && remote_read_async(batch->peer, batch->ios, batch->nr))
		prefetch_drop(batch);
}

/* ---- the switch -------------------------------------------------------------
 */

static int set_mode(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (strcmp(name, mode_names[i]) != 0)
			continue;
		WRITE_ONCE(prefetch_mode, i);
		return 0;
	}
	return -EINVAL;
}
BOOT_OPTION(prefetch, "off, seq or trend: which pages are read ahead",
	    set_mode);

void prefetch_start(void)
{
	nr_slots = clamp(pcache_ahead_max() / nr_cpus_online, NR_SLOTS_MIN,
			 NR_SLOTS);
}

static void cmd_prefetch(int argc, char **argv)
{
	u64 nr_issued = counter_read(COUNTER_nr_prefetch_issued);
	u64 nr_used = counter_read(COUNTER_nr_prefetch_used);

	if (argc > 1 && set_mode(argv[1])) {
		mprintf("prefetch [off|seq|trend]\n");
		return;
	}
	mprintf("prefetch is %s; at most %u reads in flight on a CPU\n",
		mode_names[READ_ONCE(prefetch_mode)], nr_slots);
	mprintf("%-24s %lu\n", "pages read ahead", nr_issued);
	mprintf("%-24s %lu (%lu %%)\n", "  used", nr_used,
		nr_issued ? nr_used * 100 / nr_issued : 0);
	mprintf("%-24s %lu\n", "  used, but late",
		counter_read(COUNTER_nr_prefetch_late));
	mprintf("%-24s %lu\n", "  wasted",
		counter_read(COUNTER_nr_prefetch_wasted));
}
MONITOR_CMD(prefetch, "[off|seq|trend]: reading pages ahead, and its worth",
	    cmd_prefetch);
