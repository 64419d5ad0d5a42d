/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a program some times and says how long each took; on Linux and on Brick.
 *
 *	timed [--join FD] RUNS PROGRAM ARGS...
 *
 * --join: the program goes into the control group whose cgroup.procs is FD.
 *
 *	timed: run 0 status 0 wall 123 busy 234 poll 0
 *
 * wall: microseconds; busy: microseconds in which CPUs were not idle, whoever
 * used them; poll: cycles of these in which Brick polled its network in vain.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int join_fd = -1;

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

/* Of all CPUs since boot, waiting for disks included; see proc(5). */
static long long idle_us(void)
{
	long long user, nice, system, idle, wait = 0;
	FILE *f = fopen("/proc/stat", "r");

	if (!f || fscanf(f, "cpu %lld %lld %lld %lld %lld", &user, &nice,
			 &system, &idle, &wait) < 4) {
		perror("timed: /proc/stat");
		exit(1);
	}
	fclose(f);
	return (idle + wait) * (1000000 / sysconf(_SC_CLK_TCK));
}

/* 0 where there is no such counter. */
static long long poll_cycles(void)
{
	FILE *f = fopen("/proc/brick/counters", "r");
	char line[128];
	long long n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "nr_poll_cycles: %lld", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static int run(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid < 0) {
		perror("timed: fork");
		exit(1);
	}
	if (pid == 0) {
		if (join_fd >= 0 && write(join_fd, "0", 1) != 1) {
			perror("timed: cgroup.procs");
			_exit(126);
		}
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	long nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int nr_runs;

	if (argc > 2 && !strcmp(argv[1], "--join")) {
		join_fd = atoi(argv[2]);
		argc -= 2;
		argv += 2;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: timed [--join FD] RUNS PROGRAM...\n");
		return 2;
	}
	nr_runs = atoi(argv[1]);
	for (int i = 0; i < nr_runs; i++) {
		long long poll = poll_cycles(), idle = idle_us();
		long long start = now_us(), wall;
		int status = run(argv + 2);

		wall = now_us() - start;
		idle = idle_us() - idle;
		poll = poll_cycles() - poll;
		printf("timed: run %d status %d wall %lld busy %lld poll "
		       "%lld\n",
		       i, status, wall, wall * nr_cpus - idle, poll);
		fflush(stdout);
	}
	return 0;
}
