/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <kernel/counters.h>

#include <kernel/cpu.h>
#include <kernel/monitor.h>
#include <lib/string.h>

DEFINE_PERCPU(struct counter_block, counter_values);
atomic64_t gauge_values[NR_GAUGES];

struct description {
	const char *name, *help;
};

static const struct description counters[] = {
#define COUNTER(name, help) {#name, help},
#define GAUGE(name, help)
#include <kernel/counter_list.def>
#undef COUNTER
#undef GAUGE
};

static const struct description gauges[] = {
#define COUNTER(name, help)
#define GAUGE(name, help) {#name, help},
#include <kernel/counter_list.def>
#undef COUNTER
#undef GAUGE
};

u64 counter_read(enum counter_id id)
{
	u64 sum = 0;

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		sum += READ_ONCE(per_cpu_ptr(counter_values, cpu)->v[id]);
	return sum;
}

const char *counter_name(enum counter_id id)
{
	return counters[id].name;
}

const char *counter_help(enum counter_id id)
{
	return counters[id].help;
}

const char *gauge_name(enum gauge_id id)
{
	return gauges[id].name;
}

const char *gauge_help(enum gauge_id id)
{
	return gauges[id].help;
}

void counters_for_each(void (*fn)(void *arg, const char *name, const char *help,
				  s64 value, bool is_gauge),
		       void *arg)
{
	for (u32 i = 0; i < NR_COUNTERS; i++)
		fn(arg, counters[i].name, counters[i].help,
		   (s64)counter_read(i), false);
	for (u32 i = 0; i < NR_GAUGES; i++)
		fn(arg, gauges[i].name, gauges[i].help,
		   atomic64_read(&gauge_values[i]), true);
}

/* Which counters the monitor prints. */
struct selection {
	const char *text; /* that the name contains; NULL: any */
	bool zeros;       /* those that are 0 too */
};

static void print_one(void *arg, const char *name, const char *help, s64 value,
		      bool is_gauge)
{
	const struct selection *sel = arg;

	if ((!value && !sel->zeros) || (sel->text && !strstr(name, sel->text)))
		return;
	mprintf("%s: %ld\n", name, value);
}

static void cmd_counters(int argc, char **argv)
{
	struct selection sel = {0};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-a"))
			sel.zeros = true;
		else
			sel.text = argv[i];
	}
	counters_for_each(print_one, &sel);
}
MONITOR_CMD(counters, "[-a] [TEXT]: counters with TEXT in the name; -a: also 0",
	    cmd_counters);
