/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes whose timers have a period of 1 ns, beside one that works.
 *
 * Two children have 32 timers each.  In the first all send SIGALRM to a
 * handler; in the second each has a realtime signal, which for half of them is
 * ignored and for some blocked.  Then: what a timer counts while its signal is
 * pending, that it goes on after its signal was ignored for a while, and that a
 * thread may delete what another is setting.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR_TIMERS 32

static volatile sig_atomic_t nr_signals, max_overrun;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	nr_signals++;
	if (info->si_overrun > max_overrun)
		max_overrun = info->si_overrun;
}

static void set(int sig, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_flags = SA_SIGINFO};

	action.sa_sigaction = handler;
	sigaction(sig, &action, NULL);
}

static timer_t start(int sig, long ns)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = sig};
	struct itimerspec spec = {{0, ns}, {0, ns}};
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &spec, NULL)) {
		perror("timer");
		exit(1);
	}
	return timer;
}

static void mask(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(how, &set, NULL);
}

static pid_t hog(int is_realtime)
{
	struct itimerval often = {{0, 1}, {0, 1}};
	pid_t pid = fork();

	if (pid)
		return pid;
	set(SIGALRM, on_signal);
	for (int i = 0; i < NR_TIMERS; i++) {
		int sig = is_realtime ? SIGRTMIN + i % 24 : SIGALRM;

		if (is_realtime && i % 2)
			signal(sig, SIG_IGN);
		else
			set(sig, on_signal);
		if (is_realtime && i % 8 == 0)
			mask(SIG_BLOCK, sig);
		start(sig, 1);
	}
	setitimer(ITIMER_REAL, &often, NULL);
	for (;;)
		pause();
}

static void test_work_goes_on(void)
{
	pid_t pids[2] = {hog(0), hog(1)};
	unsigned long sum = 0;
	int status;

	for (unsigned long i = 0; i < 20000000; i++)
		sum += i ^ (sum >> 3);
	printf("worked: %lx\n", sum);
	for (int i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
		printf("hog %d: signal %d\n", i, WTERMSIG(status));
	}
}

static void test_overrun(void)
{
	struct timespec wait = {0, 100000000};
	timer_t timer;

	set(SIGUSR1, on_signal);
	mask(SIG_BLOCK, SIGUSR1);
	nr_signals = 0;
	timer = start(SIGUSR1, 1000000);
	nanosleep(&wait, NULL);
	mask(SIG_UNBLOCK, SIGUSR1); /* delivered here */
	printf("overrun: %s\n",
	       max_overrun >= 95 ? "as long as it took" : "too few");
	timer_delete(timer);
	printf("signals: %s\n", nr_signals ? "some" : "none");
}

static void test_ignored_for_a_while(void)
{
	timer_t timer;

	set(SIGUSR1, on_signal);
	mask(SIG_BLOCK, SIGUSR1);
	timer = start(SIGUSR1, 1000000);
	usleep(10000);            /* it is pending, */
	signal(SIGUSR1, SIG_IGN); /* dropped, */
	mask(SIG_UNBLOCK, SIGUSR1);
	usleep(10000);
	nr_signals = 0;
	set(SIGUSR1, on_signal); /* and wanted again */
	while (nr_signals < 3)
		pause();
	timer_delete(timer);
	printf("signals come again\n");
}

/* Only the low half of an int argument counts. */
static void test_high_half(void)
{
	struct itimerval left;

	alarm(100);
	printf("getitimer: %ld\n", syscall(SYS_getitimer, 1ul << 32, &left));
	printf("left: %s\n", left.it_value.tv_sec >= 90 ? "most" : "little");
	alarm(0);
}

static volatile int is_over, timer_id;

/* The kernel waits for the page after it has been asked to set the timer. */
static void *set_slowly(void *page)
{
	while (!is_over) {
		madvise(page, 4096, MADV_DONTNEED);
		syscall(SYS_timer_settime, timer_id, 0, page, NULL);
		syscall(SYS_timer_gettime, timer_id, (char *)page + 1024);
	}
	return NULL;
}

static void delete_while_it_is_set(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	struct itimerspec spec = {{0, 0}, {0, 5000000}};
	FILE *file = tmpfile();
	pthread_t setter;
	void *page;

	ftruncate(fileno(file), 4096);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fileno(file), 0);
	*(struct itimerspec *)page = spec;
	pthread_create(&setter, NULL, set_slowly, page);
	for (int round = 0; round < 2000; round++) {
		if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event,
			    &timer_id) ||
		    syscall(SYS_timer_delete, timer_id))
			_exit(1);
		if (round % 100 == 0)
			usleep(1000);
	}
	is_over = 1;
	pthread_join(setter, NULL);
}

static void test_delete_while_it_is_set(void)
{
	int status;

	for (int i = 0; i < 8; i++) {
		if (!fork()) {
			delete_while_it_is_set();
			_exit(0);
		}
		wait(&status);
		printf("deleted while it is set: %d\n", status);
	}
	usleep(20000); /* one that was left armed would fire */
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	test_overrun();
	test_ignored_for_a_while();
	test_work_goes_on();
	test_high_half();
	test_delete_while_it_is_set();
	return 0;
}
