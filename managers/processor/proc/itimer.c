/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers that send signals: alarm(2), setitimer(2), timer_create(2).
 *
 * All run on the monotonic clock.  ITIMER_VIRTUAL and ITIMER_PROF count CPU
 * time of the process: they are armed for the earliest moment that time could
 * be used up (all its tasks running without pause) and, when that has come
 * too early, armed again for what is left.
 *
 * A periodic timer whose signal is pending is not armed: it is when the signal
 * is taken, and the periods in between are counted then.  So a period that is
 * too short for us costs its program, at the pace of its signal handler, and
 * not the CPU that would do nothing but fire.
 */
#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <kernel/mutex.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/slab.h>

#include "internal.h"
#include "sigset.h"
#include "usertime.h"

#define ITIMER_REAL     0u
#define ITIMER_VIRTUAL  1u
#define ITIMER_PROF     2u
#define NR_ITIMERS      3u
#define NR_POSIX_TIMERS 32u
/* Of a timer whose signal nobody takes: it is ignored, or there is none. */
#define MIN_UNHEARD_NS (10 * NSEC_PER_MSEC)

#define SIGEV_SIGNAL    0u
#define SIGEV_NONE      1u
#define SIGEV_THREAD    2u
#define SIGEV_THREAD_ID 4u

struct signal_timer {
	struct timer timer;
	struct process *process; /* lives as long as we do */
	u64 deadline_ns;         /* 0: not armed [process_lock] */
	u64 interval_ns;         /* 0: once [process_lock] */
	u64 (*clock)(const struct signal_timer *t);
	u32 sig; /* 0: none */
	u32 tid; /* 0: to the process */
	bool is_used;
	bool is_posix;
	s32 id;
	s32 clock_id;
	u32 overrun;  /* periods since the last signal [process_lock] */
	bool is_sent; /* and not armed: its signal is pending [process_lock] */
	u64 value;
};

struct interval_timers {
	struct signal_timer itimer[NR_ITIMERS];
	struct signal_timer posix[NR_POSIX_TIMERS];
};

/* Made with the first timer.  A timer is looked up, set, read and deleted under
 * this lock; memory of the program is not touched meanwhile. */
static DEFINE_MUTEX(timers_lock, LOCK_MISC_SLEEP);

/* ---- clocks ------------------------------------------------------------ */

static u64 real_clock(const struct signal_timer *t)
{
	return time_mono_ns();
}

static u64 virtual_clock(const struct signal_timer *t)
{
	struct cpu_usage usage;

	process_usage_locked(t->process, &usage);
	return usage.user_ns;
}

static u64 prof_clock(const struct signal_timer *t)
{
	struct cpu_usage usage;

	process_usage_locked(t->process, &usage);
	return usage.user_ns + usage.system_ns;
}

/* Arm the kernel's timer for the earliest time @t can be due; not before
 * @min_ns have passed. */
static void arm_locked(struct signal_timer *t, u64 min_ns)
{
	u64 now = t->clock(t), left, tasks;

	left = t->deadline_ns > now ? t->deadline_ns - now : 0;
	left = max(left, min_ns);
	if (t->clock != real_clock) {
		tasks = min(t->process->nr_tasks, nr_cpus_online);
		left = max(left / max(tasks, 1ull), NSEC_PER_MSEC);
	}
	timer_start(&t->timer, usertime_add(time_mono_ns(), left));
}

/* ---- firing ------------------------------------------------------------ */

/* Return: is its signal pending now? */
static bool send_locked(struct signal_timer *t)
{
	struct siginfo info = {.code = t->is_posix ? SI_TIMER : SI_KERNEL};
	const struct signal_queue *queue = &t->process->pending;
	struct task *task = NULL;

	if (!t->sig)
		return false;
	if (t->is_posix) {
		info.timer.timer_id = t->id;
		info.timer.overrun = (s32)t->overrun;
		info.timer.value = t->value;
	}
	if (t->tid) {
		task = task_lookup_locked(t->tid);
		if (!task || task->process != t->process)
			return false;
		queue = &task->pending;
	}
	signal_send_locked(t->process, task, t->sig, &info);
	return queue->set & sigset_of(t->sig);
}

/* The periods that are over; the deadline becomes one to come. */
static u64 advance_locked(struct signal_timer *t)
{
	u64 now = t->clock(t), nr;

	if (now < t->deadline_ns)
		return 0;
	nr = (now - t->deadline_ns) / t->interval_ns + 1;
	t->deadline_ns += nr * t->interval_ns;
	return nr;
}

static u32 overrun_of(u64 nr)
{
	return (u32)min(nr, 0x7fffffffull);
}

static void on_timer(struct timer *timer)
{
	struct signal_timer *t =
		container_of(timer, struct signal_timer, timer);
	u64 flags = process_lock_irqsave();

	if (!t->deadline_ns || t->is_sent)
		goto unlock;
	if (t->clock(t) < t->deadline_ns) {
		arm_locked(t, 0);
		goto unlock;
	}
	t->overrun = 0;
	if (t->interval_ns)
		t->overrun = overrun_of(advance_locked(t) - 1);
	else
		t->deadline_ns = 0;
	t->is_sent = send_locked(t) && t->interval_ns;
	if (t->interval_ns && !t->is_sent)
		arm_locked(t, MIN_UNHEARD_NS);
unlock:
	process_unlock_irqrestore(flags);
}

/* @t's signal is no longer pending. */
static void go_on_locked(struct signal_timer *t)
{
	t->is_sent = false;
	t->overrun = overrun_of(t->overrun + advance_locked(t));
	arm_locked(t, 0);
}

/* Was @t's signal the one that is taken?  One below 32 is pending once, for
 * all who sent it. */
static bool is_taken(const struct signal_timer *t, sigset64 which,
		     const struct siginfo *info)
{
	if (!t->is_sent || !(which & sigset_of(t->sig)))
		return false;
	return !info || t->sig < 32 || info->code != SI_TIMER ||
	       info->timer.timer_id == t->id;
}

void itimers_taken_locked(struct process *process, sigset64 which,
			  struct siginfo *info)
{
	struct interval_timers *timers = process->timers;

	ASSERT_LOCKED(&process_lock);
	for (u32 i = 0; timers && i < NR_ITIMERS + NR_POSIX_TIMERS; i++) {
		struct signal_timer *t =
			i < NR_ITIMERS ? &timers->itimer[i]
				       : &timers->posix[i - NR_ITIMERS];

		if (!is_taken(t, which, info))
			continue;
		go_on_locked(t);
		if (info && t->is_posix && info->code == SI_TIMER &&
		    info->timer.timer_id == t->id)
			info->timer.overrun = (s32)t->overrun;
	}
}

/* ---- setting ----------------------------------------------------------- */

static void init_timer(struct signal_timer *t, struct process *process,
		       u64 (*clock)(const struct signal_timer *), u32 sig)
{
	timer_init(&t->timer, on_timer);
	t->process = process;
	t->clock = clock;
	t->sig = sig;
}

static struct interval_timers *get_timers(struct process *process)
{
	struct interval_timers *timers;

	mutex_lock(&timers_lock);
	timers = process->timers;
	if (!timers)
		timers = kzalloc(sizeof(*timers));
	if (timers && !process->timers) {
		init_timer(&timers->itimer[ITIMER_REAL], process, real_clock,
			   SIGALRM);
		init_timer(&timers->itimer[ITIMER_VIRTUAL], process,
			   virtual_clock, SIGVTALRM);
		init_timer(&timers->itimer[ITIMER_PROF], process, prof_clock,
			   SIGPROF);
		process->timers = timers;
	}
	mutex_unlock(&timers_lock);
	return timers;
}

/* What is left until @t fires, and its interval. */
static void read_timer(struct signal_timer *t, u64 *left_ns, u64 *interval_ns)
{
	u64 flags = process_lock_irqsave();
	u64 now = t->clock(t);

	*interval_ns = t->interval_ns;
	*left_ns = 0;
	if (t->is_sent) /* and not armed since */
		t->overrun = overrun_of(t->overrun + advance_locked(t));
	/* One that is due and has not fired yet is not "disarmed". */
	if (t->deadline_ns)
		*left_ns = t->deadline_ns > now ? t->deadline_ns - now : 1;
	process_unlock_irqrestore(flags);
}

/* @first_ns 0 stops it; else from now, or a time of the timer's own clock. */
static void set_timer(struct signal_timer *t, u64 first_ns, u64 interval_ns,
		      bool is_absolute)
{
	u64 flags;

	timer_cancel(&t->timer);
	flags = process_lock_irqsave();
	t->is_sent = false; /* what is pending stays so */
	t->interval_ns = interval_ns;
	t->deadline_ns = 0;
	if (first_ns) {
		t->deadline_ns = is_absolute
					 ? first_ns
					 : usertime_add(t->clock(t), first_ns);
		arm_locked(t, 0);
	}
	process_unlock_irqrestore(flags);
}

/* The function of a timer that is firing may arm it once more. */
static void stop_timer(struct signal_timer *t)
{
	u64 flags = process_lock_irqsave();

	t->deadline_ns = 0;
	t->interval_ns = 0;
	t->is_sent = false;
	process_unlock_irqrestore(flags);
	timer_cancel(&t->timer);
}

void itimers_exec(struct process *process)
{
	struct interval_timers *timers = process->timers;

	for (u32 i = 0; timers && i < NR_POSIX_TIMERS; i++) {
		struct signal_timer *t = &timers->posix[i];

		if (t->is_used)
			stop_timer(t);
		t->is_used = false;
	}
}

void itimers_exit(struct process *process)
{
	struct interval_timers *timers = process->timers;

	if (!timers)
		return;
	itimers_exec(process);
	for (u32 i = 0; i < NR_ITIMERS; i++)
		stop_timer(&timers->itimer[i]);
	process->timers = NULL;
	kfree(timers);
}

/* ---- setitimer(2), alarm(2) -------------------------------------------- */

struct user_itimerval {
	struct user_timeval interval;
	struct user_timeval value;
};

static int put_itimerval(u64 vaddr, u64 left_ns, u64 interval_ns)
{
	/* Less than a microsecond left is not nothing left. */
	struct user_itimerval v = {
		.interval = usertime_timeval(interval_ns),
		.value = usertime_timeval(left_ns ? max(left_ns, 1000ull) : 0),
	};

	return copy_to_user(vaddr, &v, sizeof(v));
}

long sys_getitimer(u64 which, u64 vaddr)
{
	struct interval_timers *timers = current_process()->timers;
	u64 left_ns = 0, interval_ns = 0;

	if ((u32)which >= NR_ITIMERS)
		return -EINVAL;
	if (timers)
		read_timer(&timers->itimer[(u32)which], &left_ns, &interval_ns);
	return put_itimerval(vaddr, left_ns, interval_ns);
}

/* Returns what it was set to. */
static void swap_itimer(struct signal_timer *t, u64 first_ns, u64 interval_ns,
			u64 *old_left_ns, u64 *old_interval_ns)
{
	mutex_lock(&timers_lock);
	read_timer(t, old_left_ns, old_interval_ns);
	set_timer(t, first_ns, interval_ns, false);
	mutex_unlock(&timers_lock);
}

long sys_setitimer(u64 which, u64 new_vaddr, u64 old_vaddr)
{
	u64 first_ns = 0, interval_ns = 0, old_left_ns, old_interval_ns;
	struct interval_timers *timers;
	struct user_itimerval v;
	int err;

	if ((u32)which >= NR_ITIMERS)
		return -EINVAL;
	if (new_vaddr) {
		if (copy_from_user(&v, new_vaddr, sizeof(v)))
			return -EFAULT;
		err = usertime_to_ns(v.value.sec, v.value.usec, 1000000,
				     &first_ns);
		if (!err)
			err = usertime_to_ns(v.interval.sec, v.interval.usec,
					     1000000, &interval_ns);
		if (err)
			return err;
	}
	timers = get_timers(current_process());
	if (!timers)
		return -ENOMEM;
	swap_itimer(&timers->itimer[(u32)which], first_ns, interval_ns,
		    &old_left_ns, &old_interval_ns);
	if (old_vaddr && put_itimerval(old_vaddr, old_left_ns, old_interval_ns))
		return -EFAULT;
	return 0;
}

long sys_alarm(u64 seconds)
{
	struct interval_timers *timers = get_timers(current_process());
	u64 left_ns, interval_ns;

	if (!timers)
		return 0;
	swap_itimer(&timers->itimer[ITIMER_REAL], (u32)seconds * NSEC_PER_SEC,
		    0, &left_ns, &interval_ns);
	/* Rounded, but a pending alarm is never 0. */
	return (long)max((left_ns + NSEC_PER_SEC / 2) / NSEC_PER_SEC,
			 left_ns ? 1ul : 0ul);
}

/* ---- timer_create(2) --------------------------------------------------- */

/* struct sigevent as far as the kernel looks at it. */
struct user_sigevent {
	u64 value;
	u32 sig;
	u32 notify;
	u32 tid;
	u32 pad;
	u8 rest[40];
};
_Static_assert(sizeof(struct user_sigevent) == 64, "struct sigevent");

struct user_itimerspec {
	struct user_timespec interval;
	struct user_timespec value;
};

/* Return: the timer, and timers_lock is held; NULL: there is none. */
static struct signal_timer *lock_posix(u32 id)
{
	struct interval_timers *timers;

	mutex_lock(&timers_lock);
	timers = current_process()->timers;
	if (timers && id < NR_POSIX_TIMERS && timers->posix[id].is_used)
		return &timers->posix[id];
	mutex_unlock(&timers_lock);
	return NULL;
}

static int check_event(const struct user_sigevent *event)
{
	switch (event->notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
		return signal_is_valid(event->sig) ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static u64 (*clock_of(s32 clock))(const struct signal_timer *)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		return real_clock;
	case CLOCK_PROCESS_CPUTIME_ID:
		return prof_clock;
	default:
		return NULL;
	}
}

long sys_timer_create(u64 clock, u64 event_vaddr, u64 id_vaddr)
{
	struct user_sigevent event = {.sig = SIGALRM};
	struct interval_timers *timers;
	struct signal_timer *t;
	u32 id;

	if (event_vaddr && copy_from_user(&event, event_vaddr, sizeof(event)))
		return -EFAULT;
	if (check_event(&event) || !clock_of((s32)clock))
		return -EINVAL;
	timers = get_timers(current_process());
	if (!timers)
		return -ENOMEM;
	mutex_lock(&timers_lock);
	for (id = 0; id < NR_POSIX_TIMERS && timers->posix[id].is_used;)
		id++;
	t = id < NR_POSIX_TIMERS ? &timers->posix[id] : NULL;
	if (t) {
		memset(t, 0, sizeof(*t));
		init_timer(t, current_process(), clock_of((s32)clock),
			   event.notify == SIGEV_NONE ? 0 : event.sig);
		t->is_used = true;
		t->is_posix = true;
		t->id = (s32)id;
		t->clock_id = (s32)clock;
		t->value = event_vaddr ? event.value : id;
		if (event.notify & SIGEV_THREAD_ID)
			t->tid = event.tid;
	}
	mutex_unlock(&timers_lock);
	if (!t)
		return -EAGAIN;
	return put_user_u32(id_vaddr, id);
}

static int put_itimerspec(u64 vaddr, u64 left_ns, u64 interval_ns)
{
	struct user_itimerspec v = {
		.interval = usertime_timespec(interval_ns),
		.value = usertime_timespec(left_ns),
	};

	return copy_to_user(vaddr, &v, sizeof(v));
}

long sys_timer_settime(u64 id, u64 flags, u64 new_vaddr, u64 old_vaddr)
{
	u64 first_ns, interval_ns, old_left_ns, old_interval_ns;
	bool is_absolute = flags & TIMER_ABSTIME;
	struct user_itimerspec v;
	struct signal_timer *t;
	int err;

	if (copy_from_user(&v, new_vaddr, sizeof(v)))
		return -EFAULT;
	err = usertime_to_ns(v.value.sec, v.value.nsec, NSEC_PER_SEC,
			     &first_ns);
	if (!err)
		err = usertime_to_ns(v.interval.sec, v.interval.nsec,
				     NSEC_PER_SEC, &interval_ns);
	if (err)
		return err;
	t = lock_posix((u32)id);
	if (!t)
		return -EINVAL;
	if (first_ns && is_absolute && t->clock == real_clock)
		first_ns = max(usertime_deadline(t->clock_id, first_ns, true),
			       1ull);
	read_timer(t, &old_left_ns, &old_interval_ns);
	set_timer(t, first_ns, interval_ns, is_absolute);
	mutex_unlock(&timers_lock);
	return old_vaddr
		       ? put_itimerspec(old_vaddr, old_left_ns, old_interval_ns)
		       : 0;
}

long sys_timer_gettime(u64 id, u64 vaddr)
{
	struct signal_timer *t = lock_posix((u32)id);
	u64 left_ns, interval_ns;

	if (!t)
		return -EINVAL;
	read_timer(t, &left_ns, &interval_ns);
	mutex_unlock(&timers_lock);
	return put_itimerspec(vaddr, left_ns, interval_ns);
}

long sys_timer_getoverrun(u64 id)
{
	struct signal_timer *t = lock_posix((u32)id);
	long overrun;

	if (!t)
		return -EINVAL;
	overrun = READ_ONCE(t->overrun);
	mutex_unlock(&timers_lock);
	return overrun;
}

long sys_timer_delete(u64 id)
{
	struct signal_timer *t = lock_posix((u32)id);

	if (!t)
		return -EINVAL;
	stop_timer(t);
	t->is_used = false;
	mutex_unlock(&timers_lock);
	return 0;
}
