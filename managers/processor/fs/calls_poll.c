/* SPDX-License-Identifier: GPL-2.0-or-later */
/* poll, ppoll, select, pselect6. */
#include <managers/processor/fs/calls.h>

#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/poll_call.h>
#include <managers/processor/proc/signal.h>
#include <mm/slab.h>
#include <uapi/poll.h>

#define SELECT_MAX_FDS 65536u

/* ---- times and masks
 * ---------------------------------------------------------------- */

static u64 deadline_of_ns(u64 ns)
{
	u64 now = time_mono_ns();

	if (!ns)
		return 0;
	return ns > ~0ull - now ? ~0ull : now + ns;
}

/* The deadline a struct timespec at @vaddr means; none: forever. */
static int deadline_of_timespec(u64 vaddr, u64 *deadline)
{
	struct uapi_timespec ts;

	*deadline = ~0ull;
	if (!vaddr)
		return 0;
	if (copy_from_user(&ts, vaddr, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec > 999999999)
		return -EINVAL;
	if (ts.tv_sec < INT64_MAX / (s64)NSEC_PER_SEC)
		*deadline =
			deadline_of_ns(ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
	return 0;
}

/* ---- poll
 * ------------------------------------------------------------------------------
 */

static long poll_fds(u64 fds_vaddr, u32 nr, u64 deadline)
{
	struct uapi_pollfd *fds;
	struct poll_item *items;
	long ret = -ENOMEM;

	if (nr > current_fd_limit())
		return -EINVAL;
	fds = kmalloc(max(nr, 1u) * sizeof(*fds));
	items = kmalloc(max(nr, 1u) * sizeof(*items));
	if (!fds || !items)
		goto free;
	ret = copy_from_user(fds, fds_vaddr, nr * sizeof(*fds));
	if (ret)
		goto free;
	for (u32 i = 0; i < nr; i++)
		items[i] = (struct poll_item){.fd = fds[i].fd,
					      .events = (u16)fds[i].events};
	ret = poll_items(current_files(), items, nr, deadline);
	if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	if (ret < 0)
		goto free;
	for (u32 i = 0; i < nr; i++)
		fds[i].revents = items[i].revents;
	if (copy_to_user(fds_vaddr, fds, nr * sizeof(*fds)))
		ret = -EFAULT;
free:
	kfree(items);
	kfree(fds);
	return ret;
}

long sys_poll(u64 a0, u64 a1, u64 a2)
{
	s32 ms = a2;

	return poll_fds(a0, a1,
			ms < 0 ? ~0ull : deadline_of_ns(ms * NSEC_PER_MSEC));
}

long sys_ppoll(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u64 deadline;
	int err = deadline_of_timespec(a2, &deadline);

	if (!err)
		err = signal_mask_arg(a3, a4);
	return err ? err : poll_fds(a0, a1, deadline);
}

/* ---- select
 * -------------------------------------------------------------------------------
 */

/* What each of the three sets asks, and what counts as ready for it. */
static const struct {
	u32 events;
	u32 ready;
} select_kinds[3] = {
	{POLLIN, POLLIN | POLLRDNORM | POLLHUP | POLLERR},
	{POLLOUT, POLLOUT | POLLWRNORM | POLLERR},
	{POLLPRI, POLLPRI},
};

struct select_sets {
	u64 vaddr[3];
	u64 *bits[3]; /* NULL: not given */
	u32 nr_fds;
	u32 nr_words;
};

static void select_free(struct select_sets *sets)
{
	for (u32 k = 0; k < 3; k++)
		kfree(sets->bits[k]);
}

static int select_copy_in(struct select_sets *sets)
{
	for (u32 k = 0; k < 3; k++) {
		if (!sets->vaddr[k])
			continue;
		sets->bits[k] = kzalloc(max(sets->nr_words, 1u) * sizeof(u64));
		if (!sets->bits[k])
			return -ENOMEM;
		if (copy_from_user(sets->bits[k], sets->vaddr[k],
				   sets->nr_words * sizeof(u64)))
			return -EFAULT;
	}
	return 0;
}

static u32 select_events(const struct select_sets *sets, u32 fd)
{
	u32 events = 0;

	for (u32 k = 0; k < 3; k++)
		if (sets->bits[k] && sets->bits[k][fd / 64] >> (fd % 64) & 1)
			events |= select_kinds[k].events;
	return events;
}

static u32 select_items(const struct select_sets *sets, struct poll_item *items)
{
	u32 nr = 0;

	for (u32 fd = 0; fd < sets->nr_fds; fd++) {
		u32 events = select_events(sets, fd);

		if (events)
			items[nr++] =
				(struct poll_item){.fd = fd, .events = events};
	}
	return nr;
}

/* Turn what is ready into sets; how many bits are set, or -EBADF. */
static int select_result(struct select_sets *sets,
			 const struct poll_item *items, u32 nr_items)
{
	u64 *asked[3] = {NULL};
	int nr = 0;

	for (u32 i = 0; i < nr_items; i++)
		if (items[i].revents & POLLNVAL)
			return -EBADF;
	for (u32 k = 0; k < 3; k++) {
		if (!sets->bits[k])
			continue;
		asked[k] = sets->bits[k];
		for (u32 i = 0; i < nr_items; i++) {
			u32 fd = items[i].fd;
			u64 bit = 1ul << (fd % 64);

			if (!(asked[k][fd / 64] & bit))
				continue;
			if (items[i].revents & select_kinds[k].ready)
				nr++;
			else
				asked[k][fd / 64] &= ~bit;
		}
	}
	return nr;
}

static int select_copy_out(struct select_sets *sets)
{
	for (u32 k = 0; k < 3; k++)
		if (sets->bits[k] && copy_to_user(sets->vaddr[k], sets->bits[k],
						  sets->nr_words * sizeof(u64)))
			return -EFAULT;
	return 0;
}

static long select_fds(u64 nr_fds, u64 in, u64 out, u64 ex, u64 deadline)
{
	struct select_sets sets = {.vaddr = {in, out, ex}};
	struct poll_item *items = NULL;
	u32 nr_items;
	long ret;

	if ((s32)nr_fds < 0)
		return -EINVAL;
	sets.nr_fds = min((u32)nr_fds, SELECT_MAX_FDS);
	sets.nr_words = DIV_ROUND_UP(sets.nr_fds, 64u);
	ret = select_copy_in(&sets);
	if (ret)
		goto free;
	ret = -ENOMEM;
	items = kmalloc(max(sets.nr_fds, 1u) * sizeof(*items));
	if (!items)
		goto free;
	nr_items = select_items(&sets, items);
	ret = poll_items(current_files(), items, nr_items, deadline);
	if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	if (ret >= 0)
		ret = select_result(&sets, items, nr_items);
	if (ret >= 0 && select_copy_out(&sets))
		ret = -EFAULT;
free:
	kfree(items);
	select_free(&sets);
	return ret;
}

long sys_select(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u64 tv[2], deadline = ~0ull;

	if (a4) {
		if (copy_from_user(tv, a4, sizeof(tv)))
			return -EFAULT;
		if ((s64)tv[0] < 0 || (s64)tv[1] < 0)
			return -EINVAL;
		if (tv[0] < INT64_MAX / NSEC_PER_SEC)
			deadline = deadline_of_ns(tv[0] * NSEC_PER_SEC +
						  tv[1] * NSEC_PER_USEC);
	}
	return select_fds(a0, a1, a2, a3, deadline);
}

long sys_pselect6(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	u64 mask_arg[2] = {0, 0}, deadline;
	int err;

	if (a5 && copy_from_user(mask_arg, a5, sizeof(mask_arg)))
		return -EFAULT;
	err = deadline_of_timespec(a4, &deadline);
	if (!err)
		err = signal_mask_arg(mask_arg[0], mask_arg[1]);
	return err ? err : select_fds(a0, a1, a2, a3, deadline);
}
