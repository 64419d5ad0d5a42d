/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UAPI_POLL_H
#define UAPI_POLL_H

/* poll(2), select(2), epoll(7), eventfd(2), timerfd_create(2): x86-64 ABI. */
#include <lib/types.h>

#define POLLIN     0x001u
#define POLLPRI    0x002u
#define POLLOUT    0x004u
#define POLLERR    0x008u
#define POLLHUP    0x010u
#define POLLNVAL   0x020u
#define POLLRDNORM 0x040u
#define POLLRDBAND 0x080u
#define POLLWRNORM 0x100u
#define POLLWRBAND 0x200u
#define POLLRDHUP  0x2000u

struct uapi_pollfd {
	s32 fd;
	s16 events;
	s16 revents;
};

#define EPOLL_CTL_ADD  1
#define EPOLL_CTL_DEL  2
#define EPOLL_CTL_MOD  3
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET        (1u << 31)

struct uapi_epoll_event {
	u32 events;
	u64 data;
} __attribute__((packed));
_Static_assert(sizeof(struct uapi_epoll_event) == 12, "struct epoll_event");

#define EFD_SEMAPHORE 1u

#define TFD_TIMER_ABSTIME 1u

#endif /* UAPI_POLL_H */
