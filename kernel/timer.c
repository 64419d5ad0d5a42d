/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers: a tree by deadline for each CPU; its first one is what the CPU's
 * clock event device is set for.  A timer belongs to the CPU that started it.
 */
#include <kernel/time.h>

#include <arch/x86/barrier.h>
#include <arch/x86/cpu.h>
#include <arch/x86/rtc.h>
#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <kernel/sched.h>
#include <kernel/spinlock.h>
#include <kernel/trap.h>
#include <lib/atomic.h>

struct timer_base {
	struct spinlock lock;
	struct rb_root timers;       /* [lock] */
	const struct timer *running; /* its function is being called [lock] */
	u64 event_ns;                /* what the device is set for [lock] */
};

static DEFINE_PERCPU(struct timer_base, timer_base);
static u64 real_offset_ns; /* wall clock minus monotonic [atomic] */

static bool timer_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct timer, node)->deadline_ns <
	       rb_entry(b, struct timer, node)->deadline_ns;
}

void timers_init_cpu(u32 cpu)
{
	struct timer_base *base = per_cpu_ptr(timer_base, cpu);

	spin_lock_init(&base->lock, "timers", LOCK_TIMER);
	base->event_ns = ~0ul;
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){.fn = fn, .cpu = cpu_id()};
}

/* Lock the base that @t is on. Context: interrupts off. */
static struct timer_base *lock_base_of(struct timer *t)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);
		struct timer_base *base = per_cpu_ptr(timer_base, cpu);

		spin_lock(&base->lock);
		if (READ_ONCE(t->cpu) == cpu)
			return base;
		spin_unlock(&base->lock);
	}
}

static void detach(struct timer_base *base, struct timer *t)
{
	rb_erase(&base->timers, &t->node);
	t->is_pending = false;
}

/* Set the device for the first timer. Context: this CPU's base locked. */
static void program(struct timer_base *base)
{
	struct rb_node *first = rb_first(&base->timers);
	u64 deadline;

	if (!first)
		return; /* an event without a timer is harmless */
	deadline = rb_entry(first, struct timer, node)->deadline_ns;
	if (deadline >= base->event_ns)
		return;
	base->event_ns = deadline;
	clock_event_set(deadline);
}

void timer_start(struct timer *t, u64 deadline_ns)
{
	u64 flags = irq_save();
	u32 me = cpu_id();
	struct timer_base *base;

	for (;;) {
		base = lock_base_of(t);
		if (t->is_pending)
			detach(base, t);
		if (t->cpu == me)
			break;
		WRITE_ONCE(t->cpu, me); /* and look again, under our lock */
		spin_unlock(&base->lock);
	}
	t->deadline_ns = deadline_ns;
	t->is_pending = true;
	rb_insert(&base->timers, &t->node, timer_less);
	program(base);
	spin_unlock(&base->lock);
	irq_restore(flags);
}

bool timer_cancel(struct timer *t)
{
	u64 flags;

	for (;;) {
		struct timer_base *base;
		bool pending, running;

		flags = irq_save();
		base = lock_base_of(t);
		pending = t->is_pending;
		running = base->running == t;
		if (pending)
			detach(base, t);
		spin_unlock(&base->lock);
		irq_restore(flags);
		if (!running)
			return pending;
		cpu_relax();
	}
}

void timer_interrupt(void)
{
	struct timer_base *base = this_cpu_ptr(timer_base);
	struct rb_node *first;

	spin_lock(&base->lock);
	while ((first = rb_first(&base->timers))) {
		struct timer *t = rb_entry(first, struct timer, node);
		void (*fn)(struct timer *) = t->fn;

		if (t->deadline_ns > time_mono_ns())
			break;
		detach(base, t);
		base->running = t;
		spin_unlock(&base->lock);
		fn(t); /* may free or restart @t */
		spin_lock(&base->lock);
		base->running = NULL;
	}
	base->event_ns = ~0ul;
	program(base);
	spin_unlock(&base->lock);
}

u64 time_real_ns(void)
{
	return time_mono_ns() + READ_ONCE(real_offset_ns);
}

void time_set_real_ns(u64 now_ns)
{
	WRITE_ONCE(real_offset_ns, now_ns - time_mono_ns());
}

void time_init(void)
{
	time_set_real_ns(rtc_read_seconds() * NSEC_PER_SEC);
}
