/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PREFETCH_H
#define PROCESSOR_PREFETCH_H

/*
 * Reading pages ahead of a thread that goes through memory.
 *
 *   fault     prefetch_choose(): the stream (prefetch_stream.h) says which
 *             pages; those whose entries name a frame that is not in the
 *             pcache get a line (pcache_ahead_claim()) and a slot
 *   post      one doorbell, with the READ that the fault itself waits for or
 *             without (prefetch_post())
 *   complete  the slot's done() marks the line as arrived and wakes who waits
 *             for it: nobody, unless it is late
 *   use       a fault finds the line in the pcache, PCACHE_FOUND_AHEAD
 *
 * Entries are only looked at: an address space knows nothing of what is being
 * read ahead for it.  What is not used ends like any other victim.
 *
 * Slots are a ring for each CPU.  One is used again when its READ has ended;
 * if its line has not been taken by then, it is settled as a victim.
 */
#include "prefetch_stream.h"

#include <lib/compiler.h>
#include <mm/page.h>
#include <net/rpc.h>

struct aspace;

#define PREFETCH_BATCH_MAX REMOTE_WAIT_MORE_MAX

/* READs to be posted. */
struct prefetch_batch {
	u32 nr;
	struct peer *peer;
	struct remote_io *ios[PREFETCH_BATCH_MAX];
};

extern enum prefetch_mode prefetch_mode; /* [atomic] */

/** prefetch_start - how many READs may be in flight; after pcache_start(). */
void prefetch_start(void);

/** prefetch_follow - prefetch_choose() where there may be a stream. */
void prefetch_follow(struct prefetch_stream *stream, struct aspace *aspace,
		     u64 vaddr, u64 gframe, bool was_ahead,
		     struct prefetch_batch *batch);

/**
 * prefetch_choose - @stream's thread had a fault at @vaddr of its @aspace.
 * @stream: NULL: nothing is read ahead
 * @gframe: of the page; pages of the same node are read ahead
 * @was_ahead: the page had been read ahead
 * @batch: gets what to post; the caller does, at once
 *
 * Context: may sleep; no locks, but lines may be pinned.
 */
static inline void prefetch_choose(struct prefetch_stream *stream,
				   struct aspace *aspace, u64 vaddr, u64 gframe,
				   bool was_ahead, struct prefetch_batch *batch)
{
	batch->nr = 0;
	if (!stream ||
	    (!was_ahead && prefetch_note_astray(stream, vaddr >> PAGE_SHIFT)))
		return;
	prefetch_follow(stream, aspace, vaddr, gframe, was_ahead, batch);
}

/** prefetch_post - post @batch alone. */
void prefetch_post(struct prefetch_batch *batch);
/** prefetch_drop - @batch could not be posted. */
void prefetch_drop(struct prefetch_batch *batch);

#endif /* PROCESSOR_PREFETCH_H */
