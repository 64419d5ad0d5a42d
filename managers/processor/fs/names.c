/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of names: create, remove, link, rename.  Each checks what the
 * mount and the permissions allow, asks the file system with mount.names held
 * alone, and then makes the dentry cache say the same.
 */
#include <managers/processor/fs/path.h>

#include <kernel/assert.h>
#include <lib/errno.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/vnode.h>

/* May names in @dir be changed at all? */
static int names_check_dir(struct dentry *dir)
{
	if (dir->mount->is_readonly)
		return -EROFS;
	return vnode_permission(dir->vnode, W_OK | X_OK);
}

/* The directory's size and times, and the object's link count, changed. */
static void names_changed(struct dentry *dir, struct vnode *vn)
{
	vnode_attr_expire(dir->vnode);
	if (vn)
		vnode_attr_expire(vn);
}

/* What the cache or the file system says about @name: 0 or -EEXIST. */
static int names_check_absent(struct dentry *dir, const char *name, u32 len)
{
	struct dentry *d;
	int err = path_lookup_name(dir, name, len, &d);

	if (err)
		return err;
	if (d->vnode || d->covered_by)
		err = -EEXIST;
	dentry_put(d);
	return err;
}

int path_create(struct dentry *dir, const char *name, u32 len,
		const struct vnode_new *what, struct dentry **out)
{
	struct vnode *dvn = dir->vnode, *vn;
	int err = names_check_dir(dir);

	/* A name that exists is the more telling error (mkdir -p on a
	 * read-only file system relies on it). */
	if (err == -EROFS || !dvn->ops->create) {
		int exists = names_check_absent(dir, name, len);

		return exists ? exists : err ? err : -EPERM;
	}
	if (err)
		return err;
	down_write(&dir->mount->names);
	err = dvn->ops->create(dvn, name, len, what, &vn);
	if (!err) {
		err = dentry_insert(dir, name, len, vn, out);
		vnode_put(vn);
	} else if (err == -EEXIST) {
		dentry_remove(dir, name, len); /* a stale negative entry */
	}
	up_write(&dir->mount->names);
	names_changed(dir, NULL);
	return err;
}

/* Is something mounted on @name, or is it of the wrong kind? */
static int names_check_victim(struct dentry *d, bool is_dir)
{
	if (d->covered_by)
		return -EBUSY;
	if (!d->vnode)
		return -ENOENT;
	if (is_dir && !S_ISDIR(vnode_type(d->vnode)))
		return -ENOTDIR;
	if (!is_dir && S_ISDIR(vnode_type(d->vnode)))
		return -EISDIR;
	return 0;
}

int path_remove(struct dentry *dir, const char *name, u32 len, bool is_dir)
{
	struct vnode *dvn = dir->vnode;
	struct dentry *d;
	int err;

	err = path_lookup_name(dir, name, len, &d);
	if (err)
		return err;
	err = names_check_victim(d, is_dir);
	if (!err)
		err = names_check_dir(dir);
	if (!err && !dvn->ops->unlink)
		err = -EPERM;
	if (err)
		goto put;
	down_write(&dir->mount->names);
	err = dvn->ops->unlink(dvn, name, len, is_dir);
	if (!err || err == -ENOENT)
		dentry_remove(dir, name, len);
	up_write(&dir->mount->names);
	names_changed(dir, d->vnode);
put:
	dentry_put(d);
	return err;
}

int path_link(struct dentry *d, struct dentry *dir, const char *name, u32 len)
{
	struct dentry *made;
	int err;

	if (d->mount != dir->mount)
		return -EXDEV;
	if (S_ISDIR(vnode_type(d->vnode)))
		return -EPERM;
	err = names_check_absent(dir, name, len);
	if (!err)
		err = names_check_dir(dir);
	if (err)
		return err;
	if (!dir->vnode->ops->link)
		return -EPERM;
	down_write(&dir->mount->names);
	err = dir->vnode->ops->link(d->vnode, dir->vnode, name, len);
	if (!err) {
		err = dentry_insert(dir, name, len, d->vnode, &made);
		if (!err)
			dentry_put(made);
	}
	up_write(&dir->mount->names);
	names_changed(dir, d->vnode);
	return err;
}

/* Does @d lie below @dir, or is it @dir?  For rename into oneself. */
static bool dentry_is_below(struct dentry *d, struct dentry *dir)
{
	bool is_below = false;

	dentry_hold(d);
	for (;;) {
		struct dentry *up;

		if (d == dir) {
			is_below = true;
			break;
		}
		up = dentry_parent(d);
		if (up == d) {
			dentry_put(up);
			break;
		}
		dentry_put(d);
		d = up;
	}
	dentry_put(d);
	return is_below;
}

static int rename_check(const struct path_last *from,
			const struct path_last *to, struct dentry *what,
			u32 flags)
{
	int err;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL; /* exchange and whiteout: not offered */
	if (from->dir->mount != to->dir->mount)
		return -EXDEV;
	if (!what->vnode)
		return -ENOENT;
	if (what->covered_by)
		return -EBUSY;
	if (!S_ISDIR(vnode_type(what->vnode)) &&
	    (from->has_slash || to->has_slash))
		return -ENOTDIR;
	if (dentry_is_below(to->dir, what))
		return -EINVAL;
	err = names_check_dir(from->dir);
	if (!err)
		err = names_check_dir(to->dir);
	if (!err && !from->dir->vnode->ops->rename)
		err = -EPERM;
	return err;
}

int path_rename(const struct path_last *from, const struct path_last *to,
		u32 flags)
{
	struct dentry *what, *there = NULL;
	int err;

	err = path_lookup_name(from->dir, from->name, from->len, &what);
	if (err)
		return err;
	err = rename_check(from, to, what, flags);
	if (!err)
		err = path_lookup_name(to->dir, to->name, to->len, &there);
	if (!err && there->covered_by)
		err = -EBUSY;
	if (err)
		goto put;
	err = there->vnode && flags & RENAME_NOREPLACE ? -EEXIST : 0;
	if (err || (there->vnode && there->vnode == what->vnode))
		goto put; /* two names of one object: nothing to do */
	down_write(&from->dir->mount->names);
	err = from->dir->vnode->ops->rename(from->dir->vnode, from->name,
					    to->dir->vnode, to->name, flags);
	if (!err)
		dentry_rename(from->dir, from->name, from->len, to->dir,
			      to->name, to->len);
	up_write(&from->dir->mount->names);
	names_changed(from->dir, what->vnode);
	names_changed(to->dir, there->vnode);
put:
	dentry_put(there);
	dentry_put(what);
	return err;
}
