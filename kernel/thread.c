/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads: making, counting and freeing them. */
#define pr_fmt(fmt) "thread: " fmt
#include <kernel/thread.h>

#include <arch/x86/cpu.h>
#include <arch/x86/setup.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/sched.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/vmap.h>

#include "lock_debug.h"

#define STACKS_KEPT_MAX 32

static DEFINE_SPINLOCK(thread_list_lock, LOCK_THREAD_LIST);
static LIST_HEAD(all_threads); /* [thread_list_lock] */
static u32 next_id = 1;        /* [thread_list_lock] */

/* Unmapping a stack interrupts every CPU, so some are kept for reuse. */
static void *stacks_kept[STACKS_KEPT_MAX]; /* [thread_list_lock] */
static u32 nr_stacks_kept;                 /* [thread_list_lock] */

static DEFINE_PERCPU(u32, irq_depth);

void irq_enter(void)
{
	check_interrupt_allowed();
	this_cpu_add(irq_depth, 1u);
}

void irq_leave(void)
{
	this_cpu_add(irq_depth, -1u);
}

bool in_interrupt(void)
{
	return this_cpu_read(irq_depth);
}

#if IS_ENABLED(CONFIG_DEBUG_LOCKS) /* else inline, and empty */
void might_sleep(void)
{
	const char *name = "";

	if (locks_held(&name))
		panic("sleeping while holding spinlock %s", name);
	if (in_interrupt() || !irqs_enabled())
		panic("sleeping with interrupts off");
}
#endif

static void list_thread(struct thread *t)
{
	u64 flags = spin_lock_irqsave(&thread_list_lock);

	t->id = next_id++;
	list_add_tail(&t->all_link, &all_threads);
	spin_unlock_irqrestore(&thread_list_lock, flags);
	gauge_add(nr_threads, 1);
}

static void unlist_thread(struct thread *t)
{
	u64 flags = spin_lock_irqsave(&thread_list_lock);

	list_del(&t->all_link);
	spin_unlock_irqrestore(&thread_list_lock, flags);
	gauge_sub(nr_threads, 1);
}

static void *stack_take(void)
{
	u64 flags = spin_lock_irqsave(&thread_list_lock);
	void *stack = nr_stacks_kept ? stacks_kept[--nr_stacks_kept] : NULL;

	spin_unlock_irqrestore(&thread_list_lock, flags);
	return stack ? stack : vmalloc(THREAD_STACK_BYTES);
}

static void stack_give(void *stack)
{
	u64 flags = spin_lock_irqsave(&thread_list_lock);

	if (nr_stacks_kept < STACKS_KEPT_MAX) {
		stacks_kept[nr_stacks_kept++] = stack;
		stack = NULL;
	}
	spin_unlock_irqrestore(&thread_list_lock, flags);
	vfree(stack);
}

static void thread_free(struct thread *t)
{
	unlist_thread(t);
	stack_give(t->stack);
	if (t->fpu)
		fpu_free(t->fpu);
	kfree(t);
}

static void reap(struct work *w)
{
	thread_free(container_of(w, struct thread, reap));
}

static void init_common(struct thread *t, const char *name)
{
	(void)strscpy(t->name, name, sizeof(t->name));
	t->state = THREAD_NEW;
	t->cpu = cpu_id();
	list_init(&t->run_link);
	for (size_t i = 0; i < ARRAY_SIZE(t->affinity.bits); i++)
		t->affinity.bits[i] = ~0ul;
	completion_init(&t->exited);
	work_init(&t->reap, reap);
	atomic_set(&t->nr_refs, 1);
}

void thread_init_idle(struct thread *t, u32 cpu, void *stack, u64 stack_bytes)
{
	init_common(t, "idle");
	t->state = THREAD_RUNNABLE;
	t->is_idle = true;
	t->cpu = cpu;
	t->affinity = cpumask_of(cpu);
	t->stack = stack;
	t->stack_top = (u64)stack + stack_bytes;
	list_thread(t);
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->stack = stack_take();
	if (!t->stack) {
		kfree(t);
		return NULL;
	}
	init_common(t, name);
	t->stack_top = (u64)t->stack + THREAD_STACK_BYTES;
	t->fn = fn;
	t->arg = arg;
	thread_arch_init(t);
	list_thread(t);
	return t;
}

static void user_thread_main(void *arg)
{
	struct user_regs *regs = current_user_regs();

	irq_disable();
	exit_to_user(regs);
	enter_user(regs);
}

struct thread *thread_create_user(const char *name,
				  const struct user_regs *regs, void *owner)
{
	struct thread *t = thread_create(name, user_thread_main, NULL);

	if (!t)
		return NULL;
	t->fpu = fpu_alloc();
	if (!t->fpu) {
		thread_destroy_new(t);
		return NULL;
	}
	t->is_user = true;
	t->owner = owner;
	t->flags = THREAD_USER_WORK;
	((struct user_regs *)t->stack_top)[-1] = *regs;
	return t;
}

void thread_start(struct thread *t)
{
	sched_enqueue_new(t);
}

void thread_destroy_new(struct thread *t)
{
	ASSERT(t->state == THREAD_NEW);
	thread_put(t);
}

struct thread *thread_spawn(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t = thread_create(name, fn, arg);

	if (t)
		thread_start(t);
	return t;
}

void thread_get(struct thread *t)
{
	atomic_inc(&t->nr_refs);
}

void thread_put(struct thread *t)
{
	if (atomic_dec_and_test(&t->nr_refs))
		work_queue(&t->reap);
}

void thread_join(struct thread *t)
{
	wait_for_completion(&t->exited);
}

void thread_rename(struct thread *t, const char *name)
{
	u64 flags = spin_lock_irqsave(&thread_list_lock);

	(void)strscpy(t->name, name, sizeof(t->name));
	spin_unlock_irqrestore(&thread_list_lock, flags);
}

u64 thread_cpu_ns(const struct thread *t)
{
	u64 cycles = READ_ONCE(t->run_cycles);

	if (t == current_thread())
		cycles += rdtsc() - t->switched_in;
	return time_cycles_to_ns(cycles);
}

u64 thread_user_ns(const struct thread *t)
{
	return time_cycles_to_ns(READ_ONCE(t->user_cycles));
}

u32 thread_count(void)
{
	return (u32)gauge_read(nr_threads);
}

void threads_for_each_locked(void (*fn)(void *arg, struct thread *t), void *arg)
{
	struct thread *t;

	ASSERT_LOCKED(&thread_list_lock);
	list_for_each_entry (t, &all_threads, all_link)
		fn(arg, t);
}

void threads_for_each(void (*fn)(void *arg, struct thread *t), void *arg)
{
	u64 flags = spin_lock_irqsave(&thread_list_lock);

	threads_for_each_locked(fn, arg);
	spin_unlock_irqrestore(&thread_list_lock, flags);
}

/* entry.S: the first code of every new thread, right after its first switch.
 * In no header. */
_Noreturn void thread_main(void);

_Noreturn void thread_main(void)
{
	struct thread *t;

	sched_finish_switch();
	irq_enable();
	t = current_thread();
	t->fn(t->arg);
	thread_exit();
}
