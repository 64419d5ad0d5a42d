/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spin.h"
#include <lib/ktest.h>

#define BUDGET 100000ul

static void note(struct io_spin *spin, u64 cycles, u32 times)
{
	while (times--)
		io_spin_note(spin, cycles);
}

KTEST(quick_transfers_are_polled_for_about_twice_as_long_as_they_take)
{
	struct io_spin spin = {0};

	EXPECT_EQ(io_spin_cycles(&spin, BUDGET), BUDGET / 16);
	note(&spin, 20000, 100);
	EXPECT_TRUE(io_spin_cycles(&spin, BUDGET) > 30000);
	EXPECT_TRUE(io_spin_cycles(&spin, BUDGET) <= 40000);
	note(&spin, 80000, 100);
	EXPECT_EQ(io_spin_cycles(&spin, BUDGET), BUDGET);
}

KTEST(slow_transfers_are_slept_for_until_they_are_quick_again)
{
	struct io_spin spin = {0};

	note(&spin, 10 * BUDGET, 1); /* a single one changes the mean, */
	note(&spin, 10000, 4);
	EXPECT_TRUE(io_spin_cycles(&spin, BUDGET) > 0); /* not for long */
	note(&spin, 3 * BUDGET, 20);
	EXPECT_EQ(io_spin_cycles(&spin, BUDGET), 0);
	note(&spin, 10000, 40); /* slept for, and noted all the same */
	EXPECT_TRUE(io_spin_cycles(&spin, BUDGET) > 0);
}

KTEST(without_a_budget_nothing_is_polled_for)
{
	struct io_spin spin = {0};

	EXPECT_EQ(io_spin_cycles(&spin, 0), 0);
	note(&spin, 1, 100);
	EXPECT_EQ(io_spin_cycles(&spin, 0), 0);
	note(&spin, 1000, 100);
	EXPECT_EQ(io_spin_cycles(&spin, 0), 0);
}
