/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages behind mapping.h: decode, lock, do. */
#include <managers/memory/mapping.h>

#include <lib/errno.h>
#include <managers/memory/frames.h>
#include <managers/memory/pagecache.h>
#include <managers/memory/tmpfs.h>
#include <net/rpc.h>
#include <uapi/mman.h>

/* Find the address space and lock it for writing. */
static int begin_write(struct aspace_call *call, struct peer *peer, u32 asid)
{
	int err = aspace_call_begin(call, peer, asid);

	if (err)
		return err;
	down_write(&call->aspace->lock);
	if (!call->aspace->is_dead)
		return 0;
	up_write(&call->aspace->lock);
	aspace_call_end(call);
	return -ESRCH;
}

static void end_write(struct aspace_call *call)
{
	up_write(&call->aspace->lock);
	aspace_call_end(call);
}

/*
 * The file to map, held so that it cannot vanish on the way; shared anonymous
 * memory gets a nameless one of tmpfs.  *@file stays NULL for private
 * anonymous memory.
 */
static int find_file(struct mmap_request *req, struct cfile **file)
{
	*file = NULL;
	if (!file_id_is_none(&req->fid)) {
		*file = cfile_get(&req->fid);
		return *file ? 0 : -ESTALE;
	}
	if ((req->flags & MAP_TYPE) == MAP_SHARED_VALIDATE)
		return -EINVAL;
	if ((req->flags & MAP_TYPE) != MAP_SHARED)
		return 0;
	if (!req->len_bytes)
		return -EINVAL;
	/* As for private memory: what can never be had is refused. */
	if (req->len_bytes > pool.nr_frames * PAGE_SIZE &&
	    !(req->flags & MAP_NORESERVE))
		return -ENOMEM;
	req->vma_flags |= VMA_MAYWRITE;
	if (req->only_ask)
		return 0;
	*file = tmpfs_make_anonymous(req->len_bytes);
	if (!*file)
		return -ENOMEM;
	req->fid = (*file)->fid;
	req->pgoff_pages = 0;
	return 0;
}

int rpc_handle_m_mmap(struct rpc_ctx *ctx, const struct rpc_m_mmap *wire,
		      struct rpc_m_mmap_reply *rep)
{
	struct mmap_request req = {
		.vaddr = le64_get(wire->vaddr),
		.len_bytes = le64_get(wire->len_bytes),
		.pgoff_pages = le64_get(wire->pgoff_pages),
		.prot = le32_get(wire->prot),
		.flags = le32_get(wire->flags),
		.vma_flags = le32_get(wire->vma_flags),
		.only_ask = le32_get(wire->vma_flags) & RPC_ONLY_ASK,
		.fid = wire_fid_get(&wire->fid),
	};
	struct aspace_call call;
	struct cfile *file;
	u64 vaddr = 0;
	int err = find_file(&req, &file);

	if (err)
		return err;
	err = begin_write(&call, ctx->peer, le32_get(wire->asid));
	if (!err) {
		err = mapping_mmap(call.aspace, &req, &vaddr);
		end_write(&call);
	}
	if (file)
		cfile_put(file);
	*rep = (struct rpc_m_mmap_reply){.vaddr = le64_make(vaddr),
					 .fid = wire_fid_make(&req.fid)};
	return err;
}

int rpc_handle_m_munmap(struct rpc_ctx *ctx, const struct rpc_m_range *req,
			struct rpc_none *rep)
{
	struct aspace_call call;
	int err = begin_write(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	err = mapping_munmap(call.aspace, le64_get(req->vaddr),
			     le64_get(req->len_bytes));
	end_write(&call);
	return err;
}

int rpc_handle_m_mprotect(struct rpc_ctx *ctx, const struct rpc_m_range *req,
			  struct rpc_none *rep)
{
	struct aspace_call call;
	int err = begin_write(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	err = mapping_mprotect(call.aspace, le64_get(req->vaddr),
			       le64_get(req->len_bytes), le32_get(req->arg));
	end_write(&call);
	return err;
}

int rpc_handle_m_madvise(struct rpc_ctx *ctx, const struct rpc_m_range *req,
			 struct rpc_none *rep)
{
	struct aspace_call call;
	int err = begin_write(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	err = mapping_madvise(call.aspace, le64_get(req->vaddr),
			      le64_get(req->len_bytes), le32_get(req->arg));
	end_write(&call);
	return err;
}

int rpc_handle_m_mremap(struct rpc_ctx *ctx, const struct rpc_m_mremap *wire,
			struct rpc_m_vaddr_reply *rep)
{
	struct mremap_request req = {
		.old_start = le64_get(wire->old_vaddr),
		.old_bytes = le64_get(wire->old_len_bytes),
		.new_bytes = le64_get(wire->new_len_bytes),
		.new_start = le64_get(wire->new_vaddr),
		.flags = le32_get(wire->flags) & ~RPC_ONLY_ASK,
		.only_ask = le32_get(wire->flags) & RPC_ONLY_ASK,
	};
	struct aspace_call call;
	u64 vaddr = 0;
	int err = begin_write(&call, ctx->peer, le32_get(wire->asid));

	if (err)
		return err;
	err = mapping_mremap(call.aspace, &req, &vaddr);
	end_write(&call);
	rep->vaddr = le64_make(vaddr);
	return err;
}

int rpc_handle_m_brk(struct rpc_ctx *ctx, const struct rpc_m_brk *req,
		     struct rpc_m_vaddr_reply *rep)
{
	struct aspace_call call;
	int err = begin_write(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	rep->vaddr = le64_make(mapping_brk(call.aspace, le64_get(req->vaddr)));
	end_write(&call);
	return 0;
}

int rpc_handle_m_grow(struct rpc_ctx *ctx, const struct rpc_m_brk *req,
		      struct rpc_m_vaddr_reply *rep)
{
	struct aspace_call call;
	u64 start = 0;
	int err = begin_write(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	err = mapping_grow(call.aspace, le64_get(req->vaddr), &start);
	end_write(&call);
	rep->vaddr = le64_make(start);
	return err;
}

int rpc_handle_m_vma_flags(struct rpc_ctx *ctx,
			   const struct rpc_m_vma_flags *req,
			   struct rpc_none *rep)
{
	struct aspace_call call;
	int err = begin_write(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	err = mapping_set_flags(call.aspace, le64_get(req->vaddr),
				le64_get(req->len_bytes), le32_get(req->set),
				le32_get(req->clear));
	end_write(&call);
	return err;
}

int rpc_handle_m_resident(struct rpc_ctx *ctx, const struct rpc_m_range *req,
			  struct rpc_none *rep)
{
	u64 len = le64_get(req->len_bytes);
	struct aspace_call call;
	int err = aspace_call_begin(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	down_read(&call.aspace->lock);
	err = mapping_residents(call.aspace, le64_get(req->vaddr), len,
				ctx->rep_tail);
	up_read(&call.aspace->lock);
	aspace_call_end(&call);
	if (!err)
		ctx->rep_tail_len = (u32)DIV_ROUND_UP(len, PAGE_SIZE);
	return err;
}
