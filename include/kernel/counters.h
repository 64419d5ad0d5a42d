/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_COUNTERS_H
#define KERNEL_COUNTERS_H
/*
 * Counters, always on.  kernel/counter_list.def is the one list: COUNTER(name,
 * "help") only grows and is kept per CPU; GAUGE(name, "help") is a figure in
 * use now.  Everybody adds to the list; names are the field's.
 *
 *	counter_inc(nr_pgfault);	gauge_add(nr_lines_used, 1);
 */
#include <arch/x86/percpu.h>
#include <lib/atomic.h>

enum counter_id {
#define COUNTER(name, help) COUNTER_##name,
#define GAUGE(name, help)
#include <kernel/counter_list.def>
#undef COUNTER
#undef GAUGE
	NR_COUNTERS
};

enum gauge_id {
#define COUNTER(name, help)
#define GAUGE(name, help) GAUGE_##name,
#include <kernel/counter_list.def>
#undef COUNTER
#undef GAUGE
	NR_GAUGES
};

struct counter_block {
	u64 v[NR_COUNTERS];
};

DECLARE_PERCPU(struct counter_block, counter_values);
extern atomic64_t gauge_values[];

/** counter_add - one instruction, safe against interrupts. Context: any. */
#define counter_add(name, n) \
	this_cpu_add(counter_values.v[COUNTER_##name], (u64)(n))
#define counter_inc(name) counter_add(name, 1)
/* For tables of counters: by number. */
#define counter_add_id(id, n) (this_cpu_ptr(counter_values)->v[id] += (n))

#define gauge_add(name, n) atomic64_add(&gauge_values[GAUGE_##name], (s64)(n))
#define gauge_sub(name, n) atomic64_sub(&gauge_values[GAUGE_##name], (s64)(n))
#define gauge_read(name)   atomic64_read(&gauge_values[GAUGE_##name])

/** counter_read - sum over all CPUs. */
u64 counter_read(enum counter_id id);
const char *counter_name(enum counter_id id);
const char *counter_help(enum counter_id id);
const char *gauge_name(enum gauge_id id);
const char *gauge_help(enum gauge_id id);

/**
 * counters_for_each - call @fn for every counter, then every gauge.
 *
 * @fn: gets @arg, the name, the help text, the value, and whether it is a
 * gauge.
 */
void counters_for_each(void (*fn)(void *arg, const char *name, const char *help,
				  s64 value, bool is_gauge),
		       void *arg);

#endif
