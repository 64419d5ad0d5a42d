/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * m_exec: layout of a new address space, after Linux on x86-64:
 *
 *	program (ET_DYN)   0x555555554000, randomly up to 2^28 pages higher;
 *	                   one without interpreter goes to the mappings
 *	heap               behind the program, randomly up to 32 MiB higher
 *	mappings           downwards from below the stack's largest size
 *	stack              up to 0x7ffffffff000, randomly up to 2^22 pages lower
 */
#include <managers/memory/exec.h>

#include <kernel/counters.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/frames.h>
#include <managers/memory/mapping.h>
#include <managers/memory/tmpfs.h>
#include <mm/slab.h>
#include <uapi/mman.h>

#define PIE_BASE          ALIGN_DOWN(USER_TOP / 3 * 2, PAGE_SIZE)
#define MMAP_RANDOM_BITS  28u
#define STACK_RANDOM_BITS 22u
#define BRK_RANDOM_BITS   13u /* 32 MiB */
#define STACK_GUARD_BYTES (256u * PAGE_SIZE)
#define MMAP_GAP_MIN      (128ul << 20)
#define STACK_MIN_BYTES   (128ul << 10)
#define STACK_MAX_BYTES   (1ul << 30)
#define MAX_VMAS          64u /* room in the reply */

static int decode(const struct rpc_m_exec *req, const struct rpc_ctx *ctx,
		  struct exec *e)
{
	e->stack_bytes = ALIGN_UP(clamp(le64_get(req->stack_bytes),
					STACK_MIN_BYTES, STACK_MAX_BYTES),
				  PAGE_SIZE);
	e->hwcap = le64_get(req->hwcap);
	e->random[0] = le64_get(req->random[0]);
	e->random[1] = le64_get(req->random[1]);
	e->argc = le32_get(req->argc);
	e->envc = le32_get(req->envc);
	e->strings_bytes = le32_get(req->strings_bytes);
	e->uid = le32_get(req->uid);
	e->gid = le32_get(req->gid);
	e->is_randomized = !(le32_get(req->flags) & RPC_EXEC_NO_RANDOMIZE);
	rand_seed(&e->rand, hash_u64(le64_get(req->random[2])) ^
				    le64_get(req->random[3]));
	if (e->strings_bytes > RPC_EXEC_MAX_STRINGS)
		return -E2BIG;
	if (!e->strings_bytes || e->strings_bytes > ctx->bulk_bytes)
		return -EINVAL;
	/* Each string has its NUL. */
	if (e->argc > e->strings_bytes || e->envc > e->strings_bytes)
		return -EINVAL;
	return 0;
}

static int open_file(struct exec_file *f, const struct wire_fid *wire)
{
	struct file_id fid = wire_fid_get(wire);
	int err;

	f->file = cfile_get(&fid);
	if (!f->file)
		return -EIO;
	err = f->file->is_local ? tmpfs_may_read(f->file) : 0;
	return err ? -EACCES : exec_read_image(f);
}

static int open_files(struct exec *e, const struct rpc_m_exec *req)
{
	int err = open_file(&e->exe, &req->exe);

	if (err || !e->exe.image.interp_bytes)
		return err;
	if (!le64_get(req->interp.node_guid))
		return -ENOEXEC;
	return open_file(&e->interp, &req->interp);
}

/* Room for the stack at its largest; trim_stack() gives back most. */
static int map_stack(struct exec *e)
{
	struct vma vma = {.prot = PROT_READ | PROT_WRITE,
			  .flags = VMA_STACK | VMA_GROWSDOWN};
	u64 gap = e->stack_bytes + STACK_GUARD_BYTES;

	if (e->exe.image.exec_stack)
		vma.prot |= PROT_EXEC;
	e->stack_top = USER_TOP - exec_random_pages(e, STACK_RANDOM_BITS);
	vma.start = e->stack_top - e->stack_bytes;
	vma.end = e->stack_top;
	if (e->is_randomized)
		gap += PAGE_SIZE << STACK_RANDOM_BITS;
	gap = max(gap, MMAP_GAP_MIN);
	e->aspace->mmap_base =
		USER_TOP - gap - exec_random_pages(e, MMAP_RANDOM_BITS);
	return vma_map(&e->aspace->vmas, &vma);
}

/* As Linux, the stack has 128 KiB below what is on it, and grows. */
static int trim_stack(struct exec *e)
{
	u64 bottom = e->stack_top - e->stack_bytes;
	u64 start = ALIGN_DOWN(e->sp, PAGE_SIZE) - STACK_MIN_BYTES;

	e->aspace->limit_stack_bytes = e->stack_bytes;
	if (start <= bottom)
		return 0;
	return vma_unmap(&e->aspace->vmas, bottom, start);
}

/* Place a position-independent image among the mappings. */
static int place_in_mappings(struct exec *e, struct exec_file *f)
{
	u64 align = f->image.align_bytes, bytes = f->image.high - f->image.low;
	u64 room = mapping_find_room(e->aspace, bytes + align - PAGE_SIZE);

	if (!room)
		return -ENOMEM;
	/* low keeps its place within the alignment */
	f->bias = ALIGN_UP(room - ALIGN_DOWN(f->image.low, align), align);
	return 0;
}

static int map_program(struct exec *e)
{
	struct exec_file *exe = &e->exe;
	u64 base;
	int err;

	if (exe->image.header.is_dyn && e->interp.file) {
		base = PIE_BASE + exec_random_pages(e, MMAP_RANDOM_BITS);
		exe->bias = ALIGN_DOWN(base, exe->image.align_bytes) -
			    ALIGN_DOWN(exe->image.low, exe->image.align_bytes);
	} else if (exe->image.header.is_dyn) {
		err = place_in_mappings(e, exe);
		if (err)
			return err;
	}
	return exec_map_image(e->aspace, exe);
}

static int map_interp(struct exec *e)
{
	int err = 0;

	if (!e->interp.file)
		return 0;
	if (e->interp.image.header.is_dyn)
		err = place_in_mappings(e, &e->interp);
	return err ? err : exec_map_image(e->aspace, &e->interp);
}

static void set_brk(struct exec *e)
{
	struct aspace *aspace = e->aspace;

	aspace->start_brk = e->exe.image.high + e->exe.bias;
	if (e->exe.image.header.is_dyn && !e->interp.file)
		aspace->start_brk = PIE_BASE; /* not among the mappings */
	aspace->start_brk += exec_random_pages(e, BRK_RANDOM_BITS);
	aspace->brk = aspace->start_brk;
}

/* Code and data as /proc/PID/stat knows them. */
static void describe_image(const struct exec_file *exe,
			   struct rpc_m_exec_reply *rep)
{
	u64 start_code = ~0ul, end_code = 0, start_data = 0, end_data = 0;

	for (u32 i = 0; i < exe->image.nr_segments; i++) {
		const struct elf_segment *s = &exe->image.segments[i];
		u64 start = s->vaddr + exe->bias;
		u64 end = start + s->file_bytes;

		start_code = min(start_code, start);
		start_data = max(start_data, start);
		if (s->prot & PROT_EXEC)
			end_code = max(end_code, end);
		end_data = max(end_data, end);
	}
	rep->start_code = le64_make(start_code);
	rep->end_code = le64_make(end_code);
	rep->start_data = le64_make(start_data);
	rep->end_data = le64_make(end_data);
}

static struct wire_vma wire_of(const struct vma *vma)
{
	return (struct wire_vma){
		.start = le64_make(vma->start),
		.end = le64_make(vma->end),
		.pgoff_pages = le64_make(vma->pgoff_pages),
		.prot = le32_make(vma->prot),
		.flags = le32_make(vma->flags),
		.fid = wire_fid_make(&vma->fid),
	};
}

static void describe_vmas(struct aspace *aspace, struct rpc_ctx *ctx)
{
	struct wire_vma *out = ctx->rep_tail;
	const struct vma *vma;

	vma_for_each (vma, &aspace->vmas)
		*out++ = wire_of(vma);
	ctx->rep_tail_len = (u32)(aspace->vmas.nr_vmas * sizeof(*out));
}

static void answer(struct exec *e, struct rpc_ctx *ctx,
		   struct rpc_m_exec_reply *rep)
{
	const struct exec_file *first = e->interp.file ? &e->interp : &e->exe;

	*rep = (struct rpc_m_exec_reply){
		.entry = le64_make(first->image.header.entry + first->bias),
		.sp = le64_make(e->sp),
		.start_brk = le64_make(e->aspace->start_brk),
		.start_stack = le64_make(e->sp),
		.arg_start = le64_make(e->arg_start),
		.arg_end = le64_make(e->arg_end),
		.env_start = le64_make(e->env_start),
		.env_end = le64_make(e->env_end),
		.auxv_start = le64_make(e->auxv_start),
		.auxv_end = le64_make(e->auxv_end),
		.asid = le32_make(e->aspace->asid),
		.nr_vmas = le32_make((u32)e->aspace->vmas.nr_vmas),
	};
	describe_image(&e->exe, rep);
	describe_vmas(e->aspace, ctx);
}

/* Fill the new address space; nobody else can see it yet. */
static int build(struct exec *e, struct rpc_ctx *ctx)
{
	int err = map_stack(e);

	if (!err)
		err = map_program(e);
	if (!err)
		err = map_interp(e);
	if (err)
		return err;
	if (e->aspace->vmas.nr_vmas > MAX_VMAS)
		return -ENOEXEC;
	set_brk(e);
	err = exec_make_stack(e, ctx);
	return err ? err : trim_stack(e);
}

static int run(struct exec *e, struct client *client, struct rpc_ctx *ctx,
	       const struct rpc_m_exec *req, struct rpc_m_exec_reply *rep)
{
	int err = open_files(e, req);

	if (err)
		return err;
	e->aspace = aspace_create(client);
	if (!e->aspace)
		return -ENOMEM;
	err = build(e, ctx);
	if (!err) {
		aspace_publish(e->aspace);
		answer(e, ctx, rep);
		counter_inc(nr_memory_exec);
	}
	home_aspace_put(e->aspace);
	return err;
}

int rpc_handle_m_exec(struct rpc_ctx *ctx, const struct rpc_m_exec *req,
		      struct rpc_m_exec_reply *rep)
{
	/* Some KiB with the two images: not for the stack. */
	struct exec *e = kzalloc(sizeof(*e));
	struct client *client = NULL;
	int err;

	if (!e)
		return -ENOMEM;
	err = decode(req, ctx, e);
	if (!err) {
		client = client_enter(ctx->peer);
		err = client ? run(e, client, ctx, req, rep) : -EHOSTDOWN;
	}
	if (e->exe.file)
		cfile_put(e->exe.file);
	if (e->interp.file)
		cfile_put(e->interp.file);
	kfree(e);
	if (client)
		client_leave(client);
	return err;
}
