/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_TESTING_H
#define MEMORY_TESTING_H
/* What the host tests of the memory manager share (testing_hosttest.c). */
#include <fake_cluster.h>
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <managers/memory/aspace.h>
#include <managers/memory/fileio.h>
#include <managers/memory/frames.h>
#include <managers/memory/tmpfs.h>
#include <uapi/mman.h>

extern struct fake_call call;      /* the last one */
extern struct peer peer_a, peer_b; /* processor nodes */

/** memory_test_begin - a memory node with a pool of @nr_frames. */
void memory_test_begin(u32 nr_frames);
/** memory_test_end - all peers leave; expects that nothing is left over. */
void memory_test_end(void);

static inline struct rpc_ctx *from_a(u64 bulk_bytes)
{
	return fake_call_begin(&call, &peer_a, NULL, 0, bulk_bytes);
}

static inline struct rpc_ctx *from_a_tail(const void *tail, u32 tail_len)
{
	return fake_call_begin(&call, &peer_a, tail, tail_len, 0);
}

/** test_aspace - an address space of peer_a with nothing in it. */
u32 test_aspace(void);
/* Calls of peer_a, in short. */
u32 test_grant(void);
int test_page_op(u32 asid, u64 vaddr, u64 pfn, u32 op);
int test_mmap(u32 asid, u64 vaddr, u64 len, u32 prot, u32 flags, u64 *out);
int test_map_file(u32 asid, struct wire_fid fid, u64 vaddr, u64 len, u32 prot,
		  u32 flags, u64 pgoff);
int test_range(int (*handler)(struct rpc_ctx *, const struct rpc_m_range *,
			      struct rpc_none *),
	       u32 asid, u64 vaddr, u64 len, u32 arg);
int test_fault(u32 asid, u64 vaddr, u32 access, struct rpc_m_fault_reply *rep);
u32 test_fork(u32 asid);
int test_exit(u32 asid);

#endif /* MEMORY_TESTING_H */
