/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "loop.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_EVENTS = 32 };

static int epoll_fd = -1;
static int spare_fd = -1; /* for loop_accept() */
static struct timer *timers;
static struct work *work_first, **work_last = &work_first;

/* What epoll_wait reported and is still to be handled in this turn. */
static struct epoll_event events[MAX_EVENTS];
static int nr_events;

int loop_open(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	spare_fd = fcntl(epoll_fd, F_DUPFD_CLOEXEC, 0);
	return spare_fd < 0 ? -errno : 0;
}

void loop_close(void)
{
	if (epoll_fd >= 0)
		close(epoll_fd);
	epoll_fd = -1;
	if (spare_fd >= 0)
		close(spare_fd);
	spare_fd = -1;
	timers = NULL;
	work_first = NULL;
	work_last = &work_first;
}

u64 loop_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

int loop_add(struct source *source, u32 epoll_events)
{
	struct epoll_event ev = {.events = epoll_events, .data.ptr = source};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, source->fd, &ev) ? -errno : 0;
}

int loop_accept(struct source *listener)
{
	const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	static bool is_said;
	int fd = accept4(listener->fd, NULL, NULL, flags), error = errno;

	if (spare_fd < 0) /* one that could not be had again */
		spare_fd = fcntl(epoll_fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		return fd;
	if (error == EMFILE || error == ENFILE) {
		if (spare_fd >= 0)
			close(spare_fd);
		fd = accept4(listener->fd, NULL, NULL, flags);
		if (fd >= 0)
			close(fd);
		spare_fd = fcntl(epoll_fd, F_DUPFD_CLOEXEC, 0);
		if (!is_said)
			log_warn("loop", "no descriptor for a client: hung "
					 "up on it, and on others from now on");
		is_said = true;
	}
	return -error;
}

void loop_modify(struct source *source, u32 epoll_events)
{
	struct epoll_event ev = {.events = epoll_events, .data.ptr = source};

	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, source->fd, &ev);
}

void loop_remove(struct source *source)
{
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = 0; i < nr_events; i++)
		if (events[i].data.ptr == source)
			events[i].data.ptr = NULL;
}

void timer_arm(struct timer *timer, u64 delay_ns)
{
	struct timer **at = &timers;

	timer_cancel(timer);
	timer->deadline_ns = loop_now_ns() + delay_ns;
	while (*at && (*at)->deadline_ns <= timer->deadline_ns)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
	timer->is_armed = true;
}

void timer_cancel(struct timer *timer)
{
	struct timer **at = &timers;

	if (!timer->is_armed)
		return;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->is_armed = false;
}

void work_queue(struct work *work)
{
	if (work->is_queued)
		return;
	work->is_queued = true;
	work->next = NULL;
	*work_last = work;
	work_last = &work->next;
}

void work_cancel(struct work *work)
{
	struct work **at = &work_first;

	if (!work->is_queued)
		return;
	while (*at != work)
		at = &(*at)->next;
	*at = work->next;
	if (work_last == &work->next)
		work_last = at;
	work->is_queued = false;
}

static int run_timers(void)
{
	u64 now = timers ? loop_now_ns() : 0;
	int ran = 0;

	while (timers && timers->deadline_ns <= now) {
		struct timer *timer = timers;

		timer_cancel(timer);
		timer->fire(timer);
		ran++;
	}
	return ran;
}

/* A marker ends the portion: what is queued from now on waits a turn. */
static int run_work(void)
{
	struct work marker = {0};
	int ran = 0;

	if (!work_first)
		return 0;
	work_queue(&marker);
	while (work_first != &marker) {
		struct work *work = work_first;

		work_cancel(work);
		work->run(work);
		ran++;
	}
	work_cancel(&marker);
	return ran;
}

static int wait_events(int timeout_ms)
{
	struct timespec ts = {0}, *limit = &ts;
	u64 wait_ns = timeout_ms < 0 ? UINT64_MAX : (u64)timeout_ms * 1000000;

	if (work_first) {
		wait_ns = 0;
	} else if (timers) {
		u64 now = loop_now_ns(), due = timers->deadline_ns;

		wait_ns = min_u64(wait_ns, due > now ? due - now : 0);
	}
	if (wait_ns == UINT64_MAX)
		limit = NULL;
	ts.tv_sec = (time_t)(wait_ns / 1000000000u);
	ts.tv_nsec = (long)(wait_ns % 1000000000u);
	return epoll_pwait2(epoll_fd, events, MAX_EVENTS, limit, NULL);
}

int loop_turn(int timeout_ms)
{
	int handled = 0;

	nr_events = wait_events(timeout_ms);
	if (nr_events < 0)
		nr_events = 0; /* a signal: the caller looks at its flags */
	for (int i = 0; i < nr_events; i++) {
		struct source *source = events[i].data.ptr;

		if (!source)
			continue; /* removed by an earlier one */
		source->ready(source, events[i].events);
		handled++;
	}
	nr_events = 0;
	handled += run_timers();
	handled += run_work();
	return handled;
}
