/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which locks may be taken when. */
#include <lib/ktest.h>
#include <lib/minmax.h>

#include "lock_check.h"

static const u32 thread_locks[] = {LOCK_PCACHE_SET, LOCK_LEAF};
static const u32 irq_locks[] = {LOCK_LEAF, LOCK_CQ};

static bool is_right(struct lock_context context, u32 rank)
{
	u32 which;

	return !lock_check(&context, rank, &which);
}

KTEST(locks_are_taken_in_the_order_of_their_ranks)
{
	struct lock_context c = {
		.held = thread_locks, .nr_held = 1, .irqs_on = true};

	EXPECT_TRUE(is_right(c, LOCK_VICTIM));
	EXPECT_TRUE(!is_right(c, LOCK_PCACHE_SET));
	EXPECT_TRUE(!is_right(c, LOCK_FUTEX));
	c.is_pair = true;
	EXPECT_TRUE(is_right(c, LOCK_PCACHE_SET));
	EXPECT_TRUE(!is_right(c, LOCK_FUTEX));
}

KTEST(the_lock_in_the_way_is_named)
{
	struct lock_context c = {.held = thread_locks,
				 .nr_held = ARRAY_SIZE(thread_locks),
				 .irqs_on = true};
	u32 which;

	EXPECT_TRUE(lock_check(&c, LOCK_VICTIM, &which) != NULL);
	EXPECT_EQ(which, 1);
	EXPECT_TRUE(lock_check(&c, LOCK_CQ, &which) != NULL);
	EXPECT_EQ(which, c.nr_held);
}

KTEST(who_only_tries_may_try_in_any_order)
{
	struct lock_context c = {.held = irq_locks,
				 .nr_held = ARRAY_SIZE(irq_locks),
				 .is_try = true};

	EXPECT_TRUE(is_right(c, LOCK_FUTEX));
	EXPECT_TRUE(is_right(c, LOCK_CQ));
	c.irqs_on = true;
	EXPECT_TRUE(!is_right(c, LOCK_QP));
}

/*
 * CPU 0 holds LEAF with interrupts on.  CPU 1 holds CQ and waits for LEAF?
 * The order forbids it: so an interrupt on CPU 0 may wait for CQ.
 */
KTEST(interrupts_take_only_locks_behind_all_that_are_held_with_interrupts_on)
{
	struct lock_context on = {.irqs_on = true};
	struct lock_context off = {.irqs_on = false};
	struct lock_context irq = {.held = thread_locks,
				   .nr_held = ARRAY_SIZE(thread_locks),
				   .is_interrupt = true};

	for (u32 rank = LOCK_SLEEP_END + 1; rank < LOCK_IRQ_BEGIN; rank++) {
		EXPECT_TRUE(is_right(on, rank));
		EXPECT_TRUE(is_right(off, rank));
		EXPECT_TRUE(!is_right(irq, rank));
	}
	for (u32 rank = LOCK_IRQ_BEGIN + 1; rank < NR_LOCK_RANKS; rank++) {
		EXPECT_TRUE(!is_right(on, rank));
		EXPECT_TRUE(is_right(off, rank));
		EXPECT_TRUE(is_right(irq, rank));
	}
}

KTEST(marks_and_sleeping_locks_are_no_spinlocks)
{
	struct lock_context off = {.irqs_on = false};

	EXPECT_TRUE(!is_right(off, LOCK_NONE));
	EXPECT_TRUE(!is_right(off, LOCK_VNODE));
	EXPECT_TRUE(!is_right(off, LOCK_SLEEP_END));
	EXPECT_TRUE(!is_right(off, LOCK_IRQ_BEGIN));
	EXPECT_TRUE(!is_right(off, NR_LOCK_RANKS));
}
