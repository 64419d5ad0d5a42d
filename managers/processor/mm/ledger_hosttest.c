/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ledger.h"

#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <lib/ktest.h>
#include <tests/unit/fake_sched.h>

#define NR_IDS  30000ul /* more than the buckets have room for */
#define NR_LOST 20ul

static struct aspace one = {.asid = 1}, other = {.asid = 2};

static void take_and_give(void)
{
	fake_sched_start(1);
	for (u64 id = 0; id < NR_IDS; id++) {
		ledger_take(&one, LEDGER_FRAME, id);
		ledger_take(&other, LEDGER_FRAME, id);
		ledger_take(&one, LEDGER_RMAP, id);
	}
	for (u64 id = 0; id < NR_IDS; id++) {
		ledger_give(&other, LEDGER_FRAME, id);
		if (id != 77) /* lost */
			ledger_give(&one, LEDGER_FRAME, id);
		if (id < NR_IDS - NR_LOST)
			ledger_give(&one, LEDGER_RMAP, id);
	}
	CHECK(ledger_close(&one) == NR_LOST + 1);
	CHECK(ledger_close(&other) == 0);
	CHECK(counter_read(COUNTER_nr_leaks) == NR_LOST + 1);
}

static void give_what_was_not_taken(void)
{
	fake_sched_start(1);
	ledger_take(&one, LEDGER_FRAME, 5);
	ledger_give(&one, LEDGER_RMAP, 5);
}

KTEST(what_an_ended_process_did_not_give_back_is_named)
{
	EXPECT_EQ(fake_sched_run_apart(take_and_give), 0);
	EXPECT_TRUE(fake_sched_run_apart(give_what_was_not_taken) != 0);
}
