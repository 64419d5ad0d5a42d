/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prefetch_stream.h"

#include <lib/minmax.h>

/* ---- the trend --------------------------------------------------------------
 */

/* The delta before the last @n ones. */
static s64 delta_back(const struct prefetch_stream *s, u32 n)
{
	return s->deltas[(s->nr_deltas - 1 - n) % PREFETCH_HISTORY];
}

/* What more than half of the last @n deltas are; 0: nothing. */
static s64 majority(const struct prefetch_stream *s, u32 n)
{
	s64 candidate = 0;
	u32 lead = 0, nr = 0;

	for (u32 i = 0; i < n; i++) {
		s64 delta = delta_back(s, i);

		if (!lead)
			candidate = delta;
		lead += delta == candidate ? 1 : -1u;
	}
	for (u32 i = 0; i < n; i++)
		nr += delta_back(s, i) == candidate;
	return nr > n / 2 ? candidate : 0;
}

static s64 find_trend(const struct prefetch_stream *s, enum prefetch_mode mode)
{
	s64 trend = majority(s, PREFETCH_HISTORY / 2);

	if (!trend)
		trend = majority(s, PREFETCH_HISTORY);
	return mode == PREFETCH_SEQ && trend != 1 && trend != -1 ? 0 : trend;
}

/* The stream goes elsewhere: what was covered will not be reached. */
static void turn(struct prefetch_stream *s, s64 trend, u64 page)
{
	s->trend = trend;
	s->at = page;
	s->nr_astray = 0;
	s->nr_covered = 0;
	s->nr_confirmed = 0;
}

/* ---- the window -------------------------------------------------------------
 */

static void judge(struct prefetch_stream *s)
{
	u32 nr_due = s->nr_issued - min(s->nr_issued, s->nr_covered);

	/* Of one batch alone the end of a run says too much. */
	if (nr_due < max(2 * s->window, PREFETCH_HISTORY))
		return;
	if (s->nr_used * 4 >= nr_due * 3) {
		s->window = min(s->window * 2, PREFETCH_WINDOW_MAX);
		s->patience = PREFETCH_PATIENCE;
	} else if (s->nr_used * 8 < nr_due * 5) {
		s->window /= 2;
	}
	if (s->window < PREFETCH_WINDOW_MIN) {
		s->window = 0;
		s->nr_confirmed = 0;
		s->patience = min(s->patience * 2, PREFETCH_PATIENCE_MAX);
	}
	s->nr_issued -= nr_due;
	s->nr_used = 0;
}

static bool is_open(struct prefetch_stream *s)
{
	if (s->window)
		judge(s);
	if (s->window)
		return true;
	if (!s->patience)
		s->patience = PREFETCH_PATIENCE;
	if (++s->nr_confirmed < s->patience)
		return false;
	s->window = PREFETCH_WINDOW_MIN;
	s->nr_issued = s->nr_used = 0;
	s->nr_covered = 0;
	return true;
}

/* ---- a fault ----------------------------------------------------------------
 */

/* How many steps of the trend lead to @page?  0: it is not on the way. */
static u32 steps_to(const struct prefetch_stream *s, u64 page)
{
	s64 delta = (s64)(page - s->at);

	if (delta == s->trend)
		return 1;
	/* Pages in between may have been mapped, or other threads took them. */
	if (!s->nr_covered || delta % s->trend ||
	    delta / s->trend > (s64)s->nr_covered)
		return 0;
	return delta / s->trend > 0 ? (u32)(delta / s->trend) : 0;
}

/* @page is not where the stream was going.  Return: whether it is now. */
static bool stray(struct prefetch_stream *s, enum prefetch_mode mode, u64 page)
{
	s64 trend = 0;

	if (delta_back(s, 0) == delta_back(s, 1))
		trend = find_trend(s, mode);
	if (trend && (trend != s->trend || s->nr_astray)) {
		turn(s, trend, page);
		return true;
	}
	if (s->trend && ++s->nr_astray > PREFETCH_HISTORY) {
		turn(s, 0, page);
		if (s->window)
			judge(s);
	}
	return false;
}

bool prefetch_note(struct prefetch_stream *s, enum prefetch_mode mode, u64 page,
		   bool was_ahead, struct prefetch_plan *plan)
{
	s64 delta = (s64)(page - s->last);
	u32 steps;

	s->nr_used += was_ahead;
	if (!delta)
		return false;
	s->last = page;
	s->deltas[s->nr_deltas++ % PREFETCH_HISTORY] = delta;
	steps = s->trend ? steps_to(s, page) : 0;
	if (steps) {
		s->at = page;
		s->nr_astray = 0;
		s->nr_covered -= min(s->nr_covered, steps);
	} else if (!stray(s, mode, page)) {
		return false;
	}
	if (!is_open(s) || s->nr_covered * 2 > s->window)
		return false;
	plan->stride = s->trend;
	plan->first = page + (u64)s->trend * (s->nr_covered + 1);
	plan->nr = s->window - s->nr_covered;
	plan->nr_before = s->nr_covered;
	s->nr_covered = s->window;
	return true;
}

void prefetch_issued(struct prefetch_stream *s, u32 nr_planned, u32 nr_tried,
		     u32 nr_read)
{
	s->nr_covered -= nr_planned - nr_tried;
	s->nr_issued += nr_read;
}
