/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls that change names and attributes, and where a process is. */
#include <managers/processor/fs/calls.h>

#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/path.h>
#include <mm/slab.h>

/* ---- a path argument of which the last component is special
 * --------------------------- */

/* path_walk_parent() of a *at() call's arguments. */
static int parent_user(u64 dfd, u64 path_vaddr, struct path_last *last)
{
	struct dentry *base = NULL;
	char *path;
	int err;

	err = path_copy_in(path_vaddr, false, &path);
	if (err)
		return err;
	err = path_base((int)dfd, path, &base);
	if (!err)
		err = path_walk_parent(base, path, last);
	dentry_put(base);
	path_copy_free(path);
	return err;
}

/* ---- making
 * ------------------------------------------------------------------------------
 */

static long make_node(u64 dfd, u64 path_vaddr, u32 mode, u32 rdev,
		      const char *target)
{
	struct vnode_new what = {
		.mode = mode,
		.uid = current_fsuid(),
		.gid = current_fsgid(),
		.rdev = rdev,
		.target = target,
	};
	struct path_last last;
	struct dentry *d;
	int err;

	err = parent_user(dfd, path_vaddr, &last);
	if (err)
		return err;
	if (last.has_slash && !S_ISDIR(mode))
		err = -ENOENT;
	else
		err = path_create(last.dir, last.name, last.len, &what, &d);
	if (!err)
		dentry_put(d);
	path_last_put(&last);
	return err;
}

long sys_mkdirat(u64 a0, u64 a1, u64 a2)
{
	u32 mode = (a2 & 01777) & ~fs_umask(current_fs());

	return make_node(a0, a1, S_IFDIR | mode, 0, NULL);
}

long sys_mkdir(u64 a0, u64 a1)
{
	return sys_mkdirat((u64)AT_FDCWD, a0, a1);
}

long sys_mknodat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	u32 mode = a2, type = mode & S_IFMT;

	if (type == 0)
		type = S_IFREG;
	if (type == S_IFDIR)
		return -EPERM;
	if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK &&
	    type != S_IFCHR && type != S_IFBLK)
		return -EINVAL;
	mode = (mode & 07777) & ~fs_umask(current_fs());
	return make_node(a0, a1, type | mode, a3, NULL);
}

long sys_mknod(u64 a0, u64 a1, u64 a2)
{
	return sys_mknodat((u64)AT_FDCWD, a0, a1, a2);
}

long sys_symlinkat(u64 a0, u64 a1, u64 a2)
{
	char *target;
	long err = path_copy_in(a0, false, &target);

	if (err)
		return err;
	err = make_node(a1, a2, S_IFLNK | 0777, 0, target);
	path_copy_free(target);
	return err;
}

long sys_symlink(u64 a0, u64 a1)
{
	return sys_symlinkat(a0, (u64)AT_FDCWD, a1);
}

long sys_linkat(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 flags = a4, walk = flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0;
	struct path_last last;
	struct dentry *d;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		walk |= WALK_EMPTY;
	err = path_walk_user((int)a0, a1, walk, &d);
	if (err)
		return err;
	err = parent_user(a2, a3, &last);
	if (!err) {
		err = last.has_slash
			      ? -ENOENT
			      : path_link(d, last.dir, last.name, last.len);
		path_last_put(&last);
	}
	dentry_put(d);
	return err;
}

long sys_link(u64 a0, u64 a1)
{
	return sys_linkat((u64)AT_FDCWD, a0, (u64)AT_FDCWD, a1, 0);
}

/* ---- removing and renaming
 * ------------------------------------------------------------------- */

/* rmdir of "/", "." and ".." has errors of its own. */
static int rmdir_last_error(u64 path_vaddr)
{
	int err = -EBUSY;
	size_t len;
	char *path;

	if (path_copy_in(path_vaddr, false, &path))
		return -EFAULT;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	if (len && path[len - 1] == '.')
		err = len > 1 && path[len - 2] == '.' ? -ENOTEMPTY : -EINVAL;
	path_copy_free(path);
	return err;
}

static long remove_name(u64 dfd, u64 path_vaddr, bool is_dir)
{
	struct path_last last;
	int err;

	err = parent_user(dfd, path_vaddr, &last);
	if (err == -EEXIST)
		return is_dir ? rmdir_last_error(path_vaddr) : -EISDIR;
	if (err)
		return err;
	err = path_remove(last.dir, last.name, last.len, is_dir);
	if (!err && last.has_slash && !is_dir)
		err = -ENOTDIR;
	path_last_put(&last);
	return err;
}

long sys_unlinkat(u64 a0, u64 a1, u64 a2)
{
	if ((u32)a2 & ~AT_REMOVEDIR)
		return -EINVAL;
	return remove_name(a0, a1, a2 & AT_REMOVEDIR);
}

long sys_unlink(u64 a0)
{
	return remove_name((u64)AT_FDCWD, a0, false);
}
long sys_rmdir(u64 a0)
{
	return remove_name((u64)AT_FDCWD, a0, true);
}

long sys_renameat2(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct path_last from, to;
	int err;

	err = parent_user(a0, a1, &from);
	if (err)
		return err == -EEXIST ? -EBUSY : err;
	err = parent_user(a2, a3, &to);
	if (err) {
		path_last_put(&from);
		return err == -EEXIST ? -EBUSY : err;
	}
	err = path_rename(&from, &to, a4);
	path_last_put(&from);
	path_last_put(&to);
	return err;
}

long sys_renameat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return sys_renameat2(a0, a1, a2, a3, 0);
}

long sys_rename(u64 a0, u64 a1)
{
	return sys_renameat2((u64)AT_FDCWD, a0, (u64)AT_FDCWD, a1, 0);
}

/* ---- attributes
 * ----------------------------------------------------------------------------------
 */

/* Only the owner and who has CAP_FOWNER change what a file is like. */
static int change_check_owner(struct vnode *vn)
{
	struct vattr attr;
	int err;

	if (current_is_owner_of_all())
		return 0;
	err = vnode_getattr(vn, &attr);
	if (err)
		return err;
	return attr.uid == current_fsuid() ? 0 : -EPERM;
}

static int change_vnode(struct vnode *vn, const struct vattr_change *change)
{
	int err;

	if (!change->mask)
		return 0;
	if (vn->mount->is_readonly)
		return -EROFS;
	err = change_check_owner(vn);
	return err ? err : vnode_setattr(vn, change);
}

static long change_path(u64 dfd, u64 path_vaddr, u32 walk,
			const struct vattr_change *change)
{
	struct dentry *d;
	int err = path_walk_user((int)dfd, path_vaddr, walk, &d);

	if (err)
		return err;
	err = change_vnode(d->vnode, change);
	dentry_put(d);
	return err;
}

static long change_fd(u64 fd, const struct vattr_change *change)
{
	struct file *file = call_file(fd);
	int err;

	if (!file)
		return -EBADF;
	err = file->flags & O_PATH ? -EBADF : change_vnode(file->vnode, change);
	file_put(file);
	return err;
}

static struct vattr_change change_mode(u64 mode)
{
	return (struct vattr_change){.mask = FS_SET_MODE, .mode = mode & 07777};
}

static struct vattr_change change_owner(u32 uid, u32 gid)
{
	return (struct vattr_change){
		.mask = (uid == ~0u ? 0 : FS_SET_UID) |
			(gid == ~0u ? 0 : FS_SET_GID),
		.uid = uid,
		.gid = gid,
	};
}

long sys_fchmodat(u64 a0, u64 a1, u64 a2)
{
	struct vattr_change c = change_mode(a2);

	return change_path(a0, a1, WALK_FOLLOW, &c);
}

long sys_chmod(u64 a0, u64 a1)
{
	return sys_fchmodat((u64)AT_FDCWD, a0, a1);
}

long sys_fchmod(u64 a0, u64 a1)
{
	struct vattr_change c = change_mode(a1);

	return change_fd(a0, &c);
}

long sys_fchownat(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct vattr_change c = change_owner(a2, a3);
	u32 flags = a4, walk = flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		walk |= WALK_EMPTY;
	return change_path(a0, a1, walk, &c);
}

long sys_chown(u64 a0, u64 a1, u64 a2)
{
	return sys_fchownat((u64)AT_FDCWD, a0, a1, a2, 0);
}

long sys_lchown(u64 a0, u64 a1, u64 a2)
{
	return sys_fchownat((u64)AT_FDCWD, a0, a1, a2, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(u64 a0, u64 a1, u64 a2)
{
	struct vattr_change c = change_owner(a1, a2);

	return change_fd(a0, &c);
}

long sys_truncate(u64 a0, u64 a1)
{
	struct dentry *d;
	int err = path_walk_user(AT_FDCWD, a0, WALK_FOLLOW, &d);

	if (err)
		return err;
	err = call_truncate(d->vnode, a1);
	dentry_put(d);
	return err;
}

/* One of utimensat's two times. */
static int time_arg(const struct uapi_timespec *ts, u32 bit, u32 *mask,
		    s64 *out_ns)
{
	if (ts->tv_nsec == UTIME_OMIT)
		return 0;
	*mask |= bit;
	if (ts->tv_nsec == UTIME_NOW) {
		*out_ns = time_real_ns();
		return 0;
	}
	if (ts->tv_nsec < 0 || ts->tv_nsec > 999999999)
		return -EINVAL;
	*out_ns = ts->tv_sec * (s64)NSEC_PER_SEC + ts->tv_nsec;
	return 0;
}

static long set_times(u64 dfd, u64 path_vaddr, const struct uapi_timespec ts[2],
		      u32 at_flags)
{
	u32 walk = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
	struct vattr_change c = {0};
	int err;

	err = time_arg(&ts[0], FS_SET_ATIME, &c.mask, &c.atime_ns);
	if (!err)
		err = time_arg(&ts[1], FS_SET_MTIME, &c.mask, &c.mtime_ns);
	if (err)
		return err;
	if (!path_vaddr)
		return change_fd(dfd, &c);
	if (at_flags & AT_EMPTY_PATH)
		walk |= WALK_EMPTY;
	return change_path(dfd, path_vaddr, walk, &c);
}

long sys_utimensat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct uapi_timespec ts[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

	if ((u32)a3 & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (a2 && copy_from_user(ts, a2, sizeof(ts)))
		return -EFAULT;
	return set_times(a0, a1, ts, a3);
}

long sys_utimes(u64 a0, u64 a1)
{
	struct uapi_timespec ts[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

	if (a1) {
		if (copy_from_user(ts, a1, sizeof(ts)))
			return -EFAULT;
		for (u32 i = 0; i < 2; i++) {
			if (ts[i].tv_nsec < 0 || ts[i].tv_nsec > 999999)
				return -EINVAL;
			ts[i].tv_nsec *= 1000; /* they were microseconds */
		}
	}
	return set_times((u64)AT_FDCWD, a0, ts, 0);
}

long sys_utime(u64 a0, u64 a1)
{
	struct uapi_timespec ts[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	u64 sec[2];

	if (a1) {
		if (copy_from_user(sec, a1, sizeof(sec)))
			return -EFAULT;
		for (u32 i = 0; i < 2; i++)
			ts[i] = (struct uapi_timespec){sec[i], 0};
	}
	return set_times((u64)AT_FDCWD, a0, ts, 0);
}

/* ---- where a process is
 * ----------------------------------------------------------------------------
 */

static int stand_in(struct dentry *d, bool is_root)
{
	int err;

	if (!S_ISDIR(vnode_type(d->vnode)))
		return -ENOTDIR;
	err = vnode_permission(d->vnode, X_OK);
	if (err)
		return err;
	if (is_root)
		fs_context_set_root(current_fs(), d);
	else
		fs_context_set_cwd(current_fs(), d);
	return 0;
}

static long chdir_path(u64 path_vaddr, bool is_root)
{
	struct dentry *d;
	int err = path_walk_user(AT_FDCWD, path_vaddr, WALK_FOLLOW, &d);

	if (err)
		return err;
	err = stand_in(d, is_root);
	dentry_put(d);
	return err;
}

long sys_chdir(u64 a0)
{
	return chdir_path(a0, false);
}

long sys_chroot(u64 a0)
{
	return current_may_chroot() ? chdir_path(a0, true) : -EPERM;
}

long sys_fchdir(u64 a0)
{
	struct file *file = call_file(a0);
	int err;

	if (!file)
		return -EBADF;
	err = stand_in(file->dentry, false);
	file_put(file);
	return err;
}

long sys_getcwd(u64 a0, u64 a1)
{
	struct dentry *cwd = fs_context_cwd(current_fs());
	struct dentry *root = fs_context_root(current_fs());
	char *path = kmalloc(PATH_MAX);
	ssize_t len = -ENOMEM;

	if (path)
		len = dentry_path(cwd, root, path, PATH_MAX);
	if (len >= 0 && cwd->is_unlinked)
		len = -ENOENT;
	if (len >= 0) {
		len++; /* with its 0 */
		if ((u64)len > a1)
			len = -ERANGE;
		else if (copy_to_user(a0, path, len))
			len = -EFAULT;
	}
	kfree(path);
	dentry_put(root);
	dentry_put(cwd);
	return len;
}

long sys_umask(u64 a0)
{
	struct fs_context *fs = current_fs();
	u32 was;

	spin_lock(&fs->lock);
	was = fs->umask;
	fs->umask = a0 & 0777;
	spin_unlock(&fs->lock);
	return was;
}
