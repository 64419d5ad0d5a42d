/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mistakes on purpose, each of which the debug build has to find: the tests of
 * its checks.  `provoke NAME` on the monitor makes one; the node does not
 * survive it, but for `wait`.
 */
#include <arch/x86/cpu.h>
#include <arch/x86/paging.h>
#include <kernel/monitor.h>
#include <kernel/mutex.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/slab.h>

static DEFINE_SPINLOCK(outer_lock, LOCK_FUTEX);
static DEFINE_SPINLOCK(inner_lock, LOCK_LEAF);
static DEFINE_SPINLOCK(irq_lock, LOCK_MISC);
static DEFINE_MUTEX(outer_mutex, LOCK_PIPE);
static DEFINE_MUTEX(inner_mutex, LOCK_MISC_SLEEP);

/* ---- locks --------------------------------------------------------------- */

static void take_in_wrong_order(void)
{
	spin_lock(&inner_lock);
	spin_lock(&outer_lock);
}

static void take_twice(void)
{
	spin_lock(&outer_lock);
	spin_lock(&outer_lock);
}

static void take_with_interrupts_on(void)
{
	spin_lock(&irq_lock);
}

static void take_mutexes_in_wrong_order(void)
{
	mutex_lock(&inner_mutex);
	mutex_lock(&outer_mutex);
}

static void release_what_is_free(void)
{
	spin_unlock(&outer_lock);
}

static void sleep_with_a_spinlock(void)
{
	spin_lock(&outer_lock);
	sleep_ns(1);
}

static void sleep_with_interrupts_off(void)
{
	(void)irq_save();
	sleep_ns(1);
}

/* ---- memory -------------------------------------------------------------- */

static void write_behind_an_object(void)
{
	char *p = kmalloc(20);

	WRITE_ONCE(p[20], 1);
	kfree(p);
}

static void write_to_a_free_object(void)
{
	char *p = kmalloc(100);

	kfree(p);
	WRITE_ONCE(p[50], 1);
	(void)kmalloc(100); /* gets the same one: the last freed */
}

static void free_twice(void)
{
	void *p = kmalloc(100);

	kfree(p);
	kfree(p);
}

/* As once a list head was initialised where a root table lay. */
static void write_to_a_page_table(void)
{
	struct page_table pt;
	struct list_head *head;

	if (pt_init(&pt))
		return;
	head = kaddr_of(pt.top_paddr);
	list_init(head);
	pt_destroy(&pt);
}

static void write_to_a_free_page_table(void)
{
	struct page_table pt;
	pte_t *top;

	if (pt_init(&pt))
		return;
	top = pt.top;
	pt_destroy(&pt);
	pte_write(&top[7], 1);
	(void)!pt_init(&pt);
}

/* ---- waits --------------------------------------------------------------- */

static void hold_mutex(void *arg)
{
	struct completion never;

	completion_init(&never);
	mutex_lock(&outer_mutex);
	wait_for_completion_of(&never, "what never comes");
}

static void want_mutex(void *arg)
{
	mutex_lock(&outer_mutex);
}

/* The watchdog names both, at its limit. */
static void wait_for_ever(void)
{
	(void)thread_spawn("holder", hold_mutex, NULL);
	sleep_ns(NSEC_PER_SEC / 10);
	(void)thread_spawn("waiter", want_mutex, NULL);
}

static const struct provocation {
	const char *name;
	bool is_found; /* by this build */
	void (*make)(void);
} provocations[] = {
	{"lock-order", IS_ENABLED(CONFIG_DEBUG_LOCKS), take_in_wrong_order},
	{"lock-twice", IS_ENABLED(CONFIG_DEBUG_LOCKS), take_twice},
	{"lock-irq", IS_ENABLED(CONFIG_DEBUG_LOCKS), take_with_interrupts_on},
	{"lock-free", IS_ENABLED(CONFIG_DEBUG_LOCKS), release_what_is_free},
	{"mutex-order", IS_ENABLED(CONFIG_DEBUG_LOCKS),
	 take_mutexes_in_wrong_order},
	{"sleep-lock", IS_ENABLED(CONFIG_DEBUG_LOCKS), sleep_with_a_spinlock},
	{"sleep-irq", IS_ENABLED(CONFIG_DEBUG_LOCKS),
	 sleep_with_interrupts_off},
	{"slab-end", IS_ENABLED(CONFIG_DEBUG_SLAB), write_behind_an_object},
	{"slab-free", IS_ENABLED(CONFIG_DEBUG_SLAB), write_to_a_free_object},
	{"slab-twice", IS_ENABLED(CONFIG_DEBUG_SLAB), free_twice},
	{"table", IS_ENABLED(CONFIG_DEBUG_PAGE_TABLES), write_to_a_page_table},
	{"table-free", IS_ENABLED(CONFIG_DEBUG_PAGE_TABLES),
	 write_to_a_free_page_table},
	{"wait", true, wait_for_ever},
};

static void cmd_provoke(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (u32 i = 0; i < ARRAY_SIZE(provocations); i++) {
		const struct provocation *p = &provocations[i];

		if (strcmp(p->name, name))
			continue;
		if (p->is_found)
			p->make();
		else
			mprintf("only the debug build finds that\n");
		return;
	}
	for (u32 i = 0; i < ARRAY_SIZE(provocations); i++)
		mprintf("%s%s", i ? " " : "", provocations[i].name);
	mprintf("\n");
}
MONITOR_CMD(provoke, "NAME: make a mistake that the debug build finds",
	    cmd_provoke);
