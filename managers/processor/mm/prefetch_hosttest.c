/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading ahead while everything else happens: threads go through a heap that
 * is larger than the pcache, others give pages of it up, write them again, fork
 * and exit; some reads fail, and some cannot be posted.  What a thread reads is
 * what was written there, or zero; the memory node aborts when a frame is read
 * that nobody owns.
 */
#include "internal.h"
#include "model_shared.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/thread.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <managers/processor/pcache/internal.h>
#include <stdio.h>
#include <stdlib.h>
#include <tests/unit/fake_m.h>
#include <tests/unit/fake_mmu.h>
#include <tests/unit/fake_sched.h>
#include <uapi/mman.h>

#define HEAP      0x200000ul
#define MAX_FORKS 4u

struct scanner {
	struct aspace *aspace;
	u32 stride;
	struct rand rand;
};

static u64 seed;
static struct {
	u64 start;
	u32 nr_pages;
	u32 nr_rounds;   /* of each scanner */
	u32 nr_scanners; /* at work */
	u32 nr_forks;
} heap;

static u8 heap_byte(u32 page)
{
	return (u8)(page * 7 % 251 + 1);
}

static u8 *touch(struct aspace *aspace, u32 page, bool is_write)
{
	u64 vaddr = heap.start + page * PAGE_SIZE;
	u8 *at;

	while (!(at = mmu_access(&aspace->pt, vaddr, is_write))) {
		struct aspace_fault_info info = {.stream = model_stream()};

		CHECK(!aspace_fault(aspace, vaddr,
				    is_write ? FAULT_WRITE : FAULT_READ,
				    &info));
	}
	return at;
}

static void expect_page(struct aspace *aspace, u32 page)
{
	u8 got = *touch(aspace, page, false);

	if (!got || got == heap_byte(page))
		return;
	fprintf(stderr, "PCACHE_SEED=%lu: page %u: %x, not %x\n", seed, page,
		got, heap_byte(page));
	abort();
}

static void scan_main(void *arg)
{
	struct scanner *s = arg;

	for (u32 round = 0; round < heap.nr_rounds; round++) {
		for (u32 i = 0; i < heap.nr_pages; i += s->stride) {
			expect_page(s->aspace, i);
			if (!rand_below(&s->rand, 4))
				fake_sched_point();
		}
	}
	aspace_put(s->aspace);
	free(s);
	heap.nr_scanners--;
}

static void scan_start(struct aspace *aspace, u32 stride)
{
	struct scanner *s = malloc(sizeof(*s));

	*s = (struct scanner){.aspace = aspace, .stride = stride};
	rand_seed(&s->rand, seed * 31 + heap.nr_scanners);
	heap.nr_scanners++;
	CHECK(thread_spawn("scan", scan_main, s));
}

static void disturb(struct aspace *aspace, struct rand *rand)
{
	u32 at = (u32)rand_below(rand, heap.nr_pages - 16);
	u32 n = 1 + (u32)rand_below(rand, 16);
	struct aspace *child;

	if (rand_below(rand, 8)) {
		CHECK(!aspace_madvise(aspace, heap.start + at * PAGE_SIZE,
				      n * PAGE_SIZE, MADV_DONTNEED));
		for (u32 i = at; i < at + n; i++)
			*touch(aspace, i, true) = heap_byte(i);
	} else if (heap.nr_forks++ < MAX_FORKS) {
		CHECK(!aspace_fork(aspace, &child));
		scan_start(child, 1 + (u32)rand_below(rand, 3));
	}
}

static struct aspace *start(const char *geometry)
{
	struct rpc_m_exec req = {.strings_bytes = le32_make(4)};
	struct rpc_m_exec_reply rep;
	struct aspace *aspace;

	model_set_option("pcache", geometry);
	model_set_option("prefetch", "trend");
	fake_sched_start(seed);
	fake_m_start(4096);
	CHECK(!aspace_start());
	CHECK(!aspace_exec(&req, "a\0b", &rep, &aspace));
	heap.start = HEAP;
	heap.nr_pages = pcache.nr_lines * 2;
	heap.nr_rounds = 3;
	CHECK(aspace_brk(aspace, HEAP + heap.nr_pages * PAGE_SIZE) > 0);
	for (u32 i = 0; i < heap.nr_pages; i++)
		*touch(aspace, i, true) = heap_byte(i);
	return aspace;
}

static void run_disturbed(void)
{
	static const char *const geometries[] = {
		"256K,2way,victim=24", "512K,8way", "384K,4way,victim=32"};
	struct aspace *aspace =
		start(geometries[seed % ARRAY_SIZE(geometries)]);
	struct rand rand;

	rand_seed(&rand, seed);
	for (u32 i = 0; i < 3; i++) {
		aspace_hold(aspace);
		scan_start(aspace, 1 + i);
	}
	while (heap.nr_scanners) {
		if (rand_below(&rand, 4))
			fake_sched_point();
		else
			disturb(aspace, &rand);
		if (!rand_below(&rand, 16))
			fake_m_fail_prefetch(1);
		if (!rand_below(&rand, 32))
			fake_m_refuse_reads(1);
	}
	aspace_put(aspace);
	model_expect_nothing_left();
	CHECK(counter_read(COUNTER_nr_prefetch_used) > heap.nr_pages / 4);
	CHECK(counter_read(COUNTER_nr_prefetch_late));
	CHECK(counter_read(COUNTER_nr_prefetch_wasted));
}

KTEST(what_is_read_ahead_is_right_whatever_happens_meanwhile)
{
	model_run_seeds(run_disturbed, &seed, 8);
}

/* Alone and undisturbed nearly every page is there before its fault. */
static void run_alone(void)
{
	struct aspace *aspace = start("1M,8way");

	for (u32 i = 0; i < heap.nr_pages; i++)
		expect_page(aspace, i);
	CHECK(counter_read(COUNTER_nr_prefetch_used) > heap.nr_pages / 3);
	CHECK(counter_read(COUNTER_nr_prefetch_wasted) < heap.nr_pages / 16);
	aspace_put(aspace);
	model_expect_nothing_left();
}

KTEST(a_scan_finds_its_pages_read_ahead)
{
	model_run_seeds(run_alone, &seed, 3);
}

/* [@vaddr, +@nr_pages) becomes mapped, anonymous and writable. */
static void map_fixed(struct aspace *aspace, u64 vaddr, u64 nr_pages)
{
	struct mmap_args args = {
		.vaddr = vaddr,
		.len_bytes = nr_pages * PAGE_SIZE,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	};

	CHECK(aspace_mmap(aspace, &args) == (long)vaddr);
}

/*
 * A scan ends where a page table does.  Another thread maps and unmaps a page
 * that is alone in the next table, which comes and goes with it, while the
 * scan looks for what lies ahead.
 */
static void run_beside_a_hole(void)
{
	const u64 edge = 0x40000000, alone = edge + 0x100000;
	struct aspace *aspace = start("512K,8way");

	heap.nr_rounds = 20;
	heap.start = edge - heap.nr_pages * PAGE_SIZE;
	map_fixed(aspace, heap.start, heap.nr_pages);
	for (u32 i = 0; i < heap.nr_pages; i++)
		*touch(aspace, i, true) = heap_byte(i);
	aspace_hold(aspace);
	scan_start(aspace, 1);
	while (heap.nr_scanners) {
		map_fixed(aspace, alone, 1);
		*touch(aspace, (u32)((alone - heap.start) / PAGE_SIZE), true) =
			1;
		CHECK(!aspace_munmap(aspace, alone, PAGE_SIZE));
	}
	aspace_put(aspace);
	model_expect_nothing_left();
}

KTEST(no_table_is_looked_at_that_an_munmap_may_free)
{
	model_run_seeds(run_beside_a_hole, &seed, 6);
}
