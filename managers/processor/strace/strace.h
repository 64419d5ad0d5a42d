/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_STRACE_H
#define PROCESSOR_STRACE_H

/*
 * strace built in: the calls of programs as text (decode.h), with the time
 * they took, and for each process a summary at its end.
 *
 *	[    3.201774] call      4 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3
 *	                              <0.000412>
 *
 * The time in front is when the call began.  A line is written when its call
 * ends; a call that takes long is announced: `read(0 <unfinished ...>`, and at
 * its end, with the time of that, `<... read resumed>, "x", 1) = 1 <1.2>`.  So
 * the trace of a program that hangs ends with what its threads wait for.
 *
 * Off, it costs a test of strace_is_on in each system call.  On, it changes
 * nothing that a program could notice but the time: lines go through ring.h,
 * nobody waits for the port; memory is read that the call reads or has
 * written, after it has.
 */
#include <lib/types.h>

struct process;
struct task;
struct siginfo;
struct user_regs;

/* Somebody is traced.  Everything below is for that case alone. */
extern bool strace_is_on;

/** strace_run_call - run the call in @regs, traced if its process is to be.
 * @run: does the call; its result is returned. */
long strace_run_call(struct user_regs *regs, long (*run)(struct user_regs *));

/** strace_signal - the current task takes @info's signal. Context: no lock. */
void strace_signal(const struct siginfo *info);
/** strace_fork - @child is the current process' and not published yet. */
void strace_fork(struct process *child);
/** strace_task_end - the current task ends with @status (wait4(2)); frees what
 * tracing it needed. */
void strace_task_end(s32 status);
/** strace_process_end - write and free the summary of @process, whose last task
 * this is. */
void strace_process_end(struct process *process);
/** strace_flush - sleep until all lines are written. */
void strace_flush(void);

/* What is traced: all processes, or some of them with their children. */
enum strace_what {
	STRACE_OFF,
	STRACE_ON,      /* every call, and a summary */
	STRACE_SUMMARY, /* the summary alone */
};

/**
 * strace_set - trace the process @pid and its future children, or all (0).
 *
 * Context: thread, no lock.
 * Return: 0, -ESRCH, -ENOMEM.
 */
int __must_check strace_set(enum strace_what what, u32 pid);
/** strace_command - as text: "on", "off" or "summary", perhaps a pid.
 * Return: as strace_set(), or -EINVAL. */
int __must_check strace_command(const char *text, size_t len);
/** strace_state - what strace_command() would make of it: "on 12", "off". */
void strace_state(char *buf, size_t size);

/** strace_start - do what the boot option asks for (process_start()). */
int strace_start(void);

#endif /* PROCESSOR_STRACE_H */
