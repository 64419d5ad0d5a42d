/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_TNODE_H
#define MEMORY_TNODE_H
/*
 * Inside tmpfs: nodes and names (tmpfs.c), used by the messages (tmpfs_rpc.c).
 *
 * One mutex orders all names and attributes; no call sleeps under it for
 * anything but memory.  Writers and truncation take the node's write_lock
 * around it, because they move data.
 */
#include <kernel/mutex.h>
#include <managers/memory/client.h>
#include <managers/memory/tmpfs.h>
#include <uapi/fs.h>

struct tnode {
	struct cfile file;
	struct list_head all_link; /* [nodes_lock] */
	struct mutex write_lock;
	u32 mode;            /* type: [set once]; rest [tmpfs_lock] */
	u32 nlink, uid, gid; /* [tmpfs_lock] */
	u32 rdev;            /* [set once] */
	u64 atime_ns, mtime_ns, ctime_ns; /* [tmpfs_lock] */
	char *target;                     /* symlink: [set once] */
	/* directory */
	struct tnode *parent;     /* itself: a root [tmpfs_lock] */
	struct list_head names;   /* by cookie [tmpfs_lock] */
	u64 last_cookie;          /* [tmpfs_lock] */
	u32 nr_opens[CLIENT_MAX]; /* by client [tmpfs_lock] */
};

/* A name in a directory; holds a reference of its node. */
struct tname {
	struct hlist_node hash_link; /* [tmpfs_lock] */
	struct list_head dir_link;   /* [tmpfs_lock] */
	struct tnode *dir, *node;
	u64 cookie;
	u32 len;
	char text[];
};

/* A name as it comes in a message: not terminated. */
struct tstring {
	const char *text;
	u32 len;
};

extern struct mutex tmpfs_lock;

static inline struct tnode *tnode_of(struct cfile *file)
{
	return container_of(file, struct tnode, file);
}

struct tnode_attr {
	u32 mode, uid, gid, rdev;
};

/** tnode_root - the root of file system @fsid, with a reference; made at its
 * first use.  Context: tmpfs_lock. */
struct tnode *tnode_root(u32 fsid);

/** tnode_lookup - the node of @name in @dir, no reference; NULL: none. */
struct tnode *tnode_lookup(struct tnode *dir, struct tstring name);

/** tnode_create - a new node as @name in @dir, with a reference for the caller.
 * @target: of a symlink.  Return: 0, -EEXIST, -ENOTDIR, -ENOENT (@dir was
 * removed), -ENOMEM, -ENOSPC (tmpfs_max_nodes()), -EINVAL. */
int __must_check tnode_create(struct tnode *dir, struct tstring name,
			      const struct tnode_attr *attr,
			      struct tstring target, struct tnode **out);
int __must_check tnode_unlink(struct tnode *dir, struct tstring name,
			      bool is_rmdir);
int __must_check tnode_link(struct tnode *node, struct tnode *dir,
			    struct tstring name);
int __must_check tnode_rename(struct tnode *old_dir, struct tstring old_name,
			      struct tnode *new_dir, struct tstring new_name,
			      bool may_replace);

#endif /* MEMORY_TNODE_H */
