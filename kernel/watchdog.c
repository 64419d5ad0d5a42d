/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watchdog: names threads that wait for too long, what for, and who could
 * end it.
 *
 * A thread looks at all others a few times within the limit.  One that is in
 * the same wait_event() at each look has waited that long; nothing is written
 * down on the way into a wait but the place it is at.  Waits that may take as
 * long as they like - for work, for what a program does, those a signal or a
 * deadline ends - are marked so (struct wait_site), and excuse whoever waits
 * for a lock that such a waiter holds.
 */
#define pr_fmt(fmt) "watchdog: " fmt
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <lib/errno.h>

#define LIMIT_S   30u
#define NR_LOOKS  5u /* within the limit: a clock that jumps is no wait */
#define DEPTH_MAX 8u /* locks whose owners wait for locks */

static u64 limit_ns;

struct search {
	const struct thread *wanted;
	struct thread *found;
};

static void search_one(void *arg, struct thread *t)
{
	struct search *s = arg;

	if (t == s->wanted)
		s->found = t;
}

/*
 * Who has what @t waits for; NULL: not known.  Neither the lock nor its owner
 * need exist any more, so the owner counts only if it is in the list, which is
 * locked.
 */
static struct thread *owner_of(const struct thread *t)
{
	struct thread *const *owner = READ_ONCE(t->wait_owner);
	struct search s = {.wanted = owner ? READ_ONCE(*owner) : NULL};

	if (s.wanted)
		threads_for_each_locked(search_one, &s);
	return s.found;
}

static bool is_waiting(const struct thread *t)
{
	return READ_ONCE(t->state) == THREAD_SLEEPING &&
	       READ_ONCE(t->wait_site);
}

/* Is the end of @t's wait up to a program, or to work that has yet to come? */
static bool is_patient(const struct thread *t)
{
	for (u32 depth = 0; t && depth < DEPTH_MAX; depth++) {
		const struct wait_site *site = READ_ONCE(t->wait_site);

		if (site && site->is_patient)
			return true;
		t = owner_of(t);
	}
	return false;
}

static void print_wait(const struct thread *t, const char *verb)
{
	const struct wait_site *site = READ_ONCE(t->wait_site);
	const char *what = READ_ONCE(t->wait_what);

	if (site)
		pr_warn("%s (%u) %s in %s() for %s%s%s", t->name, t->id, verb,
			site->function, what ? what : site->condition,
			what ? ": " : "", what ? site->condition : "");
	else
		pr_warn("%s (%u) does not wait, on cpu %u", t->name, t->id,
			t->cpu);
}

/* @t and whom it waits for; the list of threads is locked. */
static void report(const struct thread *t, u64 waited_ns)
{
	counter_inc(nr_waits_too_long);
	pr_warn("a wait of %lu s:", waited_ns / NSEC_PER_SEC);
	print_wait(t, "waits");
	stack_trace_thread(t);
	for (u32 depth = 0; depth < DEPTH_MAX && (t = owner_of(t)); depth++) {
		print_wait(t, "has that, and waits");
		if (is_waiting(t))
			stack_trace_thread(t);
	}
}

static void look_at(void *arg, struct thread *t)
{
	u64 now_ns = *(const u64 *)arg, waited_ns;
	u32 nr_waits = READ_ONCE(t->nr_waits);

	if (!is_waiting(t) || nr_waits != t->watched_waits) {
		t->watched_waits = nr_waits;
		t->watched_since_ns = now_ns;
		t->watched_looks = 0;
		return;
	}
	waited_ns = now_ns - t->watched_since_ns;
	if (++t->watched_looks < NR_LOOKS || waited_ns < limit_ns ||
	    is_patient(t))
		return;
	report(t, waited_ns);
	t->watched_looks = 0; /* say it again, but not each time */
}

static void watchdog_main(void *arg)
{
	for (;;) {
		u64 now_ns = time_mono_ns();

		threads_for_each(look_at, &now_ns);
		sleep_ns(limit_ns / (NR_LOOKS - 1));
	}
}

static int watchdog_start(void)
{
	limit_ns = cmdline_get_u64("watchdog_s", LIMIT_S) * NSEC_PER_SEC;
	if (limit_ns && !thread_spawn("watchdog", watchdog_main, NULL))
		return -ENOMEM;
	return 0;
}
INITCALL(watchdog_start);
BOOT_OPTION(watchdog_s, "N: name threads that wait longer; 0: none (30)", NULL);
