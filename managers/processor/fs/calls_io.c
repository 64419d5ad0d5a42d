/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls that move bytes: read, write and their many forms. */
#include <managers/processor/fs/calls.h>

#include <kernel/uaccess.h>
#include <lib/minmax.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/uio.h>
#include <mm/slab.h>
#include <uapi/termios.h>

#define SMALL_IOV      8u
#define SPLICE_CHUNK   65536u
#define FALLOC_ALLOWED (FALLOC_FL_KEEP_SIZE)

/* ---- read, write
 * ------------------------------------------------------------------ */

long sys_read(u64 a0, u64 a1, u64 a2)
{
	struct file *file = call_file(a0);
	struct uio uio;
	ssize_t n;

	if (!file)
		return -EBADF;
	uio_init_user(&uio, a1, min(a2, CALL_MAX_BYTES));
	n = file_read(file, &uio, NULL);
	file_put(file);
	return n;
}

long sys_write(u64 a0, u64 a1, u64 a2)
{
	struct file *file = call_file(a0);
	struct uio uio;
	ssize_t n;

	if (!file)
		return -EBADF;
	uio_init_user(&uio, a1, min(a2, CALL_MAX_BYTES));
	n = file_write(file, &uio, NULL);
	file_put(file);
	return n;
}

/* The p-forms: at a position of their own, on seekable files. */
static long io_at(u64 fd, struct uio *uio, u64 pos, bool is_write)
{
	struct file *file;
	ssize_t n;

	if ((s64)pos < 0)
		return -EINVAL;
	file = call_file(fd);
	if (!file)
		return -EBADF;
	if (!file->has_pos)
		n = -ESPIPE;
	else if (is_write)
		n = file_write(file, uio, &pos);
	else
		n = file_read(file, uio, &pos);
	file_put(file);
	return n;
}

long sys_pread64(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct uio uio;

	uio_init_user(&uio, a1, min(a2, CALL_MAX_BYTES));
	return io_at(a0, &uio, a3, false);
}

long sys_pwrite64(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct uio uio;

	uio_init_user(&uio, a1, min(a2, CALL_MAX_BYTES));
	return io_at(a0, &uio, a3, true);
}

/* ---- vectors
 * -------------------------------------------------------------------------- */

/* Refuse lengths that are no lengths; cut the total, as Linux does. */
static int iovec_check(struct uio_seg *segs, u64 nr_segs)
{
	u64 total = 0;

	for (u64 i = 0; i < nr_segs; i++) {
		if ((s64)segs[i].len_bytes < 0)
			return -EINVAL;
		segs[i].len_bytes =
			min(segs[i].len_bytes, CALL_MAX_BYTES - total);
		total += segs[i].len_bytes;
	}
	return 0;
}

int call_iovec(u64 vaddr, u64 nr_segs, struct uio_seg *small, u32 nr_small,
	       struct uio_seg **out)
{
	struct uio_seg *segs = small;
	int err;

	if (nr_segs > IOV_MAX)
		return -EINVAL;
	if (nr_segs > nr_small)
		segs = kmalloc(nr_segs * sizeof(*segs));
	if (!segs)
		return -ENOMEM;
	err = copy_from_user(segs, vaddr, nr_segs * sizeof(*segs));
	if (!err)
		err = iovec_check(segs, nr_segs);
	if (err) {
		call_iovec_free(segs, small);
		return err;
	}
	*out = segs;
	return 0;
}

void call_iovec_free(struct uio_seg *segs, struct uio_seg *small)
{
	if (segs != small)
		kfree(segs);
}

static long io_vector(u64 fd, u64 vaddr, u64 nr_segs, bool has_pos, u64 pos,
		      bool is_write)
{
	struct uio_seg small[SMALL_IOV], *segs;
	struct file *file;
	struct uio uio;
	long n;

	n = call_iovec(vaddr, nr_segs, small, SMALL_IOV, &segs);
	if (n)
		return n;
	uio_init_segs(&uio, segs, nr_segs);
	if (has_pos) {
		n = io_at(fd, &uio, pos, is_write);
		goto free;
	}
	file = call_file(fd);
	n = -EBADF;
	if (!file)
		goto free;
	n = is_write ? file_write(file, &uio, NULL)
		     : file_read(file, &uio, NULL);
	file_put(file);
free:
	call_iovec_free(segs, small);
	return n;
}

long sys_readv(u64 a0, u64 a1, u64 a2)
{
	return io_vector(a0, a1, a2, false, 0, false);
}

long sys_writev(u64 a0, u64 a1, u64 a2)
{
	return io_vector(a0, a1, a2, false, 0, true);
}

/* The position comes in two halves; on x86-64 the first holds all of it. */
long sys_preadv(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return io_vector(a0, a1, a2, true, a3, false);
}

long sys_pwritev(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return io_vector(a0, a1, a2, true, a3, true);
}

/* ---- from file to file
 * ------------------------------------------------------------------ */

/* Write all of @buf; the bytes written or -errno. */
static ssize_t copy_write(struct file *out, void *buf, u64 len, u64 *out_pos)
{
	struct uio uio;
	u64 done = 0;

	while (done < len) {
		ssize_t n;

		uio_init_kernel(&uio, (u8 *)buf + done, len - done);
		n = file_write(out, &uio, out_pos);
		if (n <= 0)
			return done ? (ssize_t)done : n;
		done += n;
	}
	return done;
}

/* Move up to @count bytes; positions NULL: the files' own. */
static ssize_t copy_files(struct file *in, u64 *in_pos, struct file *out,
			  u64 *out_pos, u64 count)
{
	u8 *buf = kmalloc(SPLICE_CHUNK);
	ssize_t done = 0, n = 0, written;
	struct uio uio;

	if (!buf)
		return -ENOMEM;
	while (done < count) {
		uio_init_kernel(&uio, buf, min(count - done, SPLICE_CHUNK));
		n = file_read(in, &uio, in_pos);
		if (n <= 0)
			break;
		written = copy_write(out, buf, n, out_pos);
		if (written < n) {
			/* What was not written was not read either. */
			u64 back = n - max(written, 0l);

			if (in_pos)
				*in_pos -= back;
			else
				in->pos -= back;
		}
		if (written > 0)
			done += written;
		n = written;
		if (written <= 0)
			break;
	}
	kfree(buf);
	return done ? done : n;
}

/* An optional position argument of sendfile and copy_file_range. */
static int pos_get(u64 vaddr, u64 *pos, u64 **use)
{
	*use = NULL;
	if (!vaddr)
		return 0;
	if (get_user_u64(vaddr, pos))
		return -EFAULT;
	if ((s64)*pos < 0)
		return -EINVAL;
	*use = pos;
	return 0;
}

long sys_sendfile(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct file *out = call_file(a0), *in = call_file(a1);
	u64 pos, *use;
	long n = -EBADF;

	if (!in || !out)
		goto put;
	n = pos_get(a2, &pos, &use);
	if (n)
		goto put;
	n = -EINVAL;
	if (!S_ISREG(vnode_type(in->vnode)))
		goto put;
	n = copy_files(in, use, out, NULL, min(a3, CALL_MAX_BYTES));
	if (use && put_user_u64(a2, pos))
		n = -EFAULT;
put:
	file_put(in);
	file_put(out);
	return n;
}

long sys_copy_file_range(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	struct file *in = call_file(a0), *out = call_file(a2);
	u64 in_pos, out_pos, *use_in, *use_out;
	long n = -EBADF;

	if (!in || !out)
		goto put;
	n = -EINVAL;
	if ((u32)a5 || !S_ISREG(vnode_type(in->vnode)) ||
	    !S_ISREG(vnode_type(out->vnode)))
		goto put;
	n = pos_get(a1, &in_pos, &use_in);
	if (!n)
		n = pos_get(a3, &out_pos, &use_out);
	if (n)
		goto put;
	n = -EBADF;
	if (out->flags & O_APPEND)
		goto put;
	n = copy_files(in, use_in, out, use_out, min(a4, CALL_MAX_BYTES));
	if ((use_in && put_user_u64(a1, in_pos)) ||
	    (use_out && put_user_u64(a3, out_pos)))
		n = -EFAULT;
put:
	file_put(in);
	file_put(out);
	return n;
}

/* ---- position, size, durability
 * ------------------------------------------------------------ */

long sys_lseek(u64 a0, u64 a1, u64 a2)
{
	struct file *file = call_file(a0);
	s64 ret = -ESPIPE;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		ret = -EBADF;
	else if (file->ops->seek) {
		mutex_lock(&file->pos_lock);
		ret = file->ops->seek(file, a1, (int)a2);
		mutex_unlock(&file->pos_lock);
	}
	file_put(file);
	return ret;
}

static int truncate_vnode(struct vnode *vn, u64 size)
{
	struct vattr_change change = {.mask = FS_SET_SIZE, .size_bytes = size};

	if ((s64)size < 0)
		return -EINVAL;
	if (S_ISDIR(vnode_type(vn)))
		return -EISDIR;
	if (!S_ISREG(vnode_type(vn)))
		return -EINVAL;
	return vnode_setattr(vn, &change);
}

long sys_ftruncate(u64 a0, u64 a1)
{
	struct file *file = call_file(a0);
	int err;

	if (!file)
		return -EBADF;
	err = file_can_write(file) ? truncate_vnode(file->vnode, a1) : -EINVAL;
	file_put(file);
	return err;
}

int call_truncate(struct vnode *vn, u64 size)
{
	int err = vnode_permission(vn, W_OK);

	return err ? err : truncate_vnode(vn, size);
}

/* Space is not set aside: tmpfs pages come when they are written. */
long sys_fallocate(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct file *file = call_file(a0);
	struct vattr attr;
	u64 end;
	int err = -EBADF;

	if (!file)
		return -EBADF;
	if (!file_can_write(file))
		goto put;
	err = -EINVAL;
	if ((s64)a2 < 0 || (s64)a3 <= 0)
		goto put;
	err = -EFBIG;
	if (__builtin_add_overflow(a2, a3, &end) || (s64)end < 0)
		goto put;
	err = -EOPNOTSUPP;
	if ((u32)a1 & ~FALLOC_ALLOWED || !S_ISREG(vnode_type(file->vnode)))
		goto put;
	err = vnode_getattr(file->vnode, &attr);
	if (!err && end > attr.size_bytes && !(a1 & FALLOC_FL_KEEP_SIZE))
		err = truncate_vnode(file->vnode, end);
put:
	file_put(file);
	return err;
}

static long sync_file(u64 fd)
{
	struct file *file = call_file(fd);
	int err = -EINVAL;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		err = -EBADF;
	else if (file->ops->sync)
		err = file->ops->sync(file);
	file_put(file);
	return err;
}

long sys_fsync(u64 a0)
{
	return sync_file(a0);
}
long sys_fdatasync(u64 a0)
{
	return sync_file(a0);
}
long sys_sync_file_range(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return sync_file(a0);
}
long sys_sync(void)
{
	return 0;
}

/* Hints: taken note of, so to say. */
static long advise(u64 fd)
{
	struct file *file = call_file(fd);
	int err = 0;

	if (!file)
		return -EBADF;
	if (!file->has_pos)
		err = -ESPIPE;
	file_put(file);
	return err;
}

long sys_fadvise64(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return (u32)a3 > 5 ? -EINVAL : advise(a0);
}

long sys_readahead(u64 a0, u64 a1, u64 a2)
{
	return advise(a0);
}

long sys_syncfs(u64 a0)
{
	struct file *file = call_file(a0);

	if (!file)
		return -EBADF;
	file_put(file);
	return 0;
}

/* ---- ioctl
 * -----------------------------------------------------------------------------------
 */

static long ioctl_nonblock(struct file *file, u64 arg)
{
	u32 on;

	if (get_user_u32(arg, &on))
		return -EFAULT;
	if (on)
		file->flags |= O_NONBLOCK;
	else
		file->flags &= ~O_NONBLOCK;
	if (file->ops->flags_changed)
		file->ops->flags_changed(file);
	return 0;
}

static long ioctl_readable(struct file *file, u64 arg)
{
	struct vattr attr;
	int err = vnode_getattr(file->vnode, &attr);

	if (err)
		return err;
	return put_user_u32(arg, attr.size_bytes > file->pos
					 ? attr.size_bytes - file->pos
					 : 0);
}

static long ioctl_file(struct file *file, u64 fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case FIOCLEX:
		return fd_set_cloexec(current_files(), fd, true);
	case FIONCLEX:
		return fd_set_cloexec(current_files(), fd, false);
	case FIONBIO:
		return ioctl_nonblock(file, arg);
	case FIONREAD:
		if (S_ISREG(vnode_type(file->vnode)))
			return ioctl_readable(file, arg);
		break;
	default:
		break;
	}
	return file->ops->ioctl ? file->ops->ioctl(file, cmd, arg) : -ENOTTY;
}

long sys_ioctl(u64 a0, u64 a1, u64 a2)
{
	struct file *file = call_file(a0);
	long ret;

	if (!file)
		return -EBADF;
	ret = file->flags & O_PATH ? -EBADF : ioctl_file(file, a0, a1, a2);
	file_put(file);
	return ret;
}
