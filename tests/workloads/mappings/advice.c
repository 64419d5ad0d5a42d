/* SPDX-License-Identifier: GPL-2.0-or-later */
/* madvise(), what forks inherit, mincore(), mlock() and kin. */
#define _GNU_SOURCE
#include "mappings.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static const struct {
	const char *name;
	int value;
} advices[] = {
	{"NORMAL", MADV_NORMAL},
	{"RANDOM", MADV_RANDOM},
	{"SEQUENTIAL", MADV_SEQUENTIAL},
	{"WILLNEED", MADV_WILLNEED},
	{"DONTDUMP", MADV_DONTDUMP},
	{"DODUMP", MADV_DODUMP},
	{"DONTFORK", MADV_DONTFORK},
	{"DOFORK", MADV_DOFORK},
	{"COLD", MADV_COLD},
	{"PAGEOUT", MADV_PAGEOUT},
};

static void advice_ignored(void)
{
	char *at = map(4, RW), what[64];

	fill(at, 4, 1);
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		snprintf(what, sizeof(what), "%s", advices[i].name);
		tell(what, madvise(at, 4 * PAGE, advices[i].value));
		snprintf(what, sizeof(what), "%s, up to a hole",
			 advices[i].name);
		munmap(at + 2 * PAGE, PAGE);
		tell(what, madvise(at, 4 * PAGE, advices[i].value));
		mmap(at + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
		at[2 * PAGE] = 3;
	}
	madvise(at, 4 * PAGE, MADV_DODUMP);
	madvise(at, 4 * PAGE, MADV_DOFORK);
	say("still: %s", bytes(at, 4));
	tell("unknown", madvise(at, PAGE, 4711));
	tell("odd address", madvise(at + 1, PAGE, MADV_NORMAL));
	tell("odd address, unknown", madvise(at + 1, PAGE, 4711));
	tell("nothing", madvise(at, 0, MADV_DONTNEED));
	tell("too much", madvise(at, -1ul, MADV_DONTNEED));
	tell("around the end", madvise(at, -PAGE, MADV_DONTNEED));
	munmap(at, 4 * PAGE);
	tell("nothing there", madvise(at, 4 * PAGE, MADV_NORMAL));
}

static void advice_drops(void)
{
	int fd = make_file(4 * PAGE, NULL);
	char *at = map(6, RW), *file;

	fill(at, 6, 1);
	tell("DONTNEED", madvise(at + PAGE, 2 * PAGE, MADV_DONTNEED));
	say("%s", bytes(at, 6));
	munmap(at + 3 * PAGE, PAGE);
	tell("DONTNEED over a hole", madvise(at, 6 * PAGE, MADV_DONTNEED));
	mmap(at + 3 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	say("%s", bytes(at, 6));
	fill(at, 6, 1);
	mprotect(at, 2 * PAGE, PROT_NONE);
	tell("DONTNEED without rights", madvise(at, PAGE, MADV_DONTNEED));
	mprotect(at, 2 * PAGE, RW);
	say("%s", bytes(at, 6));
	tell("FREE", madvise(at, 6 * PAGE, MADV_FREE));
	fill(at + 2 * PAGE, 2, 30);
	say("written after FREE: %s", bytes(at + 2 * PAGE, 2));
	tell("REMOVE of private memory", madvise(at, PAGE, MADV_REMOVE));
	file = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	fill(file, 4, 1);
	tell("FREE of a file", madvise(file, 4 * PAGE, MADV_FREE));
	tell("REMOVE of a private file", madvise(file, PAGE, MADV_REMOVE));
	say("%s", bytes(file, 4));
	tell("DONTNEED of a private file", madvise(file, PAGE, MADV_DONTNEED));
	say("%s", bytes(file, 4));
	munmap(file, 4 * PAGE);
	file = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	fill(file, 4, 1);
	tell("DONTNEED of a shared file",
	     madvise(file, 4 * PAGE, MADV_DONTNEED));
	say("%s", bytes(file, 4));
	munmap(file, 4 * PAGE);
	munmap(at, 6 * PAGE);
	close(fd);
}

static void advice_removes(void)
{
	char *at = mmap(NULL, 6 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *twin = mremap(at, 0, 6 * PAGE, MREMAP_MAYMOVE);

	fill(at, 6, 1);
	tell("REMOVE of shared memory",
	     madvise(at + 2 * PAGE, 2 * PAGE, MADV_REMOVE));
	say("%s", bytes(at, 6));
	if (twin != MAP_FAILED) {
		say("elsewhere: %s", bytes(twin, 6));
		twin[2 * PAGE] = 99;
		say("written there: %s", bytes(at, 6));
		munmap(twin, 6 * PAGE);
	}
	munmap(at, 6 * PAGE);
}

static void advice_populates(void)
{
	char *at = map(4, RW);

	tell("POPULATE_WRITE", madvise(at, 4 * PAGE, MADV_POPULATE_WRITE));
	say("resident: %s, %s", residents(at, 4), bytes(at, 4));
	mprotect(at, PAGE, PROT_READ);
	tell("POPULATE_WRITE of what is read-only",
	     madvise(at, 4 * PAGE, MADV_POPULATE_WRITE));
	tell("POPULATE_READ of it", madvise(at, PAGE, MADV_POPULATE_READ));
	munmap(at + 2 * PAGE, PAGE);
	tell("POPULATE_READ over a hole",
	     madvise(at, 4 * PAGE, MADV_POPULATE_READ));
	munmap(at, 4 * PAGE);
}

void section_advice(void)
{
	advice_ignored();
	advice_drops();
	advice_removes();
	advice_populates();
}

/* ---- what forks inherit -------------------------------------------------- */

static char *own, *lost, *wiped, *common;

static void child_looks(void)
{
	say("child, own: %s", bytes(own, 3));
	say("child, DONTFORK: %s, %s", touch(lost, READ), rights_at(lost));
	say("child, WIPEONFORK: %s", bytes(wiped, 3));
	say("child, shared: %s", bytes(common, 3));
	fill(own, 3, 100);
	fill(common, 2, 100);
	fill(wiped, 3, 100);
}

void section_forks(void)
{
	int fd = make_file(PAGE, NULL);
	char *file = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);

	own = map(3, RW);
	lost = map(5, RW);
	wiped = map(3, RW);
	common = mmap(NULL, 3 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fill(own, 3, 1);
	fill(lost, 3, 1);
	fill(wiped, 3, 1);
	fill(common, 3, 1);
	/* whole, part, back again */
	tell("DONTFORK", madvise(lost, 3 * PAGE, MADV_DONTFORK));
	tell("WIPEONFORK", madvise(wiped, 3 * PAGE, MADV_WIPEONFORK));
	tell("WIPEONFORK of a file", madvise(file, PAGE, MADV_WIPEONFORK));
	tell("WIPEONFORK of shared memory",
	     madvise(common, PAGE, MADV_WIPEONFORK));
	say("areas: %d", nr_areas(lost, 5));
	say("child ends: %d", in_child(child_looks));
	say("own: %s", bytes(own, 3));
	say("DONTFORK: %s", bytes(lost, 3));
	say("WIPEONFORK: %s", bytes(wiped, 3));
	say("shared: %s", bytes(common, 3));
	tell("DOFORK", madvise(lost, 3 * PAGE, MADV_DOFORK));
	tell("KEEPONFORK", madvise(wiped, PAGE, MADV_KEEPONFORK));
	say("areas: %d", nr_areas(lost, 5));
	fill(common, 3, 1);
	say("child ends: %d", in_child(child_looks));
	munmap(file, PAGE);
	munmap(own, 3 * PAGE);
	munmap(lost, 5 * PAGE);
	munmap(wiped, 3 * PAGE);
	munmap(common, 3 * PAGE);
	close(fd);
}

/* ---- mincore, populate --------------------------------------------------- */

void section_resident(void)
{
	int fd = make_file(4 * PAGE, NULL);
	unsigned char vec[8];
	char *at = map(4, RW);

	say("untouched: %s", residents(at, 4));
	at[PAGE] = 1;
	at[3 * PAGE] = 1;
	say("two written: %s", residents(at, 4));
	madvise(at + PAGE, PAGE, MADV_DONTNEED);
	say("one dropped: %s", residents(at, 4));
	tell("odd address", mincore(at + 1, PAGE, vec));
	tell("nothing", mincore(at, 0, vec));
	tell("no room", mincore(at, PAGE, (unsigned char *)8));
	munmap(at + 2 * PAGE, PAGE);
	say("over a hole: %s", residents(at, 4));
	tell("behind the end", mincore((void *)(1ul << 47), PAGE, vec));
	munmap(at, 4 * PAGE);
	at = mmap(NULL, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
	say("MAP_POPULATE: %s, %s", residents(at, 4), bytes(at, 4));
	munmap(at, 4 * PAGE);
	at = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	say("MAP_POPULATE of a file: %s, %s", residents(at, 4), bytes(at, 4));
	munmap(at, 4 * PAGE);
	at = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	say("a file that was written: %s", residents(at, 4));
	munmap(at, 4 * PAGE);
	at = mmap(NULL, 4 * PAGE, PROT_NONE, ANON | MAP_POPULATE, -1, 0);
	say("MAP_POPULATE without rights: %s", residents(at, 4));
	munmap(at, 4 * PAGE);
	close(fd);
}

/* ---- mlock --------------------------------------------------------------- */

static void locked_by_a_limit(void)
{
	char *at = map(32, RW);

	limit(RLIMIT_MEMLOCK, 16 * PAGE);
	tell("mlock of what is allowed", mlock(at, 16 * PAGE));
	tell("mlock of it again", mlock(at, 16 * PAGE));
	tell("mlock of more", mlock(at + 16 * PAGE, PAGE));
	say("VmLck: %ld", status_kb("VmLck"));
	tell("munlock", munlock(at, 8 * PAGE));
	say("VmLck: %ld", status_kb("VmLck"));
	tell("mlock of more", mlock(at + 16 * PAGE, 8 * PAGE));
	tell_at("mmap of locked memory",
		mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
	tell("mlockall", mlockall(MCL_CURRENT));
	munmap(at, 32 * PAGE);
	say("VmLck: %ld", status_kb("VmLck"));
	limit(RLIMIT_MEMLOCK, 0);
	at = map(1, RW);
	tell("mlock where nothing may be locked", mlock(at, PAGE));
	tell_at("mmap of locked memory",
		mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
}

static void look_at_lock(void)
{
	say("a child's VmLck: %ld", status_kb("VmLck"));
}

void section_locked(void)
{
	char *at = map(8, RW);

	tell("mlock", mlock(at + 1, 2 * PAGE));
	say("resident: %s, areas: %d, VmLck: %ld", residents(at, 8),
	    nr_areas(at, 8), status_kb("VmLck"));
	in_child(look_at_lock);
	tell("DONTNEED of locked memory", madvise(at, PAGE, MADV_DONTNEED));
	tell("msync that invalidates it", msync(at, PAGE, MS_INVALIDATE));
	tell("munlock", munlock(at, 8 * PAGE));
	say("areas: %d, VmLck: %ld", nr_areas(at, 8), status_kb("VmLck"));
	tell("mlock2", mlock2(at, 8 * PAGE, MLOCK_ONFAULT));
	say("resident: %s, VmLck: %ld", residents(at, 8), status_kb("VmLck"));
	tell("mlock2 with unknown flags", mlock2(at, PAGE, 2));
	tell("munlockall", munlockall());
	say("VmLck: %ld", status_kb("VmLck"));
	tell("mlockall without flags", mlockall(0));
	tell("mlockall with unknown ones", mlockall(8));
	tell("mlockall, on fault only", mlockall(MCL_ONFAULT));
	tell("mlockall of the future", mlockall(MCL_FUTURE));
	munlockall();
	munmap(at + 4 * PAGE, PAGE);
	tell("mlock over a hole", mlock(at, 8 * PAGE));
	tell("munlock over a hole", munlock(at, 8 * PAGE));
	tell("mlock around the end", mlock(at, -PAGE));
	tell("mlock of nothing", mlock(at, 0));
	munmap(at, 8 * PAGE);
	say("child ends: %d", in_child(locked_by_a_limit));
}
