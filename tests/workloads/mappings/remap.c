/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mremap(), alone and while threads write. */
#define _GNU_SOURCE
#include "mappings.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Memory with room for as much again behind it. */
static char *map_with_room(size_t nr_pages)
{
	char *at = map(2 * nr_pages + 2, RW);

	munmap(at + nr_pages * PAGE, (nr_pages + 2) * PAGE);
	fill(at, nr_pages, 1);
	return at;
}

static void resize(void)
{
	char *at = map_with_room(6), *moved;

	tell_at("shrink", mremap(at, 6 * PAGE, 3 * PAGE, 0));
	say("%s, behind: %s", bytes(at, 3), touch(at + 3 * PAGE, READ));
	tell_at("grow in place", mremap(at, 3 * PAGE, 6 * PAGE, 0));
	say("%d area: %s", nr_areas(at, 6), bytes(at, 6));
	tell_at("the same size", mremap(at, 6 * PAGE, 6 * PAGE, 0));
	mmap(at + 7 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
	tell_at("grow against a neighbour", mremap(at, 6 * PAGE, 9 * PAGE, 0));
	say("still: %s", bytes(at, 6));
	moved = mremap(at, 6 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
	tell_at("grow and move", moved);
	say("moved: %d, %s, old: %s", moved != at, bytes(moved, 9),
	    touch(at, READ));
	tell_at("shrink to a page", mremap(moved, 9 * PAGE, 1, 0));
	say("%s, behind: %s", bytes(moved, 1), touch(moved + PAGE, READ));
	munmap(moved, PAGE);
	munmap(at + 7 * PAGE, PAGE);
}

static void move_fixed(void)
{
	char *at = map_with_room(6), *target = map(10, RW);
	int fixed = MREMAP_MAYMOVE | MREMAP_FIXED;

	fill(target, 10, 50);
	tell_at("to a fixed place over touched pages",
		mremap(at, 4 * PAGE, 4 * PAGE, fixed, target + 2 * PAGE));
	say("%s", bytes(target, 10));
	say("old: %s, what stayed: %s", touch(at + 3 * PAGE, WRITE),
	    bytes(at + 4 * PAGE, 2));
	tell_at("shrinking on the way",
		mremap(at + 4 * PAGE, 2 * PAGE, PAGE, fixed, target));
	say("%s, old: %s", bytes(target, 10), touch(at + 5 * PAGE, READ));
	tell_at("growing on the way",
		mremap(target + 9 * PAGE, PAGE, 3 * PAGE, fixed, at));
	say("%s", bytes(at, 3));
	munmap(at, 3 * PAGE);
	munmap(target, 10 * PAGE);
}

static void move_refused(void)
{
	char *at = map_with_room(4), *target = map(4, RW);
	int fixed = MREMAP_MAYMOVE | MREMAP_FIXED;

	fill(target, 4, 50);
	tell_at("unknown flags", mremap(at, PAGE, PAGE, 64));
	tell_at("fixed but not movable",
		mremap(at, PAGE, PAGE, MREMAP_FIXED, target));
	tell_at("to an odd address", mremap(at, PAGE, PAGE, fixed, target + 1));
	tell_at("from an odd address", mremap(at + 1, PAGE, PAGE, 0));
	tell_at("to nothing", mremap(at, PAGE, 0, 0));
	tell_at("nothing private", mremap(at, 0, PAGE, MREMAP_MAYMOVE));
	tell_at("onto itself",
		mremap(at, 4 * PAGE, 4 * PAGE, fixed, at + PAGE));
	tell_at("behind the end",
		mremap(at, PAGE, PAGE, fixed, (void *)(1ul << 47)));
	tell_at("what is not mapped",
		mremap(at + 5 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	mprotect(at + PAGE, PAGE, PROT_READ);
	tell_at("grow more than one area",
		mremap(at, 2 * PAGE, 20 * PAGE, MREMAP_MAYMOVE));
	say("%s and %s", bytes(at, 4), bytes(target, 0));
	limit(RLIMIT_AS, 1ul << 20);
	tell_at("grow beyond RLIMIT_AS",
		mremap(target, 4 * PAGE, 4096 * PAGE, MREMAP_MAYMOVE));
	limit(RLIMIT_AS, RLIM_INFINITY);
	say("still: %s", bytes(target, 4));
	munmap(at, 4 * PAGE);
	munmap(target, 4 * PAGE);
}

/* Old C libraries do not pass the fifth argument of MREMAP_DONTUNMAP. */
static char *remap(char *at, size_t old_bytes, size_t new_bytes, int flags)
{
	return (char *)syscall(SYS_mremap, at, old_bytes, new_bytes, flags, 0);
}

static void dont_unmap(void)
{
	char *at = map_with_room(4), *moved;
	int flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;

	tell_at("DONTUNMAP and grow", remap(at, 4 * PAGE, 5 * PAGE, flags));
	tell_at("DONTUNMAP and stay",
		remap(at, 4 * PAGE, 4 * PAGE, MREMAP_DONTUNMAP));
	moved = remap(at, 4 * PAGE, 4 * PAGE, flags);
	tell_at("DONTUNMAP", moved);
	if (moved == MAP_FAILED)
		return;
	say("moved: %s", bytes(moved, 4));
	say("left behind: %s, %s", bytes(at, 4), rights_at(at));
	fill(at, 4, 20);
	say("both: %s", bytes(at, 4));
	say("both: %s", bytes(moved, 4));
	munmap(moved, 4 * PAGE);
	munmap(at, 4 * PAGE);
}

static void of_files(void)
{
	int fd = make_file(4 * PAGE, NULL);
	char *at = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, PAGE), *twin;

	at[5] = 7;
	at = mremap(at, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	tell_at("a shared file grows", at);
	say("%s, %d", bytes(at, 3), at[5]);
	twin = mremap(at, 0, 2 * PAGE, MREMAP_MAYMOVE);
	tell_at("a second mapping of what is shared", twin);
	if (twin != MAP_FAILED) {
		twin[6] = 8;
		say("both: %d %d", at[6], twin[5]);
		munmap(twin, 2 * PAGE);
	}
	munmap(at, 3 * PAGE);
	at = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, PAGE);
	at[0] = 9;
	at = mremap(at, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	say("a private file grows: %s", bytes(at, 3));
	munmap(at, 3 * PAGE);
	close(fd);
}

void section_remap(void)
{
	resize();
	move_fixed();
	move_refused();
	dont_unmap();
	of_files();
}

/* ---- threads that write while it moves ----------------------------------- */

#define NR_PAGES   16u
#define NR_WRITERS 3u
#define NR_MOVES   120u

static char *volatile places[2];
static volatile bool is_over;
static __thread sigjmp_buf again;

struct writer {
	pthread_t thread;
	unsigned number;
	uint64_t written[NR_PAGES]; /* the last value that was stored */
	uint64_t nr_stores;
};

static void on_moved(int signo)
{
	(void)signo;
	siglongjmp(again, 1);
}

static volatile uint64_t *slot(unsigned place, unsigned page, unsigned writer)
{
	return (volatile uint64_t *)(places[place] + page * PAGE +
				     writer * 1024);
}

/* A store at one place or the other; which one, faults tell. */
static void *write_on(void *arg)
{
	struct writer *writer = arg;
	volatile unsigned place = 0, page = 0;
	volatile uint64_t value = 0;

	if (sigsetjmp(again, 1))
		place ^= 1;
	while (!is_over) {
		*slot(place, page, writer->number) = value + 1;
		value++;
		writer->written[page] = value;
		writer->nr_stores++;
		page = (page + 1) % NR_PAGES;
	}
	return NULL;
}

void section_movers(void)
{
	struct sigaction action = {.sa_handler = on_moved}, old;
	static struct writer writers[NR_WRITERS];
	unsigned nr_lost = 0;

	/* Where nobody else maps anything. */
	places[0] = mmap((void *)0x200000000000, NR_PAGES * PAGE, RW,
			 ANON | MAP_FIXED, -1, 0);
	places[1] = places[0] + 1024 * PAGE;
	sigaction(SIGSEGV, &action, &old);
	for (unsigned i = 0; i < NR_WRITERS; i++) {
		writers[i].number = i;
		pthread_create(&writers[i].thread, NULL, write_on, &writers[i]);
	}
	for (unsigned i = 0; i < NR_MOVES; i++) {
		uint64_t before = writers[i % NR_WRITERS].nr_stores;

		if (mremap(places[i & 1], NR_PAGES * PAGE, NR_PAGES * PAGE,
			   MREMAP_MAYMOVE | MREMAP_FIXED,
			   places[~i & 1]) == MAP_FAILED)
			say("mremap fails");
		/* Each writer gets to write between the moves. */
		while (*(volatile uint64_t *)&writers[i % NR_WRITERS]
				.nr_stores == before)
			sched_yield();
	}
	is_over = true;
	for (unsigned i = 0; i < NR_WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	sigaction(SIGSEGV, &old, NULL);
	for (unsigned i = 0; i < NR_WRITERS * NR_PAGES; i++)
		nr_lost += *slot(NR_MOVES & 1, i % NR_PAGES, i / NR_PAGES) <
			   writers[i / NR_PAGES].written[i % NR_PAGES];
	say("writes lost: %u", nr_lost);
	munmap(places[NR_MOVES & 1], NR_PAGES * PAGE);
}
