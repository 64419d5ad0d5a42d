/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_USERTIME_H
#define PROCESSOR_USERTIME_H

/* Times as programs pass them: struct timespec and struct timeval. */
#include <lib/types.h>

#define USERTIME_MAX_NS ((1ull << 63) - 1) /* longer is this */

struct user_timespec {
	s64 sec;
	s64 nsec;
};
struct user_timeval {
	s64 sec;
	s64 usec;
};

/** usertime_to_ns - Return: 0, or -EINVAL (negative, or a part too large). */
int __must_check usertime_to_ns(s64 sec, s64 part, u64 parts_per_sec,
				u64 *out_ns);
struct user_timespec usertime_timespec(u64 ns);
struct user_timeval usertime_timeval(u64 ns);
/** usertime_add - @a + @b, at most USERTIME_MAX_NS. */
u64 usertime_add(u64 a, u64 b);

/** usertime_get_timespec - from user memory. Return: 0, -EFAULT, -EINVAL. */
int __must_check usertime_get_timespec(u64 vaddr, u64 *out_ns);
int __must_check usertime_get_timeval(u64 vaddr, u64 *out_ns);
/** usertime_put_timespec - to user memory. Return: 0, -EFAULT. */
int __must_check usertime_put_timespec(u64 vaddr, u64 ns);
int __must_check usertime_put_timeval(u64 vaddr, u64 ns);

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_TAI                11
#define TIMER_ABSTIME            1u

/**
 * usertime_deadline - when, in time_mono_ns(), a time of @clock is reached.
 * @is_absolute: @ns is a time of that clock, else counted from now
 *
 * Return: the deadline, at most USERTIME_MAX_NS.
 */
u64 usertime_deadline(s32 clock, u64 ns, bool is_absolute);

#endif /* PROCESSOR_USERTIME_H */
