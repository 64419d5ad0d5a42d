/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals: handlers, masks, stacks, restarts, faults, timers, defaults. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t count, last_signal, last_code;
static volatile uintptr_t last_address, last_sp;
static volatile long last_value;
static sigjmp_buf out;

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
}

static void counting(int sig)
{
	count++;
	last_signal = sig;
}

static void informed(int sig, siginfo_t *info, void *context)
{
	int on_stack;

	(void)context;
	count++;
	last_signal = sig;
	last_code = info->si_code;
	last_address = (uintptr_t)info->si_addr;
	last_value = info->si_value.sival_int;
	last_sp = (uintptr_t)&on_stack;
}

static void escaping(int sig, siginfo_t *info, void *context)
{
	informed(sig, info, context);
	siglongjmp(out, 1);
}

static void set(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = fn,
			       .sa_flags = SA_SIGINFO | flags};

	sigaction(sig, &sa, NULL);
}

static void test_handlers(void)
{
	struct sigaction old;
	sigset_t mask, pending;

	signal(SIGUSR1, counting);
	raise(SIGUSR1);
	say("handled", count);
	set(SIGUSR2, informed, 0);
	kill(getpid(), SIGUSR2);
	say("from kill", last_code);
	sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 77});
	say("queued value", last_value);
	say("queued code", last_code);

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	count = 0;
	raise(SIGUSR1);
	raise(SIGUSR1);
	sigpending(&pending);
	say("pending", sigismember(&pending, SIGUSR1));
	say("blocked", count);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	say("once", count);

	set(SIGUSR1, informed, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	say("reset", old.sa_handler == SIG_DFL);
	say("no kill handler",
	    signal(SIGKILL, counting) == SIG_ERR ? errno : 0);
	say("bad signal", signal(65, counting) == SIG_ERR ? errno : 0);
}

static volatile int depth, deepest, nested;

static void nesting(int sig)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (++nested < 3)
		raise(sig);
	depth--;
}

static void test_nesting(void)
{
	struct sigaction sa = {.sa_handler = nesting};

	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	say("not nested", deepest == 1);
	depth = deepest = nested = 0;
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	say("nested", deepest);
}

static void test_realtime(void)
{
	sigset_t mask;
	siginfo_t info;
	struct timespec none = {0, 1000000};

	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN);
	sigaddset(&mask, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN + 1,
			 (union sigval){.sival_int = i});
	sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 9});
	for (int i = 0; i < 4; i++) {
		int sig = sigwaitinfo(&mask, &info);

		say("waited", sig - SIGRTMIN);
		say("value", info.si_value.sival_int);
	}
	say("time out", sigtimedwait(&mask, &info, &none) == -1 ? errno : 0);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

static void test_altstack(void)
{
	size_t bytes = 65536;
	char *memory = malloc(bytes);
	stack_t stack = {.ss_sp = memory, .ss_size = bytes}, now;

	say("altstack", sigaltstack(&stack, NULL));
	set(SIGUSR1, informed, SA_ONSTACK);
	raise(SIGUSR1);
	say("on it",
	    last_sp > (uintptr_t)memory && last_sp < (uintptr_t)memory + bytes);
	set(SIGUSR1, informed, 0);
	raise(SIGUSR1);
	say("not on it",
	    last_sp > (uintptr_t)memory && last_sp < (uintptr_t)memory + bytes);
	stack.ss_size = 100;
	say("too small", sigaltstack(&stack, NULL) == -1 ? errno : 0);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	sigaltstack(NULL, &now);
	say("disabled", now.ss_flags == SS_DISABLE);
	free(memory);
}

static double sum_of_squares(void)
{
	volatile double sum = 0;

	for (int i = 0; i < 10000; i++)
		sum += (double)i * i;
	return sum;
}

static void uses_fpu(int sig)
{
	volatile double x = 1;

	(void)sig;
	for (int i = 0; i < 100; i++)
		x = x * 1.5 + 0.25;
	count++;
}

/* Handlers at any moment must not disturb registers of the program. */
static void test_registers(void)
{
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {0};
	double want = sum_of_squares();
	int bad = 0;

	count = 0;
	signal(SIGALRM, uses_fpu);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 100000 && count < 20; i++)
		bad += sum_of_squares() != want;
	setitimer(ITIMER_REAL, &never, NULL);
	say("interrupted", count >= 20);
	say("disturbed", bad);
}

static void test_fault(const char *what, int sig, void (*fault)(void))
{
	last_signal = last_code = 0;
	set(sig, escaping, SA_NODEFER);
	if (!sigsetjmp(out, 1))
		fault();
	printf("%s: signal %d code %d\n", what, last_signal, last_code);
	signal(sig, SIG_DFL);
}

static char *page;

static void fault_null(void)
{
	*(volatile int *)8 = 1;
}

static void fault_protected(void)
{
	page[5] = 1;
}

static void fault_divide(void)
{
	volatile int zero = 0, one = 1;

	one = one / zero;
}

static void fault_illegal(void)
{
	__asm__ volatile("ud2");
}

static void fault_breakpoint(void)
{
	__asm__ volatile("int3");
}

static void fault_general(void)
{
	*(volatile int *)0x8000000000000000ul = 1;
}

static void fault_privileged(void)
{
	__asm__ volatile("hlt");
}

static void test_faults(void)
{
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	test_fault("null", SIGSEGV, fault_null);
	say("address", (long)last_address);
	test_fault("protected", SIGSEGV, fault_protected);
	say("address", (long)(last_address - (uintptr_t)page));
	test_fault("divide", SIGFPE, fault_divide);
	test_fault("illegal", SIGILL, fault_illegal);
	test_fault("breakpoint", SIGTRAP, fault_breakpoint);
	test_fault("not canonical", SIGSEGV, fault_general);
	test_fault("privileged", SIGSEGV, fault_privileged);
	munmap(page, 4096);
}

/* A handler may repair and return to the instruction. */
static void repairing(int sig, siginfo_t *info, void *context)
{
	(void)context;
	last_signal = sig;
	mprotect((void *)((uintptr_t)info->si_addr & ~4095ul), 4096,
		 PROT_READ | PROT_WRITE);
}

static void skipping(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
	uc->uc_mcontext.gregs[REG_RBX] = 4711;
}

static void test_return(void)
{
	long rbx = 0;

	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	set(SIGSEGV, repairing, 0);
	page[1] = 'r';
	say("repaired", page[1]);
	signal(SIGSEGV, SIG_DFL);
	set(SIGILL, skipping, 0);
	__asm__ volatile("ud2" : "+b"(rbx));
	say("changed register", rbx);
	signal(SIGILL, SIG_DFL);
	munmap(page, 4096);
}

static void test_restart(void)
{
	struct sigaction sa = {.sa_handler = counting};
	struct itimerval soon = {{0, 0}, {0, 30000}};
	struct timespec t = {2, 0}, left = {0, 0};
	int fds[2];
	char c;

	if (pipe(fds))
		exit(1);
	count = 0;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	say("interrupted read", read(fds[0], &c, 1) == -1 ? errno : 0);
	say("handlers", count);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	if (!fork()) {
		usleep(100000);
		_exit(write(fds[1], "x", 1) != 1);
	}
	say("restarted read", read(fds[0], &c, 1));
	say("handlers", count);
	wait(NULL);
	soon.it_value.tv_usec = 200000;
	setitimer(ITIMER_REAL, &soon, NULL);
	say("sleep", nanosleep(&t, &left) == -1 ? errno : 0);
	say("time left", left.tv_sec == 1 && left.tv_nsec > 0);
	soon.it_value.tv_usec = 200000;
	setitimer(ITIMER_REAL, &soon, NULL);
	say("pause", pause() == -1 ? errno : 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_suspend(void)
{
	sigset_t blocked, open_mask, now;

	signal(SIGUSR1, counting);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	count = 0;
	sigemptyset(&open_mask);
	say("suspend", sigsuspend(&open_mask) == -1 ? errno : 0);
	say("delivered", count);
	sigprocmask(SIG_SETMASK, NULL, &now);
	say("mask is back", sigismember(&now, SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

static void ends_with(const char *what, int sig, int blocked)
{
	int status;
	sigset_t mask;

	if (!fork()) {
		sigemptyset(&mask);
		if (blocked) {
			sigaddset(&mask, sig);
			sigprocmask(SIG_BLOCK, &mask, NULL);
		}
		raise(sig);
		_exit(0);
	}
	wait(&status);
	printf("%s: %d %d\n", what, WIFSIGNALED(status),
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void test_defaults(void)
{
	int status;

	ends_with("term", SIGTERM, 0);
	ends_with("kill", SIGKILL, 1);
	ends_with("child", SIGCHLD, 0);
	ends_with("winch", SIGWINCH, 0);
	ends_with("blocked term", SIGTERM, 1);
	ends_with("realtime", SIGRTMIN + 3, 0);
	if (!fork()) {
		signal(SIGSEGV, SIG_IGN); /* a fault cannot be ignored */
		fault_null();
		_exit(0);
	}
	wait(&status);
	say("ignored fault", WTERMSIG(status));
	if (!fork()) {
		signal(SIGPIPE, SIG_DFL);
		int fds[2];

		if (pipe(fds))
			_exit(1);
		close(fds[0]);
		if (write(fds[1], "x", 1))
			_exit(2);
	}
	wait(&status);
	say("broken pipe", WTERMSIG(status));
	signal(SIGCHLD, SIG_IGN);
	if (!fork())
		_exit(1);
	say("children ignored", wait(&status) == -1 ? errno : 0);
	signal(SIGCHLD, counting);
	count = 0;
	if (!fork())
		_exit(1);
	while (wait(&status) == -1 && errno == EINTR)
		;
	say("SIGCHLD", count);
	signal(SIGCHLD, SIG_DFL);
}

static void test_timers(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = SIGUSR2};
	struct itimerspec spec = {{0, 5000000}, {0, 5000000}};
	timer_t timer;

	event.sigev_value.sival_int = 123;
	set(SIGUSR2, informed, SA_RESTART);
	count = 0;
	say("timer", timer_create(CLOCK_MONOTONIC, &event, &timer));
	timer_settime(timer, 0, &spec, NULL);
	while (count < 3)
		pause();
	timer_delete(timer);
	say("timer code", last_code);
	say("timer value", last_value);
	say("alarm", alarm(100));
	say("alarm left", alarm(0));
}

/* What a process lets wait is bounded; the sender hears of it. */
static void test_limit(void)
{
	struct rlimit old, few;
	struct timespec now = {0};
	int nr_sent = 0, nr_taken = 0, err;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	getrlimit(RLIMIT_SIGPENDING, &old);
	few = old;
	few.rlim_cur = 20;
	setrlimit(RLIMIT_SIGPENDING, &few);
	while (nr_sent < 1000 &&
	       !sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}))
		nr_sent++;
	err = errno;
	say("no more than the limit", nr_sent > 0 && nr_sent <= 20);
	say("says so", err == EAGAIN);
	say("kill does not mind", kill(getpid(), SIGRTMIN));
	while (sigtimedwait(&mask, NULL, &now) == SIGRTMIN)
		nr_taken++;
	say("all of them came", nr_taken == nr_sent);
	say("room again", sigqueue(getpid(), SIGRTMIN, (union sigval){0}));
	sigtimedwait(&mask, NULL, &now);
	setrlimit(RLIMIT_SIGPENDING, &old);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	test_handlers();
	test_nesting();
	test_realtime();
	test_limit();
	test_altstack();
	test_registers();
	test_faults();
	test_return();
	test_restart();
	test_suspend();
	test_defaults();
	test_timers();
	return 0;
}
