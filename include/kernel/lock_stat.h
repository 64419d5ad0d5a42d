/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_LOCK_STAT_H
#define KERNEL_LOCK_STAT_H
/*
 * Lock statistics of debug builds (CONFIG_DEBUG_LOCKS): for all locks of one
 * name, spinlocks, mutexes and rwsems, how often one was taken and how often
 * whoever took it had to wait before.  Monitor command `locks`,
 * /proc/brick/locks.
 */
#include <lib/types.h>

struct lock_stat {
	const char *name;
	u64 nr_taken;
	u64 nr_contended; /* thereof after waiting */
};

/** lock_stat_count - a lock called @name was taken. Context: any; debug. */
#if IS_ENABLED(CONFIG_DEBUG_LOCKS) && !defined(BRICK_HOST)
void lock_stat_count(const char *name, bool is_contended);
#else
static inline void lock_stat_count(const char *name, bool is_contended) {}
#endif

/** lock_stats_are_kept - is this a build that counts? */
bool lock_stats_are_kept(void);
/** lock_stats_sum - of all locks. */
struct lock_stat lock_stats_sum(void);
/** lock_stats_for_each - call @fn for each name. */
void lock_stats_for_each(void (*fn)(void *arg, const struct lock_stat *stat),
			 void *arg);

#endif
