/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/path.h>

#include <kernel/assert.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/vnode.h>
#include <mm/slab.h>

/* Room for what is left of a path behind the target of a link. */
#define WALK_BUF_BYTES (2 * PATH_MAX)

struct walk {
	struct dentry *at;   /* where we are; a reference */
	struct dentry *root; /* nothing leads above it; a reference */
	const char *rest;    /* what is still to be walked */
	char *buf;           /* of WALK_BUF_BYTES, once a link was met */
	u32 nr_links;
};

/* One component of a path. */
struct component {
	const char *name;
	u32 len;
	bool is_last;   /* nothing but slashes behind it */
	bool has_slash; /* at least one slash behind it */
};

/* ---- one name
 * ---------------------------------------------------------------- */

/* Ask the file system.  An absent name gives a negative dentry. */
static int path_lookup_slow(struct dentry *dir, const char *name, u32 len,
			    struct dentry **out)
{
	struct vnode *dvn = dir->vnode, *vn = NULL;
	int err;

	if (!dvn->ops->lookup)
		return -ENOTDIR;
	down_read(&dir->mount->names);
	err = dvn->ops->lookup(dvn, name, len, &vn);
	if (err == -ENOENT)
		err = 0;
	if (!err)
		err = dentry_insert(dir, name, len, vn, out);
	up_read(&dir->mount->names);
	vnode_put(vn);
	return err;
}

int path_lookup_name(struct dentry *dir, const char *name, u32 len,
		     struct dentry **out)
{
	*out = dentry_find(dir, name, len);
	if (*out)
		return 0;
	return path_lookup_slow(dir, name, len, out);
}

/* From a dentry down to the root of what is mounted on it. */
static struct dentry *dentry_cross(struct dentry *d)
{
	while (d->covered_by) {
		struct dentry *root = d->covered_by->root;

		dentry_hold(root);
		dentry_put(d);
		d = root;
	}
	return d;
}

/* ---- walking
 * ------------------------------------------------------------------ */

static void walk_move(struct walk *w, struct dentry *to)
{
	dentry_put(w->at);
	w->at = to;
}

/* Take the next component off w->rest; false at the end. */
static bool walk_next(struct walk *w, struct component *c)
{
	const char *p = w->rest;

	while (*p == '/')
		p++;
	if (!*p)
		return false;
	c->name = p;
	while (*p && *p != '/')
		p++;
	c->len = p - c->name;
	c->has_slash = *p == '/';
	while (*p == '/')
		p++;
	c->is_last = !*p;
	w->rest = p;
	return true;
}

static void walk_up(struct walk *w)
{
	if (w->at != w->root)
		walk_move(w, dentry_parent(w->at));
}

/* May we look up names in w->at? */
static int walk_check_dir(struct walk *w)
{
	if (!S_ISDIR(vnode_type(w->at->vnode)))
		return -ENOTDIR;
	return vnode_permission(w->at->vnode, X_OK);
}

/* Put the target of link @vn in front of w->rest. */
static int walk_push_link(struct walk *w, struct vnode *vn)
{
	size_t rest_len = strlen(w->rest) + 1;
	char *target;
	ssize_t len;

	if (!vn->ops->readlink)
		return -EINVAL;
	if (!w->buf) {
		w->buf = kmalloc(WALK_BUF_BYTES);
		if (!w->buf)
			return -ENOMEM;
	}
	if (rest_len > PATH_MAX)
		return -ENAMETOOLONG;
	target = kmalloc(PATH_MAX);
	if (!target)
		return -ENOMEM;
	len = vn->ops->readlink(vn, target, PATH_MAX - 1);
	if (len > 0) {
		/* rest may lie in buf: move it behind the target first. */
		memmove(w->buf + len + 1, w->rest, rest_len);
		memcpy(w->buf, target, len);
		w->buf[len] = rest_len > 1 ? '/' : 0;
		w->rest = w->buf;
	}
	kfree(target);
	if (len == 0)
		return -ENOENT;
	return len < 0 ? len : 0;
}

/* Follow the link @d, found in w->at. */
static int walk_follow(struct walk *w, struct dentry *d, bool has_slash)
{
	struct vnode *vn = d->vnode;
	int err;

	if (++w->nr_links > PATH_MAX_LINKS)
		return -ELOOP;
	if (vn->ops->follow) {
		struct dentry *to;

		err = vn->ops->follow(vn, &to);
		if (err != -EINVAL) {
			if (!err)
				walk_move(w, to);
			return err;
		}
	}
	err = walk_push_link(w, vn);
	if (err)
		return err;
	if (w->rest[0] == '/') {
		dentry_hold(w->root);
		walk_move(w, w->root);
	}
	return 0;
}

/*
 * One ordinary name.  Leaves the result in w->at, or new text in w->rest.
 * *is_done: the walk ends here, at a negative dentry.
 */
static int walk_name(struct walk *w, const struct component *c, u32 flags,
		     bool *is_done)
{
	struct dentry *d;
	int err;

	if (c->len > NAME_MAX)
		return -ENAMETOOLONG;
	err = path_lookup_name(w->at, c->name, c->len, &d);
	if (err)
		return err;
	d = dentry_cross(d);
	if (!d->vnode) {
		if (!c->is_last || !(flags & WALK_NEGATIVE)) {
			dentry_put(d);
			return -ENOENT;
		}
		if (c->has_slash) {
			dentry_put(d);
			return -EISDIR; /* open("new/", O_CREAT) */
		}
		walk_move(w, d);
		*is_done = true;
		return 0;
	}
	if (S_ISLNK(vnode_type(d->vnode)) &&
	    (!c->is_last || c->has_slash || flags & WALK_FOLLOW)) {
		err = walk_follow(w, d, c->has_slash);
		dentry_put(d);
		return err;
	}
	walk_move(w, d);
	return 0;
}

/* Walk w->rest; with @last, stop before the last component and say it. */
static int walk_run(struct walk *w, u32 flags, struct path_last *last)
{
	bool is_done = false, must_be_dir = flags & WALK_DIRECTORY;
	struct component c;
	int err;

	while (!is_done && walk_next(w, &c)) {
		err = walk_check_dir(w);
		if (err)
			return err;
		if (c.is_last && c.has_slash)
			must_be_dir = true;
		if (last && c.is_last) {
			if (c.len > NAME_MAX)
				return -ENAMETOOLONG;
			memcpy(last->name, c.name, c.len);
			last->name[c.len] = 0;
			last->len = c.len;
			last->has_slash = c.has_slash;
			return 0;
		}
		if (c.len == 1 && c.name[0] == '.')
			continue;
		if (c.len == 2 && c.name[0] == '.' && c.name[1] == '.') {
			walk_up(w);
			continue;
		}
		err = walk_name(w, &c, flags, &is_done);
		if (err)
			return err;
	}
	if (last)
		return -EEXIST; /* "/" */
	if (must_be_dir && w->at->vnode && !S_ISDIR(vnode_type(w->at->vnode)))
		return -ENOTDIR;
	return 0;
}

static void walk_begin(struct walk *w, struct dentry *base, const char *path)
{
	struct fs_context *fs = current_fs();

	*w = (struct walk){.rest = path};
	w->root = fs ? fs_context_root(fs) : mount_root_get();
	if (path[0] == '/') {
		dentry_hold(w->root);
		w->at = w->root;
	} else if (base) {
		dentry_hold(base);
		w->at = base;
	} else {
		w->at = fs ? fs_context_cwd(fs) : mount_root_get();
	}
}

static void walk_end(struct walk *w)
{
	dentry_put(w->at);
	dentry_put(w->root);
	kfree(w->buf);
}

int path_walk(struct dentry *base, const char *path, u32 flags,
	      struct dentry **out)
{
	struct walk w;
	int err;

	if (!path[0] && !(flags & WALK_EMPTY))
		return -ENOENT;
	if (strnlen(path, PATH_MAX) == PATH_MAX)
		return -ENAMETOOLONG;
	walk_begin(&w, base, path);
	err = walk_run(&w, flags, NULL);
	if (!err) {
		dentry_hold(w.at);
		*out = w.at;
	}
	walk_end(&w);
	return err;
}

int path_walk_parent(struct dentry *base, const char *path,
		     struct path_last *last)
{
	struct walk w;
	int err;

	if (!path[0])
		return -ENOENT;
	if (strnlen(path, PATH_MAX) == PATH_MAX)
		return -ENAMETOOLONG;
	walk_begin(&w, base, path);
	err = walk_run(&w, WALK_FOLLOW, last);
	if (!err && (!strcmp(last->name, ".") || !strcmp(last->name, "..")))
		err = -EEXIST;
	if (!err) {
		dentry_hold(w.at);
		last->dir = w.at;
	}
	walk_end(&w);
	return err;
}

void path_last_put(struct path_last *last)
{
	dentry_put(last->dir);
}

/* ---- paths of system calls
 * ------------------------------------------------------ */

int path_base(int dfd, const char *path, struct dentry **out)
{
	struct file *file;

	*out = NULL;
	if (path[0] == '/' || dfd == AT_FDCWD)
		return 0;
	file = fd_get(current_files(), dfd);
	if (!file)
		return -EBADF;
	if (path[0] && !S_ISDIR(vnode_type(file->vnode))) {
		file_put(file);
		return -ENOTDIR;
	}
	dentry_hold(file->dentry);
	*out = file->dentry;
	file_put(file);
	return 0;
}

int path_copy_in(u64 vaddr, bool may_be_empty, char **out)
{
	char *path = kmalloc(PATH_MAX);
	ssize_t len;

	if (!path)
		return -ENOMEM;
	len = strncpy_from_user(path, vaddr, PATH_MAX);
	if (len == 0 && !may_be_empty)
		len = -ENOENT;
	if (len < 0) {
		kfree(path);
		return len;
	}
	*out = path;
	return 0;
}

void path_copy_free(char *path)
{
	kfree(path);
}

int path_walk_user(int dfd, u64 vaddr, u32 flags, struct dentry **out)
{
	struct dentry *base = NULL;
	char *path;
	int err;

	err = path_copy_in(vaddr, flags & WALK_EMPTY, &path);
	if (err)
		return err;
	err = path_base(dfd, path, &base);
	if (!err)
		err = path_walk(base, path, flags, out);
	dentry_put(base);
	path_copy_free(path);
	return err;
}
