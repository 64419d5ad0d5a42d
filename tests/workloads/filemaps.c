/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mappings of a file, private and shared, beside write() and truncation of it,
 * in one process and in several. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE   4096l
#define NR     8l
#define ROUNDS 400

static int fd;
static sigjmp_buf jump;

static void on_signal(int signo)
{
	siglongjmp(jump, signo);
}

/* The word, or minus the signal that reading it gives. */
static long look(volatile long *at)
{
	int signo = sigsetjmp(jump, 1);

	return signo ? -signo : *at;
}

static volatile long *map(int flags)
{
	void *p = mmap(NULL, NR * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static volatile long *at(volatile long *base, long page, long word)
{
	return base + page * (PAGE / 8) + word;
}

static void put(long page, long word, long value)
{
	if (pwrite(fd, &value, 8, page * PAGE + word * 8) != 8)
		perror("pwrite");
}

static long get(long page, long word)
{
	long value = -1;

	if (pread(fd, &value, 8, page * PAGE + word * 8) != 8)
		return -1;
	return value;
}

static void truncation(void)
{
	volatile long *private = map(MAP_PRIVATE), *shared = map(MAP_SHARED);

	for (long i = 0; i < NR; i++)
		put(i, 0, 10 + i);
	*at(private, 6, 1) = 5;
	printf("before: %ld %ld %ld\n", look(at(private, 5, 0)),
	       look(at(private, 6, 0)), look(at(shared, 7, 0)));
	if (ftruncate(fd, 5 * PAGE))
		perror("ftruncate");
	printf("cut: kept %ld, private %ld, copied %ld, shared %ld\n",
	       look(at(private, 4, 0)), look(at(private, 5, 0)),
	       look(at(private, 6, 0)), look(at(shared, 7, 0)));
	if (ftruncate(fd, NR * PAGE))
		perror("ftruncate");
	printf("grown: private %ld, copied %ld %ld, shared %ld\n",
	       look(at(private, 5, 0)), look(at(private, 6, 0)),
	       look(at(private, 6, 1)), look(at(shared, 7, 0)));
	munmap((void *)private, NR * PAGE);
	munmap((void *)shared, NR * PAGE);
}

static void private_sees_writes(void)
{
	volatile long *private = map(MAP_PRIVATE);

	put(0, 0, 1);
	printf("private: %ld", look(at(private, 0, 0)));
	put(0, 0, 2);
	printf(", written %ld", look(at(private, 0, 0)));
	*at(private, 0, 1) = 7;
	put(0, 0, 3);
	printf(", copied %ld %ld\n", look(at(private, 0, 0)),
	       look(at(private, 0, 1)));
	munmap((void *)private, NR * PAGE);
}

/* A child that maps the page must not keep old bytes alive for others. */
static void other_process(void)
{
	volatile long *shared = map(MAP_SHARED);
	int pipes[2], bad = 0;
	char c;

	put(1, 0, 0);
	if (pipe(pipes))
		perror("pipe");
	if (!fork()) {
		volatile long *private = map(MAP_PRIVATE);

		for (long i = 0; i <= ROUNDS; i++) {
			if (look(at(private, 1, 0)) < 0)
				_exit(1);
			if (i == 0 && write(pipes[1], "", 1) != 1)
				_exit(1);
			usleep(10);
		}
		_exit(0);
	}
	if (read(pipes[0], &c, 1) != 1)
		perror("read");
	for (long i = 1; i <= ROUNDS; i++) {
		put(1, 0, i);
		bad += look(at(shared, 1, 0)) != i;
	}
	wait(NULL);
	printf("beside another process: %d wrong\n", bad);
	munmap((void *)shared, NR * PAGE);
}

/* One process stores into words of a page, the other writes others. */
static void stores_and_writes(void)
{
	volatile long *shared = map(MAP_SHARED);
	int bad = 0;

	if (!fork()) {
		for (long i = 1; i <= ROUNDS; i++) {
			*at(shared, 2, 0) = i;
			if (*at(shared, 2, 0) != i)
				_exit(1);
			usleep(10);
		}
		_exit(0);
	}
	for (long i = 1; i <= ROUNDS; i++) {
		put(2, 100, i);
		bad += *at(shared, 2, 100) != i;
		bad += get(2, 100) != i;
	}
	wait(NULL);
	bad += *at(shared, 2, 0) != ROUNDS || get(2, 0) != ROUNDS;
	printf("stores beside writes: %d wrong\n", bad);
	munmap((void *)shared, NR * PAGE);
}

/* What a child stored before it ended is there, and stays. */
static void last_words(void)
{
	volatile long *shared = map(MAP_SHARED);
	int bad = 0;

	for (long i = 1; i <= 60; i++) {
		if (!fork()) {
			*at(shared, 3, 0) = i;
			_exit(0);
		}
		wait(NULL);
		put(3, 200, i);
		bad += get(3, 0) != i || get(3, 200) != i;
		bad += *at(shared, 3, 0) != i || *at(shared, 3, 200) != i;
	}
	printf("last words: %d wrong\n", bad);
	munmap((void *)shared, NR * PAGE);
}

int main(void)
{
	char name[] = "/tmp/filemaps-XXXXXX";

	setlinebuf(stdout);
	signal(SIGBUS, on_signal);
	signal(SIGSEGV, on_signal);
	fd = mkstemp(name);
	if (fd < 0 || unlink(name) || ftruncate(fd, NR * PAGE))
		perror(name);
	truncation();
	private_sees_writes();
	other_process();
	stores_and_writes();
	last_words();
	return 0;
}
