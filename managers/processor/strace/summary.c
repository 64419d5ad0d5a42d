/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process called, as strace -c -w tells it: the most time first. */
#include <kernel/time.h>
#include <lib/minmax.h>

#include "record.h"
#include "ring.h"

#define RULE \
	"------ ----------- ----------- --------- --------- ---------------"

static __printf(2, 3) void put(u32 pid, const char *fmt, ...)
{
	char line[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vscnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	trace_ring_put(TRACE_END, time_mono_ns(), pid, line, (size_t)n);
}

static void put_row(u32 pid, const struct call_stats *s, u64 all_ns,
		    const char *name)
{
	/* In hundredths of a percent. */
	u64 share = all_ns ? s->time_ns * 10000 / all_ns : 0;
	u64 us = s->time_ns / NSEC_PER_USEC;
	char errors[16] = "";

	if (s->nr_errors)
		scnprintf(errors, sizeof(errors), "%lu",
			  (unsigned long)s->nr_errors);
	put(pid, "%3lu.%02lu %4lu.%06lu %11lu %9lu %9s %s",
	    (unsigned long)share / 100, (unsigned long)share % 100,
	    (unsigned long)us / 1000000, (unsigned long)us % 1000000,
	    (unsigned long)(s->nr_calls ? us / s->nr_calls : 0),
	    (unsigned long)s->nr_calls, errors, name);
}

/* The entry with the most time but less than the one shown last; entries with
 * the same time come by their index. */
static u32 next_entry(const struct call_stats *stats, u32 nr, u32 last)
{
	u32 best = nr;

	for (u32 i = 0; i < nr; i++) {
		const struct call_stats *s = &stats[i];

		if (!s->nr_calls)
			continue;
		if (last < nr &&
		    (s->time_ns > stats[last].time_ns ||
		     (s->time_ns == stats[last].time_ns && i <= last)))
			continue;
		if (best == nr || s->time_ns > stats[best].time_ns)
			best = i;
	}
	return best;
}

void summary_write(u32 pid, const struct call_stats *stats)
{
	u32 nr = nr_call_infos + 1;
	struct call_stats all = {0};

	for (u32 i = 0; i < nr; i++) {
		all.nr_calls += stats[i].nr_calls;
		all.nr_errors += stats[i].nr_errors;
		all.time_ns += stats[i].time_ns;
	}
	put(pid, "%% time     seconds  usecs/call     calls    errors syscall");
	put(pid, RULE);
	for (u32 i = next_entry(stats, nr, nr); i < nr;
	     i = next_entry(stats, nr, i))
		put_row(pid, &stats[i], all.time_ns,
			i < nr_call_infos ? call_infos[i].name : "(unknown)");
	put(pid, RULE);
	put_row(pid, &all, all.time_ns, "total");
}
