/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a process stands: working directory, root, umask. */
#include <managers/processor/fs/path.h>

#include <kernel/assert.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/vnode.h>
#include <mm/slab.h>

#define UMASK_DEFAULT 022u

static struct fs_context *fs_context_alloc(struct dentry *cwd,
					   struct dentry *root, u32 umask)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	atomic_set(&fs->nr_refs, 1);
	spin_lock_init(&fs->lock, "fs context", LOCK_FS_CONTEXT);
	dentry_hold(cwd);
	dentry_hold(root);
	fs->cwd = cwd;
	fs->root = root;
	fs->umask = umask;
	return fs;
}

struct fs_context *fs_context_create(void)
{
	struct dentry *root = mount_root_get();
	struct fs_context *fs;

	if (!root)
		return NULL;
	fs = fs_context_alloc(root, root, UMASK_DEFAULT);
	dentry_put(root);
	return fs;
}

struct fs_context *fs_context_clone(struct fs_context *from)
{
	struct dentry *cwd = fs_context_cwd(from);
	struct dentry *root = fs_context_root(from);
	struct fs_context *fs = fs_context_alloc(cwd, root, fs_umask(from));

	dentry_put(cwd);
	dentry_put(root);
	return fs;
}

void fs_context_hold(struct fs_context *fs)
{
	atomic_inc(&fs->nr_refs);
}

void fs_context_put(struct fs_context *fs)
{
	if (!fs || !atomic_dec_and_test(&fs->nr_refs))
		return;
	dentry_put(fs->cwd);
	dentry_put(fs->root);
	kfree(fs);
}

struct dentry *fs_context_cwd(struct fs_context *fs)
{
	struct dentry *d;

	spin_lock(&fs->lock);
	d = fs->cwd;
	dentry_hold(d);
	spin_unlock(&fs->lock);
	return d;
}

struct dentry *fs_context_root(struct fs_context *fs)
{
	struct dentry *d;

	spin_lock(&fs->lock);
	d = fs->root;
	dentry_hold(d);
	spin_unlock(&fs->lock);
	return d;
}

u32 fs_umask(struct fs_context *fs)
{
	return fs ? READ_ONCE(fs->umask) : UMASK_DEFAULT;
}

void fs_context_set_cwd(struct fs_context *fs, struct dentry *d)
{
	struct dentry *was;

	dentry_hold(d);
	spin_lock(&fs->lock);
	was = fs->cwd;
	fs->cwd = d;
	spin_unlock(&fs->lock);
	dentry_put(was);
}

void fs_context_set_root(struct fs_context *fs, struct dentry *d)
{
	struct dentry *was;

	dentry_hold(d);
	spin_lock(&fs->lock);
	was = fs->root;
	fs->root = d;
	spin_unlock(&fs->lock);
	dentry_put(was);
}

int fs_context_chdir(struct fs_context *fs, const char *path)
{
	struct dentry *base = fs_context_cwd(fs), *d;
	int err;

	err = path_walk(base, path, WALK_FOLLOW | WALK_DIRECTORY, &d);
	dentry_put(base);
	if (err)
		return err;
	err = vnode_permission(d->vnode, X_OK);
	if (!err)
		fs_context_set_cwd(fs, d);
	dentry_put(d);
	return err;
}
