/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pcache under faults of programs that are made for one case each; the
 * random ones are in mm/model_hosttest.c.  Each test runs in a process of its
 * own, with a fresh boot.
 */
#include "internal.h" /* of the pcache */

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <managers/processor/mm/internal.h>
#include <managers/processor/mm/model_shared.h>
#include <managers/processor/mm/pte.h>
#include <managers/processor/mm/space.h>
#include <stdlib.h>
#include <tests/unit/fake_m.h>
#include <tests/unit/fake_mmu.h>
#include <tests/unit/fake_sched.h>
#include <uapi/mman.h>

#define HEAP 0x200000ul /* where fake M puts brk */

static u64 seed;

static void boot(const char *geometry)
{
	model_set_option("pcache", geometry);
	fake_sched_start(seed);
	fake_m_start(8192);
	CHECK(!aspace_start());
}

/* A program with @nr_pages of heap. */
static struct aspace *program(u64 nr_pages)
{
	struct rpc_m_exec req = {.strings_bytes = le32_make(4)};
	struct rpc_m_exec_reply rep;
	struct aspace *aspace;

	CHECK(!aspace_exec(&req, "a\0b", &rep, &aspace));
	CHECK(aspace_brk(aspace, HEAP + nr_pages * PAGE_SIZE) > 0);
	return aspace;
}

static u8 *touch(struct aspace *aspace, u64 page, bool is_write)
{
	struct aspace_fault_info info = {.trapped = 0};
	u64 vaddr = HEAP + page * PAGE_SIZE;
	u8 *at;

	while (!(at = mmu_access(aspace_page_table(aspace), vaddr, is_write)))
		CHECK(!aspace_fault(aspace, vaddr,
				    is_write ? FAULT_WRITE : FAULT_READ,
				    &info));
	return at;
}

static void expect_empty(void)
{
	CHECK(gauge_read(nr_pcache_rmaps) == 0);
	CHECK(gauge_read(nr_pcache_lines) == 0);
	model_expect_lines_free();
}

/* ---- R1: pages of one set, one more than it has ways -------------------- */

static void run_r1(void)
{
	struct aspace *aspace;

	boot("64K,8way,victim=8");
	CHECK(pcache.nr_sets == 1);
	aspace = program(0);
	for (u32 round = 0; round < 1000; round++) {
		u64 nr = pcache.nr_ways + 1 + round % 8;

		CHECK(aspace_brk(aspace, HEAP + nr * PAGE_SIZE) > 0);
		for (u64 page = 0; page < nr; page++)
			CHECK((*touch(aspace, page, true))++ == 0);
		CHECK(aspace_brk(aspace, HEAP) > 0);
		expect_empty();
		CHECK(pcache.sets[0].nr_free == pcache.nr_ways);
	}
	aspace_put(aspace);
}

KTEST(r1_a_set_has_all_its_ways_after_each_munmap)
{
	for (seed = 1; seed <= 2; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_r1), 0);
}

/* ---- R2: nothing to evict ----------------------------------------------- */

static struct pcache_line *pinned[64];
static bool has_got;

static void get_one_more(void *arg)
{
	struct pcache_line *line;
	u64 gframe = gframe_make(0, 4000);

	CHECK(pcache_get(gframe, &line) == PCACHE_CLAIMED);
	has_got = true;
	pcache_fill_end(line, false, false);
}

static void run_r2(void)
{
	struct pcache_set *set;
	struct pcache_line *line;
	u32 nr = 0;

	boot("64K,4way,victim=4");
	set = &pcache.sets[0];
	for (u32 i = 0; i < NR_POLICIES; i++) {
		spin_lock(&set->lock);
		CHECK(!pcache_policies[i]->choose(set)); /* it is empty */
		spin_unlock(&set->lock);
	}
	/* Every line of the pcache, pinned. */
	for (u64 pfn = 1; nr < pcache.nr_lines && pfn < 4000; pfn++) {
		if (pcache_try_get(gframe_make(0, pfn), &pinned[nr]) ==
		    PCACHE_FULL)
			continue;
		pcache_fill_end(pinned[nr++], true, false);
	}
	CHECK(nr == pcache.nr_lines);
	for (u32 i = 0; i < NR_POLICIES; i++) {
		spin_lock(&set->lock);
		CHECK(set->nr_extra || !set->nr_free);
		CHECK(!pcache_policies[i]->choose(set));
		spin_unlock(&set->lock);
	}
	CHECK(pcache_try_get(gframe_make(0, 4000), &line) == PCACHE_FULL);
	CHECK(counter_read(COUNTER_nr_pcache_eviction_sync) == 0);
	CHECK(thread_spawn("waits", get_one_more, NULL));
	sleep_ns(100 * NSEC_PER_MSEC);
	CHECK(!has_got);
	CHECK(counter_read(COUNTER_nr_pcache_eviction_sync) == 1);
	while (nr)
		pcache_unpin(pinned[--nr]);
	while (!has_got)
		sleep_ns(NSEC_PER_MSEC);
	CHECK(counter_read(COUNTER_nr_pcache_eviction_sync) == 1);
}

KTEST(r2_no_victim_is_no_line_and_who_wants_one_waits)
{
	for (seed = 1; seed <= 4; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_r2), 0);
}

/* ---- no victim can be had, but clean lines ------------------------------- */

/* Fill the set of @gframe with lines. */
static void fill_set(struct pcache_set *set, bool is_dirty)
{
	for (u64 pfn = 1; set->nr_free; pfn++) {
		struct pcache_line *line;

		if (set_of(gframe_make(0, pfn)) != set)
			continue;
		CHECK(pcache_get(gframe_make(0, pfn), &line) == PCACHE_CLAIMED);
		pcache_fill_end(line, true, is_dirty);
		pcache_unpin(line);
	}
}

/* A set of modified lines gets what is clean, wherever it is. */
static void run_clean(void)
{
	struct pcache_line *loose[8], *line;
	struct pcache_set *sets;
	s32 nr_lent;
	u64 pfn = 3000;

	boot("80K,4way,victim=8");
	sets = pcache.sets;
	CHECK(pcache.nr_sets == 3);
	for (u32 i = 0; i < 8; i++)
		CHECK((loose[i] = pcache_borrow()));
	fill_set(&sets[0], true);
	fill_set(&sets[1], false);
	fill_set(&sets[2], true);
	for (u32 nr = 0; nr < 4; nr++) {
		while (set_of(gframe_make(0, pfn)) != &sets[nr % 2 * 2])
			pfn++;
		CHECK(pcache_get(gframe_make(0, pfn++), &line) ==
		      PCACHE_CLAIMED);
		CHECK(pcache_check() == 0);
		pcache_fill_end(line, true, true);
		pcache_unpin(line);
	}
	CHECK(counter_read(COUNTER_nr_pcache_eviction_sync) == 0);
	CHECK(counter_read(COUNTER_nr_pcache_eviction_clean) >= 1);
	nr_lent = -sets[1].nr_extra;
	CHECK(nr_lent >= 1);

	for (u32 i = 0; i < 8; i++)
		pcache_give_back(loose[i]);
	/* What was lent comes back with the next fault. */
	while (set_of(gframe_make(0, pfn)) != &sets[1])
		pfn++;
	CHECK(pcache_get(gframe_make(0, pfn), &line) == PCACHE_CLAIMED);
	CHECK(sets[1].nr_extra == 1 - nr_lent);
	pcache_fill_end(line, true, true);
	pcache_unpin(line);
	for (pfn = 1; pfn < 4000; pfn++)
		pcache_forget(gframe_make(0, pfn), true);
	expect_empty();
}

KTEST(a_fault_takes_clean_lines_of_any_set_before_it_waits)
{
	for (seed = 1; seed <= 4; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_clean), 0);
}

/* ---- a page that is being evicted ---------------------------------------- */

#define REFUSED_PAGES 8u

static struct aspace *refused_aspace;
static bool is_over, has_ended;

/* Has the other thread's pages evicted all the time. */
static void evict_all_the_time(void *arg)
{
	for (u64 i = 0; !is_over; i++)
		touch(refused_aspace, REFUSED_PAGES + i % 64, false);
	has_ended = true;
}

static void run_refused(void)
{
	boot("64K,4way,victim=4");
	refused_aspace = program(REFUSED_PAGES + 64);
	for (u64 page = 0; page < REFUSED_PAGES + 64; page++)
		touch(refused_aspace, page, true);
	CHECK(thread_spawn("evicts", evict_all_the_time, NULL));
	for (u64 i = 0; i < 300; i++) {
		u64 page = i % REFUSED_PAGES, vaddr = HEAP + page * PAGE_SIZE;

		touch(refused_aspace, page, false);
		for (u64 k = 0; k < i % 20; k++)
			fake_sched_point();
		CHECK(!aspace_mprotect(refused_aspace, vaddr, PAGE_SIZE,
				       PROT_NONE));
		CHECK(!mmu_access(aspace_page_table(refused_aspace), vaddr,
				  false));
		CHECK(!aspace_mprotect(refused_aspace, vaddr, PAGE_SIZE,
				       PROT_READ | PROT_WRITE));
	}
	is_over = true;
	while (!has_ended)
		sleep_ns(NSEC_PER_MSEC);
	aspace_put(refused_aspace);
	expect_empty();
}

KTEST(no_tlb_reaches_a_page_that_was_taken_away_while_it_was_evicted)
{
	for (seed = 1; seed <= 8; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_refused), 0);
}

/* ---- R14: the smallest victim caches ------------------------------------ */

#define R14_THREADS 16u
#define R14_STEPS   120u

static struct aspace *r14_aspace;
static u8 r14_bytes[1024];
static u32 r14_nr_running;

/* Any page; but for a while mostly some that hardly find room together, so
 * that they go to the victim cache and come back. */
static u64 r14_page(struct rand *rand, u32 step)
{
	u64 nr_pages = pcache.nr_lines * 4ul;
	u64 nr_hot = pcache.nr_ways * pcache.nr_sets + pcache.nr_victims / 2;

	if (!rand_below(rand, 16))
		return rand_below(rand, nr_pages);
	return (step / 40 * nr_hot + rand_below(rand, nr_hot)) % nr_pages;
}

static void r14_thread(void *arg)
{
	struct rand rand;

	rand_seed(&rand, seed * 100 + (u64)arg);
	for (u32 i = 0; i < R14_STEPS; i++) {
		u64 page = r14_page(&rand, i);
		bool is_write = rand_below(&rand, 2);
		u8 *at = touch(r14_aspace, page, is_write);

		CHECK(*at == r14_bytes[page]);
		if (is_write)
			r14_bytes[page] = *at = (u8)rand_u64(&rand);
	}
	r14_nr_running--;
}

static void run_r14(void)
{
	static const char *const geometries[] = {
		"64K,1way,victim=1", "64K,2way,victim=2", "128K,4way,victim=8"};

	boot(geometries[seed % 3]);
	CHECK(!pcache_set_policy(
		pcache_policies[seed % NR_POLICIES]->name,
		strlen(pcache_policies[seed % NR_POLICIES]->name)));
	r14_aspace = program(pcache.nr_lines * 4ul);
	r14_nr_running = R14_THREADS;
	for (u64 i = 0; i < R14_THREADS; i++)
		CHECK(thread_spawn("r14", r14_thread, (void *)i));
	while (r14_nr_running)
		sleep_ns(NSEC_PER_MSEC);
	CHECK(counter_read(COUNTER_nr_victim_hit) > 0);
	aspace_put(r14_aspace);
	expect_empty();
}

KTEST(r14_victim_caches_of_1_2_and_8_lines_and_16_threads)
{
	for (seed = 1; seed <= 6; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_r14), 0);
}

/* ---- instructions that need several pages at once ------------------------ */

#define INSTRUCTIONS 60u
#define CPUS         2u

static u32 nr_cpus_busy;

/* Fault by fault, and evictors are faster than programs, until all @pages are
 * there at the same time. */
static void instruction(const u64 *pages, u32 nr, bool is_write)
{
	for (u32 nr_tries = 0, i = 0; i < nr; nr_tries++) {
		for (i = 0; i < nr; i++)
			if (!mmu_access(aspace_page_table(r14_aspace),
					HEAP + pages[i] * PAGE_SIZE, is_write))
				break;
		if (i == nr)
			break;
		CHECK(nr_tries < 1000);
		touch(r14_aspace, pages[i], is_write);
		for (u32 k = 0; k < 50; k++)
			fake_sched_point();
	}
}

static void instructions_thread(void *arg)
{
	u64 pages[INSTRUCTION_MAX];
	struct rand rand;

	rand_seed(&rand, seed * 100 + (u64)arg);
	for (u32 i = 0; i < INSTRUCTIONS; i++) {
		/* Most pages are modified: what is clean is what just came. */
		for (u32 k = 0; k < ARRAY_SIZE(pages); k++)
			pages[k] = rand_below(&rand, 64);
		instruction(pages, ARRAY_SIZE(pages), rand_below(&rand, 4));
	}
	nr_cpus_busy--;
}

static void run_instructions(void)
{
	static const char *const geometries[] = {
		"72K,1way,victim=1", "72K,2way,victim=2", "80K,1way,victim=3",
		"128K,1way,victim=8"};

	boot(geometries[seed % ARRAY_SIZE(geometries)]);
	r14_aspace = program(64);
	nr_cpus_busy = CPUS;
	for (u64 i = 0; i < CPUS; i++)
		CHECK(thread_spawn("cpu", instructions_thread, (void *)i));
	while (nr_cpus_busy)
		sleep_ns(NSEC_PER_MSEC);
	aspace_put(r14_aspace);
	expect_empty();
}

KTEST(the_pages_of_an_instruction_come_together_in_the_smallest_pcache)
{
	for (seed = 1; seed <= 8; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_instructions), 0);
}

/* ---- R21: both sides of a fork write the same pages ---------------------- */

/* Other pages need every line, twice. */
static void evict_all(void)
{
	u64 nr_pages = pcache.nr_lines * 2;
	struct aspace *other = program(nr_pages);

	for (u64 i = 0; i < 2 * nr_pages; i++)
		*touch(other, i % nr_pages, true) = 1;
	aspace_put(other);
	CHECK(gauge_read(nr_pcache_rmaps) == 0);
}

#define R21_PAGES 40u

static void r21_write(struct aspace *aspace, u64 first)
{
	for (u64 page = 0; page < R21_PAGES; page++)
		*touch(aspace, page, true) = (u8)(first + page);
}

static void r21_expect(struct aspace *aspace, u64 first)
{
	for (u64 page = 0; page < R21_PAGES; page++)
		CHECK(*touch(aspace, page, false) == first + page);
}

static void run_r21(void)
{
	struct aspace *parent, *child, *grandchild;

	boot("256K,4way,victim=4");
	parent = program(R21_PAGES);
	r21_write(parent, 10);
	if (seed % 2) /* else TLBs know that some may be written */
		evict_all();
	CHECK(!aspace_fork(parent, &child));
	r21_write(parent, 110);
	r21_expect(child, 10);
	r21_write(child, 60);
	CHECK(!aspace_fork(child, &grandchild));
	evict_all();
	r21_write(grandchild, 160);
	for (u32 i = 0; i < 2; i++) {
		evict_all();
		r21_expect(parent, 110);
		r21_expect(child, 60);
		r21_expect(grandchild, 160);
	}
	aspace_put(parent);
	r21_expect(child, 60);
	aspace_put(grandchild);
	aspace_put(child);
	expect_empty();
}

KTEST(r21_each_side_of_a_fork_sees_its_own_pages_after_eviction)
{
	for (seed = 1; seed <= 4; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_r21), 0);
}

/* ---- R22: lines that many processes map --------------------------------- */

#define R22_PAGES 32u

static u64 nr_sharers;

static void run_r22(void)
{
	struct aspace *processes[64];
	u64 nr_read;

	boot("512K,4way,victim=16");
	processes[0] = program(R22_PAGES);
	for (u64 page = 0; page < R22_PAGES; page++)
		*touch(processes[0], page, true) = (u8)(page + 1);
	for (u64 i = 1; i < nr_sharers; i++)
		CHECK(!aspace_fork(processes[0], &processes[i]));
	for (u64 i = 0; i < nr_sharers; i++)
		for (u64 page = 0; page < R22_PAGES; page++)
			CHECK(*touch(processes[i], page, false) == page + 1);
	CHECK(gauge_read(nr_pcache_rmaps) >= (s64)(nr_sharers * 8));

	evict_all();
	nr_read = counter_read(COUNTER_nr_pcache_fill_from_memory);
	for (u64 i = 0; i < nr_sharers; i++)
		for (u64 page = 0; page < R22_PAGES; page++)
			CHECK(*touch(processes[i], page, false) == page + 1);
	nr_read = counter_read(COUNTER_nr_pcache_fill_from_memory) - nr_read;
	CHECK(nr_read >= R22_PAGES);
	for (u64 i = 0; i < nr_sharers; i++)
		aspace_put(processes[i]);
	expect_empty();
}

KTEST(r22_lines_of_2_to_64_processes_are_evicted)
{
	seed = 1;
	for (nr_sharers = 2; nr_sharers <= 64; nr_sharers *= 2)
		EXPECT_EQ(fake_sched_run_apart(run_r22), 0);
}

/* ---- policies ----------------------------------------------------------- */

/* The page that @policy evicts from a set of four, of which the program used
 * some again. */
static u64 evicted_by(const char *policy, const char *used)
{
	struct aspace *aspace;
	struct pcache_line *line;
	u64 page;

	boot("32K,4way,victim=4");
	CHECK(!pcache_set_policy(policy, strlen(policy)));
	aspace = program(16);
	for (page = 0; page < 4; page++)
		*touch(aspace, page, true) = (u8)page;
	spin_lock(&pcache.sets[0].lock);
	list_for_each_entry (line, &pcache.sets[0].resident, in_list)
		rmap_test_accessed(line); /* as if long ago */
	spin_unlock(&pcache.sets[0].lock);
	tlb_shootdown(aspace_page_table(aspace), NULL, 0);
	for (; *used; used++)
		touch(aspace, (u64)(*used - '0'), false);
	spin_lock(&pcache.sets[0].lock);
	line = pcache.policy->choose(&pcache.sets[0]);
	CHECK(line);
	page = *(u8 *)pcache_line_kaddr(line);
	spin_unlock(&pcache.sets[0].lock);
	return page;
}

static void run_policies(void)
{
	switch (seed) {
	case 1:
		CHECK(evicted_by("fifo", "01") == 0);
		break;
	case 2:
		CHECK(evicted_by("clock", "01") == 2);
		break;
	case 3:
		CHECK(evicted_by("lru", "012") == 3);
		break;
	case 4:
		CHECK(evicted_by("random", "0") < 4);
		break;
	default:
		boot("32K,4way,victim=4");
		CHECK(pcache_set_policy("best", 4) == -EINVAL);
		CHECK(pcache_set_policy("lru,", 4) == -EINVAL);
	}
}

KTEST(each_policy_chooses_its_own_line)
{
	for (seed = 1; seed <= 5; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_policies), 0);
}

/* ---- ahead of demand ---------------------------------------------------- */

/* For an entry that says so. */
static struct pcache_line *ahead_claim(u64 gframe)
{
	pte_t pte = pte_make_remote(gframe, 0), other = pte_make_remote(0, 0);

	CHECK(!pcache_ahead_claim(gframe, &other));
	return pcache_ahead_claim(gframe, &pte);
}

static void run_ahead(void)
{
	struct pcache_line *lines[16], *line;
	u64 nr = 0, low;

	boot("64K,4way,victim=8");
	low = victims.low - victims.low / 4;
	while ((line = ahead_claim(gframe_make(0, nr + 1))))
		lines[nr++] = line;
	CHECK(nr == pcache.nr_victims - low && reserve_has(low));
	CHECK(pcache.sets[0].nr_free == pcache.nr_ways);
	while (nr--) {
		pcache_ahead_arrived(lines[nr], true);
		pcache_ahead_settle(lines[nr], gframe_make(0, nr + 1));
	}
	CHECK(!ahead_claim(gframe_make(0, 1))); /* is there */

	CHECK(pcache_get(gframe_make(0, 1), &line) == PCACHE_FOUND_AHEAD);
	pcache_unpin(line);
	CHECK(pcache_get(gframe_make(0, 1), &line) == PCACHE_FOUND);
	pcache_unpin(line);
	CHECK(counter_read(COUNTER_nr_prefetch_used) == 1);
	while (victims_reclaim())
		;
	CHECK(counter_read(COUNTER_nr_prefetch_wasted) ==
	      pcache.nr_victims - low - 1);
	CHECK(pcache_check() == 0);
	pcache_forget(gframe_make(0, 1), true);
	expect_empty();
}

KTEST(what_is_read_ahead_takes_no_line_of_a_set_nor_of_the_reserve)
{
	seed = 1;
	EXPECT_EQ(fake_sched_run_apart(run_ahead), 0);
}

/* With nothing left in the reserve, rounds that find nothing to evict. */
static void run_mark(void)
{
	struct pcache_line *lines[16];
	u32 nr = 0;

	boot("512K,8way");
	CHECK(pcache.nr_victims == 16 && pcache.low_min == 4);
	while (nr < 16 && (lines[nr] = pcache_borrow()))
		nr++;
	while (victims.low < pcache.low_max)
		reserve_was_short();
	for (u32 low = pcache.low_max; low > pcache.low_min; low--) {
		CHECK(victims.low == low);
		(void)evict_round();
	}
	(void)evict_round();
	CHECK(victims.low == pcache.low_min);
	while (nr)
		pcache_give_back(lines[--nr]);
	expect_empty();
}

KTEST(the_mark_of_a_small_victim_cache_sinks_to_where_it_began)
{
	seed = 1;
	EXPECT_EQ(fake_sched_run_apart(run_mark), 0);
}
