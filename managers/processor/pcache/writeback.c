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

/* What lines that go with @batch have as .fifo. */
static u8 fifo_of(const struct write_batch *batch)
{
	return (u8)(FIFO_OUT + (batch - batches));
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

/* A dirty victim goes with @arg, the batch.  Its set's lock is held. */
static void batch_add(void *arg, struct pcache_line *line)
{
	struct write_batch *batch = arg;
	struct write_back *write;

	if (!line->is_dirty) { /* somebody cleaned it */
		victim_add(line);
		return;
	}
	write = &batch->writes[batch->nr++];
	line->fifo = fifo_of(batch);
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

static void nr_writing_sub(u32 nr)
{
	spin_lock(&victims.lock);
	WRITE_ONCE(victims.nr_writing, victims.nr_writing - nr);
	spin_unlock(&victims.lock);
}

static void batch_fill(struct write_batch *batch)
{
	struct victim_pick picks[WRITE_BATCH];
	u32 nr = victims_pick(FIFO_DIRTY, picks, WRITE_BATCH);

	batch->nr = 0;
	victims_visit(picks, nr, batch_add, batch);
	if (unlikely(batch->nr < nr))
		nr_writing_sub(nr - batch->nr);
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
		counter_add(nr_clflush, batch->nr);
		counter_inc(nr_clflush_batch);
		batch_post(batch);
	}
}

/* ---- end --------------------------------------------------------------------
 */

/* The lock of the line's set is held; dropped on return. */
static void write_end(const struct write_back *write)
{
	struct pcache_line *line = write->line;
	struct pcache_set *set = line->set;
	int status = write->io.status;

	ASSERT_LOCKED(&set->lock);
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
	set_event(set);
	spin_unlock(&set->lock);
}

/* In any order, so sets that are locked come last; see victims_visit(). */
static void writes_end(const struct write_batch *batch)
{
	const struct write_back *busy[WRITE_BATCH];
	struct pcache_line *lines[WRITE_BATCH];
	u32 nr_busy = 0;

	for (u32 i = 0; i < batch->nr; i++) {
		const struct write_back *write = &batch->writes[i];

		lines[i] = write->line;
		if (spin_trylock(&write->line->set->lock))
			write_end(write);
		else
			busy[nr_busy++] = write;
	}
	for (u32 i = 0; i < nr_busy; i++) {
		spin_lock(&busy[i]->line->set->lock);
		write_end(busy[i]);
	}
	victims_written(lines, batch->nr, fifo_of(batch));
}

u32 write_backs_end(void)
{
	struct write_batch *batch;
	u32 nr = 0;

	while ((batch = batch_take(BATCH_DONE))) {
		/* Before a line may go: see pcache_adopt(). */
		atomic64_add(&pcache.nr_write_backs, batch->nr);
		writes_end(batch);
		nr += batch->nr;
		smp_store_release(&batch->state, (u32)BATCH_FREE);
	}
	return nr;
}
