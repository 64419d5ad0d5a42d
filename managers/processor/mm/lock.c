/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locking pages into the pcache would take its room from everybody; programs
 * that lock do it against swapping to disk, which does not exist here.  So
 * locked pages are touched once, counted against RLIMIT_MEMLOCK and shown in
 * /proc, and no more.
 */
#include "lock.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/signal.h>
#include <managers/processor/syscall/syscall.h>
#include <uapi/mman.h>

static struct aspace *current_aspace(void)
{
	return current_process()->aspace;
}

/* ---- populate ---------------------------------------------------------------
 */

/* The rights at @vaddr and where its VMA ends; false: nothing is there. */
static bool find_rights(struct aspace *aspace, u64 vaddr, u32 *prot, u32 *flags,
			u64 *end)
{
	const struct vma *vma;

	down_read(&aspace->vma_lock);
	vma = vma_at(&aspace->vmas, vaddr);
	if (vma) {
		*prot = vma->prot;
		*flags = vma->flags;
		*end = vma->end;
	}
	up_read(&aspace->vma_lock);
	return vma;
}

/* Errors: -EFAULT the page cannot be had, -EINTR the process is ending. */
static int touch_pages(struct aspace *aspace, u64 start, u64 end, u32 access)
{
	struct aspace_fault_info info = {0};

	for (u64 vaddr = start; vaddr < end; vaddr += PAGE_SIZE) {
		if (READ_ONCE(current_process()->is_exiting))
			return -EINTR;
		if (aspace_fault(aspace, vaddr, access, &info))
			return -EFAULT;
	}
	return 0;
}

/*
 * Touch [@start, @end), each page as its VMA allows: private writable ones
 * are written to, so that they get a frame of their own.
 * Return: 0; -ENOMEM: there is a hole; -EFAULT: a page cannot be had.
 */
static int populate_range(struct aspace *aspace, u64 start, u64 end)
{
	u32 prot, flags, access;
	u64 vma_end;
	int rc = 0;

	while (start < end && !rc) {
		if (!find_rights(aspace, start, &prot, &flags, &vma_end))
			return -ENOMEM;
		vma_end = min(vma_end, end);
		access = FAULT_READ;
		if (prot & PROT_WRITE && !(flags & VMA_SHARED))
			access = FAULT_WRITE;
		if (prot)
			rc = touch_pages(aspace, start, vma_end, access);
		start = vma_end;
	}
	return rc;
}

void populate(u64 vaddr, u64 len_bytes)
{
	u64 end = ALIGN_UP(vaddr + len_bytes, PAGE_SIZE);

	/* As far as it goes: the mapping is there all the same. */
	(void)!populate_range(current_aspace(), vaddr, end);
}

long madvise_populate(u64 vaddr, u64 len_bytes, bool is_write)
{
	u32 access = is_write ? FAULT_WRITE : FAULT_READ, prot, flags;
	struct aspace *aspace = current_aspace();
	struct range range;
	u64 vma_end;
	int rc = 0;

	if (!change_decode_range(aspace, vaddr, len_bytes, &range))
		return -EINVAL;
	while (range.start < range.end && !rc) {
		if (!find_rights(aspace, range.start, &prot, &flags, &vma_end))
			return -ENOMEM;
		if (!(prot & (is_write ? PROT_WRITE : PROT_READ)))
			return -EINVAL;
		vma_end = min(vma_end, range.end);
		rc = touch_pages(aspace, range.start, vma_end, access);
		range.start = vma_end;
	}
	return rc;
}

/* ---- limits -----------------------------------------------------------------
 */

static bool is_free_to_lock(void)
{
	return process_may(CAP_IPC_LOCK);
}

static bool may_lock_anything(void)
{
	return is_free_to_lock() || process_rlimit(RLIMIT_MEMLOCK);
}

/* May @nr_pages be locked, together? */
static bool is_within_limit(u64 nr_pages)
{
	return is_free_to_lock() ||
	       nr_pages <= process_rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

int lock_check_mmap(struct mmap_args *args)
{
	struct aspace *aspace = current_aspace();
	u64 nr_pages = DIV_ROUND_UP(args->len_bytes, PAGE_SIZE);

	if (args->flags & MAP_LOCKED && !may_lock_anything())
		return -EPERM;
	args->is_locked =
		args->flags & MAP_LOCKED || READ_ONCE(aspace->locks_future);
	if (args->is_locked &&
	    !is_within_limit(READ_ONCE(aspace->vmas.nr_locked_pages) +
			     nr_pages))
		return -EAGAIN;
	return 0;
}

static u64 nr_locked_in(struct aspace *aspace, const struct range *range)
{
	const struct vma *vma;
	u64 nr_bytes = 0;

	vma_for_each_in (vma, &aspace->vmas, range->start, range->end)
		if (vma->flags & VMA_LOCKED)
			nr_bytes += min(vma->end, range->end) -
				    max(vma->start, range->start);
	return nr_bytes >> PAGE_SHIFT;
}

/* ---- mlock, munlock ---------------------------------------------------------
 */

/* The pages of [@vaddr, +@len_bytes); false: it wraps around. */
static bool decode_pages(u64 vaddr, u64 len_bytes, struct range *range)
{
	range->start = vaddr & PAGE_MASK;
	range->end = ALIGN_UP(vaddr + len_bytes, PAGE_SIZE);
	return range->end >= range->start;
}

/* Up to the first hole of @range. */
static u64 covered_end(struct aspace *aspace, const struct range *range)
{
	const struct vma *vma;
	u64 end = range->start;

	vma_for_each_in (vma, &aspace->vmas, range->start, range->end) {
		if (vma->start > end)
			break;
		end = min(vma->end, range->end);
	}
	return end;
}

static long check_lock(struct aspace *aspace, const struct range *range)
{
	u64 nr_pages = (range->end - range->start) >> PAGE_SHIFT;

	nr_pages += aspace->vmas.nr_locked_pages - nr_locked_in(aspace, range);
	return is_within_limit(nr_pages) ? 0 : -ENOMEM;
}

/* What lies before a hole is done before that is an error. */
static long change_locked(struct range *range, bool is_locked)
{
	struct aspace *aspace = current_aspace();
	u64 end = range->end;
	long rc = 0;

	change_begin(aspace, 0, 0);
	if (is_locked)
		rc = check_lock(aspace, range);
	range->end = min(covered_end(aspace, range), aspace->vmas.high);
	if (!rc)
		rc = change_set_flags(aspace, range, is_locked ? VMA_LOCKED : 0,
				      is_locked ? 0 : VMA_LOCKED);
	change_end(aspace);
	return !rc && range->end < end ? -ENOMEM : rc;
}

static long lock_range(u64 vaddr, u64 len_bytes, bool is_populated)
{
	struct range range;
	u64 nr_bytes;
	long rc;

	if (!may_lock_anything())
		return -EPERM;
	nr_bytes = ALIGN_UP(len_bytes + (vaddr & ~PAGE_MASK), PAGE_SIZE);
	if (!is_within_limit(nr_bytes >> PAGE_SHIFT))
		return -ENOMEM;
	if (!decode_pages(vaddr, len_bytes, &range))
		return -EINVAL;
	rc = change_locked(&range, true);
	if (!rc && is_populated)
		rc = populate_range(current_aspace(), range.start, range.end);
	return rc == -EFAULT ? -ENOMEM : rc;
}

long sys_mlock(u64 vaddr, u64 len_bytes)
{
	return lock_range(vaddr, len_bytes, true);
}

long sys_mlock2(u64 vaddr, u64 len_bytes, u64 flags)
{
	if (flags & ~(u64)MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(vaddr, len_bytes, !(flags & MLOCK_ONFAULT));
}

long sys_munlock(u64 vaddr, u64 len_bytes)
{
	struct range range;

	if (!decode_pages(vaddr, len_bytes, &range))
		return -EINVAL;
	return change_locked(&range, false);
}

/* ---- all --------------------------------------------------------------------
 */

/* Touch what is mapped; holes and pages that cannot be had do not matter. */
static void populate_all(struct aspace *aspace)
{
	u64 vaddr = 0, end;
	bool is_there;

	do {
		const struct vma *vma;

		down_read(&aspace->vma_lock);
		vma = vma_find(&aspace->vmas, vaddr);
		is_there = vma;
		if (vma) {
			vaddr = vma->start;
			end = vma->end;
		}
		up_read(&aspace->vma_lock);
		if (is_there) {
			populate(vaddr, end - vaddr);
			vaddr = end;
		}
	} while (is_there && !READ_ONCE(current_process()->is_exiting));
}

static long lock_all(bool is_locked, bool is_future)
{
	struct aspace *aspace = current_aspace();
	struct range all = {0, aspace->vmas.high};
	long rc;

	change_begin(aspace, 0, 0);
	if (aspace->vmas.nr_vmas) {
		all.start = vma_first(&aspace->vmas)->start;
		rc = change_set_flags(aspace, &all, is_locked ? VMA_LOCKED : 0,
				      is_locked ? 0 : VMA_LOCKED);
	} else {
		rc = 0;
	}
	if (!rc)
		aspace->locks_future = is_future;
	change_end(aspace);
	return rc;
}

long sys_mlockall(u64 flags)
{
	u64 known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
	struct aspace *aspace = current_aspace();
	long rc;

	if (!flags || flags & ~known || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock_anything())
		return -EPERM;
	if (!(flags & MCL_CURRENT)) {
		WRITE_ONCE(aspace->locks_future, true);
		return 0;
	}
	if (!is_within_limit(READ_ONCE(aspace->vmas.nr_pages)))
		return -ENOMEM;
	rc = lock_all(true, flags & MCL_FUTURE);
	if (!rc && !(flags & MCL_ONFAULT))
		populate_all(aspace);
	return rc;
}

long sys_munlockall(void)
{
	return lock_all(false, false);
}
