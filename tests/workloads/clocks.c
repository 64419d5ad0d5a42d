/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks, sleeping and usage: relations that hold on every machine. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
}

static long long now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		return -1;
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void test_monotone(void)
{
	long long last = now(CLOCK_MONOTONIC), t;
	int backwards = 0;

	for (int i = 0; i < 20000; i++) {
		t = now(CLOCK_MONOTONIC);
		backwards += t < last;
		last = t;
	}
	say("backwards", backwards);
}

static void test_agreement(void)
{
	struct timeval tv;
	long long real = now(CLOCK_REALTIME), difference;
	time_t seconds = time(NULL);

	gettimeofday(&tv, NULL);
	difference = tv.tv_sec * 1000000000ll + tv.tv_usec * 1000ll - real;
	say("real and gettimeofday agree",
	    difference > -1000000 && difference < 1000000000);
	say("time agrees", seconds - real / 1000000000 < 2);
	say("after 2024", seconds > 1704067200);
}

static void test_sleep(void)
{
	long long start = now(CLOCK_MONOTONIC), slept;
	struct timespec until;

	usleep(30000);
	slept = now(CLOCK_MONOTONIC) - start;
	say("slept long enough", slept >= 30000000);
	say("not forever", slept < 60000000000);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec -= 1;
	say("sleep until the past",
	    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
	until.tv_nsec = -1;
	say("bad time", clock_nanosleep(CLOCK_REALTIME, 0, &until, NULL));
	say("bad clock", clock_gettime(77, &until) == -1 ? errno : 0);
}

static void test_usage(void)
{
	struct rusage usage;
	struct tms tms;
	long long start = now(CLOCK_PROCESS_CPUTIME_ID), began, used;

	for (volatile int i = 0; i < 3000000; i++)
		;
	used = now(CLOCK_PROCESS_CPUTIME_ID) - start;
	say("work takes time", used > 0);
	/* However slow the machine is, the 50 ms are not among what it used. */
	began = now(CLOCK_MONOTONIC);
	start = now(CLOCK_THREAD_CPUTIME_ID);
	usleep(50000);
	used = now(CLOCK_THREAD_CPUTIME_ID) - start;
	say("sleep takes none",
	    used <= now(CLOCK_MONOTONIC) - began - 45000000);
	/* A kernel may count in ticks, and see none of a little work. */
	for (int round = 0; round < 1000; round++) {
		for (volatile int i = 0; i < 3000000; i++)
			;
		if (getrusage(RUSAGE_SELF, &usage) || usage.ru_utime.tv_sec ||
		    usage.ru_utime.tv_usec)
			break;
	}
	say("rusage", getrusage(RUSAGE_SELF, &usage));
	say("some user time",
	    usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec > 0);
	say("times", times(&tms) != -1);
	say("ticks", sysconf(_SC_CLK_TCK));
}

static void test_system(void)
{
	struct utsname uts;
	struct sysinfo info;
	unsigned char a[64], b[64];

	uname(&uts);
	say("linux", !strcmp(uts.sysname, "Linux"));
	say("machine", !strcmp(uts.machine, "x86_64"));
	say("sysinfo", sysinfo(&info));
	say("memory", info.totalram * info.mem_unit > 1 << 20);
	say("random", getrandom(a, sizeof(a), 0) +
			      getrandom(b, sizeof(b), GRND_NONBLOCK));
	say("different", memcmp(a, b, sizeof(a)) != 0);
	say("bad flags", getrandom(a, 1, 0x100) == -1 ? errno : 0);
}

int main(void)
{
	test_monotone();
	test_agreement();
	test_sleep();
	test_usage();
	test_system();
	return 0;
}
