/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing dirty victims back, in batches, without waiting.
 *
 *	FREE --write_backs_start()--> BUSY --last write done--> DONE
 *	DONE --write_backs_end()----> BUSY --------------------> FREE
 *
 * A page that is being written may be found again and even be modified: then
 * it is dirty once more.  The last completion of a batch arrives in interrupt
 * context and only marks the batch; an evictor, or a fault that finds the
 * reserve empty, does the rest.
 */
#define pr_fmt(fmt) "pcache: " fmt
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <managers/processor/mm/memnode.h>
#include <net/membership.h>

enum { BATCH_FREE, BATCH_BUSY, BATCH_DONE };

struct write_back {
	struct remote_io io;
	struct pcache_line *line; /* pinned */
	struct write_batch *batch;
};

struct write_batch {
	u32 state; /* [atomic] */
	u32 nr;    /* [BUSY: its thread] */
	struct write_back writes[WRITE_BATCH];
	atomic_t nr_pending; /* and one more while they are posted */
};

static struct write_batch batches[NR_WRITE_BATCHES];

/* A batch in state @state, now BUSY and ours; NULL: there is none. */
static struct write_batch *batch_take(u32 state)
{
	for (u32 i = 0; i < NR_WRITE_BATCHES; i++)
		if (READ_ONCE(batches[i].state) == state &&
		    cmpxchg(&batches[i].state, state, (u32)BATCH_BUSY) == state)
			return &batches[i];
	return NULL;
}

static bool has_batch(u32 state)
{
	for (u32 i = 0; i < NR_WRITE_BATCHES; i++)
		if (READ_ONCE(batches[i].state) == state)
			return true;
	return false;
}

bool write_backs_ended(void)
{
	return has_batch(BATCH_DONE);
}

bool write_backs_may_start(void)
{
	return READ_ONCE(victims.nr_dirty) && has_batch(BATCH_FREE);
}

static void nr_writing_add(u32 nr)
{
	spin_lock(&victims.lock);
	WRITE_ONCE(victims.nr_writing, victims.nr_writing + nr);
	spin_unlock(&victims.lock);
}

/* ---- start ------------------------------------------------------------------
 */

/* One of @batch's writes is over, or all are posted.  Context: any. */
static void batch_count_down(struct write_batch *batch)
{
	if (!atomic_dec_and_test(&batch->nr_pending))
		return;
	smp_store_release(&batch->state, (u32)BATCH_DONE);
	waitq_wake_one(&victims.evictors);
	if (READ_ONCE(victims.nr_waiting))
		waitq_wake_all(&victims.room);
}

static void write_done(struct remote_io *io)
{
	batch_count_down(container_of(io, struct write_back, io)->batch);
}

/* @line goes with @batch.  Its set's lock is held. */
static void batch_add(struct write_batch *batch, struct pcache_line *line)
{
	struct write_back *write = &batch->writes[batch->nr++];

	line->is_writing = true;
	line->is_dirty = false;
	line->nr_pins++;
	write->line = line;
	write->batch = batch;
	write->io = (struct remote_io){
		.region = pcache.region,
		.paddr = pcache_line_paddr(line),
		.remote_addr = frame_dma(line->gframe),
		.rkey = memnode_of(line->gframe)->rkey,
		.len_bytes = PAGE_SIZE,
		.done = write_done,
	};
}

static void batch_fill(struct write_batch *batch)
{
	struct victim_pick picks[WRITE_BATCH];
	u32 nr = victims_pick(FIFO_DIRTY, picks, WRITE_BATCH);

	batch->nr = 0;
	for (u32 i = 0; i < nr; i++) {
		struct pcache_line *line = picks[i].line;

		if (!victim_lock(&picks[i]))
			continue;
		if (line->is_dirty)
			batch_add(batch, line);
		else
			victim_add(line); /* somebody cleaned it */
		spin_unlock(&picks[i].set->lock);
	}
}

/* Post the transfers, one call for each run of lines of one memory node. */
static void batch_post(struct write_batch *batch)
{
	atomic_set(&batch->nr_pending, (int)batch->nr + 1);
	for (u32 i = 0; i < batch->nr;) {
		struct write_back *writes = &batch->writes[i];
		struct memnode *node = memnode_of(writes[0].line->gframe);
		struct remote_io *ios[WRITE_BATCH];
		u32 n = 0;

		while (i + n < batch->nr &&
		       memnode_of(writes[n].line->gframe) == node) {
			ios[n] = &writes[n].io;
			n++;
		}
		if (remote_write_async(node->peer, ios, n)) {
			for (u32 k = 0; k < n; k++) {
				ios[k]->status = -EHOSTDOWN;
				write_done(ios[k]);
			}
		}
		i += n;
	}
	batch_count_down(batch);
}

void write_backs_start(void)
{
	struct write_batch *batch;

	while (READ_ONCE(victims.nr_dirty) &&
	       (batch = batch_take(BATCH_FREE))) {
		batch_fill(batch);
		if (!batch->nr) {
			smp_store_release(&batch->state, (u32)BATCH_FREE);
			return;
		}
		nr_writing_add(batch->nr);
		counter_add(nr_clflush, batch->nr);
		counter_inc(nr_clflush_batch);
		batch_post(batch);
	}
}

/* ---- end --------------------------------------------------------------------
 */

static void write_end(const struct write_back *write)
{
	struct pcache_line *line = write->line;
	struct pcache_set *set = line->set;
	int status = write->io.status;

	spin_lock(&set->lock);
	line->is_writing = false;
	line->nr_pins--;
	if (status == -EHOSTDOWN) {
		pr_err_ratelimited("a modified page is lost: %s is gone",
				   peer_name(memnode_of(line->gframe)->peer));
		counter_inc(nr_clflush_fail);
	} else if (status) {
		line->is_dirty = true; /* once more, later */
		counter_inc(nr_clflush_fail);
	}
	if (line->state == LINE_VICTIM && line->fifo == FIFO_NONE)
		victim_add(line);
	set_event(set);
	spin_unlock(&set->lock);
}

u32 write_backs_end(void)
{
	struct write_batch *batch;
	u32 nr = 0;

	while ((batch = batch_take(BATCH_DONE))) {
		/* Before a line may go: see pcache_adopt(). */
		atomic64_add(&pcache.nr_write_backs, batch->nr);
		for (u32 i = 0; i < batch->nr; i++)
			write_end(&batch->writes[i]);
		nr_writing_add(-batch->nr);
		nr += batch->nr;
		smp_store_release(&batch->state, (u32)BATCH_FREE);
	}
	return nr;
}
