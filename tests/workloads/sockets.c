/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local sockets where a queue is full, deep, or looked at twice. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MANY = 100000, DEPTH = 1000 };

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

/* A datagram of nothing takes memory, too. */
static void test_empty_datagrams(void)
{
	int s[2], nr_sent = 0, nr_received = 0;
	char c;

	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s);
	while (nr_sent < MANY && !send(s[0], "", 0, 0))
		nr_sent++;
	say("full", errno == EAGAIN);
	say("more than a few", nr_sent > 5);
	say("not without end", nr_sent < MANY);
	while (!recv(s[1], &c, 1, 0))
		nr_received++;
	say("all came", nr_received == nr_sent);
	say("room again", send(s[0], "", 0, 0));
	close(s[0]);
	close(s[1]);
}

/* One message with files @fds, in one control message or in several. */
static int send_fds(int sock, const int *fds, int nr, int nr_each)
{
	char control[8 * CMSG_SPACE(4 * sizeof(int))] = "", c = 'f';
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	size_t used = 0;

	for (int i = 0; i < nr || !i; i += nr_each) {
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(0);
		used += CMSG_SPACE(0); /* an empty one before each */
		cm = (void *)(control + used);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN((size_t)nr_each * sizeof(int));
		memcpy(CMSG_DATA(cm), fds + i, (size_t)nr_each * sizeof(int));
		used += CMSG_SPACE((size_t)nr_each * sizeof(int));
		cm = (void *)(control + used);
	}
	msg.msg_controllen = used;
	return sendmsg(sock, &msg, 0) < 0 ? -errno : 0;
}

static int receive_fds(int sock, int *fds)
{
	char control[CMSG_SPACE(8 * sizeof(int))], c;
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cm;
	size_t bytes;

	if (recvmsg(sock, &msg, 0) != 1)
		return -1;
	cm = CMSG_FIRSTHDR(&msg);
	if (!cm)
		return 0;
	bytes = cm->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(cm), bytes);
	return (int)(bytes / sizeof(int));
}

static void test_several_rights(void)
{
	int s[2], p[2], fds[8], nr;
	char c = 0;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	if (pipe(p))
		return;
	say("two messages of one", send_fds(s[0], p, 2, 1));
	nr = receive_fds(s[1], fds);
	say("two files", nr);
	if (nr == 2) {
		say("write", write(fds[1], "x", 1));
		say("read", read(fds[0], &c, 1) == 1 && c == 'x');
	}
	for (int i = 0; i < nr; i++)
		close(fds[i]);
	say("a bad one", send_fds(s[0], (int[]){p[0], -1}, 2, 1));
	close(p[0]);
	close(p[1]);
	close(s[0]);
	close(s[1]);
}

/*
 * A pipe's end in a socket in a socket...: when the outermost goes, so do all.
 * How deep one may go is the kernel's business.
 */
static void test_sockets_in_sockets(void)
{
	int p[2], s[2], inner, err = 0, depth = 0;
	struct pollfd end = {.events = POLLIN};

	if (pipe(p))
		return;
	inner = p[1];
	while (depth < DEPTH && !err) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, s);
		err = send_fds(s[0], &inner, 1, 1);
		if (!err) {
			close(inner);
			inner = s[1];
			depth++;
		} else {
			close(s[1]);
		}
		close(s[0]);
	}
	say("some deep", depth > 2);
	end.fd = p[0];
	say("open", poll(&end, 1, 0));
	close(inner);
	say("ended", poll(&end, 1, -1));
	say("hung up", end.revents == POLLHUP);
	close(p[0]);
}

static int server;

static void *serve(void *closes)
{
	char buf[1024];

	usleep(200000); /* the other is likely to wait by then */
	if (closes) {
		close(server);
		return NULL;
	}
	while (recv(server, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	return NULL;
}

static void fill_and_wait(int client, bool closes)
{
	struct pollfd p = {.fd = client, .events = POLLOUT};
	char buf[1000] = "";
	pthread_t thread;
	int nr = 0;

	while (nr < MANY && send(client, buf, sizeof(buf), 0) > 0)
		nr++;
	say("full", errno == EAGAIN && nr && nr < MANY);
	pthread_create(&thread, NULL, serve, closes ? &server : NULL);
	say("writable", poll(&p, 1, -1));
	say("says so", p.revents == POLLOUT);
	pthread_join(thread, NULL);
	say("send", send(client, buf, 10, 0) == 10 ? 0 : -errno);
}

/* A client waits for room at a server that does not know it. */
static void test_one_way(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	server = socket(AF_UNIX, SOCK_DGRAM, 0);
	snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "server-%d",
		 getpid());
	say("bind", bind(server, (void *)&addr, sizeof(addr)));
	say("connect", connect(client, (void *)&addr, sizeof(addr)));
	fill_and_wait(client, false);
	fill_and_wait(client, true);
	close(client);
}

static void test_peek(void)
{
	char buf[16] = "";
	int s[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	write(s[0], "abc", 3);
	say("peek for all", recv(s[1], buf, 10, MSG_PEEK | MSG_WAITALL));
	say("seen once", !strcmp(buf, "abc"));
	close(s[0]);
	say("still there", recv(s[1], buf, 10, MSG_WAITALL));
	close(s[1]);
}

int main(void)
{
	test_empty_datagrams();
	test_several_rights();
	test_sockets_in_sockets();
	test_one_way();
	test_peek();
	return 0;
}
