/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wall clock at boot: the CMOS RTC (Motorola MC146818 data sheet). */
#include <arch/x86/io.h>
#include <arch/x86/rtc.h>
#include <lib/string.h>

#define REG_STATUS_A 0x0a
#define REG_STATUS_B 0x0b
#define UPDATING     0x80
#define BINARY       0x04
#define HOURS_24     0x02

struct rtc_time {
	u8 second, minute, hour, day, month, year;
};

static u8 cmos_read(u8 reg)
{
	outb(reg, 0x70);
	return inb(0x71);
}

static void read_raw(struct rtc_time *t)
{
	for (int i = 0; i < 100000 && cmos_read(REG_STATUS_A) & UPDATING; i++)
		;
	t->second = cmos_read(0);
	t->minute = cmos_read(2);
	t->hour = cmos_read(4);
	t->day = cmos_read(7);
	t->month = cmos_read(8);
	t->year = cmos_read(9);
}

static u8 from_bcd(u8 v)
{
	return (u8)((v >> 4) * 10 + (v & 15));
}

u64 rtc_days_since_1970(u32 year, u32 month, u32 day)
{
	/* Years begin in March, so that the leap day is the last. */
	u64 y = month <= 2 ? year - 1 : year, m = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day -
	       1 - 719468;
}

u64 rtc_read_seconds(void)
{
	struct rtc_time t, again;
	u8 b = cmos_read(REG_STATUS_B), pm;

	do { /* until two readings agree */
		read_raw(&t);
		read_raw(&again);
	} while (memcmp(&t, &again, sizeof(t)));
	pm = t.hour & 0x80;
	t.hour &= 0x7f;
	if (!(b & BINARY)) {
		t.second = from_bcd(t.second);
		t.minute = from_bcd(t.minute);
		t.hour = from_bcd(t.hour);
		t.day = from_bcd(t.day);
		t.month = from_bcd(t.month);
		t.year = from_bcd(t.year);
	}
	if (!(b & HOURS_24))
		t.hour = (u8)(t.hour % 12 + (pm ? 12 : 0));
	return ((rtc_days_since_1970(2000u + t.year, t.month, t.day) * 24 +
		 t.hour) *
			60 +
		t.minute) *
		       60 +
	       t.second;
}
