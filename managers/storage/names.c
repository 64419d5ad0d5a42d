/* SPDX-License-Identifier: GPL-2.0-or-later */
/* s_fs_*: names and attributes of the ext4 file system. */
#define pr_fmt(fmt) "storage: " fmt
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <net/membership.h>

#include "storage.h"

#define ST_RDONLY 1u

static void attr_make(const struct ext4_inode *inode, struct wire_attr *attr)
{
	*attr = (struct wire_attr){
		.ino = le64_make(inode->ino),
		.size_bytes = le64_make(inode->size_bytes),
		.nr_blocks = le64_make(inode->nr_sectors),
		.atime_ns = le64_make((u64)inode->atime_ns),
		.mtime_ns = le64_make((u64)inode->mtime_ns),
		.ctime_ns = le64_make((u64)inode->ctime_ns),
		.mode = le32_make(inode->mode),
		.nlink = le32_make(inode->nlink),
		.uid = le32_make(inode->uid),
		.gid = le32_make(inode->gid),
		.rdev = le32_make(inode->rdev),
		.blksize = le32_make(1u << storage.block_shift),
	};
}

/* Fill a reply for inode @ino. [storage.lock] */
static int node_make(u32 ino, struct rpc_fs_node_reply *rep)
{
	struct ext4_inode inode;
	int err = ext4_inode_read(storage.fs, ino, &inode);

	if (err)
		return err;
	rep->fid = (struct wire_fid){
		.node_guid = le64_make(net_local_guid()),
		.ino = le64_make(ino),
		.fsid = le32_make(storage.fsid),
		.gen = le32_make(inode.gen),
	};
	attr_make(&inode, &rep->attr);
	return 0;
}

int rpc_handle_s_fs_root(struct rpc_ctx *ctx, const struct rpc_none *req,
			 struct rpc_fs_node_reply *rep)
{
	int err;

	if (ctx->tail_len != 4 || memcmp(ctx->tail, "root", 4))
		return -ENOENT;
	if (!storage.fs)
		return -ENODEV;
	mutex_lock(&storage.lock);
	err = node_make(EXT4_ROOT_INO, rep);
	mutex_unlock(&storage.lock);
	return err;
}

int rpc_handle_s_fs_lookup(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			   struct rpc_fs_node_reply *rep)
{
	struct ext4_inode dir;
	u32 ino;
	int err;

	mutex_lock(&storage.lock);
	err = storage_inode(&req->fid, &dir);
	if (!err)
		err = ext4_lookup(storage.fs, &dir, ctx->tail, ctx->tail_len,
				  &ino);
	if (!err)
		err = node_make(ino, rep);
	mutex_unlock(&storage.lock);
	return err;
}

int rpc_handle_s_fs_getattr(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			    struct rpc_fs_attr_reply *rep)
{
	struct ext4_inode inode;
	int err;

	mutex_lock(&storage.lock);
	err = storage_inode(&req->fid, &inode);
	mutex_unlock(&storage.lock);
	if (!err)
		attr_make(&inode, &rep->attr);
	return err;
}

static bool dirent_emit(void *arg, u32 ino, u32 dt_type, const char *name,
			u32 name_len, u64 next)
{
	struct rpc_ctx *ctx = arg;
	u8 *at = (u8 *)ctx->rep_tail + ctx->rep_tail_len;
	u32 bytes = sizeof(struct wire_dirent) + ALIGN_UP(name_len, 8u);
	struct wire_dirent d = {
		.ino = le64_make(ino),
		.next_cookie = le64_make(next),
		.type = le32_make(dt_type),
		.name_len = le32_make(name_len),
	};

	if (bytes > RPC_MAX_TAIL - ctx->rep_tail_len)
		return false;
	memset(at, 0, bytes);
	memcpy(at, &d, sizeof(d));
	memcpy(at + sizeof(d), name, name_len);
	ctx->rep_tail_len += bytes;
	return true;
}

int rpc_handle_s_fs_readdir(struct rpc_ctx *ctx,
			    const struct rpc_fs_readdir *req,
			    struct rpc_none *rep)
{
	struct ext4_inode dir;
	int err;

	mutex_lock(&storage.lock);
	err = storage_inode(&req->fid, &dir);
	if (!err)
		err = ext4_readdir(storage.fs, &dir, le64_get(req->cookie),
				   dirent_emit, ctx);
	mutex_unlock(&storage.lock);
	return err;
}

int rpc_handle_s_fs_readlink(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			     struct rpc_none *rep)
{
	struct ext4_inode inode;
	ssize_t n;

	mutex_lock(&storage.lock);
	n = storage_inode(&req->fid, &inode);
	if (!n)
		n = ext4_readlink(storage.fs, &inode, ctx->rep_tail, 4096);
	mutex_unlock(&storage.lock);
	if (n < 0)
		return (int)n;
	ctx->rep_tail_len = (u32)n;
	return 0;
}

int rpc_handle_s_fs_statfs(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			   struct rpc_fs_statfs_reply *rep)
{
	struct ext4_statfs st;

	if (!storage.fs)
		return -ENODEV;
	ext4_statfs(storage.fs, &st);
	*rep = (struct rpc_fs_statfs_reply){
		.nr_blocks = le64_make(st.nr_blocks),
		.nr_free = le64_make(st.nr_free_blocks),
		.nr_files = le64_make(st.nr_inodes),
		.nr_files_free = le64_make(st.nr_free_inodes),
		.block_bytes = le32_make(st.block_bytes),
		.name_max = le32_make(EXT4_NAME_MAX),
		.magic = le32_make(EXT4_SUPER_MAGIC),
		.flags = le32_make(ST_RDONLY),
	};
	return 0;
}

/* Nothing is ever removed here, so an open file needs no reference. */
int rpc_handle_s_fs_open(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			 struct rpc_fs_attr_reply *rep)
{
	return rpc_handle_s_fs_getattr(ctx, req, rep);
}

int rpc_handle_s_fs_release(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			    struct rpc_none *rep)
{
	return 0;
}

static int read_only(void)
{
	pr_info_once("a program wanted to write: this file system is "
		     "read-only (EROFS)");
	return -EROFS;
}

int rpc_handle_s_fs_setattr(struct rpc_ctx *ctx,
			    const struct rpc_fs_setattr *req,
			    struct rpc_fs_attr_reply *rep)
{
	return read_only();
}

int rpc_handle_s_fs_create(struct rpc_ctx *ctx, const struct rpc_fs_create *req,
			   struct rpc_fs_node_reply *rep)
{
	return read_only();
}

int rpc_handle_s_fs_unlink(struct rpc_ctx *ctx, const struct rpc_fs_unlink *req,
			   struct rpc_none *rep)
{
	return read_only();
}

int rpc_handle_s_fs_rename(struct rpc_ctx *ctx, const struct rpc_fs_rename *req,
			   struct rpc_none *rep)
{
	return read_only();
}

int rpc_handle_s_fs_link(struct rpc_ctx *ctx, const struct rpc_fs_link *req,
			 struct rpc_fs_attr_reply *rep)
{
	return read_only();
}
