/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goes through memory that the pcache does not hold, in several ways, and says
 * what the processor node read ahead for it.
 *
 *	readahead NR_PAGES
 *
 * One line for each way: its name, pages touched, then what was added to
 * counters meanwhile.  Every page read is compared with what was written.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

static const char *const counter_names[] = {
	"nr_pgfault",       "nr_pcache_fill_from_memory", "nr_prefetch_issued",
	"nr_prefetch_used", "nr_prefetch_late",           "nr_prefetch_wasted",
};
#define NR_COUNTERS (sizeof(counter_names) / sizeof(counter_names[0]))

static uint64_t nr_pages;
static uint64_t *area;
static int counters_fd;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_counters(uint64_t *values)
{
	static char text[65536];
	ssize_t n = pread(counters_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		die("/proc/brick/counters");
	text[n] = '\0';
	for (size_t i = 0; i < NR_COUNTERS; i++) {
		char name[64];
		const char *at;

		snprintf(name, sizeof(name), "\n%s: ", counter_names[i]);
		at = strstr(text, name);
		if (!at)
			die(counter_names[i]);
		values[i] = strtoull(at + strlen(name), NULL, 10);
	}
}

static uint64_t *page_at(uint64_t i)
{
	return area + i * (PAGE / sizeof(*area));
}

static uint64_t content(uint64_t i)
{
	return i * 0x9e3779b97f4a7c15ul + 1;
}

static void touch(uint64_t i)
{
	uint64_t got = *(volatile uint64_t *)page_at(i);

	if (got == content(i))
		return;
	printf("page %lu has %lx instead of %lx\n", (unsigned long)i,
	       (unsigned long)got, (unsigned long)content(i));
	exit(1);
}

/* ---- ways to go ---------------------------------------------------------- */

static uint64_t go_up(void)
{
	for (uint64_t i = 0; i < nr_pages; i++)
		touch(i);
	return nr_pages;
}

static uint64_t go_down(void)
{
	for (uint64_t i = nr_pages; i-- > 0;)
		touch(i);
	return nr_pages;
}

static uint64_t go_strided(void)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < nr_pages; i += 3, n++)
		touch(i);
	return n;
}

static uint64_t go_randomly(void)
{
	uint64_t x = 88172645463325252ul;

	for (uint64_t i = 0; i < nr_pages; i++) {
		x ^= x << 13; /* Marsaglia's xorshift64 */
		x ^= x >> 7;
		x ^= x << 17;
		touch(x % nr_pages);
	}
	return nr_pages;
}

/* One thread upwards from the middle, the other down from it. */
static void *scan_half(void *is_lower)
{
	for (uint64_t i = 0; i < nr_pages / 2; i++)
		touch(is_lower ? nr_pages / 2 - 1 - i : nr_pages / 2 + i);
	return NULL;
}

static uint64_t go_in_threads(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, scan_half,
				   i ? area : NULL))
			die("pthread_create");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return nr_pages / 2 * 2;
}

/* A child reads what it shares; then gives it up while its reads are on their
 * way, and exits. */
static uint64_t go_in_child(void)
{
	uint64_t n = nr_pages / 4;
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		for (uint64_t i = 0; i < n; i++) {
			touch(i);
			if (i % 64 == 40)
				munmap(page_at(i + 1), 16 * PAGE);
			if (i % 64 == 40)
				i += 16;
		}
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		exit(1);
	return n;
}

/* ---- measuring ----------------------------------------------------------- */

static void measure(const char *name, uint64_t (*go)(void))
{
	uint64_t before[NR_COUNTERS], after[NR_COUNTERS], n;

	read_counters(before);
	n = go();
	read_counters(after);
	printf("%s pages=%lu", name, (unsigned long)n);
	for (size_t i = 0; i < NR_COUNTERS; i++)
		printf(" %s=%lu", counter_names[i],
		       (unsigned long)(after[i] - before[i]));
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	nr_pages = argc > 1 ? strtoull(argv[1], NULL, 0) : 4096;
	counters_fd = open("/proc/brick/counters", O_RDONLY);
	area = mmap(NULL, nr_pages * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED || counters_fd < 0)
		die("start");
	for (uint64_t i = 0; i < nr_pages; i++)
		*page_at(i) = content(i);
	go_up(); /* what was written has been written back */
	measure("up", go_up);
	measure("down", go_down);
	measure("strided", go_strided);
	measure("random", go_randomly);
	measure("threads", go_in_threads);
	measure("child", go_in_child);
	return 0;
}
