/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mutexes with an owner: futex(2), FUTEX_LOCK_PI, and PTHREAD_PRIO_INHERIT. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define NR_THREADS 8
#define NR_ROUNDS  500

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

static uint32_t tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

static uint32_t load(uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static long call(uint32_t *word, int op, const struct timespec *timeout)
{
	long ret = syscall(SYS_futex, word, op, 0, timeout, NULL, 0);

	return ret == -1 ? -errno : ret;
}

static long lock(uint32_t *word)
{
	return call(word, FUTEX_LOCK_PI_PRIVATE, NULL);
}

static long unlock(uint32_t *word)
{
	return call(word, FUTEX_UNLOCK_PI_PRIVATE, NULL);
}

static long trylock(uint32_t *word)
{
	return call(word, FUTEX_TRYLOCK_PI_PRIVATE, NULL);
}

static void await_waiter(uint32_t *word)
{
	while (!(load(word) & FUTEX_WAITERS))
		usleep(1000);
}

/* ---- one thread -------------------------------------------------------- */

static void test_alone(void)
{
	uint32_t word = 0, *nowhere = (uint32_t *)8;

	say("lock", lock(&word));
	say("it is mine", word == tid());
	say("lock again", lock(&word));
	say("trylock of one's own", trylock(&word));
	say("unlock", unlock(&word));
	say("it is nobody's", word);
	say("unlock again", unlock(&word));
	say("trylock", trylock(&word));
	say("unlock", unlock(&word));
	word = FUTEX_OWNER_DIED;
	say("lock of a dead one's", lock(&word));
	say("it says so", word == (tid() | FUTEX_OWNER_DIED));
	say("unlock", unlock(&word));
	say("it is nobody's", word);
	word = FUTEX_WAITERS;
	say("lock", lock(&word));
	say("nobody waits", word == tid());
	word |= FUTEX_WAITERS;
	say("unlock", unlock(&word));
	say("it is nobody's", word);
	word = FUTEX_TID_MASK;
	say("lock of no thread's", lock(&word));
	say("unlock of another's", unlock(&word));
	say("unaligned", lock((uint32_t *)((char *)&word + 1)));
	say("bad address", lock(nowhere));
	say("unlock of a bad address", unlock(nowhere));
}

/* ---- two threads ------------------------------------------------------- */

struct other {
	uint32_t *word, *second;
	uint32_t seen, tid;
	long result;
	bool ends_with_it;
};

static void *locks(void *arg)
{
	struct other *o = arg;

	o->tid = tid();
	o->result = lock(o->word);
	o->seen = load(o->word);
	if (!o->ends_with_it)
		unlock(o->word);
	return NULL;
}

static void test_handed_over(void)
{
	uint32_t word = 0;
	struct other o = {.word = &word};
	pthread_t thread;

	lock(&word);
	pthread_create(&thread, NULL, locks, &o);
	await_waiter(&word);
	say("still mine", (word & FUTEX_TID_MASK) == tid());
	say("unlock", unlock(&word));
	pthread_join(thread, NULL);
	say("got it", o.result);
	say("the word was his", (o.seen & FUTEX_TID_MASK) == o.tid);
	say("it is nobody's", word);
}

static void *tries(void *arg)
{
	struct timespec past = {1, 0}, until, bad = {0, 2000000000};
	uint32_t *word = arg;

	say("trylock of another's", trylock(word));
	say("past", call(word, FUTEX_LOCK_PI_PRIVATE, &past));
	say("bad time", call(word, FUTEX_LOCK_PI_PRIVATE, &bad));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	say("time out", call(word, FUTEX_LOCK_PI_PRIVATE, &until));
	say("past", call(word, FUTEX_LOCK_PI2 | FUTEX_PRIVATE_FLAG, &past));
	say("unlock of another's", unlock(word));
	return NULL;
}

static void test_not_handed_over(void)
{
	pthread_t thread;
	uint32_t word = 0;

	lock(&word);
	pthread_create(&thread, NULL, tries, &word);
	pthread_join(thread, NULL);
	say("unlock", unlock(&word));
	say("it is nobody's", word);
}

static void test_owner_ends(void)
{
	struct other first, second;
	pthread_t threads[2];
	uint32_t word = 0;

	lock(&word);
	first = (struct other){.word = &word, .ends_with_it = true};
	pthread_create(&threads[0], NULL, locks, &first);
	await_waiter(&word);
	unlock(&word);
	pthread_join(threads[0], NULL);
	say("ended with it", (word & FUTEX_TID_MASK) == first.tid);
	say("lock of the ended one's", lock(&word));

	word = 0;
	lock(&word);
	pthread_create(&threads[0], NULL, locks, &first);
	await_waiter(&word);
	second = (struct other){.word = &word};
	pthread_create(&threads[1], NULL, locks, &second);
	usleep(20000); /* so that he waits too, most of the time */
	unlock(&word);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	/* If he came too late he found no such thread. */
	if (second.result == -ESRCH)
		second = (struct other){.seen = FUTEX_OWNER_DIED};
	say("inherited", second.result);
	say("and sees why", !!(second.seen & FUTEX_OWNER_DIED));
}

static void *closes_circle(void *arg)
{
	struct other *o = arg;

	lock(o->second);
	o->seen = 1;
	await_waiter(o->second);
	o->result = lock(o->word);
	unlock(o->second);
	return NULL;
}

static void test_circle(void)
{
	uint32_t first = 0, second = 0;
	struct other o = {.word = &first, .second = &second};
	pthread_t thread;

	lock(&first);
	pthread_create(&thread, NULL, closes_circle, &o);
	while (!load(&o.seen))
		usleep(1000);
	say("waited", lock(&second));
	pthread_join(thread, NULL);
	say("circle", o.result);
	unlock(&second);
	unlock(&first);
}

static volatile sig_atomic_t nr_signals;

static void on_signal(int sig)
{
	(void)sig;
	nr_signals++;
}

static void test_signal(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	uint32_t word = 0;
	struct other o = {.word = &word};
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	lock(&word);
	pthread_create(&thread, NULL, locks, &o);
	await_waiter(&word);
	for (int i = 1; i <= 3; i++) {
		pthread_kill(thread, SIGUSR1);
		while (nr_signals < i)
			usleep(1000);
	}
	unlock(&word);
	pthread_join(thread, NULL);
	say("signals", nr_signals);
	say("and the lock", o.result);
}

/* ---- the C library's --------------------------------------------------- */

struct shared {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	long counter;
	int turn;
};

static void init(struct shared *s, int type, int robust)
{
	pthread_condattr_t condattr;
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, robust);
	say("protocol",
	    pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
	say("mutex", pthread_mutex_init(&s->mutex, &attr));
	pthread_condattr_init(&condattr);
	pthread_condattr_setpshared(&condattr, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&s->cond, &condattr);
}

static void *adds(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < NR_ROUNDS; i++) {
		pthread_mutex_lock(&s->mutex);
		s->counter++;
		pthread_mutex_unlock(&s->mutex);
	}
	return NULL;
}

static void *takes_turns(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&s->mutex);
		while (s->turn % 2)
			pthread_cond_wait(&s->cond, &s->mutex);
		s->turn++;
		pthread_cond_broadcast(&s->cond);
		pthread_mutex_unlock(&s->mutex);
	}
	return NULL;
}

static void test_mutex(struct shared *s)
{
	pthread_t threads[NR_THREADS];
	struct timespec past = {1, 0};

	init(s, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
	if (!fork()) {
		adds(s);
		_exit(0);
	}
	for (int i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, adds, s);
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	wait(NULL);
	say("counter", s->counter);
	pthread_create(&threads[0], NULL, takes_turns, s);
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&s->mutex);
		while (s->turn % 2 == 0)
			pthread_cond_wait(&s->cond, &s->mutex);
		s->turn++;
		pthread_cond_broadcast(&s->cond);
		pthread_mutex_unlock(&s->mutex);
	}
	pthread_join(threads[0], NULL);
	say("turns", s->turn);
	say("lock", pthread_mutex_lock(&s->mutex));
	say("lock again", pthread_mutex_lock(&s->mutex));
	if (!fork()) {
		say("trylock of another's", pthread_mutex_trylock(&s->mutex));
		say("time out", pthread_mutex_timedlock(&s->mutex, &past));
		_exit(0);
	}
	wait(NULL);
	say("unlock", pthread_mutex_unlock(&s->mutex));
}

static void test_robust(struct shared *s)
{
	uint32_t *word = (uint32_t *)&s->mutex;
	pid_t owner, heir;
	int status = 0;

	init(s, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	if (!fork()) {
		pthread_mutex_lock(&s->mutex);
		_exit(0);
	}
	wait(NULL);
	say("owner died", pthread_mutex_lock(&s->mutex) == EOWNERDEAD);
	say("repaired", pthread_mutex_consistent(&s->mutex));
	say("unlock", pthread_mutex_unlock(&s->mutex));

	owner = fork();
	if (!owner) {
		pthread_mutex_lock(&s->mutex);
		s->turn = -1;
		pause();
		_exit(0);
	}
	while (__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST) != -1)
		usleep(1000);
	heir = fork();
	if (!heir)
		_exit(pthread_mutex_lock(&s->mutex) == EOWNERDEAD &&
		      !pthread_mutex_consistent(&s->mutex) &&
		      !pthread_mutex_unlock(&s->mutex));
	await_waiter(word);
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	waitpid(heir, &status, 0);
	say("inherited", WEXITSTATUS(status));
	say("lock", pthread_mutex_lock(&s->mutex));
	say("unlock", pthread_mutex_unlock(&s->mutex));
}

int main(void)
{
	struct shared *s = mmap(NULL, 2 * sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	test_alone();
	test_handed_over();
	test_not_handed_over();
	test_owner_ends();
	test_circle();
	test_signal();
	test_mutex(&s[0]);
	test_robust(&s[1]);
	return 0;
}
