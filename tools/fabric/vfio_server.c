/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket below struct vfu_stream: see vfio_user.h. */
#define _GNU_SOURCE
#include "log.h"
#include "vfio_user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_BACKLOG_BYTES = 1 << 20 };

/*
 * Replies are small and the client waits for most of them, so the socket
 * takes them at once.  If it does not, no more is read until it did.
 */
static void queue_backlog(struct vfu_server *server, const u8 *p, size_t n)
{
	u8 *grown = NULL;

	if (server->backlog_bytes + n <= MAX_BACKLOG_BYTES)
		grown = realloc(server->backlog, server->backlog_bytes + n);
	if (!grown) {
		log_err(server->stream.name, "the client reads no replies");
		server->is_failed = true;
		return;
	}
	memcpy(grown + server->backlog_bytes, p, n);
	server->backlog = grown;
	server->backlog_bytes += n;
	loop_modify(&server->connection, EPOLLOUT);
}

static void server_send(struct vfu_stream *stream, const void *message,
			size_t size)
{
	struct vfu_server *server = owner_of(stream, struct vfu_server, stream);
	ssize_t n = 0;

	if (server->is_failed)
		return;
	if (!server->backlog_bytes) {
		n = send(server->connection.fd, message, size,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			server->is_failed = true;
			return;
		}
		if (n < 0)
			n = 0;
	}
	if ((size_t)n < size)
		queue_backlog(server, (const u8 *)message + n, size - n);
}

static void wait_for_input(struct vfu_server *server)
{
	loop_modify(&server->connection, server->is_paused ? 0 : EPOLLIN);
}

static void drain_backlog(struct vfu_server *server)
{
	ssize_t n = send(server->connection.fd, server->backlog,
			 server->backlog_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		server->is_failed = errno != EAGAIN && errno != EINTR;
		return;
	}
	server->backlog_bytes -= n;
	memmove(server->backlog, server->backlog + n, server->backlog_bytes);
	if (!server->backlog_bytes)
		wait_for_input(server);
}

static unsigned int collect_fds(struct msghdr *msg, int *fds)
{
	unsigned int nr = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		unsigned int n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (unsigned int i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (nr < VFU_MAX_FDS)
				fds[nr++] = fd;
			else
				close(fd);
		}
	}
	return nr;
}

static void receive(struct vfu_server *server)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(VFU_MAX_FDS * sizeof(int))];
	} control;
	int fds[VFU_MAX_FDS];
	struct iovec iov;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	u8 *where;
	ssize_t n;

	iov.iov_len = vfu_stream_space(&server->stream, &where);
	iov.iov_base = where;
	n = recvmsg(server->connection.fd, &msg,
		    MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || vfu_stream_received(&server->stream, (size_t)n, fds,
					  collect_fds(&msg, fds)))
		server->is_failed = true;
}

static void connection_ready(struct source *source, u32 epoll_events)
{
	struct vfu_server *server =
		owner_of(source, struct vfu_server, connection);

	if (server->backlog_bytes && (epoll_events & EPOLLOUT))
		drain_backlog(server);
	else if (epoll_events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(server);
	if (server->is_failed)
		vfu_server_disconnect(server);
}

/* The next client may come before we were told that the last one went. */
static bool is_hung_up(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static pid_t client_of(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return 0;
	return peer.pid;
}

static void listener_ready(struct source *source, u32 epoll_events)
{
	struct vfu_server *server =
		owner_of(source, struct vfu_server, listener);
	struct vfu_stream *stream = &server->stream;
	int fd = loop_accept(source);

	(void)epoll_events;
	if (fd < 0)
		return;
	if (server->connection.fd >= 0 && is_hung_up(server->connection.fd))
		vfu_server_disconnect(server);
	if (server->connection.fd >= 0) {
		log_warn(stream->name, "a second client was refused");
		close(fd);
		return;
	}
	server->connection.fd = fd;
	if (loop_add(&server->connection, EPOLLIN)) {
		close(fd);
		server->connection.fd = -1;
		return;
	}
	server->is_failed = false;
	stream->received = 0;
	stream->nr_messages = 0;
	server->is_paused = false;
	server->client = client_of(fd);
	log_info(stream->name, "attached by process %d", (int)server->client);
	stream->ops->attached(stream->device);
}

int vfu_server_open(struct vfu_server *server, const char *path,
		    const struct vfu_ops *ops, void *device, const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	strcpy(server->path, path);
	server->stream.ops = ops;
	server->stream.device = device;
	server->stream.name = name;
	server->stream.send = server_send;
	server->connection.fd = -1;
	server->connection.ready = connection_ready;
	server->listener.ready = listener_ready;
	server->listener.fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listener.fd < 0)
		return -errno;
	unlink(path);
	if (bind(server->listener.fd, (struct sockaddr *)&sun, sizeof(sun)) ||
	    listen(server->listener.fd, 4)) {
		err = -errno;
		goto close_socket;
	}
	err = loop_add(&server->listener, EPOLLIN);
	if (err)
		goto unlink_path;
	return 0;

unlink_path:
	unlink(path);
close_socket:
	close(server->listener.fd);
	server->listener.fd = -1;
	return err;
}

void vfu_server_disconnect(struct vfu_server *server)
{
	struct vfu_stream *stream = &server->stream;

	if (server->connection.fd < 0)
		return;
	loop_remove(&server->connection);
	close(server->connection.fd);
	server->connection.fd = -1;
	vfu_stream_reset(stream);
	free(server->backlog);
	server->backlog = NULL;
	server->backlog_bytes = 0;
	server->client = 0;
	log_info(stream->name, "detached after %llu messages",
		 (unsigned long long)stream->nr_messages);
	stream->ops->detached(stream->device);
}

void vfu_server_pause(struct vfu_server *server, bool is_paused)
{
	server->is_paused = is_paused;
	if (server->connection.fd >= 0 && !server->backlog_bytes)
		wait_for_input(server);
}

void vfu_server_close(struct vfu_server *server)
{
	vfu_server_disconnect(server);
	loop_remove(&server->listener);
	close(server->listener.fd);
	unlink(server->path);
}
