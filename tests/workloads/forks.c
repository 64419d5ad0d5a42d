/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fork in all its forms.
 *
 *	forks			every rule below, "NAME: ok" for each
 *	forks storm N		N forks and exits, see storm()
 *	forks big MIB		fork of a process of MIB MiB, and what the
 *				kernel counted meanwhile
 *	forks threads N		N threads at once
 *	forks told ...		what exec passed on; for the rules
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

extern char **environ;
static const char *self;
static int status_of_all;

static void check(const char *name, bool ok)
{
	printf("%s: %s\n", name, ok ? "ok" : "WRONG");
	fflush(stdout);
	if (!ok)
		status_of_all = 1;
}

static void *map_pages(size_t nr)
{
	void *p = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return p;
}

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 1000 + WTERMSIG(status);
}

/* ---- r16: a fork is a snapshot, while threads write ------------------- */

#define WRITERS      3
#define WRITER_PAGES 24

static volatile uint64_t *counters[WRITERS]; /* one on each page */
static volatile bool writers_stop;

static volatile uint64_t *slot(int writer, int page)
{
	return counters[writer] + page * (PAGE / sizeof(uint64_t));
}

/* Writes 1, 2, 3... to all its pages, always from the first to the last. */
static void *writer(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (uint64_t value = 1; !writers_stop; value++)
		for (int page = 0; page < WRITER_PAGES; page++)
			*slot(me, page) = value;
	return NULL;
}

static uint64_t checksum(void)
{
	uint64_t sum = 0;

	for (int w = 0; w < WRITERS; w++)
		for (int page = 0; page < WRITER_PAGES; page++)
			sum = sum * 31 + *slot(w, page);
	return sum;
}

/* At any moment a writer's first pages are one ahead of the rest. */
static bool is_one_moment(void)
{
	for (int w = 0; w < WRITERS; w++)
		for (int page = 1; page < WRITER_PAGES; page++)
			if (*slot(w, page) > *slot(w, page - 1) ||
			    *slot(w, page) + 1 < *slot(w, 0))
				return false;
	return true;
}

static int look_at_snapshot(int fd)
{
	uint64_t first = checksum();
	bool ok = is_one_moment();

	for (int i = 0; i < 20; i++) {
		sched_yield();
		ok = ok && checksum() == first;
	}
	return ok && write(fd, &first, sizeof(first)) == sizeof(first) ? 0 : 1;
}

static bool snapshot_once(void)
{
	uint64_t theirs;
	int fds[2];
	pid_t pid;
	bool ok;

	if (pipe(fds))
		return false;
	pid = fork();
	if (!pid)
		_exit(look_at_snapshot(fds[1]));
	close(fds[1]);
	ok = read(fds[0], &theirs, sizeof(theirs)) == sizeof(theirs);
	close(fds[0]);
	if (status_of(pid) || !ok)
		return false;
	while (checksum() == theirs) /* the parent's writers go on */
		sched_yield();
	return true;
}

static void test_snapshot(void)
{
	pthread_t threads[WRITERS];
	bool ok = true;

	for (int i = 0; i < WRITERS; i++)
		counters[i] = map_pages(WRITER_PAGES);
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&threads[i], NULL, writer, (void *)(intptr_t)i);
	for (int i = 0; i < 30 && ok; i++)
		ok = snapshot_once();
	writers_stop = true;
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	check("r16 the child's memory is one moment of the parent's", ok);
}

/* ---- r21: both sides write the same pages, which are evicted ----------- */

#define FAMILY_PAGES 1024 /* 4 MiB */

static void fill(uint64_t *pages, uint64_t seed)
{
	for (int i = 0; i < FAMILY_PAGES; i++)
		for (int j = 0; j < 2; j++)
			pages[i * PAGE / 8 + j * 511] =
				seed * 10000 + i * 2 + j;
}

static bool is_filled(const uint64_t *pages, uint64_t seed)
{
	for (int i = 0; i < FAMILY_PAGES; i++)
		for (int j = 0; j < 2; j++)
			if (pages[i * PAGE / 8 + j * 511] !=
			    seed * 10000 + i * 2 + j)
				return false;
	return true;
}

/* Read more than the cache of this node holds. */
static void evict_all(void)
{
	size_t nr = 2 * FAMILY_PAGES;
	volatile char *p = map_pages(nr);

	for (size_t i = 0; i < nr; i++)
		p[i * PAGE] = 1;
	munmap((void *)p, nr * PAGE);
}

static bool family(uint64_t *pages, int depth)
{
	uint64_t mine = (uint64_t)depth + 1;
	bool ok = true;
	pid_t pid;

	fill(pages, mine);
	pid = depth ? fork() : -1;
	if (!pid)
		_exit(is_filled(pages, mine) && family(pages, depth - 1) ? 0
									 : 1);
	if (depth) {
		fill(pages, mine + 100);
		mine += 100;
	}
	evict_all();
	ok = is_filled(pages, mine);
	if (depth)
		ok = status_of(pid) == 0 && ok;
	return ok && is_filled(pages, mine);
}

static void test_isolation(void)
{
	uint64_t *pages = map_pages(FAMILY_PAGES);

	check("r21 parent, child and grandchild keep their pages through "
	      "eviction",
	      family(pages, 2));
	munmap(pages, FAMILY_PAGES * PAGE);
}

/* ---- r23: vfork and its kin ------------------------------------------ */

static volatile int shared_word;

static int child_of_clone(void *arg)
{
	shared_word = 7;
	usleep(20000);
	execl(self, self, "told", "status", arg, (char *)NULL);
	_exit(99);
}

static bool does_vfork(void)
{
	pid_t pid;

	shared_word = 0;
	pid = vfork();
	if (!pid) {
		shared_word = 5; /* in the parent's memory */
		_exit(31);
	}
	return shared_word == 5 && status_of(pid) == 31;
}

static bool does_vfork_exec(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl(self, self, "told", "status", "4", (char *)NULL);
		_exit(99);
	}
	return status_of(pid) == 4;
}

/* The parent sleeps until its child is dead, whoever killed it. */
static bool is_released_by_a_kill(void)
{
	pid_t pid;

	shared_word = 0;
	pid = vfork();
	if (!pid) {
		shared_word = 6;
		kill(getpid(), SIGKILL);
		_exit(99);
	}
	return shared_word == 6 && status_of(pid) == 1000 + SIGKILL;
}

static bool does_clone_vfork(void)
{
	size_t bytes = 16 * PAGE;
	char *stack = map_pages(16);
	pid_t pid;

	shared_word = 0;
	pid = clone(child_of_clone, stack + bytes,
		    CLONE_VM | CLONE_VFORK | SIGCHLD, "8");
	/* It has executed: what it stored is here. */
	if (shared_word != 7)
		return false;
	return status_of(pid) == 8 && !munmap(stack, bytes);
}

static bool does_spawn(void)
{
	char *argv[] = {(char *)self, "told", "status", "9", NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid, none;
	bool ok;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addclose(&actions, 0);
	ok = !posix_spawn(&pid, self, &actions, NULL, argv, environ) &&
	     status_of(pid) == 9;
	posix_spawn_file_actions_destroy(&actions);
	return ok && posix_spawn(&none, "/nonexistent", NULL, NULL, argv,
				 environ) == ENOENT;
}

static void *spawn_often(void *ok)
{
	for (int i = 0; i < 5; i++)
		*(volatile bool *)ok = *(bool *)ok && does_spawn();
	return NULL;
}

static bool do_threads_spawn(void)
{
	bool ok[3] = {true, true, true};
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, spawn_often, &ok[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return ok[0] && ok[1] && ok[2];
}

static bool does_popen(void)
{
	char line[32] = "";
	FILE *f = popen("echo $((6 * 7))", "r");

	return f && fgets(line, sizeof(line), f) && !strcmp(line, "42\n") &&
	       !pclose(f);
}

static void test_vfork(void)
{
	int status = system("exit 3");

	check("r23 vfork shares memory and waits",
	      does_vfork() && does_vfork_exec() && is_released_by_a_kill());
	check("r23 clone(CLONE_VM|CLONE_VFORK) waits for exec",
	      does_clone_vfork());
	check("r23 posix_spawn, from threads too",
	      does_spawn() && do_threads_spawn());
	check("r23 system and popen",
	      WIFEXITED(status) && WEXITSTATUS(status) == 3 && does_popen());
}

/* ---- r28: exec ------------------------------------------------------- */

/* What a program finds that was started by test_exec(). */
static int told(int argc, char **argv)
{
	int nr_env = 0, nr_tasks = 0;

	if (argc > 3 && !strcmp(argv[2], "status"))
		return atoi(argv[3]);
	if (argc > 5 && !strcmp(argv[2], "files"))
		return fcntl(atoi(argv[3]), F_GETFD) == 0 &&
				       fcntl(atoi(argv[4]), F_GETFD) < 0 &&
				       errno == EBADF &&
				       atoi(argv[5]) == getpid() &&
				       getpid() == gettid()
			       ? 0
			       : 1;
	for (char **e = environ; *e; e++)
		nr_env++;
	for (int tid = 1; tid < 100; tid++)
		nr_tasks += !syscall(SYS_tgkill, getpid(), getpid() + tid, 0);
	return nr_env || nr_tasks;
}

static int empty_exec(char *const argv[], char *const envp[])
{
	pid_t pid = fork();

	if (!pid) {
		syscall(SYS_execve, self, argv, envp);
		_exit(99);
	}
	return status_of(pid);
}

static bool does_exec_nothing(void)
{
	char *none[] = {NULL};
	char *args[] = {(char *)self, "told", NULL};

	/* With no arguments at all main() is given one, "", and says 21. */
	return empty_exec(none, none) == 21 && empty_exec(NULL, NULL) == 21 &&
	       empty_exec(args, none) == 0 && empty_exec(args, NULL) == 0;
}

static void *sleeper(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *spinner(void *arg)
{
	for (;;)
		__asm__ volatile("pause" ::: "memory");
	return arg;
}

static void *exec_in_thread(void *arg)
{
	int keep = open("/", O_RDONLY), gone = open("/", O_RDONLY | O_CLOEXEC);
	char keep_text[16], gone_text[16], pid_text[16];

	snprintf(keep_text, sizeof(keep_text), "%d", keep);
	snprintf(gone_text, sizeof(gone_text), "%d", gone);
	snprintf(pid_text, sizeof(pid_text), "%d", getpid());
	execl(self, self, "told", "files", keep_text, gone_text, pid_text,
	      (char *)NULL);
	_exit(99);
	return arg;
}

static bool does_exec_from_a_thread(int nr_execs)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid)
		return status_of(pid) == 0;
	pthread_create(&thread, NULL, sleeper, NULL);
	pthread_create(&thread, NULL, spinner, NULL);
	for (int i = 0; i < nr_execs; i++)
		pthread_create(&thread, NULL, exec_in_thread, NULL);
	sleeper(NULL);
	_exit(98);
}

static void test_exec(void)
{
	bool ok = true;

	check("r28 exec with empty argv and envp", does_exec_nothing());
	for (int i = 0; i < 4; i++)
		ok = does_exec_from_a_thread(1) && ok;
	check("r28 exec from a thread that does not lead, with "
	      "close-on-exec files",
	      ok);
	check("r28 exec from several threads at once",
	      does_exec_from_a_thread(3));
}

/* ---- r33: a pid that is used again -------------------------------------- */

/* As clone3(2) has it; older headers lack it. */
struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack,
		stack_size, tls, set_tid, set_tid_size, cgroup;
};

static pid_t fork_as(pid_t wanted)
{
	struct clone3_args args = {.exit_signal = SIGCHLD,
				   .set_tid = (uint64_t)(uintptr_t)&wanted,
				   .set_tid_size = 1};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* A child writes to an untouched page; the next one of its name sees zeros. */
static void test_pid_again(void)
{
	volatile char *page = map_pages(1);
	pid_t first = fork(), again;
	bool ok;

	if (!first) {
		page[0] = 1;
		_exit(0);
	}
	ok = status_of(first) == 0;
	again = fork_as(first);
	if (!again)
		_exit(page[0] || getpid() != first ? 1 : 0);
	ok = ok && again == first && status_of(again) == 0;
	check("r33 a pid used again has fresh memory", ok && !page[0]);
	check("r33 a pid in use is refused",
	      fork_as(getpid()) == -1 && errno == EEXIST);
}

/* ---- storm ----------------------------------------------------------- */

static int fork_plain(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(5);
	return status_of(pid);
}

/* Both sides write to pages that they share. */
static int fork_touching(volatile char *pages, int nr, int round)
{
	pid_t pid = fork();

	for (int i = 0; i < nr; i++)
		pages[i * PAGE] = (char)(pid ? round : ~round);
	if (!pid) {
		for (int i = 0; i < nr; i++)
			if (pages[i * PAGE] != (char)~round)
				_exit(6);
		_exit(5);
	}
	return status_of(pid);
}

static int fork_vfork(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(5);
	return status_of(pid);
}

/* @n forks: plain, with memory written on both sides, with vfork, with
 * threads that run in the parent meanwhile; every 50th one executes. */
static int storm(int n)
{
	int nr_pages = 8, bad = 0;
	volatile char *pages = map_pages((size_t)nr_pages);
	pthread_t thread;

	for (int i = 0; i < n; i++) {
		if (i == n / 2) {
			counters[0] = map_pages(WRITER_PAGES);
			pthread_create(&thread, NULL, writer, NULL);
		}
		if (i % 50 == 49)
			bad += !does_vfork_exec();
		else if (i % 4 == 0)
			bad += fork_plain() != 5;
		else if (i % 4 == 1)
			bad += fork_vfork() != 5;
		else
			bad += fork_touching(pages, nr_pages, i) != 5;
	}
	writers_stop = true;
	pthread_join(thread, NULL);
	printf("storm: %d of %d are wrong\n", bad, n);
	return bad != 0;
}

/* ---- threads --------------------------------------------------------- */

static void *arrive(void *barrier)
{
	pthread_barrier_wait(barrier);
	return NULL;
}

static int threads(int n)
{
	pthread_t *all = calloc((size_t)n, sizeof(*all));
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, (unsigned)n);
	for (int i = 0; i < n; i++)
		if (pthread_create(&all[i], NULL, arrive, &barrier))
			return 1;
	for (int i = 0; i < n; i++)
		pthread_join(all[i], NULL);
	free(all);
	return 0;
}

/* ---- big ------------------------------------------------------------- */

#define MAX_COUNTERS 512

struct counter {
	char name[64];
	long value;
};

/* The kernel's counters; 0 where there are none. */
static int read_counters(struct counter *out)
{
	FILE *f = fopen("/proc/brick/counters", "r");
	int n = 0;

	while (f && n < MAX_COUNTERS &&
	       fscanf(f, " %63[^:]: %ld", out[n].name, &out[n].value) == 2)
		n++;
	if (f)
		fclose(f);
	return n;
}

static long value_of(const struct counter *counters, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(counters[i].name, name))
			return counters[i].value;
	return 0;
}

/* Stays on its CPU, writing to one page. */
static void *toucher(void *arg)
{
	while (!writers_stop)
		++*(volatile uint64_t *)arg;
	return NULL;
}

/* Until nothing is written back or reported any more. */
static void wait_for_quiet(void)
{
	static struct counter c[MAX_COUNTERS];
	long seen, now = -1;

	do {
		int n;

		seen = now;
		usleep(300000);
		n = read_counters(c);
		now = value_of(c, n, "nr_rdma_write") +
		      value_of(c, n, "nr_rpc_sent_m_pages");
	} while (now != seen);
}

/* One page in 4096, spread evenly: are they what touch_all() made them? */
static bool sample_is_right(const char *pages, size_t nr)
{
	for (size_t i = 4095; i < nr; i += 4095)
		if (pages[i * PAGE] != (char)(i % 251 + 1))
			return false;
	return true;
}

static int big(size_t mib)
{
	static struct counter before[MAX_COUNTERS], after[MAX_COUNTERS];
	size_t nr = mib << 8;
	char *pages = map_pages(nr);
	pthread_t threads[2];
	pid_t pid;
	int n, fds[2], status;
	char c;

	for (size_t i = 0; i < nr; i++)
		pages[i * PAGE] = (char)(i % 251 + 1);
	wait_for_quiet();
	if (pipe(fds))
		return 2;
	/* With these on other CPUs a flush has whom to interrupt. */
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, toucher, pages + i * PAGE);
	usleep(100000);
	read_counters(before);
	pid = fork();
	if (!pid) { /* does nothing before the counters have been read */
		close(fds[1]);
		if (read(fds[0], &c, 1))
			_exit(2);
		_exit(!sample_is_right(pages, nr));
	}
	n = read_counters(after);
	writers_stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < n; i++)
		printf("%s: %ld\n", after[i].name,
		       after[i].value - before[i].value);
	close(fds[0]);
	for (size_t i = 4095; i < nr; i += 4095)
		pages[i * PAGE]++;
	close(fds[1]);
	status = status_of(pid);
	printf("child: %d\n", status);
	return pid < 0 || status;
}

int main(int argc, char **argv)
{
	self = argc > 0 ? argv[0] : "";
	if (argc < 2 && !argv[0][0])
		return 21;
	if (argc > 1 && !strcmp(argv[1], "told"))
		return told(argc, argv);
	if (argc > 2 && !strcmp(argv[1], "storm"))
		return storm(atoi(argv[2]));
	if (argc > 2 && !strcmp(argv[1], "threads"))
		return threads(atoi(argv[2]));
	if (argc > 2 && !strcmp(argv[1], "big"))
		return big(strtoul(argv[2], NULL, 10));
	test_snapshot();
	test_isolation();
	test_vfork();
	test_exec();
	test_pid_again();
	printf("end\n");
	return status_of_all;
}
