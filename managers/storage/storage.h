/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H
/*
 * The storage node: one ext4 file system on the first disk, served to the
 * cluster.
 *
 * Metadata goes through ext4's block cache under storage_lock.  File data goes
 * from the disk into a transfer buffer and from there by RDMA to whoever asked,
 * without the lock.
 */
#include <kernel/mutex.h>
#include <net/rpc.h>

#include <managers/storage/ext4/ext4.h>

struct block_device;

struct storage {
	struct mutex lock;  /* LOCK_VNODE: ext4 and its block cache */
	struct ext4_fs *fs; /* NULL: nothing is mounted [set at start] */
	struct block_device *disk;
	u32 fsid;        /* of the file system: what others cached of another
			    disk is not taken for this one, and a node that
			    comes again with the same one is no news */
	u32 block_shift; /* of the file system */
};

extern struct storage storage;

/**
 * storage_inode - the inode that @fid names, if it is ours and current.
 *
 * Context: storage.lock held.
 * Return: 0; -ENODEV nothing is mounted; -ESTALE; -EIO.
 */
int __must_check storage_inode(const struct wire_fid *fid,
			       struct ext4_inode *inode);

/** transfer_start - make the buffers for file data. Return: 0 or -ENOMEM. */
int __must_check transfer_start(void);

#endif
