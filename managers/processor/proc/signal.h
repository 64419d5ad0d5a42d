/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_SIGNAL_H
#define PROCESSOR_SIGNAL_H

/*
 * Signals of Linux programs.
 *
 * A signal is pending on a task or on a process (taken by any of its tasks
 * that does not block it), together with its siginfo.  Sending never delivers:
 * it queues, interrupts a thread that may take it, and that thread delivers on
 * its way back to user mode.  One lock, process_lock, protects all of it.
 *
 * How a system call is interrupted: wait_event_intr() gives -EINTR.  A call
 * that Linux would restart after a handler with SA_RESTART returns
 * -ERESTARTSYS instead (syscall_restartable() maps it); one that must not be
 * restarted after any handler (pause, sigsuspend, poll, select, epoll_wait)
 * returns -ERESTARTNOHAND; the return path turns either into a restart or into
 * -EINTR.  User mode never sees these numbers (lib/errno.h).
 */
#include <lib/errno.h>
#include <lib/list.h>
#include <lib/types.h>

#define NR_SIGNALS 64

#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGBUS    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGUSR1   10
#define SIGSEGV   11
#define SIGUSR2   12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGSTKFLT 16
#define SIGCHLD   17
#define SIGCONT   18
#define SIGSTOP   19
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGURG    23
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGIO     29
#define SIGPWR    30
#define SIGSYS    31

/* si_code */
#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_TIMER      (-2)
#define SI_TKILL      (-6)
#define ILL_ILLOPN    2
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define FPE_FLTDIV    3
#define FPE_FLTOVF    4
#define FPE_FLTUND    5
#define FPE_FLTRES    6
#define FPE_FLTINV    7
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

typedef u64 sigset64; /* signal n is bit n - 1 */

static inline sigset64 sigset_of(u32 sig)
{
	return 1ull << (sig - 1);
}

/* Linux' siginfo_t on x86-64, as programs see it. */
struct siginfo {
	s32 signo;
	s32 err;
	s32 code;
	s32 pad;
	union {
		struct {
			s32 pid;
			u32 uid;
			u64 value; /* rt_sigqueueinfo */
		} kill;
		struct {
			s32 timer_id;
			s32 overrun;
			u64 value;
		} timer;
		struct {
			s32 pid;
			u32 uid;
			s32 status;
			s32 pad;
			s64 utime_ticks;
			s64 stime_ticks;
		} child;
		struct {
			u64 vaddr;
		} fault;
		u8 bytes[112];
	};
};
_Static_assert(sizeof(struct siginfo) == 128, "siginfo_t");

/* Signals that wait to be taken, oldest first. */
struct signal_queue {
	sigset64 set;          /* which ones are queued [process_lock] */
	struct list_head list; /* of struct queued_signal [process_lock] */
	u32 nr_queued;         /* on the list [process_lock] */
};

struct process;
struct task;

/**
 * signal_send_process - queue @sig for @process (kill(2)).
 * @info: NULL: SI_KERNEL from nobody
 *
 * Ignored signals are dropped at once.  Fatal ones start the end of the whole
 * process.  SIGKILL and SIGSTOP cannot be held off.
 * Context: any, interrupts included; takes process_lock.
 */
void signal_send_process(struct process *process, u32 sig,
			 const struct siginfo *info);
/** signal_send_task - as signal_send_process(), for one task (tgkill(2)). */
void signal_send_task(struct task *task, u32 sig, const struct siginfo *info);
/**
 * signal_send_pgrp - queue @sig for every process of a process group.
 *
 * For the terminal (^C).  Context: as signal_send_process().
 * Return: 0, -ESRCH if the group is empty.
 */
int signal_send_pgrp(u32 pgid, u32 sig, const struct siginfo *info);
/**
 * signal_force - queue a signal the current task raised by what it executed.
 *
 * If it is blocked or ignored its action is reset to the default, which ends
 * the process.  Context: the task's own thread.
 */
void signal_force(u32 sig, s32 code, u64 vaddr);

/**
 * signal_uaccess_begin - from now on signal_uaccess() tells what is wrong.
 * signal_uaccess - the signal for a program whose memory at which the kernel
 * had to store or read something cannot be accessed.
 *
 * Context: the task's own thread.
 * Return: SIGBUS if a page of it cannot be had from the memory node, SIGSEGV
 *         if nothing is mapped there or not for such an access.
 */
void signal_uaccess_begin(void);
u32 signal_uaccess(void);

/**
 * signal_pending - does @task have a signal to deliver before it may go on?
 *
 * Context: any; reads without a lock, for the task itself exact.
 */
bool signal_pending(struct task *task);

/** syscall_restartable - what a restartable call returns for @ret of a wait. */
static inline long syscall_restartable(long ret)
{
	return ret == -EINTR ? -ERESTARTSYS : ret;
}

/**
 * signal_mask_for_call - block @mask instead of the task's mask for one call.
 *
 * For ppoll, pselect6, epoll_pwait.  The old mask returns after the call, or,
 * if it was interrupted, after the handler.
 * Context: the current task, before it waits.
 */
void signal_mask_for_call(sigset64 mask);

/**
 * signal_mask_arg - the same with a system call's argument: the address of a
 * mask and its bytes.  Address 0: the mask stays.
 *
 * Return: 0, -EINVAL, -EFAULT.
 * Context: as above; may fault.
 */
int signal_mask_arg(u64 set_vaddr, u64 set_bytes);

#endif /* PROCESSOR_SIGNAL_H */
