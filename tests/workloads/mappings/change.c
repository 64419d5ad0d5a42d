/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mmap() to fixed places, the heap, mprotect(), and their arguments. */
#define _GNU_SOURCE
#include "mappings.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- MAP_FIXED ----------------------------------------------------------- */

static void fixed_that_fails(void)
{
	int read_only, fd = make_file(8 * PAGE, &read_only);
	char *at = map(8, RW);

	fill(at, 8, 1);
	tell_at("for writing, over a file that is open for reading",
		mmap(at, 4 * PAGE, RW, MAP_SHARED | MAP_FIXED, read_only, 0));
	say("afterwards the target holds: %s", bytes(at, 8));
	tell_at("without a type", mmap(at, 4 * PAGE, RW, MAP_FIXED, fd, 0));
	say("afterwards the target holds: %s", bytes(at, 8));
	limit(RLIMIT_AS, 1ul << 20);
	tell_at("longer than RLIMIT_AS allows",
		mmap(at, 512 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
	limit(RLIMIT_AS, RLIM_INFINITY);
	say("afterwards the target holds: %s", bytes(at, 8));
	munmap(at, 8 * PAGE);
	close(fd);
	close(read_only);
}

static void fixed_noreplace(void)
{
	int flags = ANON | MAP_FIXED_NOREPLACE;
	char *at = map(8, RW);

	fill(at, 8, 1);
	tell_at("MAP_FIXED_NOREPLACE over pages",
		mmap(at + PAGE, PAGE, RW, flags, -1, 0));
	munmap(at + 2 * PAGE, 2 * PAGE);
	tell_at("MAP_FIXED_NOREPLACE half over pages",
		mmap(at + 3 * PAGE, 2 * PAGE, RW, flags, -1, 0));
	tell_at("MAP_FIXED_NOREPLACE into the gap",
		mmap(at + 2 * PAGE, 2 * PAGE, RW, flags, -1, 0));
	say("then: %s", bytes(at, 8));
	munmap(at, 8 * PAGE);
}

void section_fixed(void)
{
	int fd = make_file(4 * PAGE, NULL);
	char *at = map(12, RW);

	for (int round = 0; round < 3; round++) {
		fill(at, 12, 1);
		tell_at("MAP_FIXED over touched pages",
			mmap(at + 3 * PAGE, 4 * PAGE, RW, ANON | MAP_FIXED, -1,
			     0));
		say("read: %s", bytes(at, 12));
	}
	tell_at("shared memory over touched pages",
		mmap(at + 3 * PAGE, 4 * PAGE, RW,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	say("read: %s", bytes(at, 12));
	fill(at, 12, 1);
	tell_at("a private file over touched pages",
		mmap(at + 4 * PAGE, 4 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd,
		     0));
	say("read: %s", bytes(at, 12));
	fill(at + 4 * PAGE, 2, 100);
	tell_at("memory over pages of it that were written",
		mmap(at + 4 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say("read: %s", bytes(at, 12));
	tell_at("at an odd address",
		mmap(at + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	tell_at("behind the end of the address space",
		mmap((void *)0x7ffffffff000, PAGE, RW, ANON | MAP_FIXED, -1,
		     0));
	tell_at("across the end", mmap((void *)0x7fffffffe000, 4 * PAGE, RW,
				       ANON | MAP_FIXED, -1, 0));
	tell_at("at the lowest page",
		mmap(NULL, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	munmap(at, 12 * PAGE);
	close(fd);
	fixed_that_fails();
	fixed_noreplace();
}

/* ---- the heap ------------------------------------------------------------ */

static char *break_at(char *at)
{
	return (char *)syscall(SYS_brk, at);
}

void section_heap(void)
{
	char *end = break_at(NULL), *base, *got;

	base = (char *)(((uintptr_t)end + PAGE - 1) & ~(PAGE - 1));
	for (int round = 0; round < 3; round++) {
		got = break_at(base + 8 * PAGE);
		say("grown by 8 pages: %d, they hold %s",
		    got == base + 8 * PAGE, bytes(base, 8));
		fill(base, 8, 1);
		base[3 * PAGE + 200] = 42;
		got = break_at(base + 3 * PAGE + 100);
		say("shrunk: %d, below: %s, same page: %d, behind: %s",
		    got == base + 3 * PAGE + 100, bytes(base, 4),
		    base[3 * PAGE + 200], touch(base + 4 * PAGE, READ));
		got = break_at(base + 6 * PAGE);
		say("grown again: %d, %s", got == base + 6 * PAGE,
		    bytes(base, 6));
		break_at(base);
	}
	say("below its start: stays %d", break_at((char *)PAGE) == base);
	say("to the end of memory: stays %d", break_at((char *)-1ul) == base);
	mmap(base + 16 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	say("into a mapping: stays %d", break_at(base + 32 * PAGE) == base);
	munmap(base + 16 * PAGE, PAGE);
	break_at(end);
}

/* ---- mprotect ------------------------------------------------------------ */

static void rights_of_code(void)
{
	static const unsigned char ret = 0xc3;
	char *at = map(1, RW);

	at[0] = (char)ret;
	say("run data: %s", touch(at, EXEC));
	mprotect(at, PAGE, PROT_READ | PROT_EXEC);
	say("run code: %s", touch(at, EXEC));
	say("write code: %s", touch(at, WRITE));
	mprotect(at, PAGE, PROT_READ);
	say("run code that became data: %s", touch(at, EXEC));
	mprotect(at, PAGE, PROT_NONE);
	say("run nothing: %s", touch(at, EXEC));
	munmap(at, PAGE);
	say("run what is not mapped: %s", touch(at, EXEC));
}

/* The kernel itself minds the rights. */
static void rights_of_buffers(void)
{
	int fd = make_file(PAGE, NULL);
	char *at = map(2, RW);

	fill(at, 2, 1);
	mprotect(at, PAGE, PROT_READ);
	tell("read() into a read-only page", pread(fd, at, 10, 0));
	tell("write() from it", pwrite(fd, at, 10, 0));
	mprotect(at, PAGE, PROT_NONE);
	tell("write() from a page without rights", pwrite(fd, at, 10, 0));
	tell("write() that ends there",
	     pwrite(fd, at + PAGE, PAGE, 0) == (long)PAGE);
	mprotect(at + PAGE, PAGE, PROT_READ);
	tell("read() into the page behind", pread(fd, at + PAGE, 10, 0));
	munmap(at, 2 * PAGE);
	close(fd);
}

static void rights_of_areas(void)
{
	char *at = map(9, RW);

	fill(at, 9, 1);
	say("areas: %d", nr_areas(at, 9));
	mprotect(at + 3 * PAGE, 3 * PAGE, PROT_READ);
	say("with a read-only middle: %d, %s, %s", nr_areas(at, 9),
	    rights_at(at + 3 * PAGE), bytes(at, 9));
	mprotect(at + 4 * PAGE, PAGE, PROT_NONE);
	say("with a hole in it: %d", nr_areas(at, 9));
	say("%s", touch(at + 3 * PAGE, WRITE));
	say("%s", touch(at + 4 * PAGE + 123, READ));
	say("%s", touch(at + 4 * PAGE + 4095, WRITE));
	say("%s", touch(at + 6 * PAGE, WRITE));
	mprotect(at + 3 * PAGE, 3 * PAGE, RW);
	say("all the same again: %d, %s", nr_areas(at, 9), bytes(at, 9));
	say("%s", touch(at + 4 * PAGE, WRITE));
	munmap(at + 5 * PAGE, PAGE);
	mprotect(at, 9 * PAGE, RW);
	tell("up to a hole", mprotect(at, 9 * PAGE, PROT_READ));
	say("before it %s, behind it %s", touch(at, WRITE),
	    rights_at(at + 6 * PAGE));
	munmap(at, 9 * PAGE);
}

static void rights_of_files(void)
{
	int read_only, fd = make_file(2 * PAGE, &read_only);
	char *at = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, read_only, 0);

	say("file: %s", bytes(at, 2));
	tell("write to a file that is open for reading",
	     mprotect(at, 2 * PAGE, RW));
	say("nothing half done: %d area, %s, %s", nr_areas(at, 2),
	    rights_at(at), touch(at, WRITE));
	munmap(at, 2 * PAGE);
	at = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, read_only, 0);
	tell("write to a private copy", mprotect(at, 2 * PAGE, RW));
	at[0] = 1;
	say("copy: %s", bytes(at, 2));
	munmap(at, 2 * PAGE);
	close(fd);
	close(read_only);
}

void section_rights(void)
{
	char *at = map(4, RW);

	fill(at, 4, 1);
	say("no right: %s", touch(at, READ));
	mprotect(at, PAGE, PROT_NONE);
	say("PROT_NONE, read: %s", touch(at + 8, READ));
	say("PROT_NONE, write: %s", touch(at + 9, WRITE));
	mprotect(at + PAGE, PAGE, PROT_READ);
	say("PROT_READ, read: %s", touch(at + PAGE, READ));
	say("PROT_READ, write: %s", touch(at + PAGE + 77, WRITE));
	mprotect(at + 2 * PAGE, PAGE, PROT_WRITE);
	say("PROT_WRITE, read: %s", touch(at + 2 * PAGE, READ));
	mprotect(at, 4 * PAGE, RW);
	say("what they held: %s", bytes(at, 4));
	munmap(at, 4 * PAGE);
	say("not mapped: %s", touch(at + 5, READ));
	say("not mapped: %s", touch(at + 5, WRITE));
	say("the lowest page: %s", touch((void *)16, READ));
	say("the kernel's half: %s", touch((void *)0xffffffff81000000, READ));
	rights_of_code();
	rights_of_buffers();
	rights_of_areas();
	rights_of_files();
}

/* ---- arguments ----------------------------------------------------------- */

static void arguments_of_mmap(void)
{
	int read_only, fd = make_file(PAGE, &read_only);

	tell_at("mmap of nothing", mmap(NULL, 0, RW, ANON, -1, 0));
	tell_at("mmap of everything", mmap(NULL, -1ul, RW, ANON, -1, 0));
	tell_at("mmap of 128 TiB",
		mmap(NULL, 1ul << 47, PROT_NONE, ANON, -1, 0));
	tell_at("mmap without a type",
		mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	tell_at("mmap of type 3 without a file",
		mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1,
		     0));
	tell_at("mmap with unknown flags, validated",
		mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 1 << 22, fd,
		     0));
	tell_at("mmap with unknown flags, as of old",
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | 1 << 22, fd, 0));
	tell_at("mmap without a file",
		mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
	tell_at("mmap at an odd offset",
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 17));
	tell_at("mmap at the end of offsets",
		mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, (off_t)-PAGE));
	tell_at("mmap to write a file open for reading",
		mmap(NULL, PAGE, RW, MAP_SHARED, read_only, 0));
	tell_at("mmap at an odd hint",
		mmap((void *)0x12345678, PAGE, RW, ANON, -1, 0));
	tell_at("mmap of 3 pages of huge size",
		mmap(NULL, 3 * PAGE, RW, ANON | MAP_HUGETLB | 9 << 26, -1, 0));
	close(read_only);
	close(fd);
}

void section_arguments(void)
{
	char *at = map(4, RW);

	arguments_of_mmap();
	tell("munmap of nothing", munmap(at, 0));
	tell("munmap at an odd address", munmap(at + 1, PAGE));
	tell("munmap of an odd length", munmap(at + 3 * PAGE, 1));
	say("the rest: %d", nr_areas(at, 4));
	tell("munmap twice", munmap(at + 3 * PAGE, PAGE));
	tell("munmap of too much", munmap(at, -PAGE));
	tell("munmap behind the end", munmap((void *)(1ul << 47), PAGE));
	tell("mprotect at an odd address", mprotect(at + 1, PAGE, RW));
	tell("mprotect of nothing", mprotect(at, 0, RW));
	tell("mprotect of nothing to nonsense", mprotect(at, 0, 0x4000));
	tell("mprotect to nonsense", mprotect(at, PAGE, 0x4000));
	tell("mprotect around the end", mprotect(at, -PAGE, RW));
	tell("mprotect where nothing is", mprotect(at + 3 * PAGE, PAGE, RW));
	tell("mprotect of what grows down",
	     mprotect(at, PAGE, RW | PROT_GROWSDOWN));
	tell("mprotect both ways",
	     mprotect(at, PAGE, RW | PROT_GROWSDOWN | PROT_GROWSUP));
	munmap(at, 4 * PAGE);
}
