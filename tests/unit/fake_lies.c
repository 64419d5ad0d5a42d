/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_lies.h"

#include "fake_m.h"

#include <lib/minmax.h>
#include <lib/rand.h>
#include <mm/page.h>

u32 fake_lies_nth;
static struct rand lie_rand;
static u32 nr_frames;

static u64 any_frame(void)
{
	return rand_below(&lie_rand, nr_frames + 2);
}

static le64 any_vaddr(le64 right)
{
	static const u64 vaddrs[] = {0,
				     1,
				     0x1000,
				     0x200000,
				     0x10000000,
				     0x10008000,
				     0x7fefffff8000,
				     0x7ff000000000,
				     0x7ffffffff000,
				     0x800000000000,
				     0xffff800000000000,
				     ~0xffful,
				     ~0ul};

	if (!rand_below(&lie_rand, 4))
		return le64_make(le64_get(right) +
				 rand_below(&lie_rand, 64) * PAGE_SIZE / 2 -
				 16 * PAGE_SIZE);
	return le64_make(vaddrs[rand_below(&lie_rand, ARRAY_SIZE(vaddrs))]);
}

static void lie_of_frames(struct rpc_args *args)
{
	le64 *pfns = args->rep_tail;

	for (u32 i = 0; i < args->rep_tail_len / sizeof(*pfns); i++)
		if (rand_below(&lie_rand, 2))
			pfns[i] = le64_make(any_frame());
}

static void lie_of_fault(struct rpc_m_fault_reply *rep)
{
	if (rand_below(&lie_rand, 4))
		rep->pfn = le64_make(any_frame());
	if (rand_below(&lie_rand, 2))
		rep->flags = le32_make((u32)rand_u64(&lie_rand));
}

static void lie_of_exec(struct rpc_m_exec_reply *rep, struct rpc_args *args)
{
	struct wire_vma *vmas = args->rep_tail;

	rep->sp = any_vaddr(rep->sp);
	rep->start_brk = any_vaddr(rep->start_brk);
	if (rand_below(&lie_rand, 2) || !args->rep_tail_len)
		return;
	vmas[0].start = any_vaddr(vmas[0].start);
	vmas[0].prot = le32_make((u32)rand_below(&lie_rand, 16));
	vmas[0].flags = le32_make((u32)rand_below(&lie_rand, 0x1000));
	vmas[1] = vmas[0];
	vmas[1].end = any_vaddr(vmas[0].end);
	args->rep_tail_len += (u32)rand_below(&lie_rand, sizeof(vmas[0]) + 1);
}

/* Make the reply to @op, which is @rc, a wrong one. */
static int lie(enum rpc_op op, struct rpc_args *args, int rc)
{
	struct rpc_m_mmap_reply *mapped = args->rep;
	struct rpc_m_vaddr_reply *at = args->rep;

	if (!rand_below(&lie_rand, 8))
		return -1 - (int)rand_below(&lie_rand, 133);
	if (rc)
		return rc;
	switch (op) {
	case RPC_m_grant:
		lie_of_frames(args);
		break;
	case RPC_m_fault:
		lie_of_fault(args->rep);
		lie_of_frames(args);
		break;
	case RPC_m_mmap:
		mapped->vaddr = any_vaddr(mapped->vaddr);
		if (!rand_below(&lie_rand, 4))
			mapped->fid.ino = le64_make(rand_below(&lie_rand, 9));
		break;
	case RPC_m_mremap:
	case RPC_m_brk:
	case RPC_m_grow:
		at->vaddr = any_vaddr(at->vaddr);
		break;
	case RPC_m_exec:
		lie_of_exec(args->rep, args);
		break;
	default:
		break;
	}
	return 0;
}

int fake_lies_reply(enum rpc_op op, struct rpc_args *args, int rc, u32 frames)
{
	nr_frames = frames;
	if (!fake_lies_nth || rand_below(&lie_rand, fake_lies_nth))
		return rc;
	return lie(op, args, rc);
}

void fake_m_lie(u64 seed, u32 nth)
{
	rand_seed(&lie_rand, seed);
	fake_lies_nth = nth;
}
