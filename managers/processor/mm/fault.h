/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FAULT_H
#define PROCESSOR_FAULT_H
/*
 * One page fault, for the files that resolve it: fault.c, which is the way
 * through, and fault_copy.c.
 */
#include "fault_phases.h"
#include "internal.h"
#include "ledger.h"

#include <lib/errno.h>
#include <managers/processor/pcache/pcache.h>

/* fault_init() sets what is read before take and resolve have set it. */
struct fault {
	struct aspace *aspace;
	u64 vaddr;  /* of the page */
	u32 access; /* FAULT_* */
	struct aspace_fault_info *info;
	struct prefetch_stream *stream; /* of the thread; NULL: none */
	struct fault_clock clock;
	enum fault_kind kind;

	/* From the VMA. */
	u32 prot;
	bool is_shared;
	bool must_ask; /* an entry "none" says nothing: M knows */

	/* From the entry. */
	pte_t *ptep;
	struct pte_bucket *bucket;      /* of .ptep */
	u64 ticket;                     /* TAKE_WAIT: for pte_fill_wait() */
	pte_t old;                      /* none or remote: what it was */
	bool must_flush;                /* it was present */
	struct pcache_line *was_mapped; /* pinned until the flush */
	u32 around; /* bit i: page i of the window is FILLING for us too */

	/* The result. */
	u64 gframe;
	u64 flags;                /* PTE_FILE, PTE_LENT */
	struct pcache_line *line; /* pinned */
	enum {
		FILL_NONE,  /* .line is VALID */
		FILL_CLEAN, /* .line is FILLING, its content there: what it */
		FILL_DIRTY, /* .. becomes when the entry maps it */
	} fill;
	struct report_list *report; /* room for one; NULL: no news for M */
	u64 old_gframe;             /* GFRAME_NONE, or given up at the end, */
	u64 old_flags;              /* with these flags */
	bool is_learned; /* .gframe is news from M: drop it on failure */
};

static inline bool fault_is_write(const struct fault *f)
{
	return f->access & FAULT_WRITE;
}

/** frame_is_exclusive - may the page be written where it is? */
static inline bool frame_is_exclusive(u64 gframe, u64 flags)
{
	return !(flags & (PTE_FILE | PTE_LENT)) && frame_shares(gframe) == 1;
}

/**
 * fault_new_frame - a frame of the stock, and the report that tells M.
 *
 * That nobody uses it is what its memory node said.  If there is another use,
 * or a copy of it in the pcache, the node was wrong: the fault fails, and the
 * frame is not touched again.  Context: may sleep.
 * Return: 0, and .gframe, .flags and .report are set; -E.
 */
static __always_inline int fault_new_frame(struct fault *f)
{
	int rc = frame_take(f->aspace->home, &f->gframe);

	if (rc)
		return rc;
	f->flags = 0;
	f->report = reports_promise(f->aspace);
	if (f->report) {
		ledger_take(f->aspace, LEDGER_FRAME, f->gframe);
		return 0;
	}
	frame_untake(f->gframe);
	return -ENOMEM;
}

/* ---- fault_copy.c ---- */

/** fault_new_frame_undo - @lose: the frame turned out to be in use. */
void fault_new_frame_undo(struct fault *f, bool lose);

/**
 * fault_resolve_copy - .line is not ours to write: go on with a copy in a new
 * frame.
 *
 * Return: 0, and .line is the copy, pinned, the old frame in .old_gframe; or
 * -E, and .line is as it was, or NULL and unpinned.
 */
int __must_check fault_resolve_copy(struct fault *f);

#endif /* PROCESSOR_FAULT_H */
