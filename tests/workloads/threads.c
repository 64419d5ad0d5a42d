/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads and futexes. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR_THREADS 8

static const char *self;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn;

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
}

static long futex(uint32_t *word, int op, uint32_t value,
		  const struct timespec *timeout, uint32_t *word2, uint32_t v3)
{
	long ret = syscall(SYS_futex, word, op, value, timeout, word2, v3);

	return ret == -1 ? -errno : ret;
}

static void *add(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static void *take_turns(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&lock);
		while (turn % NR_THREADS != me)
			pthread_cond_wait(&cond, &lock);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void test_mutex(void)
{
	pthread_t threads[NR_THREADS];
	void *result;
	long sum = 0;

	for (long i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, add, (void *)i);
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	say("counter", counter);
	say("results", sum);
	for (long i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, take_turns, (void *)i);
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	say("turns", turn);
}

static void *waits(void *arg)
{
	uint32_t *word = arg;

	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == 0)
		futex(word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return NULL;
}

static uint32_t wait_word, other_word;

static void *waits_once(void *arg)
{
	return (void *)futex(&wait_word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL,
			     NULL, (uint32_t)(intptr_t)arg);
}

/* Nothing tells when a thread sleeps: ask again until one was there. */
static long wake_one(uint32_t *word, int op, uint32_t v3)
{
	long n;

	while (!(n = futex(word, op, 1, NULL, NULL, v3)))
		usleep(1000);
	return n;
}

static long move_one(uint32_t *from, uint32_t *to)
{
	long n;

	while (!(n = futex(from, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)1, to,
			   0)))
		usleep(1000);
	return n;
}

static void test_futex(void)
{
	struct timespec short_time = {0, 20000000}, past = {1, 0},
			bad = {0, 2000000000};
	pthread_t threads[4];
	uint32_t word = 0;
	void *result;

	say("not equal", futex(&word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
	say("time out",
	    futex(&word, FUTEX_WAIT_PRIVATE, 0, &short_time, NULL, 0));
	say("past", futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, ~0u));
	say("past real", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME,
			       0, &past, NULL, ~0u));
	say("bad time", futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
	say("no bits", futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
	say("nobody", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	say("unaligned", futex((uint32_t *)((char *)&word + 1), FUTEX_WAKE, 1,
			       NULL, NULL, 0));
	say("bad address", futex((uint32_t *)8, FUTEX_WAIT, 0, NULL, NULL, 0));

	pthread_create(&threads[0], NULL, waits, &word);
	say("woken", wake_one(&word, FUTEX_WAKE_PRIVATE, 0));
	word = 1;
	futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	pthread_join(threads[0], NULL);

	pthread_create(&threads[0], NULL, waits_once, (void *)1);
	pthread_create(&threads[1], NULL, waits_once, (void *)2);
	say("by bit", wake_one(&wait_word, FUTEX_WAKE_BITSET_PRIVATE, 2));
	pthread_join(threads[1], &result);
	say("that one", (long)result);
	say("requeued", move_one(&wait_word, &other_word));
	say("wrong value", futex(&wait_word, FUTEX_CMP_REQUEUE_PRIVATE, 0,
				 (void *)1, &other_word, 5));
	say("left", futex(&wait_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	say("there", futex(&other_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	pthread_join(threads[0], &result);
	say("woken by the other", (long)result);
	other_word = 5;
	say("wake op",
	    futex(&wait_word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other_word,
		  FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)));
	say("added", other_word);
}

static void test_shared(void)
{
	struct shared {
		sem_t sem;
		pthread_mutex_t robust;
	} *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;
	struct timespec until;

	sem_init(&shared->sem, 1, 0);
	if (!fork()) {
		usleep(20000);
		sem_post(&shared->sem);
		_exit(0);
	}
	say("semaphore", sem_wait(&shared->sem));
	wait(NULL);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 10000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	say("timed", sem_timedwait(&shared->sem, &until) == -1 ? errno : 0);

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&shared->robust, &attr);
	if (!fork()) {
		pthread_mutex_lock(&shared->robust);
		_exit(0); /* with the lock */
	}
	wait(NULL);
	say("owner died", pthread_mutex_lock(&shared->robust) == EOWNERDEAD);
	pthread_mutex_consistent(&shared->robust);
	pthread_mutex_unlock(&shared->robust);
	say("repaired", pthread_mutex_lock(&shared->robust));
	munmap(shared, 4096);
}

static __thread int own = 1;
static pthread_key_t key;
static int destroyed;

static void destroy(void *value)
{
	__atomic_fetch_add(&destroyed, (int)(intptr_t)value, __ATOMIC_SEQ_CST);
}

static void *uses_tls(void *arg)
{
	pthread_setspecific(key, arg);
	own += (int)(intptr_t)arg;
	return (void *)(intptr_t)own;
}

static void test_tls(void)
{
	pthread_t threads[3];
	long sum = 0;
	void *result;

	pthread_key_create(&key, destroy);
	for (long i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, uses_tls, (void *)(i + 10));
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	say("thread locals", sum);
	say("mine", own);
	say("destroyed", destroyed);
}

static volatile sig_atomic_t got;
static pthread_t receiver;
static int is_awake;

static void handler(int sig)
{
	(void)sig;
	got = pthread_equal(pthread_self(), receiver) ? 1 : 2;
}

static void *sleeps(void *arg)
{
	struct timespec t = {5, 0};
	long err = nanosleep(&t, NULL) == -1 ? errno : arg != NULL;

	__atomic_store_n(&is_awake, 1, __ATOMIC_SEQ_CST);
	return (void *)err;
}

static void test_signals(void)
{
	pthread_t thread;
	void *result;

	signal(SIGUSR1, handler);
	pthread_create(&receiver, NULL, sleeps, NULL);
	while (!__atomic_load_n(&is_awake, __ATOMIC_SEQ_CST)) {
		pthread_kill(receiver, SIGUSR1);
		usleep(10000);
	}
	pthread_join(receiver, &result);
	say("signalled thread", got);
	say("its sleep", (long)result);
	pthread_create(&thread, NULL, sleeps, NULL);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	say("cancelled", result == PTHREAD_CANCELED);
}

static void *ends_process(void *arg)
{
	(void)arg;
	exit(17);
}

static void *execs(void *arg)
{
	(void)arg;
	execl(self, self, "execed", NULL);
	return NULL;
}

static void *spins(void *arg)
{
	(void)arg;
	for (volatile long i = 0;; i++)
		;
	return NULL;
}

static int in_child(void *(*fn)(void *))
{
	pthread_t thread, busy;
	int status;

	fflush(stdout);
	if (!fork()) {
		pthread_create(&busy, NULL, spins, NULL);
		pthread_create(&thread, NULL, fn, NULL);
		pause();
		_exit(0);
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void *faults(void *arg)
{
	*(volatile int *)8 = arg != NULL;
	return NULL;
}

static void *late(void *arg)
{
	usleep(50000);
	return arg;
}

static void test_ends(void)
{
	int status;
	pthread_t thread;

	say("exit from a thread", in_child(ends_process));
	say("exec from a thread", in_child(execs));
	say("fault in a thread", in_child(faults));
	fflush(stdout);
	if (!fork()) {
		/* the first thread ends first */
		pthread_create(&thread, NULL, late, NULL);
		pthread_exit(NULL);
	}
	wait(&status);
	say("main thread first", status);
}

static void test_affinity(void)
{
	cpu_set_t all, one, now;
	int cpu = 0, bad = 0;

	sched_getaffinity(0, sizeof(all), &all);
	say("some CPU", CPU_COUNT(&all) > 0);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		bad += sched_setaffinity(0, sizeof(one), &one) != 0;
		bad += sched_getcpu() != cpu;
		sched_getaffinity(0, sizeof(now), &now);
		bad += !CPU_EQUAL(&now, &one);
	}
	say("bad bindings", bad);
	CPU_ZERO(&one);
	say("no CPU",
	    sched_setaffinity(0, sizeof(one), &one) == -1 ? errno : 0);
	sched_setaffinity(0, sizeof(all), &all);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "execed"))
		return getpid() == syscall(SYS_gettid) ? 18 : 19;
	self = argv[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_mutex();
	test_futex();
	test_shared();
	test_tls();
	test_signals();
	test_ends();
	test_affinity();
	return 0;
}
