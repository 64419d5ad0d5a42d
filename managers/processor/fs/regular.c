/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/regular.h>

#include <kernel/assert.h>
#include <lib/errno.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/uio.h>

#define FILE_MAX_BYTES (1ull << 62)

/* ---- regular files
 * ------------------------------------------------------------ */

static ssize_t regular_read(struct file *file, struct uio *uio, u64 *pos)
{
	struct vnode *vn = file->vnode;
	ssize_t n;

	if (!vn->ops->read)
		return -EINVAL;
	if (!uio->resid_bytes)
		return 0;
	n = vn->ops->read(vn, *pos, uio, file);
	if (n > 0)
		*pos += n;
	return n;
}

static ssize_t regular_write(struct file *file, struct uio *uio, u64 *pos)
{
	struct vnode *vn = file->vnode;
	u64 off = *pos;
	ssize_t n;

	if (vn->mount->is_readonly || !vn->ops->write)
		return -EROFS;
	if (!uio->resid_bytes)
		return 0;
	if (off > FILE_MAX_BYTES - uio->resid_bytes)
		return -EFBIG;
	n = vn->ops->write(vn, &off, uio, file->flags & O_APPEND);
	if (n > 0)
		*pos = off + n;
	return n;
}

static int regular_size(struct file *file, u64 *size)
{
	struct vattr attr;
	int err = vnode_getattr(file->vnode, &attr);

	if (!err)
		*size = attr.size_bytes;
	return err;
}

/* file->pos_lock held.  Holes are not tracked: data goes up to the end. */
static s64 regular_seek(struct file *file, s64 off, int whence)
{
	u64 size = 0;
	s64 to;
	int err = 0;

	if (whence >= SEEK_END)
		err = regular_size(file, &size);
	if (err)
		return err;
	switch (whence) {
	case SEEK_SET:
		to = off;
		break;
	case SEEK_CUR:
		if (__builtin_add_overflow((s64)file->pos, off, &to))
			return -EOVERFLOW;
		break;
	case SEEK_END:
		if (__builtin_add_overflow((s64)size, off, &to))
			return -EOVERFLOW;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (off < 0 || (u64)off >= size)
			return -ENXIO;
		to = whence == SEEK_DATA ? off : (s64)size;
		break;
	default:
		return -EINVAL;
	}
	if (to < 0 || to > (s64)FILE_MAX_BYTES)
		return -EINVAL;
	file->pos = to;
	return to;
}

static int regular_mmap(struct file *file, u32 prot, u32 flags,
			struct file_mmap *out)
{
	out->may_write = file_can_write(file);
	return file->vnode->mount->role == ROLE_NONE ? -ENODEV : 0;
}

/* Writes go to the memory node's page cache at once; a tmpfs has no more. */
static int regular_sync(struct file *file)
{
	return 0;
}

const struct file_ops regular_file_ops = {
	.read = regular_read,
	.write = regular_write,
	.seek = regular_seek,
	.mmap = regular_mmap,
	.sync = regular_sync,
};

/* ---- directories
 * ---------------------------------------------------------------- */

/*
 * "." and ".." come from here, at positions 0 and 1; position n + 2 is the
 * file system's cookie n.
 */
#define DIR_POS_FIRST 2u

struct dots_sink {
	struct dir_sink sink;
	struct dir_sink *to;
};

static bool dots_emit(struct dir_sink *sink, const char *name, u32 len, u64 ino,
		      u32 type, u64 next_cookie)
{
	struct dots_sink *dots = container_of(sink, struct dots_sink, sink);

	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	return dots->to->emit(dots->to, name, len, ino, type,
			      next_cookie + DIR_POS_FIRST);
}

static u64 dentry_parent_ino(struct dentry *d)
{
	struct dentry *up = dentry_parent(d);
	u64 ino = up->vnode ? up->vnode->attr.ino : 1;

	dentry_put(up);
	return ino;
}

/* file->pos_lock held. */
static int directory_readdir(struct file *file, struct dir_sink *sink)
{
	struct dots_sink dots = {.sink.emit = dots_emit, .to = sink};
	struct vnode *vn = file->vnode;
	u64 cookie;
	int err;

	if (!vn->ops->readdir)
		return -ENOTDIR;
	if (file->pos == 0) {
		if (!sink->emit(sink, ".", 1, vn->attr.ino, DT_DIR, 1))
			return 0;
		file->pos = 1;
	}
	if (file->pos == 1) {
		if (!sink->emit(sink, "..", 2, dentry_parent_ino(file->dentry),
				DT_DIR, DIR_POS_FIRST))
			return 0;
		file->pos = DIR_POS_FIRST;
	}
	cookie = file->pos - DIR_POS_FIRST;
	err = vn->ops->readdir(vn, &cookie, &dots.sink);
	file->pos = cookie + DIR_POS_FIRST;
	return err;
}

static s64 directory_seek(struct file *file, s64 off, int whence)
{
	if (whence == SEEK_CUR)
		off += file->pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	file->pos = off;
	return off;
}

const struct file_ops directory_file_ops = {
	.seek = directory_seek,
	.readdir = directory_readdir,
	.sync = regular_sync,
};
