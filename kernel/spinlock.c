/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spinlocks and the checker of their order.
 *
 * The checker keeps, per CPU, the stack of held locks, and asks lock_check()
 * about each one to be taken.  An interrupt handler's locks stand on top of
 * those of the thread it interrupted: the order holds across both.
 */
#include <kernel/spinlock.h>

#include <arch/x86/barrier.h>
#include <arch/x86/cpu.h>
#include <kernel/cpu.h>
#include <kernel/lock_stat.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/atomic.h>

#include "lock_check.h"
#include "lock_debug.h"

#define LOCK_DEBUG    IS_ENABLED(CONFIG_DEBUG_LOCKS)
#define NR_HELD_MAX   16
#define SPIN_TOO_LONG (20ul << 30) /* cycles; debug: a lost lock */

struct held_locks {
	const struct spinlock *locks[NR_HELD_MAX];
	u32 ranks[NR_HELD_MAX];
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

/* What an interrupt adds meanwhile, it takes away again. */
static void check_before(struct spinlock *l, bool is_pair, bool is_try)
{
	struct held_locks *h = this_cpu_ptr(held_locks);
	struct lock_context context = {
		.held = h->ranks,
		.nr_held = h->n,
		.is_interrupt = in_interrupt(),
		.irqs_on = irqs_enabled(),
		.is_pair = is_pair,
		.is_try = is_try,
	};
	const char *wrong;
	u32 other;

	for (u32 i = 0; i < h->n && !is_try; i++)
		if (h->locks[i] == l)
			report("taken twice", l, NULL);
	wrong = lock_check(&context, l->rank, &other);
	if (wrong)
		report(wrong, l, other < h->n ? h->locks[other] : NULL);
}

static void note_taken(struct spinlock *l)
{
	u64 flags = irq_save();
	struct held_locks *h = this_cpu_ptr(held_locks);

	l->owner = current_thread();
	if (h->n == NR_HELD_MAX)
		report("too many locks held", l, NULL);
	h->locks[h->n] = l;
	h->ranks[h->n++] = l->rank;
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

void spin_wait_and_lock(struct spinlock *l)
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

static void lock(struct spinlock *l, bool is_pair)
{
	bool is_contended;

	if (checking())
		check_before(l, is_pair, false);
	is_contended = !try_once(l);
	if (unlikely(is_contended))
		spin_wait_and_lock(l);
	if (checking())
		note_taken(l);
	lock_stat_count(l->name, is_contended);
}

#if IS_ENABLED(CONFIG_DEBUG_LOCKS) /* else inline */
static void note_released(struct spinlock *l)
{
	u64 flags = irq_save();
	struct held_locks *h = this_cpu_ptr(held_locks);
	u32 i = h->n;

	while (i && h->locks[i - 1] != l)
		i--;
	if (!i)
		report("released by who does not hold it", l, NULL);
	for (; i < h->n; i++) {
		h->locks[i - 1] = h->locks[i];
		h->ranks[i - 1] = h->ranks[i];
	}
	h->n--;
	l->owner = NULL;
	irq_restore(flags);
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
	if (checking())
		check_before(l, false, true);
	if (READ_ONCE(l->held) || !try_once(l))
		return false;
	if (checking())
		note_taken(l);
	lock_stat_count(l->name, false);
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
#endif

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

void check_interrupt_allowed(void)
{
	struct held_locks *h = this_cpu_ptr(held_locks);

	if (checking() && h->n && h->ranks[h->n - 1] > LOCK_IRQ_BEGIN)
		report("interrupts came on while it is held",
		       h->locks[h->n - 1], NULL);
}
