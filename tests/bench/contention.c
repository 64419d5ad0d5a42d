/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often a fault has to wait for a lock when all CPUs fault on pages of
 * their own.  For the debug build, which counts; run by scripts/bench.
 *
 * Each thread, on a CPU of its own, writes pages of its own region for the
 * first time, then reads them; together they are more than the pcache, so each
 * read brings the page from the memory node and something else goes.
 *
 *	contention NR_CPUS MIB_OF_EACH
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE     4096ul
#define MAX_CPUS 64

struct worker {
	pthread_t thread;
	unsigned int cpu;
	volatile char *region;
};

struct counts {
	uint64_t nr_faults, nr_taken, nr_contended;
};

static unsigned long nr_pages;
static pthread_barrier_t barrier;
static struct worker workers[MAX_CPUS];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The number behind @key in the file at @path. */
static uint64_t number(const char *path, const char *key)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n, len = 1;
	char *at;

	if (fd < 0)
		die(path);
	text[0] = '\n';
	while ((n = read(fd, text + len, sizeof(text) - 1 - (size_t)len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	at = strstr(text, key);
	if (!at) {
		fprintf(stderr, "%s: no%s", path, key);
		exit(1);
	}
	return strtoul(at + strlen(key), NULL, 10);
}

static struct counts counts(void)
{
	struct counts c = {
		.nr_faults = number("/proc/brick/counters", "\nnr_pgfault: "),
		.nr_taken = number("/proc/brick/locks", "\nall: "),
		.nr_contended = number("/proc/brick/locks", " taken, "),
	};

	return c;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(w->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier); /* main has counted */
	for (unsigned long i = 0; i < nr_pages; i++)
		w->region[i * PAGE] = (char)(i + w->cpu);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (unsigned long i = 0; i < nr_pages; i++) {
		if (w->region[i * PAGE] != (char)(i + w->cpu)) {
			fprintf(stderr, "page %lu of CPU %u is wrong\n", i,
				w->cpu);
			exit(1);
		}
	}
	pthread_barrier_wait(&barrier);
	return NULL;
}

static struct counts since(struct counts from)
{
	struct counts now = counts();

	now.nr_faults -= from.nr_faults;
	now.nr_taken -= from.nr_taken;
	now.nr_contended -= from.nr_contended;
	return now;
}

static void print(const char *what, unsigned int nr_cpus, struct counts c)
{
	printf("faults.%ucpu%s.contended: %.3f percent\n", nr_cpus, what,
	       100.0 * (double)c.nr_contended / (double)c.nr_faults);
	fprintf(stderr, "%s%lu faults, %lu locks taken, %lu after waiting\n",
		what, (unsigned long)c.nr_faults, (unsigned long)c.nr_taken,
		(unsigned long)c.nr_contended);
}

/* Which locks, since boot: for people. */
static void show_contended(void)
{
	FILE *f = fopen("/proc/brick/locks", "r");
	char line[128];
	unsigned long n;

	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, " taken, ");

		if (at && sscanf(at, " taken, %lu", &n) == 1 && n)
			fputs(line, stderr);
	}
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	unsigned int nr_cpus = argc == 3 ? (unsigned int)atoi(argv[1]) : 0;
	struct counts begin, zerofill, refault, all;

	if (!nr_cpus || nr_cpus > MAX_CPUS)
		return 2;
	nr_pages = strtoul(argv[2], NULL, 10) << 8;
	pthread_barrier_init(&barrier, NULL, nr_cpus + 1);
	for (unsigned int i = 0; i < nr_cpus; i++) {
		struct worker *w = &workers[i];

		w->cpu = i;
		w->region = mmap(NULL, nr_pages * PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (w->region == MAP_FAILED)
			die("mmap");
		if (pthread_create(&w->thread, NULL, work, w))
			die("pthread_create");
	}
	pthread_barrier_wait(&barrier);
	begin = counts();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier); /* all written */
	zerofill = since(begin);
	begin = counts();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier); /* all read */
	refault = since(begin);
	for (unsigned int i = 0; i < nr_cpus; i++)
		pthread_join(workers[i].thread, NULL);
	all.nr_faults = zerofill.nr_faults + refault.nr_faults;
	all.nr_taken = zerofill.nr_taken + refault.nr_taken;
	all.nr_contended = zerofill.nr_contended + refault.nr_contended;
	print(".zerofill", nr_cpus, zerofill);
	print(".refault", nr_cpus, refault);
	print("", nr_cpus, all);
	show_contended();
	return 0;
}
