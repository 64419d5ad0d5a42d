/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may be had: sparse mappings, overcommitment, limits, stacks that grow.
 */
#define _GNU_SOURCE
#include "mappings.h"

#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define GIB (1ul << 30)
#define TIB (1ul << 40)

/* ---- sparse -------------------------------------------------------------- */

void section_sparse(void)
{
	int flags = ANON | MAP_NORESERVE;
	long tables = status_kb("VmPTE"), rss = status_kb("VmRSS"), sum = 0;
	char *at = mmap(NULL, TIB, RW, flags, -1, 0);

	tell_at("1 TiB", at);
	say("its page tables: %d", status_kb("VmPTE") - tables > 64);
	for (size_t i = 0; i < 64; i++)
		at[i * 16 * GIB + i * PAGE] = (char)(i + 1);
	for (size_t i = 0; i < 64; i++)
		sum += at[i * 16 * GIB + i * PAGE] + at[i * 16 * GIB + PAGE];
	say("64 pages of it: %ld", sum);
	say("memory: %d", status_kb("VmRSS") - rss < 1024);
	tell("half of it to PROT_NONE",
	     mprotect(at + TIB / 2, TIB / 2, PROT_NONE));
	tell("a quarter to DONTNEED", madvise(at, TIB / 4, MADV_DONTNEED));
	say("what was there: %d", at[16 * GIB + PAGE]);
	tell_at("2 TiB", at = mremap(at, TIB, TIB, 0));
	tell("unmapped", munmap(at, TIB));
	say("page tables left: %d", status_kb("VmPTE") - tables > 64);
	for (int i = 0; i < 1000; i++) {
		at = mmap(NULL, TIB, RW, flags, -1, 0);
		at[(size_t)i * GIB] = 1;
		munmap(at, TIB);
	}
	say("page tables after a thousand: %d",
	    status_kb("VmPTE") - tables > 64);
}

/* ---- overcommitment ------------------------------------------------------ */

static size_t machine_bytes(void)
{
	FILE *info = fopen("/proc/meminfo", "r");
	unsigned long kb, sum = 0;
	char line[128];

	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "MemTotal: %lu", &kb) == 1 ||
		    sscanf(line, "SwapTotal: %lu", &kb) == 1)
			sum += kb;
	if (info)
		fclose(info);
	return sum * 1024 & ~(PAGE - 1);
}

void section_overcommit(void)
{
	size_t much = machine_bytes() + 16 * PAGE;
	char *at;

	tell_at("more than there is", mmap(NULL, much, RW, ANON, -1, 0));
	tell_at("shared",
		mmap(NULL, much, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	tell_at("less", at = mmap(NULL, much / 4 * 3, RW, ANON, -1, 0));
	tell_at("less, a second time",
		mmap(at, much / 4 * 3, RW, ANON | MAP_FIXED, -1, 0));
	tell_at("grown to more",
		mremap(at, much / 4 * 3, 2 * much, MREMAP_MAYMOVE));
	munmap(at, much / 4 * 3);
	tell_at("without reserve",
		at = mmap(NULL, much, RW, ANON | MAP_NORESERVE, -1, 0));
	munmap(at, much);
	tell_at("read-only", at = mmap(NULL, much, PROT_READ, ANON, -1, 0));
	tell("that becomes writable", mprotect(at, much, RW));
	say("it stays %s", rights_at(at));
	tell("half of it becomes writable", mprotect(at, much / 2, RW));
	munmap(at, much);
	at = sbrk(0);
	say("the heap: %d", brk(at + much));
}

/* ---- limits -------------------------------------------------------------- */

static void limit_of_address_space(void)
{
	unsigned long used = (unsigned long)status_kb("VmSize") << 10;
	char *at = map(64, RW);

	limit(RLIMIT_AS, used + 80 * PAGE);
	tell_at("mmap within RLIMIT_AS", mmap(NULL, 8 * PAGE, RW, ANON, -1, 0));
	tell_at("mmap beyond", mmap(NULL, 9 * PAGE, RW, ANON, -1, 0));
	tell_at("mmap over what is there",
		mmap(at, 64 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
	tell_at("PROT_NONE beyond",
		mmap(NULL, 9 * PAGE, PROT_NONE, ANON, -1, 0));
	tell_at("mremap beyond",
		mremap(at, 64 * PAGE, 90 * PAGE, MREMAP_MAYMOVE));
	tell("munmap", munmap(at, 32 * PAGE));
	tell_at("mmap again", mmap(NULL, 32 * PAGE, RW, ANON, -1, 0));
	say("the heap: %d", brk((char *)sbrk(0) + 100 * PAGE));
}

static void limit_of_data(void)
{
	unsigned long used = (unsigned long)status_kb("VmData") << 10;
	char *at;

	limit(RLIMIT_DATA, used + 16 * PAGE);
	tell_at("mmap within RLIMIT_DATA",
		mmap(NULL, 8 * PAGE, RW, ANON, -1, 0));
	tell_at("mmap beyond", mmap(NULL, 9 * PAGE, RW, ANON, -1, 0));
	tell_at("read-only beyond",
		at = mmap(NULL, 9 * PAGE, PROT_READ, ANON, -1, 0));
	tell("that becomes data", mprotect(at, 9 * PAGE, RW));
	tell("a part of it becomes data", mprotect(at, 4 * PAGE, RW));
	tell_at("shared beyond",
		mmap(NULL, 9 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	say("the heap: %d", brk((char *)sbrk(0) + 100 * PAGE));
}

static char alt_stack[65536];

static void use_stack(size_t nr_bytes)
{
	volatile char *at = alloca(PAGE);

	at[0] = at[PAGE - 1] = 1;
	if (nr_bytes > PAGE)
		use_stack(nr_bytes - PAGE);
	at[1] = 1;
}

static void stack_within_limit(void)
{
	use_stack(6ul << 20);
}

static void stack_beyond_limit(void)
{
	limit(RLIMIT_STACK, 1ul << 20);
	use_stack(2ul << 20);
}

static void stack_with_more(void)
{
	limit(RLIMIT_STACK, 7ul << 20);
	use_stack(6ul << 20);
}

static void stack_beyond_with_handler(void)
{
	stack_t stack = {.ss_sp = alt_stack, .ss_size = sizeof(alt_stack)};
	volatile char here;

	sigaltstack(&stack, NULL);
	limit(RLIMIT_STACK, 1ul << 20);
	say("far below the stack: %s", touch(&here - (16ul << 20), WRITE));
	say("a bit below the stack: %s", touch(&here - (512ul << 10), WRITE));
}

static void map_a_bit(void)
{
	tell_at("4 pages", mmap(NULL, 4 * PAGE, RW, ANON, -1, 0));
	tell_at("32 pages", mmap(NULL, 32 * PAGE, RW, ANON, -1, 0));
}

static void limit_inherited(void)
{
	limit(RLIMIT_AS, (unsigned long)(status_kb("VmSize") + 64) << 10);
	say("grandchild: %d", in_child(map_a_bit));
}

void section_limits(void)
{
	/* The C library's buffers do not count. */
	static char buf[1 << 16];

	setvbuf(stdout, buf, _IOFBF, sizeof(buf));
	say("RLIMIT_AS: %d", in_child(limit_of_address_space));
	say("RLIMIT_DATA: %d", in_child(limit_of_data));
	say("inherited: %d", in_child(limit_inherited));
	limit(RLIMIT_STACK, 8ul << 20);
	say("6 MiB of stack: %d", in_child(stack_within_limit));
	say("2 MiB where 1 is allowed: %d", in_child(stack_beyond_limit));
	say("7 MiB allowed: %d", in_child(stack_with_more));
	in_child(stack_beyond_with_handler);
}

/* ---- areas that grow ----------------------------------------------------- */

static bool is_ok(const char *text)
{
	return !strcmp(text, "ok");
}

static void growth_of_a_mapping(void)
{
	char *room = map(1024, PROT_NONE), *at = room + 1000 * PAGE;
	const char *text;

	munmap(room, 1024 * PAGE);
	at = mmap(at, 4 * PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
	tell_at("MAP_GROWSDOWN", at);
	fill(at, 4, 1);
	for (int i = 1; i <= 20; i++)
		if (!is_ok(touch(at - (size_t)i * PAGE, WRITE)))
			say("page %d does not grow", i);
	say("%d area, %s", nr_areas(at - 20 * PAGE, 24), bytes(at - PAGE, 5));
	tell("mprotect that grows down",
	     mprotect(at + 2 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
	say("below: %s, above: %s", rights_at(at), rights_at(at + 3 * PAGE));
	/* A neighbour below stops it at the guard gap. */
	mmap(room, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
	mprotect(at - 20 * PAGE, 24 * PAGE, RW);
	text = touch(room + 4 * PAGE, WRITE);
	say("beside a neighbour: %s", text);
	text = touch(room + 200 * PAGE, WRITE);
	say("in the gap: %s", text);
	text = touch(room + 270 * PAGE, WRITE);
	say("before the gap: %s", text);
	munmap(room, 1024 * PAGE);
	tell_at("MAP_GROWSDOWN of shared memory",
		mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN,
		     -1, 0));
	tell_at("MAP_STACK", mmap(NULL, PAGE, RW, ANON | MAP_STACK, -1, 0));
}

static void *use_thread_stack(void *arg)
{
	use_stack((size_t)arg);
	return NULL;
}

static void thread_stack_overflow(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_create(&thread, &attr, use_thread_stack, (void *)(1ul << 20));
	pthread_join(thread, NULL);
}

static void growth_of_the_stack(void)
{
	long before = status_kb("VmStk");

	say("the stack begins small: %d", before < 1024);
	use_stack(3ul << 20);
	say("it grew by 3 MiB: %d",
	    status_kb("VmStk") - before >= 2800 && status_kb("VmStk") < 4096);
	say("[stack] is one area: %s",
	    rights_at((void *)((uintptr_t)&before - (2ul << 20))));
}

void section_growth(void)
{
	limit(RLIMIT_STACK, 8ul << 20);
	in_child(growth_of_the_stack);
	growth_of_a_mapping();
	say("a thread beyond its stack: %d", in_child(thread_stack_overflow));
}
