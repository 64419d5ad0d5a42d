/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls on descriptors: open, close, dup, fcntl, pipe, ... */
#include <managers/processor/fs/calls.h>

#include <kernel/random.h>
#include <kernel/uaccess.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file_lock.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/pipe.h>
#include <mm/slab.h>

/* Flags that open(2) gets from F_SETFL. */
#define SETFL_FLAGS (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME)

int call_install(struct file *file, u32 flags)
{
	int fd = fd_install(current_files(), file, 0, flags);

	if (fd == -EINVAL) /* a limit of 0 */
		fd = -EMFILE;
	if (fd < 0)
		file_put(file);
	return fd;
}

/* ---- open, close
 * --------------------------------------------------------------- */

long sys_openat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct dentry *base = NULL;
	u32 flags = a2;
	struct file *file;
	char *path;
	int err;

	err = path_copy_in(a1, false, &path);
	if (err)
		return err;
	err = path_base(a0, path, &base);
	if (!err)
		err = file_open(base, path, flags, a3, &file);
	dentry_put(base);
	path_copy_free(path);
	return err ? err : call_install(file, flags);
}

long sys_open(u64 a0, u64 a1, u64 a2)
{
	return sys_openat((u64)AT_FDCWD, a0, a1, a2);
}

long sys_creat(u64 a0, u64 a1)
{
	return sys_openat((u64)AT_FDCWD, a0, O_CREAT | O_WRONLY | O_TRUNC, a1);
}

long sys_close(u64 a0)
{
	return fd_close(current_files(), (int)a0);
}

long sys_close_range(u64 a0, u64 a1, u64 a2)
{
	struct fd_table *table = current_files();
	u32 first = a0, last = a1, flags = a2;
	int fd;

	if (first > last || flags & ~CLOSE_RANGE_CLOEXEC)
		return -EINVAL; /* unsharing needs a thread of another table */
	if (first > INT32_MAX)
		return 0;
	for (fd = fd_next(table, first); fd >= 0 && (u32)fd <= last;
	     fd = fd_next(table, fd + 1)) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			fd_set_cloexec(table, fd, true);
		else
			fd_close(table, fd);
	}
	return 0;
}

/* ---- dup
 * -------------------------------------------------------------------------- */

static long dup_from(u64 fd, u64 from, u32 flags)
{
	struct file *file = call_file(fd);
	int ret;

	if (!file)
		return -EBADF;
	ret = from > INT32_MAX ? -EINVAL
			       : fd_install(current_files(), file, from, flags);
	if (ret < 0)
		file_put(file);
	return ret;
}

long sys_dup(u64 a0)
{
	long fd = dup_from(a0, 0, 0);

	return fd == -EINVAL ? -EMFILE : fd;
}

static long dup_to(u64 from, u64 to, u32 flags)
{
	struct file *file = call_file(from);
	int ret;

	if (!file)
		return -EBADF;
	ret = fd_install_at(current_files(), file, (int)to, flags);
	if (ret < 0)
		file_put(file);
	return ret;
}

long sys_dup2(u64 a0, u64 a1)
{
	if ((int)a0 == (int)a1) {
		struct file *file = call_file(a0);

		if (!file)
			return -EBADF;
		file_put(file);
		return (int)a0;
	}
	return dup_to(a0, a1, 0);
}

long sys_dup3(u64 a0, u64 a1, u64 a2)
{
	if ((u32)a2 & ~O_CLOEXEC || (int)a0 == (int)a1)
		return -EINVAL;
	return dup_to(a0, a1, a2);
}

/* ---- fcntl
 * -----------------------------------------------------------------------------
 */

static void file_set_flags(struct file *file, u32 flags)
{
	file->flags = (file->flags & ~SETFL_FLAGS) | (flags & SETFL_FLAGS);
	if (file->ops->flags_changed)
		file->ops->flags_changed(file);
}

/* The byte range a struct flock names; 0, -EINVAL, -EOVERFLOW. */
static int flock_range(struct file *file, const struct uapi_flock *fl,
		       u64 *start, u64 *end)
{
	struct vattr attr;
	s64 base = 0, from, to;
	int err;

	if (fl->l_whence == SEEK_CUR) {
		base = file->pos;
	} else if (fl->l_whence == SEEK_END) {
		err = vnode_getattr(file->vnode, &attr);
		if (err)
			return err;
		base = attr.size_bytes;
	} else if (fl->l_whence != SEEK_SET) {
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, fl->l_start, &from))
		return -EOVERFLOW;
	if (fl->l_len == 0)
		to = INT64_MAX;
	else if (__builtin_add_overflow(from, fl->l_len - 1, &to))
		return -EOVERFLOW;
	if (fl->l_len < 0) { /* the bytes before */
		to = from - 1;
		from += fl->l_len;
	}
	if (from < 0 || to < from)
		return -EINVAL;
	*start = from;
	*end = to;
	return 0;
}

static bool names_file(int fd, const struct file *file)
{
	struct file *now = fd_get(current_files(), fd);

	file_put(now);
	return now == file;
}

/* Drop a lock that a close of @fd by another thread came too early for; nobody
 * would ever. */
static void unlock_closed(struct file *file, u64 start, u64 end)
{
	const void *owner = current_files();

	if (file_lock_range(file, FILE_LOCK_POSIX, owner, current_pid(),
			    F_UNLCK, start, end, false))
		file_lock_release_owner(file->vnode, owner);
}

static long fcntl_lock(struct file *file, int fd, int cmd, u64 arg)
{
	bool is_ofd = cmd >= F_OFD_GETLK;
	const void *owner = is_ofd ? (void *)file : (void *)current_files();
	bool is_get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	struct uapi_flock fl;
	u64 start, end;
	int err;

	if (copy_from_user(&fl, arg, sizeof(fl)))
		return -EFAULT;
	if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK &&
	    (fl.l_type != F_UNLCK || is_get))
		return -EINVAL;
	if (is_ofd && fl.l_pid)
		return -EINVAL;
	err = flock_range(file, &fl, &start, &end);
	if (err)
		return err;
	if (is_get) {
		file_lock_test(file, owner, fl.l_type, start, end, &fl);
		return copy_to_user(arg, &fl, sizeof(fl));
	}
	if ((fl.l_type == F_RDLCK && !file_can_read(file)) ||
	    (fl.l_type == F_WRLCK && !file_can_write(file)))
		return -EBADF;
	err = file_lock_range(
		file, FILE_LOCK_POSIX, owner, is_ofd ? (u32)-1 : current_pid(),
		fl.l_type, start, end, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (!err && !is_ofd && fl.l_type != F_UNLCK && !names_file(fd, file)) {
		unlock_closed(file, start, end);
		return -EBADF;
	}
	return err == -EINTR ? -ERESTARTSYS : err;
}

static long fcntl_file(struct file *file, int fd, int cmd, u64 arg)
{
	struct fd_table *table = current_files();

	switch (cmd) {
	case F_DUPFD:
		return dup_from(fd, arg, 0);
	case F_DUPFD_CLOEXEC:
		return dup_from(fd, arg, O_CLOEXEC);
	case F_GETFD:
		return fd_get_cloexec(table, fd);
	case F_SETFD:
		return fd_set_cloexec(table, fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return file->flags | (file->flags & O_PATH ? 0 : O_LARGEFILE);
	case F_SETFL:
		file_set_flags(file, arg);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_lock(file, fd, cmd, arg);
	case F_GETPIPE_SZ:
		return pipe_size(file);
	case F_SETPIPE_SZ:
		return pipe_set_size(file, (u32)arg);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(u64 a0, u64 a1, u64 a2)
{
	struct file *file = call_file(a0);
	int cmd = a1;
	long ret;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH && cmd > F_GETFL && cmd != F_DUPFD_CLOEXEC)
		ret = -EBADF;
	else
		ret = fcntl_file(file, (int)a0, cmd, a2);
	file_put(file);
	return ret;
}

long sys_flock(u64 a0, u64 a1)
{
	struct file *file = call_file(a0);
	int op = (int)a1 & ~LOCK_NB, type, err;

	if (!file)
		return -EBADF;
	type = op == LOCK_SH ? F_RDLCK : op == LOCK_EX ? F_WRLCK : F_UNLCK;
	if (op != LOCK_SH && op != LOCK_EX && op != LOCK_UN)
		err = -EINVAL;
	else
		err = file_lock_range(file, FILE_LOCK_FLOCK, file,
				      current_pid(), type, 0, INT64_MAX,
				      !(a1 & LOCK_NB));
	file_put(file);
	return err == -EINTR ? -ERESTARTSYS : err;
}

/* ---- pipe, memfd
 * ------------------------------------------------------------------------- */

/* Two files that belong together: both get a descriptor, or none. */
int call_install_pair(struct file *a, struct file *b, u32 flags, u64 fds_vaddr)
{
	struct fd_table *table = current_files();
	int fds[2];

	fds[0] = call_install(a, flags);
	if (fds[0] < 0) {
		file_put(b);
		return fds[0];
	}
	fds[1] = call_install(b, flags);
	if (fds[1] < 0) {
		fd_close(table, fds[0]);
		return fds[1];
	}
	if (copy_to_user(fds_vaddr, fds, sizeof(fds))) {
		fd_close(table, fds[0]);
		fd_close(table, fds[1]);
		return -EFAULT;
	}
	return 0;
}

long sys_pipe2(u64 a0, u64 a1)
{
	struct file *read_end, *write_end;
	u32 flags = a1;
	int err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err = pipe_create(flags, &read_end, &write_end);
	if (err)
		return err;
	return call_install_pair(read_end, write_end, flags, a0);
}

long sys_pipe(u64 a0)
{
	return sys_pipe2(a0, 0);
}

/* A file of /dev/shm without a name: it behaves as Linux' memfd, but for
 * seals and the name that /proc/self/fd shows. */
long sys_memfd_create(u64 a0, u64 a1)
{
	char name[NAME_MAX + 1];
	struct file *file;
	u32 flags = a1;
	ssize_t len;
	int err;

	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	len = strncpy_from_user(name, a0, sizeof(name));
	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	err = file_open(NULL, "/dev/shm", O_TMPFILE | O_RDWR, 0600, &file);
	if (err)
		return err;
	return call_install(file, flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
}
