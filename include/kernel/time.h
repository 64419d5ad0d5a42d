/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H
/*
 * Time in nanoseconds: monotonic since boot, from the TSC; and wall clock,
 * which is the RTC at boot plus the former.  Timers are one-shot, per CPU,
 * ordered by deadline; there is no periodic tick.
 */
#include <lib/rbtree.h>
#include <lib/types.h>

#define NSEC_PER_USEC 1000ul
#define NSEC_PER_MSEC 1000000ul
#define NSEC_PER_SEC  1000000000ul

/** time_mono_ns - nanoseconds since boot; never goes back. Context: any. */
u64 time_mono_ns(void);
/** time_real_ns - nanoseconds since 1970-01-01 UTC. */
u64 time_real_ns(void);
/** time_set_real_ns - set the wall clock (not the RTC). */
void time_set_real_ns(u64 now_ns);

/** time_tsc_khz - frequency of the TSC, as calibrated. */
u64 time_tsc_khz(void);
/** time_cycles - the TSC itself; time_cycles_to_ns() for differences. */
u64 time_cycles(void);
u64 time_cycles_to_ns(u64 cycles);

/** udelay - spin for @us microseconds; for hardware that asks for it. */
void udelay(u64 us);

struct timer {
	void (*fn)(struct timer *);
	struct rb_node node; /* [timer base lock] */
	u64 deadline_ns;     /* [timer base lock] */
	u32 cpu;             /* whose base it is on [timer base lock] */
	bool is_pending;     /* [timer base lock] */
};

/** timers_init_cpu - at boot, before @cpu runs. */
void timers_init_cpu(u32 cpu);

/** timer_init - @fn will be called in interrupt context. */
void timer_init(struct timer *t, void (*fn)(struct timer *));

/**
 * timer_start - have @t fire at @deadline_ns (time_mono_ns()), once.
 *
 * A pending timer is moved.  Context: any, also @t's own function.
 */
void timer_start(struct timer *t, u64 deadline_ns);

/**
 * timer_cancel - @t will not fire, and its function is not running, after this.
 *
 * Context: any but the timer's own function, holding no lock it takes.
 * Return: true if it was pending.
 */
bool timer_cancel(struct timer *t);

/** sleep_ns, sleep_until - sleep. Context: thread. */
void sleep_ns(u64 ns);
void sleep_until(u64 deadline_ns);
/** sleep_intr_until - Return: 0 at the deadline, -EINTR if interrupted. */
int sleep_intr_until(u64 deadline_ns);

#endif
