/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that programs can see: waiting for processes, for files, pipes.
 *
 *	rules_wait [PROGRAM [ARG...]]	goes on as PROGRAM
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rules.h"

/* ---- r13: waiting ------------------------------------------------------ */

static pid_t child_that(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		fn();
		_exit(0);
	}
	return pid;
}

static void pause_forever(void)
{
	for (;;)
		pause();
}

static void exit_7(void)
{
	_exit(7);
}

static void stop_then_exit_3(void)
{
	raise(SIGSTOP);
	_exit(3);
}

static void check_options(void)
{
	siginfo_t info;
	int status = 0;
	pid_t pid = child_that(pause_forever);

	check("r13 WNOHANG does not wait", waitpid(pid, &status, WNOHANG) == 0);
	kill(pid, SIGKILL);
	memset(&info, 0, sizeof(info));
	check("r13 WNOWAIT leaves the child",
	      !waitid(P_PID, pid, &info, WEXITED | WNOWAIT) &&
		      info.si_pid == pid && info.si_code == CLD_KILLED &&
		      info.si_status == SIGKILL);
	check("r13 for the next wait", waitpid(pid, &status, 0) == pid &&
					       WIFSIGNALED(status) &&
					       WTERMSIG(status) == SIGKILL);
	check("r13 ECHILD when it is gone",
	      fails(waitpid(pid, &status, 0), ECHILD));
	check("r13 ECHILD without children", fails(wait(NULL), ECHILD));
	check("r13 ECHILD from waitid",
	      fails(waitid(P_ALL, 0, &info, WEXITED), ECHILD));
	check("r13 EINVAL for no kind of event",
	      fails(waitid(P_ALL, 0, &info, WNOHANG), EINVAL));
	pid = child_that(exit_7);
	check("r13 no child in another group",
	      fails(waitpid(-pid, &status, 0), ECHILD));
	check("r13 the status of an exit", waitpid(0, &status, 0) == pid &&
						   WIFEXITED(status) &&
						   WEXITSTATUS(status) == 7);
	pid = child_that(stop_then_exit_3);
	check("r13 WUNTRACED tells of a stop",
	      waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) &&
		      WSTOPSIG(status) == SIGSTOP);
	check("r13 once", waitpid(pid, &status, WUNTRACED | WNOHANG) == 0);
	kill(pid, SIGCONT);
	check("r13 WCONTINUED of going on",
	      waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	check("r13 then of the end",
	      waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
}

static void *exit_group_7(void *arg)
{
	usleep(20000);
	_exit(7);
}

static void *sleep_forever(void *arg)
{
	pause_forever();
	return NULL;
}

/* Threads in calls that wait, one that spins, and one that ends them all. */
static void have_a_thread_end_all(void)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, sleep_forever, NULL);
	pthread_create(&thread, NULL, exit_group_7, NULL);
	for (;;)
		;
}

static void *exit_after_leader(void *arg)
{
	usleep(50000);
	_exit(9);
}

static void end_leader_first(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_after_leader, NULL);
	pthread_exit(NULL);
}

static void leave_orphan(void)
{
	pid_t parent = getpid();

	if (!fork()) {
		while (getppid() == parent)
			usleep(1000);
		_exit(5);
	}
}

static void check_groups_and_orphans(void)
{
	int status;
	pid_t pid = child_that(have_a_thread_end_all);

	check("r13 one thread ends its whole group",
	      waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		      WEXITSTATUS(status) == 7);
	pid = child_that(end_leader_first);
	check("r13 a group lives on without its leader",
	      waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = child_that(leave_orphan);
	check("r13 its parent is waited for",
	      waitpid(pid, &status, 0) == pid && status == 0);
	check("r13 an orphan goes to who asked for it",
	      wait(&status) > 0 && WEXITSTATUS(status) == 5);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* Nobody waits for this one: it must be gone all the same. */
static void check_kernel_reaps(void)
{
	int fds[2], status;
	pid_t orphan = 0;

	if (pipe(fds))
		return;
	if (!fork()) {
		if (!fork()) {
			orphan = getpid();
			usleep(20000);
			_exit(write(fds[1], &orphan, sizeof(orphan)) < 0);
		}
		_exit(0);
	}
	wait(&status);
	close(fds[1]);
	check("r13 an orphan runs on",
	      read(fds[0], &orphan, sizeof(orphan)) == sizeof(orphan));
	close(fds[0]);
	while (!kill(orphan, 0))
		usleep(1000);
	check("r13 and is reaped", errno == ESRCH);
}

static void rule_13(void)
{
	check_options();
	check_groups_and_orphans();
	/* Elsewhere that depends on process 1. */
	if (!access("/proc/brick", F_OK))
		check_kernel_reaps();
}

/* ---- r27: what waits for files ----------------------------------------- */

static bool is_refused(long result)
{
	return result == -1 && (errno == ENOSYS || errno == EINVAL ||
				errno == EBADF || errno == EFAULT);
}

static void check_poll(const int *p)
{
	struct pollfd fds[2] = {{.fd = p[0], .events = -1},
				{.fd = -5, .events = -1, .revents = 7}};
	struct timespec bad = {1, -1};
	struct timeval soon = {0, 1000};
	volatile int far_too_many = INT_MAX; /* for the compiler too */
	fd_set set;

	check("r27 poll of nothing", poll(NULL, 0, 0) == 0);
	check("r27 poll of too many",
	      fails(poll(fds, far_too_many, 0), EINVAL));
	check("r27 poll of a bad address",
	      fails(syscall(SYS_poll, (void *)8, 2, 0), EFAULT));
	check("r27 poll of a negative descriptor",
	      poll(fds, 2, 0) == 0 && fds[1].revents == 0);
	check("r27 ppoll until a bad time",
	      fails(ppoll(fds, 2, &bad, NULL), EINVAL));
	FD_ZERO(&set);
	check("r27 select of less than nothing",
	      fails(select(-1, &set, NULL, NULL, &soon), EINVAL));
	check("r27 select of nothing", select(0, NULL, NULL, NULL, &soon) == 0);
}

static void check_epoll(const int *p)
{
	struct epoll_event ev = {.events = EPOLLIN}, got[2];
	int ep = epoll_create1(0), other = epoll_create1(0);
	volatile int far_too_many = INT_MAX;

	check("r27 epoll_create of nothing", fails(epoll_create(0), EINVAL));
	check("r27 epoll of itself",
	      fails(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL));
	check("r27 epoll on no epoll",
	      fails(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &ev), EINVAL));
	check("r27 epoll does not know it",
	      fails(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT));
	check("r27 epoll does nothing else",
	      fails(epoll_ctl(ep, 99, p[0], &ev), EINVAL));
	check("r27 epoll_wait for none",
	      fails(epoll_wait(ep, got, 0, 0), EINVAL));
	check("r27 epoll_wait for too many",
	      fails(epoll_wait(ep, got, far_too_many, 0), EINVAL));
	check("r27 epoll sees a byte",
	      !epoll_ctl(other, EPOLL_CTL_ADD, p[0], &ev) &&
		      write(p[1], "x", 1) == 1 &&
		      epoll_wait(other, got, 2, -1) == 1);
	check("r27 the outer epoll sees it too",
	      !epoll_ctl(ep, EPOLL_CTL_ADD, other, &ev) &&
		      epoll_wait(ep, got, 2, -1) == 1);
	check("r27 epolls form no circle",
	      fails(epoll_ctl(other, EPOLL_CTL_ADD, ep, &ev), ELOOP));
	close(other);
	close(ep);
}

static void check_accept(const int *p)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	check("r27 accept on a pipe",
	      fails(accept(p[0], NULL, NULL), ENOTSOCK));
	check("r27 accept on nothing", fails(accept(99, NULL, NULL), EBADF));
	check("r27 accept before listen", fails(accept(s, NULL, NULL), EINVAL));
	check("r27 accept4 with odd flags",
	      fails(accept4(s, NULL, NULL, 1), EINVAL));
	close(s);
}

/* Calls that may be missing say so: no argument may be worse than that. */
static void check_missing(const int *p)
{
	static const long calls[] = {
		SYS_signalfd4,    SYS_inotify_init1, SYS_inotify_add_watch,
		SYS_recvmmsg,     SYS_sendmmsg,      SYS_splice,
		SYS_tee,          SYS_vmsplice,      SYS_io_setup,
		SYS_fanotify_init};
	bool ok = true;

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ok = ok &&
		     is_refused(syscall(calls[i], -1l, 8l, -1l, -1l, 8l, -1l));
	check("r27 calls that may be missing refuse nonsense", ok);
}

static void rule_27(void)
{
	int p[2];

	if (pipe(p))
		return;
	check_poll(p);
	check_epoll(p);
	check_accept(p);
	check_missing(p);
	close(p[0]);
	close(p[1]);
}

/* ---- r30: pipes -------------------------------------------------------- */

#define STREAM (10l << 20)

static unsigned char stream_byte(long i)
{
	return (unsigned char)(i * 7 + i / PAGE);
}

static void *read_slowly(void *arg)
{
	static unsigned char buf[50001];
	int fd = *(int *)arg;
	long at = 0, n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n; i++)
			if (buf[i] != stream_byte(at + i))
				return (void *)-1;
		at += n;
		if (at % 11 == 0)
			usleep(500);
	}
	return (void *)(n ? -1 : at);
}

static void check_stream(void)
{
	unsigned char *bytes = malloc(STREAM);
	pthread_t thread;
	void *got;
	int p[2];

	for (long i = 0; i < STREAM; i++)
		bytes[i] = stream_byte(i);
	if (pipe(p))
		return;
	pthread_create(&thread, NULL, read_slowly, &p[0]);
	check("r30 ten megabytes in one write",
	      write(p[1], bytes, STREAM) == STREAM);
	close(p[1]);
	pthread_join(thread, &got);
	check("r30 all arrive at a slow reader", (long)got == STREAM);
	close(p[0]);
	free(bytes);
}

static volatile sig_atomic_t nr_sigpipes;

static void on_sigpipe(int sig)
{
	nr_sigpipes++;
}

static void rule_30(void)
{
	static char buf[1 << 20];
	int p[2], q[2];
	long n;

	check("r30 a pipe", !pipe2(p, O_NONBLOCK));
	check("r30 EAGAIN when empty", fails(read(p[0], buf, 1), EAGAIN));
	check("r30 a short read", write(p[1], "abcde", 5) == 5 &&
					  read(p[0], buf, 100) == 5 &&
					  !memcmp(buf, "abcde", 5));
	check("r30 part by part", write(p[1], "abcde", 5) == 5 &&
					  read(p[0], buf, 2) == 2 &&
					  read(p[0], buf, 100) == 3);
	n = write(p[1], buf, sizeof(buf));
	check("r30 a write as far as there is room", n == 65536);
	check("r30 EAGAIN when full", fails(write(p[1], buf, 1), EAGAIN));
	check("r30 all of it comes out", read(p[0], buf, sizeof(buf)) == n);
	close(p[1]);
	check("r30 the end", read(p[0], buf, 1) == 0);
	close(p[0]);
	check_stream();
	if (pipe(q))
		return;
	signal(SIGPIPE, on_sigpipe);
	close(q[0]);
	check("r30 EPIPE without a reader", fails(write(q[1], "x", 1), EPIPE));
	check("r30 and SIGPIPE", nr_sigpipes == 1);
	signal(SIGPIPE, SIG_DFL);
	close(q[1]);
}

int main(int argc, char **argv)
{
	rule_13();
	rule_27();
	rule_30();
	if (argc > 1)
		execv(argv[1], argv + 1);
	return status_of_all;
}
