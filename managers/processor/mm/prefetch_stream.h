/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PREFETCH_STREAM_H
#define PROCESSOR_PREFETCH_STREAM_H

/*
 * Where a thread's faults are going, and how far ahead of them it pays to
 * read.  Pure: no locks, no memory of anybody else's.
 *
 * The *trend* is the distance, in pages, that most of the last faults were
 * apart: 3 of the last 4, or 5 of the last 8 (the majority vote of Maruf and
 * Chowdhury, "Effectively Prefetching Remote Memory with Leap", USENIX ATC
 * 2020).  So a few faults elsewhere do not end a stream.  A vote is taken only
 * when two distances in a row are equal, which any majority implies: random
 * access costs a comparison (prefetch_note_astray()).
 *
 *	     covered: asked for, not yet reached
 *	    <------------------------------------>
 *	at  .  .  .  .  .  .  .  .  .  .  .  .  .	   trend
 *	    ^ next fault, if the stream goes on
 *
 * When not more than half a *window* is covered it is time for a batch that
 * makes it a window again.  Windows follow accuracy: of the pages that were
 * read and are behind us, how many did a fault find?  Three quarters double
 * the window, less than five eighths halve it, and below WINDOW_MIN it is
 * closed.  A
 * window opens when the trend held for `patience` faults; each time it had to
 * be closed doubles the patience.
 */
#include <lib/types.h>

#define PREFETCH_HISTORY      8u
#define PREFETCH_WINDOW_MIN   2u
#define PREFETCH_WINDOW_MAX   16u
#define PREFETCH_PATIENCE     2u
#define PREFETCH_PATIENCE_MAX 64u

enum prefetch_mode {
	PREFETCH_OFF,
	PREFETCH_SEQ,   /* trends of one page, up or down */
	PREFETCH_TREND, /* any */
};

/* Of one thread, and used by it alone. All zero: no fault yet. */
struct prefetch_stream {
	u64 last;                     /* page of the last fault */
	s64 deltas[PREFETCH_HISTORY]; /* between faults, a ring */
	u32 nr_deltas;                /* in all: where the next one goes */
	s64 trend;                    /* pages; 0: none */
	u64 at;                       /* the stream's last fault */
	u32 nr_astray;                /* faults elsewhere since then */
	u32 nr_covered;               /* pages beyond .at that were asked for */
	u32 window;                   /* pages; 0: closed */
	u32 nr_issued;                /* pages read since accuracy was judged */
	u32 nr_used;                  /* thereof found by a fault */
	u32 nr_confirmed;             /* faults as the trend has it */
	u32 patience;                 /* of these until the window opens */
};

/* Pages to ask for: .first, .first + .stride, ... */
struct prefetch_plan {
	u64 first;
	s64 stride;
	u32 nr;
	u32 nr_before; /* pages on the way to .first: asked for already */
};

/**
 * prefetch_note_astray - prefetch_note() for the case that needs no thought:
 * there is no trend, and the distance is not the one before.
 *
 * Return: whether it was that case; else nothing has been done.
 */
static inline bool prefetch_note_astray(struct prefetch_stream *s, u64 page)
{
	s64 delta = (s64)(page - s->last);

	if (s->trend || !delta ||
	    delta == s->deltas[(s->nr_deltas - 1) % PREFETCH_HISTORY])
		return false;
	s->last = page;
	s->deltas[s->nr_deltas++ % PREFETCH_HISTORY] = delta;
	return true;
}

/**
 * prefetch_note - there was a fault of page number @page, below 2^52.
 * @was_ahead: its page had been read because of a plan
 *
 * Return: whether @plan is to be carried out; then the caller tells
 * prefetch_issued() how far it came.
 */
bool prefetch_note(struct prefetch_stream *s, enum prefetch_mode mode, u64 page,
		   bool was_ahead, struct prefetch_plan *plan);

/**
 * prefetch_issued - what became of the last plan, of @nr_planned pages.
 * @nr_tried: of how many it was found out whether they need to be read; the
 *            others will be asked for once more
 * @nr_read: thereof are being read
 */
void prefetch_issued(struct prefetch_stream *s, u32 nr_planned, u32 nr_tried,
		     u32 nr_read);

#endif /* PROCESSOR_PREFETCH_STREAM_H */
