/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole of mm/ and pcache/ against a model.
 *
 * Processes (threads of the fake scheduler) map, unmap, protect, move, fork
 * and touch pages at random, on CPUs with TLBs, over a pcache of a few sets
 * with its evictor running, against a memory node that aborts when a frame is
 * touched that nobody owns.  The model is one record for each page of a
 * window.  PCACHE_SEED=n repeats a run; the seed is printed on failure.
 */
#include "internal.h"
#include "model_shared.h"

#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/hash.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <managers/processor/pcache/internal.h>
#include <managers/processor/proc/signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <tests/unit/fake_m.h>
#include <tests/unit/fake_mmu.h>
#include <tests/unit/fake_sched.h>
#include <uapi/mman.h>

#define WINDOW    0x10000000ul
#define NR_PAGES  48u
#define NR_BYTES  4u   /* of each page that the model knows */
#define NR_SHARED 512u /* shared pages in all */
#define MAX_DEPTH 2u   /* generations of forks */

static const char *const counter_names[] = {
#define COUNTER(name, help) #name,
#define GAUGE(name, help)
#include <kernel/counter_list.def>
#undef COUNTER
#undef GAUGE
};

enum kind { UNMAPPED, ANON, FILE_PRIVATE, SHARED };

struct model_page {
	enum kind kind;
	u32 prot;
	u32 file;       /* FILE_PRIVATE: which, */
	u64 index;      /* its page; SHARED: of shared[] */
	bool is_copied; /* FILE_PRIVATE: has its own bytes */
	bool is_moot;   /* another thread may see either state */
	u8 bytes[NR_BYTES];
	u8 unsure;       /* bit i: the fork that made us met a write of it */
	u8 fork_written; /* bit i: written while we fork */
};

struct process {
	struct aspace *aspace;
	struct model_page pages[NR_PAGES];
	u32 nr_changes[NR_PAGES]; /* of each, made by calls */
	struct rand rand;
	u32 depth;
	u32 nr_steps;
	u32 nr_helpers; /* threads of it beside the main one */
	bool is_forking, is_ending;
	u64 brk;
};

static u64 seed;
static bool is_m_short;  /* now and then */
static u32 nr_processes; /* alive */
static u8 shared[NR_SHARED][NR_BYTES];
static u32 nr_shared;
static struct process *first;

static u64 offset_of(u32 byte)
{
	static const u64 offsets[NR_BYTES] = {0, 1000, 2048, 4095};

	return offsets[byte];
}

static void fail(struct process *p, u64 vaddr, const char *what, u32 got,
		 u32 want)
{
	fprintf(stderr, "PCACHE_SEED=%lu: %lx of asid %u: %s: %x, not %x\n",
		seed, vaddr, p->aspace->asid, what, got, want);
	abort();
}

/* With PCACHE_TRACE in the environment, what was done, in order. */
static void trace(struct process *p, const char *what, u64 page, u64 n, u64 to)
{
	static int is_on = -1;

	if (is_on < 0)
		is_on = getenv("PCACHE_TRACE") != NULL;
	if (is_on)
		fprintf(stderr, "asid %u: %s %lu +%lu %lx\n", p->aspace->asid,
			what, page, n, to);
}

/* ---- touching
 * ------------------------------------------------------------------- */

static u8 *byte_of_model(struct model_page *page, u32 byte)
{
	static u8 of_file;

	if (page->kind == SHARED)
		return &shared[page->index][byte];
	if (page->kind == FILE_PRIVATE && !page->is_copied) {
		of_file = fake_m_file_byte(page->file, page->index * PAGE_SIZE +
							       offset_of(byte));
		return &of_file;
	}
	return &page->bytes[byte];
}

/* The place of a byte, after the faults it takes; NULL: SIGSEGV. */
static u8 *touch(struct process *p, u64 vaddr, bool is_write)
{
	struct aspace_fault_info info;
	u8 *at;

	while (!(at = mmu_access(&p->aspace->pt, vaddr, is_write))) {
		info.trapped = 0;
		info.stream = model_stream();
		if (!aspace_fault(p->aspace, vaddr,
				  is_write ? FAULT_WRITE : FAULT_READ, &info))
			continue;
		if (info.signo == SIGSEGV)
			return NULL;
		/* M has run short, and nobody has a file's page. */
		CHECK(info.signo == SIGBUS && is_m_short);
	}
	return at;
}

static bool model_allows(const struct model_page *page, bool is_write)
{
	return page->kind != UNMAPPED &&
	       page->prot & (is_write ? PROT_WRITE : PROT_READ);
}

static void copy_from_file(struct model_page *page)
{
	for (u32 i = 0; i < NR_BYTES; i++)
		page->bytes[i] = *byte_of_model(page, i);
	page->is_copied = true;
}

/* Touch a byte of page @n and compare; in one piece with the model's, as the
 * baton is not passed between. */
static void touch_page(struct process *p, struct rand *rand, u32 n)
{
	u32 byte = (u32)rand_below(rand, NR_BYTES);
	bool is_write = rand_below(rand, 2);
	struct model_page *page = &p->pages[n];
	u64 vaddr = WINDOW + n * PAGE_SIZE + offset_of(byte);
	u8 value = (u8)rand_u64(rand);
	u32 nr_changes = p->nr_changes[n];
	u8 *at;

	if (page->is_moot)
		return;
	at = touch(p, vaddr, is_write);
	/* Changed meanwhile, perhaps all of it: nothing can be said. */
	if (page->is_moot || p->nr_changes[n] != nr_changes)
		return;
	if (!at || !model_allows(page, is_write)) {
		if (at || model_allows(page, is_write))
			fail(p, vaddr, "access allowed", at != NULL, !at);
		return;
	}
	trace(p, is_write ? "found, to write" : "read", n, byte, *at);
	if (page->unsure & 1u << byte && page->kind != SHARED) {
		page->bytes[byte] = *at;
		page->unsure &= (u8) ~(1u << byte);
	}
	if (*at != *byte_of_model(page, byte))
		fail(p, vaddr, "content", *at, *byte_of_model(page, byte));
	if (!is_write)
		return;
	if (page->kind == FILE_PRIVATE && !page->is_copied)
		copy_from_file(page);
	trace(p, "wrote", n, byte, value);
	*at = value;
	*byte_of_model(page, byte) = value;
	if (p->is_forking)
		page->fork_written |= (u8)(1u << byte);
}

static void step_touch(struct process *p, struct rand *rand)
{
	touch_page(p, rand, (u32)rand_below(rand, NR_PAGES));
}

/* Go through the window, so that pages are read ahead. */
static void step_scan(struct process *p, struct rand *rand)
{
	u32 stride = 1 + (u32)rand_below(rand, 3);

	for (u32 n = 0; n < NR_PAGES; n += stride)
		touch_page(p, rand, n);
}

/* ---- changes
 * -------------------------------------------------------------------- */

static void pick_range(struct process *p, u32 *start, u32 *n)
{
	*start = (u32)rand_below(&p->rand, NR_PAGES);
	*n = 1 + (u32)rand_below(&p->rand, min(NR_PAGES - *start, 12u));
}

static u64 vaddr_of(u32 n)
{
	return WINDOW + n * PAGE_SIZE;
}

static void set_moot(struct process *p, u32 start, u32 n, bool is_moot)
{
	for (u32 i = start; i < start + n; i++)
		p->pages[i].is_moot = is_moot;
	for (u32 i = start; is_moot && i < start + n; i++)
		p->nr_changes[i]++;
}

static void model_unmap(struct process *p, u32 start, u32 n)
{
	for (u32 i = start; i < start + n; i++) {
		p->pages[i] = (struct model_page){.is_moot = true};
	}
}

static void step_mmap(struct process *p)
{
	enum kind kind = ANON + rand_below(&p->rand, 3);
	u32 start, n, file = (u32)rand_below(&p->rand, FAKE_FILES);
	u64 index = rand_below(&p->rand, FAKE_FILE_PAGES - 12);
	struct mmap_args args = {.flags = MAP_FIXED, .path = ""};
	long rc;

	pick_range(p, &start, &n);
	if (kind == SHARED && nr_shared + n > NR_SHARED)
		kind = ANON;
	args.vaddr = vaddr_of(start);
	args.len_bytes = n * PAGE_SIZE;
	args.prot =
		rand_below(&p->rand, 4) ? PROT_READ | PROT_WRITE : PROT_READ;
	args.flags |= kind == SHARED ? MAP_SHARED : MAP_PRIVATE;
	if (kind == FILE_PRIVATE) {
		args.fid = fake_m_file(file);
		args.vnode = (struct vnode *)&shared; /* never looked at */
		args.pgoff_pages = index;
	} else {
		args.flags |= MAP_ANONYMOUS;
	}
	/* One that fails leaves what it would have replaced. */
	if (!rand_below(&p->rand, 4)) {
		trace(p, "mmap refused", start, n, kind);
		fake_m_refuse_maps(p->aspace->asid, true);
		CHECK(aspace_mmap(p->aspace, &args) == -ENOMEM);
		fake_m_refuse_maps(p->aspace->asid, false);
	}
	set_moot(p, start, n, true);
	trace(p, "mmap", start, n, kind);
	rc = aspace_mmap(p->aspace, &args);
	trace(p, "mmap done", start, n, kind);
	CHECK(rc == (long)args.vaddr);
	for (u32 i = 0; i < n; i++)
		p->pages[start + i] = (struct model_page){
			.kind = kind,
			.prot = args.prot,
			.file = file,
			.index = kind == SHARED ? nr_shared + i : index + i};
	nr_shared += kind == SHARED ? n : 0;
}

static void step_munmap(struct process *p)
{
	u32 start, n;

	pick_range(p, &start, &n);
	set_moot(p, start, n, true);
	trace(p, "munmap", start, n, 0);
	CHECK(!aspace_munmap(p->aspace, vaddr_of(start), n * PAGE_SIZE));
	model_unmap(p, start, n);
	set_moot(p, start, n, false);
}

/* What a mapping shows when its pages have gone. */
static void model_drop(struct process *p, u32 start, u32 n)
{
	for (u32 i = start; i < start + n; i++) {
		struct model_page *page = &p->pages[i];

		memset(page->bytes, 0, NR_BYTES);
		page->is_copied = false;
		page->unsure = 0;
	}
}

static void step_madvise(struct process *p)
{
	u32 start, n;

	pick_range(p, &start, &n);
	set_moot(p, start, n, true);
	trace(p, "madvise", start, n, 0);
	CHECK(!aspace_madvise(p->aspace, vaddr_of(start), n * PAGE_SIZE,
			      MADV_DONTNEED));
	model_drop(p, start, n);
	set_moot(p, start, n, false);
}

/* How many pages of the @n from @start on are mapped before the first hole? */
static u32 nr_mapped(struct process *p, u32 start, u32 n)
{
	u32 i = 0;

	while (i < n && p->pages[start + i].kind != UNMAPPED)
		i++;
	return i;
}

static void step_mprotect(struct process *p)
{
	static const u32 prots[] = {PROT_NONE, PROT_READ,
				    PROT_READ | PROT_WRITE};
	u32 prot = prots[rand_below(&p->rand, 3)], start, n, n_mapped;

	pick_range(p, &start, &n);
	n_mapped = nr_mapped(p, start, n);
	set_moot(p, start, n, true);
	trace(p, "mprotect", start, n, prot);
	CHECK(aspace_mprotect(p->aspace, vaddr_of(start), n * PAGE_SIZE,
			      prot) == (n_mapped < n ? -ENOMEM : 0));
	for (u32 i = start; i < start + n_mapped; i++)
		p->pages[i].prot = prot;
	set_moot(p, start, n, false);
}

static bool overlap(u32 a, u32 na, u32 b, u32 nb)
{
	return a < b + nb && b < a + na;
}

static void model_move(struct process *p, u32 start, u32 n, u32 to, u32 want,
		       bool keeps_old)
{
	struct model_page copy[NR_PAGES];

	memcpy(copy, &p->pages[start], want * sizeof(copy[0]));
	if (keeps_old)
		model_drop(p, start, n);
	else
		model_unmap(p, start, n);
	memcpy(&p->pages[to], copy, want * sizeof(copy[0]));
}

/* Within the window, to a fixed place; or shrink; or leave the area behind. */
static void step_mremap(struct process *p)
{
	u32 flags = MREMAP_MAYMOVE | MREMAP_FIXED, start, n, want;
	u32 to = (u32)rand_below(&p->rand, NR_PAGES);
	bool is_refused = !rand_below(&p->rand, 6);
	long rc;

	pick_range(p, &start, &n);
	want = 1 + (u32)rand_below(&p->rand, n);
	if (rand_below(&p->rand, 3) == 0) {
		flags |= MREMAP_DONTUNMAP;
		want = n;
	}
	if (to + want > NR_PAGES || overlap(start, n, to, want))
		return;
	if (!is_refused) {
		set_moot(p, start, n, true);
		set_moot(p, to, want, true);
	}
	fake_m_refuse_maps(p->aspace->asid, is_refused);
	trace(p, is_refused ? "mremap refused" : "mremap", start, n, to);
	rc = aspace_mremap(p->aspace, vaddr_of(start), n * PAGE_SIZE,
			   want * PAGE_SIZE, flags, vaddr_of(to));
	fake_m_refuse_maps(p->aspace->asid, false);
	if (rc < 0) { /* more than one VMA; or as wanted */
		CHECK(rc == -EFAULT || (is_refused && rc == -ENOMEM));
	} else {
		CHECK(rc == (long)vaddr_of(to) && !is_refused);
		model_move(p, start, n, to, want, flags & MREMAP_DONTUNMAP);
	}
	set_moot(p, start, n, false);
	set_moot(p, to, want, false);
}

/* Grow where it is or elsewhere, and back. */
static void step_mremap_grow(struct process *p)
{
	u64 vaddr = 0x30000000;
	struct mmap_args args = {.flags = MAP_PRIVATE | MAP_ANONYMOUS,
				 .vaddr = vaddr,
				 .len_bytes = 4 * PAGE_SIZE,
				 .prot = PROT_READ | PROT_WRITE,
				 .path = ""};
	long at = aspace_mmap(p->aspace, &args);
	u8 *byte;

	CHECK(at > 0);
	for (u32 i = 0; i < 4; i++) {
		byte = touch(p, (u64)at + i * PAGE_SIZE, true);
		*byte = (u8)(i + 1);
	}
	at = aspace_mremap(p->aspace, (u64)at, 4 * PAGE_SIZE, 9 * PAGE_SIZE,
			   MREMAP_MAYMOVE, 0);
	CHECK(at > 0);
	for (u32 i = 0; i < 9; i++) {
		byte = touch(p, (u64)at + i * PAGE_SIZE, false);
		if (*byte != (i < 4 ? i + 1 : 0))
			fail(p, (u64)at, "moved content", *byte, i);
	}
	CHECK(!aspace_munmap(p->aspace, (u64)at, 9 * PAGE_SIZE));
}

static void step_brk(struct process *p)
{
	u64 old = p->brk;
	u8 *byte;

	p->brk = 0x200000 + rand_below(&p->rand, 10 * PAGE_SIZE);
	CHECK(aspace_brk(p->aspace, p->brk) == (long)p->brk);
	for (u64 vaddr = ALIGN_UP(old, PAGE_SIZE);
	     vaddr < ALIGN_UP(p->brk, PAGE_SIZE); vaddr += PAGE_SIZE) {
		byte = touch(p, vaddr, true);
		if (*byte)
			fail(p, vaddr, "new heap", *byte, 0);
		*byte = 0x77;
	}
}

static void step_stack(struct process *p)
{
	u8 *top = touch(p, 0x7ff00000f800, rand_below(&p->rand, 2));

	if (*top != 0x5a)
		fail(p, 0x7ff00000f800, "stack", *top, 0x5a);
	touch(p, 0x7ff000001000, true);
	/* It grows. */
	CHECK(touch(p, 0x7ff000000000 - rand_below(&p->rand, 40) * PAGE_SIZE,
		    true));
}

static void step_shared_sync(struct process *p)
{
	u32 start, n;

	pick_range(p, &start, &n);
	if (nr_mapped(p, start, n) == n)
		CHECK(!aspace_msync(p->aspace, vaddr_of(start), n * PAGE_SIZE,
				    MS_SYNC));
}

static void process_main(void *arg);

/* What shall happen to some pages at a fork: nothing, gone, wiped. */
static u32 advise_fork(struct process *p, u32 start, u32 n)
{
	static const u32 advices[] = {MADV_NORMAL, MADV_DONTFORK,
				      MADV_WIPEONFORK};
	u32 advice = advices[rand_below(&p->rand, 3)];
	long rc = aspace_madvise(p->aspace, vaddr_of(start), n * PAGE_SIZE,
				 advice);

	if (rc == -EINVAL) /* to wipe a file */
		return MADV_NORMAL;
	CHECK(rc == (nr_mapped(p, start, n) < n ? -ENOMEM : 0));
	return advice;
}

/* Take it back, in the parent and what the child inherited. */
static void follow_advice(struct process *p, struct process *child, u32 advice,
			  u32 start, u32 n)
{
	u32 undo = advice == MADV_DONTFORK ? MADV_DOFORK : MADV_KEEPONFORK;
	u64 vaddr = vaddr_of(start), len = n * PAGE_SIZE;

	if (advice == MADV_NORMAL)
		return;
	(void)!aspace_madvise(p->aspace, vaddr, len, undo);
	(void)!aspace_madvise(child->aspace, vaddr, len, undo);
	for (u32 i = start; i < start + n; i++)
		if (advice == MADV_DONTFORK)
			child->pages[i] = (struct model_page){0};
	if (advice == MADV_WIPEONFORK)
		model_drop(child, start, n);
}

static void step_fork(struct process *p)
{
	struct process *child;
	u32 start, n, advice;

	if (p->depth >= MAX_DEPTH || nr_processes >= 12)
		return;
	child = calloc(1, sizeof(*child));
	pick_range(p, &start, &n);
	advice = advise_fork(p, start, n);
	for (u32 i = 0; i < NR_PAGES; i++)
		p->pages[i].fork_written = 0;
	p->is_forking = true;
	CHECK(!aspace_fork(p->aspace, &child->aspace));
	p->is_forking = false;
	trace(p, "forked", child->aspace->asid, 0, 0);
	memcpy(child->pages, p->pages, sizeof(child->pages));
	for (u32 i = 0; i < NR_PAGES; i++)
		child->pages[i].unsure |= child->pages[i].fork_written;
	follow_advice(p, child, advice, start, n);
	child->depth = p->depth + 1;
	child->brk = p->brk;
	child->nr_steps = p->nr_steps / 2;
	rand_seed(&child->rand, rand_u64(&p->rand));
	nr_processes++;
	CHECK(thread_spawn("child", process_main, child));
}

/* A second thread: touches, while the first changes. */
static void helper_main(void *arg)
{
	struct process *p = arg;
	struct rand rand;

	rand_seed(&rand, seed * 77);
	while (!p->is_ending) {
		if (rand_below(&rand, 64))
			step_touch(p, &rand);
		else
			step_scan(p, &rand);
		fake_sched_point();
	}
	p->nr_helpers--;
}

static void step(struct process *p)
{
	switch (rand_below(&p->rand, 40)) {
	case 0:
	case 1:
	case 2:
		step_mmap(p);
		break;
	case 3:
		step_munmap(p);
		break;
	case 4:
		step_mprotect(p);
		break;
	case 5:
	case 6:
		step_mremap(p);
		break;
	case 7:
		step_fork(p);
		break;
	case 8:
		step_madvise(p);
		break;
	case 9:
		step_brk(p);
		break;
	case 10:
		step_stack(p);
		break;
	case 11:
		step_mremap_grow(p);
		break;
	case 12:
		step_shared_sync(p);
		break;
	case 13:
		step_scan(p, &p->rand);
		break;
	default:
		for (u32 i = 0; i < 6; i++)
			step_touch(p, &p->rand);
	}
}

static void process_main(void *arg)
{
	struct process *p = arg;

	for (u32 i = 0; i < p->nr_steps; i++)
		step(p);
	p->is_ending = true;
	while (p->nr_helpers)
		fake_sched_point();
	aspace_put(p->aspace);
	free(p);
	nr_processes--;
}

static void run(u32 nr_steps)
{
	struct rpc_m_exec req = {.strings_bytes = le32_make(4)};
	struct rpc_m_exec_reply rep;

	nr_shared = 0;
	memset(shared, 0, sizeof(shared));
	first = calloc(1, sizeof(*first));
	fake_m_fail_execs((u32)seed % 3);
	fake_m_fail_writes((u32)seed % 5);
	fake_m_refuse_reads((u32)seed % 3);
	fake_m_run_short(is_m_short ? 7 : 0);
	CHECK(!aspace_exec(&req, "a\0b", &rep, &first->aspace));
	first->nr_steps = nr_steps;
	first->brk = 0x200000;
	first->nr_helpers = 1;
	rand_seed(&first->rand, seed);
	nr_processes = 1;
	CHECK(thread_spawn("process", process_main, first));
	CHECK(thread_spawn("helper", helper_main, first));
	while (nr_processes)
		sleep_ns(1000);
}

/* A boot with some geometry and policy, and a few programs one by one. */
static void run_seed(void)
{
	static const char *const geometries[] = {
		"64K,1way,victim=1", "64K,2way,victim=2", "96K,4way,victim=8",
		"256K,8way,victim=4", "1M,8way"};
	static const char *const prefetch[] = {"trend", "seq", "off"};
	const char *policy = pcache_policies[seed % NR_POLICIES]->name;

	is_m_short = seed % 2;
	model_set_option("prefetch", prefetch[seed / 5 % 3]);
	model_set_option("pcache", geometries[seed % ARRAY_SIZE(geometries)]);
	model_set_option("pcache_policy", policy);
	fake_sched_start(seed);
	fake_m_start(4096);
	CHECK(!aspace_start());
	for (u32 i = 0; i < 3; i++) {
		policy = pcache_policies[(seed + i) % NR_POLICIES]->name;
		CHECK(!pcache_set_policy(policy, strlen(policy)));
		run(150);
		model_expect_nothing_left();
	}
	if (getenv("PCACHE_SEED"))
		for (u32 i = 0; i < NR_COUNTERS; i++)
			if (counter_values.v[i])
				printf("%8lu %s\n", counter_values.v[i],
				       counter_names[i]);
	CHECK(counter_read(COUNTER_nr_pgfault_wp_cow));
	CHECK(counter_read(COUNTER_nr_pcache_fill_from_pcache));
	CHECK(counter_read(COUNTER_nr_pcache_fault_around));
	CHECK(is_m_short == (fake_m_nr_dropped() > 0));
}

/* Write more pages than there are lines, again and again. */
static void run_thrash(void)
{
	struct rpc_m_exec req = {.strings_bytes = le32_make(4)};
	struct rpc_m_exec_reply rep;
	struct process p = {0};
	u64 nr_pages, nr_evictions;

	model_set_option("pcache", "1M,8way");
	model_set_option("pcache_policy",
			 pcache_policies[seed % NR_POLICIES]->name);
	fake_sched_start(seed);
	fake_m_start(4096);
	CHECK(!aspace_start());
	nr_pages = pcache.nr_lines * 2;
	CHECK(!aspace_exec(&req, "a\0b", &rep, &p.aspace));
	CHECK(aspace_brk(p.aspace, 0x200000 + nr_pages * PAGE_SIZE) > 0);
	for (u64 i = 0; i < 4 * nr_pages; i++) {
		u8 *at = touch(&p, 0x200000 + i % nr_pages * PAGE_SIZE, true);

		CHECK(*at == (u8)(i < nr_pages ? 0 : i % nr_pages));
		*at = (u8)(i % nr_pages);
		fake_sched_point();
	}
	nr_evictions = counter_read(COUNTER_nr_pcache_eviction_succeed);
	CHECK(nr_evictions > 2 * nr_pages);
	CHECK(counter_read(COUNTER_nr_pcache_eviction_batch) <
	      nr_evictions / 8);
	aspace_put(p.aspace);
	model_expect_nothing_left();
}

/* Which frame each page has; not whether and how it is mapped now. */
static u64 frames_digest(struct aspace *aspace)
{
	u64 digest = 0, gframe;
	pte_t *ptep, pte;

	for (u64 vaddr = 0;
	     (ptep = pt_next(&aspace->pt, &vaddr, aspace->vmas.high));
	     vaddr += PAGE_SIZE) {
		spin_lock(pte_lock_of(ptep));
		pte = pte_read(ptep);
		CHECK(!pte_is_filling(pte));
		if (pte_is_remote(pte))
			gframe = pte_remote_gframe(pte);
		else if (pte_is_present(pte) && !(pte & PTE_ZERO))
			gframe = pcache_line_at(pte_paddr(pte))->gframe;
		else
			gframe = GFRAME_NONE; /* zeros, touched or not */
		spin_unlock(pte_lock_of(ptep));
		if (gframe != GFRAME_NONE)
			digest += hash_u64(vaddr ^ hash_u64(gframe) ^
					   (pte & (PTE_FILE | PTE_LENT)));
	}
	return digest;
}

/* One process changes permissions at random, with the evictor at work. */
static void run_protect(void)
{
	struct rpc_m_exec req = {.strings_bytes = le32_make(4)};
	struct rpc_m_exec_reply rep;
	struct process p = {0};
	u64 before;

	model_set_option("pcache", "96K,4way,victim=8");
	model_set_option("pcache_policy",
			 pcache_policies[seed % NR_POLICIES]->name);
	fake_sched_start(seed);
	fake_m_start(4096);
	CHECK(!aspace_start());
	CHECK(!aspace_exec(&req, "a\0b", &rep, &p.aspace));
	rand_seed(&p.rand, seed);
	nr_processes = 1;
	for (u32 i = 0; i < 200; i++) {
		if (i % 8 == 0)
			step_mmap(&p);
		for (u32 k = 0; k < 4; k++)
			step_touch(&p, &p.rand);
		before = frames_digest(p.aspace);
		step_mprotect(&p);
		CHECK(frames_digest(p.aspace) == before);
	}
	aspace_put(p.aspace);
	model_expect_nothing_left();
}

KTEST(r12_mprotect_changes_permissions_and_nothing_else)
{
	for (seed = 1; seed <= 4; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_protect), 0);
}

KTEST(one_flush_serves_many_evictions)
{
	for (seed = 1; seed <= 8; seed++)
		EXPECT_EQ(fake_sched_run_apart(run_thrash), 0);
}

KTEST(memory_behaves_like_the_model_under_eviction_and_fork)
{
	model_run_seeds(run_seed, &seed, 24);
}
