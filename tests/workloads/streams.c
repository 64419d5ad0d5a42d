/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pipes, local sockets, poll, select, epoll, eventfd, timerfd. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

static long res(long value)
{
	return value < 0 ? -errno : value;
}

static void *slow_reader(void *arg)
{
	static char buf[70000];
	long total = 0, sum = 0, n;
	int fd = *(int *)arg;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n; i++)
			sum += (unsigned char)buf[i];
		total += n;
		if (total % 7 == 0)
			usleep(100);
	}
	say("reader got", total);
	return (void *)sum;
}

static void test_pipe(void)
{
	enum { N = 4 << 20 };
	char *buf = malloc(N), small[16];
	pthread_t thread;
	struct stat st;
	void *got;
	long sum = 0;
	int p[2], i;

	say("pipe", pipe(p));
	fstat(p[0], &st);
	say("is fifo", S_ISFIFO(st.st_mode));
	say("seek", res(lseek(p[0], 0, SEEK_CUR)));
	say("pread", res(pread(p[0], small, 1, 0)));
	write(p[1], "abc", 3);
	ioctl(p[0], FIONREAD, &i);
	say("fionread", i);
	say("short read", read(p[0], small, 16));
	say("write to the read end", res(write(p[0], "x", 1)));
	for (i = 0; i < N; i++)
		sum += (unsigned char)(buf[i] = i * 13);
	pthread_create(&thread, NULL, slow_reader, &p[0]);
	say("big write", write(p[1], buf, N));
	close(p[1]);
	pthread_join(thread, &got);
	say("same bytes", (long)got == sum);
	close(p[0]);

	signal(SIGPIPE, SIG_IGN);
	pipe2(p, O_NONBLOCK | O_CLOEXEC);
	say("nothing there", res(read(p[0], small, 1)));
	say("fills up", write(p[1], buf, N));
	say("is full", res(write(p[1], buf, 1)));
	close(p[0]);
	say("no reader", res(write(p[1], buf, 1)));
	close(p[1]);
	free(buf);
}

static void *open_to_write(void *arg)
{
	int fd = open(arg, O_WRONLY);

	write(fd, "from a thread", 13);
	close(fd);
	return NULL;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void test_fifo(void)
{
	struct sigaction act = {.sa_handler = on_alarm};
	struct pollfd p = {.events = POLLIN};
	int nr_read = 0, nr_same = 0, nr_ends = 0;
	char path[64], buf[64] = "";
	pthread_t thread;
	struct stat st;
	int r, w;

	snprintf(path, sizeof(path), "/tmp/fifo-%d", getpid());
	say("mkfifo", mkfifo(path, 0600));
	say("mkfifo again", res(mkfifo(path, 0600)));
	stat(path, &st);
	say("is a fifo", S_ISFIFO(st.st_mode));
	say("no reader", res(open(path, O_WRONLY | O_NONBLOCK)));
	p.fd = r = open(path, O_RDONLY | O_NONBLOCK);
	say("reader", r >= 0);
	say("nothing", res(read(r, buf, 8)));
	say("no end before a writer", poll(&p, 1, 0));
	w = open(path, O_WRONLY | O_NONBLOCK);
	say("writer", w >= 0);
	say("empty", res(read(r, buf, 8)));
	say("write", write(w, "abc", 3));
	say("ready", poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	say("read", read(r, buf, 8));
	say("seek", res(lseek(r, 0, SEEK_SET)));
	close(w);
	say("end", read(r, buf, 8));
	say("end is seen", poll(&p, 1, 0) == 1 && p.revents == POLLHUP);
	close(r);
	w = open(path, O_RDWR);
	say("both", w >= 0);
	write(w, "xy", 2);
	say("from itself", read(w, buf, 8));
	write(w, "gone", 4);
	close(w);
	for (int i = 0; i < 100; i++) {
		pthread_create(&thread, NULL, open_to_write, path);
		r = open(path, O_RDONLY); /* both wait for each other */
		memset(buf, 0, sizeof(buf));
		nr_read += read(r, buf, sizeof(buf)) == 13;
		nr_same += !strcmp(buf, "from a thread");
		nr_ends += read(r, buf, sizeof(buf)) == 0;
		pthread_join(thread, NULL);
		close(r);
	}
	say("from the other", nr_read);
	say("text", nr_same);
	say("then the end", nr_ends);
	if (!fork()) {
		w = open(path, O_WRONLY);
		write(w, "child", 5);
		_exit(0);
	}
	r = open(path, O_RDONLY);
	say("from a child", read(r, buf, sizeof(buf)));
	wait(NULL);
	close(r);
	sigaction(SIGALRM, &act, NULL);
	ualarm(20000, 20000);
	say("interrupted", res(open(path, O_RDONLY)));
	ualarm(0, 0);
	say("unlink", unlink(path));
}

static void test_poll(void)
{
	struct pollfd fds[3];
	struct timeval tv = {0, 20000};
	fd_set in, out;
	char c;
	int p[2];

	pipe(p);
	fds[0] = (struct pollfd){.fd = p[0], .events = POLLIN};
	fds[1] = (struct pollfd){.fd = p[1], .events = POLLOUT};
	fds[2] = (struct pollfd){.fd = 77, .events = POLLIN};
	say("poll", poll(fds, 3, 0));
	say("in", fds[0].revents);
	say("out", fds[1].revents);
	say("bad", fds[2].revents);
	say("timeout", poll(fds, 1, 20));
	write(p[1], "x", 1);
	say("ready", poll(fds, 1, -1));
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	say("select", select(p[1] + 1, &in, &out, NULL, NULL));
	say("select in", FD_ISSET(p[0], &in) != 0);
	read(p[0], &c, 1);
	FD_ZERO(&in);
	FD_SET(p[0], &in);
	say("select timeout", select(p[1] + 1, &in, NULL, NULL, &tv));
	say("select cleared", FD_ISSET(p[0], &in));
	FD_SET(50, &in);
	say("select bad", res(select(51, &in, NULL, NULL, &tv)));
	if (!fork()) {
		usleep(30000);
		write(p[1], "y", 1);
		_exit(0);
	}
	say("poll wakes", poll(fds, 1, 10000));
	wait(NULL);
	read(p[0], &c, 1);
	close(p[1]);
	say("hangup", poll(fds, 1, -1) && fds[0].revents == POLLHUP);
	close(p[0]);
}

static void test_epoll(void)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 42}, got[4];
	int ep = epoll_create1(EPOLL_CLOEXEC), p[2], e;
	uint64_t v = 3;

	pipe(p);
	say("add", epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	say("add again", res(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev)));
	say("add bad", res(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &ev)));
	say("none", epoll_wait(ep, got, 4, 10));
	write(p[1], "ab", 2);
	say("one", epoll_wait(ep, got, 4, -1));
	say("data", got[0].data.u64);
	say("level", epoll_wait(ep, got, 4, 0));
	ev.events = EPOLLIN | EPOLLET;
	epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev);
	say("edge", epoll_wait(ep, got, 4, 0));
	say("edge again", epoll_wait(ep, got, 4, 0));
	write(p[1], "c", 1);
	say("edge anew", epoll_wait(ep, got, 4, 0));
	ev.events = EPOLLIN | EPOLLONESHOT;
	epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev);
	say("one shot", epoll_wait(ep, got, 4, 0));
	say("shot", epoll_wait(ep, got, 4, 0));
	e = eventfd(0, EFD_NONBLOCK);
	ev.events = EPOLLIN;
	ev.data.u64 = 7;
	epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev);
	write(e, &v, 8);
	write(e, &v, 8);
	say("eventfd", epoll_wait(ep, got, 4, -1) == 1 && got[0].data.u64 == 7);
	say("eventfd read", read(e, &v, 8));
	say("eventfd value", v);
	say("eventfd empty", res(read(e, &v, 8)));
	close(e);
	close(p[0]);
	close(p[1]);
	say("all closed", epoll_wait(ep, got, 4, 0));
	close(ep);
}

static long watch(int ep, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.u64 = (uint64_t)fd};

	return res(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
}

/* How many events, without waiting. */
static long events_of(int ep)
{
	struct epoll_event got[4];

	return res(epoll_wait(ep, got, 4, 0));
}

static void *write_later(void *arg)
{
	usleep(20000);
	return (void *)write(*(int *)arg, "x", 1);
}

/* Who asks for nothing hears of the end all the same. */
static void test_epoll_for_nothing(void)
{
	struct epoll_event event = {.events = 0, .data.u64 = 5};
	int ep = epoll_create1(0), s[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	say("add for nothing", epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &event));
	write(s[1], "x", 1);
	say("data is not told", epoll_wait(ep, &event, 1, 0));
	close(s[1]);
	say("the end is", epoll_wait(ep, &event, 1, 60000));
	say("hang-up", event.events == EPOLLHUP && event.data.u64 == 5);
	close(s[0]);
	close(ep);
}

static void test_epoll_in_epoll(void)
{
	int inner = epoll_create1(0), outer = epoll_create1(0), p[2];
	struct pollfd pfd = {.fd = outer, .events = POLLIN};
	struct epoll_event got[4];
	pthread_t thread;
	char c;

	pipe(p);
	say("itself", watch(inner, inner, EPOLLIN));
	say("exclusive", watch(outer, inner, EPOLLIN | EPOLLEXCLUSIVE));
	say("inner", watch(inner, p[0], EPOLLIN));
	say("outer", watch(outer, inner, EPOLLIN));
	say("twice", watch(outer, inner, EPOLLIN));
	say("circle", watch(inner, outer, EPOLLIN));
	say("nothing yet", events_of(outer));
	pthread_create(&thread, NULL, write_later, &p[1]);
	say("woken", epoll_wait(outer, got, 4, -1));
	say("by the inner one", got[0].data.u64 == (uint64_t)inner);
	pthread_join(thread, NULL);
	say("poll of the outer one", poll(&pfd, 1, -1));
	say("both are ready", events_of(outer) * 10 + events_of(inner));
	read(p[0], &c, 1);
	say("poll when the byte is read", poll(&pfd, 1, 0));
	say("neither is ready", events_of(outer) * 10 + events_of(inner));
	pthread_create(&thread, NULL, write_later, &p[1]);
	say("poll is woken", poll(&pfd, 1, -1));
	pthread_join(thread, NULL);
	close(p[0]);
	say("the file is gone", events_of(outer));
	close(inner);
	say("the inner one is gone", events_of(outer));
	close(outer);
	close(p[1]);
}

static void test_epoll_edge_through_epoll(void)
{
	int inner = epoll_create1(0), outer = epoll_create1(0), p[2];

	pipe(p);
	watch(inner, p[0], EPOLLIN);
	watch(outer, inner, EPOLLIN | EPOLLET);
	say("no edge yet", events_of(outer));
	write(p[1], "x", 1);
	say("edge", events_of(outer));
	say("no second one", events_of(outer));
	write(p[1], "x", 1);
	say("another edge", events_of(outer));
	say("the inner one is ready", events_of(inner));
	close(p[0]);
	close(p[1]);
	close(inner);
	close(outer);
}

/* epoll_ctl(2): a chain of five. Kernels before 6.17 allow more of a chain
 * that is built from its lower end, but not twelve. */
static void test_epoll_chain(void)
{
	int ep[12], p[2], nr = 1;

	pipe(p);
	for (int i = 0; i < 12; i++)
		ep[i] = epoll_create1(0);
	watch(ep[0], p[0], EPOLLIN);
	while (nr < 12 && !watch(ep[nr], ep[nr - 1], EPOLLIN))
		nr++;
	say("five in a chain", nr >= 5);
	say("too many", nr < 12 ? watch(ep[nr], ep[nr - 1], EPOLLIN) : 0);
	say("nothing at the top", events_of(ep[4]));
	write(p[1], "x", 1);
	say("a byte at the top", events_of(ep[4]));
	for (int i = 0; i < 12; i++)
		close(ep[i]);
	close(p[0]);
	close(p[1]);
}

static void test_timerfd(void)
{
	struct itimerspec its = {.it_value = {0, 5000000},
				 .it_interval = {0, 5000000}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n;

	say("settime", timerfd_settime(fd, 0, &its, NULL));
	say("read", read(fd, &n, 8));
	say("expired", n >= 1);
	usleep(30000);
	read(fd, &n, 8);
	say("expired more", n >= 2);
	close(fd);
}

/* Together their periods are more than a CPU can serve one by one. */
static void test_many_timerfds(void)
{
	struct itimerspec its = {.it_value = {0, 1000},
				 .it_interval = {0, 1000}};
	int fds[200], nr_expired = 0, nr_again = 0, nr_left = 0;
	uint64_t n;

	for (int i = 0; i < 200; i++) {
		fds[i] = timerfd_create(CLOCK_MONOTONIC, 0);
		timerfd_settime(fds[i], 0, &its, NULL);
	}
	usleep(20000);
	for (int i = 0; i < 200; i++) {
		nr_expired += read(fds[i], &n, 8) == 8 && n >= 10000;
		nr_again += read(fds[i], &n, 8) == 8 && n >= 1;
	}
	usleep(1000);
	for (int i = 0; i < 200; i++) {
		timerfd_gettime(fds[i], &its);
		nr_left += its.it_interval.tv_nsec == 1000 &&
			   !its.it_value.tv_sec && its.it_value.tv_nsec <= 1000;
		close(fds[i]);
	}
	say("all expired", nr_expired);
	say("all again", nr_again);
	say("all run on", nr_left);
}

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "", c = 'f';
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	say("send fd", sendmsg(sock, &msg, 0));
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], c;
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	say("receive fd", recvmsg(sock, &msg, 0));
	if (CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static void test_socketpair(void)
{
	char buf[32] = "";
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int s[2], p[2], fd;

	say("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	say("peercred",
	    getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
		    cred.pid == getpid());
	write(s[0], "hello", 5);
	write(s[0], "world", 5);
	say("peek", recv(s[1], buf, 32, MSG_PEEK));
	say("stream joins", read(s[1], buf, 32));
	say("text", !strcmp(buf, "helloworld"));
	say("dontwait", res(recv(s[1], buf, 1, MSG_DONTWAIT)));
	pipe(p);
	send_fd(s[0], p[0]);
	fd = receive_fd(s[1]);
	write(p[1], "through", 7);
	say("fd works", read(fd, buf, 32));
	close(fd);
	close(p[0]);
	close(p[1]);
	say("shutdown", shutdown(s[0], SHUT_WR));
	say("end", read(s[1], buf, 32));
	say("other way", write(s[1], "back", 4));
	say("back", read(s[0], buf, 32));
	close(s[1]);
	say("closed", read(s[0], buf, 32));
	say("epipe", res(send(s[0], "x", 1, MSG_NOSIGNAL)));
	close(s[0]);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	write(s[0], "one", 3);
	write(s[0], "second", 6);
	say("datagram", read(s[1], buf, 32));
	say("cut", recv(s[1], buf, 2, 0));
	close(s[0]);
	close(s[1]);
}

static void test_listen(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX}, name;
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c, s, status;
	socklen_t len = sizeof(name);
	char buf[32] = "";

	say("inet", res(socket(77, SOCK_STREAM, 0)) < 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/sock-%d",
		 getpid());
	say("bind", bind(l, (void *)&addr, sizeof(addr)));
	say("bind again", res(bind(l, (void *)&addr, sizeof(addr))));
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	say("refused", res(connect(c, (void *)&addr, sizeof(addr))));
	say("listen", listen(l, 4));
	if (!fork()) {
		c = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(c, (void *)&addr, sizeof(addr)))
			_exit(1);
		write(c, "request", 7);
		read(c, buf, 32);
		_exit(strcmp(buf, "reply") != 0);
	}
	s = accept(l, (void *)&name, &len);
	say("accept", s >= 0);
	say("unnamed", len);
	say("request", read(s, buf, 32));
	write(s, "reply", 6);
	wait(&status);
	say("client", status);
	say("hung up", read(s, buf, 32));
	len = sizeof(name);
	say("getsockname", getsockname(s, (void *)&name, &len));
	say("same name", !strcmp(name.sun_path, addr.sun_path));
	close(s);
	close(c);
	close(l);
	unlink(addr.sun_path);
	say("gone", res(access(addr.sun_path, F_OK)));
}

static void test_tty(void)
{
	struct termios t;
	int fd = open("/dev/null", O_RDWR);

	say("null is no tty", res(tcgetattr(fd, &t)));
	say("null reads", read(fd, &t, 8));
	say("null writes", write(fd, "abc", 3));
	close(fd);
	fd = open("/dev/zero", O_RDONLY);
	say("zero", read(fd, &t, sizeof(t)) == sizeof(t) && !t.c_iflag);
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	say("full", res(write(fd, "x", 1)));
	close(fd);
}

int main(void)
{
	test_pipe();
	test_fifo();
	test_poll();
	test_epoll();
	test_epoll_for_nothing();
	test_epoll_in_epoll();
	test_epoll_edge_through_epoll();
	test_epoll_chain();
	test_timerfd();
	test_many_timerfds();
	test_socketpair();
	test_listen();
	test_tty();
	return 0;
}
