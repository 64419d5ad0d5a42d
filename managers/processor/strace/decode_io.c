/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments that are structures: buffers, polling, sockets. */
#include <lib/byteorder.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <uapi/poll.h>
#include <uapi/socket.h>

#include "decode_internal.h"

/* ---- buffers ----------------------------------------------------------- */

/* struct iovec, readv(2). */
struct iovec64 {
	u64 vaddr;
	u64 bytes;
};

/* @valid_bytes of all buffers together mean something. */
static void show_iov(struct decoder *d, u64 vaddr, u64 count, u64 valid_bytes)
{
	struct iovec64 iov;

	if (!vaddr || !count) {
		show_address(d, vaddr);
		return;
	}
	text_add(&d->text, "[");
	for (u64 n = 0; list_goes_on(d, n, count); n++) {
		u64 bytes;

		if (!fetch(d, vaddr + n * sizeof(iov), &iov, sizeof(iov)))
			break;
		bytes = min(iov.bytes, valid_bytes);
		valid_bytes -= bytes;
		text_add(&d->text, "{iov_base=");
		show_bytes(d, iov.vaddr, bytes);
		text_add(&d->text, ", iov_len=%lu}", (unsigned long)iov.bytes);
	}
	text_add(&d->text, "]");
}

void show_in_iov(struct decoder *d, u32 i)
{
	show_iov(d, d->args[i], (u32)d->args[i + 1], ~0ull);
}

void show_out_iov(struct decoder *d, u32 i)
{
	show_iov(d, d->args[i], (u32)d->args[i + 1], (u64)d->result);
}

/* ---- polling ----------------------------------------------------------- */

struct pollfd {
	s32 fd;
	u16 events;
	u16 revents;
};

void show_pollfds(struct decoder *d, u32 i)
{
	u32 count = (u32)d->args[i + 1];
	struct pollfd p;

	if (!d->args[i] || !count) {
		show_address(d, d->args[i]);
		return;
	}
	text_add(&d->text, "[");
	for (u64 n = 0; list_goes_on(d, n, count); n++) {
		if (!fetch(d, d->args[i] + n * sizeof(p), &p, sizeof(p)))
			break;
		text_add(&d->text, "{fd=%d, events=", p.fd);
		show_names(d, poll_events_names, p.events);
		if (d->result > 0 && p.revents) {
			text_add(&d->text, ", revents=");
			show_names(d, poll_events_names, p.revents);
		}
		text_add(&d->text, "}");
	}
	text_add(&d->text, "]");
}

void show_fdset(struct decoder *d, u32 i)
{
	u32 nr_fds = (u32)d->args[0];
	const char *separator = "";
	u64 bits[16] = {0};

	nr_fds = min(nr_fds, (u32)sizeof(bits) * 8);
	if (!nr_fds) {
		show_address(d, d->args[i]);
		return;
	}
	if (!fetch(d, d->args[i], bits, DIV_ROUND_UP(nr_fds, 64u) * 8))
		return;
	text_add(&d->text, "[");
	for (u32 fd = 0; fd < nr_fds; fd++) {
		if (!(bits[fd / 64] & 1ull << fd % 64))
			continue;
		text_add(&d->text, "%s%u", separator, fd);
		separator = " ";
	}
	text_add(&d->text, "]");
}

/* struct epoll_event, epoll_ctl(2): packed on x86-64. */
struct epoll_event64 {
	u32 events;
	u64 data;
} __attribute__((packed));

static void show_event(struct decoder *d, const struct epoll_event64 *event)
{
	text_add(&d->text, "{events=");
	show_names(d, epoll_events_names, event->events);
	text_add(&d->text, ", data=0x%lx}", (unsigned long)event->data);
}

void show_epoll_event(struct decoder *d, u32 i)
{
	struct epoll_event64 event;

	if (fetch(d, d->args[i], &event, sizeof(event)))
		show_event(d, &event);
}

void show_epoll_events(struct decoder *d, u32 i)
{
	struct epoll_event64 event;

	text_add(&d->text, "[");
	for (u64 n = 0; list_goes_on(d, n, (u64)d->result); n++) {
		if (!fetch(d, d->args[i] + n * sizeof(event), &event,
			   sizeof(event)))
			break;
		show_event(d, &event);
	}
	text_add(&d->text, "]");
}

/* ---- sockets ----------------------------------------------------------- */

/* struct sockaddr_in, ip(7). */
struct sockaddr_in4 {
	u16 family;
	u8 port[2];
	u8 ip[4];
};

union any_sockaddr {
	u16 family;
	struct uapi_sockaddr_un un;
	struct sockaddr_in4 in4;
};
#define AF_INET_V4 2

static void show_unix_path(struct decoder *d, const char *path, size_t max)
{
	if (max && !path[0]) { /* abstract: all bytes count */
		text_add(&d->text, "@");
		show_quoted(d, (const u8 *)path + 1, max - 1, false);
		return;
	}
	show_quoted(d, (const u8 *)path, strnlen(path, max), false);
}

static void show_address_of_socket(struct decoder *d, u64 vaddr, u32 bytes)
{
	union any_sockaddr sa = {0};

	bytes = min(bytes, (u32)sizeof(sa));
	if (bytes < sizeof(sa.family)) {
		show_address(d, vaddr);
		return;
	}
	if (!fetch(d, vaddr, &sa, bytes))
		return;
	text_add(&d->text, "{sa_family=");
	show_names(d, sock_domain_names, sa.family);
	if (sa.family == AF_UNIX && bytes > sizeof(sa.family)) {
		text_add(&d->text, ", sun_path=");
		show_unix_path(d, sa.un.path, bytes - sizeof(sa.family));
	} else if (sa.family == AF_INET_V4 && bytes >= sizeof(sa.in4)) {
		text_add(&d->text,
			 ", sin_port=htons(%u), sin_addr=\"%u.%u.%u.%u\"",
			 sa.in4.port[0] << 8 | sa.in4.port[1], sa.in4.ip[0],
			 sa.in4.ip[1], sa.in4.ip[2], sa.in4.ip[3]);
	}
	text_add(&d->text, "}");
}

void show_sockaddr(struct decoder *d, u32 i)
{
	show_address_of_socket(d, d->args[i], (u32)d->args[i + 1]);
}

void show_out_sockaddr(struct decoder *d, u32 i)
{
	u32 bytes = 0;

	if (!d->args[i] || d->read(&bytes, d->args[i + 1], sizeof(bytes)))
		bytes = 0;
	show_address_of_socket(d, d->args[i], bytes);
}

static void show_msghdr(struct decoder *d, u32 i, u64 valid_bytes)
{
	struct uapi_msghdr msg;

	if (!fetch(d, d->args[i], &msg, sizeof(msg)))
		return;
	text_add(&d->text, "{msg_name=");
	show_address_of_socket(d, msg.name, msg.name_len);
	text_add(&d->text, ", msg_iov=");
	show_iov(d, msg.iov, msg.iov_len, valid_bytes);
	text_add(&d->text, ", msg_controllen=%lu, msg_flags=",
		 (unsigned long)msg.control_len);
	show_names(d, msg_flags_names, msg.flags);
	text_add(&d->text, "}");
}

void show_in_msghdr(struct decoder *d, u32 i)
{
	show_msghdr(d, i, ~0ull);
}

void show_out_msghdr(struct decoder *d, u32 i)
{
	show_msghdr(d, i, (u64)d->result);
}
