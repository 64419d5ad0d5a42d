/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "selftest.h"
#include <kernel/log.h>
#include <lib/ktest.h>

#define ACTIVE_NS 5000000000ULL

static void report(const char *step, int err)
{
	if (err)
		pr_err("ib: %s: error %d", step, err);
}

KTEST(the_card_connects_with_itself_and_moves_data)
{
	struct ib_device *dev = ib_device_default();

	if (!dev || ib_wait_active(dev, 1, ACTIVE_NS))
		return; /* no card, or no fabric, on this machine */
	EXPECT_EQ(ib_selftest(dev, 1, report), 0);
}
