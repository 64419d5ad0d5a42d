/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The m_fs_* messages: decode, lock, do. */
#include <managers/memory/tnode.h>

#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/frames.h>
#include <net/rpc.h>

static struct tstring tail_name(const struct rpc_ctx *ctx)
{
	return (struct tstring){ctx->tail, ctx->tail_len};
}

/* Two strings with a NUL between them. */
static bool split_tail(const struct rpc_ctx *ctx, struct tstring *first,
		       struct tstring *second)
{
	const char *text = ctx->tail;
	const char *nul = memchr(text, 0, ctx->tail_len);

	if (!nul)
		return false;
	*first = (struct tstring){text, (u32)(nul - text)};
	*second = (struct tstring){nul + 1, ctx->tail_len - first->len - 1};
	return true;
}

/* The node of @wire, with a reference; NULL: -ESTALE. */
static struct tnode *find_node(const struct wire_fid *wire)
{
	struct file_id fid = wire_fid_get(wire);
	struct cfile *file = cfile_get_local(&fid);

	return file ? tnode_of(file) : NULL;
}

static void put_node(struct tnode *node)
{
	cfile_put(&node->file);
}

static struct wire_attr attr_of(struct tnode *node)
{
	return (struct wire_attr){
		.ino = le64_make(node->file.fid.ino),
		.size_bytes = le64_make(READ_ONCE(node->file.size_bytes)),
		.nr_blocks = le64_make(READ_ONCE(node->file.nr_pages) *
				       (PAGE_SIZE / 512)),
		.atime_ns = le64_make(node->atime_ns),
		.mtime_ns = le64_make(node->mtime_ns),
		.ctime_ns = le64_make(node->ctime_ns),
		.mode = le32_make(node->mode),
		.nlink = le32_make(node->nlink),
		.uid = le32_make(node->uid),
		.gid = le32_make(node->gid),
		.rdev = le32_make(node->rdev),
		.blksize = le32_make(PAGE_SIZE),
	};
}

static void answer_node(struct rpc_fs_node_reply *rep, struct tnode *node)
{
	rep->fid = wire_fid_make(&node->file.fid);
	rep->attr = attr_of(node);
}

int rpc_handle_m_fs_root(struct rpc_ctx *ctx, const struct rpc_none *req,
			 struct rpc_fs_node_reply *rep)
{
	static const char names[][4] = {
		[TMPFS_TMP] = "tmp", [TMPFS_SHM] = "shm"};
	struct tnode *root;
	u32 fsid = 0;

	for (u32 i = TMPFS_TMP; i < ARRAY_SIZE(names); i++)
		if (ctx->tail_len == 3 && !memcmp(ctx->tail, names[i], 3))
			fsid = i;
	if (!fsid)
		return -ENOENT;
	mutex_lock(&tmpfs_lock);
	root = tnode_root(fsid);
	if (root)
		answer_node(rep, root);
	mutex_unlock(&tmpfs_lock);
	if (!root)
		return -ENOMEM;
	put_node(root);
	return 0;
}

int rpc_handle_m_fs_lookup(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			   struct rpc_fs_node_reply *rep)
{
	struct tnode *dir = find_node(&req->fid), *node = NULL;
	int err = 0;

	if (!dir)
		return -ESTALE;
	mutex_lock(&tmpfs_lock);
	if (!S_ISDIR(dir->mode))
		err = -ENOTDIR;
	else if (!(node = tnode_lookup(dir, tail_name(ctx))))
		err = -ENOENT;
	else
		answer_node(rep, node);
	mutex_unlock(&tmpfs_lock);
	put_node(dir);
	return err;
}

int rpc_handle_m_fs_getattr(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			    struct rpc_fs_attr_reply *rep)
{
	struct tnode *node = find_node(&req->fid);

	if (!node)
		return -ESTALE;
	mutex_lock(&tmpfs_lock);
	rep->attr = attr_of(node);
	mutex_unlock(&tmpfs_lock);
	put_node(node);
	return 0;
}

/* Cut @node to @size; what is cut away must read as zeros ever after. */
static int set_size(struct tnode *node, u64 size)
{
	struct cfile *file = &node->file;
	u64 in_page = size & (PAGE_SIZE - 1);
	int err;

	if (size > TMPFS_MAX_BYTES)
		return -EFBIG;
	err = tmpfs_begin_write(file);
	if (err)
		return err;
	if (size < file->size_bytes) {
		u32 pfn = FRAME_NONE;

		WRITE_ONCE(file->size_bytes, size);
		pagecache_remove(file, DIV_ROUND_UP(size, PAGE_SIZE), ~0ul);
		if (in_page)
			pfn = pagecache_find(&file->fid, size >> PAGE_SHIFT);
		if (pfn != FRAME_NONE) {
			memset((u8 *)frame_kaddr(pfn) + in_page, 0,
			       PAGE_SIZE - in_page);
			frame_put(pfn);
		}
	}
	WRITE_ONCE(file->size_bytes, size);
	tmpfs_end_write(file);
	return 0;
}

int rpc_handle_m_fs_setattr(struct rpc_ctx *ctx,
			    const struct rpc_fs_setattr *req,
			    struct rpc_fs_attr_reply *rep)
{
	struct tnode *node = find_node(&req->fid);
	u32 mask = le32_get(req->mask);
	int err = 0;

	if (!node)
		return -ESTALE;
	if (mask & FS_SET_SIZE)
		err = set_size(node, le64_get(req->size_bytes));
	mutex_lock(&tmpfs_lock);
	if (!err) {
		if (mask & FS_SET_MODE)
			node->mode = (node->mode & S_IFMT) |
				     (le32_get(req->mode) & ~S_IFMT & 07777);
		if (mask & FS_SET_UID)
			node->uid = le32_get(req->uid);
		if (mask & FS_SET_GID)
			node->gid = le32_get(req->gid);
		if (mask & FS_SET_ATIME)
			node->atime_ns = le64_get(req->atime_ns);
		if (mask & FS_SET_MTIME)
			node->mtime_ns = le64_get(req->mtime_ns);
		node->ctime_ns = time_real_ns();
		rep->attr = attr_of(node);
	}
	mutex_unlock(&tmpfs_lock);
	put_node(node);
	return err;
}

/* ---- readdir ------------------------------------------------------------- */

/* Append one entry to the reply; false if there is no room. */
static bool add_dirent(struct rpc_ctx *ctx, u64 cookie, struct tnode *node,
		       struct tstring name)
{
	u32 bytes = ALIGN_UP((u32)sizeof(struct wire_dirent) + name.len, 8);
	u8 *out = (u8 *)ctx->rep_tail + ctx->rep_tail_len;
	struct wire_dirent entry = {
		.ino = le64_make(node->file.fid.ino),
		.next_cookie = le64_make(cookie),
		.type = le32_make(DT_OF_MODE(node->mode)),
		.name_len = le32_make(name.len),
	};

	if (ctx->rep_tail_len + bytes > RPC_MAX_TAIL)
		return false;
	memset(out, 0, bytes);
	memcpy(out, &entry, sizeof(entry));
	memcpy(out + sizeof(entry), name.text, name.len);
	ctx->rep_tail_len += bytes;
	return true;
}

int rpc_handle_m_fs_readdir(struct rpc_ctx *ctx,
			    const struct rpc_fs_readdir *req,
			    struct rpc_none *rep)
{
	struct tnode *dir = find_node(&req->fid);
	u64 cookie = le64_get(req->cookie);
	struct tname *name;

	if (!dir)
		return -ESTALE;
	if (!S_ISDIR(dir->mode)) {
		put_node(dir);
		return -ENOTDIR;
	}
	ctx->rep_tail_len = 0;
	mutex_lock(&tmpfs_lock);
	if (cookie < 1)
		add_dirent(ctx, 1, dir, (struct tstring){".", 1});
	if (cookie < 2)
		add_dirent(ctx, 2, dir->parent, (struct tstring){"..", 2});
	list_for_each_entry (name, &dir->names, dir_link)
		if (name->cookie > cookie &&
		    !add_dirent(ctx, name->cookie, name->node,
				(struct tstring){name->text, name->len}))
			break;
	mutex_unlock(&tmpfs_lock);
	put_node(dir);
	return 0;
}

int rpc_handle_m_fs_readlink(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			     struct rpc_none *rep)
{
	struct tnode *node = find_node(&req->fid);
	int err = -EINVAL;

	if (!node)
		return -ESTALE;
	if (node->target) {
		ctx->rep_tail_len = (u32)strlen(node->target);
		memcpy(ctx->rep_tail, node->target, ctx->rep_tail_len);
		err = 0;
	}
	put_node(node);
	return err;
}

/* ---- names --------------------------------------------------------------- */

int rpc_handle_m_fs_create(struct rpc_ctx *ctx, const struct rpc_fs_create *req,
			   struct rpc_fs_node_reply *rep)
{
	struct tnode_attr attr = {.mode = le32_get(req->mode),
				  .uid = le32_get(req->uid),
				  .gid = le32_get(req->gid),
				  .rdev = le32_get(req->rdev)};
	struct tstring name = tail_name(ctx), target = {};
	struct tnode *dir, *node;
	int err;

	if (!(attr.mode & S_IFMT))
		attr.mode |= S_IFREG;
	attr.mode &= S_IFMT | 07777;
	if (S_ISLNK(attr.mode) &&
	    (!split_tail(ctx, &name, &target) || !target.len ||
	     target.len >= PATH_MAX || memchr(target.text, 0, target.len)))
		return -EINVAL;
	dir = find_node(&req->dir);
	if (!dir)
		return -ESTALE;
	mutex_lock(&tmpfs_lock);
	err = tnode_create(dir, name, &attr, target, &node);
	if (!err)
		answer_node(rep, node);
	mutex_unlock(&tmpfs_lock);
	if (!err)
		put_node(node);
	put_node(dir);
	return err;
}

int rpc_handle_m_fs_unlink(struct rpc_ctx *ctx, const struct rpc_fs_unlink *req,
			   struct rpc_none *rep)
{
	struct tnode *dir = find_node(&req->dir);
	int err;

	if (!dir)
		return -ESTALE;
	mutex_lock(&tmpfs_lock);
	err = tnode_unlink(dir, tail_name(ctx),
			   le32_get(req->flags) & FS_UNLINK_DIR);
	mutex_unlock(&tmpfs_lock);
	put_node(dir);
	return err;
}

int rpc_handle_m_fs_rename(struct rpc_ctx *ctx, const struct rpc_fs_rename *req,
			   struct rpc_none *rep)
{
	u32 flags = le32_get(req->flags);
	struct tstring old_name, new_name;
	struct tnode *old_dir, *new_dir;
	int err = -ESTALE;

	if (!split_tail(ctx, &old_name, &new_name) ||
	    (flags & ~RENAME_NOREPLACE))
		return -EINVAL;
	old_dir = find_node(&req->old_dir);
	new_dir = find_node(&req->new_dir);
	if (old_dir && new_dir) {
		mutex_lock(&tmpfs_lock);
		err = tnode_rename(old_dir, old_name, new_dir, new_name,
				   !(flags & RENAME_NOREPLACE));
		mutex_unlock(&tmpfs_lock);
	}
	if (old_dir)
		put_node(old_dir);
	if (new_dir)
		put_node(new_dir);
	return err;
}

int rpc_handle_m_fs_link(struct rpc_ctx *ctx, const struct rpc_fs_link *req,
			 struct rpc_fs_attr_reply *rep)
{
	struct tnode *node = find_node(&req->fid), *dir = find_node(&req->dir);
	int err = -ESTALE;

	if (node && dir) {
		mutex_lock(&tmpfs_lock);
		err = tnode_link(node, dir, tail_name(ctx));
		if (!err)
			rep->attr = attr_of(node);
		mutex_unlock(&tmpfs_lock);
	}
	if (node)
		put_node(node);
	if (dir)
		put_node(dir);
	return err;
}

int rpc_handle_m_fs_statfs(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			   struct rpc_fs_statfs_reply *rep)
{
	struct tnode *node = find_node(&req->fid);

	if (!node)
		return -ESTALE;
	put_node(node);
	*rep = (struct rpc_fs_statfs_reply){
		.nr_blocks = le64_make(pool.nr_frames),
		.nr_free = le64_make(frames_nr_free()),
		.nr_files = le64_make(tmpfs_max_nodes()),
		.nr_files_free = le64_make(tmpfs_nr_free_nodes()),
		.block_bytes = le32_make(PAGE_SIZE),
		.name_max = le32_make(NAME_MAX),
		.magic = le32_make(TMPFS_MAGIC),
	};
	return 0;
}

/* ---- open files ---------------------------------------------------------- */

int rpc_handle_m_fs_open(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			 struct rpc_fs_attr_reply *rep)
{
	struct client *client = client_enter(ctx->peer);
	struct tnode *node;

	if (!client)
		return -EHOSTDOWN;
	node = find_node(&req->fid);
	if (node) {
		/* The reference found is the open's. */
		mutex_lock(&tmpfs_lock);
		node->nr_opens[client->id]++;
		rep->attr = attr_of(node);
		mutex_unlock(&tmpfs_lock);
	}
	client_leave(client);
	return node ? 0 : -ESTALE;
}

int rpc_handle_m_fs_release(struct rpc_ctx *ctx, const struct rpc_fs_fid *req,
			    struct rpc_none *rep)
{
	struct client *client = client_enter(ctx->peer);
	struct tnode *node;
	bool was_open = false;

	if (!client)
		return -EHOSTDOWN;
	node = find_node(&req->fid);
	if (node) {
		mutex_lock(&tmpfs_lock);
		was_open = node->nr_opens[client->id];
		node->nr_opens[client->id] -= was_open;
		mutex_unlock(&tmpfs_lock);
		put_node(node);
		if (was_open)
			put_node(node);
	}
	client_leave(client);
	return was_open ? 0 : -EBADF;
}
