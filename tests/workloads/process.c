/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: fork, vfork, exec, waiting, orphans, groups and sessions. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *self;
/* The compiler must not see through these. */
static char *volatile bad_pointer = (char *)8;

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

static pid_t child_exiting(int status)
{
	pid_t pid = fork();

	if (!pid)
		_exit(status);
	return pid;
}

static void test_wait(void)
{
	int status = 0;
	siginfo_t info;
	struct rusage usage;
	pid_t pid = child_exiting(7), paused;

	say("wait pid", waitpid(pid, &status, 0) == pid);
	say("wait status", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	say("wait again", waitpid(pid, &status, 0) == -1 ? errno : 0);
	say("wait none", wait(NULL) == -1 ? errno : 0);

	paused = fork();
	if (!paused) {
		pause();
		_exit(0);
	}
	say("nohang", waitpid(paused, &status, WNOHANG));
	memset(&info, 0xff, sizeof(info));
	say("waitid nohang", waitid(P_PID, paused, &info, WEXITED | WNOHANG));
	say("waitid nothing", info.si_pid);
	kill(paused, SIGTERM);
	say("waitid nowait", waitid(P_PID, paused, &info, WEXITED | WNOWAIT));
	say("code", info.si_code);
	say("signal", info.si_status);
	say("still there", waitid(P_ALL, 0, &info, WEXITED));
	say("same", info.si_pid == paused);
	say("gone", waitid(P_ALL, 0, &info, WEXITED) == -1 ? errno : 0);

	pid = child_exiting(300);
	say("wait4", wait4(-1, &status, 0, &usage) == pid);
	say("low byte", WEXITSTATUS(status));
	say("bad options", waitpid(-1, &status, 0x40) == -1 ? errno : 0);
}

static void test_stop(void)
{
	int status, go[2];
	pid_t pid;
	char c;

	pipe(go);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		read(go[0], &c, 1); /* its end must not come first */
		_exit(3);
	}
	say("untraced", waitpid(pid, &status, WUNTRACED) == pid);
	say("stopped", WIFSTOPPED(status) ? WSTOPSIG(status) : -1);
	say("told once", waitpid(pid, &status, WUNTRACED | WNOHANG));
	kill(pid, SIGCONT);
	say("continued", waitpid(pid, &status, WCONTINUED) == pid);
	say("is", WIFCONTINUED(status));
	write(go[1], "x", 1);
	say("ended", waitpid(pid, &status, 0) == pid);
	say("with", WEXITSTATUS(status));
	close(go[0]);
	close(go[1]);
}

static void test_memory(void)
{
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile int *own = malloc(sizeof(*own));
	int status;

	*shared = 1;
	*own = 1;
	if (!fork()) {
		*shared = 2;
		*own = 2;
		_exit(*own);
	}
	wait(&status);
	say("child saw", WEXITSTATUS(status));
	say("shared", *shared);
	say("own", *own);
	if (!vfork()) {
		*own = 5;
		_exit(0);
	}
	say("vfork wrote", *own);
	wait(NULL);
	free((void *)own);
	munmap(shared, 4096);
}

struct sibling {
	char stack[16384];
	volatile int has_run;
};

static int run_sibling(void *arg)
{
	struct sibling *s = arg;

	usleep(50000);
	s->has_run = 1;
	_exit(4);
}

/* Who called vfork waits for the child, also for one that is its sibling. */
static void test_vfork_sibling(void)
{
	int status, nr = 0, sum = 0;

	if (!fork()) {
		static struct sibling s;

		clone(run_sibling, s.stack + sizeof(s.stack),
		      CLONE_VM | CLONE_VFORK | CLONE_PARENT, &s);
		_exit(s.has_run);
	}
	while (wait(&status) > 0) {
		nr++;
		sum += WEXITSTATUS(status);
	}
	say("two children", nr);
	say("the maker waited", sum == 4 + 1);
}

/* Thread storage is in user memory, or there is no child. */
static void test_clone_bad_tls(void)
{
	static const unsigned long bad[] = {1ul << 47, 1ul << 63, -1ul};

	for (unsigned int i = 0; i < 3; i++) {
		long pid = syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, NULL,
				   NULL, bad[i]);

		if (!pid)
			_exit(0);
		say("thread storage refused", pid < 0 && errno == EPERM);
		if (pid > 0)
			waitpid((pid_t)pid, NULL, 0);
	}
}

static void test_many(void)
{
	int sum = 0, status;

	for (int i = 0; i < 20; i++)
		child_exiting(i);
	for (int i = 0; i < 20; i++) {
		wait(&status);
		sum += WEXITSTATUS(status);
	}
	say("sum of 20", sum);
}

static void test_orphan(void)
{
	int fds[2], status;
	char c = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe(fds))
		exit(1);
	if (!fork()) {
		pid_t parent = getpid();

		if (!fork()) {
			while (getppid() == parent)
				usleep(1000);
			c = 'o';
			if (write(fds[1], &c, 1) != 1)
				_exit(1);
			_exit(9);
		}
		_exit(0);
	}
	wait(&status);
	say("parent", WEXITSTATUS(status));
	say("orphan wrote", read(fds[0], &c, 1));
	wait(&status);
	say("orphan", WEXITSTATUS(status));
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_groups(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		pause();
	}
	setpgid(pid, pid);
	say("pgid", getpgid(pid) == pid);
	say("no group", kill(-999999, 0) == -1 ? errno : 0);
	say("kill group", kill(-pid, SIGKILL));
	say("wait group", waitpid(-pid, &status, 0) == pid);
	say("killed by", WTERMSIG(status));
	if (!fork()) {
		pid_t sid = setsid();

		_exit(sid == getpid() && getsid(0) == sid && setsid() == -1 &&
		      errno == EPERM);
	}
	wait(&status);
	say("session", WEXITSTATUS(status));
	say("no process", kill(999999, 0) == -1 ? errno : 0);
}

static void test_exec(void)
{
	char *argv[] = {"hello", "x", NULL};
	char *none[] = {NULL};
	char fd_text[16];
	int status, fd = open("/dev/null", O_RDONLY);
	int cloexec = open("/dev/null", O_RDONLY | O_CLOEXEC);

	say("no file", execve("/nonexistent", argv, none) == -1 ? errno : 0);
	say("directory", execve("/tmp", argv, none) == -1 ? errno : 0);
	say("not a directory",
	    execve("/dev/null/x", argv, none) == -1 ? errno : 0);
	say("device", execve("/dev/null", argv, none) == -1 ? errno : 0);
	say("bad pointer", execve(bad_pointer, argv, none) == -1 ? errno : 0);
	say("bad argv",
	    execve(self, (char **)bad_pointer, none) == -1 ? errno : 0);

	if (!fork()) {
		snprintf(fd_text, sizeof(fd_text), "%d", fd);
		char cloexec_text[16];

		snprintf(cloexec_text, sizeof(cloexec_text), "%d", cloexec);
		execl(self, self, "fds", fd_text, cloexec_text, NULL);
		_exit(99);
	}
	wait(&status);
	say("fds", WEXITSTATUS(status));
	if (!fork()) {
		execve(self, none, none);
		_exit(99);
	}
	wait(&status);
	say("empty argv and envp", WEXITSTATUS(status));
}

static void test_spawn(void)
{
	char *argv[] = {"process", "status", "42", NULL};
	int status, err;
	pid_t pid;

	err = posix_spawn(&pid, self, NULL, NULL, argv, environ);
	say("spawn", err);
	waitpid(pid, &status, 0);
	say("spawned", WEXITSTATUS(status));
	say("spawn nothing",
	    posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ));
}

static void test_ids(void)
{
	struct rlimit limit;

	say("own parent", getppid() != getpid());
	say("tid", syscall(SYS_gettid) == getpid());
	say("set limit",
	    (getrlimit(RLIMIT_NOFILE, &limit), limit.rlim_cur = 100,
	     setrlimit(RLIMIT_NOFILE, &limit)));
	getrlimit(RLIMIT_NOFILE, &limit);
	say("limit", (long)limit.rlim_cur);
	limit.rlim_cur = limit.rlim_max;
	limit.rlim_max = 10;
	say("bad limit", setrlimit(RLIMIT_NOFILE, &limit) == -1 ? errno : 0);
	say("unknown call", syscall(10000) == -1 ? errno : 0);
	say("unknown call", syscall(10000) == -1 ? errno : 0);
}

/* What the process of another user does not let one do. */
static void test_foreign(void)
{
	pid_t other = getpid(), child = fork();
	struct sched_param param = {0};
	void *head = NULL;
	size_t bytes;
	cpu_set_t set;

	if (!child) {
		if (setuid(12345))
			other = 1; /* root's, and we are not */
		CPU_ZERO(&set);
		CPU_SET(0, &set);
		say("foreign affinity",
		    sched_setaffinity(other, sizeof(set), &set) == -1 ? errno
								      : 0);
		say("foreign policy",
		    sched_setscheduler(other, SCHED_OTHER, &param) == -1 ? errno
									 : 0);
		say("foreign robust list",
		    syscall(SYS_get_robust_list, other, &head, &bytes) == -1
			    ? errno
			    : 0);
		say("own affinity",
		    sched_setaffinity(0, sizeof(set), &set) == -1 ? errno : 0);
		say("own policy",
		    sched_setscheduler(0, SCHED_OTHER, &param) == -1 ? errno
								     : 0);
		say("own robust list",
		    syscall(SYS_get_robust_list, 0, &head, &bytes) == -1 ? errno
									 : 0);
		exit(0);
	}
	waitpid(child, NULL, 0);
}

/* A user may have so many tasks, and no more. */
static void test_many_of_a_user(void)
{
	struct rlimit none = {0, 0};
	pid_t child = fork(), more;

	if (!child) {
		if (setuid(12345)) /* we are no root then */
			errno = 0;
		say("no tasks", setrlimit(RLIMIT_NPROC, &none));
		more = fork();
		if (!more)
			_exit(0);
		say("one task more", more == -1 ? errno : 0);
		exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	if (argc == 0 || !argv[0][0])
		return 33; /* started with nothing at all */
	if (argc == 4 && !strcmp(argv[1], "fds"))
		return (fcntl(atoi(argv[2]), F_GETFD) == 0) * 2 +
		       (fcntl(atoi(argv[3]), F_GETFD) == -1);
	if (argc == 3 && !strcmp(argv[1], "status"))
		return atoi(argv[2]);
	self = argv[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_wait();
	test_stop();
	test_memory();
	test_vfork_sibling();
	test_clone_bad_tls();
	test_many();
	test_orphan();
	test_groups();
	test_exec();
	test_spawn();
	test_ids();
	test_foreign();
	test_many_of_a_user();
	return 0;
}
