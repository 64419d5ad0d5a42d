/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wait queues and completions.
 *
 * A waiter puts itself on the queue and marks itself SLEEPING before it looks
 * at its condition; a waker changes the condition before it looks at the
 * queue.  With a full barrier between the two steps on both sides, one of them
 * sees the other.
 *
 * A wake takes the waiter off the queue, under the queue's lock.
 */
#include <kernel/wait.h>

#include <arch/x86/barrier.h>
#include <kernel/assert.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/time.h>

void waitq_init(struct waitq *q)
{
	spin_lock_init(&q->lock, "waitq", LOCK_WAITQ);
	list_init(&q->waiters);
}

/* @untold: CPUs to tell of it when the lock is free.  Context: q->lock held. */
static bool wake_first(struct waitq *q, struct cpumask *untold)
{
	struct waiter *w =
		list_first_entry_or_null(&q->waiters, struct waiter, link);

	if (!w)
		return false;
	list_del_init(&w->link);
	sched_wake(w->thread, untold);
	return true;
}

/* Who wakes takes the lock: so nobody is told before it is free. */
static void unlock_and_tell(struct waitq *q, const struct cpumask *untold,
			    u64 flags)
{
	spin_unlock(&q->lock);
	sched_tell(untold);
	irq_restore(flags);
}

void waitq_wake(struct waitq *q, bool all)
{
	u64 flags = spin_lock_irqsave(&q->lock);
	struct cpumask untold = {};

	while (wake_first(q, &untold) && all)
		;
	unlock_and_tell(q, &untold, flags);
}

void wait_begin(struct waiter *w)
{
	might_sleep();
	list_init(&w->link);
	w->thread = current_thread();
	w->thread->nr_waits++;
	WRITE_ONCE(w->thread->wait_site, w->site);
}

void wait_names(const char *what, struct thread *const *owner)
{
	struct thread *t = current_thread();

	WRITE_ONCE(t->wait_what, what);
	WRITE_ONCE(t->wait_owner, owner);
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	if (list_empty(&w->link))
		list_add_tail(&w->link, &q->waiters);
	WRITE_ONCE(w->thread->state, THREAD_SLEEPING);
	spin_unlock_irqrestore(&q->lock, flags);
	smp_mb();
}

u64 wait_deadline(u64 timeout_ns)
{
	u64 now = time_mono_ns();

	return timeout_ns < WAIT_FOREVER - now ? now + timeout_ns
					       : WAIT_FOREVER;
}

struct wake_timer {
	struct timer timer;
	struct thread *thread;
};

static void wake_timer_fired(struct timer *timer)
{
	thread_wake(container_of(timer, struct wake_timer, timer)->thread);
}

int wait_block(u64 deadline_ns, bool intr)
{
	struct thread *t = current_thread();
	struct wake_timer w;

	if (intr && thread_interrupted(t)) {
		WRITE_ONCE(t->state, THREAD_RUNNABLE);
		return -EINTR;
	}
	if (deadline_ns == WAIT_FOREVER) {
		schedule();
		return 0;
	}
	if (time_mono_ns() >= deadline_ns) {
		WRITE_ONCE(t->state, THREAD_RUNNABLE);
		return -ETIMEDOUT;
	}
	w.thread = t;
	timer_init(&w.timer, wake_timer_fired);
	timer_start(&w.timer, deadline_ns);
	schedule();
	timer_cancel(&w.timer);
	return 0; /* the next round sees the deadline or the interrupt */
}

void wait_finish(struct waitq *q, struct waiter *w, int rc)
{
	u64 flags = spin_lock_irqsave(&q->lock);
	struct cpumask untold = {};

	WRITE_ONCE(w->thread->state, THREAD_RUNNABLE);
	WRITE_ONCE(w->thread->wait_site, NULL);
	if (!list_empty(&w->link))
		list_del_init(&w->link);
	else if (rc)
		/* we were woken and leave regardless */
		(void)wake_first(q, &untold);
	unlock_and_tell(q, &untold, flags);
}

void sleep_until(u64 deadline_ns)
{
	might_sleep();
	do {
		WRITE_ONCE(current_thread()->state, THREAD_SLEEPING);
	} while (!wait_block(deadline_ns, false));
}

void sleep_ns(u64 ns)
{
	sleep_until(wait_deadline(ns));
}

int sleep_intr_until(u64 deadline_ns)
{
	int rc;

	might_sleep();
	do {
		WRITE_ONCE(current_thread()->state, THREAD_SLEEPING);
		smp_mb();
		rc = wait_block(deadline_ns, true);
	} while (!rc);
	return rc == -EINTR ? rc : 0;
}

void completion_init(struct completion *c)
{
	c->done = 0;
	waitq_init(&c->waitq);
}

void complete(struct completion *c)
{
	u64 flags = spin_lock_irqsave(&c->waitq.lock);
	struct cpumask untold = {};

	if (c->done != UINT32_MAX)
		c->done++;
	(void)wake_first(&c->waitq, &untold);
	unlock_and_tell(&c->waitq, &untold, flags);
}

void complete_all(struct completion *c)
{
	u64 flags = spin_lock_irqsave(&c->waitq.lock);
	struct cpumask untold = {};

	c->done = UINT32_MAX;
	while (wake_first(&c->waitq, &untold))
		;
	unlock_and_tell(&c->waitq, &untold, flags);
}

/* Takes the lock, so the completer has let go of @c when this is true. */
static bool take_done(struct completion *c)
{
	u64 flags = spin_lock_irqsave(&c->waitq.lock);
	bool done = c->done;

	if (done && c->done != UINT32_MAX)
		c->done--;
	spin_unlock_irqrestore(&c->waitq.lock, flags);
	return done;
}

bool completion_is_done(struct completion *c)
{
	u64 flags = spin_lock_irqsave(&c->waitq.lock);
	bool done = c->done;

	spin_unlock_irqrestore(&c->waitq.lock, flags);
	return done;
}

void wait_for_completion(struct completion *c)
{
	wait_event(&c->waitq, take_done(c));
}

void wait_for_completion_of(struct completion *c, const char *who)
{
	wait_names(who, NULL);
	wait_for_completion(c);
	wait_names(NULL, NULL);
}

void wait_for_completion_idle(struct completion *c)
{
	wait_event_idle(&c->waitq, take_done(c));
}

bool wait_for_completion_timeout(struct completion *c, u64 timeout_ns)
{
	return wait_event_timeout(&c->waitq, take_done(c), timeout_ns);
}

int wait_for_completion_intr(struct completion *c)
{
	return wait_event_intr(&c->waitq, take_done(c));
}
