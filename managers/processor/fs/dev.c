/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /dev: the memory devices, random numbers, the terminal. */
#include <kernel/random.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/pseudo.h>
#include <managers/processor/fs/tty.h>
#include <managers/processor/fs/uio.h>

#define DEV_MEM_MAJOR  1u
#define DEV_TTYX_MAJOR 5u

static ssize_t null_read(struct file *file, struct uio *uio, u64 *pos)
{
	return 0;
}

static ssize_t sink_write(struct file *file, struct uio *uio, u64 *pos)
{
	return uio->resid_bytes;
}

static ssize_t zero_read(struct file *file, struct uio *uio, u64 *pos)
{
	u64 len = uio->resid_bytes;

	return uio_zero(uio, len) ? -EFAULT : (ssize_t)len;
}

static ssize_t full_write(struct file *file, struct uio *uio, u64 *pos)
{
	return -ENOSPC;
}

static ssize_t random_read(struct file *file, struct uio *uio, u64 *pos)
{
	u8 buf[256];
	ssize_t done = 0;

	while (uio->resid_bytes) {
		u64 n = min(uio->resid_bytes, sizeof(buf));

		random_bytes(buf, n);
		if (uio_put(uio, buf, n))
			return done ? done : -EFAULT;
		done += n;
	}
	return done;
}

static ssize_t random_write(struct file *file, struct uio *uio, u64 *pos)
{
	u8 buf[256];
	ssize_t done = 0;

	while (uio->resid_bytes) {
		u64 n = min(uio->resid_bytes, sizeof(buf));

		if (uio_get(uio, buf, n))
			return done ? done : -EFAULT;
		random_add_entropy(buf, n);
		done += n;
	}
	return done;
}

static s64 dev_seek(struct file *file, s64 off, int whence)
{
	return 0;
}

static int zero_mmap(struct file *file, u32 prot, u32 flags,
		     struct file_mmap *out)
{
	out->is_anon = true;
	out->vnode = NULL;
	return 0;
}

static const struct file_ops null_ops = {
	.read = null_read, .write = sink_write, .seek = dev_seek};
static const struct file_ops zero_ops = {.read = zero_read,
					 .write = sink_write,
					 .seek = dev_seek,
					 .mmap = zero_mmap};
static const struct file_ops full_ops = {
	.read = zero_read, .write = full_write, .seek = dev_seek};
static const struct file_ops random_ops = {
	.read = random_read, .write = random_write, .seek = dev_seek};

#define DEV_OPEN(what)                                              \
	static int what##_open(struct vnode *vn, struct file *file) \
	{                                                           \
		file->ops = &what##_ops;                            \
		return 0;                                           \
	}
DEV_OPEN(null)
DEV_OPEN(zero)
DEV_OPEN(full)
DEV_OPEN(random)

static ssize_t fd_readlink(struct vnode *vn, char *buf, size_t size)
{
	return pseudo_readlink_text("/proc/self/fd", buf, size);
}

static ssize_t stdin_readlink(struct vnode *vn, char *buf, size_t size)
{
	return pseudo_readlink_text("/proc/self/fd/0", buf, size);
}

static ssize_t stdout_readlink(struct vnode *vn, char *buf, size_t size)
{
	return pseudo_readlink_text("/proc/self/fd/1", buf, size);
}

static ssize_t stderr_readlink(struct vnode *vn, char *buf, size_t size)
{
	return pseudo_readlink_text("/proc/self/fd/2", buf, size);
}

static const struct pseudo_dir shm_dir = {0};

#define CHR(dev_name, perm, major, minor, open_fn)              \
	{                                                       \
		.name = dev_name, .mode = S_IFCHR | perm,       \
		.rdev = (minor) | (major) << 8, .open = open_fn \
	}
#define LNK(dev_name, fn)                                                \
	{                                                                \
		.name = dev_name, .mode = S_IFLNK | 0777, .readlink = fn \
	}

static const struct pseudo_entry dev_entries[] = {
	CHR("null", 0666, DEV_MEM_MAJOR, 3, null_open),
	CHR("zero", 0666, DEV_MEM_MAJOR, 5, zero_open),
	CHR("full", 0666, DEV_MEM_MAJOR, 7, full_open),
	CHR("random", 0666, DEV_MEM_MAJOR, 8, random_open),
	CHR("urandom", 0666, DEV_MEM_MAJOR, 9, random_open),
	CHR("tty", 0666, DEV_TTYX_MAJOR, 0, tty_open_controlling),
	CHR("console", 0600, DEV_TTYX_MAJOR, 1, tty_open),
	CHR("ttyS0", 0620, TTY_MAJOR, TTY_MINOR, tty_open),
	LNK("fd", fd_readlink),
	LNK("stdin", stdin_readlink),
	LNK("stdout", stdout_readlink),
	LNK("stderr", stderr_readlink),
	/* tmpfs of the memory node is mounted on it. */
	{.name = "shm", .mode = S_IFDIR | 01777, .dir = &shm_dir},
};
static const struct pseudo_dir dev_dir = PSEUDO_DIR(dev_entries);

const struct pseudo_entry dev_root = {
	.name = "", .mode = S_IFDIR | 0755, .dir = &dev_dir};
