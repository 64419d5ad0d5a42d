/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_SPIN_H
#define NET_SPIN_H

/*
 * How long to poll for a transfer before sleeping until it interrupts.
 *
 * Polling costs the time that the transfer takes; sleeping costs the switch to
 * another thread and back, and the interrupt: the spin budget (rdma_spin_us)
 * says how much that is at most worth.  So polling pays while transfers take
 * less than the budget.  A sliding mean of what they took decides; it is kept
 * for those that were slept for too, up to the moment of their completion.
 * When transfers become slow nobody polls any more, and when they become
 * quick again polling begins again, without a probe.
 *
 * A mean is no promise: no single transfer is polled for longer than twice the
 * mean (at least a sixteenth of the budget), nor than the budget.
 */
#include <lib/compiler.h>
#include <lib/minmax.h>
#include <lib/types.h>

#define IO_SPIN_SHIFT 3 /* the mean is of some 8 transfers */

struct io_spin {
	u64 mean_cycles; /* CPUs may overwrite each other's: an estimate */
};

/** io_spin_cycles - how long to poll now, at most @budget_cycles. */
static inline u64 io_spin_cycles(const struct io_spin *spin, u64 budget_cycles)
{
	u64 mean = READ_ONCE(spin->mean_cycles);

	if (mean > budget_cycles)
		return 0;
	return min(budget_cycles, max(2 * mean, budget_cycles / 16));
}

/** io_spin_note - a transfer took @cycles. */
static inline void io_spin_note(struct io_spin *spin, u64 cycles)
{
	u64 mean = READ_ONCE(spin->mean_cycles);

	WRITE_ONCE(spin->mean_cycles,
		   mean - (mean >> IO_SPIN_SHIFT) + (cycles >> IO_SPIN_SHIFT));
}

#endif
