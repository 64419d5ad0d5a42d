/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_WAIT_H
#define KERNEL_WAIT_H

/*
 * Waiting for a condition.
 *
 *	waiter				waker
 *	wait_event(&q, x->ready);	x->ready = true;
 *					waitq_wake_all(&q);
 *
 * The condition is evaluated several times, by the waiter, without any lock:
 * it takes the locks that it needs itself, must not sleep in them, and what it
 * reads is published before the wake.  The waker's call orders its stores
 * before its look at the queue, so no wake-up is lost.
 *
 * An object that holds a waitq may be freed by the woken thread only if the
 * waker is known to have left waitq_wake_*(); wait_for_completion() and
 * complete() take care of that, bare queues do not... so prefer completions
 * for objects on the stack.
 */
#include <arch/x86/barrier.h>
#include <kernel/lock_order.h>
#include <kernel/spinlock.h>
#include <lib/errno.h>
#include <lib/list.h>

struct thread;

struct waitq {
	struct spinlock lock;
	struct list_head waiters; /* struct waiter [lock] */
};

/* A place that waits, for the watchdog (kernel/watchdog.h) and `ps`. */
struct wait_site {
	const char *condition;
	const char *function;
	bool is_patient; /* may take as long as it likes */
};

struct waiter {
	struct list_head link; /* empty: not queued, or woken [waitq.lock] */
	struct thread *thread;
	const struct wait_site *site;
};

#define WAITQ_INIT(q)                                       \
	{                                                   \
		.lock = SPINLOCK_INIT("waitq", LOCK_WAITQ), \
		.waiters = LIST_HEAD_INIT((q).waiters)      \
	}
#define DEFINE_WAITQ(var) struct waitq var = WAITQ_INIT(var)

/** waitq_init - make @q empty. */
void waitq_init(struct waitq *q);

/** waitq_has_waiters - a hint; a full barrier goes before the look. */
static inline bool waitq_has_waiters(struct waitq *q)
{
	smp_mb();
	return READ_ONCE(q->waiters.next) != &q->waiters;
}

/** waitq_wake - wake the longest waiter, or @all, without a look before. */
void waitq_wake(struct waitq *q, bool all);

/**
 * waitq_wake_one, waitq_wake_all - wake the longest waiter, or all.
 *
 * Context: any, including interrupt handlers and with interrupts disabled.
 */
#ifdef BRICK_HOST /* tests bring their own */
void waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);
#else
static inline void waitq_wake_one(struct waitq *q)
{
	if (waitq_has_waiters(q))
		waitq_wake(q, false);
}

static inline void waitq_wake_all(struct waitq *q)
{
	if (waitq_has_waiters(q))
		waitq_wake(q, true);
}
#endif

/** might_sleep - assert that sleeping is allowed here (debug builds). */
#if defined(BRICK_HOST) || IS_ENABLED(CONFIG_DEBUG_LOCKS)
void might_sleep(void);
#else
static inline void might_sleep(void) {}
#endif

/* The pieces of wait_event(); see waitq_wait() for how they fit. */
#define WAIT_FOREVER (~0ul)

/* Get a waiter ready; put it on @q before the condition is looked at. */
void wait_begin(struct waiter *w);
void wait_prepare(struct waitq *q, struct waiter *w);
/* Sleep until woken or @deadline_ns; -ETIMEDOUT, or -EINTR if @intr. */
int wait_block(u64 deadline_ns, bool intr);
/* Leave @q; a wake that @w got but did not use (@rc != 0) goes to another. */
void wait_finish(struct waitq *q, struct waiter *w, int rc);
u64 wait_deadline(u64 timeout_ns);

/** wait_names - what the current thread is about to wait for and who has that
 * (NULL: not known), for the watchdog and `ps`; both NULL afterwards. */
void wait_names(const char *what, struct thread *const *owner);

#define WAIT_EVENT_(q, cond, deadline, intr, patient)                      \
	({                                                                 \
		static const struct wait_site we_site_ = {#cond, __func__, \
							  patient};        \
		struct waitq *we_q_ = (q);                                 \
		u64 we_deadline_ = (deadline);                             \
		struct waiter we_w_ = {.site = &we_site_};                 \
		int we_rc_ = 0;                                            \
                                                                           \
		wait_begin(&we_w_);                                        \
		for (;;) {                                                 \
			wait_prepare(we_q_, &we_w_);                       \
			if (cond) {                                        \
				we_rc_ = 0;                                \
				break;                                     \
			}                                                  \
			if (we_rc_)                                        \
				break;                                     \
			we_rc_ = wait_block(we_deadline_, intr);           \
		}                                                          \
		wait_finish(we_q_, &we_w_, we_rc_);                        \
		we_rc_;                                                    \
	})

/**
 * wait_event - sleep until @cond holds, which will be soon: the watchdog names
 * who waits for long.
 *
 * Context: thread, interrupts on, no spinlock held.
 */
#define wait_event(q, cond)                                             \
	do {                                                            \
		might_sleep();                                          \
		if (!(cond))                                            \
			(void)WAIT_EVENT_(q, cond, WAIT_FOREVER, false, \
					  false);                       \
	} while (0)

/** wait_event_idle - sleep until there is work, or a program does something;
 * this may take for ever, and the watchdog says nothing. */
#define wait_event_idle(q, cond)                                               \
	do {                                                                   \
		might_sleep();                                                 \
		if (!(cond))                                                   \
			(void)WAIT_EVENT_(q, cond, WAIT_FOREVER, false, true); \
	} while (0)

/** wait_event_timeout - as above. Return: false if @timeout_ns passed first. */
#define wait_event_timeout(q, cond, timeout_ns)                          \
	(might_sleep(),                                                  \
	 (cond) ? true                                                   \
		: WAIT_EVENT_(q, cond, wait_deadline(timeout_ns), false, \
			      true) == 0)

/**
 * wait_event_intr - as wait_event(), but thread_interrupt() ends it.
 *
 * Return: 0 if @cond holds, -EINTR if not.
 */
#define wait_event_intr(q, cond) \
	(might_sleep(),          \
	 (cond) ? 0 : WAIT_EVENT_(q, cond, WAIT_FOREVER, true, true))

/** wait_event_intr_timeout - Return: 0, -EINTR or -ETIMEDOUT. */
#define wait_event_intr_timeout(q, cond, timeout_ns) \
	(might_sleep(),                              \
	 (cond) ? 0                                  \
		: WAIT_EVENT_(q, cond, wait_deadline(timeout_ns), true, true))

/*
 * A one-time event, safe on the waiter's stack.
 */
struct completion {
	u32 done; /* [waitq.lock] */
	struct waitq waitq;
};

/** completion_init - not yet complete. */
void completion_init(struct completion *c);

/**
 * complete - let one waiter, present or future, pass; complete_all: all.
 *
 * Context: any.  @c is not touched after the waiter has been let go.
 */
void complete(struct completion *c);
void complete_all(struct completion *c);

/** wait_for_completion - sleep until complete(). Context: as wait_event(). */
void wait_for_completion(struct completion *c);
/** wait_for_completion_of - the same; @who is to complete it: the watchdog says
 * so.  @who stays readable meanwhile. */
void wait_for_completion_of(struct completion *c, const char *who);
/** wait_for_completion_idle - as wait_event_idle(). */
void wait_for_completion_idle(struct completion *c);
/** wait_for_completion_timeout - Return: false if @timeout_ns passed first. */
bool wait_for_completion_timeout(struct completion *c, u64 timeout_ns);
/** wait_for_completion_intr - Return: 0 or -EINTR. */
int wait_for_completion_intr(struct completion *c);
/** completion_is_done - would a wait return at once? */
bool completion_is_done(struct completion *c);

#endif
