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
#define NR_ROUNDS 3u

struct scanner {
	struct aspace *aspace;
	u32 stride;
	struct rand rand;
};

static u64 seed;
static struct {
	u32 nr_pages;
	u32 nr_scanners; /* at work */
	u32 nr_forks;
} heap;

static u8 heap_byte(u32 page)
{
	return (u8)(page * 7 % 251 + 1);
}

static u8 *touch(struct aspace *aspace, u32 page, bool is_write)
{
	u64 vaddr = HEAP + page * PAGE_SIZE;
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

	for (u32 round = 0; round < NR_ROUNDS; round++) {
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
		CHECK(!aspace_madvise(aspace, HEAP + at * PAGE_SIZE,
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
	heap.nr_pages = pcache.nr_lines * 2;
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
