/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that stream through a data set beside a hot working set.
 *
 *	scan [-j THREADS[,THREADS...]] [-n ROUNDS] [-r] [-p] FILE
 *
 * Counts words as the map-reduce programs do: each thread goes through its
 * share of FILE, mapped, or with -r read into memory, and counts words by hash
 * in a table of its own, in so many rounds with each number of threads.  All
 * rounds must give the same sums.  Prints, for each number of threads, how many
 * faults waited for a free line.  With -p each round runs under the next
 * eviction policy.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NR_BUCKETS  8192u
#define MAX_THREADS 64

struct share {
	pthread_t thread;
	const char *start, *end;
	uint64_t counts[NR_BUCKETS]; /* the hot set: 16 pages a thread */
	uint64_t nr_words;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *count_words(void *arg)
{
	struct share *share = arg;
	uint32_t hash = 0;

	share->nr_words = 0;
	for (const char *p = share->start; p < share->end; p++) {
		if (isalpha((unsigned char)*p)) {
			hash = hash * 31 + (unsigned char)*p;
		} else if (hash) {
			share->counts[hash % NR_BUCKETS]++;
			share->nr_words++;
			hash = 0;
		}
	}
	return NULL;
}

/* The share ends where a word does. */
static const char *cut(const char *data, const char *at, const char *end)
{
	while (at > data && at < end && isalpha((unsigned char)at[-1]))
		at++;
	return at;
}

static uint64_t round_of(struct share *shares, int n, const char *data,
			 size_t size)
{
	const char *at = data, *end = data + size;
	uint64_t nr_words = 0;

	for (int i = 0; i < n; i++) {
		shares[i].start = at;
		at = i == n - 1 ? end
				: cut(data, data + size / n * (i + 1), end);
		shares[i].end = at;
		if (pthread_create(&shares[i].thread, NULL, count_words,
				   &shares[i]))
			die("pthread_create");
	}
	for (int i = 0; i < n; i++) {
		pthread_join(shares[i].thread, NULL);
		nr_words += shares[i].nr_words;
	}
	return nr_words;
}

static const char *load(const char *path, bool is_read, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *data;

	if (fd < 0 || fstat(fd, &st))
		die(path);
	*size = (size_t)st.st_size;
	if (!is_read) {
		data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			die("mmap");
		return data;
	}
	data = malloc(*size);
	if (!data)
		die("malloc");
	for (size_t at = 0; at < *size;) {
		ssize_t n = read(fd, data + at, *size - at);

		if (n <= 0)
			die("read");
		at += (size_t)n;
	}
	return data;
}

static uint64_t counter(const char *name)
{
	static char text[65536];
	int fd = open("/proc/brick/counters", O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	const char *at;

	close(fd);
	text[n > 0 ? n : 0] = 0;
	at = strstr(text, name);
	return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* The policy after the one in use becomes the one in use. */
static void next_policy(void)
{
	static const char *const names[] = {"clock", "fifo", "lru", "random"};
	static const char path[] = "/proc/brick/pcache_policy";
	static unsigned i;
	const char *name = names[++i % 4];
	char text[64] = "", want[16];
	int fd = open(path, O_RDWR);

	if (fd < 0 || write(fd, name, strlen(name)) != (ssize_t)strlen(name))
		die(path);
	close(fd);
	fd = open(path, O_RDONLY);
	snprintf(want, sizeof(want), "[%s]", name);
	if (read(fd, text, sizeof(text) - 1) < 0 || !strstr(text, want)) {
		fprintf(stderr, "%s: %s, not %s\n", path, text, want);
		exit(1);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	static const char waited[] = "\nnr_pcache_eviction_sync: ";
	bool is_read = false, must_switch = false;
	uint64_t first = 0, nr_waits;
	const char *data, *js = "2";
	struct share *shares;
	int c, nr_rounds = 2;
	size_t size;

	while ((c = getopt(argc, argv, "j:n:rp")) != -1) {
		if (c == 'j')
			js = optarg;
		else if (c == 'n')
			nr_rounds = atoi(optarg);
		else if (c == 'r')
			is_read = true;
		else if (c == 'p')
			must_switch = true;
		else
			return 2;
	}
	if (optind != argc - 1)
		return 2;
	data = load(argv[optind], is_read, &size);
	shares = calloc(MAX_THREADS, sizeof(*shares));
	while (*js) {
		int nr_threads = (int)strtol(js, (char **)&js, 10);

		if (nr_threads < 1 || nr_threads > MAX_THREADS)
			return 2;
		js += *js == ',';
		nr_waits = counter(waited);
		for (int i = 0; i < nr_rounds; i++) {
			uint64_t nr = round_of(shares, nr_threads, data, size);

			if (first && nr != first) {
				printf("%d threads, round %d: %lu words\n",
				       nr_threads, i, (unsigned long)nr);
				return 1;
			}
			first = nr;
			if (must_switch)
				next_policy();
		}
		printf("%d threads: %lu waits\n", nr_threads,
		       (unsigned long)(counter(waited) - nr_waits));
		fflush(stdout);
	}
	printf("%lu words in %zu bytes\n", (unsigned long)first, size);
	return 0;
}
