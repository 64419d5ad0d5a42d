/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H
/* The scheduler, towards arch/x86 and the rest of kernel/. */
#include <lib/types.h>

struct cpumask;
struct thread;

/** sched_init - the running boot code becomes CPU 0's idle thread. */
void sched_init(void);
/** sched_prepare_cpu - make CPU @cpu's idle thread. NULL: no memory. */
struct thread *sched_prepare_cpu(u32 cpu);
/** sched_init_cpu - on a new CPU, before interrupts are on. */
void sched_init_cpu(void);
/** sched_idle_loop - what a CPU's idle thread does. */
_Noreturn void sched_idle_loop(void);

/** sched_halt_ended - an interrupt came, maybe to a CPU that halted. */
void sched_halt_ended(void);

/** schedule - give the CPU away if the caller sleeps or others wait. */
void schedule(void);
/** sched_finish_switch - first thing on the new stack. Context: irqs off. */
void sched_finish_switch(void);
/** sched_need_resched - should this CPU call schedule()? */
bool sched_need_resched(void);
/** sched_ipi - the reschedule interrupt came. */
void sched_ipi(void);
/** sched_enqueue_new - a new thread's first time on a run queue. */
void sched_enqueue_new(struct thread *t);
/** sched_wake - thread_wake(), but its CPU, if it must be told, is only put in
 * @untold: for who holds a lock that @t takes first.  Context: irqs off. */
void sched_wake(struct thread *t, struct cpumask *untold);
/** sched_tell - tell those CPUs.  Context: irqs off, no such lock held. */
void sched_tell(const struct cpumask *untold);

/** threads_for_each - call @fn for every thread, with the list locked. */
void threads_for_each(void (*fn)(void *arg, struct thread *t), void *arg);
/** threads_for_each_locked - the same from within such a call. */
void threads_for_each_locked(void (*fn)(void *arg, struct thread *t),
			     void *arg);
/** thread_init_idle - fill in @t as the idle thread of @cpu. */
void thread_init_idle(struct thread *t, u32 cpu, void *stack, u64 stack_bytes);

/* init/main.c */
void time_init(void);
void random_init(void);
void work_init_workers(void);
void monitor_start(void);
u32 selftest_run(void);

#endif
