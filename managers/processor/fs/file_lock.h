/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_FILE_LOCK_H
#define PROCESSOR_FS_FILE_LOCK_H

/*
 * Advisory locks: POSIX byte ranges (fcntl), open-file-description ranges
 * (F_OFD_*) and whole files (flock).  They hold among the programs of this
 * processor node.  The owner of a POSIX lock is the process (its descriptor
 * table), of the others the open file.
 */
#include <lib/types.h>
#include <uapi/fs.h>

struct file;
struct vnode;

enum file_lock_kind { FILE_LOCK_POSIX, FILE_LOCK_FLOCK };

/**
 * file_lock_range - lock or unlock bytes [@start, @end] of @file.
 * @owner: who will own it; @type: F_RDLCK, F_WRLCK, F_UNLCK
 *
 * Context: sleeps if @may_wait.
 * Return: 0; -EAGAIN if another has it; -EINTR; -ENOMEM (-ENOLCK to users).
 */
int __must_check file_lock_range(struct file *file, enum file_lock_kind kind,
				 const void *owner, u32 pid, int type,
				 u64 start, u64 end, bool may_wait);
/** file_lock_test - what would hinder it; *@fl type F_UNLCK if nothing. */
void file_lock_test(struct file *file, const void *owner, int type, u64 start,
		    u64 end, struct uapi_flock *fl);
/** file_lock_release_owner - drop all that @owner has on @vn: an open file
 * is going, or a process closed a descriptor. */
void file_lock_release_owner(struct vnode *vn, const void *owner);

#endif /* PROCESSOR_FS_FILE_LOCK_H */
