/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the KTEST()s that are linked into the image. */
#define pr_fmt(fmt) "selftest: " fmt
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/sched.h>
#include <kernel/time.h>
#include <lib/atomic.h>
#include <lib/ktest.h>
#include <lib/string.h>

extern const struct ktest __start_ktests[], __stop_ktests[];

static atomic_t nr_failures; /* of expectations in the running test */

void ktest_fail(const char *file, int line, const char *expr, long long got,
		long long want)
{
	atomic_inc(&nr_failures);
	pr_err("%s:%d: %s (got %lld, want %lld)", file, line, expr, got, want);
}

/* Return: how many tests failed. @only: NULL, or a part of their names. */
static u32 run(const char *only)
{
	u32 passed = 0, failed = 0;

	for (const struct ktest *t = __start_ktests; t < __stop_ktests; t++) {
		u64 start = time_mono_ns();

		if (only && !strstr(t->name, only))
			continue;
		atomic_set(&nr_failures, 0);
		t->fn();
		if (atomic_read(&nr_failures))
			failed++;
		else
			passed++;
		pr_info("%s %s (%lu ms)",
			atomic_read(&nr_failures) ? "FAIL" : "ok  ", t->name,
			(time_mono_ns() - start) / NSEC_PER_MSEC);
	}
	pr_info("%u passed, %u failed", passed, failed);
	return failed;
}

u32 selftest_run(void)
{
	char only[64];

	if (!cmdline_get("selftest", only, sizeof(only)))
		return 0;
	return run(only[0] ? only : NULL);
}
BOOT_OPTION(selftest, "[TEXT]: run the self-tests, those with TEXT in the name",
	    NULL);

static void cmd_selftest(int argc, char **argv)
{
	(void)run(argc > 1 ? argv[1] : NULL);
}
MONITOR_CMD(selftest, "[TEXT]: run the self-tests", cmd_selftest);
