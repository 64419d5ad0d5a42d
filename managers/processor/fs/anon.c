/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/anon.h>

#include <kernel/time.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/mount.h>

static int anon_open(struct vnode *vn, struct file *file)
{
	struct anon_object *object = vn->priv;

	return object ? object->reopen(object, file) : -ENXIO;
}

static void anon_free(struct vnode *vn)
{
	struct anon_object *object = vn->priv;

	if (object)
		object->free(object);
}

static const struct vnode_ops anon_vnode_ops = {
	.open = anon_open,
	.free = anon_free,
};

static struct mount anon_mount = {
	.path = "",
	.source = "none",
	.type = "anon",
	.ops = &anon_vnode_ops,
	.cache_ns = ~0ull,
	.dev = 15, /* 0:15 */
};
static atomic64_t anon_next_ino = ATOMIC64_INIT(1);

void anon_init(void)
{
	rwsem_init(&anon_mount.names, "anon", LOCK_NAMES);
}

static int anon_vnode(u32 mode, struct anon_object *object, struct vnode **out)
{
	u64 ino = atomic64_fetch_add(&anon_next_ino, 1);
	struct wire_fid fid = {.ino = le64_make(ino),
			       .fsid = le32_make(anon_mount.dev)};
	s64 now = time_real_ns();
	struct vattr attr = {
		.ino = ino,
		.mode = mode,
		.nlink = 1,
		.uid = current_fsuid(),
		.gid = current_fsgid(),
		.blksize = 4096,
		.atime_ns = now,
		.mtime_ns = now,
		.ctime_ns = now,
	};

	return vnode_get(&anon_mount, &fid, &attr, object, out);
}

int anon_file_create(const char *kind, u32 mode, u32 flags,
		     const struct file_ops *ops, void *priv,
		     struct anon_object *object, struct file **out)
{
	struct dentry *d;
	struct vnode *vn;
	char name[48];
	int err;

	err = anon_vnode(mode, object, &vn);
	if (err) {
		if (object)
			object->free(object);
		return err;
	}
	if (S_ISFIFO(mode) || S_ISSOCK(mode))
		snprintf(name, sizeof(name), "%s:[%lu]", kind, vn->attr.ino);
	else
		snprintf(name, sizeof(name), "anon_inode:%s", kind);
	d = dentry_alloc_loose(&anon_mount, vn, name);
	vnode_put(vn);
	if (!d)
		return -ENOMEM;
	err = file_alloc(d, flags, ops, priv, out);
	dentry_put(d);
	return err;
}

int anon_file_again(struct file *first, u32 flags, const struct file_ops *ops,
		    void *priv, struct file **out)
{
	return file_alloc(first->dentry, flags, ops, priv, out);
}
