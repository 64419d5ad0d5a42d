/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

/*
 * Threads.  A thread runs in the kernel until it sleeps, yields, exits or
 * returns to user mode; there is no preemption in kernel mode.  It may move
 * to another CPU only while it is off the CPU.
 *
 * States:
 *
 *	NEW --thread_start--> RUNNABLE --exit--> DEAD --(last put)--> freed
 *	                       |   ^
 *	              wait_*() v   | thread_wake
 *	                      SLEEPING
 *
 * RUNNABLE threads are on a run queue or are the current thread of a CPU.
 * All transitions are made in kernel/sched.c under the run queue's lock.
 *
 * Lifetime: counted.  A running thread has one reference, which goes when it
 * exits.  The pointer from thread_create() is valid until thread_start(); who
 * needs it longer takes thread_get() first.
 */
#include <arch/x86/percpu.h>
#include <arch/x86/user.h>
#include <kernel/cpu.h>
#include <kernel/wait.h>
#include <kernel/work.h>
#include <lib/atomic.h>
#include <lib/list.h>

#define THREAD_NAME_MAX    32
#define THREAD_STACK_BYTES 32768

enum thread_state {
	THREAD_NEW,
	THREAD_RUNNABLE,
	THREAD_SLEEPING,
	THREAD_DEAD,
};

/* struct thread::flags */
#define THREAD_INTERRUPTED BIT(0) /* interruptible waits return -EINTR */
#define THREAD_USER_WORK   BIT(1) /* hooks.return_to_user is wanted */

struct thread {
	/* Switch path; the offsets of these are known to assembly. */
	u64 kernel_sp; /* saved while off the CPU */
	u64 stack_top; /* highest address of the kernel stack */

	u32 state;    /* enum thread_state [run queue lock] */
	u32 flags;    /* THREAD_* [atomic] */
	u32 cpu;      /* last or current CPU [run queue lock] */
	u32 id;       /* for people; unique since boot */
	bool is_user; /* enters user mode */
	bool is_idle;
	struct list_head run_link; /* [run queue lock] */
	struct cpumask affinity;   /* CPUs it may use */

	void *owner;          /* processor: struct task [set before start] */
	struct user_fpu *fpu; /* user threads: saved while off the CPU */
	u64 fs_base, gs_base; /* user's; as loaded when on the CPU */

	void (*fn)(void *arg);
	void *arg;
	atomic_t nr_refs;
	struct completion exited;
	u64 run_cycles;  /* TSC cycles on the CPU up to the last switch */
	u64 user_cycles; /* thereof in user mode */
	u64 switched_in; /* TSC when it last got the CPU */
	u64 user_since;  /* TSC when it last entered user mode */
	u64 entered;     /* TSC when its last page fault there trapped */
	u64 nr_switches;
	struct list_head all_link; /* [thread_list_lock] */
	char name[THREAD_NAME_MAX];

	u32 nr_spinlocks; /* debug: held now */
	/* Where it waits, NULL: nowhere; the name of what it waits for and who
	 * has that, if known; for the watchdog and `ps` [own thread]. */
	const struct wait_site *wait_site;
	const char *wait_what;
	struct thread *const *wait_owner;
	u32 nr_waits; /* begun since it was made [own thread] */
	/* What the watchdog saw last. [its thread] */
	u32 watched_waits, watched_looks;
	u64 watched_since_ns;
	u32 nr_sleep_locks;       /* debug: mutexes and rwsems held */
	u16 sleep_rank_stack[12]; /* debug: their ranks */
	void *stack;              /* lowest address */
	struct work reap;         /* frees it */
};

DECLARE_PERCPU(struct thread *, current_thread_ptr);

/** current_thread - the thread that is running here. Context: any. */
static __always_inline struct thread *current_thread(void)
{
	return this_cpu_read_stable(current_thread_ptr);
}

/**
 * thread_create - make a thread that will run @fn(@arg), not yet started.
 *
 * @name: copied.
 * Context: thread.
 * Return: the thread; NULL if there is no memory.
 */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg);

/**
 * thread_create_user - make a thread that starts in user mode at @regs.
 *
 * The owner gives it fpu, fs_base and gs_base (copied from another thread by
 * user_state_copy(), else fresh).  It starts through hooks.return_to_user.
 */
struct thread *thread_create_user(const char *name,
				  const struct user_regs *regs, void *owner);

/** thread_start - let a new thread run. */
void thread_start(struct thread *t);

/** thread_destroy_new - free a thread that was never started. */
void thread_destroy_new(struct thread *t);

/** thread_spawn - thread_create() and thread_start(). Return: as there, but
 * the pointer is only good for comparing with NULL. */
struct thread *thread_spawn(const char *name, void (*fn)(void *), void *arg);

/** thread_get, thread_put - take and drop a reference. Context: any; the last
 * put frees in a worker. */
void thread_get(struct thread *t);
void thread_put(struct thread *t);

/** thread_join - sleep until @t, on which we hold a reference, has exited. */
void thread_join(struct thread *t);

/** thread_exit - end the calling thread.  Returning from fn does the same. */
_Noreturn void thread_exit(void);

/** thread_should_yield - does another thread wait for this CPU?  For loops that
 * poll. */
bool thread_should_yield(void);
/** thread_yield - let others of this CPU run. Context: may sleep. */
void thread_yield(void);

/**
 * thread_set_affinity - restrict @t to the CPUs of @mask.
 *
 * A thread other than the caller moves when it next gets off its CPU; the
 * caller has moved when this returns. Return: 0, or -EINVAL if no CPU of
 * @mask is online.
 */
int thread_set_affinity(struct thread *t, const struct cpumask *mask);

/** thread_rename - for `ps`; @name is copied. */
void thread_rename(struct thread *t, const char *name);

/**
 * thread_interrupt - make interruptible waits of @t return -EINTR, and have
 * hooks.return_to_user called before @t is next in user mode.
 *
 * The first lasts until thread_clear_interrupt(@t).  Context: any.
 */
void thread_interrupt(struct thread *t);
void thread_clear_interrupt(struct thread *t);
static inline bool thread_interrupted(const struct thread *t)
{
	return READ_ONCE(t->flags) & THREAD_INTERRUPTED;
}

/** thread_user_work - have hooks.return_to_user called soon. Context: any. */
void thread_user_work(struct thread *t);

/**
 * thread_wake - make @t runnable if it sleeps in a wait_*() or sleep_*().
 *
 * Waits re-check their condition, so a spurious wake is harmless.
 * Context: any.
 */
void thread_wake(struct thread *t);

/** thread_cpu_ns - CPU time of @t so far, all or user mode only. */
u64 thread_cpu_ns(const struct thread *t);
u64 thread_user_ns(const struct thread *t);

/** thread_count - threads that exist, idle threads included. */
u32 thread_count(void);
/** sched_nr_running - runnable threads on all CPUs now, idle not counted. */
u32 sched_nr_running(void);
/** sched_idle_ns - time @cpu has been idle since boot. */
u64 sched_idle_ns(unsigned int cpu);
u64 sched_nr_switches(void);

#endif
