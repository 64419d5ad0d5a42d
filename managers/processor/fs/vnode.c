/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/vnode.h>

#include <kernel/assert.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/uio.h>
#include <mm/slab.h>

#define VNODE_BUCKETS 1024u

static struct hlist_head vnode_table[VNODE_BUCKETS]; /* [vnode_lock] */
static struct spinlock vnode_lock =
	SPINLOCK_INIT("vnode table", LOCK_VNODE_TABLE);

static bool fid_equal(const struct wire_fid *a, const struct wire_fid *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static struct hlist_head *vnode_bucket(const struct wire_fid *fid)
{
	u64 key = le64_get(fid->ino) ^ hash_u64(le64_get(fid->node_guid)) ^
		  (u64)le32_get(fid->fsid) << 40 ^ le32_get(fid->gen);

	return &vnode_table[hash_u64(key) % VNODE_BUCKETS];
}

void vnode_init(void)
{
	for (u32 i = 0; i < VNODE_BUCKETS; i++)
		vnode_table[i].first = NULL;
}

/* A referenced vnode of @fid on @mount (NULL: any).  vnode_lock held. */
static struct vnode *vnode_search(const struct mount *mount,
				  const struct wire_fid *fid)
{
	struct vnode *vn;

	hlist_for_each_entry(
		vn, vnode_bucket(fid),
		hash) if ((!mount || vn->mount == mount) &&
			  fid_equal(&vn->fid, fid) &&
			  atomic_inc_not_zero(&vn->nr_refs)) return vn;
	return NULL;
}

static struct vnode *vnode_alloc(struct mount *mount,
				 const struct wire_fid *fid,
				 const struct vattr *attr, void *priv)
{
	struct vnode *vn = kzalloc(sizeof(*vn));

	if (!vn)
		return NULL;
	atomic_set(&vn->nr_refs, 1);
	vn->ops = mount->ops;
	vn->mount = mount;
	vn->fid = *fid;
	vn->priv = priv;
	mutex_init(&vn->lock, "vnode", LOCK_VNODE);
	spin_lock_init(&vn->attr_lock, "vnode attributes", LOCK_VNODE_ATTR);
	list_init(&vn->locks);
	if (attr)
		vn->attr = *attr;
	return vn;
}

int vnode_get(struct mount *mount, const struct wire_fid *fid,
	      const struct vattr *attr, void *priv, struct vnode **out)
{
	struct vnode *fresh = vnode_alloc(mount, fid, attr, priv), *vn;

	if (!fresh)
		return -ENOMEM;
	spin_lock(&vnode_lock);
	vn = vnode_search(mount, fid);
	if (!vn) {
		vn = fresh;
		hlist_add_head(&vn->hash, vnode_bucket(fid));
		fresh = NULL;
	}
	spin_unlock(&vnode_lock);
	kfree(fresh);
	if (attr)
		vnode_attr_store(vn, attr);
	*out = vn;
	return 0;
}

struct vnode *vnode_find(const struct wire_fid *fid)
{
	struct vnode *vn;

	spin_lock(&vnode_lock);
	vn = vnode_search(NULL, fid);
	spin_unlock(&vnode_lock);
	return vn;
}

void vnode_hold(struct vnode *vn)
{
	CHECK(atomic_inc_return(&vn->nr_refs) > 1);
}

void vnode_put(struct vnode *vn)
{
	if (!vn || !atomic_dec_and_test(&vn->nr_refs))
		return;
	spin_lock(&vnode_lock);
	hlist_del(&vn->hash);
	spin_unlock(&vnode_lock);
	CHECK(!vn->nr_opens && list_empty(&vn->locks));
	if (vn->ops->free)
		vn->ops->free(vn);
	kfree(vn);
}

/* ---- attributes -----------------------------------------------------------
 */

void vnode_attr_store(struct vnode *vn, const struct vattr *attr)
{
	u64 keep_ns = vn->mount->cache_ns;
	u64 now = time_mono_ns();

	spin_lock(&vn->attr_lock);
	vn->attr = *attr;
	vn->attr.dev = vn->mount->dev;
	vn->attr_until_ns = keep_ns > ~0ull - now ? ~0ull : now + keep_ns;
	spin_unlock(&vn->attr_lock);
}

void vnode_attr_expire(struct vnode *vn)
{
	spin_lock(&vn->attr_lock);
	vn->attr_until_ns = 0;
	spin_unlock(&vn->attr_lock);
}

int vnode_getattr(struct vnode *vn, struct vattr *attr)
{
	bool is_valid;
	int err;

	spin_lock(&vn->attr_lock);
	is_valid = vn->attr_until_ns > time_mono_ns();
	*attr = vn->attr;
	spin_unlock(&vn->attr_lock);
	if (is_valid || !vn->ops->getattr)
		return 0;
	err = vn->ops->getattr(vn, attr);
	if (err)
		return err;
	attr->dev = vn->mount->dev;
	vnode_attr_store(vn, attr);
	return 0;
}

int vnode_setattr(struct vnode *vn, const struct vattr_change *change)
{
	if (vn->mount->is_readonly)
		return -EROFS;
	if (!vn->ops->setattr)
		return -EPERM;
	/* Without vnode.lock: it may have to unmap pages of programs. */
	return vn->ops->setattr(vn, change);
}

/* ---- content --------------------------------------------------------------
 */

int vnode_content_get(struct vnode *vn)
{
	int err = 0;

	mutex_lock(&vn->lock);
	if (!vn->nr_opens && vn->ops->content_open)
		err = vn->ops->content_open(vn);
	if (!err) {
		vn->nr_opens++;
		vnode_hold(vn);
	}
	mutex_unlock(&vn->lock);
	return err;
}

void vnode_content_put(struct vnode *vn)
{
	mutex_lock(&vn->lock);
	CHECK(vn->nr_opens);
	if (--vn->nr_opens == 0 && vn->ops->content_release)
		vn->ops->content_release(vn);
	mutex_unlock(&vn->lock);
	vnode_put(vn);
}

int vnode_map_get(struct vnode *vn, bool may_write)
{
	int err;

	/* First, so that a write() that does not see it has vn->lock. */
	atomic_inc(&vn->nr_maps);
	err = vnode_content_get(vn);
	if (err)
		atomic_dec(&vn->nr_maps);
	else if (may_write)
		atomic_inc(&vn->nr_shared_maps);
	return err;
}

void vnode_map_put(struct vnode *vn, bool may_write)
{
	atomic_dec(&vn->nr_maps);
	if (may_write)
		atomic_dec(&vn->nr_shared_maps);
	vnode_content_put(vn);
}

/* ---- permission ------------------------------------------------------------
 */

int vnode_permission(struct vnode *vn, u32 want)
{
	u32 uid = current_fsuid(), mode, bits;
	struct vattr attr;
	bool is_super;
	int err;

	if (want & W_OK && vn->mount->is_readonly &&
	    (S_ISREG(vnode_type(vn)) || S_ISDIR(vnode_type(vn))))
		return -EROFS;
	/* The superuser needs only an x bit to execute, and that on files. */
	is_super = uid == 0 && current_may_all();
	if (is_super && (!(want & X_OK) || S_ISDIR(vnode_type(vn))))
		return 0;
	err = vnode_getattr(vn, &attr);
	if (err)
		return err;
	mode = attr.mode;
	if (is_super)
		return mode & 0111 ? 0 : -EACCES;
	if (uid == attr.uid)
		bits = mode >> 6;
	else if (current_in_group(attr.gid))
		bits = mode >> 3;
	else
		bits = mode;
	return (bits & want) == want ? 0 : -EACCES;
}

long vnode_read_kernel(struct vnode *vn, u64 off, void *buf, size_t len)
{
	struct uio uio;
	size_t done = 0;

	if (!vn->ops->read)
		return -EINVAL;
	while (done < len) {
		ssize_t n;

		uio_init_kernel(&uio, (u8 *)buf + done, len - done);
		n = vn->ops->read(vn, off + done, &uio, NULL);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}
