/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/memory/testing.h>

#include <kernel/counters.h>
#include <kernel/thread.h>
#include <managers/memory/pagecache.h>

struct fake_call call;
struct peer peer_a, peer_b;

static void stop(void)
{
	fileio_stop();
	tmpfs_stop();
	pagecache_stop();
	aspaces_stop();
}

void memory_test_begin(u32 nr_frames)
{
	peer_a = (struct peer){.guid = 0xa,
			       .role = ROLE_PROCESSOR,
			       .index = 3,
			       .is_alive = true};
	peer_b = (struct peer){.guid = 0xb,
			       .role = ROLE_PROCESSOR,
			       .index = 4,
			       .is_alive = true};
	if (frames_start((u64)nr_frames * PAGE_SIZE) || pagecache_start() ||
	    aspaces_start() || fileio_start() || frames_register())
		EXPECT_TRUE(false);
	tmpfs_start();
	clients_open(true);
}

void memory_test_end(void)
{
	fake_peer_gone(&peer_a);
	fake_peer_gone(&peer_b);
	EXPECT_EQ(peer_a.nr_refs, 0);
	EXPECT_EQ(peer_b.nr_refs, 0);
	stop();
	EXPECT_EQ(gauge_read(nr_pool_frames_used), 0);
	EXPECT_EQ(gauge_read(nr_pool_frames_granted), 0);
	EXPECT_EQ(gauge_read(nr_pagecache_pages), 0);
	EXPECT_EQ(gauge_read(nr_aspaces), 0);
	EXPECT_EQ(gauge_read(nr_memory_vmas), 0);
	EXPECT_EQ(gauge_read(nr_memory_tables), 0);
	EXPECT_EQ(gauge_read(nr_tmpfs_nodes), 0);
	for (u32 pfn = 0; pfn < pool.nr_frames; pfn++)
		EXPECT_EQ(frame_state(pfn), FRAME_FREE);
	frames_stop();
	fake_cluster_reset();
}

u32 test_aspace(void)
{
	struct client *client = client_enter(&peer_a);
	struct aspace *aspace = aspace_create(client);
	u32 asid;

	aspace->mmap_base = 0x7ffff7fff000;
	aspace->start_brk = aspace->brk = 0x600000;
	aspace_publish(aspace);
	asid = aspace->asid;
	home_aspace_put(aspace);
	client_leave(client);
	return asid;
}

u32 test_grant(void)
{
	struct rpc_m_grant req = {.nr_frames = le32_make(1)};
	struct rpc_m_grant_reply rep;

	if (rpc_handle_m_grant(from_a(0), &req, &rep))
		return FRAME_NONE;
	return (u32)le64_get(*(le64 *)call.rep_tail);
}

int test_page_op(u32 asid, u64 vaddr, u64 pfn, u32 op)
{
	struct rpc_m_asid req = {.asid = le32_make(asid)};
	struct wire_page_op ops = {.vaddr = le64_make(vaddr | op),
				   .pfn = le64_make(pfn)};

	return rpc_handle_m_pages(from_a_tail(&ops, sizeof(ops)), &req, NULL);
}

int test_mmap(u32 asid, u64 vaddr, u64 len, u32 prot, u32 flags, u64 *out)
{
	struct rpc_m_mmap req = {.asid = le32_make(asid),
				 .vaddr = le64_make(vaddr),
				 .len_bytes = le64_make(len),
				 .prot = le32_make(prot),
				 .flags = le32_make(flags)};
	struct rpc_m_mmap_reply rep;
	int err = rpc_handle_m_mmap(from_a(0), &req, &rep);

	*out = err ? 0 : le64_get(rep.vaddr);
	return err;
}

int test_map_file(u32 asid, struct wire_fid fid, u64 vaddr, u64 len, u32 prot,
		  u32 flags, u64 pgoff)
{
	struct rpc_m_mmap req = {.asid = le32_make(asid),
				 .vaddr = le64_make(vaddr),
				 .len_bytes = le64_make(len),
				 .pgoff_pages = le64_make(pgoff),
				 .prot = le32_make(prot),
				 .flags = le32_make(flags | MAP_FIXED),
				 .fid = fid};
	struct rpc_m_mmap_reply rep;

	if (flags & MAP_SHARED)
		req.vma_flags = le32_make(VMA_MAYWRITE);
	return rpc_handle_m_mmap(from_a(0), &req, &rep);
}

int test_range(int (*handler)(struct rpc_ctx *, const struct rpc_m_range *,
			      struct rpc_none *),
	       u32 asid, u64 vaddr, u64 len, u32 arg)
{
	struct rpc_m_range req = {.asid = le32_make(asid),
				  .arg = le32_make(arg),
				  .vaddr = le64_make(vaddr),
				  .len_bytes = le64_make(len)};

	return handler(from_a(0), &req, NULL);
}

int test_fault(u32 asid, u64 vaddr, u32 access, struct rpc_m_fault_reply *rep)
{
	struct rpc_m_fault req = {.asid = le32_make(asid),
				  .access = le32_make(access),
				  .vaddr = le64_make(vaddr)};

	memset(call.bulk, 0, PAGE_SIZE);
	return rpc_handle_m_fault(from_a(PAGE_SIZE), &req, rep);
}

u32 test_fork(u32 asid)
{
	struct rpc_m_asid req = {.asid = le32_make(asid)};
	struct rpc_m_fork_reply rep;

	if (rpc_handle_m_fork(from_a(0), &req, &rep))
		return 0;
	return le32_get(rep.child_asid);
}

int test_exit(u32 asid)
{
	struct rpc_m_asid req = {.asid = le32_make(asid)};

	return rpc_handle_m_exit(from_a(0), &req, NULL);
}

/* One thread tests: there are no others to run. */
void thread_yield(void) {}
