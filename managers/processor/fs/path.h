/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_PATH_H
#define PROCESSOR_FS_PATH_H

/*
 * Paths.  A path is walked component by component: each name is looked up in
 * the dentry cache, and on a miss asked of the file system (one RPC for a
 * remote one).  Symbolic links are followed, at most PATH_MAX_LINKS in all;
 * mounts are crossed down and, with "..", up; nothing leads above the root.
 */
#include <kernel/spinlock.h>
#include <lib/atomic.h>
#include <lib/types.h>
#include <uapi/fs.h>

struct dentry;
struct file;

#define PATH_MAX_LINKS 40u

/* Where a process stands; threads share it (CLONE_FS). */
struct fs_context {
	atomic_t nr_refs;
	struct spinlock lock;
	struct dentry *cwd;  /* [lock] */
	struct dentry *root; /* [lock] */
	u32 umask;           /* [lock] */
};

/** fs_context_create - standing in the root; mounts are there; or NULL. */
struct fs_context *fs_context_create(void);
/** fs_context_clone - a copy (fork without CLONE_FS), or NULL. */
struct fs_context *fs_context_clone(struct fs_context *fs);
void fs_context_hold(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
struct dentry *fs_context_cwd(struct fs_context *fs);  /* a reference */
struct dentry *fs_context_root(struct fs_context *fs); /* a reference */
u32 fs_umask(struct fs_context *fs);
/** fs_context_set_cwd - stand in @d, a directory. */
void fs_context_set_cwd(struct fs_context *fs, struct dentry *d);
void fs_context_set_root(struct fs_context *fs, struct dentry *d);
/** fs_context_chdir - stand in directory @path (a kernel string). */
int __must_check fs_context_chdir(struct fs_context *fs, const char *path);

#define WALK_FOLLOW    0x1u /* follow a link in the last component */
#define WALK_DIRECTORY 0x2u /* it must be a directory */
#define WALK_EMPTY     0x4u /* "" means the base itself (AT_EMPTY_PATH) */
#define WALK_NEGATIVE  0x8u /* an absent last component is no error */

/**
 * path_walk - from @base (NULL: the working directory) along @path.
 *
 * Context: may sleep.
 * Return: 0 and a reference to a dentry (positive unless WALK_NEGATIVE);
 *         -ENOENT, -ENOTDIR, -ELOOP, -EACCES, -ENAMETOOLONG, -EIO.
 */
int __must_check path_walk(struct dentry *base, const char *path, u32 flags,
			   struct dentry **out);

/* The directory that holds the last component of a path, and its name. */
struct path_last {
	struct dentry *dir;
	char name[NAME_MAX + 1];
	u32 len;
	bool has_slash; /* the path ends in '/' */
};

/**
 * path_walk_parent - all but the last component, for calls that make or
 * remove names.  Release with path_last_put().
 *
 * Return: as path_walk(); -EEXIST if the last component is the root, ".",
 *         or "..": the caller turns it into what its call says.
 */
int __must_check path_walk_parent(struct dentry *base, const char *path,
				  struct path_last *last);
void path_last_put(struct path_last *last);

/**
 * path_lookup_name - one name in @dir, negative dentry if absent.
 */
int __must_check path_lookup_name(struct dentry *dir, const char *name, u32 len,
				  struct dentry **out);

/**
 * path_base - the dentry that dirfd @dfd of a *at() call names.
 * @path: kernel copy of the path; an absolute one needs no dirfd
 *
 * Return: 0 and *@out a reference or NULL (working directory); -EBADF,
 *         -ENOTDIR.
 */
int __must_check path_base(int dfd, const char *path, struct dentry **out);

/**
 * path_copy_in - copy a path from user memory; path_copy_free() it.
 *
 * Return: 0; -EFAULT, -ENAMETOOLONG, -ENOMEM; -ENOENT for "" unless
 *         @may_be_empty.
 */
int __must_check path_copy_in(u64 vaddr, bool may_be_empty, char **out);
void path_copy_free(char *path);

/** path_walk_user - path_copy_in, path_base and path_walk in one. */
int __must_check path_walk_user(int dfd, u64 vaddr, u32 flags,
				struct dentry **out);

/* ---- changing names ---------------------------------------------------------
 *
 * By directory and name; each checks permission and takes mount.names.
 */
struct vnode_new;

/** path_create - make @name; 0 and its dentry, -EEXIST, -EROFS, ... */
int __must_check path_create(struct dentry *dir, const char *name, u32 len,
			     const struct vnode_new *what, struct dentry **out);
/** path_remove - unlink, or rmdir if @is_dir. */
int __must_check path_remove(struct dentry *dir, const char *name, u32 len,
			     bool is_dir);
/** path_link - another name for the object of @d. */
int __must_check path_link(struct dentry *d, struct dentry *dir,
			   const char *name, u32 len);
/** path_rename - as renameat2(2); only within one mount (-EXDEV). */
int __must_check path_rename(const struct path_last *from,
			     const struct path_last *to, u32 flags);

#endif /* PROCESSOR_FS_PATH_H */
