/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lock_check.h"

static bool is_before(u32 a, u32 b, bool same_is_fine)
{
	return a < b || (a == b && same_is_fine);
}

const char *lock_check(const struct lock_context *c, u32 rank, u32 *which)
{
	*which = c->nr_held;
	if (rank <= LOCK_SLEEP_END || rank == LOCK_IRQ_BEGIN ||
	    rank >= NR_LOCK_RANKS)
		return "not a rank of a spinlock";
	if (rank < LOCK_IRQ_BEGIN && c->is_interrupt)
		return "taken in an interrupt";
	if (rank > LOCK_IRQ_BEGIN && c->irqs_on)
		return "taken with interrupts on";
	for (u32 i = 0; i < c->nr_held && !c->is_try; i++) {
		if (is_before(c->held[i], rank, c->is_pair))
			continue;
		*which = i;
		return "taken while holding";
	}
	return NULL;
}
