/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver and all above it, unchanged, on the model of the card: from
 * reset to a connection of the card with itself.  Needs the fabric program
 * (BRICK_FABRIC, or where `make tools` puts it).
 */
#include "fabric_process.h"
#include "selftest.h"
#include "threads_kernel.h"
#include <lib/ktest.h>
#include <stdio.h>
#include <stdlib.h>

#define SELFTESTS 3

static void report(const char *step, int err)
{
	if (err || getenv("UNIT_LOG"))
		printf("    %s: %d\n", step, err);
}

KTEST(the_driver_brings_the_card_up_and_connects_it_with_itself)
{
	struct fabric_process fabric;
	struct ib_device *dev;

	fabric_start(&fabric, 1);
	EXPECT_EQ(host_probe(fabric_socket(&fabric, 1)), 0);
	EXPECT_EQ(ib_start(), 0);
	dev = ib_device_default();
	EXPECT_TRUE(dev != NULL);
	for (int i = 0; dev && i < SELFTESTS; i++)
		EXPECT_EQ(ib_selftest(dev, 1, report), 0);
	EXPECT_EQ(ib_status(), IB_STATUS_ACTIVE);
	fabric_stop(&fabric);
}
