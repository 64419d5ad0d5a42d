/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All of mm/ and pcache/ against a memory node that lies: addresses, frames,
 * flags and errors in its replies are often others than the right ones.  What
 * programs read is not looked at; but no reply may reach a CHECK or an ASSERT,
 * and the pcache stays in order.  PCACHE_SEED=n repeats a run.
 */
#include "internal.h"
#include "model_shared.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <managers/processor/pcache/internal.h>
#include <stdlib.h>
#include <tests/unit/fake_m.h>
#include <tests/unit/fake_mmu.h>
#include <tests/unit/fake_sched.h>
#include <uapi/mman.h>

#define WINDOW   0x10000000ul
#define NR_PAGES 32u
#define HEAP     0x200000ul
#define TRIES    50u /* to get a program started */

struct program {
	struct aspace *aspace;
	struct rand rand;
	u32 nr_steps;
	u32 depth;
	u64 places[8]; /* where it has memory, as it was told */
};

static u64 seed;
static u32 nr_running;

static u64 any_place(struct program *p)
{
	u64 place = p->places[rand_below(&p->rand, ARRAY_SIZE(p->places))];

	return place + rand_below(&p->rand, NR_PAGES) * PAGE_SIZE;
}

static u64 any_bytes(struct program *p)
{
	return (1 + rand_below(&p->rand, NR_PAGES / 2)) * PAGE_SIZE;
}

static void note_place(struct program *p, long rc)
{
	if (rc > 0)
		p->places[rand_below(&p->rand, ARRAY_SIZE(p->places))] =
			(u64)rc & PAGE_MASK;
}

/* It may get a signal, but not fault for ever. */
static void touch(struct program *p)
{
	u64 vaddr = any_place(p);
	bool is_write = rand_below(&p->rand, 2);
	struct aspace_fault_info info = {.stream = model_stream()};
	u8 *at;

	if (vaddr >= p->aspace->vmas.high)
		return;
	for (u32 i = 0; i < 100; i++) {
		at = mmu_access(&p->aspace->pt, vaddr, is_write);
		if (at && is_write)
			*at = (u8)i;
		if (at ||
		    aspace_fault(p->aspace, vaddr,
				 is_write ? FAULT_WRITE : FAULT_READ, &info))
			return;
	}
}

static void step_mmap(struct program *p)
{
	bool is_file = !rand_below(&p->rand, 3);
	struct mmap_args args = {.flags = rand_below(&p->rand, 2) ? MAP_SHARED
								  : MAP_PRIVATE,
				 .vaddr = any_place(p),
				 .len_bytes = any_bytes(p),
				 .prot = PROT_READ | PROT_WRITE,
				 .path = ""};

	if (rand_below(&p->rand, 2))
		args.flags |= MAP_FIXED;
	if (is_file) {
		args.flags = (args.flags & ~(u32)MAP_SHARED) | MAP_PRIVATE;
		args.fid = fake_m_file((u32)rand_below(&p->rand, FAKE_FILES));
		args.vnode = (struct vnode *)&seed; /* never looked at */
	} else {
		args.flags |= MAP_ANONYMOUS;
	}
	note_place(p, aspace_mmap(p->aspace, &args));
}

static void step_fork(struct program *p);

static void step(struct program *p)
{
	struct aspace *as = p->aspace;

	switch (rand_below(&p->rand, 24)) {
	case 0 ... 3:
		step_mmap(p);
		break;
	case 4:
		(void)!aspace_munmap(as, any_place(p), any_bytes(p));
		break;
	case 5:
		(void)!aspace_mprotect(as, any_place(p), any_bytes(p),
				       PROT_READ);
		break;
	case 6:
		(void)!aspace_madvise(as, any_place(p), any_bytes(p),
				      MADV_DONTNEED);
		break;
	case 7 ... 8:
		note_place(p, aspace_mremap(as, any_place(p), any_bytes(p),
					    any_bytes(p), MREMAP_MAYMOVE, 0));
		break;
	case 9:
		note_place(p, aspace_mremap(as, any_place(p), any_bytes(p),
					    any_bytes(p),
					    MREMAP_MAYMOVE | MREMAP_FIXED,
					    any_place(p)));
		break;
	case 10:
		note_place(p, aspace_brk(as, HEAP + any_bytes(p)));
		break;
	case 11:
		step_fork(p);
		break;
	default:
		for (u32 i = 0; i < 8; i++)
			touch(p);
	}
}

static void program_main(void *arg)
{
	struct program *p = arg;

	while (p->nr_steps-- && !READ_ONCE(p->aspace->is_broken))
		step(p);
	aspace_put(p->aspace);
	free(p);
	nr_running--;
}

static void start(struct program *p, struct aspace *aspace, u32 nr_steps)
{
	p->aspace = aspace;
	p->nr_steps = nr_steps;
	nr_running++;
	CHECK(thread_spawn("program", program_main, p));
}

static void step_fork(struct program *p)
{
	struct program *child;
	struct aspace *aspace;

	if (p->depth == 3 || nr_running > 10 || aspace_fork(p->aspace, &aspace))
		return;
	child = calloc(1, sizeof(*child));
	*child = *p;
	child->depth++;
	rand_seed(&child->rand, rand_u64(&p->rand));
	start(child, aspace, p->nr_steps / 2);
}

static void run_program(u32 n)
{
	struct rpc_m_exec req = {.strings_bytes = le32_make(4)};
	struct rpc_m_exec_reply rep;
	struct program *p = calloc(1, sizeof(*p));
	struct aspace *aspace;
	u32 nr_tries = 0;

	rand_seed(&p->rand, seed * 100 + n);
	while (aspace_exec(&req, "a\0b", &rep, &aspace))
		if (++nr_tries == TRIES) {
			free(p);
			return;
		}
	for (u32 i = 0; i < ARRAY_SIZE(p->places); i++)
		p->places[i] = WINDOW + i * NR_PAGES / 2 * PAGE_SIZE;
	p->places[0] = HEAP;
	p->places[1] = 0x7ff000000000 - NR_PAGES * PAGE_SIZE;
	start(p, aspace, 200);
}

static void run_seed(void)
{
	static const char *const geometries[] = {
		"64K,1way,victim=2", "96K,4way,victim=8", "1M,8way"};

	model_set_option("pcache", geometries[seed % ARRAY_SIZE(geometries)]);
	fake_sched_start(seed);
	fake_m_start(512);
	CHECK(!aspace_start());
	fake_m_lie(seed, 4 + (u32)seed % 5 * 8);
	for (u32 i = 0; i < 6; i++) {
		run_program(i);
		while (nr_running)
			sleep_ns(1000);
		CHECK(pcache_check() == 0);
	}
	aspace_wait_exits();
	CHECK(gauge_read(nr_user_aspaces) == 0);
	CHECK(gauge_read(nr_pcache_rmaps) == 0);
}

KTEST(no_reply_of_a_memory_node_stops_the_processor_node)
{
	model_run_seeds(run_seed, &seed, 8);
}
