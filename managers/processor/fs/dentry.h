/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_DENTRY_H
#define PROCESSOR_FS_DENTRY_H

/*
 * The dentry cache: names that were looked up, found (vnode) or absent
 * (negative: vnode is NULL).
 *
 * A dentry refers to its parent, so a chain leads up to the root: that is
 * how ".." and getcwd(2) work.  Unreferenced dentries stay in the table, on
 * an LRU list of at most DENTRY_MAX_IDLE.  A dentry that left the table
 * (unlinked, replaced, stale) stays valid for those who hold it.
 *
 * One spinlock guards table, LRU, names and parents; nothing sleeps under it.
 */
#include <lib/list.h>
#include <lib/types.h>

struct mount;
struct vnode;

#define DENTRY_MAX_IDLE 4096u

struct dentry {
	struct hlist_node hash;   /* [dentry lock] unhashed: left the table */
	struct list_head lru;     /* [dentry lock] on it iff nr_refs is 0 */
	u32 nr_refs;              /* [dentry lock] */
	bool is_unlinked;         /* its name is gone [dentry lock] */
	struct dentry *parent;    /* itself for a root [dentry lock] */
	struct mount *mount;      /* [set once before publish] */
	struct mount *covered_by; /* what is mounted here, or NULL [mount.c] */
	struct vnode *vnode;      /* NULL: negative [dentry lock] */
	u64 valid_until_ns;       /* believe without asking [dentry lock] */
	u32 name_len;
	char *name; /* [dentry lock] */
};

void dentry_init(void);

/** dentry_alloc_root - the root dentry of @mount; a reference, or NULL. */
struct dentry *dentry_alloc_root(struct mount *mount, struct vnode *vn);
/** dentry_alloc_loose - a dentry outside the table, for objects without a
 * path (pipes: name is what /proc/self/fd shows); a reference, or NULL. */
struct dentry *dentry_alloc_loose(struct mount *mount, struct vnode *vn,
				  const char *name);

/**
 * dentry_find - what the cache knows of @name in @parent.
 *
 * Return: a reference (perhaps a negative dentry), or NULL: unknown.
 */
struct dentry *dentry_find(struct dentry *parent, const char *name, u32 len);

/**
 * dentry_insert - remember that @name in @parent is @vn (NULL: absent).
 *
 * An equal entry is kept and renewed, a different one replaced.
 * Return: 0 and a reference, or -ENOMEM.
 */
int __must_check dentry_insert(struct dentry *parent, const char *name, u32 len,
			       struct vnode *vn, struct dentry **out);

/** dentry_remove - the name was unlinked: drop it (holders keep theirs). */
void dentry_remove(struct dentry *parent, const char *name, u32 len);
/** dentry_rename - the dentry of the old name moves to the new one. */
void dentry_rename(struct dentry *old_parent, const char *old_name, u32 old_len,
		   struct dentry *new_parent, const char *new_name,
		   u32 new_len);

void dentry_hold(struct dentry *d);
void dentry_put(struct dentry *d);

/** dentry_parent - the directory above, crossing mounts; a reference. The
 * root of all names is its own parent. */
struct dentry *dentry_parent(struct dentry *d);

/**
 * dentry_path - write the absolute path of @d below @root to @buf.
 *
 * A name that was unlinked ends in " (deleted)".
 * Return: the length without the terminating 0, or -ENAMETOOLONG.
 */
ssize_t dentry_path(struct dentry *d, struct dentry *root, char *buf,
		    size_t size);

/** dentry_drop_idle - forget every name that nobody holds. */
void dentry_drop_idle(void);

/** dentry_count - how many there are, how many of them idle. */
void dentry_count(u32 *nr_all, u32 *nr_idle);

#endif /* PROCESSOR_FS_DENTRY_H */
