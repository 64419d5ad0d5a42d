/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduler.
 *
 * Each CPU has a run queue with two lists: kernel threads, which always go
 * first and run until they sleep, and user threads, which share by time
 * slices.  A slice timer runs only while somebody waits behind a user thread.
 *
 * A thread that wakes goes to the CPU that wakes it if that one is idle (no
 * interrupt is needed, and its cache has the data), else to its last CPU if
 * idle, else to any idle CPU, else it queues on its last one.  A CPU that runs
 * out of work takes from others.
 *
 * The run queue's lock is held across the switch and released by the next
 * thread, so who gets the lock and finds a thread neither current nor queued
 * knows that its stack is saved.
 */
#define pr_fmt(fmt) "sched: " fmt
#include <kernel/sched.h>

#include <arch/x86/cpu.h>
#include <arch/x86/setup.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/hooks.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <mm/slab.h>
#include <mm/vmap.h>

#include "lock_debug.h"

#define SLICE_NS (4 * NSEC_PER_MSEC)

enum { QUEUE_KERNEL, QUEUE_USER, NR_QUEUES };

struct runqueue {
	struct spinlock lock;
	struct list_head queues[NR_QUEUES]; /* [lock] */
	u32 nr_queued;                      /* [lock; read: hint] */
	u32 need_resched;                   /* [atomic] */
	struct thread *current;             /* [lock] */
	struct thread *idle;                /* [set once] */
	struct thread *prev;                /* just switched from [lock] */
	bool prev_moves;  /* prev may not run here any more [lock] */
	bool slice_armed; /* [lock] */
	struct timer slice;
	u64 idle_cycles; /* [lock] */
	u64 nr_switches; /* [lock] */
};

static DEFINE_PERCPU(struct runqueue, runqueue);
static DEFINE_PERCPU(u64, halted_at); /* by the TSC; 0: runs [this CPU] */
static struct cpumask idle_cpus;      /* [atomic; a hint] */

static struct runqueue *rq_of(u32 cpu)
{
	return per_cpu_ptr(runqueue, cpu);
}

/* Lock the run queue that @t belongs to. Context: interrupts off. */
static struct runqueue *lock_rq_of(struct thread *t)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);
		struct runqueue *rq = rq_of(cpu);

		spin_lock(&rq->lock);
		if (READ_ONCE(t->cpu) == cpu)
			return rq;
		spin_unlock(&rq->lock);
	}
}

static void slice_start(struct runqueue *rq)
{
	if (rq->slice_armed)
		return;
	rq->slice_armed = true;
	timer_start(&rq->slice, time_mono_ns() + SLICE_NS);
}

static void slice_over(struct timer *timer)
{
	struct runqueue *rq = container_of(timer, struct runqueue, slice);

	spin_lock(&rq->lock);
	rq->slice_armed = false;
	if (rq->nr_queued)
		WRITE_ONCE(rq->need_resched, 1);
	spin_unlock(&rq->lock);
}

/*
 * Put @t, whose cpu this is, on the queue.
 *
 * Return: must that CPU be told?  Who asks does so without the lock, which
 * sched_ipi() takes at once.
 * Context: @rq locked.
 */
static __must_check bool enqueue(struct runqueue *rq, struct thread *t)
{
	struct thread *current = rq->current;
	bool is_remote = t->cpu != cpu_id();

	list_add_tail(&t->run_link,
		      &rq->queues[t->is_user ? QUEUE_USER : QUEUE_KERNEL]);
	WRITE_ONCE(rq->nr_queued, rq->nr_queued + 1);
	if (current->is_idle || (current->is_user && !t->is_user))
		return !xchg(&rq->need_resched, 1) && is_remote;
	if (!current->is_user || rq->slice_armed)
		return false;
	if (!is_remote)
		slice_start(rq);
	return is_remote; /* sched_ipi() starts it there */
}

static struct thread *dequeue(struct runqueue *rq)
{
	for (int q = 0; q < NR_QUEUES; q++) {
		struct thread *t = list_first_entry_or_null(
			&rq->queues[q], struct thread, run_link);

		if (t) {
			list_del_init(&t->run_link);
			WRITE_ONCE(rq->nr_queued, rq->nr_queued - 1);
			return t;
		}
	}
	return NULL;
}

static bool cpu_is_idle(u32 cpu)
{
	return cpumask_test(&idle_cpus, cpu) &&
	       !READ_ONCE(rq_of(cpu)->nr_queued);
}

/* Where to queue @t, which is off its CPU. */
static u32 choose_cpu(const struct thread *t)
{
	u32 me = cpu_id(), cpu;

	if (cpumask_test(&t->affinity, me) && cpu_is_idle(me))
		return me;
	if (cpumask_test(&t->affinity, t->cpu) && cpu_is_idle(t->cpu))
		return t->cpu;
	for_each_cpu (cpu, &idle_cpus)
		if (cpumask_test(&t->affinity, cpu) && cpu_is_idle(cpu))
			return cpu;
	if (cpumask_test(&t->affinity, t->cpu))
		return t->cpu;
	for_each_cpu (cpu, &t->affinity)
		if (cpumask_test(&cpus_online, cpu))
			return cpu;
	return t->cpu;
}

/* Queue a runnable thread that is on no queue and no CPU.
 * Return: must @cpu be told?  Context: interrupts off, no run queue locked. */
static __must_check bool place_quietly(struct thread *t, u32 cpu)
{
	struct runqueue *rq = rq_of(cpu);
	bool must_tell;

	if (t->cpu != cpu)
		counter_inc(nr_thread_migrated);
	WRITE_ONCE(t->cpu, cpu);
	spin_lock(&rq->lock);
	must_tell = enqueue(rq, t);
	spin_unlock(&rq->lock);
	return must_tell;
}

static void place(struct thread *t, u32 cpu)
{
	if (place_quietly(t, cpu))
		smp_kick_resched(cpu);
}

void sched_enqueue_new(struct thread *t)
{
	u64 flags = irq_save();

	ASSERT(t->state == THREAD_NEW);
	WRITE_ONCE(t->state, THREAD_RUNNABLE);
	place(t, choose_cpu(t));
	irq_restore(flags);
}

void sched_wake(struct thread *t, struct cpumask *untold)
{
	struct runqueue *rq = lock_rq_of(t);
	bool must_tell;
	u32 cpu;

	if (t->state != THREAD_SLEEPING) {
		spin_unlock(&rq->lock);
		return;
	}
	WRITE_ONCE(t->state, THREAD_RUNNABLE);
	if (rq->current == t) { /* on its way to sleep: schedule() will see */
		spin_unlock(&rq->lock);
		return;
	}
	cpu = choose_cpu(t);
	if (cpu == t->cpu) {
		must_tell = enqueue(rq, t);
		spin_unlock(&rq->lock);
	} else {
		spin_unlock(&rq->lock);
		must_tell = place_quietly(t, cpu);
	}
	if (must_tell)
		cpumask_set(untold, cpu);
}

void sched_tell(const struct cpumask *untold)
{
	u32 cpu;

	for_each_cpu (cpu, untold)
		smp_kick_resched(cpu);
}

void thread_wake(struct thread *t)
{
	struct cpumask untold = {};
	u64 flags = irq_save();

	sched_wake(t, &untold);
	sched_tell(&untold);
	irq_restore(flags);
}

static void account_switch(struct runqueue *rq, struct thread *prev,
			   struct thread *next)
{
	u64 now = rdtsc();

	prev->run_cycles += now - prev->switched_in;
	if (prev->is_idle) {
		rq->idle_cycles += now - prev->switched_in;
		cpumask_clear_atomic(&idle_cpus, cpu_id());
	}
	if (next->is_idle)
		cpumask_set_atomic(&idle_cpus, cpu_id());
	next->switched_in = now;
	next->nr_switches++;
	rq->nr_switches++;
	counter_inc(nr_context_switch);
}

void schedule(void)
{
	u64 flags = irq_save();
	struct runqueue *rq = this_cpu_ptr(runqueue);
	struct thread *prev, *next;

	spin_lock(&rq->lock);
	prev = rq->current;
	if (prev->state == THREAD_RUNNABLE && !prev->is_idle) {
		if (cpumask_test(&prev->affinity, prev->cpu)) {
			list_add_tail(&prev->run_link,
				      &rq->queues[prev->is_user]);
			WRITE_ONCE(rq->nr_queued, rq->nr_queued + 1);
		} else {
			rq->prev_moves = true;
		}
	}
	WRITE_ONCE(rq->need_resched, 0);
	next = dequeue(rq);
	if (!next)
		next = rq->idle;
	if (next->is_user && rq->nr_queued)
		slice_start(rq);
	if (next == prev) {
		spin_unlock(&rq->lock);
		irq_restore(flags);
		return;
	}
	account_switch(rq, prev, next);
	rq->current = next;
	rq->prev = prev;
	thread_arch_switch(prev, next);
	/* Another time, maybe another CPU. */
	sched_finish_switch();
	irq_restore(flags);
}

void sched_finish_switch(void)
{
	struct runqueue *rq = this_cpu_ptr(runqueue);
	struct thread *prev = rq->prev;
	bool moves = rq->prev_moves, is_dead = prev->state == THREAD_DEAD;

	rq->prev_moves = false;
	spin_unlock(&rq->lock);
	if (moves)
		place(prev, choose_cpu(prev));
	if (is_dead) {
		complete_all(&prev->exited);
		thread_put(prev);
	}
}

bool sched_need_resched(void)
{
	return this_cpu_read(runqueue.need_resched);
}

void sched_ipi(void)
{
	struct runqueue *rq = this_cpu_ptr(runqueue);

	spin_lock(&rq->lock);
	if (rq->nr_queued && rq->current->is_user)
		slice_start(rq);
	spin_unlock(&rq->lock);
}

static __noinline void exit_work_do(struct user_regs *regs)
{
	struct thread *t = current_thread();

	for (;;) {
		if (sched_need_resched()) {
			schedule();
			continue;
		}
		if (!(READ_ONCE(t->flags) & THREAD_USER_WORK))
			return;
		fetch_and(&t->flags, ~(u32)THREAD_USER_WORK);
		if (user_hooks.return_to_user) {
			irq_enable();
			user_hooks.return_to_user(regs);
			irq_disable();
		}
	}
}

void exit_work(struct user_regs *regs)
{
	if (unlikely(sched_need_resched() ||
		     READ_ONCE(current_thread()->flags) & THREAD_USER_WORK))
		exit_work_do(regs);
}

/* Have @t, which is perhaps in user mode elsewhere, look at its flags. */
static void nudge(struct thread *t)
{
	u32 cpu = READ_ONCE(t->cpu);

	thread_wake(t);
	if (t->is_user && cpu != cpu_id() &&
	    READ_ONCE(rq_of(cpu)->current) == t)
		smp_kick_resched(cpu);
}

void thread_interrupt(struct thread *t)
{
	fetch_or(&t->flags, (u32)(THREAD_INTERRUPTED | THREAD_USER_WORK));
	nudge(t);
}

void thread_clear_interrupt(struct thread *t)
{
	fetch_and(&t->flags, ~(u32)THREAD_INTERRUPTED);
}

void thread_user_work(struct thread *t)
{
	u32 cpu = READ_ONCE(t->cpu);

	fetch_or(&t->flags, (u32)THREAD_USER_WORK);
	if (cpu != cpu_id() && READ_ONCE(rq_of(cpu)->current) == t)
		smp_kick_resched(cpu);
}

int thread_set_affinity(struct thread *t, const struct cpumask *mask)
{
	struct cpumask usable = *mask;
	struct runqueue *rq;
	bool must_move;
	u64 flags;

	for (size_t i = 0; i < ARRAY_SIZE(usable.bits); i++)
		usable.bits[i] &= cpus_online.bits[i];
	if (cpumask_empty(&usable))
		return -EINVAL;
	flags = irq_save();
	rq = lock_rq_of(t);
	t->affinity = *mask;
	must_move = !cpumask_test(mask, t->cpu);
	/* Queued where it may not run: take it along. */
	if (must_move && t->state == THREAD_RUNNABLE && rq->current != t &&
	    !list_empty(&t->run_link)) {
		list_del_init(&t->run_link);
		WRITE_ONCE(rq->nr_queued, rq->nr_queued - 1);
		spin_unlock(&rq->lock);
		place(t, choose_cpu(t));
	} else {
		if (must_move && rq->current == t)
			WRITE_ONCE(rq->need_resched, 1);
		spin_unlock(&rq->lock);
	}
	irq_restore(flags);
	if (must_move && t == current_thread())
		schedule();
	return 0;
}

bool thread_should_yield(void)
{
	return this_cpu_read(runqueue.nr_queued);
}

void thread_yield(void)
{
	might_sleep();
	schedule();
}

void thread_exit(void)
{
	might_sleep();
	irq_disable();
	WRITE_ONCE(current_thread()->state, THREAD_DEAD);
	schedule();
	panic("a dead thread ran");
}

/* Take a queued thread that may run on @cpu from @rq. */
static struct thread *steal_from(struct runqueue *rq, u32 cpu)
{
	struct thread *t, *found = NULL;

	if (!READ_ONCE(rq->nr_queued) || !spin_trylock(&rq->lock))
		return NULL;
	for (int q = 0; q < NR_QUEUES && !found; q++) {
		list_for_each_entry (t, &rq->queues[q], run_link) {
			if (cpumask_test(&t->affinity, cpu)) {
				found = t;
				break;
			}
		}
	}
	if (found) {
		list_del_init(&found->run_link);
		WRITE_ONCE(rq->nr_queued, rq->nr_queued - 1);
	}
	spin_unlock(&rq->lock);
	return found;
}

/* Context: idle thread, interrupts off. Return: whether there is work now. */
static bool steal(u32 me)
{
	u32 n = READ_ONCE(nr_cpus_online);

	for (u32 i = 1; i < n; i++) {
		struct thread *t = steal_from(rq_of((me + i) % n), me);

		if (t) {
			place(t, me);
			return true;
		}
	}
	return false;
}

void sched_idle_loop(void)
{
	u32 me = cpu_id();
	struct runqueue *rq = rq_of(me);

	for (;;) {
		irq_disable();
		if (READ_ONCE(rq->need_resched) || READ_ONCE(rq->nr_queued) ||
		    steal(me)) {
			irq_enable();
			schedule();
		} else {
			this_cpu_write(halted_at, rdtsc());
			cpu_idle_wait();
		}
	}
}

void sched_halt_ended(void)
{
	u64 at = this_cpu_read(halted_at);

	if (!at)
		return;
	this_cpu_write(halted_at, 0);
	counter_add(nr_halt_cycles, rdtsc() - at);
}

static void rq_init(u32 cpu, struct thread *idle)
{
	struct runqueue *rq = rq_of(cpu);

	spin_lock_init(&rq->lock, "runqueue", LOCK_RUNQUEUE);
	for (int q = 0; q < NR_QUEUES; q++)
		list_init(&rq->queues[q]);
	timer_init(&rq->slice, slice_over);
	rq->idle = idle;
	rq->current = idle;
	timers_init_cpu(cpu);
}

void sched_init(void)
{
	extern char boot_stack[], boot_stack_end[];
	static struct thread idle;

	thread_init_idle(&idle, 0, boot_stack,
			 (u64)(boot_stack_end - boot_stack));
	rq_init(0, &idle);
	this_cpu_write(current_thread_ptr, &idle);
	sched_init_cpu();
}

struct thread *sched_prepare_cpu(u32 cpu)
{
	struct thread *idle = kzalloc(sizeof(*idle));
	void *stack = vmalloc(THREAD_STACK_BYTES);

	if (!idle || !stack) {
		vfree(stack);
		kfree(idle);
		return NULL;
	}
	thread_init_idle(idle, cpu, stack, THREAD_STACK_BYTES);
	rq_init(cpu, idle);
	*per_cpu_ptr(current_thread_ptr, cpu) = idle;
	return idle;
}

void sched_init_cpu(void)
{
	current_thread()->switched_in = rdtsc();
	cpumask_set_atomic(&idle_cpus, cpu_id());
}

u32 sched_nr_running(void)
{
	u32 n = 0;

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		struct runqueue *rq = rq_of(cpu);

		n += READ_ONCE(rq->nr_queued) +
		     !READ_ONCE(rq->current)->is_idle;
	}
	return n;
}

u64 sched_idle_ns(unsigned int cpu)
{
	struct runqueue *rq = rq_of(cpu);
	u64 flags = spin_lock_irqsave(&rq->lock);
	u64 cycles = rq->idle_cycles;

	if (rq->current->is_idle)
		cycles += rdtsc() - rq->current->switched_in;
	spin_unlock_irqrestore(&rq->lock, flags);
	return time_cycles_to_ns(cycles);
}

u64 sched_nr_switches(void)
{
	u64 n = 0;

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		n += READ_ONCE(rq_of(cpu)->nr_switches);
	return n;
}
