/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads, waiting, locks, timers and cross calls, on the CPUs there are. */
#include <arch/x86/barrier.h>
#include <arch/x86/cpu.h>
#include <kernel/cpu.h>
#include <kernel/mutex.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <kernel/work.h>
#include <lib/ktest.h>
#include <lib/rand.h>

#define NR_THREADS 16
#define NR_ROUNDS  500
#define LONG       (30 * NSEC_PER_SEC)

static struct completion all_done;
static atomic_t nr_running;

static void finish(void)
{
	if (atomic_dec_and_test(&nr_running))
		complete(&all_done);
}

/* Run @n threads of @fn to their end. */
static void run_threads(int n, void (*fn)(void *), void *arg)
{
	completion_init(&all_done);
	atomic_set(&nr_running, n);
	for (int i = 0; i < n; i++)
		EXPECT_TRUE(thread_spawn("test", fn, arg) != NULL);
	EXPECT_TRUE(wait_for_completion_timeout(&all_done, LONG));
}

static DEFINE_MUTEX(test_mutex, LOCK_MISC_SLEEP);
static DEFINE_SPINLOCK(test_spinlock, LOCK_MISC);
static u64 shared_value;

static void mutex_adder(void *arg)
{
	for (int i = 0; i < NR_ROUNDS; i++) {
		u64 v;

		mutex_lock(&test_mutex);
		v = READ_ONCE(shared_value);
		if (i % 8 == 0)
			thread_yield();
		WRITE_ONCE(shared_value, v + 1);
		mutex_unlock(&test_mutex);
	}
	finish();
}

KTEST(mutex_lets_one_thread_in_at_a_time)
{
	shared_value = 0;
	run_threads(NR_THREADS, mutex_adder, NULL);
	EXPECT_EQ(shared_value, NR_THREADS * NR_ROUNDS);
	EXPECT_TRUE(!mutex_is_locked(&test_mutex));
}

static void spin_adder(void *arg)
{
	for (int i = 0; i < NR_ROUNDS * 10; i++) {
		u64 flags = spin_lock_irqsave(&test_spinlock);

		shared_value++;
		spin_unlock_irqrestore(&test_spinlock, flags);
	}
	finish();
}

KTEST(spinlock_protects_a_counter_on_all_cpus)
{
	shared_value = 0;
	run_threads(NR_THREADS, spin_adder, NULL);
	EXPECT_EQ(shared_value, NR_THREADS * NR_ROUNDS * 10);
}

static struct rwsem test_rwsem;
static u64 pair[2];

static void rwsem_user(void *arg)
{
	for (int i = 0; i < NR_ROUNDS; i++) {
		if (i % 5) {
			down_read(&test_rwsem);
			EXPECT_EQ(READ_ONCE(pair[0]), READ_ONCE(pair[1]));
			up_read(&test_rwsem);
		} else {
			down_write(&test_rwsem);
			pair[0]++;
			if (i % 10)
				thread_yield();
			pair[1]++;
			if (i % 25)
				up_write(&test_rwsem);
			else {
				downgrade_write(&test_rwsem);
				EXPECT_EQ(pair[0], pair[1]);
				up_read(&test_rwsem);
			}
		}
	}
	finish();
}

KTEST(rwsem_readers_never_see_a_writer_at_work)
{
	rwsem_init(&test_rwsem, "test", LOCK_MISC_SLEEP);
	pair[0] = pair[1] = 0;
	run_threads(NR_THREADS, rwsem_user, NULL);
	EXPECT_EQ(pair[0], NR_THREADS * NR_ROUNDS / 5);
	EXPECT_TRUE(!rwsem_is_locked(&test_rwsem));
}

/* A queue of tokens: as many wakes as tokens. */
static DEFINE_WAITQ(token_waitq);
static atomic_t nr_tokens, nr_taken;

static bool take_token(void)
{
	int n = atomic_read(&nr_tokens);

	while (n > 0) {
		int seen = atomic_cmpxchg(&nr_tokens, n, n - 1);

		if (seen == n)
			return true;
		n = seen;
	}
	return false;
}

static void consumer(void *arg)
{
	for (int i = 0; i < NR_ROUNDS; i++) {
		wait_event(&token_waitq, take_token());
		atomic_inc(&nr_taken);
	}
	finish();
}

static void producer(void *arg)
{
	for (int i = 0; i < NR_ROUNDS; i++) {
		atomic_inc(&nr_tokens);
		waitq_wake_one(&token_waitq);
		if (i % 16 == 0)
			thread_yield();
	}
	finish();
}

KTEST(waitq_loses_no_wake)
{
	atomic_set(&nr_tokens, 0);
	atomic_set(&nr_taken, 0);
	completion_init(&all_done);
	atomic_set(&nr_running, 8);
	for (int i = 0; i < 4; i++) {
		EXPECT_TRUE(thread_spawn("consumer", consumer, NULL) != NULL);
		EXPECT_TRUE(thread_spawn("producer", producer, NULL) != NULL);
	}
	EXPECT_TRUE(wait_for_completion_timeout(&all_done, LONG));
	EXPECT_EQ(atomic_read(&nr_taken), 4 * NR_ROUNDS);
	EXPECT_EQ(atomic_read(&nr_tokens), 0);
}

/* Two threads that hand a ball to and fro: every wake matters. */
static struct completion ping, pong;

static void ponger(void *arg)
{
	for (int i = 0; i < NR_ROUNDS; i++) {
		wait_for_completion(&ping);
		complete(&pong);
	}
	finish();
}

KTEST(completions_hand_over_between_threads)
{
	completion_init(&ping);
	completion_init(&pong);
	completion_init(&all_done);
	atomic_set(&nr_running, 1);
	EXPECT_TRUE(thread_spawn("ponger", ponger, NULL) != NULL);
	for (int i = 0; i < NR_ROUNDS; i++) {
		complete(&ping);
		EXPECT_TRUE(wait_for_completion_timeout(&pong, LONG));
	}
	EXPECT_TRUE(wait_for_completion_timeout(&all_done, LONG));
}

KTEST(timeouts_end_a_wait_not_before_their_time)
{
	static DEFINE_WAITQ(nobody);
	u64 start = time_mono_ns();

	EXPECT_TRUE(!wait_event_timeout(&nobody, false, 20 * NSEC_PER_MSEC));
	EXPECT_TRUE(time_mono_ns() - start >= 20 * NSEC_PER_MSEC);
	EXPECT_TRUE(wait_event_timeout(&nobody, true, 0));
	EXPECT_EQ(wait_event_intr_timeout(&nobody, false, NSEC_PER_MSEC),
		  -ETIMEDOUT);
	start = time_mono_ns();
	sleep_ns(5 * NSEC_PER_MSEC);
	EXPECT_TRUE(time_mono_ns() - start >= 5 * NSEC_PER_MSEC);
}

static int intr_result;

static void interruptible(void *arg)
{
	static DEFINE_WAITQ(nobody);

	intr_result = wait_event_intr(&nobody, false);
	thread_clear_interrupt(current_thread());
	EXPECT_EQ(sleep_intr_until(time_mono_ns() + NSEC_PER_MSEC), 0);
}

KTEST(thread_interrupt_ends_an_interruptible_wait)
{
	struct thread *t = thread_create("intr", interruptible, NULL);

	intr_result = 0;
	thread_get(t);
	thread_start(t);
	sleep_ns(2 * NSEC_PER_MSEC);
	thread_interrupt(t);
	thread_join(t);
	EXPECT_EQ(intr_result, -EINTR);
	thread_put(t);
}

struct test_timer {
	struct timer timer;
	u64 deadline;
	atomic_t nr_fired;
	u64 fired_at;
};

static void timer_fired(struct timer *t)
{
	struct test_timer *tt = container_of(t, struct test_timer, timer);

	tt->fired_at = time_mono_ns();
	atomic_inc(&tt->nr_fired);
}

KTEST(timers_fire_once_each_and_never_early)
{
	static struct test_timer timers[64];
	struct rand r;
	u64 now = time_mono_ns();

	rand_seed(&r, 5);
	for (int i = 0; i < 64; i++) {
		struct test_timer *t = &timers[i];

		timer_init(&t->timer, timer_fired);
		atomic_set(&t->nr_fired, 0);
		t->deadline = now + rand_below(&r, 30 * NSEC_PER_MSEC);
		timer_start(&t->timer, now + 3600 * NSEC_PER_SEC);
		timer_start(&t->timer, t->deadline);
	}
	EXPECT_TRUE(timer_cancel(&timers[7].timer) ||
		    atomic_read(&timers[7].nr_fired) == 1);
	atomic_set(&timers[7].nr_fired, 1);
	timers[7].fired_at = timers[7].deadline;
	sleep_ns(60 * NSEC_PER_MSEC);
	for (int i = 0; i < 64; i++) {
		EXPECT_EQ(atomic_read(&timers[i].nr_fired), 1);
		EXPECT_TRUE(timers[i].fired_at >= timers[i].deadline);
		EXPECT_TRUE(!timer_cancel(&timers[i].timer));
	}
}

KTEST(time_goes_forward_and_matches_the_tsc)
{
	u64 last = time_mono_ns(), cycles = time_cycles(), ns;

	for (int i = 0; i < 10000; i++) {
		u64 now = time_mono_ns();

		EXPECT_TRUE(now >= last);
		last = now;
	}
	ns = time_cycles_to_ns(time_cycles() - cycles);
	EXPECT_TRUE(ns > 0);
	/* After 2024: the clock is set. */
	EXPECT_TRUE(time_real_ns() > 1704067200ul * NSEC_PER_SEC);
}

static void count_call(void *arg)
{
	atomic_inc(arg);
}

KTEST(smp_call_reaches_every_cpu_once)
{
	atomic_t n = ATOMIC_INIT(0);

	for (int i = 1; i <= 200; i++) {
		smp_call(&cpus_online, count_call, &n);
		EXPECT_EQ(atomic_read(&n), i * (int)nr_cpus_online);
	}
}

static void caller(void *arg)
{
	for (int i = 0; i < 10; i++) {
		u64 flags = irq_save();

		smp_call(&cpus_online, count_call, arg);
		irq_restore(flags);
		thread_yield();
	}
	finish();
}

KTEST(cross_calls_with_interrupts_off_do_not_deadlock)
{
	static atomic_t n;

	atomic_set(&n, 0);
	run_threads(8, caller, &n);
	EXPECT_EQ(atomic_read(&n), 80 * (int)nr_cpus_online);
}

static void note_cpu(void *arg)
{
	u32 wanted = (u32)(u64)arg;
	struct cpumask mask = cpumask_of(wanted);

	EXPECT_EQ(thread_set_affinity(current_thread(), &mask), 0);
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(cpu_id(), wanted);
		if (i % 2)
			thread_yield();
		else
			sleep_ns(NSEC_PER_USEC * 50);
	}
	finish();
}

KTEST(affinity_keeps_a_thread_on_its_cpu)
{
	completion_init(&all_done);
	atomic_set(&nr_running, (int)nr_cpus_online);
	for (u64 cpu = 0; cpu < nr_cpus_online; cpu++)
		EXPECT_TRUE(thread_spawn("bound", note_cpu, (void *)cpu));
	EXPECT_TRUE(wait_for_completion_timeout(&all_done, LONG));
}

struct test_work {
	struct work work;
	atomic_t nr_runs;
};

static void work_fn(struct work *w)
{
	atomic_inc(&container_of(w, struct test_work, work)->nr_runs);
}

KTEST(work_runs_once_for_each_time_it_is_queued)
{
	static struct test_work items[20];

	for (int round = 1; round <= 50; round++) {
		for (int i = 0; i < 20; i++) {
			if (round == 1) {
				work_init(&items[i].work, work_fn);
				atomic_set(&items[i].nr_runs, 0);
			}
			EXPECT_TRUE(work_queue(&items[i].work));
		}
		work_flush();
		for (int i = 0; i < 20; i++)
			EXPECT_EQ(atomic_read(&items[i].nr_runs), round);
	}
}

static void nothing(void *arg)
{
	finish();
}

KTEST(threads_that_exit_are_freed)
{
	u32 before;

	work_flush();
	before = thread_count();
	for (int i = 0; i < 20; i++)
		run_threads(NR_THREADS, nothing, NULL);
	/* The last one may still be on its way out. */
	for (int i = 0; i < 1000 && thread_count() != before; i++)
		sleep_ns(NSEC_PER_MSEC);
	EXPECT_EQ(thread_count(), before);
}

KTEST(random_bytes_differ)
{
	u64 a[8], b[8];
	int same = 0;

	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	for (int i = 0; i < 8; i++)
		same += a[i] == b[i] || !a[i];
	EXPECT_EQ(same, 0);
}
