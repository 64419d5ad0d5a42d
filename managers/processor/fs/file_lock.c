/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/file_lock.h>

#include <kernel/assert.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/file.h>
#include <mm/slab.h>

struct file_lock {
	struct list_head node; /* vnode->locks, by owner then start [lock] */
	enum file_lock_kind kind;
	const void *owner;
	u32 pid;
	int type;       /* F_RDLCK or F_WRLCK */
	u64 start, end; /* inclusive */
};

static struct spinlock file_lock_lock =
	SPINLOCK_INIT("file locks", LOCK_FILE_LOCKS);
static DEFINE_WAITQ(file_lock_waitq); /* some lock was released */

static bool file_lock_overlaps(const struct file_lock *l, u64 start, u64 end)
{
	return l->start <= end && start <= l->end;
}

/* A lock of somebody else that forbids this one.  Lock held. */
static struct file_lock *file_lock_conflict(struct vnode *vn,
					    enum file_lock_kind kind,
					    const void *owner, int type,
					    u64 start, u64 end)
{
	struct file_lock *l;

	list_for_each_entry (l, &vn->locks, node)
		if (l->kind == kind && l->owner != owner &&
		    file_lock_overlaps(l, start, end) &&
		    (l->type == F_WRLCK || type == F_WRLCK))
			return l;
	return NULL;
}

/*
 * Take [start, end] out of what @owner holds: locks shrink, vanish, or (when
 * the range lies inside) split, with *spare for the upper part.  Lock held.
 */
static void file_lock_carve(struct vnode *vn, enum file_lock_kind kind,
			    const void *owner, u64 start, u64 end,
			    struct file_lock **spare, struct list_head *dead)
{
	struct file_lock *l, *next;

	list_for_each_entry_safe (l, next, &vn->locks, node) {
		if (l->kind != kind || l->owner != owner ||
		    !file_lock_overlaps(l, start, end))
			continue;
		if (l->start >= start && l->end <= end) {
			list_move(&l->node, dead);
		} else if (l->start < start && l->end > end) {
			struct file_lock *upper = *spare;

			*spare = NULL;
			CHECK(upper);
			*upper = *l;
			upper->start = end + 1;
			l->end = start - 1;
			list_add(&upper->node, &l->node);
		} else if (l->start < start) {
			l->end = start - 1;
		} else {
			l->start = end + 1;
		}
	}
}

static void file_lock_free_list(struct list_head *dead)
{
	struct file_lock *l, *next;

	list_for_each_entry_safe (l, next, dead, node)
		kfree(l);
}

/* One try. */
static int file_lock_try(struct vnode *vn, const struct file_lock *want)
{
	struct file_lock *fresh = kmalloc(sizeof(*fresh));
	struct file_lock *spare = kmalloc(sizeof(*spare));
	LIST_HEAD(dead);
	int err = 0;

	if (!fresh || !spare) {
		err = -ENOMEM;
		goto out;
	}
	spin_lock(&file_lock_lock);
	if (want->type != F_UNLCK &&
	    file_lock_conflict(vn, want->kind, want->owner, want->type,
			       want->start, want->end)) {
		err = -EAGAIN;
		/* flock(2) gives up what it had before it waits: two that
		 * share a file and both want it alone would wait for ever */
		if (want->kind == FILE_LOCK_FLOCK)
			file_lock_carve(vn, want->kind, want->owner,
					want->start, want->end, &spare, &dead);
	} else {
		file_lock_carve(vn, want->kind, want->owner, want->start,
				want->end, &spare, &dead);
		if (want->type != F_UNLCK) {
			*fresh = *want;
			list_add_tail(&fresh->node, &vn->locks);
			fresh = NULL;
		}
	}
	spin_unlock(&file_lock_lock);
	if (!err || !list_empty(&dead))
		waitq_wake_all(&file_lock_waitq);
out:
	file_lock_free_list(&dead);
	kfree(fresh);
	kfree(spare);
	return err;
}

int file_lock_range(struct file *file, enum file_lock_kind kind,
		    const void *owner, u32 pid, int type, u64 start, u64 end,
		    bool may_wait)
{
	struct file_lock want = {.kind = kind,
				 .owner = owner,
				 .pid = pid,
				 .type = type,
				 .start = start,
				 .end = end};
	int err = file_lock_try(file->vnode, &want);

	if (err == -EAGAIN && may_wait) {
		int intr = wait_event_intr(
			&file_lock_waitq,
			(err = file_lock_try(file->vnode, &want)) != -EAGAIN);
		if (intr)
			return intr;
	}
	return err;
}

void file_lock_test(struct file *file, const void *owner, int type, u64 start,
		    u64 end, struct uapi_flock *fl)
{
	struct file_lock *l;

	spin_lock(&file_lock_lock);
	l = file_lock_conflict(file->vnode, FILE_LOCK_POSIX, owner, type, start,
			       end);
	fl->l_type = F_UNLCK;
	if (l) {
		fl->l_type = l->type;
		fl->l_whence = SEEK_SET;
		fl->l_start = l->start;
		fl->l_len = l->end >= INT64_MAX ? 0 : l->end - l->start + 1;
		fl->l_pid = l->pid;
	}
	spin_unlock(&file_lock_lock);
}

void file_lock_release_owner(struct vnode *vn, const void *owner)
{
	struct file_lock *l, *next;
	LIST_HEAD(dead);

	if (list_empty(&vn->locks))
		return;
	spin_lock(&file_lock_lock);
	list_for_each_entry_safe (l, next, &vn->locks, node)
		if (l->owner == owner)
			list_move(&l->node, &dead);
	spin_unlock(&file_lock_lock);
	if (list_empty(&dead))
		return;
	file_lock_free_list(&dead);
	waitq_wake_all(&file_lock_waitq);
}
