/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_PSEUDO_H
#define PROCESSOR_FS_PSEUDO_H

/*
 * File systems made here: /proc, /sys, /dev.
 *
 * They are described by constant tables of entries.  A node is one entry
 * together with what it is about (a process, a descriptor, a CPU): that pair
 * is its identity, coded in the vnode's fid, so nothing is allocated for it
 * beyond the vnode.
 */
#include <lib/types.h>
#include <managers/processor/fs/vnode.h>

struct seq;
struct pseudo_dir;

struct pseudo_entry {
	const char *name;
	u32 mode; /* type and permissions */
	u32 rdev; /* of a device */
	/* A directory's entries. */
	const struct pseudo_dir *dir;
	/* A generated file: made when it is first read after open or seek 0 */
	int (*show)(struct vnode *vn, struct seq *seq);
	/* What a program writes to it; 0 or -errno. */
	int (*store)(struct vnode *vn, const char *text, size_t len);
	/* A link: text, and perhaps a jump to where it really leads. */
	ssize_t (*readlink)(struct vnode *vn, char *buf, size_t size);
	int (*follow)(struct vnode *vn, struct dentry **out);
	/* A device or other file with operations of its own. */
	int (*open)(struct vnode *vn, struct file *file);
};

/* Which node: an entry and its subject. */
struct pseudo_ref {
	const struct pseudo_entry *entry;
	u32 pid;   /* 0: none */
	u64 extra; /* descriptor + 1, tid, CPU + 1, ... */
};

struct pseudo_dir {
	const struct pseudo_entry *entries; /* fixed ones */
	u32 nr_entries;
	/* Names that are not fixed; NULL: none.  0 or -ENOENT. */
	int (*lookup)(struct vnode *dir, const char *name, u32 len,
		      struct pseudo_ref *out);
	/* The same for readdir: cookie 0 starts.  Return as readdir. */
	int (*iterate)(struct vnode *dir, u64 *cookie, struct dir_sink *sink);
};

#define PSEUDO_DIR(entries_array)                       \
	{                                               \
		.entries = (entries_array),             \
		.nr_entries = ARRAY_SIZE(entries_array) \
	}

extern const struct vnode_ops pseudo_vnode_ops;
extern const struct pseudo_entry proc_root, sys_root, dev_root;

int __must_check pseudo_root(struct mount *mount,
			     const struct pseudo_entry *entry,
			     struct vnode **out);

static inline const struct pseudo_entry *pseudo_entry_of(const struct vnode *vn)
{
	return vn->priv;
}

static inline u32 pseudo_pid(const struct vnode *vn)
{
	return le32_get(vn->fid.gen);
}

static inline u64 pseudo_extra(const struct vnode *vn)
{
	return le64_get(vn->fid.node_guid);
}

/** pseudo_number - parse a decimal name ("123"); false if it is none. */
bool pseudo_number(const char *name, u32 len, u64 *out);
/** pseudo_readlink_text - give the text of a link. */
ssize_t pseudo_readlink_text(const char *text, char *buf, size_t size);

#endif /* PROCESSOR_FS_PSEUDO_H */
