/* SPDX-License-Identifier: GPL-2.0-or-later */
#define pr_fmt(fmt) "fs: " fmt
#include <managers/processor/fs/mount.h>

#include <kernel/assert.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/pseudo.h>
#include <managers/processor/fs/remote.h>
#include <managers/processor/fs/vnode.h>

#define WAIT_LOG_NS (10 * NSEC_PER_SEC)

/* Device numbers of mounts: 0:DEV_MINOR_FIRST + index. */
#define DEV_MINOR_FIRST 32u

struct mount_row {
	const char *path;
	const char *source;
	const char *type;
	enum node_role role;
	const char *remote_name;         /* of remote ones: what fs_root asks */
	const struct pseudo_entry *root; /* of local ones */
	u64 cache_ns;                    /* of local ones */
	u32 magic;                       /* of local ones */
};

static const struct mount_row mount_rows[] = {
	{"/", "storage", "ext4", ROLE_STORAGE, "root", NULL, 0, 0},
	{"/proc", "proc", "proc", ROLE_NONE, NULL, &proc_root, 0, PROC_MAGIC},
	{"/sys", "sysfs", "sysfs", ROLE_NONE, NULL, &sys_root, ~0ull,
	 SYSFS_MAGIC},
	{"/dev", "dev", "devtmpfs", ROLE_NONE, NULL, &dev_root, ~0ull,
	 TMPFS_MAGIC},
	{"/dev/shm", "memory", "tmpfs", ROLE_MEMORY, "shm", NULL, 0, 0},
	{"/tmp", "memory", "tmpfs", ROLE_MEMORY, "tmp", NULL, 0, 0},
};

#define NR_MOUNTS ARRAY_SIZE(mount_rows)

static struct mount mounts[NR_MOUNTS];
static u32 mount_magic[NR_MOUNTS];
static u32 nr_mounts; /* [mount_lock]; mounts[] below it are published */
static DEFINE_MUTEX(mount_lock, LOCK_FILE);

static int pseudo_statfs(struct mount *mount, struct uapi_statfs *out)
{
	*out = (struct uapi_statfs){
		.f_type = mount_magic[mount - mounts],
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_namelen = NAME_MAX,
		.f_flags = ST_VALID,
	};
	return 0;
}

/* Wait for a node, saying so. */
static struct peer *mount_wait_peer(enum node_role role, const char *path)
{
	for (;;) {
		struct peer *peer = peer_wait(role, 0, WAIT_LOG_NS);

		if (peer)
			return peer;
		pr_info("%s: waiting for a %s node; is one booted, with the "
			"same cluster= name and on the same fabric?",
			path, role == ROLE_STORAGE ? "storage" : "memory");
	}
}

static int mount_find_root(const struct mount_row *row, struct mount *m,
			   struct vnode **out)
{
	struct peer *peer;
	int err;

	if (row->role == ROLE_NONE)
		return pseudo_root(m, row->root, out);
	peer = mount_wait_peer(row->role, row->path);
	err = remote_root(m, peer, row->remote_name, out);
	peer_put(peer);
	return err;
}

/* Find (or make up) the dentry that @m covers. */
static int mount_find_covers(struct mount *m)
{
	struct dentry *root = mounts[0].root;

	if (m == &mounts[0])
		return 0;
	return path_walk(root, m->path, WALK_NEGATIVE, &m->covers);
}

static int mount_one(const struct mount_row *row, struct mount *m)
{
	struct vnode *vn;
	int err;

	*m = (struct mount){
		.path = row->path,
		.source = row->source,
		.type = row->type,
		.role = row->role,
		.cache_ns = row->cache_ns,
		.dev = uapi_makedev(0, DEV_MINOR_FIRST + (u32)(m - mounts)),
		.ops = row->root ? &pseudo_vnode_ops : &remote_vnode_ops,
		.statfs = row->root ? pseudo_statfs : remote_statfs,
	};
	rwsem_init(&m->names, "mount names", LOCK_NAMES);
	mount_magic[m - mounts] = row->magic;
	err = mount_find_root(row, m, &vn);
	if (err)
		return err;
	m->root = dentry_alloc_root(m, vn);
	vnode_put(vn);
	if (!m->root)
		return -ENOMEM;
	err = mount_find_covers(m);
	if (err) {
		dentry_put(m->root);
		return err;
	}
	if (m->covers)
		m->covers->covered_by = m;
	return 0;
}

/* Mounts in the root file system are mounted in the new one, too. */
static int mounts_cover_again(void)
{
	for (u32 i = 1; i < nr_mounts; i++) {
		struct mount *m = &mounts[i];
		int err;

		if (m->covers->mount != &mounts[0])
			continue;
		err = mount_find_covers(m);
		if (err)
			return err;
		m->covers->covered_by = m;
	}
	return 0;
}

/*
 * Does the node still serve what it served?  It may have come again with
 * another disk.  Who runs keeps the old root, and gets ESTALE for what is not
 * cached; who starts now gets the new one.  The reference to the old one is
 * kept, because the root is read without a lock.
 */
static int mount_renew(const struct mount_row *row, struct mount *m)
{
	struct dentry *root;
	struct vnode *vn;
	int err;

	if (row->role == ROLE_NONE)
		return 0;
	err = mount_find_root(row, m, &vn);
	if (err || vn == m->root->vnode) {
		if (!err)
			vnode_put(vn);
		return err;
	}
	root = dentry_alloc_root(m, vn);
	vnode_put(vn);
	if (!root)
		return -ENOMEM;
	pr_warn("%s: node %016lx serves another file system now", m->path,
		m->guid);
	smp_store_release(&m->root, root);
	return m == &mounts[0] ? mounts_cover_again() : 0;
}

int vfs_mount_all(void)
{
	int err = 0;

	mutex_lock(&mount_lock);
	for (u32 i = 0; !err && i < nr_mounts; i++)
		err = mount_renew(&mount_rows[i], &mounts[i]);
	if (nr_mounts == 0)
		err = remote_io_init();
	while (!err && nr_mounts < NR_MOUNTS) {
		const struct mount_row *row = &mount_rows[nr_mounts];

		err = mount_one(row, &mounts[nr_mounts]);
		if (err) {
			pr_err("cannot mount %s (%s): error %d", row->path,
			       row->type, -err);
			break;
		}
		smp_store_release(&nr_mounts, nr_mounts + 1);
	}
	mutex_unlock(&mount_lock);
	if (!err && mounts[0].is_readonly)
		pr_info_once("the root file system is read-only: programs that "
			     "write there get EROFS");
	return err;
}

struct dentry *mount_root_get(void)
{
	struct dentry *root;

	if (!smp_load_acquire(&nr_mounts))
		return NULL;
	root = mounts[0].root;
	dentry_hold(root);
	return root;
}

struct vnode *mount_root_vnode(struct mount *mount)
{
	return mount->root->vnode;
}

void mount_for_each(void (*fn)(struct mount *mount, void *arg), void *arg)
{
	u32 nr = smp_load_acquire(&nr_mounts);

	for (u32 i = 0; i < nr; i++)
		fn(&mounts[i], arg);
}
