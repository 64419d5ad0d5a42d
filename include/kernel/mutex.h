/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_MUTEX_H
#define KERNEL_MUTEX_H

/*
 * Sleeping locks.  Ranks order them among themselves and before every
 * spinlock: a mutex is never taken while a spinlock is held.  A sleeping lock
 * of a rank below LOCK_SLEEP_END; several of one rank may be held together
 * when the code that does it orders them itself (parent before child, lower
 * address first) and says so.
 */
#include <kernel/wait.h>

struct thread;

struct mutex {
	struct thread *owner; /* NULL: free [atomic] */
	u32 nr_waiters;       /* [waitq.lock] */
	u16 rank;
	const char *name;
	struct waitq waitq;
};

/** mutex_init - make @m free; @name and @rank as for spinlocks. */
void mutex_init(struct mutex *m, const char *name, enum lock_rank rank);

#define MUTEX_INIT(var, mutex_rank)                 \
	{                                           \
		.rank = (mutex_rank), .name = #var, \
		.waitq = WAITQ_INIT((var).waitq)    \
	}
#define DEFINE_MUTEX(var, mutex_rank) \
	struct mutex var = MUTEX_INIT(var, mutex_rank)

/**
 * mutex_lock - take @m, sleeping until it is free.
 *
 * Context: thread, interrupts on, no spinlock held, @m not held by the caller.
 */
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
bool mutex_is_locked(const struct mutex *m);
/** mutex_is_mine - does the calling thread hold @m?  For assertions. */
bool mutex_is_mine(const struct mutex *m);

/*
 * Many readers or one writer.  A waiting writer holds new readers back, so a
 * thread must not take the read side twice.
 */
struct rwsem {
	u64 state; /* a sum of RWSEM_*: who holds it, who waits [atomic] */
	u16 rank;
	const char *name;
	struct thread *writer; /* for assertions */
	struct waitq waitq;
};

#define RWSEM_READER  1ul         /* for each that holds it */
#define RWSEM_WRITER  (1ul << 32) /* one holds it */
#define RWSEM_WAITING (1ul << 33) /* for each writer that waits */
#define RWSEM_READERS (RWSEM_WRITER - 1)

#define DEFINE_RWSEM(var, rwsem_rank)             \
	struct rwsem var = {.rank = (rwsem_rank), \
			    .name = #var,         \
			    .waitq = WAITQ_INIT((var).waitq)}
/** rwsem_init - make @s free. */
void rwsem_init(struct rwsem *s, const char *name, enum lock_rank rank);
/** down_write - take @s alone, sleeping. Context: as mutex_lock(). */
void down_write(struct rwsem *s);
void up_write(struct rwsem *s);
bool down_read_trylock(struct rwsem *s);

/* Taking the read side and leaving it: in the caller, but for the waiting. */
#if defined(BRICK_HOST) || IS_ENABLED(CONFIG_DEBUG_LOCKS)
/** down_read - take @s with other readers. Context: as mutex_lock(). */
void down_read(struct rwsem *s);
void up_read(struct rwsem *s);
#else
/** rwsem_wait_to_read, rwsem_let_writer_in - for the two below. */
void rwsem_wait_to_read(struct rwsem *s);
void rwsem_let_writer_in(struct rwsem *s);

static inline void down_read(struct rwsem *s)
{
	u64 old = __atomic_load_n(&s->state, __ATOMIC_RELAXED);

	if (unlikely(old >= RWSEM_WRITER ||
		     !__atomic_compare_exchange_n(
			     &s->state, &old, old + RWSEM_READER, false,
			     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)))
		rwsem_wait_to_read(s);
}

static inline void up_read(struct rwsem *s)
{
	u64 left =
		__atomic_sub_fetch(&s->state, RWSEM_READER, __ATOMIC_SEQ_CST);

	if (unlikely(left && !(left & RWSEM_READERS)))
		rwsem_let_writer_in(s);
}
#endif

/** downgrade_write - the writer becomes a reader without a gap. */
void downgrade_write(struct rwsem *s);
bool rwsem_is_locked(const struct rwsem *s);

#endif
