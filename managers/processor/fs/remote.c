/* SPDX-License-Identifier: GPL-2.0-or-later */
#define pr_fmt(fmt) "fs: " fmt
#include <managers/processor/fs/remote.h>

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/vnode.h>
#include <managers/processor/mm/aspace.h>
#include <mm/slab.h>

/* How long a call waits for its node to come back. */

/* The storage node's messages are the memory node's, moved. */
#define REMOTE_OP_SHIFT (RPC_s_fs_root - RPC_m_fs_root)
static_assert(RPC_s_fs_lookup - RPC_m_fs_lookup == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_getattr - RPC_m_fs_getattr == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_setattr - RPC_m_fs_setattr == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_readdir - RPC_m_fs_readdir == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_readlink - RPC_m_fs_readlink == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_create - RPC_m_fs_create == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_unlink - RPC_m_fs_unlink == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_rename - RPC_m_fs_rename == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_link - RPC_m_fs_link == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_statfs - RPC_m_fs_statfs == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_open - RPC_m_fs_open == REMOTE_OP_SHIFT, "op");
static_assert(RPC_s_fs_release - RPC_m_fs_release == REMOTE_OP_SHIFT, "op");

/* A message about names: @op is the memory node's number. */
static int fs_call(struct mount *mount, enum rpc_op op, bool may_repeat,
		   struct rpc_args *args)
{
	if (mount->role == ROLE_STORAGE)
		op += REMOTE_OP_SHIFT;
	return remote_call(mount->role, mount->guid, op, may_repeat, args);
}

static void attr_decode(const struct wire_attr *w, struct vattr *attr)
{
	*attr = (struct vattr){
		.ino = le64_get(w->ino),
		.size_bytes = le64_get(w->size_bytes),
		.nr_blocks = le64_get(w->nr_blocks),
		.atime_ns = (s64)le64_get(w->atime_ns),
		.mtime_ns = (s64)le64_get(w->mtime_ns),
		.ctime_ns = (s64)le64_get(w->ctime_ns),
		.mode = le32_get(w->mode),
		.nlink = le32_get(w->nlink),
		.uid = le32_get(w->uid),
		.gid = le32_get(w->gid),
		.rdev = le32_get(w->rdev),
		.blksize = le32_get(w->blksize),
	};
}

static int node_decode(struct mount *mount, const struct rpc_fs_node_reply *rep,
		       struct vnode **out)
{
	struct vattr attr;

	attr_decode(&rep->attr, &attr);
	return vnode_get(mount, &rep->fid, &attr, NULL, out);
}

/* ---- names
 * ---------------------------------------------------------------------- */

static int remote_lookup(struct vnode *dir, const char *name, u32 len,
			 struct vnode **out)
{
	struct rpc_fs_fid req = {.fid = dir->fid};
	struct rpc_fs_node_reply rep;
	struct rpc_args args = {
		.req = &req, .tail = name, .tail_len = len, .rep = &rep};
	int err = fs_call(dir->mount, RPC_m_fs_lookup, true, &args);

	return err ? err : node_decode(dir->mount, &rep, out);
}

static int remote_create(struct vnode *dir, const char *name, u32 len,
			 const struct vnode_new *what, struct vnode **out)
{
	struct rpc_fs_create req = {
		.dir = dir->fid,
		.mode = le32_make(what->mode),
		.uid = le32_make(what->uid),
		.gid = le32_make(what->gid),
		.rdev = le32_make(what->rdev),
	};
	struct rpc_fs_node_reply rep;
	struct rpc_args args = {
		.req = &req, .tail = name, .tail_len = len, .rep = &rep};
	char *tail = NULL;
	int err;

	if (what->target) {
		size_t target_len = strlen(what->target);

		tail = kmalloc(len + 1 + target_len);
		if (!tail)
			return -ENOMEM;
		memcpy(tail, name, len);
		tail[len] = 0;
		memcpy(tail + len + 1, what->target, target_len);
		args.tail = tail;
		args.tail_len = len + 1 + target_len;
	}
	err = fs_call(dir->mount, RPC_m_fs_create, false, &args);
	kfree(tail);
	return err ? err : node_decode(dir->mount, &rep, out);
}

static int remote_unlink(struct vnode *dir, const char *name, u32 len,
			 bool is_dir)
{
	struct rpc_fs_unlink req = {
		.dir = dir->fid,
		.flags = le32_make(is_dir ? FS_UNLINK_DIR : 0),
	};
	struct rpc_args args = {.req = &req, .tail = name, .tail_len = len};

	return fs_call(dir->mount, RPC_m_fs_unlink, false, &args);
}

static int remote_rename(struct vnode *old_dir, const char *old_name,
			 struct vnode *new_dir, const char *new_name, u32 flags)
{
	struct rpc_fs_rename req = {
		.old_dir = old_dir->fid,
		.new_dir = new_dir->fid,
		.flags = le32_make(flags),
	};
	char tail[2 * NAME_MAX + 1];
	size_t old_len = strlen(old_name), new_len = strlen(new_name);
	struct rpc_args args = {
		.req = &req, .tail = tail, .tail_len = old_len + 1 + new_len};

	memcpy(tail, old_name, old_len + 1);
	memcpy(tail + old_len + 1, new_name, new_len);
	return fs_call(old_dir->mount, RPC_m_fs_rename, false, &args);
}

static int remote_link(struct vnode *vn, struct vnode *dir, const char *name,
		       u32 len)
{
	struct rpc_fs_link req = {.fid = vn->fid, .dir = dir->fid};
	struct rpc_fs_attr_reply rep;
	struct rpc_args args = {
		.req = &req, .tail = name, .tail_len = len, .rep = &rep};

	return fs_call(dir->mount, RPC_m_fs_link, false, &args);
}

static ssize_t remote_readlink(struct vnode *vn, char *buf, size_t size)
{
	struct rpc_fs_fid req = {.fid = vn->fid};
	struct rpc_args args = {
		.req = &req, .rep_tail = buf, .rep_tail_max = size};
	int err = fs_call(vn->mount, RPC_m_fs_readlink, true, &args);

	return err ? err : args.rep_tail_len;
}

/*
 * Hand one reply's entries to @sink.  What a node sends is checked here.
 * Return: 1 go on, 0 the sink is full, -EIO malformed.
 */
static int remote_readdir_emit(const u8 *buf, u32 len, u64 *cookie,
			       struct dir_sink *sink)
{
	while (len) {
		struct wire_dirent de;
		u32 name_len, step;
		const char *name;

		if (len < sizeof(de))
			return -EIO;
		memcpy(&de, buf, sizeof(de));
		name = (const char *)buf + sizeof(de);
		name_len = le32_get(de.name_len);
		if (!name_len || name_len > NAME_MAX ||
		    name_len > len - sizeof(de))
			return -EIO;
		if (!sink->emit(sink, name, name_len, le64_get(de.ino),
				le32_get(de.type), le64_get(de.next_cookie)))
			return 0;
		*cookie = le64_get(de.next_cookie);
		step = min(ALIGN_UP((u32)sizeof(de) + name_len, 8u), len);
		buf += step;
		len -= step;
	}
	return 1;
}

static int remote_readdir(struct vnode *dir, u64 *cookie, struct dir_sink *sink)
{
	u8 *buf = kmalloc(RPC_MAX_TAIL);
	int ret;

	if (!buf)
		return -ENOMEM;
	do {
		struct rpc_fs_readdir req = {.fid = dir->fid,
					     .cookie = le64_make(*cookie)};
		struct rpc_args args = {.req = &req,
					.rep_tail = buf,
					.rep_tail_max = RPC_MAX_TAIL};

		ret = fs_call(dir->mount, RPC_m_fs_readdir, true, &args);
		if (ret || !args.rep_tail_len)
			break;
		ret = remote_readdir_emit(buf, args.rep_tail_len, cookie, sink);
	} while (ret > 0);
	kfree(buf);
	return ret;
}

/* ---- attributes
 * -------------------------------------------------------------------- */

static int remote_getattr(struct vnode *vn, struct vattr *attr)
{
	struct rpc_fs_fid req = {.fid = vn->fid};
	struct rpc_fs_attr_reply rep;
	struct rpc_args args = {.req = &req, .rep = &rep};
	int err = fs_call(vn->mount, RPC_m_fs_getattr, true, &args);

	if (!err)
		attr_decode(&rep.attr, attr);
	return err;
}

/* Truncate: what programs map of what goes is taken out meanwhile. */
static int remote_resize(struct vnode *vn, struct rpc_args *args,
			 u64 size_bytes)
{
	struct file_change change;
	bool is_mapped;
	int err = 0;

	/* vnode_map_get() counts, then waits for us. */
	mutex_lock(&vn->lock);
	is_mapped = atomic_read(&vn->nr_maps);
	if (!is_mapped)
		err = fs_call(vn->mount, RPC_m_fs_setattr, true, args);
	mutex_unlock(&vn->lock);
	if (!is_mapped)
		return err;
	pcache_file_change_begin(&change, &vn->fid, size_bytes, ~0ull);
	err = fs_call(vn->mount, RPC_m_fs_setattr, true, args);
	pcache_file_change_end(&change, !err);
	return err;
}

static int remote_setattr(struct vnode *vn, const struct vattr_change *change)
{
	struct rpc_fs_setattr req = {
		.fid = vn->fid,
		.mask = le32_make(change->mask),
		.mode = le32_make(change->mode),
		.uid = le32_make(change->uid),
		.gid = le32_make(change->gid),
		.size_bytes = le64_make(change->size_bytes),
		.atime_ns = le64_make(change->atime_ns),
		.mtime_ns = le64_make(change->mtime_ns),
	};
	struct rpc_fs_attr_reply rep;
	struct rpc_args args = {.req = &req, .rep = &rep};
	struct vattr attr;
	int err;

	if (change->mask & FS_SET_SIZE)
		err = remote_resize(vn, &args, change->size_bytes);
	else
		err = fs_call(vn->mount, RPC_m_fs_setattr, true, &args);
	if (err)
		return err;
	attr_decode(&rep.attr, &attr);
	vnode_attr_store(vn, &attr);
	return 0;
}

/* On a read-only file system nothing can be unlinked: no need to say it. */
static int remote_content_open(struct vnode *vn)
{
	struct rpc_fs_fid req = {.fid = vn->fid};
	struct rpc_fs_attr_reply rep;
	struct rpc_args args = {.req = &req, .rep = &rep};

	if (vn->mount->is_readonly || !S_ISREG(vnode_type(vn)))
		return 0;
	return fs_call(vn->mount, RPC_m_fs_open, false, &args);
}

static void remote_content_release(struct vnode *vn)
{
	struct rpc_fs_fid req = {.fid = vn->fid};
	struct rpc_args args = {.req = &req};

	if (vn->mount->is_readonly || !S_ISREG(vnode_type(vn)))
		return;
	if (fs_call(vn->mount, RPC_m_fs_release, false, &args))
		pr_warn_ratelimited("inode %lu stays open on its node",
				    le64_get(vn->fid.ino));
}

const struct vnode_ops remote_vnode_ops = {
	.lookup = remote_lookup,
	.getattr = remote_getattr,
	.setattr = remote_setattr,
	.readdir = remote_readdir,
	.readlink = remote_readlink,
	.create = remote_create,
	.unlink = remote_unlink,
	.rename = remote_rename,
	.link = remote_link,
	.read = remote_file_read,
	.write = remote_file_write,
	.content_open = remote_content_open,
	.content_release = remote_content_release,
};

/* ---- the whole file system
 * ------------------------------------------------------------ */

static int remote_statfs_fid(struct mount *mount, const struct wire_fid *fid,
			     struct rpc_fs_statfs_reply *rep)
{
	struct rpc_fs_fid req = {.fid = *fid};
	struct rpc_args args = {.req = &req, .rep = rep};

	return fs_call(mount, RPC_m_fs_statfs, true, &args);
}

int remote_statfs(struct mount *mount, struct uapi_statfs *out)
{
	struct rpc_fs_statfs_reply rep;
	struct vnode *root = mount_root_vnode(mount);
	int err = remote_statfs_fid(mount, &root->fid, &rep);

	if (err)
		return err;
	*out = (struct uapi_statfs){
		.f_type = le32_get(rep.magic),
		.f_bsize = le32_get(rep.block_bytes),
		.f_frsize = le32_get(rep.block_bytes),
		.f_blocks = le64_get(rep.nr_blocks),
		.f_bfree = le64_get(rep.nr_free),
		.f_bavail = le64_get(rep.nr_free),
		.f_files = le64_get(rep.nr_files),
		.f_ffree = le64_get(rep.nr_files_free),
		.f_namelen = le32_get(rep.name_max),
		.f_flags = le32_get(rep.flags) | ST_VALID,
	};
	return 0;
}

int remote_root(struct mount *mount, struct peer *peer, const char *name,
		struct vnode **out)
{
	struct rpc_fs_node_reply rep;
	struct rpc_fs_statfs_reply stat;
	struct rpc_args args = {
		.tail = name, .tail_len = strlen(name), .rep = &rep};
	int err;

	mount->guid = peer_guid(peer);
	err = fs_call(mount, RPC_m_fs_root, true, &args);
	if (err)
		return err;
	err = remote_statfs_fid(mount, &rep.fid, &stat);
	if (err)
		return err;
	mount->is_readonly = le32_get(stat.flags) & ST_RDONLY;
	mount->cache_ns = mount->is_readonly ? ~0ull : 0;
	return node_decode(mount, &rep, out);
}
