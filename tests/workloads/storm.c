/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many processes and threads that come and go at once, some killed or
 * replaced on the way: nothing may be lost, and all must end. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_FORKERS 6

static const char *self;
static int rounds = 8;
static int nr_bad;

static void *short_lived(void *arg)
{
	volatile char *memory = malloc(20000);

	for (int i = 0; i < 20000; i += 1000)
		memory[i] = (char)i;
	free((void *)memory);
	return arg;
}

static void *endless(void *arg)
{
	for (;;)
		usleep(1000);
	return arg;
}

static void child(int kind)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL,
			       kind == 1 ? endless : short_lived, NULL);
	switch (kind) {
	case 0: /* joins and ends */
		for (int i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		_exit(10);
	case 1: /* ends with threads that never would */
		_exit(11);
	case 2: /* replaced with threads alive */
		execl(self, self, "replaced", NULL);
		_exit(99);
	default: /* killed from outside */
		for (;;)
			pause();
	}
}

static void *forker(void *arg)
{
	int status;

	for (int i = 0; i < rounds; i++) {
		int kind = i % 4, want = kind < 3 ? (10 + kind) << 8 : SIGKILL;
		pid_t pid = fork();

		if (!pid)
			child(kind);
		if (kind == 3)
			kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid || status != want) {
			fprintf(stderr, "kind %d: status %x, %s\n", kind,
				status, strerror(errno));
			__atomic_fetch_add(&nr_bad, 1, __ATOMIC_SEQ_CST);
		}
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[NR_FORKERS];

	self = argv[0];
	if (argc > 1 && !strcmp(argv[1], "replaced"))
		return 12;
	if (argc > 1)
		rounds = atoi(argv[1]);
	for (int i = 0; i < NR_FORKERS; i++)
		pthread_create(&threads[i], NULL, forker, NULL);
	for (int i = 0; i < NR_FORKERS; i++)
		pthread_join(threads[i], NULL);
	printf("bad: %d\n", nr_bad);
	printf("children left: %d\n", wait(NULL) == -1 ? 0 : 1);
	return 0;
}
