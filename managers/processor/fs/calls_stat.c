/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls that ask about files: stat, access, readlink, getdents, ... */
#include <managers/processor/fs/calls.h>

#include <kernel/assert.h>
#include <kernel/uaccess.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/path.h>
#include <mm/slab.h>

#define GETDENTS_MAX_BYTES 32768u
#define NSEC               1000000000l

/* ---- stat
 * ------------------------------------------------------------------------ */

static struct uapi_timespec timespec_of(s64 ns)
{
	s64 sec = ns / NSEC, nsec = ns % NSEC;

	if (nsec < 0) {
		sec--;
		nsec += NSEC;
	}
	return (struct uapi_timespec){sec, nsec};
}

static long stat_put(const struct vattr *attr, u64 vaddr)
{
	struct uapi_stat st = {
		.st_dev = attr->dev,
		.st_ino = attr->ino,
		.st_nlink = attr->nlink,
		.st_mode = attr->mode,
		.st_uid = attr->uid,
		.st_gid = attr->gid,
		.st_rdev = attr->rdev,
		.st_size = attr->size_bytes,
		.st_blksize = attr->blksize,
		.st_blocks = attr->nr_blocks,
		.st_atim = timespec_of(attr->atime_ns),
		.st_mtim = timespec_of(attr->mtime_ns),
		.st_ctim = timespec_of(attr->ctime_ns),
	};

	return copy_to_user(vaddr, &st, sizeof(st));
}

static struct uapi_statx_time statx_time_of(s64 ns)
{
	struct uapi_timespec ts = timespec_of(ns);

	return (struct uapi_statx_time){ts.tv_sec, ts.tv_nsec, 0};
}

static long statx_put(const struct vattr *attr, u64 vaddr)
{
	struct uapi_statx st = {
		.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = attr->blksize,
		.stx_nlink = attr->nlink,
		.stx_uid = attr->uid,
		.stx_gid = attr->gid,
		.stx_mode = attr->mode,
		.stx_ino = attr->ino,
		.stx_size = attr->size_bytes,
		.stx_blocks = attr->nr_blocks,
		.stx_atime = statx_time_of(attr->atime_ns),
		.stx_mtime = statx_time_of(attr->mtime_ns),
		.stx_ctime = statx_time_of(attr->ctime_ns),
		.stx_rdev_major = uapi_major(attr->rdev),
		.stx_rdev_minor = uapi_minor(attr->rdev),
		.stx_dev_major = uapi_major(attr->dev),
		.stx_dev_minor = uapi_minor(attr->dev),
	};

	return copy_to_user(vaddr, &st, sizeof(st));
}

/* Attributes of what the arguments of a *at() call name. */
static int stat_at(u64 dfd, u64 path_vaddr, u32 at_flags, struct vattr *attr)
{
	u32 walk = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
	struct dentry *d;
	int err;

	if (at_flags & AT_EMPTY_PATH)
		walk |= WALK_EMPTY;
	err = path_walk_user((int)dfd, path_vaddr, walk, &d);
	if (err)
		return err;
	err = vnode_getattr(d->vnode, attr);
	dentry_put(d);
	return err;
}

long sys_newfstatat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct vattr attr;
	int err;

	if ((u32)a3 & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	err = stat_at(a0, a1, a3, &attr);
	return err ? err : stat_put(&attr, a2);
}

long sys_stat(u64 a0, u64 a1)
{
	return sys_newfstatat((u64)AT_FDCWD, a0, a1, 0);
}

long sys_lstat(u64 a0, u64 a1)
{
	return sys_newfstatat((u64)AT_FDCWD, a0, a1, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(u64 a0, u64 a1)
{
	struct file *file = call_file(a0);
	struct vattr attr;
	int err;

	if (!file)
		return -EBADF;
	err = vnode_getattr(file->vnode, &attr);
	file_put(file);
	return err ? err : stat_put(&attr, a1);
}

long sys_statx(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct vattr attr;
	int err;

	if ((u32)a2 & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT |
			AT_STATX_SYNC_TYPE) ||
	    (u32)a3 & STATX__RESERVED)
		return -EINVAL;
	err = stat_at(a0, a1, a2, &attr);
	return err ? err : statx_put(&attr, a4);
}

/* ---- access
 * ------------------------------------------------------------------------- */

static long access_at(u64 dfd, u64 path_vaddr, u32 mode, u32 at_flags)
{
	u32 walk = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
	struct dentry *d;
	int err;

	if (mode & ~(u32)(R_OK | W_OK | X_OK))
		return -EINVAL;
	if (at_flags & AT_EMPTY_PATH)
		walk |= WALK_EMPTY;
	err = path_walk_user((int)dfd, path_vaddr, walk, &d);
	if (err)
		return err;
	if (mode)
		err = vnode_permission(d->vnode, mode);
	dentry_put(d);
	return err;
}

long sys_faccessat2(u64 a0, u64 a1, u64 a2, u64 a3)
{
	if ((u32)a3 & ~(AT_SYMLINK_NOFOLLOW | AT_EACCESS | AT_EMPTY_PATH))
		return -EINVAL;
	return access_at(a0, a1, a2, a3);
}

long sys_faccessat(u64 a0, u64 a1, u64 a2)
{
	return access_at(a0, a1, a2, 0);
}

long sys_access(u64 a0, u64 a1)
{
	return access_at((u64)AT_FDCWD, a0, a1, 0);
}

/* ---- readlink
 * ------------------------------------------------------------------------- */

static long readlink_dentry(struct dentry *d, u64 buf_vaddr, u64 size)
{
	struct vnode *vn = d->vnode;
	char *text;
	ssize_t len;

	if (!S_ISLNK(vnode_type(vn)) || !vn->ops->readlink)
		return -EINVAL;
	text = kmalloc(PATH_MAX);
	if (!text)
		return -ENOMEM;
	len = vn->ops->readlink(vn, text, PATH_MAX);
	if (len > 0) {
		len = min((u64)len, size);
		if (copy_to_user(buf_vaddr, text, len))
			len = -EFAULT;
	}
	kfree(text);
	return len;
}

long sys_readlinkat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct dentry *d;
	long ret;

	if ((int)a3 <= 0)
		return -EINVAL;
	ret = path_walk_user((int)a0, a1, WALK_EMPTY, &d);
	if (ret)
		return ret;
	ret = readlink_dentry(d, a2, (u32)a3);
	dentry_put(d);
	return ret;
}

long sys_readlink(u64 a0, u64 a1, u64 a2)
{
	return sys_readlinkat((u64)AT_FDCWD, a0, a1, a2);
}

/* ---- getdents64
 * -------------------------------------------------------------------------- */

struct getdents_sink {
	struct dir_sink sink;
	u8 *buf;
	u32 size;
	u32 used;
	bool is_full; /* an entry did not fit */
};

static bool getdents_emit(struct dir_sink *sink, const char *name, u32 len,
			  u64 ino, u32 type, u64 next)
{
	struct getdents_sink *gs =
		container_of(sink, struct getdents_sink, sink);
	u32 need = ALIGN_UP((u32)sizeof(struct uapi_dirent64) + len + 1, 8u);
	struct uapi_dirent64 *de = (void *)(gs->buf + gs->used);

	if (need > gs->size - gs->used) {
		gs->is_full = true;
		return false;
	}
	memset(de, 0, need);
	de->d_ino = ino;
	de->d_off = next;
	de->d_reclen = need;
	de->d_type = type;
	memcpy(de->d_name, name, len);
	gs->used += need;
	return true;
}

static long getdents_file(struct file *file, u64 vaddr, u32 count)
{
	struct getdents_sink gs = {.sink.emit = getdents_emit};
	long err;

	if (!file->ops->readdir)
		return -ENOTDIR;
	gs.size = min(count, GETDENTS_MAX_BYTES);
	gs.buf = kmalloc(gs.size);
	if (!gs.buf)
		return -ENOMEM;
	mutex_lock(&file->pos_lock);
	err = file->ops->readdir(file, &gs.sink);
	mutex_unlock(&file->pos_lock);
	if (gs.used)
		err = copy_to_user(vaddr, gs.buf, gs.used) ? -EFAULT : gs.used;
	else if (!err && gs.is_full)
		err = -EINVAL; /* not even one entry fits */
	kfree(gs.buf);
	return err;
}

long sys_getdents64(u64 a0, u64 a1, u64 a2)
{
	struct file *file = call_file(a0);
	long ret;

	if (!file)
		return -EBADF;
	ret = getdents_file(file, a1, a2);
	file_put(file);
	return ret;
}

/* ---- statfs
 * --------------------------------------------------------------------------------
 */

static long statfs_dentry(struct dentry *d, u64 vaddr)
{
	struct uapi_statfs st;
	int err;

	if (!d->mount->statfs)
		return -ENOSYS;
	err = d->mount->statfs(d->mount, &st);
	return err ? err : copy_to_user(vaddr, &st, sizeof(st));
}

long sys_statfs(u64 a0, u64 a1)
{
	struct dentry *d;
	long ret = path_walk_user(AT_FDCWD, a0, WALK_FOLLOW, &d);

	if (ret)
		return ret;
	ret = statfs_dentry(d, a1);
	dentry_put(d);
	return ret;
}

long sys_fstatfs(u64 a0, u64 a1)
{
	struct file *file = call_file(a0);
	long ret;

	if (!file)
		return -EBADF;
	ret = statfs_dentry(file->dentry, a1);
	file_put(file);
	return ret;
}

/* ---- extended attributes: none
 * ---------------------------------------------------------------- */

static long xattr_path(u64 path_vaddr, bool follow, long answer)
{
	struct dentry *d;
	int err = path_walk_user(AT_FDCWD, path_vaddr, follow ? WALK_FOLLOW : 0,
				 &d);

	if (err)
		return err;
	dentry_put(d);
	return answer;
}

static long xattr_fd(u64 fd, long answer)
{
	struct file *file = call_file(fd);

	if (!file)
		return -EBADF;
	file_put(file);
	return answer;
}

/* clang-format off */
long sys_setxattr(SYSCALL_ARGS_5) { return xattr_path(a0, true, -EOPNOTSUPP); }
long sys_lsetxattr(SYSCALL_ARGS_5) { return xattr_path(a0, false, -EOPNOTSUPP); }
long sys_fsetxattr(SYSCALL_ARGS_5) { return xattr_fd(a0, -EOPNOTSUPP); }
long sys_getxattr(SYSCALL_ARGS_4) { return xattr_path(a0, true, -ENODATA); }
long sys_lgetxattr(SYSCALL_ARGS_4) { return xattr_path(a0, false, -ENODATA); }
long sys_fgetxattr(SYSCALL_ARGS_4) { return xattr_fd(a0, -ENODATA); }
long sys_listxattr(SYSCALL_ARGS_3) { return xattr_path(a0, true, 0); }
long sys_llistxattr(SYSCALL_ARGS_3) { return xattr_path(a0, false, 0); }
long sys_flistxattr(SYSCALL_ARGS_3) { return xattr_fd(a0, 0); }
long sys_removexattr(SYSCALL_ARGS_2) { return xattr_path(a0, true, -ENODATA); }
long sys_lremovexattr(SYSCALL_ARGS_2) { return xattr_path(a0, false, -ENODATA); }
long sys_fremovexattr(SYSCALL_ARGS_2) { return xattr_fd(a0, -ENODATA); }
/* clang-format on */
