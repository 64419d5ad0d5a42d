/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mapreduce.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_THREADS 256

static int is_read; /* the input is read, not mapped */

void fail(const char *what)
{
	fprintf(stderr, "%s: %s%s%s\n", program.name, what, errno ? ": " : "",
		errno ? strerror(errno) : "");
	exit(1);
}

void *allocate(size_t nr, size_t bytes)
{
	void *p = calloc(nr ? nr : 1, bytes);

	if (!p)
		fail("memory");
	return p;
}

static void read_all(int fd, char *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, data + done, size - done);

		if (n == 0)
			errno = EIO; /* it became shorter */
		if (n <= 0)
			fail("read");
		done += (size_t)n;
	}
}

struct input input_open(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct input in = {0};
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		fail(path);
	in.size = (size_t)st.st_size;
	if (is_read) {
		in.data = malloc(in.size ? in.size : 1);
		if (!in.data)
			fail("memory");
		read_all(fd, in.data, in.size);
	} else if (in.size) {
		in.data = mmap(NULL, in.size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE, fd, 0);
		if (in.data == MAP_FAILED)
			fail("mmap");
	}
	close(fd);
	return in;
}

void input_close(struct input *in)
{
	if (is_read)
		free(in->data);
	else if (in->size && munmap(in->data, in->size))
		fail("munmap");
	in->data = NULL;
}

FILE *output_open(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		fail(path);
	return f;
}

void output_close(FILE *f)
{
	if (ferror(f) || fclose(f))
		fail("write");
}

struct crew {
	size_t nr_tasks;
	atomic_size_t next;
	void *ctx;
	void (*work)(void *ctx, int thread, size_t task);
};

struct worker {
	pthread_t id;
	int number;
	struct crew *crew;
};

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct crew *crew = w->crew;
	size_t task;

	while ((task = atomic_fetch_add(&crew->next, 1)) < crew->nr_tasks)
		crew->work(crew->ctx, w->number, task);
	return NULL;
}

void parallel(int nr_threads, size_t nr_tasks, void *ctx,
	      void (*work)(void *ctx, int thread, size_t task))
{
	struct crew crew = {.nr_tasks = nr_tasks, .ctx = ctx, .work = work};
	struct worker *workers = allocate((size_t)nr_threads, sizeof(*workers));

	for (int i = 0; i < nr_threads; i++) {
		workers[i].number = i;
		workers[i].crew = &crew;
		errno = pthread_create(&workers[i].id, NULL, worker_run,
				       &workers[i]);
		if (errno)
			fail("pthread_create");
	}
	for (int i = 0; i < nr_threads; i++)
		pthread_join(workers[i].id, NULL);
	free(workers);
}

size_t *text_splits(const struct input *in, size_t bytes, size_t *nr_splits)
{
	size_t *splits = allocate(in->size / bytes + 2, sizeof(*splits));
	size_t n = 0, at = 0;

	while (at < in->size) {
		splits[n++] = at;
		at = in->size - at > bytes ? at + bytes : in->size;
		while (at < in->size && is_letter(in->data[at]))
			at++;
	}
	splits[n] = in->size;
	*nr_splits = n;
	return splits;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: %s generate SIZE[K|M] PATH [SEED]\n"
		"       %s [--read] [--peak] seq PATH\n"
		"       %s [--read] [--peak] threads N PATH\n",
		program.name, program.name, program.name);
	return 2;
}

/* A number with K or M behind it, or 0. */
static size_t parse_size(const char *text)
{
	char *end;
	size_t n = strtoul(text, &end, 0);

	if (*end == 'K' || *end == 'M')
		n <<= *end++ == 'K' ? 10 : 20;
	return *end ? 0 : n;
}

/* On stderr, the most memory that was resident: "peak N kB". */
static void print_peak(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	long peak_kb;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %ld kB", &peak_kb) == 1)
			fprintf(stderr, "peak %ld kB\n", peak_kb);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	int is_measured = 0;
	size_t n;

	for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
		if (!strcmp(argv[1], "--read"))
			is_read = 1;
		else if (!strcmp(argv[1], "--peak"))
			is_measured = 1;
		else
			return usage();
	}
	if (argc == 3 && !strcmp(argv[1], "seq")) {
		program.sequential(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "threads")) {
		n = parse_size(argv[2]);
		if (n < 1 || n > MAX_THREADS)
			return usage();
		program.threaded(argv[3], (int)n);
	} else if (argc >= 4 && argc <= 5 && !strcmp(argv[1], "generate")) {
		n = parse_size(argv[2]);
		if (!n)
			return usage();
		program.generate(argv[3], n,
				 argc == 5 ? parse_size(argv[4]) : 0);
	} else {
		return usage();
	}
	if (is_measured)
		print_peak();
	return fflush(stdout) ? 1 : 0;
}
