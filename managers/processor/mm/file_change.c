/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coherence of mapped files with read(), write() and truncation, which the
 * memory node carries out on its page cache.
 *
 * A store through a mapping makes a line dirty, and a dirty line is written
 * back as a whole: if that happened after the memory node changed other bytes
 * of the page, their change would be lost.  And a line that stays because one
 * of its users still maps it would go on to show the old bytes to all.  So a
 * change of a mapped file takes the pages out of *all* mappings first, private
 * ones too (not their copies), and keeps them out until it is done.
 *
 * Order: file_changes, then change_lock of each address space that maps the
 * file, in the order of their list.  Only one thread holds several.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <managers/processor/pcache/pcache.h>
#include <uapi/mman.h>

/* Exclusive: a mapped file changes.  Shared: somebody begins to map a file. */
static DEFINE_RWSEM(file_changes, LOCK_FILE_MAPS);

void file_changes_exclude(void)
{
	down_read(&file_changes);
}

void file_changes_allow(void)
{
	up_read(&file_changes);
}

/* The part of @vma that shows bytes [@start, @end) of its file. */
static struct range range_of_file(const struct vma *vma, u64 start, u64 end)
{
	u64 from = vma->pgoff_pages << PAGE_SHIFT;
	u64 to = from + (vma->end - vma->start);

	start = max(ALIGN_DOWN(start, PAGE_SIZE), from);
	end = end > to ? to : ALIGN_UP(end, PAGE_SIZE);
	if (start >= end)
		return (struct range){0, 0};
	return (struct range){vma->start + (start - from),
			      vma->start + (end - from)};
}

/* The next range of @aspace at or above *@vaddr that shows part of the bytes,
 * and whether it is shared; *@vaddr moves behind it. */
static bool next_mapping(struct aspace *aspace, const struct file_id *fid,
			 u64 start, u64 end, u64 *vaddr, struct range *range,
			 bool *is_shared)
{
	const struct vma *vma;
	bool found = false;

	down_read(&aspace->vma_lock);
	for (vma = vma_find(&aspace->vmas, *vaddr); vma && !found;
	     vma = vma_next(vma)) {
		*vaddr = vma->end;
		if (file_id_is_none(&vma->fid) ||
		    !file_id_equal(&vma->fid, fid))
			continue;
		*range = range_of_file(vma, start, end);
		*is_shared = vma->flags & VMA_SHARED;
		found = range->start < range->end;
	}
	up_read(&aspace->vma_lock);
	return found;
}

int pcache_flush_file(const struct wire_fid *wire, u64 start, u64 end)
{
	struct aspace *aspace = NULL;
	struct file_id fid;
	struct range range;
	bool is_shared;
	int rc = 0, err;

	file_id_from_wire(&fid, wire);
	aspace_wait_exits();
	while ((aspace = aspace_next(aspace))) {
		u64 vaddr = 0;

		mutex_lock(&aspace->change_lock);
		while (next_mapping(aspace, &fid, start, end, &vaddr, &range,
				    &is_shared)) {
			err = is_shared ? range_clean(aspace, range.start,
						      range.end)
					: 0;
			rc = rc ? rc : err;
		}
		mutex_unlock(&aspace->change_lock);
	}
	return rc;
}

/* ---- changes ----------------------------------------------------------------
 */

/* All of @aspace from its first to its last mapping of the bytes. */
static struct range hull_of_file(struct aspace *aspace,
				 const struct file_id *fid, u64 start, u64 end)
{
	struct range hull = {0, 0}, range;
	bool is_shared;
	u64 vaddr = 0;

	while (next_mapping(aspace, fid, start, end, &vaddr, &range,
			    &is_shared)) {
		if (hull.start == hull.end)
			hull.start = range.start;
		hull.end = range.end;
	}
	return hull;
}

/* Nothing of the bytes is mapped by @aspace any more. */
static void take_out(struct aspace *aspace, const struct file_id *fid,
		     u64 start, u64 end)
{
	struct range range;
	bool is_shared;
	u64 vaddr = 0;

	while (next_mapping(aspace, fid, start, end, &vaddr, &range,
			    &is_shared)) {
		if (is_shared)
			range_zap(aspace, range.start, range.end);
		else
			range_zap_file(aspace, range.start, range.end);
	}
}

void pcache_file_change_begin(struct file_change *change,
			      const struct wire_fid *wire, u64 start, u64 end)
{
	struct aspace *aspace = NULL;
	struct file_id fid;
	struct range hull;

	*change = (struct file_change){.fid = wire, .start = start, .end = end};
	list_init(&change->aspaces);
	file_id_from_wire(&fid, wire);
	down_write(&file_changes);
	/* First all are held, then pages go: a page that one had to give up
	 * must not come back into the pcache through another. */
	while ((aspace = aspace_next(aspace))) {
		hull = hull_of_file(aspace, &fid, start, end);
		if (hull.start == hull.end)
			continue;
		change_begin(aspace, 0, 0);
		hull = hull_of_file(aspace, &fid, start, end);
		change_also(aspace, hull.start, hull.end);
		aspace_hold(aspace);
		list_add_tail(&aspace->in_file_change, &change->aspaces);
	}
	aspace_wait_exits();
	list_for_each_entry (aspace, &change->aspaces, in_file_change)
		take_out(aspace, &fid, start, end);
}

/* Copies of pages that the file has no longer. */
static void drop_copies(struct aspace *aspace, const struct file_change *change)
{
	u64 start = ALIGN_UP(change->start, PAGE_SIZE), vaddr = 0;
	struct file_id fid;
	struct range range;
	bool is_shared;

	file_id_from_wire(&fid, change->fid);
	while (next_mapping(aspace, &fid, start, change->end, &vaddr, &range,
			    &is_shared))
		if (!is_shared)
			(void)aspace_madvise(aspace, range.start,
					     range.end - range.start,
					     MADV_DONTNEED);
}

void pcache_file_change_end(struct file_change *change, bool is_cut)
{
	struct aspace *aspace, *next;

	list_for_each_entry (aspace, &change->aspaces, in_file_change)
		change_end(aspace);
	list_for_each_entry_safe (aspace, next, &change->aspaces,
				  in_file_change) {
		list_del(&aspace->in_file_change);
		if (is_cut)
			drop_copies(aspace, change);
		aspace_put(aspace);
	}
	up_write(&file_changes);
}
