/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spinlocks and the checker of their order.
 *
 * The checker keeps, per CPU, the stack of held locks.  A CPU may take a lock
 * only if its rank is above that of every lock it holds.  A lock ever taken in
 * an interrupt handler must always be taken with interrupts off: both uses are
 * remembered in the lock.
 */
#include <kernel/spinlock.h>

#include <arch/x86/barrier.h>
#include <arch/x86/cpu.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/atomic.h>

#include "lock_debug.h"

#define LOCK_DEBUG    IS_ENABLED(CONFIG_DEBUG_LOCKS)
#define NR_HELD_MAX   16
#define SPIN_TOO_LONG (20ul << 30) /* cycles; debug: a lost lock */

#define SEEN_IN_IRQ    1 /* taken by an interrupt handler */
#define SEEN_WITH_IRQS 2 /* taken with interrupts on */

struct held_locks {
	struct spinlock *locks[NR_HELD_MAX];
	u32 n;
};

static DEFINE_PERCPU(struct held_locks, held_locks);
static bool checker_off; /* after the first report: let the panic print */

static _Noreturn void report(const char *what, const struct spinlock *l,
			     const struct spinlock *other)
{
	checker_off = true;
	if (other)
		panic("lock %s (rank %u): %s %s (rank %u)", l->name, l->rank,
		      what, other->name, other->rank);
	panic("lock %s (rank %u): %s", l->name, l->rank, what);
}

/* Context: interrupts off, or the lock is never used by handlers. */
static void check_before(struct spinlock *l, bool same_rank_ok)
{
	struct held_locks *h = this_cpu_ptr(held_locks);

	for (u32 i = 0; i < h->n; i++) {
		if (h->locks[i] == l)
			report("taken twice", l, NULL);
		if (h->locks[i]->rank > l->rank ||
		    (h->locks[i]->rank == l->rank && !same_rank_ok))
			report("taken while holding", l, h->locks[i]);
	}
	if (in_interrupt())
		l->irq_seen |= SEEN_IN_IRQ;
	else if (irqs_enabled())
		l->irq_seen |= SEEN_WITH_IRQS;
	if (l->irq_seen == (SEEN_IN_IRQ | SEEN_WITH_IRQS))
		report("used in interrupts and with interrupts on", l, NULL);
}

static void note_taken(struct spinlock *l)
{
	u64 flags = irq_save();
	struct held_locks *h = this_cpu_ptr(held_locks);

	l->owner = current_thread();
	if (h->n == NR_HELD_MAX)
		report("too many locks held", l, NULL);
	h->locks[h->n++] = l;
	irq_restore(flags);
}

static void note_released(struct spinlock *l)
{
	u64 flags = irq_save();
	struct held_locks *h = this_cpu_ptr(held_locks);
	u32 i = h->n;

	while (i && h->locks[i - 1] != l)
		i--;
	if (!i)
		report("released by who does not hold it", l, NULL);
	for (; i < h->n; i++)
		h->locks[i - 1] = h->locks[i];
	h->n--;
	l->owner = NULL;
	irq_restore(flags);
}

static bool checking(void)
{
	return LOCK_DEBUG && !checker_off;
}

static __always_inline bool try_once(struct spinlock *l)
{
	return !__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE);
}

static __noinline void spin_slow(struct spinlock *l)
{
	u64 start = LOCK_DEBUG ? rdtsc() : 0;

	do {
		while (READ_ONCE(l->held)) {
			cpu_relax();
			if (checking() && rdtsc() - start > SPIN_TOO_LONG)
				report("spun for too long", l, NULL);
		}
	} while (!try_once(l));
}

static __always_inline void lock(struct spinlock *l, bool same_rank_ok)
{
	if (checking())
		check_before(l, same_rank_ok);
	if (unlikely(!try_once(l)))
		spin_slow(l);
	if (checking())
		note_taken(l);
}

void spin_lock(struct spinlock *l)
{
	lock(l, false);
}

void spin_unlock(struct spinlock *l)
{
	if (checking())
		note_released(l);
	smp_store_release(&l->held, 0);
}

bool spin_trylock(struct spinlock *l)
{
	if (READ_ONCE(l->held) || !try_once(l))
		return false;
	if (checking())
		note_taken(l);
	return true;
}

u64 spin_lock_irqsave(struct spinlock *l)
{
	u64 flags = irq_save();

	lock(l, false);
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
	irq_restore(flags);
}

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
	if (a == b) {
		spin_lock(a);
		return;
	}
	spin_lock(a < b ? a : b);
	lock(a < b ? b : a, true);
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
}

bool spin_is_locked(const struct spinlock *l)
{
	return READ_ONCE(l->held);
}

u32 locks_held(const char **name)
{
	struct held_locks *h = this_cpu_ptr(held_locks);

	if (!LOCK_DEBUG || checker_off || !h->n)
		return 0;
	*name = h->locks[h->n - 1]->name;
	return h->n;
}
