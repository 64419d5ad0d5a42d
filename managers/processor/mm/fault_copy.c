/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults that write to a page which others have too: the page gets a copy in a
 * frame of its own.  Nothing is sent.
 */
#define pr_fmt(fmt) "mm: " fmt
#include "fault.h"
#include "ledger.h"

#include <arch/x86/page_copy.h>
#include <kernel/counters.h>
#include <lib/errno.h>
#include <mm/page.h>

void fault_new_frame_undo(struct fault *f, bool lose)
{
	ledger_give(f->aspace, LEDGER_FRAME, f->gframe);
	if (lose)
		frame_lose(f->gframe);
	else
		frame_untake(f->gframe);
	reports_unpromise(f->report);
	f->report = NULL;
}

/* To wait for a free line we must not pin a line: copy .line, which becomes
 * NULL, by way of a page of the kernel. */
static int copy_bounced(struct fault *f, struct pcache_line **to)
{
	void *bounce = page_alloc(0);
	struct fault_clock first;
	enum pcache_got got;

	if (!bounce)
		return -ENOMEM;
	page_copy(bounce, pcache_line_kaddr(f->line));
	pcache_unpin(f->line);
	f->line = NULL;
	first = f->clock;
	got = pcache_get(f->gframe, to);
	fault_clock_mark(&f->clock, PHASE_WAY);
	fault_clock_skip(&f->clock, PHASE_WAY, PHASE_WAKE);
	fault_clock_repeat(&f->clock, &first);
	if (got == PCACHE_CLAIMED)
		page_copy(pcache_line_kaddr(*to), bounce);
	else
		pcache_unpin(*to);
	page_free(bounce, 0);
	return got == PCACHE_CLAIMED ? 0 : -EPROTO;
}

/* Copy .line, which is then unpinned and NULL, to a claimed line @to. */
static int copy_line(struct fault *f, struct pcache_line **to)
{
	switch (pcache_try_get(f->gframe, to)) {
	case PCACHE_CLAIMED:
		page_copy(pcache_line_kaddr(*to), pcache_line_kaddr(f->line));
		pcache_unpin(f->line);
		f->line = NULL;
		return 0;
	case PCACHE_FULL:
		return copy_bounced(f, to);
	default:
		pcache_unpin(*to);
		return -EPROTO;
	}
}

int fault_resolve_copy(struct fault *f)
{
	struct pcache_line *to;
	int rc;

	if (f->fill) /* others may want it while we copy */
		pcache_fill_end(f->line, true, f->fill == FILL_DIRTY);
	f->fill = FILL_NONE;
	f->old_gframe = f->gframe;
	f->old_flags = f->flags;
	rc = fault_new_frame(f);
	if (!rc) {
		rc = copy_line(f, &to);
		if (rc)
			fault_new_frame_undo(f, rc == -EPROTO);
	}
	if (rc) {
		f->gframe = f->old_gframe;
		f->flags = f->old_flags;
		f->old_gframe = GFRAME_NONE;
		return rc;
	}
	fault_clock_mark(&f->clock, PHASE_COPY);
	f->fill = FILL_DIRTY;
	f->line = to;
	f->kind = FAULT_COPIED;
	f->is_learned = false; /* install gives the old frame up */
	counter_inc(nr_pgfault_wp_cow);
	return 0;
}
