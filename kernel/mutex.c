/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mutexes and reader-writer semaphores.
 *
 * A mutex is its owner pointer: free and uncontended, taking it is one
 * compare-and-exchange.  A waiter announces itself in nr_waiters before it
 * tries again; the owner clears the pointer before it looks at nr_waiters.
 */
#include <kernel/mutex.h>

#include <kernel/assert.h>
#include <kernel/lock_stat.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/atomic.h>

/* The ranks of the sleeping locks a thread holds; see lock_order.h. */
static void rank_push(u16 rank, const char *name)
{
	struct thread *t = current_thread();

	if (!IS_ENABLED(CONFIG_DEBUG_LOCKS))
		return;
	ASSERT(rank && rank < LOCK_SLEEP_END);
	for (u32 i = 0; i < t->nr_sleep_locks; i++)
		if (t->sleep_rank_stack[i] > rank)
			panic("lock %s (rank %u): taken while holding one of "
			      "rank %u",
			      name, rank, t->sleep_rank_stack[i]);
	if (t->nr_sleep_locks == ARRAY_SIZE(t->sleep_rank_stack))
		panic("lock %s: too many sleeping locks held", name);
	t->sleep_rank_stack[t->nr_sleep_locks++] = rank;
}

static void rank_pop(u16 rank)
{
	struct thread *t = current_thread();
	u32 i = t->nr_sleep_locks;

	if (!IS_ENABLED(CONFIG_DEBUG_LOCKS))
		return;
	while (i && t->sleep_rank_stack[i - 1] != rank)
		i--;
	CHECK(i);
	for (; i < t->nr_sleep_locks; i++)
		t->sleep_rank_stack[i - 1] = t->sleep_rank_stack[i];
	t->nr_sleep_locks--;
}

void mutex_init(struct mutex *m, const char *name, enum lock_rank rank)
{
	*m = (struct mutex){.name = name, .rank = (u16)rank};
	waitq_init(&m->waitq);
}

static bool try_owner(struct mutex *m)
{
	return !READ_ONCE(m->owner) &&
	       !cmpxchg(&m->owner, NULL, current_thread());
}

void mutex_lock(struct mutex *m)
{
	might_sleep();
	ASSERT(!mutex_is_mine(m));
	rank_push(m->rank, m->name);
	if (likely(try_owner(m))) {
		lock_stat_count(m->name, false);
		return;
	}
	__atomic_fetch_add(&m->nr_waiters, 1, __ATOMIC_SEQ_CST);
	wait_names(m->name, &m->owner);
	wait_event(&m->waitq, try_owner(m));
	wait_names(NULL, NULL);
	__atomic_fetch_sub(&m->nr_waiters, 1, __ATOMIC_SEQ_CST);
	lock_stat_count(m->name, true);
}

bool mutex_trylock(struct mutex *m)
{
	if (!try_owner(m))
		return false;
	rank_push(m->rank, m->name);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	ASSERT(mutex_is_mine(m));
	rank_pop(m->rank);
	(void)xchg(&m->owner, NULL);
	if (READ_ONCE(m->nr_waiters))
		waitq_wake_one(&m->waitq);
}

bool mutex_is_locked(const struct mutex *m)
{
	return READ_ONCE(m->owner);
}

bool mutex_is_mine(const struct mutex *m)
{
	return READ_ONCE(m->owner) == current_thread();
}

void rwsem_init(struct rwsem *s, const char *name, enum lock_rank rank)
{
	*s = (struct rwsem){.name = name, .rank = (u16)rank};
	waitq_init(&s->waitq);
}

/* Readers come in unless a writer is there or waits. */
static bool try_read(struct rwsem *s)
{
	u64 old = READ_ONCE(s->state), seen;

	while (old < RWSEM_WRITER) {
		seen = cmpxchg(&s->state, old, old + RWSEM_READER);
		if (likely(seen == old))
			return true;
		old = seen;
	}
	return false;
}

/* @was_waiting: RWSEM_WAITING or 0, what the writer takes off when it holds @s.
 */
static bool try_write(struct rwsem *s, u64 was_waiting)
{
	u64 old = READ_ONCE(s->state), seen;

	while (!(old & (RWSEM_WRITER | RWSEM_READERS))) {
		seen = cmpxchg(&s->state, old,
			       old - was_waiting + RWSEM_WRITER);
		if (likely(seen == old)) {
			s->writer = current_thread();
			return true;
		}
		old = seen;
	}
	return false;
}

#if IS_ENABLED(CONFIG_DEBUG_LOCKS)
void down_read(struct rwsem *s)
{
	might_sleep();
	rank_push(s->rank, s->name);
	if (likely(try_read(s))) {
		lock_stat_count(s->name, false);
		return;
	}
	wait_names(s->name, &s->writer);
	wait_event(&s->waitq, try_read(s));
	wait_names(NULL, NULL);
	lock_stat_count(s->name, true);
}

void up_read(struct rwsem *s)
{
	u64 left;

	ASSERT(s->state & RWSEM_READERS);
	rank_pop(s->rank);
	left = __atomic_sub_fetch(&s->state, RWSEM_READER, __ATOMIC_SEQ_CST);
	/* The last one lets a writer in; a writer who begins to wait after the
	 * subtraction sees it. */
	if (left && !(left & RWSEM_READERS))
		waitq_wake_all(&s->waitq);
}
#else /* their beginnings are inline */
void rwsem_wait_to_read(struct rwsem *s)
{
	wait_names(s->name, &s->writer);
	wait_event(&s->waitq, try_read(s));
	wait_names(NULL, NULL);
}

void rwsem_let_writer_in(struct rwsem *s)
{
	waitq_wake_all(&s->waitq);
}
#endif

bool down_read_trylock(struct rwsem *s)
{
	if (!try_read(s))
		return false;
	rank_push(s->rank, s->name);
	return true;
}

void down_write(struct rwsem *s)
{
	might_sleep();
	rank_push(s->rank, s->name);
	if (try_write(s, 0)) {
		lock_stat_count(s->name, false);
		return;
	}
	__atomic_fetch_add(&s->state, RWSEM_WAITING, __ATOMIC_SEQ_CST);
	wait_names(s->name, &s->writer);
	wait_event(&s->waitq, try_write(s, RWSEM_WAITING));
	wait_names(NULL, NULL);
	lock_stat_count(s->name, true);
}

void up_write(struct rwsem *s)
{
	ASSERT(s->state & RWSEM_WRITER && s->writer == current_thread());
	s->writer = NULL;
	rank_pop(s->rank);
	__atomic_fetch_sub(&s->state, RWSEM_WRITER, __ATOMIC_SEQ_CST);
	waitq_wake_all(&s->waitq);
}

void downgrade_write(struct rwsem *s)
{
	ASSERT(s->state & RWSEM_WRITER && s->writer == current_thread());
	s->writer = NULL;
	__atomic_fetch_sub(&s->state, RWSEM_WRITER - RWSEM_READER,
			   __ATOMIC_SEQ_CST);
	waitq_wake_all(&s->waitq);
}

bool rwsem_is_locked(const struct rwsem *s)
{
	return READ_ONCE(s->state) & (RWSEM_WRITER | RWSEM_READERS);
}
