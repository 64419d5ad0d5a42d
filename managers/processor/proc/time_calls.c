/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and sleeping. */
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"
#include "usertime.h"

int usertime_get_timespec(u64 vaddr, u64 *out_ns)
{
	struct user_timespec ts;

	if (copy_from_user(&ts, vaddr, sizeof(ts)))
		return -EFAULT;
	return usertime_to_ns(ts.sec, ts.nsec, NSEC_PER_SEC, out_ns);
}

int usertime_get_timeval(u64 vaddr, u64 *out_ns)
{
	struct user_timeval tv;

	if (copy_from_user(&tv, vaddr, sizeof(tv)))
		return -EFAULT;
	return usertime_to_ns(tv.sec, tv.usec, 1000000, out_ns);
}

int usertime_put_timespec(u64 vaddr, u64 ns)
{
	struct user_timespec ts = usertime_timespec(ns);

	return copy_to_user(vaddr, &ts, sizeof(ts));
}

int usertime_put_timeval(u64 vaddr, u64 ns)
{
	struct user_timeval tv = usertime_timeval(ns);

	return copy_to_user(vaddr, &tv, sizeof(tv));
}

u64 usertime_deadline(s32 clock, u64 ns, bool is_absolute)
{
	u64 mono = time_mono_ns(), real;

	if (!is_absolute)
		return usertime_add(mono, ns);
	if (clock != CLOCK_REALTIME && clock != CLOCK_TAI)
		return ns;
	real = time_real_ns();
	return ns > real ? usertime_add(mono, ns - real) : mono;
}

/* ---- clocks ------------------------------------------------------------ */

/*
 * A negative clock names another's CPU time (clock_getcpuclockid(3)):
 * ~id << 3 | is_thread << 2 | kind, kind 2 being the only one that differs
 * from the whole time a thread ran.
 */
#define CPU_CLOCK_OWN_PROCESS (-8 | 2)
#define CPU_CLOCK_OWN_THREAD  (-8 | 4 | 2)

static int cpu_clock(s32 clock, u64 *out_ns)
{
	u32 id = ~(u32)(clock / 8 - (clock % 8 < 0)), kind = (u32)clock & 3;
	bool is_thread = (u32)clock & 4;
	struct cpu_usage usage;
	struct process *process;
	struct task *task;

	if (kind == 3)
		return -EINVAL;
	if (is_thread) {
		task = id ? task_find(id) : current_task();
		if (!task)
			return -EINVAL;
		task_usage(task, &usage);
		if (id)
			task_put(task);
	} else {
		process = id ? process_find(id) : current_process();
		if (!process)
			return -EINVAL;
		process_usage(process, &usage);
		if (id)
			process_put(process);
	}
	*out_ns = usage.user_ns + usage.system_ns;
	return 0;
}

static int clock_read(s32 clock, u64 *out_ns)
{
	if (clock < 0)
		return cpu_clock(clock, out_ns);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
		*out_ns = time_real_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*out_ns = time_mono_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		return cpu_clock(CPU_CLOCK_OWN_PROCESS, out_ns);
	case CLOCK_THREAD_CPUTIME_ID:
		return cpu_clock(CPU_CLOCK_OWN_THREAD, out_ns);
	default:
		return -EINVAL;
	}
}

long sys_clock_gettime(u64 clock, u64 ts_vaddr)
{
	u64 ns;
	int err = clock_read((s32)clock, &ns);

	return err ? err : usertime_put_timespec(ts_vaddr, ns);
}

long sys_clock_getres(u64 clock, u64 ts_vaddr)
{
	u64 ns;
	int err = clock_read((s32)clock, &ns);

	if (err || !ts_vaddr)
		return err;
	return usertime_put_timespec(ts_vaddr, 1);
}

long sys_clock_settime(u64 clock, u64 ts_vaddr)
{
	u64 ns;
	int err;

	if ((s32)clock != CLOCK_REALTIME)
		return -EINVAL;
	err = usertime_get_timespec(ts_vaddr, &ns);
	if (err)
		return err;
	if (!process_may(CAP_SYS_TIME))
		return -EPERM;
	time_set_real_ns(ns);
	return 0;
}

long sys_gettimeofday(u64 tv_vaddr, u64 tz_vaddr)
{
	if (tv_vaddr && usertime_put_timeval(tv_vaddr, time_real_ns()))
		return -EFAULT;
	/* The kernel's time zone is UTC: struct timezone is two zero ints. */
	return tz_vaddr ? put_user_u64(tz_vaddr, 0) : 0;
}

long sys_time(u64 vaddr)
{
	u64 now = time_real_ns() / NSEC_PER_SEC;

	if (vaddr && put_user_u64(vaddr, now))
		return -EFAULT;
	return (long)now;
}

/* ---- sleeping ---------------------------------------------------------- */

/* args: [0] where to store the time left, 0: nowhere */
static long sleep_until_deadline(struct restart_block *block)
{
	u64 now;

	if (!sleep_intr_until(block->deadline_ns))
		return 0;
	now = time_mono_ns();
	if (now >= block->deadline_ns)
		return 0;
	if (block->args[0] &&
	    usertime_put_timespec(block->args[0], block->deadline_ns - now))
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_relative(s32 clock, u64 ns, u64 left_vaddr)
{
	struct restart_block *block = &current_task()->restart;

	block->fn = sleep_until_deadline;
	block->deadline_ns = usertime_deadline(clock, ns, false);
	block->args[0] = left_vaddr;
	return sleep_until_deadline(block);
}

long sys_nanosleep(u64 ts_vaddr, u64 left_vaddr)
{
	u64 ns;
	int err = usertime_get_timespec(ts_vaddr, &ns);

	return err ? err : sleep_relative(CLOCK_MONOTONIC, ns, left_vaddr);
}

long sys_clock_nanosleep(u64 clock, u64 flags, u64 ts_vaddr, u64 left_vaddr)
{
	u64 ns, now;
	int err;

	if ((s32)clock < 0 || (s32)clock == CLOCK_THREAD_CPUTIME_ID ||
	    clock_read((s32)clock, &now))
		return -EINVAL;
	if ((s32)clock == CLOCK_PROCESS_CPUTIME_ID)
		return -EOPNOTSUPP;
	err = usertime_get_timespec(ts_vaddr, &ns);
	if (err)
		return err;
	if (!(flags & TIMER_ABSTIME))
		return sleep_relative((s32)clock, ns, left_vaddr);
	if (sleep_intr_until(usertime_deadline((s32)clock, ns, true)))
		return -ERESTARTNOHAND;
	return 0;
}

long sys_restart_syscall(void)
{
	struct restart_block *block = &current_task()->restart;

	return block->fn ? block->fn(block) : -EINTR;
}
