/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arithmetic on programs' times.  Pure: tested on the host. */
#include "usertime.h"

#include <lib/errno.h>

#define NS_PER_SEC 1000000000ull

int usertime_to_ns(s64 sec, s64 part, u64 parts_per_sec, u64 *out_ns)
{
	if (sec < 0 || part < 0 || (u64)part >= parts_per_sec)
		return -EINVAL;
	if ((u64)sec >= USERTIME_MAX_NS / NS_PER_SEC)
		*out_ns = USERTIME_MAX_NS;
	else
		*out_ns = (u64)sec * NS_PER_SEC +
			  (u64)part * (NS_PER_SEC / parts_per_sec);
	return 0;
}

struct user_timespec usertime_timespec(u64 ns)
{
	return (struct user_timespec){.sec = (s64)(ns / NS_PER_SEC),
				      .nsec = (s64)(ns % NS_PER_SEC)};
}

struct user_timeval usertime_timeval(u64 ns)
{
	return (struct user_timeval){.sec = (s64)(ns / NS_PER_SEC),
				     .usec = (s64)(ns % NS_PER_SEC / 1000)};
}

u64 usertime_add(u64 a, u64 b)
{
	u64 sum = a + b;

	return sum < a || sum > USERTIME_MAX_NS ? USERTIME_MAX_NS : sum;
}
