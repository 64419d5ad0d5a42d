/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_VNODE_H
#define PROCESSOR_FS_VNODE_H

/*
 * A vnode is one file system object that this node knows: a file, directory,
 * link or device, on a remote file system (ext4 on S, tmpfs on M) or a local
 * one (/proc, /sys, /dev).  There is one vnode for one (mount, fid) while
 * anybody refers to it.
 *
 * References: dentries, open files, mappings and walks hold one each.  Apart
 * from them nr_opens counts the users of the *content* (open files and
 * mappings): while it is not 0 the serving node keeps an unlinked inode
 * alive (fs_open / fs_release).
 *
 * Locks: vnode.lock (mutex) orders writes and appends of one
 * file.  attr_lock (spinlock) guards the cached attributes.  Names are
 * ordered by mount.names (rwsem): lookups share it, changes hold it alone.
 */
#include <kernel/mutex.h>
#include <kernel/spinlock.h>
#include <lib/atomic.h>
#include <lib/list.h>
#include <lib/types.h>
#include <rpc/wire.h>
#include <uapi/fs.h>

struct dentry;
struct file;
struct mount;
struct pipe;
struct uio;
struct vnode;

/* Attributes in this machine's integers; times in ns since 1970. */
struct vattr {
	u64 ino;
	u64 size_bytes;
	u64 nr_blocks; /* of 512 bytes */
	s64 atime_ns;
	s64 mtime_ns;
	s64 ctime_ns;
	u32 mode; /* type and permissions */
	u32 nlink;
	u32 uid;
	u32 gid;
	u32 rdev;
	u32 blksize;
	u64 dev; /* of the mount */
};

/* A change of attributes; mask: FS_SET_* of the wire. */
struct vattr_change {
	u32 mask;
	u32 mode;
	u32 uid;
	u32 gid;
	u64 size_bytes;
	s64 atime_ns;
	s64 mtime_ns;
};

/* What create() makes. */
struct vnode_new {
	u32 mode; /* with the type */
	u32 uid;
	u32 gid;
	u32 rdev;
	const char *target; /* of a symbolic link */
};

/* Where readdir's entries go.  emit() returns false when there is no room:
 * the entry is then offered again by the next call. */
struct dir_sink {
	bool (*emit)(struct dir_sink *sink, const char *name, u32 name_len,
		     u64 ino, u32 type, u64 next_cookie);
};

/*
 * What a file system does.  A missing operation means: not here (-EPERM for
 * changes of names, -EROFS where the mount is read-only, else -EINVAL).
 * All may sleep; lookup runs with mount.names shared, create, unlink, rename
 * and link with it held alone.
 */
struct vnode_ops {
	int (*lookup)(struct vnode *dir, const char *name, u32 len,
		      struct vnode **out);
	int (*getattr)(struct vnode *vn, struct vattr *attr);
	int (*setattr)(struct vnode *vn, const struct vattr_change *change);
	int (*readdir)(struct vnode *dir, u64 *cookie, struct dir_sink *sink);
	/* the length, not terminated; at most size */
	ssize_t (*readlink)(struct vnode *vn, char *buf, size_t size);
	/* instead of text: jump to a dentry (/proc/self/exe, /proc/self/fd/N)
	 */
	int (*follow)(struct vnode *vn, struct dentry **out);
	int (*create)(struct vnode *dir, const char *name, u32 len,
		      const struct vnode_new *what, struct vnode **out);
	int (*unlink)(struct vnode *dir, const char *name, u32 len,
		      bool is_dir);
	int (*rename)(struct vnode *old_dir, const char *old_name,
		      struct vnode *new_dir, const char *new_name, u32 flags);
	int (*link)(struct vnode *vn, struct vnode *dir, const char *name,
		    u32 len);
	/* set file->ops (and priv) of a file just made; NULL: regular file */
	int (*open)(struct vnode *vn, struct file *file);
	/* content of regular files; bytes moved or -errno */
	ssize_t (*read)(struct vnode *vn, u64 off, struct uio *uio,
			struct file *file);
	ssize_t (*write)(struct vnode *vn, u64 *off, struct uio *uio,
			 bool is_append);
	/* first user of the content came; last one went */
	int (*content_open)(struct vnode *vn);
	void (*content_release)(struct vnode *vn);
	void (*free)(struct vnode *vn); /* last reference went */
};

struct vnode {
	struct hlist_node hash; /* [vnode table lock] */
	atomic_t nr_refs;
	const struct vnode_ops *ops; /* [set once before publish] */
	struct mount *mount;         /* [set once before publish] */
	struct wire_fid fid;         /* [set once before publish] */
	void *priv;                  /* file system's [set before publish] */

	struct mutex lock;       /* writes, appends, nr_opens */
	u32 nr_opens;            /* [lock] */
	atomic_t nr_maps;        /* mappings of any kind */
	atomic_t nr_shared_maps; /* mappings that may write */

	struct spinlock attr_lock;
	struct vattr attr; /* [attr_lock] */
	u64 attr_until_ns; /* valid until (monotonic) [attr_lock] */

	struct pipe *fifo; /* of a FIFO that is open [fifo_mutex of pipe.c] */

	struct list_head locks; /* advisory locks [file lock table] */
};

/**
 * vnode_get - the vnode of @fid on @mount, made if it is not known.
 * @priv: handed to a new vnode; @attr: its attributes, or NULL
 *
 * Context: may sleep.  Return: 0 and a reference, or -ENOMEM.
 */
int __must_check vnode_get(struct mount *mount, const struct wire_fid *fid,
			   const struct vattr *attr, void *priv,
			   struct vnode **out);
/** vnode_find - the vnode of @fid on any mount, or NULL; a reference. */
struct vnode *vnode_find(const struct wire_fid *fid);
void vnode_hold(struct vnode *vn);
void vnode_put(struct vnode *vn);

/** vnode_type - S_IFREG, S_IFDIR, ...: never changes in a vnode's life. */
static inline u32 vnode_type(const struct vnode *vn)
{
	return vn->attr.mode & S_IFMT;
}

/**
 * vnode_getattr - attributes of @vn, from the cache while that is valid.
 *
 * Context: may sleep.  Return: 0 or what the file system says (-EIO).
 */
int __must_check vnode_getattr(struct vnode *vn, struct vattr *attr);
/** vnode_attr_store - remember fresh attributes. */
void vnode_attr_store(struct vnode *vn, const struct vattr *attr);
/** vnode_attr_expire - forget the cached attributes. */
void vnode_attr_expire(struct vnode *vn);
int __must_check vnode_setattr(struct vnode *vn,
			       const struct vattr_change *change);

/**
 * vnode_content_get - say that the content is used (open file, mapping).
 *
 * Holds a reference too.  Context: may sleep.
 * Return: 0, -ESTALE if the file is gone.
 */
int __must_check vnode_content_get(struct vnode *vn);
void vnode_content_put(struct vnode *vn);

/**
 * vnode_map_get - a mapping of @vn begins; held until vnode_map_put().
 * @may_write: MAP_SHARED of a file open for writing; while such a mapping
 *             exists, read() and write() make the pcache coherent first
 */
int __must_check vnode_map_get(struct vnode *vn, bool may_write);
void vnode_map_put(struct vnode *vn, bool may_write);

/**
 * vnode_permission - may the current thread do @want (R_OK | W_OK | X_OK)?
 *
 * Return: 0, -EACCES, -EROFS (writing a file of a read-only mount).
 */
int __must_check vnode_permission(struct vnode *vn, u32 want);

/** vnode_read_kernel - read into a kernel buffer; the bytes read or -errno. */
long vnode_read_kernel(struct vnode *vn, u64 off, void *buf, size_t len);

/** vnode_init - prepare the table; once, before anything else here. */
void vnode_init(void);

#endif /* PROCESSOR_FS_VNODE_H */
