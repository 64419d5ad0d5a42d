/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of Documentation/regressions.md that programs can see: files,
 * descriptors, clocks.
 *
 *	rules [PROGRAM]	wants "abc\n" and the end of input on stdin; goes on
 *			as PROGRAM (rules_wait)
 *
 * A line "rNN what: ok" for each thing looked at, on any Linux; what only a
 * processor node tells (/proc/brick) is looked at there alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rules.h"

/* The sum of /proc/brick/counters whose names begin so; 0 on other kernels. */
static long count(const char *prefix)
{
	FILE *f = fopen("/proc/brick/counters", "r");
	char name[80];
	long sum = 0, value;

	if (!f)
		return 0;
	while (fscanf(f, "%79[^:]: %ld ", name, &value) == 2)
		if (!strncmp(name, prefix, strlen(prefix)))
			sum += value;
	fclose(f);
	return sum;
}

/* Messages about files. */
static long count_file_messages(void)
{
	return count("nr_rpc_sent_s_") + count("nr_rpc_sent_m_fs_") +
	       count("nr_rpc_sent_m_read");
}

/* ---- r3: standard input ------------------------------------------------ */

static void rule_3(void)
{
	char buf[16] = "";

	check("r3 what is piped in arrives",
	      read(0, buf, sizeof(buf)) == 4 && !strcmp(buf, "abc\n"));
	check("r3 then comes the end", read(0, buf, sizeof(buf)) == 0);
	check("r3 and stays", read(0, buf, sizeof(buf)) == 0);
}

/* ---- r4: absent names -------------------------------------------------- */

#define NR_ABSENT 1000

/* A missing call leaves a line in the log: what is between two of them? */
static void log_mark(long number)
{
	if (!access("/proc/brick", F_OK))
		syscall(number);
}

static bool open_absent(const char *format)
{
	char path[64];

	for (int i = 0; i < NR_ABSENT; i++) {
		snprintf(path, sizeof(path), format, i);
		if (!fails(open(path, O_RDONLY), ENOENT))
			return false;
	}
	return true;
}

static void rule_4(void)
{
	long before = count_file_messages(), first, again;

	log_mark(342);
	check("r4 a thousand names are absent",
	      open_absent("/usr/lib/absent-%d.so"));
	first = count_file_messages() - before;
	check("r4 and again", open_absent("/usr/lib/absent-%d.so"));
	again = count_file_messages() - before - first;
	/* One a name, and the directories above, once. */
	check("r4 one message a name", first <= NR_ABSENT + 10);
	check("r4 none for a name known to be absent", again == 0);
	before = count_file_messages();
	check("r4 below an absent directory",
	      open_absent("/usr/absent/%d/x.so"));
	check("r4 which is asked for once",
	      count_file_messages() - before <= 2);
	log_mark(343);
}

/* ---- r5: the list of CPUs ---------------------------------------------- */

#define ONLINE "/sys/devices/system/cpu/online"

static void rule_5(void)
{
	char want[32], text[32];
	long before;
	int first = dup(0), fd;
	bool ok = true;

	/* As the C library counts them. */
	snprintf(want, sizeof(want), "0-%ld\n",
		 sysconf(_SC_NPROCESSORS_ONLN) - 1);
	if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
		strcpy(want, "0\n");
	close(first);
	before = count_file_messages();
	for (int i = 0; i < 10000 && ok; i++) {
		memset(text, 0, sizeof(text));
		fd = open(ONLINE, O_RDONLY | O_CLOEXEC);
		ok = fd == first && read(fd, text, sizeof(text) - 1) > 0 &&
		     !strcmp(text, want) && !close(fd);
	}
	check("r5 ten thousand looks at the online CPUs", ok);
	check("r5 send no message", count_file_messages() == before);
	fd = dup(0);
	check("r5 and leave no descriptor", fd == first);
	close(fd);
}

/* ---- r29: reading ------------------------------------------------------ */

#define BIG      (64l << 20)
#define BIG_STEP (1l << 20)

/* Where a word says its own place, the rest is zero. */
static bool make_big(int fd)
{
	for (long at = 0; at < BIG; at += BIG_STEP)
		if (pwrite(fd, &at, sizeof(at), at + at / BIG_STEP * 8) !=
		    sizeof(at))
			return false;
	return !ftruncate(fd, BIG);
}

static bool is_big(const char *buf)
{
	for (long at = 0; at < BIG; at += BIG_STEP) {
		const long *here = (const long *)(buf + at + at / BIG_STEP * 8);

		if (*here != at || here[1])
			return false;
	}
	return true;
}

static void rule_29(void)
{
	int fd = open("big", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *buf = mmap(NULL, BIG + PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char tail[300];
	bool ok = true;

	check("r29 a file of 64 MiB", make_big(fd));
	check("r29 is read in one call", pread(fd, buf, BIG, 0) == BIG);
	check("r29 with what it holds", is_big(buf));
	munmap(buf, BIG + PAGE);
	memset(tail, 'T', sizeof(tail));
	check("r29 a short read",
	      pread(fd, tail, sizeof(tail), BIG - 100) == 100);
	for (int i = 0; i < (int)sizeof(tail); i++)
		ok = ok && tail[i] == (i < 100 ? 0 : 'T');
	check("r29 leaves the rest of the buffer alone", ok);
	check("r29 nothing at the end", pread(fd, tail, 8, BIG) == 0);
	check("r29 nor behind it", pread(fd, tail, 8, BIG * 3 + 1) == 0);
	close(fd);
	unlink("big");
}

/* ---- r31: clocks ------------------------------------------------------- */

static long long now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static _Atomic long long latest; /* any thread has seen this time */

/* Whose clock is behind what another thread has seen? */
static void *watch_clock(void *arg)
{
	long nr_backwards = 0;

	for (int i = 0; i < 20000; i++) {
		long long seen = latest, mine = now(CLOCK_MONOTONIC);

		nr_backwards += mine < seen;
		while (seen < mine &&
		       !__atomic_compare_exchange_n(&latest, &seen, mine, false,
						    __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST))
			;
	}
	return (void *)nr_backwards;
}

static void check_threads_agree(void)
{
	pthread_t threads[4];
	long nr_backwards = 0;
	void *n;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, watch_clock, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &n);
		nr_backwards += (long)n;
	}
	check("r31 no clock is behind another CPU's", nr_backwards == 0);
}

/* A clock between two looks at another shows a time between theirs. */
static bool is_between(long long before, long long it, long long after,
		       long long resolution)
{
	return before - resolution < it && it <= after;
}

static void rule_31(void)
{
	static const clockid_t others[] = {CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW};
	bool agree = true, time_agrees = true, runs = true;

	check_threads_agree();
	for (int i = 0; i < 1000; i++) {
		long long before = now(CLOCK_REALTIME), after;
		struct timeval tv;
		time_t seconds;

		gettimeofday(&tv, NULL);
		after = now(CLOCK_REALTIME);
		agree = agree && is_between(before,
					    tv.tv_sec * 1000000000ll +
						    tv.tv_usec * 1000ll,
					    after, 1000);
		/* time(2) may be that of the last tick. */
		seconds = time(NULL);
		time_agrees = time_agrees &&
			      is_between(after, seconds * 1000000000ll,
					 now(CLOCK_REALTIME), 1100000000);
	}
	check("r31 gettimeofday agrees with the clock", agree);
	check("r31 time agrees with the clock", time_agrees);
	for (int i = 0; i < 2; i++) {
		long long first = now(others[i]);

		usleep(2000);
		runs = runs && now(others[i]) - first >= 1900000;
	}
	check("r31 other clocks run", runs);
}

/* ---- r32: vectors ------------------------------------------------------ */

static void rule_32(void)
{
	static char out[3 * PAGE + 5], in[sizeof(out)], empty[1];
	int fd = open("vector", O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct iovec w[] = {{out, 1},
			    {empty, 0},
			    {out + 1, PAGE},
			    {out + 1 + PAGE, 2 * PAGE + 4}};
	struct iovec r[] = {{in, 2 * PAGE + 3},
			    {in + 2 * PAGE + 3, 7},
			    {in + 2 * PAGE + 10, sizeof(in)}};
	static struct iovec many[IOV_MAX + 1];

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (char)(i % 251);
	check("r32 writev to a file", writev(fd, w, 4) == sizeof(out));
	check("r32 all is there", pread(fd, in, sizeof(in), 0) == sizeof(in) &&
					  !memcmp(in, out, sizeof(in)));
	memset(in, 0, sizeof(in));
	lseek(fd, 0, SEEK_SET);
	r[2].iov_len = sizeof(in) - 2 * PAGE - 10;
	check("r32 readv from it", readv(fd, r, 3) == sizeof(in));
	check("r32 the same bytes", !memcmp(in, out, sizeof(in)));
	check("r32 then its end", readv(fd, r, 3) == 0);
	check("r32 pwritev and preadv",
	      pwritev(fd, w, 4, 77) == sizeof(out) &&
		      preadv(fd, r, 3, 77) == sizeof(in) &&
		      !memcmp(in, out, sizeof(in)));
	for (int i = 0; i <= IOV_MAX; i++)
		many[i] = (struct iovec){in, 1};
	check("r32 as many as there may be",
	      pwritev(fd, many, IOV_MAX, 0) == IOV_MAX);
	check("r32 not more", fails(pwritev(fd, many, IOV_MAX + 1, 0), EINVAL));
	many[1].iov_len = (size_t)-1;
	check("r32 a length below zero", fails(writev(fd, many, 2), EINVAL));
	w[1] = (struct iovec){(void *)8, 5};
	lseek(fd, 0, SEEK_SET);
	check("r32 up to a bad address", writev(fd, w, 2) == 1);
	close(fd);
	unlink("vector");
}

/* ---- r36: missing calls ------------------------------------------------ */

/* The log is the caller's to count: two processes, two numbers. */
static void rule_36(void)
{
	bool ok = true;
	int status;

	if (access("/proc/brick", F_OK))
		return;
	for (int i = 0; i < 500; i++)
		ok = ok && fails(syscall(340), ENOSYS) &&
		     fails(syscall(341), ENOSYS);
	check("r36 a missing call is ENOSYS each time", ok);
	if (!fork())
		_exit(!(fails(syscall(340), ENOSYS) &&
			fails(syscall(0x7fffffff), ENOSYS) &&
			fails(syscall(-1l), ENOSYS)));
	wait(&status);
	check("r36 in a child too", status == 0);
}

/* ---- r37: the last page of a file -------------------------------------- */

static bool tail_is_zero(int fd, long size)
{
	long pages = (size + PAGE - 1) / PAGE;
	char *p = mmap(NULL, pages * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	bool ok = p != MAP_FAILED;

	for (long i = size; ok && i < pages * PAGE; i++)
		ok = !p[i];
	munmap(p, pages * PAGE);
	return ok;
}

static void rule_37(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	static char bytes[2 * PAGE + 100];
	char *p;
	struct stat st;

	fstat(fd, &st);
	check("r37 a file on a disk is zero behind its end",
	      st.st_size % PAGE && tail_is_zero(fd, st.st_size));
	close(fd);
	fd = open("tail", O_RDWR | O_CREAT | O_TRUNC, 0600);
	memset(bytes, 'x', sizeof(bytes));
	check("r37 a new file",
	      write(fd, bytes, sizeof(bytes)) == sizeof(bytes));
	check("r37 is zero behind its end", tail_is_zero(fd, sizeof(bytes)));
	check("r37 cut and grown",
	      !ftruncate(fd, PAGE + 50) && !ftruncate(fd, 2 * PAGE));
	check("r37 it reads zero",
	      pread(fd, bytes, PAGE, PAGE) == PAGE && bytes[49] == 'x' &&
		      !bytes[50] && !memcmp(bytes + 50, bytes + 51, PAGE - 51));
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	check("r37 and so does a mapping",
	      p != MAP_FAILED && !memcmp(p, bytes, PAGE));
	munmap(p, PAGE);
	close(fd);
	unlink("tail");
}

/* ---- r39: descriptors that are not open -------------------------------- */

static bool is_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct stat st;
	char c;

	return fails(read(fd, &c, 1), EBADF) &&
	       fails(write(fd, "x", 1), EBADF) && fails(close(fd), EBADF) &&
	       fails(fstat(fd, &st), EBADF) && fails(dup(fd), EBADF) &&
	       fails(dup2(fd, 5), EBADF) &&
	       fails(lseek(fd, 0, SEEK_CUR), EBADF) &&
	       fails(fcntl(fd, F_GETFD), EBADF) &&
	       fails(ioctl(fd, FIONREAD, &c), EBADF) &&
	       fails(fsync(fd), EBADF) && fails(ftruncate(fd, 0), EBADF) &&
	       fails(pread(fd, &c, 1, 0), EBADF) &&
	       fails(accept(fd, NULL, NULL), EBADF) &&
	       fails(fchdir(fd), EBADF) && fails(openat(fd, "x", 0), EBADF) &&
	       mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED &&
	       errno == EBADF &&
	       (fd < 0 ? poll(&p, 1, 0) == 0
		       : poll(&p, 1, 0) == 1 && p.revents == POLLNVAL);
}

static void rule_39(void)
{
	static const int fds[] = {-1, 63, 64, 1024, INT_MAX, INT_MIN};
	char what[64];

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		snprintf(what, sizeof(what), "r39 %d is not open", fds[i]);
		check(what, is_closed(fds[i]));
	}
	check("r39 dup2 to -1", fails(dup2(0, -1), EBADF));
	check("r39 dup2 to INT_MAX", fails(dup2(0, INT_MAX), EBADF));
}

/* ---- r8: with and without tracing -------------------------------------- */

#define COUNTERS   8
#define TEXT_PAGES 2048 /* a share of them for each thread */
#define SHARE      (TEXT_PAGES * (long)PAGE / COUNTERS)
#define NR_WORDS   1024

static char *text;
static pthread_barrier_t all_there;

/* Each thread touches pages of its own alone, so that no two ever wait for the
 * same one: the number of faults does not depend on who is faster. */
static void *count_share(void *arg)
{
	const char *mine = text + (long)arg * SHARE;
	char *folded = mmap(NULL, SHARE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned *counts =
		mmap(NULL, NR_WORDS * sizeof(*counts), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned hash = 0;

	pthread_barrier_wait(&all_there);
	for (long i = 0; i < SHARE; i++) {
		folded[i] = mine[i] | ' ';
		if (folded[i] != ' ') {
			hash = hash * 31 + (unsigned char)folded[i];
			continue;
		}
		counts[hash % NR_WORDS]++;
		hash = 0;
		if (i % 389 == 0)
			getppid(); /* something to trace */
	}
	pthread_barrier_wait(&all_there);
	munmap(folded, SHARE);
	return counts;
}

static int count_words(void)
{
	static unsigned sums[NR_WORDS];
	pthread_t threads[COUNTERS];
	unsigned x = 1;
	void *counts;

	text = mmap(NULL, COUNTERS * SHARE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (long i = 0; i < COUNTERS * SHARE; i++) {
		x = x * 1103515245 + 12345;
		text[i] = (x >> 16) % 6 ? 'A' + (x >> 24) % 3 : ' ';
	}
	pthread_barrier_init(&all_there, NULL, COUNTERS);
	for (long i = 0; i < COUNTERS; i++)
		pthread_create(&threads[i], NULL, count_share, (void *)i);
	for (int i = 0; i < COUNTERS; i++) {
		pthread_join(threads[i], &counts);
		for (int w = 0; w < NR_WORDS; w++)
			sums[w] += ((unsigned *)counts)[w];
	}
	x = 0;
	for (int w = 0; w < NR_WORDS; w++)
		x = x * 31 + sums[w];
	printf("words: %08x, of the empty one: %u\n", x, sums[0]);
	return 0;
}

static long faults_of_counting(void)
{
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (!pid)
		exit(count_words());
	if (wait4(pid, &status, 0, &usage) != pid || status)
		return -1;
	return usage.ru_minflt + usage.ru_majflt;
}

static bool trace(const char *what)
{
	int fd = open("/proc/brick/strace", O_WRONLY);
	bool ok = write(fd, what, strlen(what)) == (ssize_t)strlen(what);

	close(fd);
	return ok;
}

static void rule_8(void)
{
	long without, with, again;

	if (access("/proc/brick", F_OK))
		return;
	without = faults_of_counting();
	check("r8 tracing is switched on", trace("on"));
	with = faults_of_counting();
	check("r8 and off", trace("off"));
	again = faults_of_counting();
	printf("faults: %ld %ld %ld\n", without, with, again);
	check("r8 the same faults within a percent",
	      without > TEXT_PAGES && labs(with - without) <= without / 100 &&
		      labs(again - without) <= without / 100);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/rules-XXXXXX";

	if (!mkdtemp(dir) || chdir(dir))
		return 2;
	rule_3();
	rule_4();
	rule_5();
	rule_8();
	rule_29();
	rule_31();
	rule_32();
	rule_36();
	rule_37();
	rule_39();
	rmdir(dir);
	if (argc > 1)
		execv(argv[1], argv + 1);
	return status_of_all;
}
