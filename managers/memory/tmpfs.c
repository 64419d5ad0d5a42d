/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/memory/tnode.h>

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/frames.h>
#include <mm/slab.h>
#include <net/membership.h>

#define NR_NAME_BUCKETS 1024u
#define FIRST_COOKIE    3u /* 1 and 2 are "." and ".." */

DEFINE_MUTEX(tmpfs_lock, LOCK_TMPFS);
static struct hlist_head name_buckets[NR_NAME_BUCKETS]; /* [tmpfs_lock] */
static struct tnode *roots[TMPFS_SHM + 1];              /* [tmpfs_lock] */
static DEFINE_SPINLOCK(nodes_lock, LOCK_MEMORY_NODES);
static LIST_HEAD(nodes);  /* [nodes_lock] */
static u64 last_ino;      /* [nodes_lock] */
static u32 generation;    /* [set once]: of this boot */
static atomic_t nr_taken; /* nodes and names */

/* ---- nodes --------------------------------------------------------------- */

u32 tmpfs_max_nodes(void)
{
	return pool.nr_frames / 2;
}

u32 tmpfs_nr_free_nodes(void)
{
	u32 nr = (u32)atomic_read(&nr_taken) / 2, max = tmpfs_max_nodes();

	return nr < max ? max - nr : 0;
}

static void release_node(struct cfile *file)
{
	struct tnode *node = tnode_of(file);

	pagecache_remove(file, 0, ~0ul);
	spin_lock(&nodes_lock);
	list_del(&node->all_link);
	spin_unlock(&nodes_lock);
	kfree(node->target);
	kfree(node);
	gauge_sub(nr_tmpfs_nodes, 1);
	atomic_dec(&nr_taken);
}

static struct tnode *new_node(u32 fsid, const struct tnode_attr *attr)
{
	struct file_id fid = {
		.node_guid = net_local_guid(), .fsid = fsid, .gen = generation};
	struct tnode *node = kzalloc(sizeof(*node));

	if (!node)
		return NULL;
	mutex_init(&node->write_lock, "tmpfs write", LOCK_TMPFS_WRITE);
	node->mode = attr->mode;
	node->uid = attr->uid;
	node->gid = attr->gid;
	node->rdev = attr->rdev;
	node->atime_ns = node->mtime_ns = node->ctime_ns = time_real_ns();
	list_init(&node->names);
	node->last_cookie = FIRST_COOKIE - 1;
	spin_lock(&nodes_lock);
	fid.ino = ++last_ino;
	list_add_tail(&node->all_link, &nodes);
	spin_unlock(&nodes_lock);
	cfile_add_local(&node->file, &fid, release_node);
	gauge_add(nr_tmpfs_nodes, 1);
	atomic_inc(&nr_taken);
	return node;
}

struct cfile *tmpfs_make_anonymous(u64 len_bytes)
{
	struct tnode_attr attr = {.mode = S_IFREG | 0600};
	struct tnode *node =
		tmpfs_nr_free_nodes() ? new_node(TMPFS_ANONYMOUS, &attr) : NULL;

	if (!node)
		return NULL;
	node->file.size_bytes = len_bytes;
	return &node->file;
}

struct tnode *tnode_root(u32 fsid)
{
	struct tnode_attr attr = {.mode = S_IFDIR | S_ISVTX | 0777};

	ASSERT(mutex_is_mine(&tmpfs_lock));
	if (!roots[fsid]) {
		roots[fsid] = new_node(fsid, &attr);
		if (!roots[fsid])
			return NULL;
		roots[fsid]->parent = roots[fsid];
		roots[fsid]->nlink = 2;
	}
	cfile_hold(&roots[fsid]->file);
	return roots[fsid];
}

/* ---- names --------------------------------------------------------------- */

static struct hlist_head *name_bucket(const struct tnode *dir,
				      struct tstring name)
{
	return &name_buckets[hash_bytes(name.text, name.len, (u64)dir) %
			     NR_NAME_BUCKETS];
}

static struct tname *find_name(const struct tnode *dir, struct tstring name)
{
	struct tname *entry;

	ASSERT(mutex_is_mine(&tmpfs_lock));
	hlist_for_each_entry(entry, name_bucket(dir, name),
			     hash_link) if (entry->dir == dir &&
					    entry->len == name.len &&
					    !memcmp(entry->text, name.text,
						    name.len)) return entry;
	return NULL;
}

static struct tname *make_name(struct tstring name)
{
	struct tname *entry = kzalloc(sizeof(*entry) + name.len);

	if (!entry)
		return NULL;
	memcpy(entry->text, name.text, name.len);
	entry->len = name.len;
	atomic_inc(&nr_taken);
	return entry;
}

static void free_name(struct tname *entry)
{
	kfree(entry);
	atomic_dec(&nr_taken);
}

static void touch_node(struct tnode *node)
{
	node->mtime_ns = node->ctime_ns = time_real_ns();
}

/* Put @entry for @node into @dir; takes a reference of @node. */
static void add_name(struct tnode *dir, struct tname *entry, struct tnode *node)
{
	struct tstring name = {entry->text, entry->len};

	entry->dir = dir;
	entry->node = node;
	entry->cookie = ++dir->last_cookie;
	cfile_hold(&node->file);
	hlist_add_head(&entry->hash_link, name_bucket(dir, name));
	list_add_tail(&entry->dir_link, &dir->names);
	node->ctime_ns = time_real_ns();
	node->nlink++;
	if (S_ISDIR(node->mode)) {
		node->nlink = 2;
		node->parent = dir;
		dir->nlink++;
	}
	touch_node(dir);
}

/* The reverse; may free the node. */
static void remove_name(struct tname *entry)
{
	struct tnode *node = entry->node, *dir = entry->dir;

	hlist_del(&entry->hash_link);
	list_del(&entry->dir_link);
	node->ctime_ns = time_real_ns();
	if (S_ISDIR(node->mode)) {
		node->nlink = 0;
		/* ".." of a removed directory must lead somewhere that lives */
		node->parent = roots[node->file.fid.fsid];
		dir->nlink--;
	} else {
		node->nlink--;
	}
	touch_node(dir);
	free_name(entry);
	cfile_put(&node->file);
}

static bool is_name(struct tstring name, const char *text)
{
	return name.len == strlen(text) && !memcmp(name.text, text, name.len);
}

/* May a new name be made in @dir? */
static int check_new_name(const struct tnode *dir, struct tstring name)
{
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (!dir->nlink)
		return -ENOENT;
	if (!name.len || name.len > NAME_MAX ||
	    memchr(name.text, '/', name.len) || memchr(name.text, 0, name.len))
		return -EINVAL;
	if (is_name(name, ".") || is_name(name, "..") || find_name(dir, name))
		return -EEXIST;
	return 0;
}

struct tnode *tnode_lookup(struct tnode *dir, struct tstring name)
{
	struct tname *entry;

	if (is_name(name, "."))
		return dir;
	if (is_name(name, ".."))
		return dir->parent;
	entry = find_name(dir, name);
	return entry ? entry->node : NULL;
}

static int set_target(struct tnode *node, struct tstring target)
{
	node->target = kzalloc(target.len + 1);
	if (!node->target)
		return -ENOMEM;
	memcpy(node->target, target.text, target.len);
	node->file.size_bytes = target.len;
	return 0;
}

int tnode_create(struct tnode *dir, struct tstring name,
		 const struct tnode_attr *attr, struct tstring target,
		 struct tnode **out)
{
	struct tnode_attr real = *attr;
	struct tnode *node;
	struct tname *entry;
	int err = check_new_name(dir, name);

	if (err)
		return err;
	if (!tmpfs_nr_free_nodes())
		return -ENOSPC;
	if (dir->mode & S_ISGID) {
		real.gid = dir->gid;
		real.mode |= S_ISDIR(real.mode) ? S_ISGID : 0;
	}
	entry = make_name(name);
	if (!entry)
		return -ENOMEM;
	node = new_node(dir->file.fid.fsid, &real);
	err = node ? 0 : -ENOMEM;
	if (!err && S_ISLNK(real.mode))
		err = set_target(node, target);
	if (err)
		goto free_entry;
	add_name(dir, entry, node);
	*out = node;
	return 0;

free_entry:
	free_name(entry);
	if (node)
		cfile_put(&node->file);
	return err;
}

int tnode_unlink(struct tnode *dir, struct tstring name, bool is_rmdir)
{
	struct tname *entry;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (is_name(name, ".") || is_name(name, ".."))
		return is_rmdir ? -EINVAL : -EISDIR;
	entry = find_name(dir, name);
	if (!entry)
		return -ENOENT;
	if (is_rmdir && !S_ISDIR(entry->node->mode))
		return -ENOTDIR;
	if (!is_rmdir && S_ISDIR(entry->node->mode))
		return -EISDIR;
	if (is_rmdir && !list_empty(&entry->node->names))
		return -ENOTEMPTY;
	remove_name(entry);
	return 0;
}

int tnode_link(struct tnode *node, struct tnode *dir, struct tstring name)
{
	struct tname *entry;
	int err = check_new_name(dir, name);

	if (err)
		return err;
	if (S_ISDIR(node->mode))
		return -EPERM;
	if (node->file.fid.fsid != dir->file.fid.fsid)
		return -EXDEV;
	if (!node->nlink)
		return -ENOENT;
	if (!tmpfs_nr_free_nodes())
		return -ENOSPC;
	entry = make_name(name);
	if (!entry)
		return -ENOMEM;
	add_name(dir, entry, node);
	return 0;
}

/* Is @dir @node itself or below it? */
static bool is_inside(const struct tnode *dir, const struct tnode *node)
{
	while (dir != node && dir->parent != dir)
		dir = dir->parent;
	return dir == node;
}

/* May @node take the place of what @victim names? */
static int check_replace(const struct tnode *node, const struct tname *victim,
			 bool may_replace)
{
	if (!may_replace)
		return -EEXIST;
	if (S_ISDIR(node->mode) && !S_ISDIR(victim->node->mode))
		return -ENOTDIR;
	if (!S_ISDIR(node->mode) && S_ISDIR(victim->node->mode))
		return -EISDIR;
	if (S_ISDIR(node->mode) && !list_empty(&victim->node->names))
		return -ENOTEMPTY;
	return 0;
}

int tnode_rename(struct tnode *old_dir, struct tstring old_name,
		 struct tnode *new_dir, struct tstring new_name,
		 bool may_replace)
{
	struct tname *old, *victim, *entry;
	struct tnode *node;
	int err;

	if (!S_ISDIR(old_dir->mode) || !S_ISDIR(new_dir->mode))
		return -ENOTDIR;
	if (old_dir->file.fid.fsid != new_dir->file.fid.fsid)
		return -EXDEV;
	if (is_name(old_name, ".") || is_name(old_name, "..") ||
	    is_name(new_name, ".") || is_name(new_name, ".."))
		return -EBUSY;
	old = find_name(old_dir, old_name);
	if (!old)
		return -ENOENT;
	node = old->node;
	if (S_ISDIR(node->mode) && is_inside(new_dir, node))
		return -EINVAL;
	victim = find_name(new_dir, new_name);
	if (victim && victim->node == node)
		return may_replace ? 0 : -EEXIST;
	err = victim ? check_replace(node, victim, may_replace)
		     : check_new_name(new_dir, new_name);
	if (err)
		return err;
	entry = make_name(new_name);
	if (!entry)
		return -ENOMEM;
	if (victim)
		remove_name(victim);
	cfile_hold(&node->file);
	remove_name(old);
	add_name(new_dir, entry, node);
	cfile_put(&node->file);
	return 0;
}

/* ---- data, clients, start ------------------------------------------------ */

int tmpfs_may_read(struct cfile *file)
{
	u32 mode = tnode_of(file)->mode;

	return S_ISREG(mode) ? 0 : S_ISDIR(mode) ? -EISDIR : -EINVAL;
}

int tmpfs_begin_write(struct cfile *file)
{
	int err = tmpfs_may_read(file);

	if (!err)
		mutex_lock(&tnode_of(file)->write_lock);
	return err;
}

void tmpfs_end_write(struct cfile *file)
{
	struct tnode *node = tnode_of(file);

	mutex_unlock(&node->write_lock);
	mutex_lock(&tmpfs_lock);
	touch_node(node);
	mutex_unlock(&tmpfs_lock);
}

/* A node that client @id has open: its opens, now forgotten; or 0. */
static u32 take_opens(u8 id, struct tnode **out)
{
	struct tnode *node;
	u32 nr = 0;

	spin_lock(&nodes_lock);
	list_for_each_entry (node, &nodes, all_link) {
		if (node->nr_opens[id]) {
			nr = node->nr_opens[id];
			node->nr_opens[id] = 0;
			*out = node;
			break;
		}
	}
	spin_unlock(&nodes_lock);
	return nr;
}

void tmpfs_reclaim(u8 id)
{
	struct tnode *node;
	u32 nr;

	mutex_lock(&tmpfs_lock);
	while ((nr = take_opens(id, &node)))
		while (nr--)
			cfile_put(&node->file);
	mutex_unlock(&tmpfs_lock);
}

void tmpfs_start(void)
{
	/* An identity of an earlier boot must not fit a node of this one. */
	generation = (u32)hash_u64(time_real_ns()) | 1;
}

static void remove_tree(struct tnode *dir)
{
	while (!list_empty(&dir->names)) {
		struct tname *entry =
			list_first_entry(&dir->names, struct tname, dir_link);

		if (S_ISDIR(entry->node->mode) &&
		    !list_empty(&entry->node->names)) {
			/* deepest first, without recursion */
			list_move_tail(&entry->dir_link, &dir->names);
			dir = entry->node;
			continue;
		}
		remove_name(entry);
		if (list_empty(&dir->names))
			dir = dir->parent;
	}
}

void tmpfs_stop(void)
{
	mutex_lock(&tmpfs_lock);
	for (u32 fsid = TMPFS_TMP; fsid <= TMPFS_SHM; fsid++) {
		if (!roots[fsid])
			continue;
		remove_tree(roots[fsid]);
		cfile_put(&roots[fsid]->file);
		roots[fsid] = NULL;
	}
	mutex_unlock(&tmpfs_lock);
}
