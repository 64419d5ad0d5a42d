/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/dentry.h>

#include <kernel/assert.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/vnode.h>
#include <mm/slab.h>

#define DENTRY_BUCKETS 2048u

static struct spinlock dentry_lock = SPINLOCK_INIT("dentries", LOCK_DENTRY);
static struct hlist_head dentry_table[DENTRY_BUCKETS]; /* [dentry_lock] */
static struct list_head dentry_lru = LIST_HEAD_INIT(dentry_lru);
static u32 nr_dentries, nr_idle; /* [dentry_lock] */

void dentry_init(void)
{
	for (u32 i = 0; i < DENTRY_BUCKETS; i++)
		dentry_table[i].first = NULL;
}

static struct hlist_head *dentry_bucket(const struct dentry *parent,
					const char *name, u32 len)
{
	u64 h = hash_bytes(name, len, (u64)parent);

	return &dentry_table[h % DENTRY_BUCKETS];
}

/* When an entry of @mount made now must be asked for again. */
static u64 dentry_deadline(const struct mount *mount)
{
	u64 now = time_mono_ns();

	return mount->cache_ns > ~0ull - now ? ~0ull : now + mount->cache_ns;
}

static struct dentry *dentry_alloc(struct mount *mount, const char *name,
				   u32 len, struct vnode *vn)
{
	struct dentry *d = kzalloc(sizeof(*d));

	if (!d)
		return NULL;
	d->name = kmalloc(len + 1);
	if (!d->name) {
		kfree(d);
		return NULL;
	}
	memcpy(d->name, name, len);
	d->name[len] = 0;
	d->name_len = len;
	d->mount = mount;
	d->nr_refs = 1;
	d->valid_until_ns = dentry_deadline(mount);
	list_init(&d->lru);
	if (vn)
		vnode_hold(vn);
	d->vnode = vn;
	return d;
}

struct dentry *dentry_alloc_root(struct mount *mount, struct vnode *vn)
{
	struct dentry *d = dentry_alloc(mount, "", 0, vn);

	if (!d)
		return NULL;
	d->parent = d;
	spin_lock(&dentry_lock);
	nr_dentries++;
	spin_unlock(&dentry_lock);
	return d;
}

struct dentry *dentry_alloc_loose(struct mount *mount, struct vnode *vn,
				  const char *name)
{
	struct dentry *d = dentry_alloc(mount, name, strlen(name), vn);

	if (!d)
		return NULL;
	d->parent = d;
	spin_lock(&dentry_lock);
	nr_dentries++;
	spin_unlock(&dentry_lock);
	return d;
}

/* The hashed dentry of a name, without a reference.  dentry_lock held. */
static struct dentry *dentry_search(struct dentry *parent, const char *name,
				    u32 len)
{
	struct dentry *d;

	hlist_for_each_entry(d, dentry_bucket(parent, name, len),
			     hash) if (d->parent == parent &&
				       d->name_len == len &&
				       !memcmp(d->name, name, len)) return d;
	return NULL;
}

/* Take a reference; it may have been idle.  dentry_lock held. */
static void dentry_ref(struct dentry *d)
{
	if (d->nr_refs++ == 0) {
		list_del_init(&d->lru);
		nr_idle--;
	}
}

/*
 * Take @d out of the table.  If nobody holds it, it is put on @doomed for
 * dentry_free_all().  dentry_lock held.
 */
static void dentry_unhash(struct dentry *d, struct list_head *doomed)
{
	if (!hlist_unhashed(&d->hash))
		hlist_del(&d->hash);
	if (d->nr_refs == 0) {
		list_move(&d->lru, doomed);
		nr_idle--;
	}
}

/* Keep the idle ones bounded: the oldest goes.  dentry_lock held. */
static void dentry_shrink(struct list_head *doomed)
{
	while (nr_idle > DENTRY_MAX_IDLE)
		dentry_unhash(list_first_entry(&dentry_lru, struct dentry, lru),
			      doomed);
}

/* May @d stay without a user?  Names that this node makes up, such as those of
 * processes in /proc, are asked for each time, so nothing would be saved. */
static bool is_worth_keeping(const struct dentry *d)
{
	return !hlist_unhashed(&d->hash) &&
	       (d->mount->cache_ns || d->mount->role != ROLE_NONE);
}

/* Drop a reference; what nobody needs any more goes to @doomed.
 * dentry_lock held. */
static void dentry_unref(struct dentry *d, struct list_head *doomed)
{
	CHECK(d->nr_refs > 0);
	if (--d->nr_refs)
		return;
	nr_idle++;
	list_add_tail(&d->lru, &dentry_lru);
	if (is_worth_keeping(d))
		dentry_shrink(doomed);
	else
		dentry_unhash(d, doomed);
}

/* Free dentries nobody holds, and the parents only they held. */
static void dentry_free_all(struct list_head *doomed)
{
	while (!list_empty(doomed)) {
		struct dentry *d = list_first_entry(doomed, struct dentry, lru);

		list_del(&d->lru);
		spin_lock(&dentry_lock);
		nr_dentries--;
		if (d->parent != d)
			dentry_unref(d->parent, doomed);
		spin_unlock(&dentry_lock);
		vnode_put(d->vnode);
		kfree(d->name);
		kfree(d);
	}
}

struct dentry *dentry_find(struct dentry *parent, const char *name, u32 len)
{
	struct dentry *d;

	spin_lock(&dentry_lock);
	d = dentry_search(parent, name, len);
	if (d && !d->covered_by && d->valid_until_ns != ~0ull &&
	    d->valid_until_ns <= time_mono_ns())
		d = NULL;
	if (d)
		dentry_ref(d);
	spin_unlock(&dentry_lock);
	return d;
}

int dentry_insert(struct dentry *parent, const char *name, u32 len,
		  struct vnode *vn, struct dentry **out)
{
	struct dentry *fresh = dentry_alloc(parent->mount, name, len, vn);
	struct dentry *d;
	LIST_HEAD(doomed);

	if (!fresh)
		return -ENOMEM;
	spin_lock(&dentry_lock);
	d = dentry_search(parent, name, len);
	if (d && (d->vnode == vn || d->covered_by)) {
		d->valid_until_ns = fresh->valid_until_ns;
		dentry_ref(d);
	} else {
		if (d)
			dentry_unhash(d, &doomed);
		d = fresh;
		fresh = NULL;
		d->parent = parent;
		dentry_ref(parent);
		hlist_add_head(&d->hash, dentry_bucket(parent, name, len));
		nr_dentries++;
	}
	spin_unlock(&dentry_lock);
	dentry_free_all(&doomed);
	if (fresh) {
		vnode_put(fresh->vnode);
		kfree(fresh->name);
		kfree(fresh);
	}
	*out = d;
	return 0;
}

void dentry_remove(struct dentry *parent, const char *name, u32 len)
{
	struct dentry *d;
	LIST_HEAD(doomed);

	spin_lock(&dentry_lock);
	d = dentry_search(parent, name, len);
	if (d) {
		d->is_unlinked = true;
		dentry_unhash(d, &doomed);
	}
	spin_unlock(&dentry_lock);
	dentry_free_all(&doomed);
}

void dentry_rename(struct dentry *old_parent, const char *old_name, u32 old_len,
		   struct dentry *new_parent, const char *new_name, u32 new_len)
{
	char *name = kmalloc(new_len + 1);
	struct dentry *d, *there, *drop = NULL;
	LIST_HEAD(doomed);

	spin_lock(&dentry_lock);
	there = dentry_search(new_parent, new_name, new_len);
	d = dentry_search(old_parent, old_name, old_len);
	if (there && there != d) {
		there->is_unlinked = there->vnode != NULL;
		dentry_unhash(there, &doomed);
	}
	if (d && d != there && name) {
		memcpy(name, new_name, new_len);
		name[new_len] = 0;
		hlist_del(&d->hash);
		char *was = d->name;

		d->name = name;
		name = was;
		d->name_len = new_len;
		drop = d->parent;
		dentry_ref(new_parent);
		d->parent = new_parent;
		hlist_add_head(&d->hash,
			       dentry_bucket(new_parent, new_name, new_len));
	} else if (d && d != there) {
		dentry_unhash(d, &doomed);
	}
	spin_unlock(&dentry_lock);
	dentry_free_all(&doomed);
	dentry_put(drop);
	kfree(name);
}

void dentry_hold(struct dentry *d)
{
	spin_lock(&dentry_lock);
	dentry_ref(d);
	spin_unlock(&dentry_lock);
}

void dentry_put(struct dentry *d)
{
	LIST_HEAD(doomed);

	if (!d)
		return;
	spin_lock(&dentry_lock);
	dentry_unref(d, &doomed);
	spin_unlock(&dentry_lock);
	dentry_free_all(&doomed);
}

/* Up from the root of a mount to the place it covers. */
static struct dentry *dentry_uncross(struct dentry *d)
{
	while (d->mount->root == d && d->mount->covers)
		d = d->mount->covers;
	return d;
}

struct dentry *dentry_parent(struct dentry *d)
{
	struct dentry *up;

	spin_lock(&dentry_lock);
	up = dentry_uncross(d)->parent;
	dentry_ref(up);
	spin_unlock(&dentry_lock);
	return up;
}

/* Put @s of @len in front of what stands at the end of @buf. */
static bool path_prepend(char *buf, size_t *at, const char *s, size_t len)
{
	if (*at < len)
		return false;
	*at -= len;
	memcpy(buf + *at, s, len);
	return true;
}

static bool dentry_path_build(struct dentry *d, struct dentry *root, char *buf,
			      size_t *at)
{
	bool is_empty = true;

	if (d->is_unlinked && !path_prepend(buf, at, " (deleted)", 10))
		return false;
	while (d != root) {
		d = dentry_uncross(d);
		if (d == root)
			break;
		if (d->parent == d) {
			/* The root of all, or a loose one (a pipe). */
			if (d->name_len)
				return path_prepend(buf, at, d->name,
						    d->name_len);
			break;
		}
		if (!path_prepend(buf, at, d->name, d->name_len) ||
		    !path_prepend(buf, at, "/", 1))
			return false;
		is_empty = false;
		d = d->parent;
	}
	return !is_empty || path_prepend(buf, at, "/", 1);
}

ssize_t dentry_path(struct dentry *d, struct dentry *root, char *buf,
		    size_t size)
{
	size_t at = size, len;
	bool is_ok;

	if (!path_prepend(buf, &at, "", 1))
		return -ENAMETOOLONG;
	spin_lock(&dentry_lock);
	is_ok = dentry_path_build(d, root, buf, &at);
	spin_unlock(&dentry_lock);
	if (!is_ok)
		return -ENAMETOOLONG;
	len = size - at;
	memmove(buf, buf + at, len);
	return len - 1;
}

void dentry_drop_idle(void)
{
	LIST_HEAD(doomed);

	/* Parents become idle only when their children are freed. */
	for (;;) {
		spin_lock(&dentry_lock);
		while (!list_empty(&dentry_lru))
			dentry_unhash(list_first_entry(&dentry_lru,
						       struct dentry, lru),
				      &doomed);
		spin_unlock(&dentry_lock);
		if (list_empty(&doomed))
			return;
		dentry_free_all(&doomed);
	}
}

void dentry_count(u32 *nr_all, u32 *idle)
{
	spin_lock(&dentry_lock);
	*nr_all = nr_dentries;
	*idle = nr_idle;
	spin_unlock(&dentry_lock);
}
