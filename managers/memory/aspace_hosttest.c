/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants, address spaces, faults, fork: as a processor node would use them,
 * and as a hostile one would.
 */
#include <managers/memory/testing.h>

#include <kernel/counters.h>
#include <uapi/resource.h>

#define RW        (PROT_READ | PROT_WRITE)
#define ANON      (MAP_PRIVATE | MAP_ANONYMOUS)
#define SOMEWHERE 0x10000000ul

KTEST(memory_grants_are_only_the_owners)
{
	le64 pfn;
	u32 granted;

	memory_test_begin(64);
	granted = test_grant();
	EXPECT_EQ(frame_state(granted), FRAME_GRANTED);
	pfn = le64_make(granted);
	EXPECT_EQ(rpc_handle_m_ungrant(
			  fake_call_begin(&call, &peer_b, &pfn, 8, 0), NULL,
			  NULL),
		  -EINVAL);
	EXPECT_EQ(rpc_handle_m_ungrant(from_a_tail(&pfn, 8), NULL, NULL), 0);
	EXPECT_EQ(rpc_handle_m_ungrant(from_a_tail(&pfn, 8), NULL, NULL),
		  -EINVAL);
	pfn = le64_make(1ul << 40);
	EXPECT_EQ(rpc_handle_m_ungrant(from_a_tail(&pfn, 8), NULL, NULL),
		  -EINVAL);
	memory_test_end();
}

KTEST(memory_names_frames_that_no_process_is_left_to_have)
{
	u64 before = counter_values.v[COUNTER_nr_leaks];
	u32 lost;

	memory_test_begin(64);
	lost = frame_alloc();
	EXPECT_EQ(test_exit(test_aspace()), 0);
	EXPECT_EQ(counter_values.v[COUNTER_nr_leaks] - before, 1);
	frame_put(lost);
	EXPECT_EQ(test_exit(test_aspace()), 0);
	EXPECT_EQ(counter_values.v[COUNTER_nr_leaks] - before, 1);
	memory_test_end();
}

KTEST(memory_takes_back_what_a_lost_peer_had)
{
	struct rpc_m_grant req = {.nr_frames = le32_make(100)};
	struct rpc_m_grant_reply rep;
	u64 vaddr;
	u32 asid;

	memory_test_begin(256);
	EXPECT_EQ(rpc_handle_m_grant(from_a(0), &req, &rep), 0);
	EXPECT_EQ(le32_get(rep.nr_frames), 100);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, 0, 40960, RW, ANON, &vaddr), 0);
	fake_peer_gone(&peer_a);
	EXPECT_EQ(gauge_read(nr_aspaces), 0);
	EXPECT_EQ(gauge_read(nr_pool_frames_granted), 0);
	EXPECT_EQ(test_exit(asid), -EHOSTDOWN);
	memory_test_end();
}

KTEST(memory_a_returned_node_does_not_inherit)
{
	struct peer again = {.guid = 0xa,
			     .role = ROLE_PROCESSOR,
			     .index = 3,
			     .is_alive = true};
	struct rpc_m_asid req;
	u32 asid;

	memory_test_begin(64);
	asid = test_aspace();
	req = (struct rpc_m_asid){.asid = le32_make(asid)};
	peer_a.is_alive = false; /* nobody has said so yet */
	EXPECT_EQ(rpc_handle_m_exit(fake_call_begin(&call, &again, NULL, 0, 0),
				    &req, NULL),
		  -ESRCH);
	EXPECT_EQ(gauge_read(nr_aspaces), 0);
	fake_peer_gone(&again);
	memory_test_end();
}

KTEST(memory_page_operations_are_checked)
{
	u32 asid, pfn, other;
	u64 vaddr;

	memory_test_begin(64);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, SOMEWHERE, 8192, RW, ANON, &vaddr), 0);
	EXPECT_EQ(vaddr, SOMEWHERE);
	pfn = test_grant();
	EXPECT_EQ(test_page_op(asid, vaddr + 8192, pfn, PAGE_OP_SET), -EINVAL);
	EXPECT_EQ(test_page_op(asid, vaddr, 63, PAGE_OP_SET), -EINVAL);
	EXPECT_EQ(test_page_op(asid, vaddr, ~0ul, PAGE_OP_SET), -EINVAL);
	EXPECT_EQ(test_page_op(asid, vaddr, pfn, 7), -EINVAL);
	EXPECT_EQ(test_page_op(asid, ~0xffful, pfn, PAGE_OP_CLEAR), -EINVAL);
	EXPECT_EQ(test_page_op(asid, vaddr, pfn, PAGE_OP_SET), 0);
	EXPECT_EQ(test_page_op(asid, vaddr, pfn, PAGE_OP_SET), -EINVAL);
	other = test_grant();
	EXPECT_EQ(test_page_op(asid, vaddr, other, PAGE_OP_CLEAR), -EINVAL);
	EXPECT_EQ(test_page_op(asid, vaddr, other, PAGE_OP_SET), 0);
	EXPECT_EQ(frame_state(pfn), FRAME_FREE);
	EXPECT_EQ(test_page_op(asid, vaddr, other, PAGE_OP_CLEAR), 0);
	EXPECT_EQ(frame_state(other), FRAME_GRANTED);
	memory_test_end();
}

KTEST(memory_untouched_pages_fault_in_as_zeros)
{
	struct rpc_m_fault_reply rep;
	u64 vaddr;
	u32 asid;

	memory_test_begin(64);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, SOMEWHERE, 8192, RW, ANON, &vaddr), 0);
	EXPECT_EQ(test_fault(asid, vaddr + 17, FAULT_WRITE, &rep), 0);
	EXPECT_EQ(le32_get(rep.flags), FAULT_ZERO);
	EXPECT_TRUE(mem_is_zero(frame_kaddr((u32)le64_get(rep.pfn)), 4096));
	/* again: the same frame, now as a page that exists */
	EXPECT_EQ(test_fault(asid, vaddr, FAULT_WRITE, &rep), 0);
	EXPECT_EQ(le32_get(rep.flags), 0);
	EXPECT_EQ(test_fault(asid, vaddr, FAULT_EXEC, &rep), -EFAULT);
	EXPECT_EQ(test_fault(asid, vaddr - 1, FAULT_READ, &rep), -EFAULT);
	EXPECT_EQ(
		test_range(rpc_handle_m_mprotect, asid, vaddr, 4096, PROT_READ),
		0);
	EXPECT_EQ(test_fault(asid, vaddr, FAULT_WRITE, &rep), -EFAULT);
	EXPECT_EQ(
		test_range(rpc_handle_m_mprotect, asid, vaddr, 4096, PROT_NONE),
		0);
	EXPECT_EQ(test_fault(asid, vaddr, FAULT_READ, &rep), -EFAULT);
	memory_test_end();
}

KTEST(memory_file_pages_come_from_the_page_cache)
{
	static u8 bytes[5 * 4096 + 100];
	struct rpc_m_fault_reply rep;
	struct wire_fid fid;
	u32 asid, pfn;

	memory_test_begin(256);
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 7 + i / 4096);
	fid = fake_file_add(77, bytes, sizeof(bytes));
	asid = test_aspace();
	EXPECT_EQ(test_map_file(asid, fid, SOMEWHERE, 7 * 4096, PROT_READ,
				MAP_PRIVATE, 0),
		  0);
	EXPECT_EQ(test_fault(asid, SOMEWHERE + 4096, FAULT_READ, &rep), 0);
	EXPECT_EQ(le32_get(rep.flags), FAULT_FILE);
	EXPECT_TRUE(!memcmp(call.bulk, bytes + 4096, 4096));
	pfn = (u32)le64_get(rep.pfn);
	/* read around: no second message */
	EXPECT_EQ(test_fault(asid, SOMEWHERE + 5 * 4096, FAULT_READ, &rep), 0);
	EXPECT_EQ(fake_storage.nr_reads, 1);
	EXPECT_TRUE(!memcmp(call.bulk, bytes + 5 * 4096, 100));
	EXPECT_TRUE(mem_is_zero(call.bulk + 100, 4096 - 100));
	EXPECT_EQ(test_fault(asid, SOMEWHERE + 6 * 4096, FAULT_READ, &rep),
		  -ERANGE);
	/* a second process gets the same frame */
	asid = test_fork(asid);
	EXPECT_EQ(test_fault(asid, SOMEWHERE + 4096, FAULT_READ, &rep), 0);
	EXPECT_EQ(le64_get(rep.pfn), pfn);
	EXPECT_EQ(fake_storage.nr_reads, 1);
	memory_test_end();
}

/* m_fault that asks for neighbours. Return: bytes of tail, in call.rep_tail. */
static u32 fault_around(u32 asid, u64 vaddr, u32 around)
{
	struct rpc_m_fault req = {.asid = le32_make(asid),
				  .access = le32_make(FAULT_READ),
				  .vaddr = le64_make(vaddr),
				  .around = le32_make(around)};
	struct rpc_ctx *ctx = from_a(PAGE_SIZE);
	struct rpc_m_fault_reply rep;

	EXPECT_EQ(rpc_handle_m_fault(ctx, &req, &rep), 0);
	return ctx->rep_tail_len;
}

static u64 near_pfn(u32 i)
{
	return le64_get(((const le64 *)call.rep_tail)[i]);
}

KTEST(memory_pages_of_files_that_were_given_up_make_room)
{
	static u8 bytes[40 * 4096];
	struct rpc_m_fault_reply rep;
	u32 asid, own, nr_read = 0;
	struct wire_fid fid;

	memory_test_begin(24); /* frames */
	fid = fake_file_add(8, bytes, sizeof(bytes));
	asid = test_aspace();
	EXPECT_EQ(test_map_file(asid, fid, SOMEWHERE, sizeof(bytes), PROT_READ,
				MAP_PRIVATE, 0),
		  0);
	own = test_grant();
	EXPECT_EQ(test_page_op(asid, SOMEWHERE, own, PAGE_OP_SET), 0);
	for (u32 i = 1; i < 40; i++) {
		u64 vaddr = SOMEWHERE + i * 4096;
		int err = test_fault(asid, vaddr, FAULT_READ, &rep);

		if (err == -ENOMEM) {
			EXPECT_EQ(
				test_page_op(asid, SOMEWHERE, i, PAGE_OP_DROP),
				0);
			err = test_fault(asid, vaddr, FAULT_READ, &rep);
		}
		EXPECT_EQ(err, 0);
		nr_read++;
	}
	EXPECT_EQ(nr_read, 39);
	/* What is not a copy of the file stays. */
	EXPECT_EQ(test_fault(asid, SOMEWHERE, FAULT_READ, &rep), 0);
	EXPECT_EQ(le64_get(rep.pfn), own);
	/* All that is mapped, and all that there is. */
	EXPECT_EQ(test_page_op(asid, 0, PAGETABLE_END / 4096, PAGE_OP_DROP), 0);
	EXPECT_EQ(test_page_op(asid, SOMEWHERE, PAGETABLE_END / 4096,
			       PAGE_OP_DROP),
		  -EINVAL);
	EXPECT_EQ(test_page_op(asid, PAGETABLE_END, 1, PAGE_OP_DROP), -EINVAL);
	EXPECT_EQ(test_page_op(asid, SOMEWHERE, ~0ul, PAGE_OP_DROP), -EINVAL);
	memory_test_end();
}

KTEST(memory_a_fault_brings_its_neighbours_that_are_in_the_page_cache)
{
	const u64 window = ALIGN_UP(SOMEWHERE, FAULT_WINDOW * PAGE_SIZE);
	const u64 start = window + 3 * PAGE_SIZE;
	static u8 bytes[24 * 4096];
	u32 asid, pfn;

	memory_test_begin(256);
	for (u32 i = 0; i < 24; i++)
		bytes[i * 4096] = (u8)(i + 1);
	asid = test_aspace();
	EXPECT_EQ(test_map_file(asid, fake_file_add(8, bytes, sizeof(bytes)),
				start, 10 * 4096, PROT_READ, MAP_PRIVATE, 2),
		  0);
	pfn = test_grant();
	EXPECT_EQ(test_page_op(asid, window + 6 * PAGE_SIZE, pfn, PAGE_OP_SET),
		  0);
	/* Of all that can be asked, what is of the VMA and of the file. */
	for (u32 round = 0; round < 2; round++) {
		EXPECT_EQ(fault_around(asid, window + 4 * PAGE_SIZE, ~0u),
			  FAULT_WINDOW * sizeof(le64));
		for (u32 i = 0; i < FAULT_WINDOW; i++) {
			if (i < 3 || i == 4 || i == 6 || i > 12) {
				EXPECT_EQ(near_pfn(i), FAULT_NO_FRAME);
				continue;
			}
			pfn = (u32)near_pfn(i);
			EXPECT_EQ(*(u8 *)frame_kaddr(pfn), i - 3 + 2 + 1);
			EXPECT_EQ(frame_nr_refs(pfn), 2); /* cache, entry */
		}
	}
	pfn = (u32)near_pfn(12);
	EXPECT_EQ(fault_around(asid, window + 4 * PAGE_SIZE, 0), 0);
	EXPECT_EQ(test_range(rpc_handle_m_munmap, asid, window + 5 * PAGE_SIZE,
			     8 * PAGE_SIZE, 0),
		  0);
	EXPECT_EQ(frame_nr_refs(pfn), 1);
	EXPECT_EQ(fault_around(asid, window + 4 * PAGE_SIZE, ~8u), 0);
	memory_test_end();
}

KTEST(memory_a_failed_fill_is_not_remembered)
{
	static const u8 bytes[4096] = "x";
	struct rpc_m_fault_reply rep;
	struct wire_fid fid, unknown;
	u32 asid;

	memory_test_begin(256);
	fid = fake_file_add(5, bytes, sizeof(bytes));
	unknown = fid;
	unknown.node_guid = le64_make(0x9999);
	asid = test_aspace();
	EXPECT_EQ(test_map_file(asid, fid, SOMEWHERE, 4096, PROT_READ,
				MAP_PRIVATE, 0),
		  0);
	EXPECT_EQ(test_map_file(asid, unknown, SOMEWHERE + 4096, 4096,
				PROT_READ, MAP_PRIVATE, 0),
		  0);
	fake_storage.error = -ETIMEDOUT;
	EXPECT_EQ(test_fault(asid, SOMEWHERE, FAULT_READ, &rep), -EIO);
	fake_storage.error = 0;
	fake_storage.short_bytes = 1 << 20;
	EXPECT_EQ(test_fault(asid, SOMEWHERE, FAULT_READ, &rep), -EIO);
	fake_storage.short_bytes = 0;
	EXPECT_EQ(test_fault(asid, SOMEWHERE, FAULT_READ, &rep), 0);
	EXPECT_EQ(call.bulk[0], 'x');
	EXPECT_EQ(test_fault(asid, SOMEWHERE + 4096, FAULT_READ, &rep), -EIO);
	memory_test_end();
}

KTEST(memory_a_fill_survives_a_storage_node_that_joins_anew)
{
	static const u8 bytes[4096] = "x";
	struct rpc_m_fault_reply rep;
	u32 asid;

	memory_test_begin(256);
	asid = test_aspace();
	EXPECT_EQ(test_map_file(asid, fake_file_add(5, bytes, sizeof(bytes)),
				SOMEWHERE, 4096, PROT_READ, MAP_PRIVATE, 0),
		  0);
	fake_storage.nr_lives = 2;
	EXPECT_EQ(test_fault(asid, SOMEWHERE, FAULT_READ, &rep), 0);
	EXPECT_EQ(call.bulk[0], 'x');
	EXPECT_EQ(fake_storage.nr_reads, 3);
	memory_test_end();
}

KTEST(memory_evicts_unused_file_pages_when_frames_run_low)
{
	static u8 bytes[512 * 4096];
	struct rpc_m_fault_reply rep;
	struct wire_fid fid;
	u32 asid, pfn;

	memory_test_begin(256);
	for (u32 i = 1; i < 512; i++)
		bytes[i * 4096] = (u8)i;
	fid = fake_file_add(6, bytes, sizeof(bytes));
	asid = test_aspace();
	EXPECT_EQ(test_map_file(asid, fid, SOMEWHERE, sizeof(bytes), PROT_READ,
				MAP_PRIVATE, 0),
		  0);
	EXPECT_EQ(test_fault(asid, SOMEWHERE, FAULT_READ, &rep), 0);
	pfn = (u32)le64_get(rep.pfn);
	for (u32 i = 1; i < 512; i++) {
		EXPECT_EQ(test_fault(asid, SOMEWHERE + i * 4096ul, FAULT_READ,
				     &rep),
			  0);
		EXPECT_EQ(call.bulk[0], bytes[i * 4096]);
		EXPECT_EQ(test_range(rpc_handle_m_madvise, asid,
				     SOMEWHERE + i * 4096ul, 4096,
				     MADV_DONTNEED),
			  0);
	}
	/* what is mapped has stayed */
	EXPECT_EQ(test_fault(asid, SOMEWHERE, FAULT_READ, &rep), 0);
	EXPECT_EQ(le64_get(rep.pfn), pfn);
	EXPECT_TRUE(counter_values.v[COUNTER_nr_pagecache_evicted] > 0);
	memory_test_end();
}

KTEST(memory_says_enomem_when_the_pool_is_empty)
{
	struct rpc_m_fault_reply rep;
	u64 vaddr;
	u32 asid, n = 0;

	memory_test_begin(64);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, 0, 64 * 4096, RW, ANON, &vaddr), 0);
	while (n < 64 &&
	       !test_fault(asid, vaddr + n * 4096ul, FAULT_WRITE, &rep))
		n++;
	EXPECT_EQ(n, 63); /* one is the page of zeros */
	EXPECT_EQ(test_fault(asid, vaddr + n * 4096ul, FAULT_WRITE, &rep),
		  -ENOMEM);
	EXPECT_EQ(test_grant(), FRAME_NONE);
	EXPECT_EQ(test_range(rpc_handle_m_madvise, asid, vaddr, 8192,
			     MADV_DONTNEED),
		  0);
	EXPECT_TRUE(test_grant() != FRAME_NONE);
	EXPECT_EQ(test_mmap(asid, 0, 65 * 4096, RW, ANON, &vaddr), -ENOMEM);
	EXPECT_EQ(
		test_mmap(asid, 0, 65 * 4096, RW, ANON | MAP_NORESERVE, &vaddr),
		0);
	memory_test_end();
}

KTEST(memory_shared_anonymous_memory_is_one_for_parent_and_child)
{
	struct rpc_m_fault_reply rep;
	u64 vaddr, pfn;
	u32 asid, child;

	memory_test_begin(64);
	asid = test_aspace();
	EXPECT_EQ(test_mmap(asid, 0, 8192, RW, MAP_SHARED | MAP_ANONYMOUS,
			    &vaddr),
		  0);
	EXPECT_EQ(gauge_read(nr_tmpfs_nodes), 1);
	child = test_fork(asid);
	EXPECT_EQ(test_fault(asid, vaddr, FAULT_WRITE, &rep), 0);
	EXPECT_EQ(le32_get(rep.flags), FAULT_FILE);
	pfn = le64_get(rep.pfn);
	EXPECT_EQ(test_fault(child, vaddr, FAULT_WRITE, &rep), 0);
	EXPECT_EQ(le64_get(rep.pfn), pfn);
	EXPECT_EQ(test_page_op(asid, vaddr, test_grant(), PAGE_OP_SET),
		  -EINVAL);
	EXPECT_EQ(test_exit(asid), 0);
	EXPECT_EQ(test_exit(asid), -ESRCH);
	EXPECT_EQ(gauge_read(nr_tmpfs_nodes), 1);
	/* a hole: the data goes, for all */
	EXPECT_EQ(test_range(rpc_handle_m_madvise, child, vaddr, 4096,
			     MADV_REMOVE),
		  0);
	EXPECT_EQ(frame_state((u32)pfn), FRAME_FREE);
	EXPECT_EQ(test_range(rpc_handle_m_munmap, child, vaddr, 8192, 0), 0);
	EXPECT_EQ(gauge_read(nr_tmpfs_nodes), 0);
	memory_test_end();
}

/* ---- fork and copy on write, at random ------------------------------------
 */

/*
 * The model of a processor node: for each page of each process, the token that
 * the program has stored there (0: never written).
 */
#define NR_ASPACES 6u
#define NR_SLOTS   24u
static struct {
	u32 asid; /* 0: not in use */
	u64 tokens[NR_SLOTS];
	bool is_mapped[NR_SLOTS];
} model[NR_ASPACES];

static u64 slot_vaddr(u32 slot)
{
	return SOMEWHERE + slot * 4096ul;
}

/* The program stores @token: into its own frame, or a new one. */
static void model_write(u32 i, u32 slot, u64 token)
{
	struct rpc_m_fault_reply rep;
	u32 pfn;

	if (!model[i].is_mapped[slot])
		return;
	EXPECT_EQ(
		test_fault(model[i].asid, slot_vaddr(slot), FAULT_WRITE, &rep),
		0);
	pfn = (u32)le64_get(rep.pfn);
	if (le32_get(rep.flags) & FAULT_COW) {
		pfn = test_grant();
		EXPECT_TRUE(pfn != FRAME_NONE);
		EXPECT_EQ(test_page_op(model[i].asid, slot_vaddr(slot), pfn,
				       PAGE_OP_SET),
			  0);
	}
	memcpy(frame_kaddr(pfn), &token, sizeof(token));
	model[i].tokens[slot] = token;
}

static bool model_agrees(u32 i, u32 slot)
{
	struct rpc_m_fault_reply rep;
	u64 seen;
	int err = test_fault(model[i].asid, slot_vaddr(slot), FAULT_READ, &rep);

	if (!model[i].is_mapped[slot])
		return err == -EFAULT;
	memcpy(&seen, call.bulk, sizeof(seen));
	return !err && seen == model[i].tokens[slot];
}

static void model_drop(u32 i, u32 first, u32 nr, bool is_unmapped)
{
	for (u32 s = first; s < first + nr; s++) {
		model[i].tokens[s] = 0;
		if (is_unmapped)
			model[i].is_mapped[s] = false;
	}
}

static void model_move(u32 i, u32 from, u32 to, u32 nr)
{
	struct rpc_m_mremap req = {
		.asid = le32_make(model[i].asid),
		.flags = le32_make(MREMAP_MAYMOVE | MREMAP_FIXED),
		.old_vaddr = le64_make(slot_vaddr(from)),
		.new_vaddr = le64_make(slot_vaddr(to)),
		.old_len_bytes = le64_make(nr * 4096ul),
		.new_len_bytes = le64_make(nr * 4096ul),
	};
	struct rpc_m_vaddr_reply rep;
	int err = rpc_handle_m_mremap(from_a(0), &req, &rep);

	if (from < to + nr && to < from + nr) {
		EXPECT_TRUE(err < 0);
		return;
	}
	for (u32 s = 0; s < nr; s++)
		if (!model[i].is_mapped[from + s]) {
			EXPECT_EQ(err, -EFAULT);
			return;
		}
	EXPECT_EQ(err, 0);
	for (u32 s = 0; s < nr; s++) {
		model[i].tokens[to + s] = model[i].tokens[from + s];
		model[i].is_mapped[to + s] = true;
	}
	model_drop(i, from, nr, true);
}

static void model_step(struct rand *r)
{
	u32 i = (u32)rand_below(r, NR_ASPACES), j, nr, first;
	u64 vaddr;

	nr = 1 + (u32)rand_below(r, 5);
	first = (u32)rand_below(r, NR_SLOTS - nr + 1);
	if (!model[i].asid) {
		j = (u32)rand_below(r, NR_ASPACES);
		if (model[j].asid) {
			model[i] = model[j];
			model[i].asid = test_fork(model[j].asid);
		} else {
			model[i].asid = test_aspace();
		}
		return;
	}
	switch (rand_below(r, 12)) {
	case 0:
		EXPECT_EQ(test_exit(model[i].asid), 0);
		memset(&model[i], 0, sizeof(model[i]));
		break;
	case 1:
		EXPECT_EQ(test_range(rpc_handle_m_munmap, model[i].asid,
				     slot_vaddr(first), nr * 4096ul, 0),
			  0);
		model_drop(i, first, nr, true);
		break;
	case 2:
		test_range(rpc_handle_m_madvise, model[i].asid,
			   slot_vaddr(first), nr * 4096ul, MADV_DONTNEED);
		model_drop(i, first, nr, false);
		break;
	case 3:
	case 4:
		EXPECT_EQ(test_mmap(model[i].asid, slot_vaddr(first),
				    nr * 4096ul, RW, ANON | MAP_FIXED, &vaddr),
			  0);
		model_drop(i, first, nr, false);
		memset(&model[i].is_mapped[first], true, nr);
		break;
	case 5:
		model_move(i, first, (u32)rand_below(r, NR_SLOTS - nr + 1), nr);
		break;
	default:
		model_write(i, first, rand_u64(r));
	}
}

KTEST(memory_random_forks_and_writes_keep_processes_apart)
{
	struct rand r;

	for (u64 seed = 1; seed <= 4; seed++) {
		memory_test_begin(512);
		memset(model, 0, sizeof(model));
		rand_seed(&r, seed);
		for (u32 step = 0; step < 1500; step++) {
			u32 i = (u32)rand_below(&r, NR_ASPACES);

			model_step(&r);
			for (u32 s = 0; model[i].asid && s < NR_SLOTS; s++)
				if (!model_agrees(i, s)) {
					/* says which run to repeat */
					EXPECT_EQ(seed * 1000000 + step, 0);
					return;
				}
		}
		memory_test_end();
	}
}
