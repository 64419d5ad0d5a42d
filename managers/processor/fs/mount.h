/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_MOUNT_H
#define PROCESSOR_FS_MOUNT_H

/*
 * What is mounted where.  The table is fixed (Brick has no mount(2)):
 * "/" is the root file system of S; "/tmp" and "/dev/shm" are tmpfs of M;
 * "/dev", "/proc" and "/sys" are made here.  Mounts live forever,
 * but a node that comes again may give one a new root.
 */
#include <kernel/mutex.h>
#include <lib/list.h>
#include <lib/types.h>
#include <net/membership.h>
#include <uapi/fs.h>

struct dentry;
struct vnode_ops;

struct mount {
	struct list_head node; /* in mount order [set at boot] */
	const char *path;      /* "/", "/tmp", ... */
	const char *source;    /* first column of /proc/mounts */
	const char *type;      /* "ext4", "tmpfs", "proc", ... */
	const struct vnode_ops *ops;
	enum node_role role; /* who serves it; ROLE_NONE: we do */
	u64 guid;            /* of the serving node */
	bool is_readonly;
	/* How long names and attributes may be believed; 0: ask each time,
	 * U64_MAX: forever (nobody can change them). */
	u64 cache_ns;
	u32 dev; /* st_dev */
	struct dentry *root;
	struct dentry *covers; /* the dentry mounted on; NULL for "/" */
	struct rwsem names;    /* lookups share it, changes hold it */
	int (*statfs)(struct mount *mount, struct uapi_statfs *out);
};

/**
 * vfs_mount_all - wait for a memory and a storage node, then mount all.
 *
 * Says in the log whom it waits for.  Call it before the first path is looked
 * up, and again before a program is started: a node that has come again with
 * other files is noticed here.
 * Context: may sleep for long.  Return: 0 or the file systems' error.
 */
int __must_check vfs_mount_all(void);

/** mount_root_get - the root of all names; a reference. */
struct dentry *mount_root_get(void);

/** mount_root_vnode - the root directory; no reference: mounts stay. */
struct vnode *mount_root_vnode(struct mount *mount);

/** mount_for_each - call @fn for each mount, in mount order. */
void mount_for_each(void (*fn)(struct mount *mount, void *arg), void *arg);

#endif /* PROCESSOR_FS_MOUNT_H */
