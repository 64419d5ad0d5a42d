/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads, locks and waiting for host tests of concurrent code.
 *
 * Real threads, but only the one that has the baton runs; it passes the baton
 * at locks and waits, to a thread chosen by a seeded generator.  So a test
 * sees many interleavings, and the same seed gives the same one again.  When
 * nobody can run, the test is stuck, and fails.
 */
#include "fake_sched.h"

#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <kernel/mutex.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/rand.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FAKE_THREADS 64
#define NR_CPUS          4
#define RUN_LIMIT_S      30 /* of processor time, not of a clock */

struct fake_thread {
	pthread_t pthread;
	pthread_cond_t baton;
	void (*fn)(void *arg);
	void *arg;
	const char *name;
	bool is_used, is_blocked, is_daemon;
	u64 deadline_ns;
	u32 nr_spinlocks;
};

/* For code that asks who it is; all threads are one. */
static struct thread everybody = {.name = "test"};
DEFINE_PERCPU(struct thread *, current_thread_ptr) = &everybody;

static pthread_mutex_t big = PTHREAD_MUTEX_INITIALIZER;
static struct fake_thread threads[MAX_FAKE_THREADS];
static struct fake_thread *running;
static __thread struct fake_thread *self;
DEFINE_PERCPU(u32, cpu_number); /* of who runs */
static struct rand choice;
static u64 now_ns = 1;

static void die(const char *why)
{
	fprintf(stderr, "fake_sched: %s\n", why);
	for (u32 i = 0; i < MAX_FAKE_THREADS; i++)
		if (threads[i].is_used)
			fprintf(stderr, "  %s%s\n", threads[i].name,
				threads[i].is_blocked ? " (blocked)" : "");
	abort();
}

/* Somebody who can run; time passes if all sleep. */
static struct fake_thread *choose(void)
{
	for (;;) {
		struct fake_thread *ready[MAX_FAKE_THREADS], *next = NULL;
		u32 nr = 0;

		now_ns += 100;
		for (u32 i = 0; i < MAX_FAKE_THREADS; i++) {
			struct fake_thread *t = &threads[i];

			if (t->is_blocked && t->deadline_ns <= now_ns)
				t->is_blocked = false;
			if (t->is_used && !t->is_blocked)
				ready[nr++] = t;
			else if (t->is_used && t->deadline_ns != WAIT_FOREVER &&
				 (!next || t->deadline_ns < next->deadline_ns))
				next = t;
		}
		if (nr)
			return ready[rand_below(&choice, nr)];
		if (!next)
			die("everybody waits for somebody else");
		now_ns = max(now_ns, next->deadline_ns);
		next->is_blocked = false;
	}
}

/* It is our turn: each thread has a CPU of its own, up to NR_CPUS. */
static void wait_for_baton(void)
{
	while (running != self)
		pthread_cond_wait(&self->baton, &big);
	cpu_number = (u32)(self - threads) % NR_CPUS;
}

static void pass_baton(void)
{
	running = choose();
	if (running == self)
		return;
	pthread_cond_signal(&running->baton);
	wait_for_baton();
}

void fake_sched_point(void)
{
	if (self)
		pass_baton();
}

static void sometimes_switch(void)
{
	if (self && !rand_below(&choice, 6))
		pass_baton();
}

static void block(u64 deadline_ns)
{
	CHECK(!self->nr_spinlocks);
	self->is_blocked = true;
	self->deadline_ns = deadline_ns;
	pass_baton();
	self->deadline_ns = WAIT_FOREVER;
}

static void *thread_main(void *arg)
{
	self = arg;
	pthread_mutex_lock(&big);
	wait_for_baton();
	self->fn(self->arg);
	self->is_used = false;
	running = choose();
	pthread_cond_signal(&running->baton);
	pthread_mutex_unlock(&big);
	return NULL;
}

struct thread *thread_spawn(const char *name, void (*fn)(void *), void *arg)
{
	for (u32 i = 0; i < MAX_FAKE_THREADS; i++) {
		struct fake_thread *t = &threads[i];
		pthread_attr_t attr;

		if (t->is_used)
			continue;
		*t = (struct fake_thread){.fn = fn,
					  .arg = arg,
					  .name = name,
					  .is_used = true,
					  .deadline_ns = WAIT_FOREVER};
		pthread_cond_init(&t->baton, NULL);
		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		if (pthread_create(&t->pthread, &attr, thread_main, t))
			die("no more threads");
		return (struct thread *)t;
	}
	return NULL;
}

void fake_sched_start(u64 seed)
{
	rand_seed(&choice, seed);
	if (self)
		return;
	self = &threads[0];
	*self = (struct fake_thread){
		.name = "test", .is_used = true, .deadline_ns = WAIT_FOREVER};
	pthread_cond_init(&self->baton, NULL);
	running = self;
	pthread_mutex_lock(&big);
}

u32 fake_sched_self(void)
{
	return self ? (u32)(self - threads) : 0;
}

/* For SIGXCPU: it goes round in circles. */
static void die_of_work(int signo)
{
	static const char why[] = "fake_sched: it computes and computes\n";

	(void)!write(STDERR_FILENO, why, sizeof(why) - 1);
	abort();
}

int fake_sched_run_apart(void (*fn)(void))
{
	static const struct rlimit limit = {RUN_LIMIT_S, RUN_LIMIT_S + 1};
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		signal(SIGXCPU, die_of_work);
		(void)!setrlimit(RLIMIT_CPU, &limit);
		fn();
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

/* ---- spinlocks
 * ---------------------------------------------------------------- */

static void spin_lock_taken(struct spinlock *l)
{
	l->held = 1;
	l->owner = self;
	if (self)
		self->nr_spinlocks++;
}

void spin_lock(struct spinlock *l)
{
	sometimes_switch();
	while (l->held) {
		if (!self)
			die("spinlock taken twice");
		CHECK(l->owner != self);
		pass_baton();
	}
	spin_lock_taken(l);
}

void spin_unlock(struct spinlock *l)
{
	CHECK(l->held && l->owner == self);
	l->held = 0;
	if (self)
		self->nr_spinlocks--;
	sometimes_switch();
}

bool spin_trylock(struct spinlock *l)
{
	sometimes_switch();
	if (l->held)
		return false;
	spin_lock_taken(l);
	return true;
}

u64 spin_lock_irqsave(struct spinlock *l)
{
	spin_lock(l);
	return 0;
}

void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
}

bool spin_is_locked(const struct spinlock *l)
{
	return l->held;
}

/* ---- waiting
 * ------------------------------------------------------------------ */

void waitq_init(struct waitq *q)
{
	spin_lock_init(&q->lock, "waitq", LOCK_WAITQ);
	list_init(&q->waiters);
}

static bool wake_first(struct waitq *q)
{
	struct waiter *w;

	if (list_empty(&q->waiters))
		return false;
	w = list_first_entry(&q->waiters, struct waiter, link);
	list_del_init(&w->link);
	((struct fake_thread *)w->thread)->is_blocked = false;
	return true;
}

void waitq_wake_one(struct waitq *q)
{
	wake_first(q);
}

void waitq_wake_all(struct waitq *q)
{
	while (wake_first(q))
		;
}

void wait_begin(struct waiter *w)
{
	list_init(&w->link);
	w->thread = (struct thread *)self;
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
	if (list_empty(&w->link))
		list_add_tail(&w->link, &q->waiters);
	self->is_blocked = true; /* a wake before we block clears it */
}

int wait_block(u64 deadline_ns, bool intr)
{
	CHECK(!self->nr_spinlocks);
	self->deadline_ns = deadline_ns;
	if (self->is_blocked)
		pass_baton();
	self->deadline_ns = WAIT_FOREVER;
	return now_ns >= deadline_ns ? -ETIMEDOUT : 0;
}

void wait_finish(struct waitq *q, struct waiter *w, int rc)
{
	self->is_blocked = false;
	if (!list_empty(&w->link))
		list_del_init(&w->link);
}

u64 wait_deadline(u64 timeout_ns)
{
	return now_ns + timeout_ns;
}

void completion_init(struct completion *c)
{
	c->done = 0;
	waitq_init(&c->waitq);
}

void complete(struct completion *c)
{
	c->done++;
	waitq_wake_one(&c->waitq);
}

void wait_for_completion(struct completion *c)
{
	wait_event(&c->waitq, c->done);
	c->done--;
}

void sleep_ns(u64 ns)
{
	block(now_ns + ns);
}

u64 time_mono_ns(void)
{
	return now_ns;
}

/* ---- sleeping locks
 * ------------------------------------------------------------- */

void mutex_init(struct mutex *m, const char *name, enum lock_rank rank)
{
	*m = (struct mutex){.name = name, .rank = rank};
	waitq_init(&m->waitq);
}

void mutex_lock(struct mutex *m)
{
	sometimes_switch();
	CHECK(!self || m->owner != (struct thread *)self);
	wait_event(&m->waitq, !m->owner);
	m->owner = (struct thread *)self;
}

void mutex_unlock(struct mutex *m)
{
	CHECK(m->owner == (struct thread *)self);
	m->owner = NULL;
	waitq_wake_all(&m->waitq);
	sometimes_switch();
}

bool mutex_is_locked(const struct mutex *m)
{
	return m->owner;
}

void rwsem_init(struct rwsem *s, const char *name, enum lock_rank rank)
{
	*s = (struct rwsem){.name = name, .rank = rank};
	waitq_init(&s->waitq);
}

void down_read(struct rwsem *s)
{
	sometimes_switch();
	wait_event(&s->waitq, !(s->state & RWSEM_WRITER));
	s->state += RWSEM_READER;
}

void up_read(struct rwsem *s)
{
	CHECK(s->state & RWSEM_READERS);
	s->state -= RWSEM_READER;
	waitq_wake_all(&s->waitq);
}

void down_write(struct rwsem *s)
{
	sometimes_switch();
	wait_event(&s->waitq, !s->state);
	s->state = RWSEM_WRITER;
}

void up_write(struct rwsem *s)
{
	CHECK(s->state == RWSEM_WRITER);
	s->state = 0;
	waitq_wake_all(&s->waitq);
	sometimes_switch();
}

bool rwsem_is_locked(const struct rwsem *s)
{
	return s->state;
}
