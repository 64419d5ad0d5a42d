/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timerfd_create(2): a timer whose expirations are read from a file. */
#include <kernel/assert.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/proc/signal.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/slab.h>

#define CLOCK_REALTIME_ID  0
#define CLOCK_MONOTONIC_ID 1
#define CLOCK_BOOTTIME_ID  7

struct uapi_itimerspec {
	struct uapi_timespec interval;
	struct uapi_timespec value;
};

struct timerfd {
	struct spinlock lock; /* taken in interrupts */
	struct timer timer;
	u64 next_ns;      /* monotonic; 0: not armed [lock] */
	u64 interval_ns;  /* 0: once [lock] */
	u64 nr_expired;   /* since the last read [lock] */
	bool is_realtime; /* deadlines are wall-clock */
	struct poll_head head;
};

/* Count what has expired by @now; the next is due later.  Lock held. */
static void timerfd_advance(struct timerfd *t, u64 now)
{
	u64 nr = 1;

	if (!t->next_ns || now < t->next_ns)
		return;
	if (t->interval_ns) {
		nr = (now - t->next_ns) / t->interval_ns + 1;
		t->next_ns += nr * t->interval_ns;
	} else {
		t->next_ns = 0;
	}
	t->nr_expired += nr;
}

/*
 * A timer fires once; who takes its expirations starts it again and counts
 * those in between.  So periods too short for us cost their reader, not the
 * CPU that would do nothing but fire.
 */
static void timerfd_fire(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);
	u64 flags = spin_lock_irqsave(&t->lock);

	timerfd_advance(t, time_mono_ns());
	spin_unlock_irqrestore(&t->lock, flags);
	poll_wake(&t->head, POLLIN);
}

static u64 timerfd_take(struct timerfd *t)
{
	u64 flags = spin_lock_irqsave(&t->lock), nr = 0;

	if (t->nr_expired) {
		timerfd_advance(t, time_mono_ns());
		nr = t->nr_expired;
		t->nr_expired = 0;
		if (t->next_ns)
			timer_start(&t->timer, t->next_ns);
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return nr;
}

static ssize_t timerfd_read(struct file *file, struct uio *uio, u64 *pos)
{
	struct timerfd *t = file->priv;
	u64 nr;

	if (uio->resid_bytes < sizeof(nr))
		return -EINVAL;
	nr = timerfd_take(t);
	if (!nr && file->flags & O_NONBLOCK)
		return -EAGAIN;
	if (!nr) {
		int err = wait_event_intr(&t->head.waitq,
					  (nr = timerfd_take(t)) != 0);
		if (err)
			return syscall_restartable(err);
	}
	return uio_put(uio, &nr, sizeof(nr)) ? -EFAULT : (ssize_t)sizeof(nr);
}

static u32 timerfd_poll(struct file *file, struct poll_table *table)
{
	struct timerfd *t = file->priv;

	poll_wait(table, &t->head);
	return READ_ONCE(t->nr_expired) ? POLLIN | POLLRDNORM : 0;
}

static void timerfd_release(struct file *file)
{
	struct timerfd *t = file->priv;

	timer_cancel(&t->timer);
	kfree(t);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
};

long sys_timerfd_create(u64 a0, u64 a1)
{
	u32 clock = a0, flags = a1;
	struct timerfd *t;
	struct file *file;
	int fd;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK) ||
	    (clock != CLOCK_REALTIME_ID && clock != CLOCK_MONOTONIC_ID &&
	     clock != CLOCK_BOOTTIME_ID))
		return -EINVAL;
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	spin_lock_init(&t->lock, "timerfd", LOCK_MISC);
	timer_init(&t->timer, timerfd_fire);
	poll_head_init(&t->head, LOCK_POLL);
	t->is_realtime = clock == CLOCK_REALTIME_ID;
	fd = anon_file_create("[timerfd]", 0600, O_RDWR | (flags & O_NONBLOCK),
			      &timerfd_ops, t, NULL, &file);
	if (fd) {
		kfree(t);
		return fd;
	}
	fd = fd_install(current_files(), file, 0, flags);
	if (fd < 0)
		file_put(file);
	return fd;
}

static int timerfd_get(int fd, struct file **out)
{
	struct file *file = fd_get(current_files(), fd);

	if (!file)
		return -EBADF;
	if (file->ops != &timerfd_ops) {
		file_put(file);
		return -EINVAL;
	}
	*out = file;
	return 0;
}

static bool timespec_to_ns(const struct uapi_timespec *ts, u64 *ns)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000)
		return false;
	*ns = ts->tv_sec > INT64_MAX / 1000000000
		      ? INT64_MAX
		      : ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
	return true;
}

static struct uapi_timespec timespec_of_ns(u64 ns)
{
	return (struct uapi_timespec){ns / NSEC_PER_SEC, ns % NSEC_PER_SEC};
}

/* What timerfd_gettime says. */
static void timerfd_show(struct timerfd *t, struct uapi_itimerspec *its)
{
	u64 flags = spin_lock_irqsave(&t->lock), now = time_mono_ns();
	u64 left;

	if (t->nr_expired) /* not armed again since */
		timerfd_advance(t, now);
	left = t->next_ns > now ? t->next_ns - now : t->next_ns ? 1 : 0;
	its->interval = timespec_of_ns(t->interval_ns);
	its->value = timespec_of_ns(left);
	spin_unlock_irqrestore(&t->lock, flags);
}

static void timerfd_arm(struct timerfd *t, u64 value_ns, u64 interval_ns,
			bool is_absolute)
{
	u64 now = time_mono_ns(), flags, next = 0;

	if (value_ns) {
		u64 base = !is_absolute ? now : 0;

		if (is_absolute && t->is_realtime) {
			u64 real = time_real_ns();

			next = now + (value_ns > real ? value_ns - real : 0);
		} else {
			next = base + value_ns;
		}
	}
	flags = spin_lock_irqsave(&t->lock);
	t->next_ns = next;
	t->interval_ns = interval_ns;
	t->nr_expired = 0;
	if (next)
		timer_start(&t->timer, next);
	spin_unlock_irqrestore(&t->lock, flags);
}

long sys_timerfd_settime(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct uapi_itimerspec its, old;
	u64 value_ns, interval_ns;
	struct file *file;
	int err;

	if ((u32)a1 & ~(TFD_TIMER_ABSTIME | 2u))
		return -EINVAL;
	if (copy_from_user(&its, a2, sizeof(its)))
		return -EFAULT;
	if (!timespec_to_ns(&its.value, &value_ns) ||
	    !timespec_to_ns(&its.interval, &interval_ns))
		return -EINVAL;
	err = timerfd_get(a0, &file);
	if (err)
		return err;
	timerfd_show(file->priv, &old);
	timerfd_arm(file->priv, value_ns, interval_ns, a1 & TFD_TIMER_ABSTIME);
	file_put(file);
	if (a3 && copy_to_user(a3, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

long sys_timerfd_gettime(u64 a0, u64 a1)
{
	struct uapi_itimerspec its;
	struct file *file;
	int err = timerfd_get(a0, &file);

	if (err)
		return err;
	timerfd_show(file->priv, &its);
	file_put(file);
	return copy_to_user(a1, &its, sizeof(its)) ? -EFAULT : 0;
}
