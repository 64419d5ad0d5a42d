/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is shared: anonymous, and of files; msync(); ends of files. */
#define _GNU_SOURCE
#include "mappings.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char *area;
static int file;

static const char *at_offset(off_t offset, size_t nr)
{
	static char text[32];
	ssize_t n = pread(file, text, nr, offset);

	text[n < 0 ? 0 : n] = 0;
	return text;
}

/* ---- shared anonymous memory --------------------------------------------- */

static void write_shared(void)
{
	fill(area + PAGE, 2, 50);
	__atomic_fetch_add((int *)(area + 64), 5, __ATOMIC_SEQ_CST);
}

static void write_grandchild(void)
{
	in_child(write_shared);
	area[3 * PAGE] = 77;
}

static void move_shared(void)
{
	char *moved = mremap(area, 4 * PAGE, 4 * PAGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED, map(4, RW));

	moved[0] = 33;
	mprotect(moved, 4 * PAGE, PROT_READ);
	say("child: %s", bytes(moved, 4));
}

void section_shared(void)
{
	area = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	say("fresh: %s", bytes(area, 4));
	fill(area, 4, 1);
	in_child(write_shared);
	say("a child wrote: %s", bytes(area, 4));
	in_child(write_grandchild);
	say("a grandchild wrote: %s, sum %d", bytes(area, 4),
	    *(int *)(area + 64));
	in_child(move_shared);
	say("a child moved its own: %s, %s", bytes(area, 4), rights_at(area));
	madvise(area, 4 * PAGE, MADV_DONTNEED);
	say("dropped and read again: %s", bytes(area, 4));
	munmap(area, 2 * PAGE);
	in_child(write_shared);
	say("half unmapped: %s", bytes(area + 2 * PAGE, 2));
	munmap(area + 2 * PAGE, 2 * PAGE);
}

/* ---- shared files -------------------------------------------------------- */

static void child_stores(void)
{
	strcpy(area + PAGE + 100, "stored");
	say("child reads: %s", at_offset(PAGE + 100, 6));
}

static void child_maps_and_unmaps(void)
{
	char *own = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, file, 2 * PAGE);

	strcpy(own + 10, "munmap");
	munmap(own, 2 * PAGE);
}

static void child_maps_and_syncs(void)
{
	char *own = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, file, 2 * PAGE);

	strcpy(own + 30, "msync");
	tell("child syncs", msync(own, 2 * PAGE, MS_SYNC));
	say("child reads: %s", at_offset(2 * PAGE + 30, 5));
}

static void child_maps_and_exits(void)
{
	char *own = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, file, 2 * PAGE);

	strcpy(own + 50, "exit");
}

static void files_and_calls(void)
{
	char *private = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, file, 0);
	char *second = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, file, PAGE);

	say("private: %s", bytes(private, 4));
	private[PAGE] = 1;
	strcpy(area + 20, "store");
	say("read after a store: %s", at_offset(20, 5));
	tell("write", pwrite(file, "write", 5, PAGE + 40));
	say("load after a write: %.5s, elsewhere %.5s", area + PAGE + 40,
	    second + 40);
	say("in the copy: %.5s", private + PAGE + 40);
	second[PAGE + 3] = 'x';
	say("one area after the other: %c", area[2 * PAGE + 3]);
	in_child(child_stores);
	say("a child stored: %.6s, read: %s", area + PAGE + 100,
	    at_offset(PAGE + 100, 6));
	tell("write into the mapped file from itself",
	     pwrite(file, area, PAGE, 3 * PAGE) == (long)PAGE);
	say("%.5s", area + 3 * PAGE + 20);
	tell("read into the mapped file from itself",
	     pread(file, area + 2 * PAGE, 100, 0));
	say("%.5s", area + 2 * PAGE + 20);
	munmap(private, 4 * PAGE);
	munmap(second, 2 * PAGE);
}

static void files_and_ends_of_mappings(void)
{
	in_child(child_maps_and_unmaps);
	say("munmap: %s, %.6s", at_offset(2 * PAGE + 10, 6),
	    area + 2 * PAGE + 10);
	in_child(child_maps_and_syncs);
	say("msync: %s, %.5s", at_offset(2 * PAGE + 30, 5),
	    area + 2 * PAGE + 30);
	in_child(child_maps_and_exits);
	say("exit: %s, %.4s", at_offset(2 * PAGE + 50, 4),
	    area + 2 * PAGE + 50);
}

/* One thread stores, another writes beside it: neither loses. */
#define NR_ROUNDS 200

static volatile int round_stored;
static unsigned nr_lost;

static void *store_on(void *arg)
{
	(void)arg;
	for (int i = 1; i <= NR_ROUNDS; i++) {
		*(volatile int *)(area + 128) = i;
		if (*(volatile int *)(area + 128) != i)
			nr_lost++;
		round_stored = i;
	}
	return NULL;
}

static void stores_beside_writes(void)
{
	int i, seen, nr_wrong = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, store_on, NULL);
	for (i = 1; round_stored < NR_ROUNDS || i <= NR_ROUNDS; i++) {
		if (pwrite(file, &i, sizeof(i), 256) != sizeof(i) ||
		    *(volatile int *)(area + 256) != i ||
		    pread(file, &seen, sizeof(seen), 256) != sizeof(seen) ||
		    seen != i)
			nr_wrong++;
	}
	pthread_join(thread, NULL);
	if (pread(file, &seen, sizeof(seen), 128) != sizeof(seen))
		seen = -1;
	say("stores beside writes: %u lost, the last is %d in memory, %d in "
	    "the file; wrong writes: %d",
	    nr_lost, *(int *)(area + 128), seen, nr_wrong);
}

static void arguments_of_msync(void)
{
	char *hole = map(3, RW);

	tell("msync", msync(area, 4 * PAGE, MS_SYNC));
	tell("msync, async", msync(area, 4 * PAGE, MS_ASYNC));
	tell("msync, invalidate", msync(area, 4 * PAGE, MS_INVALIDATE));
	tell("msync, nothing", msync(area, 0, MS_SYNC));
	tell("msync, both ways", msync(area, PAGE, MS_SYNC | MS_ASYNC));
	tell("msync, unknown flags", msync(area, PAGE, 8));
	tell("msync, odd address", msync(area + 1, PAGE, MS_SYNC));
	tell("msync, odd length", msync(area, 1, MS_SYNC));
	tell("msync, too much", msync(area, -1ul, MS_SYNC));
	munmap(hole + PAGE, PAGE);
	tell("msync over a hole", msync(hole, 3 * PAGE, MS_SYNC));
	tell("msync of private memory", msync(hole, PAGE, MS_SYNC));
	munmap(hole, 3 * PAGE);
}

void section_files(void)
{
	file = make_file(4 * PAGE, NULL);
	area = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, file, 0);
	files_and_calls();
	files_and_ends_of_mappings();
	stores_beside_writes();
	arguments_of_msync();
	munmap(area, 4 * PAGE);
	close(file);
}

/* ---- the end of a file --------------------------------------------------- */

static void ends_that_move(int flags, const char *name)
{
	char *at;

	file = make_file(3 * PAGE, NULL);
	at = mmap(NULL, 4 * PAGE, RW, flags, file, 0);
	fill(at, 3, 10);
	say("%s: %s, behind: %s", name, bytes(at, 3),
	    touch(at + 3 * PAGE + 9, READ));
	tell("cut", ftruncate(file, PAGE + 100));
	say("%s: %s, tail %d %d, behind: %s", name, bytes(at, 2),
	    at[PAGE + 99] != 0, at[PAGE + 100],
	    touch(at + 2 * PAGE + 9, WRITE));
	tell("grown", ftruncate(file, 4 * PAGE));
	say("%s: %s", name, bytes(at, 4));
	fill(at, 4, 20);
	say("%s: %s, in the file: %d", name, bytes(at, 4),
	    at_offset(3 * PAGE, 1)[0]);
	munmap(at, 4 * PAGE);
	close(file);
}

void section_ends(void)
{
	int odd = make_file(PAGE + 100, NULL);
	char *at = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, odd, 0), buf[8] = "x";

	say("the last page: %d, %d, %d", at[PAGE + 99], at[PAGE + 100],
	    at[2 * PAGE - 1]);
	say("behind it: %s", touch(at + 2 * PAGE, READ));
	say("behind it: %s", touch(at + 2 * PAGE + 5, WRITE));
	at[PAGE + 200] = 5;
	say("stored behind the end: %d, in the file: %ld", at[PAGE + 200],
	    (long)pread(odd, buf, 8, PAGE + 200));
	tell("read() into memory behind the end",
	     pread(odd, at + 2 * PAGE, 8, 0));
	tell("write() from there", pwrite(odd, at + 2 * PAGE, 8, 0));
	munmap(at, 3 * PAGE);
	close(odd);
	ends_that_move(MAP_SHARED, "shared");
	ends_that_move(MAP_PRIVATE, "private");
}
