/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/file.h>

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/random.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/epoll.h>
#include <managers/processor/fs/file_lock.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/pipe.h>
#include <managers/processor/fs/regular.h>
#include <managers/processor/fs/uio.h>
#include <mm/slab.h>
#include <uapi/mman.h>

/* O_ flags that are about opening, not about the open file. */
#define OPEN_ONLY_FLAGS \
	(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | O_TMPFILE_)

static const struct file_ops path_only_ops; /* O_PATH: names, does nothing */

static int file_choose_ops(struct file *file)
{
	struct vnode *vn = file->vnode;

	if (file->flags & O_PATH) {
		file->ops = &path_only_ops;
		return 0;
	}
	if (vn->ops->open) {
		int err = vn->ops->open(vn, file);

		if (err || file->ops)
			return err;
	}
	if (S_ISFIFO(vnode_type(vn)))
		return fifo_open(file);
	if (S_ISREG(vnode_type(vn))) {
		file->ops = &regular_file_ops;
		file->has_pos = true;
	} else if (S_ISDIR(vnode_type(vn))) {
		file->ops = &directory_file_ops;
		file->has_pos = true;
	}
	return file->ops ? 0 : -ENXIO;
}

int file_alloc(struct dentry *d, u32 flags, const struct file_ops *ops,
	       void *priv, struct file **out)
{
	struct file *file = kzalloc(sizeof(*file));
	int err;

	if (!file)
		return -ENOMEM;
	err = vnode_content_get(d->vnode);
	if (err)
		goto free_file;
	atomic_set(&file->nr_refs, 1);
	file->flags = flags & ~OPEN_ONLY_FLAGS;
	file->vnode = d->vnode;
	file->dentry = d;
	file->ops = ops;
	file->priv = priv;
	mutex_init(&file->pos_lock, "file position", LOCK_FILE);
	mutex_init(&file->ra_lock, "readahead", LOCK_FILE);
	list_init(&file->epolls);
	if (!ops) {
		err = file_choose_ops(file);
		if (err)
			goto put_content;
	}
	dentry_hold(d);
	gauge_add(nr_open_files, 1);
	*out = file;
	return 0;

put_content:
	vnode_content_put(d->vnode);
free_file:
	kfree(file);
	return err;
}

void file_hold(struct file *file)
{
	CHECK(atomic_inc_return(&file->nr_refs) > 1);
}

void file_put(struct file *file)
{
	if (!file || !atomic_dec_and_test(&file->nr_refs))
		return;
	epoll_file_gone(file);
	file_lock_release_owner(file->vnode, file);
	if (file->ops->release)
		file->ops->release(file);
	readahead_free(file);
	vnode_content_put(file->vnode);
	dentry_put(file->dentry);
	gauge_sub(nr_open_files, 1);
	kfree(file);
}

void file_closed(struct file *file, struct fd_table *table)
{
	file_lock_release_owner(file->vnode, table);
	file_put(file);
}

/* ---- opening ---------------------------------------------------------------
 */

/* Make the regular file that the negative dentry @d names. */
static int file_create(struct dentry **d, u32 mode)
{
	struct vnode_new what = {
		.mode = S_IFREG | (mode & 07777 & ~fs_umask(current_fs())),
		.uid = current_fsuid(),
		.gid = current_fsgid(),
	};
	struct dentry *made;
	int err;

	err = path_create((*d)->parent, (*d)->name, (*d)->name_len, &what,
			  &made);
	if (err)
		return err;
	dentry_put(*d);
	*d = made;
	return 0;
}

/* May an existing file be opened with @flags? */
static int file_open_check(struct vnode *vn, u32 flags)
{
	u32 type = vnode_type(vn), want = 0;

	if (flags & O_PATH)
		return 0;
	if (S_ISLNK(type))
		return -ELOOP;
	if ((flags & O_ACCMODE) != O_WRONLY)
		want |= R_OK;
	if ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)
		want |= W_OK;
	if (S_ISDIR(type) && (want & W_OK || flags & O_CREAT))
		return -EISDIR;
	if (S_ISSOCK(type))
		return -ENXIO;
	return vnode_permission(vn, want);
}

static int file_truncate_opened(struct vnode *vn)
{
	struct vattr_change zero = {.mask = FS_SET_SIZE};

	return S_ISREG(vnode_type(vn)) ? vnode_setattr(vn, &zero) : 0;
}

/* The last step: the name exists, or was just made (@is_new). */
static int file_open_dentry(struct dentry *d, u32 flags, bool is_new,
			    struct file **out)
{
	int err;

	if (!is_new) {
		err = file_open_check(d->vnode, flags);
		if (err)
			return err;
	}
	if (flags & O_TRUNC && !is_new && !(flags & O_PATH)) {
		err = file_truncate_opened(d->vnode);
		if (err)
			return err;
	}
	return file_alloc(d, flags, NULL, NULL, out);
}

static u32 open_walk_flags(u32 flags)
{
	u32 walk = 0;

	if (!(flags & O_NOFOLLOW) &&
	    (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		walk |= WALK_FOLLOW;
	if (flags & O_DIRECTORY)
		walk |= WALK_DIRECTORY;
	if (flags & O_CREAT)
		walk |= WALK_NEGATIVE;
	return walk;
}

int file_open(struct dentry *base, const char *path, u32 flags, u32 mode,
	      struct file **out)
{
	bool is_new = false;
	struct dentry *d;
	int err;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return file_open_temporary(base, path, flags, mode, out);
	err = path_walk(base, path, open_walk_flags(flags), &d);
	if (err)
		return err;
	if (!d->vnode) {
		err = file_create(&d, mode);
		is_new = err == 0;
		/* Somebody was faster: the name exists now, take it. */
		if (err == -EEXIST && !(flags & O_EXCL)) {
			dentry_put(d);
			err = path_walk(base, path,
					open_walk_flags(flags & ~O_CREAT), &d);
			if (err)
				return err;
		}
	} else if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
		err = -EEXIST;
	}
	if (!err)
		err = file_open_dentry(d, flags, is_new, out);
	dentry_put(d);
	return err;
}

int file_open_temporary(struct dentry *base, const char *path, u32 flags,
			u32 mode, struct file **out)
{
	struct vnode_new what = {
		.mode = S_IFREG | (mode & 07777 & ~fs_umask(current_fs())),
		.uid = current_fsuid(),
		.gid = current_fsgid(),
	};
	struct dentry *dir, *d;
	char name[32];
	int err, len;

	if (!(flags & O_ACCMODE))
		return -EINVAL;
	err = path_walk(base, path, WALK_FOLLOW | WALK_DIRECTORY, &dir);
	if (err)
		return err;
	len = snprintf(name, sizeof(name), ".brick-%016lx", random_u64());
	err = path_create(dir, name, len, &what, &d);
	if (err)
		goto put_dir;
	err = file_alloc(d, flags, NULL, NULL, out);
	dentry_put(d);
	/* The open file keeps the inode alive without its name. */
	if (path_remove(dir, name, len, false) && !err) {
		file_put(*out);
		err = -EIO;
	}
put_dir:
	dentry_put(dir);
	return err;
}

/* ---- use --------------------------------------------------------------------
 */

ssize_t file_read(struct file *file, struct uio *uio, u64 *pos)
{
	ssize_t n;

	if (!file_can_read(file))
		return -EBADF;
	if (!file->ops->read)
		return S_ISDIR(vnode_type(file->vnode)) ? -EISDIR : -EINVAL;
	if (pos || !file->has_pos)
		return file->ops->read(file, uio, pos);
	mutex_lock(&file->pos_lock);
	n = file->ops->read(file, uio, &file->pos);
	mutex_unlock(&file->pos_lock);
	return n;
}

ssize_t file_write(struct file *file, struct uio *uio, u64 *pos)
{
	ssize_t n;

	if (!file_can_write(file))
		return -EBADF;
	if (!file->ops->write)
		return -EINVAL;
	if (pos || !file->has_pos)
		return file->ops->write(file, uio, pos);
	mutex_lock(&file->pos_lock);
	n = file->ops->write(file, uio, &file->pos);
	mutex_unlock(&file->pos_lock);
	return n;
}

int file_mmap_check(struct file *file, u32 prot, u32 flags,
		    struct file_mmap *out)
{
	if (file->flags & O_PATH)
		return -EBADF;
	if (!file_can_read(file))
		return -EACCES;
	if ((flags & MAP_TYPE) == MAP_SHARED ||
	    (flags & MAP_TYPE) == MAP_SHARED_VALIDATE) {
		if (prot & PROT_WRITE && !file_can_write(file))
			return -EACCES;
	}
	if (!file->ops->mmap)
		return -ENODEV;
	*out = (struct file_mmap){.vnode = file->vnode};
	return file->ops->mmap(file, prot, flags, out);
}

ssize_t file_path(struct file *file, char *buf, size_t size)
{
	return dentry_path(file->dentry, NULL, buf, size);
}
