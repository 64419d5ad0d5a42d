/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/fake_fs.h>

#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <managers/processor/fs/current.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/epoll.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/uio.h>
#include <mm/slab.h>

struct fake_node fake_nodes[FAKE_MAX_NODES];
u32 fake_nr_nodes, fake_nr_lookups, fake_last_signal;
struct fd_table *fake_files;
static struct fs_context *fake_context;
static struct dentry *fake_root;

/* ---- the process ------------------------------------------------------------
 */

struct fd_table *current_files(void)
{
	return fake_files;
}
struct fs_context *current_fs(void)
{
	return fake_context;
}
u32 current_fsuid(void)
{
	return 0;
}
u32 current_fsgid(void)
{
	return 0;
}
bool current_may_all(void)
{
	return true;
}

bool current_in_group(u32 gid)
{
	return gid == 0;
}
u32 current_pid(void)
{
	return 1;
}
void current_signal(u32 sig)
{
	fake_last_signal = sig;
}
u64 random_u64(void)
{
	return 4;
}
u64 time_real_ns(void)
{
	return 1;
}

u64 fake_bad_vaddr;

/* User memory is the program's own. */
int copy_to_user(u64 uaddr, const void *src, size_t n)
{
	memcpy((void *)uaddr, src, n);
	return 0;
}

int copy_from_user(void *dst, u64 uaddr, size_t n)
{
	memcpy(dst, (void *)uaddr, n);
	return 0;
}

/* How much of [@uaddr, @uaddr + @n) lies below what is not there. */
static size_t good_bytes(u64 uaddr, size_t n)
{
	if (!fake_bad_vaddr || uaddr + n <= fake_bad_vaddr)
		return n;
	return uaddr < fake_bad_vaddr ? fake_bad_vaddr - uaddr : 0;
}

size_t copy_to_user_partial(u64 uaddr, const void *src, size_t n)
{
	size_t good = good_bytes(uaddr, n);

	memcpy((void *)uaddr, src, good);
	return n - good;
}

size_t copy_from_user_partial(void *dst, u64 uaddr, size_t n)
{
	size_t good = good_bytes(uaddr, n);

	memcpy(dst, (void *)uaddr, good);
	return n - good;
}

int clear_user(u64 uaddr, size_t n)
{
	memset((void *)uaddr, 0, n);
	return 0;
}

int put_user_u32(u64 uaddr, u32 v)
{
	return copy_to_user(uaddr, &v, sizeof(v));
}

ssize_t strncpy_from_user(char *buf, u64 uaddr, size_t max)
{
	size_t len = strnlen((char *)uaddr, max);

	if (len == max)
		return -ENAMETOOLONG;
	memcpy(buf, (char *)uaddr, len + 1);
	return len;
}

/* Nobody else runs, so a wait would never end: it is interrupted. */
void wait_begin(struct waiter *w) {}
void wait_prepare(struct waitq *q, struct waiter *w) {}
int wait_block(u64 deadline_ns, bool intr)
{
	return -EINTR;
}
void wait_finish(struct waitq *q, struct waiter *w, int rc) {}
u64 wait_deadline(u64 timeout_ns)
{
	return timeout_ns;
}

/* ---- the file system
 * ----------------------------------------------------------- */

u32 fake_make(u32 parent, const char *name, u32 mode, const char *target)
{
	u32 i = fake_nr_nodes++;
	struct fake_node *n = &fake_nodes[i];

	memset(n, 0, sizeof(*n));
	n->mode = mode;
	n->parent = parent;
	strcpy(n->name, name);
	if (target)
		strcpy(n->target, target);
	return i;
}

u32 fake_find(u32 parent, const char *name, u32 len)
{
	for (u32 i = 1; i < fake_nr_nodes; i++)
		if (fake_nodes[i].mode && fake_nodes[i].parent == parent &&
		    strlen(fake_nodes[i].name) == len &&
		    !memcmp(fake_nodes[i].name, name, len))
			return i;
	return ~0u;
}

u32 fake_index(const struct vnode *vn)
{
	return le64_get(vn->fid.ino) - 1;
}

static int fake_vnode(u32 i, struct vnode **out)
{
	struct wire_fid fid = {.node_guid = le64_make(7),
			       .ino = le64_make(i + 1)};
	struct vattr attr = {.ino = i + 1,
			     .mode = fake_nodes[i].mode,
			     .size_bytes = fake_nodes[i].size,
			     .nlink = 1};

	return vnode_get(&fake_mount, &fid, &attr, NULL, out);
}

static int fake_lookup(struct vnode *dir, const char *name, u32 len,
		       struct vnode **out)
{
	u32 i = fake_find(fake_index(dir), name, len);

	fake_nr_lookups++;
	return i == ~0u ? -ENOENT : fake_vnode(i, out);
}

static ssize_t fake_readlink(struct vnode *vn, char *buf, size_t size)
{
	const char *target = fake_nodes[fake_index(vn)].target;

	memcpy(buf, target, strlen(target));
	return strlen(target);
}

static int fake_create(struct vnode *dir, const char *name, u32 len,
		       const struct vnode_new *what, struct vnode **out)
{
	char text[NAME_MAX + 1];

	if (fake_find(fake_index(dir), name, len) != ~0u)
		return -EEXIST;
	memcpy(text, name, len);
	text[len] = 0;
	return fake_vnode(
		fake_make(fake_index(dir), text, what->mode, what->target),
		out);
}

static int fake_unlink(struct vnode *dir, const char *name, u32 len,
		       bool is_dir)
{
	u32 i = fake_find(fake_index(dir), name, len);

	if (i == ~0u)
		return -ENOENT;
	for (u32 k = 1; k < fake_nr_nodes; k++)
		if (fake_nodes[k].mode && fake_nodes[k].parent == i)
			return -ENOTEMPTY;
	fake_nodes[i].mode = 0;
	return 0;
}

static int fake_rename(struct vnode *old_dir, const char *old_name,
		       struct vnode *new_dir, const char *new_name, u32 flags)
{
	u32 i = fake_find(fake_index(old_dir), old_name, strlen(old_name));
	u32 k = fake_find(fake_index(new_dir), new_name, strlen(new_name));

	if (i == ~0u)
		return -ENOENT;
	if (k != ~0u) {
		if (S_ISDIR(fake_nodes[k].mode))
			return -ENOTEMPTY;
		fake_nodes[k].mode = 0;
	}
	fake_nodes[i].parent = fake_index(new_dir);
	strcpy(fake_nodes[i].name, new_name);
	return 0;
}

static int fake_readdir(struct vnode *dir, u64 *cookie, struct dir_sink *sink)
{
	for (u32 i = *cookie ? *cookie : 1; i < fake_nr_nodes; i++) {
		struct fake_node *n = &fake_nodes[i];

		if (!n->mode || n->parent != fake_index(dir))
			continue;
		if (!sink->emit(sink, n->name, strlen(n->name), i + 1,
				DT_OF_MODE(n->mode), i + 1))
			return 0;
		*cookie = i + 1;
	}
	return 0;
}

static ssize_t fake_read(struct vnode *vn, u64 off, struct uio *uio,
			 struct file *file)
{
	struct fake_node *n = &fake_nodes[fake_index(vn)];
	u64 len;

	if (off >= n->size)
		return 0;
	len = min(n->size - off, uio->resid_bytes);
	return uio_put(uio, n->data + off, len) ? -EFAULT : (ssize_t)len;
}

static ssize_t fake_write(struct vnode *vn, u64 *off, struct uio *uio,
			  bool is_append)
{
	struct fake_node *n = &fake_nodes[fake_index(vn)];
	u64 len = uio->resid_bytes, end;

	if (is_append)
		*off = n->size;
	end = *off + len;
	if (end > n->size) {
		n->data = krealloc(n->data, end);
		memset(n->data + n->size, 0, end - n->size);
		n->size = end;
	}
	vnode_attr_expire(vn);
	return uio_get(uio, n->data + *off, len) ? -EFAULT : (ssize_t)len;
}

static int fake_getattr(struct vnode *vn, struct vattr *attr)
{
	struct fake_node *n = &fake_nodes[fake_index(vn)];

	*attr = (struct vattr){.ino = fake_index(vn) + 1,
			       .mode = n->mode,
			       .size_bytes = n->size,
			       .nlink = 1};
	return 0;
}

static const struct vnode_ops fake_ops = {
	.lookup = fake_lookup,
	.getattr = fake_getattr,
	.readlink = fake_readlink,
	.create = fake_create,
	.unlink = fake_unlink,
	.rename = fake_rename,
	.readdir = fake_readdir,
	.read = fake_read,
	.write = fake_write,
};

struct mount fake_mount;

struct dentry *mount_root_get(void)
{
	dentry_hold(fake_root);
	return fake_root;
}

void fake_start(u64 cache_ns)
{
	struct vnode *vn;

	vnode_init();
	dentry_init();
	fake_nr_nodes = 0;
	fake_nr_lookups = 0;
	fake_last_signal = 0;
	fake_make(0, "", S_IFDIR | 0755, NULL);
	fake_mount = (struct mount){.path = "/",
				    .type = "fake",
				    .ops = &fake_ops,
				    .cache_ns = cache_ns};
	rwsem_init(&fake_mount.names, "fake", LOCK_NAMES);
	if (fake_vnode(0, &vn))
		return;
	fake_root = dentry_alloc_root(&fake_mount, vn);
	fake_mount.root = fake_root;
	vnode_put(vn);
	fake_context = fs_context_create();
	fake_files = fd_table_create();
}

void fake_stop(void)
{
	u32 nr_all, nr_idle;

	fd_table_put(fake_files);
	fs_context_put(fake_context);
	dentry_drop_idle();
	dentry_put(fake_root);
	dentry_count(&nr_all, &nr_idle);
	EXPECT_EQ(nr_all, 0);
	for (u32 i = 0; i < fake_nr_nodes; i++) {
		kfree(fake_nodes[i].data);
		fake_nodes[i].data = NULL;
	}
}
