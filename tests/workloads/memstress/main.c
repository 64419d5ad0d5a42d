/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random memory calls and touches, checked against a model (model.h).
 *
 *	memstress [-s SEED] [-n STEPS | -t SECONDS] [-j THREADS] [-f FILE]
 *		  [-d FOLDER] [-v]
 *
 * The same seed and number of threads give each thread the same steps in its
 * own arena, whatever the others do and however long the run: what fails says
 * the seed, the thread and the number of the step.  With -v each step is told
 * before it is made.  FILE is mapped privately; in FOLDER, which should be in
 * tmpfs, lie the arenas' files.
 */
#define _GNU_SOURCE
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

uint64_t seed;
bool is_verbose;
int file_fd;
unsigned nr_file_pages;

static struct worker workers[THREADS_MAX];
static struct arena common[NR_COMMON];
static unsigned nr_workers = 1;
static uint64_t nr_steps = 3000;
static time_t end_s; /* 0: after nr_steps */
static const char *folder = "/tmp";

static const struct op {
	const char *name;
	void (*fn)(void);
	unsigned weight;
} ops[] = {
	{"read", op_read, 60},
	{"write", op_write, 72},
	{"check", op_check, 12},
	{"sweep", op_sweep, 2},
	{"pipe", op_pipe, 10},
	{"file", op_file, 10},
	{"exchange", op_exchange, 16},
	{"mmap", op_mmap, 12},
	{"munmap", op_munmap, 4},
	{"mprotect", op_mprotect, 8},
	{"madvise", op_madvise, 6},
	{"msync", op_msync, 2},
	{"mremap", op_mremap, 12},
	{"truncate", op_truncate, 1},
	{"brk", op_brk, 4},
	{"fork", op_fork, 2},
};

/* A common arena that is free, or NULL. */
static struct arena *common_lock(void)
{
	struct arena *a = &common[below(NR_COMMON)];

	return pthread_mutex_trylock(&a->lock) ? NULL : a;
}

/* What is drawn depends on the number of the step and on nothing before. */
static void step(unsigned sum)
{
	unsigned pick, i = 0;

	self->rng = mix(self->seed ^ mix(self->step));
	pick = below(sum);
	arena = &self->own;
	if (!below(4) && self->child_index < 0)
		arena = common_lock();
	while (pick >= ops[i].weight)
		pick -= ops[i++].weight;
	if (arena) {
		self->op = ops[i].name;
		ops[i].fn();
	}
	if (arena && arena != &self->own)
		pthread_mutex_unlock(&arena->lock);
	arena = &self->own;
	self->step++;
}

void steps(uint64_t nr)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		sum += ops[i].weight;
	while (nr--)
		step(sum);
}

static void check_arena(void)
{
	for (unsigned i = 0; i < arena->nr_pages; i++)
		if (!signal_of(&arena->pages[i], PROT_READ))
			check_page(&arena->pages[i], (uint64_t *)page_at(i));
	for (unsigned i = 0; i < arena->nr_brk; i++)
		check_page(&arena->brk_pages[i],
			   (uint64_t *)(arena->brk_base + i * PAGE));
	if (munmap(arena->base, arena->nr_pages * PAGE))
		fail("munmap: %s", strerror(errno));
}

static void *work(void *arg)
{
	self = arg;
	arena = &self->own;
	if (!end_s)
		steps(nr_steps);
	while (time(NULL) < end_s)
		steps(20);
	self->op = "end";
	for (unsigned i = 0; i < CHILDREN_MAX; i++)
		if (self->children[i].pid)
			child_reap(i);
	check_arena();
	return NULL;
}

static void arena_init(struct arena *a, uint64_t base, unsigned nr_pages)
{
	static unsigned nr;
	char name[200];

	pthread_mutex_init(&a->lock, NULL);
	a->base = (char *)base;
	a->nr_pages = nr_pages;
	a->nr_tmp_pages = NR_TMP_PAGES / 2;
	snprintf(name, sizeof(name), "%s/memstress-%d-%u", folder,
		 (int)getpid(), nr++);
	a->tmp_fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (a->tmp_fd < 0 || ftruncate(a->tmp_fd, a->nr_tmp_pages * PAGE) ||
	    unlink(name))
		fail("%s: %s", name, strerror(errno));
}

static void worker_init(unsigned number)
{
	struct worker *worker = &workers[number];

	worker->number = number;
	worker->seed = mix(mix(seed) + number);
	worker->child_index = -1;
	worker->op = "start";
	arena_init(&worker->own, ARENA_BASE + (number + 1) * ARENA_STRIDE,
		   NR_PAGES);
	if (pipe(worker->pipe))
		fail("pipe: %s", strerror(errno));
}

static void read_options(int argc, char **argv)
{
	const char *file = "/proc/self/exe";
	struct timespec now;
	struct stat st;
	int c;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = mix((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30) >> 32;
	while ((c = getopt(argc, argv, "s:n:t:j:f:d:v")) != -1) {
		if (c == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (c == 'n')
			nr_steps = strtoul(optarg, NULL, 0);
		else if (c == 't')
			end_s = time(NULL) + atoi(optarg);
		else if (c == 'j')
			nr_workers = (unsigned)atoi(optarg);
		else if (c == 'f')
			file = optarg;
		else if (c == 'd')
			folder = optarg;
		else if (c == 'v')
			is_verbose = true;
		else
			exit(2);
	}
	file_fd = open(file, O_RDONLY);
	if (file_fd < 0 || fstat(file_fd, &st))
		fail("%s: %s", file, strerror(errno));
	nr_file_pages = (unsigned)((st.st_size + PAGE - 1) / PAGE);
	if (!nr_file_pages || !nr_workers || nr_workers > THREADS_MAX)
		fail("1 to %u threads, and a file that is not empty",
		     THREADS_MAX);
}

static void start(void)
{
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	exchange_start();
	for (unsigned i = 0; i < NR_COMMON; i++)
		arena_init(&common[i], ARENA_BASE + i * NR_COMMON_PAGES * PAGE,
			   NR_COMMON_PAGES);
	for (unsigned i = 0; i < nr_workers; i++)
		worker_init(i);
	for (unsigned i = 1; i < nr_workers; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			fail("pthread_create failed");
	/* From here on nobody else moves the break. */
	workers[0].own.brk_base =
		(char *)(((uintptr_t)sbrk(0) + PAGE - 1) & ~(PAGE - 1));
}

int main(int argc, char **argv)
{
	uint64_t nr_all = 0, nr_forks = 0;

	read_options(argc, argv);
	printf("memstress: seed %lu, %u threads\n", (unsigned long)seed,
	       nr_workers);
	fflush(stdout);
	start();
	work(&workers[0]);
	for (unsigned i = 1; i < nr_workers; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < NR_COMMON; i++) {
		arena = &common[i];
		check_arena();
	}
	for (unsigned i = 0; i < nr_workers; i++) {
		nr_all += workers[i].step;
		nr_forks += workers[i].nr_forks;
	}
	printf("memstress: %lu steps, %lu children, "
	       "all is as it should be\n",
	       (unsigned long)nr_all, (unsigned long)nr_forks);
	return 0;
}
