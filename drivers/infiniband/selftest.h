/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_SELFTEST_H
#define IB_SELFTEST_H
#include <ib/verbs.h>

/**
 * ib_selftest - connect @port of @dev with itself and move data every way.
 *
 * Checks path query, service records, connecting, send and receive, RDMA in
 * both directions, a refused key, the flush of an ended connection, and that
 * nothing is left behind.
 *
 * @report: gets one line a step.
 * Context: sleeps; one at a time.
 * Return: 0, or the first failure.
 */
int ib_selftest(struct ib_device *dev, u8 port,
		void (*report)(const char *step, int err));

#endif /* IB_SELFTEST_H */
