/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who takes locks how often, and how often somebody has to wait for one.
 *
 * A class is all locks of one name.  The table only grows: a class is found by
 * the address of its name and is entered with one compare-and-exchange, so
 * counting takes no lock.  One name may stand at several addresses; those are
 * added up when they are shown.
 */
#include <kernel/lock_stat.h>

#include <kernel/cpu.h>
#include <kernel/monitor.h>
#include <lib/atomic.h>
#include <lib/hash.h>
#include <lib/string.h>

#define NR_CLASSES 256u /* names; more share the last entry */

struct lock_counts {
	struct {
		u64 nr_taken, nr_contended;
	} of[NR_CLASSES];
};

#if IS_ENABLED(CONFIG_DEBUG_LOCKS)
static const char *names[NR_CLASSES]; /* [atomic: set once] */
static DEFINE_PERCPU(struct lock_counts, lock_counts);

static u32 class_of(const char *name)
{
	u32 first = hash_index((u64)name, NR_CLASSES - 1);

	for (u32 i = 0; i < NR_CLASSES - 1; i++) {
		u32 class = (first + i) % (NR_CLASSES - 1);
		const char *there = READ_ONCE(names[class]);

		if (!there)
			there = cmpxchg(&names[class], NULL, name);
		if (!there || there == name)
			return class;
	}
	WRITE_ONCE(names[NR_CLASSES - 1], "others");
	return NR_CLASSES - 1;
}

void lock_stat_count(const char *name, bool is_contended)
{
	u32 class = class_of(name);

	this_cpu_add(lock_counts.of[class].nr_taken, 1ul);
	if (is_contended)
		this_cpu_add(lock_counts.of[class].nr_contended, 1ul);
}

bool lock_stats_are_kept(void)
{
	return true;
}

static void add_class(struct lock_stat *stat, u32 class)
{
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		struct lock_counts *c = per_cpu_ptr(lock_counts, cpu);

		stat->nr_taken += READ_ONCE(c->of[class].nr_taken);
		stat->nr_contended += READ_ONCE(c->of[class].nr_contended);
	}
}

static bool is_same(u32 a, u32 b)
{
	return names[a] && names[b] && !strcmp(names[a], names[b]);
}

void lock_stats_for_each(void (*fn)(void *arg, const struct lock_stat *stat),
			 void *arg)
{
	for (u32 class = 0; class < NR_CLASSES; class ++) {
		struct lock_stat stat = {.name = READ_ONCE(names[class])};
		bool is_shown = false;

		for (u32 i = 0; i < class && !is_shown; i++)
			is_shown = is_same(i, class);
		if (!stat.name || is_shown)
			continue;
		for (u32 i = class; i < NR_CLASSES; i++)
			if (is_same(i, class))
				add_class(&stat, i);
		fn(arg, &stat);
	}
}

#else /* nothing is counted */
bool lock_stats_are_kept(void)
{
	return false;
}

void lock_stats_for_each(void (*fn)(void *arg, const struct lock_stat *stat),
			 void *arg)
{
}
#endif

static void add_up(void *arg, const struct lock_stat *stat)
{
	struct lock_stat *all = arg;

	all->nr_taken += stat->nr_taken;
	all->nr_contended += stat->nr_contended;
}

struct lock_stat lock_stats_sum(void)
{
	struct lock_stat all = {.name = "all"};

	lock_stats_for_each(add_up, &all);
	return all;
}

static void print_one(void *arg, const struct lock_stat *stat)
{
	mprintf("%-20s %12lu %12lu\n", stat->name, stat->nr_taken,
		stat->nr_contended);
}

static void cmd_locks(int argc, char **argv)
{
	struct lock_stat all = lock_stats_sum();

	if (!lock_stats_are_kept()) {
		mprintf("only the debug build counts (make DEBUG=1)\n");
		return;
	}
	mprintf("%-20s %12s %12s\n", "lock", "taken", "contended");
	print_one(NULL, &all);
	lock_stats_for_each(print_one, NULL);
}
MONITOR_CMD(locks, "locks by name: how often taken, how often waited for",
	    cmd_locks);
