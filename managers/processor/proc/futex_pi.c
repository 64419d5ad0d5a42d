/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Futexes that are mutexes with an owner (futex(2), FUTEX_LOCK_PI and so on).
 *
 * The word holds the tid of the owner, and FUTEX_WAITERS when he has to call
 * the kernel to unlock.  The kernel then chooses the next owner, the one who
 * has waited longest, and writes his tid into the word: nobody comes between.
 * There are no priorities here to inherit; what is left of PI is that an owner
 * is known, so his end and circles of waiting are found.
 *
 * A pi_futex exists while somebody waits for a word.  An owner who ends hands
 * over what he has; the heir writes the word himself, as the owner may not
 * have it mapped any more, and until then the word is stale.
 *
 * The word is read and changed under the mutex of its key's bucket, which may
 * fault.  Who owns and who waits for what changes under pi_lock too, so that
 * one can follow it from task to task.
 */
#include "futex.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/init.h>
#include <kernel/mutex.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <managers/processor/proc/process.h>
#include <mm/slab.h>

#define NR_PI_BUCKETS 64u

struct pi_bucket {
	struct mutex mutex;
	struct list_head futexes; /* [mutex] */
};

struct pi_futex {
	struct list_head in_bucket; /* [bucket->mutex] */
	struct pi_bucket *bucket;
	struct futex_key key;
	struct list_head waiters;  /* oldest first [bucket->mutex, pi_lock] */
	struct task *owner;        /* [bucket->mutex, pi_lock] */
	struct list_head in_owner; /* owner->pi.owned [pi_lock] */
	bool is_stale;             /* the owner has yet to write the word
				      [bucket->mutex] */
};

struct pi_waiter {
	struct list_head in_futex; /* [bucket->mutex, pi_lock] */
	struct task *task;
	bool is_owner; /* now [atomic: word] */
	bool is_heir;  /* of an owner who ended [bucket->mutex] */
	struct completion granted;
};

/* One attempt to lock. */
struct pi_attempt {
	u64 vaddr;
	struct futex_key key;
	struct pi_bucket *bucket;
	struct pi_waiter waiter;
	u32 seen; /* what the word was */
};

static struct pi_bucket buckets[NR_PI_BUCKETS];
static DEFINE_SPINLOCK(pi_lock, LOCK_FUTEX);
static DEFINE_WAITQ(left_waitq); /* somebody's state became PI_LEFT */

static int futex_pi_init(void)
{
	for (u32 i = 0; i < NR_PI_BUCKETS; i++) {
		mutex_init(&buckets[i].mutex, "futex owners", LOCK_FUTEX_PI);
		list_init(&buckets[i].futexes);
	}
	return 0;
}
INITCALL(futex_pi_init);

void futex_pi_start(struct futex_pi *pi)
{
	spin_lock(&pi_lock);
	list_init(&pi->owned);
	pi->state = PI_ALIVE;
	spin_unlock(&pi_lock);
}

/* ---- futexes that somebody waits for ----------------------------------- */

static struct pi_bucket *bucket_of(const struct futex_key *key)
{
	return &buckets[futex_key_hash(key) % NR_PI_BUCKETS];
}

static struct pi_futex *find_locked(struct pi_bucket *bucket,
				    const struct futex_key *key)
{
	struct pi_futex *futex;

	list_for_each_entry (futex, &bucket->futexes, in_bucket)
		if (futex_key_equal(&futex->key, key))
			return futex;
	return NULL;
}

static struct pi_futex *create_locked(const struct pi_attempt *attempt)
{
	struct pi_futex *futex = kzalloc(sizeof(*futex));

	if (!futex)
		return NULL;
	futex->bucket = attempt->bucket;
	futex->key = attempt->key;
	list_init(&futex->waiters);
	list_init(&futex->in_owner);
	list_add(&futex->in_bucket, &attempt->bucket->futexes);
	return futex;
}

/* Forget @futex if nobody waits and the word says all there is to know. */
static void free_unused_locked(struct pi_futex *futex)
{
	if (!list_empty(&futex->waiters) || futex->is_stale)
		return;
	spin_lock(&pi_lock);
	list_del(&futex->in_owner);
	spin_unlock(&pi_lock);
	list_del(&futex->in_bucket);
	kfree(futex);
}

/* The one who has waited longest owns @futex. @is_heir: he writes the word. */
static void hand_over_locked(struct pi_futex *futex, bool is_heir)
{
	struct pi_waiter *next =
		list_first_entry(&futex->waiters, struct pi_waiter, in_futex);

	spin_lock(&pi_lock);
	list_del(&next->in_futex);
	next->task->pi.waits_for = NULL;
	futex->owner = next->task;
	list_move(&futex->in_owner, &next->task->pi.owned);
	spin_unlock(&pi_lock);
	next->is_heir = futex->is_stale = is_heir;
	free_unused_locked(futex);
	smp_store_release(&next->is_owner, true);
	complete(&next->granted);
}

/* Does @task wait, through others, for what @me owns? pi_lock held. */
static bool waits_for_locked(const struct task *task, const struct task *me)
{
	ASSERT_LOCKED(&pi_lock);
	while (task != me && task->pi.waits_for)
		task = task->pi.waits_for->owner;
	return task == me;
}

/* ---- locking ----------------------------------------------------------- */

/* What is wrong with @word, when others wait for @futex already? */
static bool word_is_right(const struct pi_futex *futex, u32 word)
{
	u32 tid = word & FUTEX_TID_MASK;

	return futex->is_stale || tid == futex->owner->tid ||
	       (!tid && word & FUTEX_OWNER_DIED); /* he ends just now */
}

/* Own the word, or mark it as waited for.
 * Return: 0, -EAGAIN (it has an owner), -EDEADLK (this one), -EFAULT,
 * -EINVAL. */
static int take_word_locked(struct pi_attempt *attempt,
			    const struct pi_futex *futex)
{
	u32 me = attempt->waiter.task->tid, old, new_value;
	bool is_free;
	int err = get_user_u32(attempt->vaddr, &attempt->seen);

	if (err)
		return err;
	do {
		old = attempt->seen;
		if ((old & FUTEX_TID_MASK) == me)
			return -EDEADLK;
		if (futex && !word_is_right(futex, old))
			return -EINVAL;
		is_free = !futex && !(old & FUTEX_TID_MASK);
		new_value = is_free ? me | (old & FUTEX_OWNER_DIED)
				    : old | FUTEX_WAITERS;
		err = cmpxchg_user_u32(attempt->vaddr, old, new_value,
				       &attempt->seen);
		if (err)
			return err;
	} while (attempt->seen != old);
	attempt->seen = new_value;
	return is_free ? 0 : -EAGAIN;
}

/* Line up behind @owner. Return: 0, -EDEADLK, -ESRCH (he has gone), -EBUSY
 * (he is about to). */
static int line_up_locked(struct pi_futex *futex, struct task *owner,
			  struct pi_waiter *waiter)
{
	int err = 0;

	spin_lock(&pi_lock);
	if (futex->owner)
		owner = futex->owner; /* the word may be stale */
	else if (!owner || owner->pi.state == PI_LEFT)
		err = -ESRCH;
	else if (owner->pi.state == PI_LEAVING)
		err = -EBUSY;
	if (!err && waits_for_locked(owner, waiter->task))
		err = -EDEADLK;
	if (!err) {
		if (!futex->owner)
			list_add(&futex->in_owner, &owner->pi.owned);
		futex->owner = owner;
		list_add_tail(&waiter->in_futex, &futex->waiters);
		waiter->task->pi.waits_for = futex;
	}
	spin_unlock(&pi_lock);
	return err;
}

/* The owner of the word is not there. Unless he left it to others. */
static int gone_or_again(const struct pi_attempt *attempt)
{
	u32 now;

	if (get_user_u32(attempt->vaddr, &now))
		return -EFAULT;
	return now == attempt->seen ? -ESRCH : -EBUSY;
}

/* Return: 0 (it is ours), -EAGAIN (now in line, or just @is_try), -EBUSY (try
 * again), or what is wrong. */
static int try_or_line_up(struct pi_attempt *attempt, bool is_try)
{
	struct task *owner = NULL;
	struct pi_futex *futex;
	int err;

	mutex_lock(&attempt->bucket->mutex);
	futex = find_locked(attempt->bucket, &attempt->key);
	err = take_word_locked(attempt, futex);
	if (err != -EAGAIN || (is_try && futex))
		goto unlock;
	if (!futex) {
		owner = task_find(attempt->seen & FUTEX_TID_MASK);
		if (is_try && owner)
			goto unlock;
		futex = create_locked(attempt);
	}
	err = futex ? line_up_locked(futex, owner, &attempt->waiter) : -ENOMEM;
	if (err && futex)
		free_unused_locked(futex);
	if (err == -ESRCH)
		err = gone_or_again(attempt);
	else if (!err)
		err = -EAGAIN;
unlock:
	mutex_unlock(&attempt->bucket->mutex);
	if (err == -EBUSY && owner)
		wait_event(&left_waitq,
			   READ_ONCE(owner->pi.state) != PI_LEAVING);
	if (owner)
		task_put(owner);
	return err;
}

/* The owner ended while we waited: the word is ours to write. */
static int inherit(struct pi_attempt *attempt)
{
	u32 me = attempt->waiter.task->tid, old, seen;
	struct pi_futex *futex;
	int err;

	mutex_lock(&attempt->bucket->mutex);
	err = get_user_u32(attempt->vaddr, &seen);
	do {
		old = seen;
		if (!err)
			err = cmpxchg_user_u32(
				attempt->vaddr, old,
				me | FUTEX_WAITERS | FUTEX_OWNER_DIED, &seen);
	} while (!err && seen != old);
	futex = find_locked(attempt->bucket, &attempt->key);
	CHECK(futex && futex->owner == attempt->waiter.task);
	futex->is_stale = false;
	free_unused_locked(futex);
	mutex_unlock(&attempt->bucket->mutex);
	return err;
}

/* Leave the line. Return: true if we were in it still. */
static bool give_up(struct pi_attempt *attempt)
{
	struct pi_waiter *waiter = &attempt->waiter;
	struct pi_futex *futex;
	bool is_in_line;

	mutex_lock(&attempt->bucket->mutex);
	is_in_line = !waiter->is_owner;
	if (is_in_line) {
		spin_lock(&pi_lock);
		futex = waiter->task->pi.waits_for;
		waiter->task->pi.waits_for = NULL;
		list_del(&waiter->in_futex);
		spin_unlock(&pi_lock);
		free_unused_locked(futex);
	}
	mutex_unlock(&attempt->bucket->mutex);
	return is_in_line;
}

static int wait_in_line(struct pi_attempt *attempt, u64 deadline_ns)
{
	struct pi_waiter *waiter = &attempt->waiter;
	u64 now = time_mono_ns(), timeout_ns = WAIT_FOREVER;
	int err;

	if (deadline_ns != WAIT_FOREVER)
		timeout_ns = deadline_ns > now ? deadline_ns - now : 0;
	counter_inc(nr_futex_wait);
	err = wait_event_intr_timeout(&waiter->granted.waitq,
				      smp_load_acquire(&waiter->is_owner),
				      timeout_ns);
	if (err && give_up(attempt))
		return err == -EINTR ? -ERESTARTNOINTR : err;
	/* Who granted it may not be done with the completion yet. */
	wait_for_completion(&waiter->granted);
	return waiter->is_heir ? inherit(attempt) : 0;
}

long futex_lock_pi(u64 vaddr, bool is_private, bool is_try, u64 deadline_ns)
{
	struct pi_attempt attempt = {
		.vaddr = vaddr,
		.waiter = {.task = current_task()},
	};
	int err = futex_key_get(vaddr, is_private, &attempt.key);

	if (err)
		return err;
	attempt.bucket = bucket_of(&attempt.key);
	completion_init(&attempt.waiter.granted);
	/* Again and again, as long as others change the word meanwhile. */
	do {
		err = try_or_line_up(&attempt, is_try);
		if (err == -EBUSY && signal_pending(current_task()))
			return -ERESTARTNOINTR;
	} while (err == -EBUSY);
	return err == -EAGAIN && !is_try ? wait_in_line(&attempt, deadline_ns)
					 : err;
}

/* ---- unlocking --------------------------------------------------------- */

static int unlock_word_locked(u64 vaddr, struct pi_futex *futex)
{
	u32 me = current_task()->tid, next = 0, old, seen;
	int err = get_user_u32(vaddr, &seen);

	if (futex && !err) {
		if (futex->owner != current_task())
			return -EINVAL;
		next = list_first_entry(&futex->waiters, struct pi_waiter,
					in_futex)
			       ->task->tid |
		       FUTEX_WAITERS;
	}
	do {
		old = seen;
		if (!err && (old & FUTEX_TID_MASK) != me)
			err = -EPERM;
		if (!err)
			err = cmpxchg_user_u32(vaddr, old, next, &seen);
		if (err)
			return err;
	} while (seen != old);
	return 0;
}

long futex_unlock_pi(u64 vaddr, bool is_private)
{
	struct pi_bucket *bucket;
	struct pi_futex *futex;
	struct futex_key key;
	u32 seen;
	int err = get_user_u32(vaddr, &seen);

	if (err)
		return err;
	if ((seen & FUTEX_TID_MASK) != current_task()->tid)
		return -EPERM;
	err = futex_key_get(vaddr, is_private, &key);
	if (err)
		return err;
	bucket = bucket_of(&key);
	mutex_lock(&bucket->mutex);
	futex = find_locked(bucket, &key);
	err = unlock_word_locked(vaddr, futex);
	if (!err && futex)
		hand_over_locked(futex, false);
	mutex_unlock(&bucket->mutex);
	return err;
}

/* ---- the end of an owner ----------------------------------------------- */

void futex_pi_leave(struct task *task)
{
	spin_lock(&pi_lock);
	task->pi.state = PI_LEAVING;
	spin_unlock(&pi_lock);
}

/* Hand over what @task owns in @bucket. */
static void bequeath(struct pi_bucket *bucket, const struct task *task)
{
	struct pi_futex *futex, *next;

	mutex_lock(&bucket->mutex);
	list_for_each_entry_safe (futex, next, &bucket->futexes, in_bucket)
		if (futex->owner == task)
			hand_over_locked(futex, true);
	mutex_unlock(&bucket->mutex);
}

void futex_pi_left(struct task *task)
{
	struct pi_futex *futex;
	struct pi_bucket *bucket;

	do {
		spin_lock(&pi_lock);
		futex = list_first_entry_or_null(&task->pi.owned,
						 struct pi_futex, in_owner);
		bucket = futex ? futex->bucket : NULL;
		if (!bucket)
			task->pi.state = PI_LEFT;
		spin_unlock(&pi_lock);
		if (bucket)
			bequeath(bucket, task);
	} while (bucket);
	waitq_wake_all(&left_waitq);
}
