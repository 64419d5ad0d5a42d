/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The victim cache: lines that left their sets, until they are wanted again
 * or their room is.
 *
 * Fully associative: it holds lines of all sets, oldest first in one FIFO.
 * What it does not use is its stock of free lines, from which sets whose ways
 * are all taken get more.  Stock + FIFO + LOOSE and EVICTING lines + the sum
 * of all sets' nr_extra = nr_victims, always.
 */
#define pr_fmt(fmt) "pcache: " fmt
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <lib/string.h>
#include <managers/processor/mm/memnode.h>
#include <managers/processor/mm/pte.h>
#include <net/membership.h>
#include <net/rpc.h>

struct victim_cache victims;

void victims_start(void)
{
	spin_lock_init(&victims.lock, "victim cache", LOCK_VICTIM);
	list_init(&victims.stock);
	list_init(&victims.fifo);
	list_init(&victims.todo);
	waitq_init(&victims.evictors);
	waitq_init(&victims.room);
}

void stock_push(struct pcache_line *line)
{
	bool is_wanted;

	spin_lock(&victims.lock);
	line->set = NULL;
	line->gframe = GFRAME_NONE;
	line->state = LINE_FREE;
	list_add(&line->in_list, &victims.stock);
	WRITE_ONCE(victims.nr_stock, victims.nr_stock + 1);
	is_wanted = victims.nr_waiting;
	spin_unlock(&victims.lock);
	if (is_wanted)
		waitq_wake_all(&victims.room);
}

struct pcache_line *stock_pop(void)
{
	struct pcache_line *line;

	spin_lock(&victims.lock);
	line = list_first_entry_or_null(&victims.stock, struct pcache_line,
					in_list);
	if (line) {
		list_del_init(&line->in_list);
		WRITE_ONCE(victims.nr_stock, victims.nr_stock - 1);
	}
	spin_unlock(&victims.lock);
	if (!stock_has(pcache.stock_low))
		waitq_wake_one(&victims.evictors);
	return line;
}

bool stock_has(u32 nr)
{
	return READ_ONCE(victims.nr_stock) >= nr;
}

static void stock_waiting_add(u32 nr)
{
	/* With the lock: stock_push() sees it, or we see what was pushed. */
	spin_lock(&victims.lock);
	victims.nr_waiting += nr;
	spin_unlock(&victims.lock);
}

void stock_wait(const u32 *nr_events, u32 seen)
{
	stock_waiting_add(1);
	wait_event(&victims.room,
		   stock_has(1) || READ_ONCE(*nr_events) != seen);
	stock_waiting_add(-1u);
}

void victim_add(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	spin_lock(&victims.lock);
	list_add_tail(&line->in_fifo, &victims.fifo);
	WRITE_ONCE(victims.nr_in_fifo, victims.nr_in_fifo + 1);
	spin_unlock(&victims.lock);
}

void victim_del(struct pcache_line *line)
{
	ASSERT_LOCKED(&line->set->lock);
	spin_lock(&victims.lock);
	list_del_init(&line->in_fifo);
	WRITE_ONCE(victims.nr_in_fifo, victims.nr_in_fifo - 1);
	spin_unlock(&victims.lock);
}

/*
 * Lock the set of the oldest victim.  It is moved to the FIFO's end, so that
 * the next call finds the next one if this one stays.
 */
static struct pcache_line *victim_lock_oldest(void)
{
	for (;;) {
		struct pcache_line *line;
		struct pcache_set *set = NULL;

		spin_lock(&victims.lock);
		line = list_first_entry_or_null(&victims.fifo,
						struct pcache_line, in_fifo);
		if (line)
			set = line->set;
		spin_unlock(&victims.lock);
		if (!line)
			return NULL;

		spin_lock(&set->lock);
		if (line->set == set && line->state == LINE_VICTIM) {
			spin_lock(&victims.lock);
			list_move_tail(&line->in_fifo, &victims.fifo);
			spin_unlock(&victims.lock);
			return line;
		}
		spin_unlock(&set->lock); /* rescued meanwhile */
	}
}

/* ---- writing back in batches ------------------------------------------------
 */

struct write_batch;

struct write_back {
	struct remote_io io;
	struct pcache_line *line;
	struct write_batch *batch;
};

struct write_batch {
	u32 nr;
	struct write_back writes[WRITE_BATCH];
	atomic_t nr_pending;
	struct completion all_done;
};

static void write_done(struct remote_io *io)
{
	struct write_batch *batch =
		container_of(io, struct write_back, io)->batch;

	if (atomic_dec_and_test(&batch->nr_pending))
		complete(&batch->all_done);
}

/* Some KiB: not worth clearing. */
static void write_batch_init(struct write_batch *batch)
{
	batch->nr = 0;
	completion_init(&batch->all_done);
}

/* @line goes with @batch.  Its set's lock is held. */
static void write_batch_add(struct write_batch *batch, struct pcache_line *line)
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

/* Post the transfers, one call for each run of lines of one memory node. */
static void write_batch_post(struct write_batch *batch)
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
	if (!atomic_dec_and_test(&batch->nr_pending))
		wait_for_completion(&batch->all_done);
}

/* The write of @line ended.  Return: whether it could be freed. */
static bool write_batch_end(struct pcache_line *line, int status)
{
	struct pcache_set *set = line->set;
	bool is_free = false;

	spin_lock(&set->lock);
	line->is_writing = false;
	line->nr_pins--;
	atomic64_inc(&pcache.nr_write_backs);
	if (status == -EHOSTDOWN) {
		pr_err_ratelimited("a modified page is lost: %s is gone",
				   peer_name(memnode_of(line->gframe)->peer));
		counter_inc(nr_clflush_fail);
	} else if (status) {
		line->is_dirty = true; /* once more, later */
		counter_inc(nr_clflush_fail);
	}
	if (line->state == LINE_VICTIM && !line->is_dirty && !line->nr_pins) {
		line_free(line);
		counter_inc(nr_victim_eviction);
		is_free = true;
	}
	set_event(set);
	spin_unlock(&set->lock);
	return is_free;
}

static u32 write_batch_run(struct write_batch *batch)
{
	u32 nr_freed = 0;

	if (!batch->nr)
		return 0;
	counter_add(nr_clflush, batch->nr);
	counter_inc(nr_clflush_batch);
	write_batch_post(batch);
	for (u32 i = 0; i < batch->nr; i++)
		nr_freed += write_batch_end(batch->writes[i].line,
					    batch->writes[i].io.status);
	return nr_freed;
}

u32 victims_reclaim(void)
{
	struct write_batch batch;
	u32 nr_freed = 0, nr_looks = READ_ONCE(victims.nr_in_fifo);

	write_batch_init(&batch);
	while (nr_looks-- && batch.nr < WRITE_BATCH &&
	       !stock_has(pcache.stock_high - batch.nr)) {
		struct pcache_line *line = victim_lock_oldest();
		struct pcache_set *set;

		if (!line)
			break;
		set = line->set;
		if (line->is_writing || line->nr_pins) {
			; /* the other evictor has it */
		} else if (line->is_dirty) {
			write_batch_add(&batch, line);
		} else {
			line_free(line);
			counter_inc(nr_clflush_clean_skipped);
			counter_inc(nr_victim_eviction);
			nr_freed++;
		}
		spin_unlock(&set->lock);
	}
	return nr_freed + write_batch_run(&batch);
}
