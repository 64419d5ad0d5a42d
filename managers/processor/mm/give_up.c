/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a processor node does for a memory node that has no frame left.
 *
 * Pages of files on storage are only copies at the memory node, but it cannot
 * take back one that an entry of ours refers to: a refault would read whatever
 * the frame holds by then.  So who gets -ENOMEM has such entries made none
 * here, tells the memory node, and asks once more.  Private copies and files
 * of tmpfs, whose frames are the only place that has them, stay.
 *
 * Each address space in turn is held by a change, so no fault can learn of a
 * frame between our forgetting it and M's hearing of that.
 */
#include "internal.h"

#include <kernel/counters.h>
#include <lib/errno.h>
#include <net/membership.h>

#define PARTS_MAX 32u
/* Fewer pages than this are not worth the walk: take mapped ones as well. */
#define ENOUGH_PAGES 256u
/* Others may be faster to take what is given up. */
#define MAX_TRIES 8u

/* One thread at a time.  Nobody holds this and changes files. */
static DEFINE_MUTEX(give_up_lock, LOCK_FILE_MAPS);

/* Nothing of a file is left in @gone. */
static int tell(struct aspace *aspace, const struct range *gone, u32 nr)
{
	struct wire_page_op ops[PARTS_MAX];

	for (u32 i = 0; i < nr; i++) {
		u64 nr_pages = (gone[i].end - gone[i].start) >> PAGE_SHIFT;

		ops[i].vaddr = le64_make(gone[i].start | PAGE_OP_DROP);
		ops[i].pfn = le64_make(nr_pages);
	}
	return nr ? reports_send_ops(aspace, ops, nr) : 0;
}

static u64 give_up_range(struct aspace *aspace, struct range range, bool is_all)
{
	struct range gone[PARTS_MAX];
	u64 nr_pages = 0;
	int rc = 0;

	while (range.start < range.end && !rc) {
		u32 nr = range_give_up(aspace, &range, is_all, gone, PARTS_MAX,
				       &nr_pages);

		rc = tell(aspace, gone, nr);
	}
	return nr_pages;
}

static bool is_copy(struct aspace *aspace, const struct vma *vma)
{
	return !file_id_is_none(&vma->fid) &&
	       vma->fid.node_guid != peer_guid(aspace->home->peer);
}

static u64 give_up_aspace(struct aspace *aspace, bool is_all)
{
	const struct vma *vma;
	u64 nr_pages = 0;

	change_begin(aspace, 0, aspace->vmas.high);
	vma_for_each (vma, &aspace->vmas)
		if (is_copy(aspace, vma))
			nr_pages += give_up_range(
				aspace, (struct range){vma->start, vma->end},
				is_all);
	change_end(aspace);
	return nr_pages;
}

/* @is_all: mapped pages too, not only those whose entries are remote. */
static u64 give_up_all(bool is_all)
{
	struct aspace *aspace = NULL;
	u64 nr_pages = 0;

	while ((aspace = aspace_next(aspace)))
		nr_pages += give_up_aspace(aspace, is_all);
	return nr_pages;
}

static bool give_up(void)
{
	bool was_locked = mutex_is_locked(&give_up_lock);
	u64 nr_pages = 0;

	mutex_lock(&give_up_lock);
	if (!was_locked) { /* else somebody has done it just now */
		nr_pages = give_up_all(false);
		if (nr_pages < ENOUGH_PAGES)
			nr_pages += give_up_all(true);
		counter_add(nr_file_pages_given_up, nr_pages);
	}
	mutex_unlock(&give_up_lock);
	return was_locked || nr_pages;
}

bool aspace_give_up_files(int rc, u32 *nr_tries)
{
	return rc == -ENOMEM && (*nr_tries)++ < MAX_TRIES && give_up();
}
