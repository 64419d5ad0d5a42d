/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WORKLOADS_RULES_H
#define WORKLOADS_RULES_H

/* What the programs of the rules share: a line "rNN what: ok" for each thing
 * that is looked at. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#define PAGE 4096

static int status_of_all;

static void check(const char *what, bool ok)
{
	printf("%s: %s\n", what, ok ? "ok" : "BROKEN");
	fflush(stdout);
	if (!ok)
		status_of_all = 1;
}

/* Does a call fail, and so? */
static inline bool fails(long result, int err)
{
	return result == -1 && errno == err;
}

#endif /* WORKLOADS_RULES_H */
