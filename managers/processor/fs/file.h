/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_FILE_H
#define PROCESSOR_FS_FILE_H

/*
 * Open files and descriptor tables.
 *
 * struct file is what Linux calls an open file description: the position and
 * the O_ flags, shared by dup and fork.  What it does is its file_ops: a
 * regular file, directory, pipe, terminal, socket, ...
 *
 * struct fd_table maps small numbers to files; threads share one
 * (CLONE_FILES), fork copies it.
 */
#include <kernel/mutex.h>
#include <kernel/spinlock.h>
#include <lib/atomic.h>
#include <lib/list.h>
#include <lib/types.h>
#include <uapi/fs.h>

#include <managers/processor/fs/vnode.h>

struct dentry;
struct file;
struct fd_table;
struct fs_context;
struct poll_table;
struct uio;

/* What mmap(2) of a file means. */
struct file_mmap {
	bool is_anon;        /* /dev/zero: anonymous memory */
	bool may_write;      /* MAP_SHARED may become writable (VMA_MAYWRITE) */
	struct vnode *vnode; /* unless is_anon; held by the file */
};

/*
 * A missing operation: read, write -EINVAL; ioctl -ENOTTY; mmap -ENODEV;
 * seek -ESPIPE; poll always ready; readdir -ENOTDIR; sync -EINVAL.
 */
struct file_ops {
	/* Bytes moved or -errno.  *pos is the position to use and advance;
	 * NULL for files without one. */
	ssize_t (*read)(struct file *file, struct uio *uio, u64 *pos);
	ssize_t (*write)(struct file *file, struct uio *uio, u64 *pos);
	s64 (*seek)(struct file *file, s64 off, int whence);
	u32 (*poll)(struct file *file, struct poll_table *table);
	s64 (*ioctl)(struct file *file, u32 cmd, u64 arg);
	int (*mmap)(struct file *file, u32 prot, u32 flags,
		    struct file_mmap *out);
	int (*readdir)(struct file *file, struct dir_sink *sink);
	int (*sync)(struct file *file);
	void (*flags_changed)(struct file *file); /* after F_SETFL */
	void (*release)(struct file *file);
};

struct file {
	atomic_t nr_refs;
	const struct file_ops *ops; /* [set once before publish] */
	struct dentry *dentry;      /* never NULL; loose for pipes etc. */
	struct vnode *vnode;        /* dentry's, content held */
	u32 flags;                  /* O_* [atomic: word] */
	bool has_pos;               /* seekable */
	struct mutex pos_lock;
	u64 pos;    /* [pos_lock]; of a pipe, see pipe_attach() */
	void *priv; /* ops' own */
	struct mutex ra_lock;
	struct readahead *ra; /* regular remote files [ra_lock] */
	struct spinlock poll_lock;
	struct list_head epolls; /* epoll items watching us [epoll lock] */
};

static inline bool file_can_read(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY && !(f->flags & O_PATH);
}

static inline bool file_can_write(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY && !(f->flags & O_PATH);
}

/**
 * file_alloc - an open file of @d (a reference is taken) with @flags.
 *
 * The content of its vnode is held; ops come from vnode_ops.open or @ops.
 * Return: 0 and one reference; -ENOMEM, -ENXIO, ...
 */
int __must_check file_alloc(struct dentry *d, u32 flags,
			    const struct file_ops *ops, void *priv,
			    struct file **out);
void file_hold(struct file *file);
/** file_put - drop a reference; the last one releases.  May sleep. */
void file_put(struct file *file);

/**
 * file_closed - a descriptor of @file was closed: drop its reference.
 *
 * As Linux has it, closing any descriptor of a file drops the POSIX locks
 * that the process (known by its descriptor table) holds on it.  Context: may
 * sleep.
 */
void file_closed(struct file *file, struct fd_table *table);

/**
 * file_open - open @path from @base (NULL: working directory).
 *
 * Context: may sleep.  Return: 0 and a reference, or as open(2).
 */
int __must_check file_open(struct dentry *base, const char *path, u32 flags,
			   u32 mode, struct file **out);

/** file_open_temporary - open(2) with O_TMPFILE: a file without a name. */
int __must_check file_open_temporary(struct dentry *base, const char *path,
				     u32 flags, u32 mode, struct file **out);

/** file_read, file_write - as the system calls; @pos NULL: file's own. */
ssize_t file_read(struct file *file, struct uio *uio, u64 *pos);
ssize_t file_write(struct file *file, struct uio *uio, u64 *pos);

/**
 * file_mmap_check - may @file be mapped so, and what is mapped?
 * @prot: PROT_*; @flags: MAP_*
 *
 * The mapping then holds @file (file_hold) and calls vnode_map_get().
 * Return: 0; -EACCES by the open mode; -ENODEV not mappable.
 */
int __must_check file_mmap_check(struct file *file, u32 prot, u32 flags,
				 struct file_mmap *out);

/** file_path - the absolute path as /proc/self/maps shows it. */
ssize_t file_path(struct file *file, char *buf, size_t size);

/** file_fid - the identity that messages carry. */
static inline const struct wire_fid *file_fid(const struct file *file)
{
	return &file->vnode->fid;
}

/* ---- descriptor tables ----------------------------------------------------
 */

#define FD_LIMIT_DEFAULT 1024u
#define FD_LIMIT_MAX     65536u

struct fd_table {
	atomic_t nr_refs;
	struct spinlock lock;
	u32 capacity;        /* slots of files[] [lock] */
	u32 limit;           /* RLIMIT_NOFILE [lock] */
	u32 first_free;      /* none below this is free [lock] */
	struct file **files; /* [lock] */
	u64 *cloexec;        /* bitmap [lock] */
};

struct fd_table *fd_table_create(void);
/** fd_table_clone - a copy (fork), or NULL if there is no memory. */
struct fd_table *fd_table_clone(struct fd_table *from);
void fd_table_hold(struct fd_table *table);
/** fd_table_put - the last reference closes all files.  May sleep. */
void fd_table_put(struct fd_table *table);
/** fd_table_exec - close what is marked so.  May sleep. */
void fd_table_exec(struct fd_table *table);
void fd_table_set_limit(struct fd_table *table, u64 limit);

/** fd_get - the file of @fd, a reference; NULL: -EBADF. */
struct file *fd_get(struct fd_table *table, int fd);

/**
 * fd_install - put @file (its reference is given away on success) at the
 * lowest free descriptor not below @from.
 *
 * @flags: O_CLOEXEC counts.  Return: the descriptor, -EMFILE, -ENOMEM,
 * -EINVAL if @from is not below the limit.
 */
int __must_check fd_install(struct fd_table *table, struct file *file, u32 from,
			    u32 flags);
/** fd_install_at - as dup2: put @file at @fd, closing what was there. */
int __must_check fd_install_at(struct fd_table *table, struct file *file,
			       int fd, u32 flags);
/** fd_close - 0 or -EBADF.  May sleep. */
int fd_close(struct fd_table *table, int fd);
int fd_get_cloexec(struct fd_table *table, int fd); /* 0, 1 or -EBADF */
int fd_set_cloexec(struct fd_table *table, int fd, bool on);
/** fd_next - the lowest open descriptor >= @fd, or -1. */
int fd_next(struct fd_table *table, int fd);

/* ---- the current thread ---------------------------------------------------
 */

/* Implemented by the process code; NULL in kernel threads. */
struct fd_table *current_files(void);
struct fs_context *current_fs(void);
u32 current_fsuid(void);
/** current_may_all - with file system user 0: are modes of files no matter?
 * CAP_DAC_OVERRIDE; for access(2) of who is root no longer, permitted. */
bool current_may_all(void);
u32 current_fsgid(void);
bool current_in_group(u32 gid);

#endif /* PROCESSOR_FS_FILE_H */
