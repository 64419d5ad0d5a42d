/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel of a processor node executes for a system call, for each
 * kind of page fault, for an eviction.  To be run by scripts/bench, where the
 * time-stamp counter counts instructions; Documentation/performance.md says
 * what is in each figure.
 *
 *	kernelcost [-m] [-s SUFFIX] [NAME]
 *
 * With -m, only what goes through much memory.
 * SUFFIX is added to the names of figures in which the network is used.  With
 * a NAME, what is measured under it is done, to be traced, between two marks;
 * the last NR_SAMPLES faults (calls) are the ones of the figure.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE        4096ul
#define NR_SAMPLES  256
#define NR_ROUNDS   5u
#define LOOP_ROUNDS 1000000ul

static const char *suffix = "";
static bool is_traced, is_scan_only;
static int counters_fd;
static uint64_t overhead; /* of a measurement */
static uint64_t samples[NR_SAMPLES];

static inline uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- figures ------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median_of(uint64_t *values, size_t nr)
{
	qsort(values, nr, sizeof(values[0]), compare);
	return values[nr / 2];
}

static uint64_t median(void)
{
	return median_of(samples, NR_SAMPLES);
}

static void print(const char *name, const char *more, uint64_t value)
{
	if (is_traced)
		return;
	printf("%s%s: %lu instructions\n", name, more, (unsigned long)value);
	fflush(stdout);
}

static char counters_text[65536];

static void read_counters(void)
{
	ssize_t n =
		pread(counters_fd, counters_text, sizeof(counters_text) - 1, 0);

	if (n <= 0)
		die("/proc/brick/counters");
	counters_text[n] = 0;
}

/* As last read; @name as it stands in the file, from newline to colon. */
static uint64_t counter(const char *name)
{
	const char *at = strstr(counters_text, name);

	if (!at)
		die(name);
	return strtoul(at + strlen(name), NULL, 10);
}

/* Cycles in which this node halted, or polled for the network in vain. */
static uint64_t waited(void)
{
	if (is_traced)
		return 0;
	read_counters();
	return counter("\nnr_halt_cycles: ") + counter("\nnr_poll_cycles: ");
}

/* ---- memory ------------------------------------------------------------- */

static volatile char *map(unsigned long nr_pages)
{
	void *at = mmap(NULL, nr_pages * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static void unmap(volatile char *at, unsigned long nr_pages)
{
	munmap((void *)at, nr_pages * PAGE);
}

static void write_all(volatile char *at, unsigned long nr_pages)
{
	for (unsigned long i = 0; i < nr_pages; i++)
		at[i * PAGE] = 1;
}

static void read_all(volatile char *at, unsigned long nr_pages)
{
	for (unsigned long i = 0; i < nr_pages; i++)
		(void)at[i * PAGE];
}

static unsigned long pcache_pages(void)
{
	char text[64] = "";
	int fd = open("/proc/brick/pcache", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		die("/proc/brick/pcache");
	close(fd);
	return strtoul(strchr(text, ' '), NULL, 10) / PAGE;
}

/* Pages that are nowhere but at the memory node, and a pcache with room. */
static volatile char *map_evicted(unsigned long nr_pages)
{
	unsigned long nr_more = pcache_pages() * 2;
	volatile char *at = map(nr_pages), *more;

	write_all(at, nr_pages);
	more = map(nr_more);
	write_all(more, nr_more);
	unmap(more, nr_more);
	return at;
}

/* ---- measurements ------------------------------------------------------- */

static void measure_overhead(void)
{
	for (int i = 0; i < NR_SAMPLES; i++) {
		uint64_t begun = now();

		samples[i] = now() - begun;
	}
	overhead = median();
}

/* Two instructions a round: this must be what the counter says. */
static void measure_scale(void)
{
	uint64_t begun = now(), rounds = LOOP_ROUNDS, took;

	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(rounds)::"cc");
	took = now() - begun - overhead;
	printf("scale: %lu.%03lu counts for an instruction\n",
	       took / (2 * LOOP_ROUNDS),
	       took % (2 * LOOP_ROUNDS) * 1000 / (2 * LOOP_ROUNDS));
}

static void measure_copy(void)
{
	volatile char *from = map(2);

	write_all(from, 2);
	for (int i = 0; i < NR_SAMPLES; i++) {
		volatile char *f = from, *t = from + PAGE;
		uint64_t n = PAGE / 8, begun = now();

		__asm__ volatile("rep movsq"
				 : "+S"(f), "+D"(t), "+c"(n)::"memory");
		samples[i] = now() - begun - overhead;
	}
	print("page.copy", "", median());
	unmap(from, 2);
}

static void measure_syscall(void)
{
	for (int i = 0; i < NR_SAMPLES; i++) {
		long nr = SYS_getppid;
		uint64_t begun = now();

		__asm__ volatile("syscall" : "+a"(nr)::"rcx", "r11", "memory");
		samples[i] = now() - begun - overhead - 1;
	}
	print("syscall.null", "", median());
}

static void measure_zerofill(void)
{
	volatile char *at = map(NR_SAMPLES);

	for (int i = 0; i < NR_SAMPLES; i++) {
		uint64_t begun = now();

		at[i * PAGE] = 1;
		samples[i] = now() - begun - overhead - 1;
	}
	print("fault.zerofill", "", median());
	unmap(at, NR_SAMPLES);
}

static void measure_cow(void)
{
	volatile char *at = map(NR_SAMPLES);
	int ends[2];
	pid_t pid;
	char c;

	write_all(at, NR_SAMPLES);
	if (pipe(ends))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) { /* keeps its references until we are done */
		close(ends[1]);
		_exit(read(ends[0], &c, 1) != 0);
	}
	close(ends[0]);
	for (int i = 0; i < NR_SAMPLES; i++) {
		uint64_t begun = now();

		at[i * PAGE] = 2;
		samples[i] = now() - begun - overhead - 1;
	}
	close(ends[1]);
	waitpid(pid, NULL, 0);
	print("fault.cow", "", median());
	unmap(at, NR_SAMPLES);
}

static uint64_t refault(void)
{
	volatile char *at = map_evicted(NR_SAMPLES);
	uint64_t value;

	for (int i = 0; i < NR_SAMPLES; i++) {
		uint64_t waited_before = waited(), begun = now();

		(void)at[i * PAGE];
		samples[i] = now() - begun - overhead - 1;
		samples[i] -= waited() - waited_before;
	}
	value = median();
	unmap(at, NR_SAMPLES);
	return value;
}

static void measure_refault(void)
{
	print("fault.refault", suffix, refault());
}

/*
 * What @touch executes for a page, waiting excluded.  The counters are read
 * twice: the first time, the pages that they are read into may have to come
 * from the memory node, and the wait for those would be taken for one of
 * @touch.
 */
static uint64_t per_page(void (*touch)(volatile char *, unsigned long),
			 volatile char *at, unsigned long nr_pages)
{
	uint64_t waited_before, begun, took;

	(void)waited();
	waited_before = waited();
	begun = now();
	touch(at, nr_pages);
	took = now() - begun;
	return (took - (waited() - waited_before)) / nr_pages;
}

/* The same, where each touch brings a page and nothing has to go for it. */
static uint64_t refaults_per_page(void)
{
	volatile char *at = map_evicted(NR_SAMPLES);
	uint64_t value = per_page(read_all, at, NR_SAMPLES);

	unmap(at, NR_SAMPLES);
	return value;
}

/*
 * Each touch evicts a page in the long run: what it executes more than one
 * that evicts nothing is the eviction.  How often a completion is polled for in
 * vain is different every time, so the medians of some rounds count.
 */
static void measure_evict(void)
{
	uint64_t writes[NR_ROUNDS], reads[NR_ROUNDS], withouts[NR_ROUNDS];
	unsigned long nr_pages = pcache_pages() * 4;
	size_t nr_rounds = is_traced ? 1 : NR_ROUNDS;
	uint64_t with, without;

	for (size_t i = 0; i < nr_rounds; i++) {
		volatile char *at = map(nr_pages);

		writes[i] = per_page(write_all, at, nr_pages);
		reads[i] = per_page(read_all, at, nr_pages);
		unmap(at, nr_pages);
		withouts[i] = is_traced ? 0 : refaults_per_page();
	}
	with = median_of(reads, nr_rounds);
	without = median_of(withouts, nr_rounds);
	print("zerofill.evicting", suffix, median_of(writes, nr_rounds));
	print("refault.evicting", suffix, with);
	print("evict.page", suffix, with > without ? with - without : 0);
}

static void read_randomly(volatile char *at, unsigned long nr_pages)
{
	uint64_t x = 88172645463325252ul;

	for (unsigned long i = 0; i < nr_pages; i++) {
		x ^= x << 13; /* Marsaglia's xorshift64 */
		x ^= x >> 7;
		x ^= x << 17;
		(void)at[x % nr_pages * PAGE];
	}
}

static uint64_t nr_refaults(void)
{
	read_counters();
	return counter("\nnr_pcache_fill_from_memory: ");
}

static void measure_way(const char *name,
			void (*touch)(volatile char *, unsigned long),
			volatile char *at, unsigned long nr_pages)
{
	uint64_t refaults = nr_refaults(), each = per_page(touch, at, nr_pages);

	refaults = nr_refaults() - refaults;
	print(name, suffix, each);
	if (!is_traced)
		printf("%s.refaults%s: %lu events\n", name, suffix,
		       (unsigned long)(refaults * 1000 / nr_pages));
}

/* Memory that is four times the pcache, in order and not: instructions a page,
 * waiting excluded, and of 1000 pages how many were waited for. */
static void measure_scan(void)
{
	unsigned long nr_pages = pcache_pages() * 4;
	volatile char *at = map(nr_pages);

	write_all(at, nr_pages);
	read_all(at, nr_pages); /* until nothing is modified */
	measure_way("scan.page", read_all, at, nr_pages);
	measure_way("random.page", read_randomly, at, nr_pages);
	unmap(at, nr_pages);
}

static const struct {
	const char *name;
	void (*fn)(void);
} measurements[] = {
	{"copy", measure_copy},         {"syscall", measure_syscall},
	{"zerofill", measure_zerofill}, {"cow", measure_cow},
	{"refault", measure_refault},   {"evict", measure_evict},
	{"scan", measure_scan},
};

static void mark(const char *text)
{
	puts(text);
	fflush(stdout);
	sleep(1); /* for who traces */
}

static void measure_one(const char *name)
{
	is_traced = true;
	for (size_t i = 0; i < sizeof(measurements) / sizeof(measurements[0]);
	     i++) {
		if (strcmp(measurements[i].name, name))
			continue;
		mark("begin");
		measurements[i].fn();
		mark("end");
	}
}

int main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "ms:")) != -1) {
		if (c == 'm')
			is_scan_only = true;
		else if (c == 's')
			suffix = optarg;
		else
			return 2;
	}
	counters_fd = open("/proc/brick/counters", O_RDONLY);
	if (counters_fd < 0)
		die("/proc/brick/counters");
	measure_overhead();
	if (optind < argc) {
		measure_one(argv[optind]);
		return 0;
	}
	measure_scale();
	for (size_t i = 0; i < sizeof(measurements) / sizeof(measurements[0]);
	     i++)
		if (!is_scan_only || measurements[i].fn == measure_scan)
			measurements[i].fn();
	return 0;
}
