/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Futexes: sleeping on a word of user memory (futex(2)).
 *
 * A waiter is queued in the bucket of its key before it looks at the word.
 * A waker changes the word before it looks at the bucket.  So either the
 * waiter sees the new value, or the waker sees the waiter; and reading the
 * word, which may fault and sleep, needs no lock.  A waiter that was woken
 * between queueing and looking has been woken, whatever it saw.
 *
 * A waiter's `bucket` says where it is queued and is NULL once it is woken;
 * it changes under the lock of the bucket it leaves.  FUTEX_REQUEUE moves
 * waiters between buckets with both locks held.
 *
 * Mutexes with an owner (FUTEX_LOCK_PI and so on) are in futex_pi.c.
 */
#include "futex.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/init.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"
#include "usertime.h"

#define NR_FUTEX_BUCKETS 256u

struct futex_bucket {
	struct spinlock lock;
	struct list_head waiters; /* oldest first [lock] */
	u64 nr_queued;            /* so far [lock] */
};

struct futex_waiter {
	struct list_head link; /* [bucket->lock] */
	struct futex_bucket *bucket;
	struct futex_key key; /* [bucket->lock] */
	u32 bitset;
	struct completion woken;
};

static struct futex_bucket buckets[NR_FUTEX_BUCKETS];

static int futex_init(void)
{
	for (u32 i = 0; i < NR_FUTEX_BUCKETS; i++) {
		spin_lock_init(&buckets[i].lock, "futex", LOCK_FUTEX);
		list_init(&buckets[i].waiters);
	}
	return 0;
}
INITCALL(futex_init);

/* ---- keys -------------------------------------------------------------- */

u64 futex_key_hash(const struct futex_key *key)
{
	return hash_u64(key->word[0] ^ hash_u64(key->word[1]) ^
			hash_u64(key->word[2] + key->offset));
}

static struct futex_bucket *bucket_of(const struct futex_key *key)
{
	return &buckets[futex_key_hash(key) % NR_FUTEX_BUCKETS];
}

int futex_key_get(u64 vaddr, bool is_private, struct futex_key *key)
{
	struct aspace *aspace = current_process()->aspace;

	if (vaddr % sizeof(u32))
		return -EINVAL;
	if (!user_range_ok(vaddr, sizeof(u32)))
		return -EFAULT;
	memset(key, 0, sizeof(*key));
	if (!is_private)
		return aspace_futex_key(aspace, vaddr, key);
	key->word[0] = (u64)aspace;
	key->offset = vaddr;
	return 0;
}

/* ---- waiting ----------------------------------------------------------- */

static void enqueue(struct futex_waiter *waiter)
{
	struct futex_bucket *bucket = bucket_of(&waiter->key);

	completion_init(&waiter->woken);
	spin_lock(&bucket->lock);
	waiter->bucket = bucket;
	bucket->nr_queued++;
	list_add_tail(&waiter->link, &bucket->waiters);
	spin_unlock(&bucket->lock);
}

/* Return: true if the waiter was still queued, false if it has been woken. */
static bool dequeue(struct futex_waiter *waiter)
{
	struct futex_bucket *bucket;

	while ((bucket = READ_ONCE(waiter->bucket))) {
		bool is_there;

		spin_lock(&bucket->lock);
		is_there = waiter->bucket == bucket; /* not requeued since */
		if (is_there) {
			list_del(&waiter->link);
			waiter->bucket = NULL;
		}
		spin_unlock(&bucket->lock);
		if (is_there)
			return true;
	}
	/* The waker may not be done with the completion yet. */
	wait_for_completion(&waiter->woken);
	return false;
}

/* Sleep until woken. Return: 0, -EINTR, -ETIMEDOUT. */
static int block(struct futex_waiter *waiter, u64 deadline_ns)
{
	u64 now = time_mono_ns();
	u64 timeout_ns;

	if (deadline_ns == WAIT_FOREVER)
		timeout_ns = WAIT_FOREVER;
	else
		timeout_ns = deadline_ns > now ? deadline_ns - now : 0;
	return wait_event_intr_timeout(&waiter->woken.waitq,
				       !READ_ONCE(waiter->bucket), timeout_ns);
}

/* args: [0] vaddr, [1] expected, [2] bitset, [3] private */
static long wait_until_deadline(struct restart_block *args)
{
	struct futex_waiter waiter = {.bitset = (u32)args->args[2]};
	u32 seen;
	int err = futex_key_get(args->args[0], args->args[3], &waiter.key);

	if (err)
		return err;
	counter_inc(nr_futex_wait);
	enqueue(&waiter);
	err = get_user_u32(args->args[0], &seen);
	if (!err && seen != (u32)args->args[1])
		err = -EAGAIN;
	if (!err)
		err = block(&waiter, args->deadline_ns);
	if (!dequeue(&waiter))
		return 0;
	return err;
}

static long futex_wait(u64 vaddr, u32 expected, u32 bitset, bool is_private,
		       u64 deadline_ns)
{
	struct restart_block *args = &current_task()->restart;
	long ret;

	if (!bitset)
		return -EINVAL;
	args->fn = wait_until_deadline;
	args->deadline_ns = deadline_ns;
	args->args[0] = vaddr;
	args->args[1] = expected;
	args->args[2] = bitset;
	args->args[3] = is_private;
	ret = wait_until_deadline(args);
	if (ret != -EINTR)
		return ret;
	/* A relative timeout goes on counting over the restart. */
	return deadline_ns == WAIT_FOREVER ? -ERESTARTSYS
					   : -ERESTART_RESTARTBLOCK;
}

/* ---- waking ------------------------------------------------------------ */

static void wake_locked(struct futex_waiter *waiter)
{
	list_del(&waiter->link);
	smp_store_release(&waiter->bucket, NULL);
	complete(&waiter->woken);
}

static u32 wake_bucket_locked(struct futex_bucket *bucket,
			      const struct futex_key *key, u32 nr_max,
			      u32 bitset)
{
	struct futex_waiter *waiter, *next;
	u32 nr = 0;

	ASSERT_LOCKED(&bucket->lock);
	list_for_each_entry_safe (waiter, next, &bucket->waiters, link) {
		if (nr >= nr_max)
			break;
		if (!(waiter->bitset & bitset) ||
		    !futex_key_equal(&waiter->key, key))
			continue;
		wake_locked(waiter);
		nr++;
	}
	return nr;
}

static u32 wake_key(const struct futex_key *key, u32 nr_max, u32 bitset)
{
	struct futex_bucket *bucket = bucket_of(key);
	u32 nr;

	counter_inc(nr_futex_wake);
	spin_lock(&bucket->lock);
	nr = wake_bucket_locked(bucket, key, nr_max, bitset);
	spin_unlock(&bucket->lock);
	return nr;
}

static long futex_wake(u64 vaddr, u32 nr_max, u32 bitset, bool is_private)
{
	struct futex_key key;
	int err;

	if (!bitset)
		return -EINVAL;
	err = futex_key_get(vaddr, is_private, &key);
	return err ? err : (long)wake_key(&key, nr_max, bitset);
}

void futex_wake_word(u64 vaddr, u32 nr_max)
{
	struct futex_key key;

	if (!futex_key_get(vaddr, false, &key))
		(void)wake_key(&key, nr_max, FUTEX_BITSET_ANY);
}

struct requeue_args {
	u64 from_vaddr, to_vaddr;
	u32 nr_wake, nr_move;
	bool is_private, compares;
	u32 expected;
};

static u32 move_waiters_locked(struct futex_bucket *from_bucket,
			       struct futex_bucket *to_bucket,
			       const struct futex_key *from,
			       const struct futex_key *to, u32 nr_max)
{
	struct futex_waiter *waiter, *next;
	u32 nr = 0;

	list_for_each_entry_safe (waiter, next, &from_bucket->waiters, link) {
		if (nr >= nr_max)
			break;
		if (!futex_key_equal(&waiter->key, from))
			continue;
		waiter->key = *to;
		WRITE_ONCE(waiter->bucket, to_bucket);
		to_bucket->nr_queued++;
		list_move_tail(&waiter->link, &to_bucket->waiters);
		nr++;
	}
	return nr;
}

/*
 * Lock both buckets, with the word at @args->from_vaddr as expected and every
 * waiter there queued before it was read: to compare it is to have done all
 * then.  Reading it may fault, so it needs another look if somebody queued
 * meanwhile: what he waits for may be another value of the word.
 *
 * Return: 0, locked; -EAGAIN, -EFAULT; -ERESTARTNOINTR: a signal came first.
 */
static int lock_if_expected(const struct requeue_args *args,
			    struct futex_bucket *from, struct futex_bucket *to)
{
	u64 nr_queued;
	u32 seen;

	for (;;) {
		nr_queued = READ_ONCE(from->nr_queued);
		smp_mb(); /* before the word, as the waiter does it */
		if (get_user_u32(args->from_vaddr, &seen))
			return -EFAULT;
		if (seen != args->expected)
			return -EAGAIN;
		spin_lock_pair(&from->lock, &to->lock);
		if (from->nr_queued == nr_queued)
			return 0;
		spin_unlock_pair(&from->lock, &to->lock);
		if (signal_pending(current_task()))
			return -ERESTARTNOINTR;
	}
}

static long futex_requeue(const struct requeue_args *args)
{
	struct futex_bucket *from_bucket, *to_bucket;
	struct futex_key from, to;
	u32 nr_woken, nr_moved = 0;
	int err = futex_key_get(args->from_vaddr, args->is_private, &from);

	if (!err)
		err = futex_key_get(args->to_vaddr, args->is_private, &to);
	if (err)
		return err;
	if ((s32)args->nr_wake < 0 || (s32)args->nr_move < 0)
		return -EINVAL;
	from_bucket = bucket_of(&from);
	to_bucket = bucket_of(&to);
	if (args->compares)
		err = lock_if_expected(args, from_bucket, to_bucket);
	else
		spin_lock_pair(&from_bucket->lock, &to_bucket->lock);
	if (err)
		return err;
	nr_woken = wake_bucket_locked(from_bucket, &from, args->nr_wake,
				      FUTEX_BITSET_ANY);
	if (!futex_key_equal(&from, &to))
		nr_moved = move_waiters_locked(from_bucket, to_bucket, &from,
					       &to, args->nr_move);
	spin_unlock_pair(&from_bucket->lock, &to_bucket->lock);
	return args->compares ? (long)nr_woken + nr_moved : (long)nr_woken;
}

/* FUTEX_WAKE_OP: change the second word and wake on both. */
static long futex_wake_op(u64 vaddr, u64 vaddr2, u32 nr_wake, u32 nr_wake2,
			  u32 encoded, bool is_private)
{
	struct futex_key key, key2;
	u32 old, seen, new_value, nr;
	int err = futex_key_get(vaddr, is_private, &key);

	if (!err)
		err = futex_key_get(vaddr2, is_private, &key2);
	if (!err)
		err = get_user_u32(vaddr2, &seen);
	if (err)
		return err;
	do {
		old = seen;
		err = futex_op_apply(encoded, old, &new_value);
		if (!err)
			err = cmpxchg_user_u32(vaddr2, old, new_value, &seen);
		if (err)
			return err;
	} while (seen != old);
	nr = wake_key(&key, nr_wake, FUTEX_BITSET_ANY);
	if (futex_op_compare(encoded, old))
		nr += wake_key(&key2, nr_wake2, FUTEX_BITSET_ANY);
	return nr;
}

/* ---- system calls ------------------------------------------------------ */

/* The deadline of what waits: that of WAIT is relative, others absolute. */
static int get_deadline(u32 op, u64 ts_vaddr, u64 *deadline_ns)
{
	u32 cmd = op & FUTEX_CMD_MASK;
	bool is_real = op & FUTEX_CLOCK_REALTIME || cmd == FUTEX_LOCK_PI;
	bool is_absolute = cmd != FUTEX_WAIT;
	u64 ns;
	int err;

	*deadline_ns = WAIT_FOREVER;
	if (!ts_vaddr)
		return 0;
	err = usertime_get_timespec(ts_vaddr, &ns);
	if (!err)
		*deadline_ns = usertime_deadline(is_real ? CLOCK_REALTIME
							 : CLOCK_MONOTONIC,
						 ns, is_absolute);
	return err;
}

long sys_futex(u64 vaddr, u64 op_arg, u64 val_arg, u64 timeout, u64 vaddr2,
	       u64 val3_arg)
{
	u32 op = (u32)op_arg, val = (u32)val_arg, val3 = (u32)val3_arg;
	u32 cmd = op & FUTEX_CMD_MASK;
	bool is_private = op & FUTEX_PRIVATE;
	struct requeue_args requeue = {
		.from_vaddr = vaddr,
		.to_vaddr = vaddr2,
		.nr_wake = val,
		.nr_move = (u32)timeout,
		.is_private = is_private,
		.compares = cmd == FUTEX_CMP_REQUEUE,
		.expected = val3,
	};
	u64 deadline_ns;
	int err;

	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT &&
	    cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		err = get_deadline(op, timeout, &deadline_ns);
		if (err)
			return err;
		if (cmd == FUTEX_WAIT)
			val3 = FUTEX_BITSET_ANY;
		return futex_wait(vaddr, val, val3, is_private, deadline_ns);
	case FUTEX_WAKE:
		return futex_wake(vaddr, val, FUTEX_BITSET_ANY, is_private);
	case FUTEX_WAKE_BITSET:
		return futex_wake(vaddr, val, val3, is_private);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(&requeue);
	case FUTEX_WAKE_OP:
		return futex_wake_op(vaddr, vaddr2, val, (u32)timeout, val3,
				     is_private);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		err = get_deadline(op, timeout, &deadline_ns);
		return err ? err
			   : futex_lock_pi(vaddr, is_private, false,
					   deadline_ns);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(vaddr, is_private, true, 0);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(vaddr, is_private);
	default:
		return -ENOSYS;
	}
}

/* ---- robust mutexes ---------------------------------------------------- */

#define ROBUST_LIST_BYTES 24u
#define ROBUST_LIST_MAX   2048u /* it may be a circle */

struct robust_head {
	u64 next;
	s64 futex_offset; /* from a list entry to its word */
	u64 pending;      /* being locked or unlocked just now */
};
_Static_assert(sizeof(struct robust_head) == ROBUST_LIST_BYTES, "robust list");

long sys_set_robust_list(u64 head_vaddr, u64 bytes)
{
	if (bytes != ROBUST_LIST_BYTES)
		return -EINVAL;
	current_task()->robust_list = head_vaddr;
	return 0;
}

long sys_get_robust_list(u64 pid, u64 head_vaddr, u64 bytes_vaddr)
{
	struct task *task = (u32)pid ? task_find((u32)pid) : current_task();
	bool is_allowed;
	u64 list;

	if (!task)
		return -ESRCH;
	is_allowed = process_may_look_into(task->process);
	list = task->robust_list;
	if ((u32)pid)
		task_put(task);
	if (!is_allowed)
		return -EPERM;
	if (put_user_u64(bytes_vaddr, ROBUST_LIST_BYTES))
		return -EFAULT;
	return put_user_u64(head_vaddr, list);
}

/* The owner died: say so in the word and let one waiter see it. */
static void robust_word_died(u64 vaddr, u32 tid, bool is_pending)
{
	u32 old, seen, new_value;

	if (vaddr % sizeof(u32) || get_user_u32(vaddr, &seen))
		return;
	/* Died between unlocking and waking: the wake is still owed. */
	if (is_pending && !seen) {
		futex_wake_word(vaddr, 1);
		return;
	}
	do {
		old = seen;
		if ((old & FUTEX_TID_MASK) != tid)
			return;
		new_value = (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (cmpxchg_user_u32(vaddr, old, new_value, &seen))
			return;
	} while (seen != old);
	if (old & FUTEX_WAITERS)
		futex_wake_word(vaddr, 1);
}

void futex_robust_exit(struct task *task)
{
	u64 list = task->robust_list, entry, next;
	struct robust_head head;

	task->robust_list = 0;
	if (!list || copy_from_user(&head, list, sizeof(head)))
		return;
	entry = head.next;
	for (u32 i = 0; i < ROBUST_LIST_MAX && (entry & ~1ull) != list; i++) {
		int err = get_user_u64(entry & ~1ull, &next);

		/* The pending one comes last, after its list entry. */
		if ((entry & ~1ull) != (head.pending & ~1ull))
			robust_word_died((entry & ~1ull) +
						 (u64)head.futex_offset,
					 task->tid, false);
		if (err)
			return;
		entry = next;
	}
	if (head.pending & ~1ull)
		robust_word_died((head.pending & ~1ull) +
					 (u64)head.futex_offset,
				 task->tid, true);
}
