/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/pseudo.h>

#include <kernel/assert.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/fs/seq.h>
#include <managers/processor/fs/uio.h>
#include <mm/slab.h>

/* Cookies above this belong to pseudo_dir.iterate. */
#define PSEUDO_COOKIE_DYNAMIC (1ull << 32)
#define PSEUDO_MAX_STORE      4096u

static struct wire_fid pseudo_fid(const struct mount *mount,
				  const struct pseudo_ref *ref)
{
	return (struct wire_fid){
		.node_guid = le64_make(ref->extra),
		.ino = le64_make((u64)ref->entry),
		.fsid = le32_make(mount->dev),
		.gen = le32_make(ref->pid),
	};
}

static u64 pseudo_ino(const struct pseudo_ref *ref)
{
	return (hash_u64((u64)ref->entry ^ hash_u64(ref->pid) ^
			 ref->extra << 32) &
		0x7fffffff) |
	       1;
}

static int pseudo_node(struct mount *mount, const struct pseudo_ref *ref,
		       struct vnode **out)
{
	struct wire_fid fid = pseudo_fid(mount, ref);
	s64 now = time_real_ns();
	struct vattr attr = {
		.ino = pseudo_ino(ref),
		.mode = ref->entry->mode,
		.rdev = ref->entry->rdev,
		.nlink = S_ISDIR(ref->entry->mode) ? 2 : 1,
		.blksize = S_ISREG(ref->entry->mode) ? 1024 : 4096,
		.atime_ns = now,
		.mtime_ns = now,
		.ctime_ns = now,
	};

	return vnode_get(mount, &fid, &attr, (void *)ref->entry, out);
}

int pseudo_root(struct mount *mount, const struct pseudo_entry *entry,
		struct vnode **out)
{
	struct pseudo_ref ref = {.entry = entry};

	return pseudo_node(mount, &ref, out);
}

bool pseudo_number(const char *name, u32 len, u64 *out)
{
	u64 n = 0;

	if (!len || len > 10 || (name[0] == '0' && len > 1))
		return false;
	for (u32 i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		n = n * 10 + (name[i] - '0');
	}
	*out = n;
	return true;
}

ssize_t pseudo_readlink_text(const char *text, char *buf, size_t size)
{
	size_t len = min(strlen(text), size);

	memcpy(buf, text, len);
	return len;
}

/* ---- names
 * ----------------------------------------------------------------------- */

static int pseudo_lookup(struct vnode *dvn, const char *name, u32 len,
			 struct vnode **out)
{
	const struct pseudo_dir *dir = pseudo_entry_of(dvn)->dir;
	struct pseudo_ref ref = {.pid = pseudo_pid(dvn),
				 .extra = pseudo_extra(dvn)};
	int err;

	if (!dir)
		return -ENOTDIR;
	for (u32 i = 0; i < dir->nr_entries && !ref.entry; i++)
		if (strlen(dir->entries[i].name) == len &&
		    !memcmp(dir->entries[i].name, name, len))
			ref.entry = &dir->entries[i];
	if (!ref.entry) {
		err = dir->lookup ? dir->lookup(dvn, name, len, &ref) : -ENOENT;
		if (err)
			return err;
	}
	return pseudo_node(dvn->mount, &ref, out);
}

/* The dynamic part's cookies, moved out of the way of the fixed ones. */
struct shift_sink {
	struct dir_sink sink;
	struct dir_sink *to;
};

static bool shift_emit(struct dir_sink *sink, const char *name, u32 len,
		       u64 ino, u32 type, u64 next)
{
	struct shift_sink *shift = container_of(sink, struct shift_sink, sink);

	return shift->to->emit(shift->to, name, len, ino, type,
			       next + PSEUDO_COOKIE_DYNAMIC);
}

static int pseudo_readdir(struct vnode *dvn, u64 *cookie, struct dir_sink *sink)
{
	const struct pseudo_dir *dir = pseudo_entry_of(dvn)->dir;
	struct shift_sink shift = {.sink.emit = shift_emit, .to = sink};
	u64 dynamic;
	int err;

	while (*cookie < dir->nr_entries) {
		const struct pseudo_entry *e = &dir->entries[*cookie];
		struct pseudo_ref ref = {e, pseudo_pid(dvn), pseudo_extra(dvn)};

		if (!sink->emit(sink, e->name, strlen(e->name),
				pseudo_ino(&ref), DT_OF_MODE(e->mode),
				*cookie + 1))
			return 0;
		++*cookie;
	}
	if (!dir->iterate)
		return 0;
	if (*cookie < PSEUDO_COOKIE_DYNAMIC)
		*cookie = PSEUDO_COOKIE_DYNAMIC;
	dynamic = *cookie - PSEUDO_COOKIE_DYNAMIC;
	err = dir->iterate(dvn, &dynamic, &shift.sink);
	*cookie = dynamic + PSEUDO_COOKIE_DYNAMIC;
	return err;
}

static ssize_t pseudo_readlink(struct vnode *vn, char *buf, size_t size)
{
	const struct pseudo_entry *e = pseudo_entry_of(vn);

	return e->readlink ? e->readlink(vn, buf, size) : -EINVAL;
}

static int pseudo_follow(struct vnode *vn, struct dentry **out)
{
	const struct pseudo_entry *e = pseudo_entry_of(vn);

	return e->follow ? e->follow(vn, out) : -EINVAL;
}

/* Modes and times of devices may be set and are forgotten with the vnode. */
static int pseudo_setattr(struct vnode *vn, const struct vattr_change *change)
{
	if (change->mask & FS_SET_SIZE)
		return 0; /* O_TRUNC of a device or a /proc file */
	return S_ISCHR(vnode_type(vn)) ? 0 : -EPERM;
}

/* ---- generated files
 * ----------------------------------------------------------------- */

struct pseudo_file {
	struct seq text;
	bool is_made;
};

static ssize_t pseudo_file_read(struct file *file, struct uio *uio, u64 *pos)
{
	struct pseudo_file *pf = file->priv;
	const struct pseudo_entry *e = pseudo_entry_of(file->vnode);
	u64 n;
	int err;

	if (!e->show)
		return -EIO;
	if (*pos == 0 || !pf->is_made) {
		pf->text.len = 0;
		err = e->show(file->vnode, &pf->text);
		if (!err)
			err = pf->text.err;
		if (err)
			return err;
		pf->is_made = true;
	}
	if (*pos >= pf->text.len)
		return 0;
	n = min(uio->resid_bytes, pf->text.len - *pos);
	if (uio_put(uio, pf->text.buf + *pos, n))
		return -EFAULT;
	*pos += n;
	return n;
}

static ssize_t pseudo_file_write(struct file *file, struct uio *uio, u64 *pos)
{
	const struct pseudo_entry *e = pseudo_entry_of(file->vnode);
	u64 len = uio->resid_bytes;
	char *text;
	int err;

	if (!e->store)
		return -EPERM;
	if (len > PSEUDO_MAX_STORE)
		return -EINVAL;
	text = kzalloc(len + 1);
	if (!text)
		return -ENOMEM;
	err = uio_get(uio, text, len);
	if (!err)
		err = e->store(file->vnode, text, len);
	kfree(text);
	if (err)
		return err;
	*pos += len;
	return len;
}

/* file->pos_lock held. */
static s64 pseudo_file_seek(struct file *file, s64 off, int whence)
{
	struct pseudo_file *pf = file->priv;

	if (whence == SEEK_CUR)
		off += file->pos;
	else if (whence == SEEK_END)
		off += pf->text.len;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	file->pos = off;
	return off;
}

static void pseudo_file_release(struct file *file)
{
	struct pseudo_file *pf = file->priv;

	seq_free(&pf->text);
	kfree(pf);
}

static const struct file_ops pseudo_file_ops = {
	.read = pseudo_file_read,
	.write = pseudo_file_write,
	.seek = pseudo_file_seek,
	.release = pseudo_file_release,
};

static int pseudo_open(struct vnode *vn, struct file *file)
{
	const struct pseudo_entry *e = pseudo_entry_of(vn);

	if (e->open)
		return e->open(vn, file);
	if (!S_ISREG(e->mode))
		return 0;
	file->priv = kzalloc(sizeof(struct pseudo_file));
	if (!file->priv)
		return -ENOMEM;
	file->ops = &pseudo_file_ops;
	file->has_pos = true;
	return 0;
}

const struct vnode_ops pseudo_vnode_ops = {
	.lookup = pseudo_lookup,
	.readdir = pseudo_readdir,
	.readlink = pseudo_readlink,
	.follow = pseudo_follow,
	.setattr = pseudo_setattr,
	.open = pseudo_open,
};
