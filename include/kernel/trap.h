/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H
/* What arch/x86 calls in kernel/: the way out to user mode, and oopses. */
#include <lib/types.h>

struct user_regs;
struct thread;

/**
 * exit_work - do what is pending before user mode: reschedule, hooks.
 *
 * Context: interrupts off; returns with interrupts off.
 */
void exit_work(struct user_regs *regs);

/**
 * exit_to_user - the last thing before user mode: exit_work() and accounting.
 *
 * Context: interrupts off.
 */
void exit_to_user(struct user_regs *regs);
/** enter_user - load @regs, which stand at the top of the thread's stack. */
_Noreturn void enter_user(struct user_regs *regs);

/** oops - print @what, registers and a call trace, and stop the node. */
_Noreturn void oops(struct user_regs *regs, const char *what);

/** symbol_name - function at @kaddr; *@offset: bytes into it. NULL: none. */
const char *symbol_name(u64 kaddr, u64 *offset);

/** stack_trace_print - log the call trace that begins at frame @rbp. */
void stack_trace_print(u64 rip, u64 rbp);

/** stack_trace_thread - the same of a thread that does not run, as far as one
 * can tell; @t and its stack do not go away meanwhile. */
void stack_trace_thread(const struct thread *t);

/** irq_enter, irq_leave - around interrupt handlers; for in_interrupt(). */
void irq_enter(void);
void irq_leave(void);

/** smp_call_serve - run what other CPUs asked this one to. */
void smp_call_serve(void);

/** timer_interrupt - the clock event device fired. */
void timer_interrupt(void);

/** clock_event_set - have timer_interrupt() called here at @deadline_ns. */
void clock_event_set(u64 deadline_ns);

/** smp_stop_others - halt all other CPUs (panic). */
void smp_stop_others(void);
/** smp_kick - interrupt @cpu so that it looks at its state. */
void smp_kick_call(u32 cpu);
void smp_kick_resched(u32 cpu);

/** smp_start_cpus - start all other CPUs; each ends up in sched_ap_main(). */
void smp_start_cpus(void);

#endif
