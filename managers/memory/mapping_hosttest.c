/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mmap and the like: the meaning and the errors of Linux; hostile input. */
#include <managers/memory/testing.h>

#include <uapi/resource.h>

#define RW        (PROT_READ | PROT_WRITE)
#define ANON      (MAP_PRIVATE | MAP_ANONYMOUS)
#define MMAP_BASE 0x7ffff7fff000ul

static int limit(u32 asid, u32 resource, u64 bytes)
{
	struct rpc_m_setrlimit req = {.asid = le32_make(asid),
				      .resource = le32_make(resource),
				      .limit = le64_make(bytes)};

	return rpc_handle_m_setrlimit(from_a(0), &req, NULL);
}

static int remap(u32 asid, u64 old_vaddr, u64 old_len, u64 new_len, u32 flags,
		 u64 *out)
{
	struct rpc_m_mremap req = {.asid = le32_make(asid),
				   .flags = le32_make(flags),
				   .old_vaddr = le64_make(old_vaddr),
				   .old_len_bytes = le64_make(old_len),
				   .new_len_bytes = le64_make(new_len)};
	struct rpc_m_vaddr_reply rep;
	int err = rpc_handle_m_mremap(from_a(0), &req, &rep);

	*out = err ? 0 : le64_get(rep.vaddr);
	return err;
}

static u64 brk(u32 asid, u64 vaddr)
{
	struct rpc_m_brk req = {.asid = le32_make(asid),
				.vaddr = le64_make(vaddr)};
	struct rpc_m_vaddr_reply rep;

	EXPECT_EQ(rpc_handle_m_brk(from_a(0), &req, &rep), 0);
	return le64_get(rep.vaddr);
}

static u64 nr_vmas(u32 asid)
{
	struct rpc_m_asid req = {.asid = le32_make(asid)};
	struct rpc_m_check_reply rep;

	EXPECT_EQ(rpc_handle_m_aspace_check(from_a(0), &req, &rep), 0);
	return le64_get(rep.nr_vmas);
}

KTEST(mmap_chooses_addresses_as_linux_does)
{
	u64 one, two, v;
	u32 asid;

	memory_test_begin(1024);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, 0, 4096, RW, ANON, &one), 0);
	EXPECT_EQ(one, MMAP_BASE - 4096);
	EXPECT_EQ(test_mmap(asid, 0, 100, RW, ANON, &two), 0);
	EXPECT_EQ(two, one - 4096);
	EXPECT_EQ(nr_vmas(asid), 1);
	/* a free hint is taken, rounded down; a taken one is not */
	EXPECT_EQ(test_mmap(asid, 0x20000123, 4096, RW, ANON, &v), 0);
	EXPECT_EQ(v, 0x20000000);
	EXPECT_EQ(test_mmap(asid, 0x20000000, 4096, RW, ANON, &v), 0);
	EXPECT_EQ(v, two - 4096);
	EXPECT_EQ(test_mmap(asid, 0, 4096, RW, ANON | MAP_32BIT, &v), 0);
	EXPECT_EQ(v, 0x80000000 - 4096);
	/* the first hole from the top that is large enough */
	EXPECT_EQ(test_range(rpc_handle_m_munmap, asid, one, 4096, 0), 0);
	EXPECT_EQ(test_mmap(asid, 0, 8192, RW, ANON, &v), 0);
	EXPECT_TRUE(v < two);
	EXPECT_EQ(test_mmap(asid, 0, 4096, RW, ANON, &v), 0);
	EXPECT_EQ(v, one);
	memory_test_end();
}

KTEST(mmap_errors_are_linux_errors)
{
	struct wire_fid disk;
	u64 v;
	u32 asid;

	memory_test_begin(1024);
	disk = fake_file_add(1, "x", 1);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, 0, 0, RW, ANON, &v), -EINVAL);
	EXPECT_EQ(test_mmap(asid, 0, ~0ul, RW, ANON, &v), -ENOMEM);
	EXPECT_EQ(test_mmap(asid, 0, 1ul << 47, 0, ANON, &v), -ENOMEM);
	EXPECT_EQ(test_mmap(asid, 0, 4096, RW, MAP_ANONYMOUS, &v), -EINVAL);
	EXPECT_EQ(test_mmap(asid, 0x1234, 4096, RW, ANON | MAP_FIXED, &v),
		  -EINVAL);
	EXPECT_EQ(test_mmap(asid, 0, 4096, RW, ANON | MAP_FIXED, &v), -EPERM);
	EXPECT_EQ(
		test_mmap(asid, 0x7ffffffff000, 4096, RW, ANON | MAP_FIXED, &v),
		-ENOMEM);
	EXPECT_EQ(test_mmap(asid, ~0xffful, 8192, RW, ANON | MAP_FIXED, &v),
		  -ENOMEM);
	EXPECT_EQ(test_mmap(asid, 0x20000000, 8192, RW, ANON, &v), 0);
	EXPECT_EQ(test_mmap(asid, 0x20001000, 4096, RW,
			    ANON | MAP_FIXED_NOREPLACE, &v),
		  -EEXIST);
	EXPECT_EQ(test_map_file(asid, disk, 0x30000000, 4096, PROT_READ,
				MAP_PRIVATE, ~0ul),
		  -EOVERFLOW);
	/* a shared mapping of what was not opened for writing */
	EXPECT_EQ(test_map_file(asid, disk, 0x30000000, 4096, PROT_READ,
				MAP_PRIVATE, 0),
		  0);
	EXPECT_EQ(test_range(rpc_handle_m_mprotect, asid, 0x30000000, 4096, RW),
		  0);
	EXPECT_EQ(test_range(rpc_handle_m_mprotect, asid, 0x30001000, 4096, RW),
		  -ENOMEM);
	EXPECT_EQ(test_range(rpc_handle_m_mprotect, asid, 0x30000001, 4096, RW),
		  -EINVAL);
	EXPECT_EQ(test_range(rpc_handle_m_munmap, asid, 0x30000000, 0, 0),
		  -EINVAL);
	EXPECT_EQ(test_range(rpc_handle_m_munmap, asid, ~0xffful, 8192, 0),
		  -EINVAL);
	EXPECT_EQ(test_range(rpc_handle_m_madvise, asid, 0x20000000, 4096, 99),
		  -EINVAL);
	EXPECT_EQ(test_range(rpc_handle_m_madvise, asid, 0x20000000, 1ul << 30,
			     MADV_DONTNEED),
		  -ENOMEM);
	memory_test_end();
}

KTEST(mmap_obeys_limits)
{
	u64 v;
	u32 asid;

	memory_test_begin(1024);
	asid = test_aspace();
	EXPECT_EQ(limit(asid, RLIMIT_AS, 16 * 4096), 0);
	EXPECT_EQ(limit(asid, 99, 0), -EINVAL);
	EXPECT_EQ(test_mmap(asid, 0, 17 * 4096, RW, ANON, &v), -ENOMEM);
	EXPECT_EQ(test_mmap(asid, 0x20000000, 16 * 4096, RW, ANON, &v), 0);
	EXPECT_EQ(test_mmap(asid, 0, 4096, RW, ANON, &v), -ENOMEM);
	/* in place of what is there: no more than before */
	EXPECT_EQ(test_mmap(asid, 0x20000000, 4096, RW, ANON | MAP_FIXED, &v),
		  0);
	EXPECT_EQ(remap(asid, 0x20000000, 4096, 8192, MREMAP_MAYMOVE, &v),
		  -ENOMEM);
	EXPECT_EQ(limit(asid, RLIMIT_AS, ~0ul), 0);
	EXPECT_EQ(limit(asid, RLIMIT_DATA, 20 * 4096), 0);
	EXPECT_EQ(test_mmap(asid, 0, 5 * 4096, RW, ANON, &v), -ENOMEM);
	EXPECT_EQ(test_mmap(asid, 0, 5 * 4096, PROT_READ, ANON, &v), 0);
	EXPECT_EQ(test_range(rpc_handle_m_mprotect, asid, v, 5 * 4096, RW),
		  -ENOMEM);
	EXPECT_EQ(brk(asid, 0x600000 + 5 * 4096), 0x600000);
	EXPECT_EQ(brk(asid, 0x600000 + 3 * 4096), 0x600000 + 3 * 4096);
	memory_test_end();
}

KTEST(brk_grows_shrinks_and_reads_zero_again)
{
	struct rpc_m_fault_reply rep;
	u64 v;
	u32 asid;

	memory_test_begin(1024);
	asid = test_aspace();
	EXPECT_EQ(brk(asid, 0), 0x600000);
	EXPECT_EQ(brk(asid, 0x600000 + 10000), 0x600000 + 10000);
	EXPECT_EQ(test_fault(asid, 0x602000, FAULT_WRITE, &rep), 0);
	memset(frame_kaddr((u32)le64_get(rep.pfn)), 'x', 4096);
	EXPECT_EQ(brk(asid, 0x601000), 0x601000);
	EXPECT_EQ(test_fault(asid, 0x602000, FAULT_WRITE, &rep), -EFAULT);
	EXPECT_EQ(brk(asid, 0x603000), 0x603000);
	EXPECT_EQ(test_fault(asid, 0x602000, FAULT_WRITE, &rep), 0);
	EXPECT_EQ(le32_get(rep.flags), FAULT_ZERO);
	EXPECT_EQ(nr_vmas(asid), 1);
	/* into something else, too low, too high: stays */
	EXPECT_EQ(test_mmap(asid, 0x700000, 4096, RW, ANON, &v), 0);
	EXPECT_EQ(brk(asid, 0x800000), 0x603000);
	EXPECT_EQ(brk(asid, 0x5fffff), 0x603000);
	EXPECT_EQ(brk(asid, ~0ul), 0x603000);
	memory_test_end();
}

KTEST(mremap_grows_in_place_or_moves_its_pages)
{
	struct rpc_m_fault_reply rep;
	u64 a, v, pfn;
	u32 asid;

	memory_test_begin(1024);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, 0x20000000, 8192, RW, ANON, &a), 0);
	EXPECT_EQ(test_fault(asid, a + 4096, FAULT_WRITE, &rep), 0);
	pfn = le64_get(rep.pfn);
	EXPECT_EQ(remap(asid, a, 8192, 4 * 4096, 0, &v), 0);
	EXPECT_EQ(v, a);
	EXPECT_EQ(nr_vmas(asid), 1);
	EXPECT_EQ(test_mmap(asid, a + 4 * 4096, 4096, PROT_READ, ANON, &v), 0);
	EXPECT_EQ(remap(asid, a, 4 * 4096, 5 * 4096, 0, &v), -ENOMEM);
	EXPECT_EQ(remap(asid, a, 4 * 4096, 5 * 4096, MREMAP_MAYMOVE, &v), 0);
	EXPECT_TRUE(v != a);
	EXPECT_EQ(test_fault(asid, v + 4096, FAULT_READ, &rep), 0);
	EXPECT_EQ(le64_get(rep.pfn), pfn);
	EXPECT_EQ(test_fault(asid, a + 4096, FAULT_READ, &rep), -EFAULT);
	EXPECT_EQ(remap(asid, v, 5 * 4096, 4096, 0, &a), 0);
	EXPECT_EQ(a, v);
	EXPECT_EQ(frame_state((u32)pfn), FRAME_FREE);
	EXPECT_EQ(remap(asid, v, 8192, 4096, 0, &a), -EFAULT);
	EXPECT_EQ(remap(asid, v + 1, 4096, 4096, 0, &a), -EINVAL);
	EXPECT_EQ(remap(asid, v, 4096, 0, 0, &a), -EINVAL);
	EXPECT_EQ(remap(asid, v, 4096, ~0ul, MREMAP_MAYMOVE, &a), -EINVAL);
	EXPECT_EQ(remap(asid, v, 4096, 4096, MREMAP_FIXED, &a), -EINVAL);
	memory_test_end();
}

KTEST(mmap_over_touched_pages_reads_zero)
{
	struct rpc_m_fault_reply rep;
	u64 v;
	u32 asid;

	memory_test_begin(1024);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, 0x20000000, 8192, RW, ANON, &v), 0);
	EXPECT_EQ(test_fault(asid, v, FAULT_WRITE, &rep), 0);
	memset(frame_kaddr((u32)le64_get(rep.pfn)), 'x', 4096);
	EXPECT_EQ(test_mmap(asid, v, 4096, RW, ANON | MAP_FIXED, &v), 0);
	EXPECT_EQ(test_fault(asid, v, FAULT_READ, &rep), 0);
	EXPECT_EQ(le32_get(rep.flags), FAULT_ZERO);
	memory_test_end();
}

/* ---- anything at all -------------------------------------------------------
 */

/* A number as an attacker would choose: small, aligned, huge, or known. */
static u64 nasty(struct rand *r, u64 known)
{
	switch (rand_below(r, 8)) {
	case 0:
		return rand_u64(r);
	case 1:
		return ~0ul << rand_below(r, 64);
	case 2:
	case 3:
		return rand_below(r, 8);
	case 4:
	case 5:
		return rand_below(r, 8) * 4096;
	default:
		return known + rand_below(r, 64) * 4096;
	}
}

union any_reply {
	struct rpc_m_exec_reply exec;
	struct rpc_fs_node_reply node;
	u8 bytes[512];
};
static u8 any_request[256], any_tail[RPC_MAX_TAIL];

/* Every message of a memory node, under one type. */
#define ANY_MEMORY(name, req_t, rep_t)                                         \
	static int any_##name(struct rpc_ctx *ctx, const void *req, void *rep) \
	{                                                                      \
		return rpc_handle_##name(ctx, req, rep);                       \
	}
#define ANY_STORAGE(name, req_t, rep_t)
#define ANY_ANY(name, req_t, rep_t)
#define RPC(op, role, name, req_t, rep_t, ...) ANY_##role(name, req_t, rep_t)
#include <rpc/rpc_list.def>
#undef RPC
#undef ANY_MEMORY

static const struct any_op {
	int (*fn)(struct rpc_ctx *ctx, const void *req, void *rep);
	u32 req_bytes, tail_max;
} any_ops[] = {
#define ANY_MEMORY(name, req_t, max) \
	{.fn = any_##name, .req_bytes = sizeof(req_t), .tail_max = (max)},
#define RPC(op, role, name, req_t, rep_t, min, max, ...) \
	ANY_##role(name, req_t, max)
#include <rpc/rpc_list.def>
#undef RPC
};

static void fill_request(struct rand *r, u32 bytes, u32 asid,
			 const struct wire_fid *fids)
{
	for (u32 at = 0; at + 8 <= bytes; at += 8) {
		u64 word = nasty(r, 0x20000000);

		memcpy(any_request + at, &word, 8);
	}
	/* mostly about something that exists */
	if (rand_below(r, 4) && bytes >= 24)
		memcpy(any_request, &fids[rand_below(r, 3)], 24);
	if (rand_below(r, 2) && bytes >= 24)
		memcpy(any_request + bytes - 24, &fids[rand_below(r, 3)], 24);
	if (rand_below(r, 3)) {
		u32 flags = (u32)rand_u64(r) & 0xff;

		memcpy(any_request, &asid, 4);
		memcpy(any_request + 4, &flags, 4);
	}
}

/* Something worth attacking: an address space, names in tmpfs. */
static u32 make_target(struct wire_fid *fids)
{
	struct rpc_fs_node_reply rep;
	struct rpc_fs_fid dir;
	u32 asid = test_aspace();
	u64 v;

	EXPECT_EQ(test_mmap(asid, 0x20000000, 1 << 18, RW, ANON, &v), 0);
	EXPECT_EQ(rpc_handle_m_fs_root(from_a_tail("tmp", 3), NULL, &rep), 0);
	dir.fid = fids[1] = rep.fid;
	if (!rpc_handle_m_fs_lookup(from_a_tail("\1", 1), &dir, &rep))
		fids[2] = rep.fid;
	return asid;
}

KTEST(memory_survives_whatever_a_peer_sends)
{
	static u8 bytes[70000];
	struct wire_fid fids[3] = {};
	union any_reply rep;
	struct rand r;
	u32 asid = 0, nr_done = 0;

	for (u64 seed = 1; seed <= 3; seed++) {
		memory_test_begin(600);
		rand_seed(&r, seed);
		fids[0] = fake_file_add(1, bytes, sizeof(bytes));
		asid = 0;
		for (u32 i = 0; i < 20000; i++) {
			const struct any_op *op =
				&any_ops[rand_below(&r, ARRAY_SIZE(any_ops))];
			u32 tail_max = min(op->tail_max, 64u);

			/* these end the game soon */
			if ((op->fn == any_m_exit || op->fn == any_m_grant) &&
			    rand_below(&r, 16))
				continue;
			if (!asid || !rand_below(&r, 64))
				asid = make_target(fids);
			fill_request(&r, op->req_bytes, asid, fids);
			for (u32 k = 0; k < tail_max; k++)
				any_tail[k] = (u8)rand_below(&r, 3);
			nr_done += !op->fn(
				fake_call_begin(
					&call, &peer_a, any_tail,
					(u32)rand_below(&r, tail_max + 1),
					rand_below(&r, 2) ? RPC_IO_MAX : 0),
				any_request, &rep);
		}
		memory_test_end();
	}
	/* not all of it was refused at the door */
	EXPECT_TRUE(nr_done > 5000);
}

static int grow(u32 asid, u64 vaddr, u64 *start)
{
	struct rpc_m_brk req = {.asid = le32_make(asid),
				.vaddr = le64_make(vaddr)};
	struct rpc_m_vaddr_reply rep = {};
	int err = rpc_handle_m_grow(from_a(0), &req, &rep);

	*start = le64_get(rep.vaddr);
	return err;
}

KTEST(areas_grow_down_to_their_limits_and_the_guard_gap)
{
	u64 at = 0x20000000, guard = VMA_GUARD_PAGES * 4096, v;
	u32 asid, flags = ANON | MAP_FIXED | MAP_GROWSDOWN;

	memory_test_begin(1024);
	asid = test_aspace();
	EXPECT_EQ(grow(asid, at - 1, &v), -EFAULT);
	EXPECT_EQ(test_mmap(asid, at, 4096, RW, flags, &v), 0);
	EXPECT_EQ(grow(asid, at - 5000, &v), 0);
	EXPECT_EQ(v, at - 2 * 4096);
	EXPECT_EQ(grow(asid, at - 1, &v), 0);
	EXPECT_EQ(v, at - 2 * 4096);
	EXPECT_EQ(nr_vmas(asid), 1);
	/* a hint does not go into the gap below; MAP_FIXED does */
	EXPECT_EQ(test_mmap(asid, at - guard, 4096, RW, ANON, &v), 0);
	EXPECT_TRUE(v != at - guard);
	EXPECT_EQ(test_range(rpc_handle_m_munmap, asid, v, 4096, 0), 0);
	v = at - 2 * guard;
	EXPECT_EQ(test_mmap(asid, v, 4096, RW, ANON | MAP_FIXED, &v), 0);
	EXPECT_EQ(grow(asid, v + 4096, &v), -EFAULT);
	EXPECT_EQ(grow(asid, at - guard + 4096, &v), 0);
	/* guard pages may be near */
	EXPECT_EQ(test_range(rpc_handle_m_mprotect, asid, at - 2 * guard, 4096,
			     PROT_NONE),
		  0);
	EXPECT_EQ(grow(asid, at - 2 * guard + 4096, &v), 0);
	EXPECT_EQ(limit(asid, RLIMIT_STACK, 2 * guard), 0);
	EXPECT_EQ(grow(asid, at - 2 * guard - 4096, &v), -EFAULT);
	memory_test_end();
}

KTEST(to_ask_changes_nothing)
{
	struct rpc_m_mmap map = {.len_bytes = le64_make(4096),
				 .vaddr = le64_make(0x20000000),
				 .prot = le32_make(RW),
				 .vma_flags = le32_make(RPC_ONLY_ASK)};
	u32 asid, types[] = {MAP_PRIVATE, MAP_SHARED};
	struct rpc_m_mmap_reply rep;
	u64 v;

	memory_test_begin(1024);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, 0x20000000, 4096, PROT_READ, ANON, &v), 0);
	map.asid = le32_make(asid);
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		map.flags = le32_make(types[i] | MAP_ANONYMOUS | MAP_FIXED);
		EXPECT_EQ(rpc_handle_m_mmap(from_a(0), &map, &rep), 0);
	}
	EXPECT_EQ(nr_vmas(asid), 1);
	EXPECT_EQ(limit(asid, RLIMIT_AS, 4096), 0);
	EXPECT_EQ(rpc_handle_m_mmap(from_a(0), &map, &rep), 0);
	map.len_bytes = le64_make(8192);
	EXPECT_EQ(rpc_handle_m_mmap(from_a(0), &map, &rep), -ENOMEM);
	EXPECT_EQ(limit(asid, RLIMIT_AS, ~0ul), 0);
	EXPECT_EQ(remap(asid, 0x20000000, 4096, 8192, RPC_ONLY_ASK, &v), 0);
	EXPECT_EQ(remap(asid, 0x20000000, 4096, 8192, 0, &v), 0);
	EXPECT_EQ(remap(asid, 0x20000000, 8192, 16384, RPC_ONLY_ASK | 4, &v),
		  -EINVAL);
	memory_test_end();
}

static int set_flags(u32 asid, u64 vaddr, u64 len, u32 set, u32 clear)
{
	struct rpc_m_vma_flags req = {.asid = le32_make(asid),
				      .set = le32_make(set),
				      .clear = le32_make(clear),
				      .vaddr = le64_make(vaddr),
				      .len_bytes = le64_make(len)};

	return rpc_handle_m_vma_flags(from_a(0), &req, NULL);
}

KTEST(what_forks_do_not_inherit)
{
	u64 at = 0x20000000, v;
	struct rpc_m_fault_reply rep;
	u32 asid, child;

	memory_test_begin(1024);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, at, 8 * 4096, RW, ANON | MAP_FIXED, &v), 0);
	for (u32 i = 0; i < 8; i++)
		EXPECT_EQ(test_fault(asid, at + i * 4096, FAULT_WRITE, &rep),
			  0);
	EXPECT_EQ(set_flags(asid, at + 4096, 4096, VMA_DONTFORK, 0), 0);
	EXPECT_EQ(set_flags(asid, at + 3 * 4096, 4096, VMA_WIPEONFORK, 0), 0);
	EXPECT_EQ(set_flags(asid, at + 5 * 4096, 4096, VMA_LOCKED, 0), 0);
	EXPECT_EQ(set_flags(asid, at, 4096, VMA_SHARED, 0), -EINVAL);
	EXPECT_EQ(set_flags(asid, at + 1, 4096, VMA_LOCKED, 0), -EINVAL);
	EXPECT_EQ(nr_vmas(asid), 7);
	child = test_fork(asid);
	EXPECT_EQ(nr_vmas(child), 4); /* 1, a gap, 1, wiped, 4 */
	EXPECT_EQ(test_fault(child, at, FAULT_READ, &rep), 0);
	EXPECT_TRUE(le32_get(rep.flags) & FAULT_COW);
	EXPECT_EQ(test_fault(child, at + 4096, FAULT_READ, &rep), -EFAULT);
	EXPECT_EQ(test_fault(child, at + 3 * 4096, FAULT_READ, &rep), 0);
	EXPECT_TRUE(le32_get(rep.flags) & FAULT_ZERO);
	EXPECT_EQ(test_exit(child), 0);
	EXPECT_EQ(set_flags(asid, at, 8 * 4096, 0, VMA_ADVISED), 0);
	EXPECT_EQ(nr_vmas(asid), 1);
	memory_test_end();
}
