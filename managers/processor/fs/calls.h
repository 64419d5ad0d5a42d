/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_CALLS_H
#define PROCESSOR_FS_CALLS_H

/* Helpers of the files that implement system calls. */
#include <lib/errno.h>
#include <managers/processor/fs/current.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/syscall/syscall.h>

/** call_file - the file of descriptor argument @fd, or NULL (-EBADF). */
static inline struct file *call_file(u64 fd)
{
	return fd_get(current_files(), (int)fd);
}

/** call_install - give @file a descriptor; drops it on failure. */
int __must_check call_install(struct file *file, u32 flags);

/** call_install_pair - descriptors for two files, written to the program as
 * int[2]; all or nothing, the files are given away. */
int __must_check call_install_pair(struct file *a, struct file *b, u32 flags,
				   u64 fds_vaddr);

/** call_iovec - copy a struct iovec array from the program.
 *
 * Up to nr_small segments go to @small, more to allocated memory; release
 * with call_iovec_free().  Return: 0, -EFAULT, -EINVAL, -ENOMEM. */
struct uio_seg;
int __must_check call_iovec(u64 vaddr, u64 nr_segs, struct uio_seg *small,
			    u32 nr_small, struct uio_seg **out);
void call_iovec_free(struct uio_seg *segs, struct uio_seg *small);

/** call_truncate - truncate(2) of @vn, with permission check. */
int __must_check call_truncate(struct vnode *vn, u64 size);

/* The most one read or write moves, as on Linux. */
#define CALL_MAX_BYTES 0x7ffff000ul

#endif /* PROCESSOR_FS_CALLS_H */
