/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_RTC_H
#define ARCH_X86_RTC_H
#include <lib/types.h>

/** rtc_read_seconds - seconds since 1970 UTC, from the CMOS clock. */
u64 rtc_read_seconds(void);
/** rtc_days_since_1970 - of a Gregorian date; @month and @day from 1. */
u64 rtc_days_since_1970(u32 year, u32 month, u32 day);

#endif
