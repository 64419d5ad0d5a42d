/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver and all above it, unchanged, on the model of the card: from
 * reset to a connection of the card with itself.  Needs the fabric program
 * (BRICK_FABRIC, or where `make tools` puts it).
 */
#define _GNU_SOURCE
#include "selftest.h"
#include "threads_kernel.h"
#include <kernel/init.h>
#include <kernel/time.h>
#include <lib/ktest.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELFTESTS 3

static pid_t start_fabric(const char *dir)
{
	const char *program = getenv("BRICK_FABRIC");
	pid_t pid;

	if (!program)
		program = "build/tools/brick-fabric";
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(program, program, getenv("UNIT_LOG") ? "--verbose" : "--quiet",
	      "--dir", dir, "--ports", "1", NULL);
	perror(program);
	_exit(127);
}

static void report(const char *step, int err)
{
	if (err || getenv("UNIT_LOG"))
		printf("    %s: %d\n", step, err);
}

KTEST(the_driver_brings_the_card_up_and_connects_it_with_itself)
{
	char dir[] = "/tmp/brick-unit-XXXXXX", path[64];
	struct ib_device *dev;
	pid_t fabric;

	EXPECT_TRUE(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/card1.sock", dir);
	fabric = start_fabric(dir);
	EXPECT_EQ(host_probe(path), 0);
	EXPECT_EQ(ib_start(), 0);
	dev = ib_device_default();
	EXPECT_TRUE(dev != NULL);
	for (int i = 0; dev && i < SELFTESTS; i++)
		EXPECT_EQ(ib_selftest(dev, 1, report), 0);
	EXPECT_EQ(ib_status(), IB_STATUS_ACTIVE);
	kill(fabric, SIGTERM);
	waitpid(fabric, NULL, 0);
	unlink(path);
	rmdir(dir);
}
