/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See sigset.h.  Default actions: signal(7). */
#include "sigset.h"

enum signal_default signal_default_action(u32 sig)
{
	sigset64 bit = sigset_of(sig);

	if (bit & SIGSET_IGNORED)
		return SIGNAL_IGNORE;
	if (bit & SIGSET_STOP)
		return SIGNAL_STOP;
	return bit & SIGSET_CORE ? SIGNAL_CORE : SIGNAL_TERM;
}

u32 sigset_first(sigset64 set)
{
	if (set & SIG_BIT(SIGKILL))
		return SIGKILL;
	if (set & SIGSET_SYNCHRONOUS)
		set &= SIGSET_SYNCHRONOUS;
	return set ? (u32)__builtin_ctzll(set) + 1 : 0;
}

const char *signal_text(u32 sig)
{
	static const char *const texts[NR_SIGNALS + 1] = {
		[SIGHUP] = "Hangup",
		[SIGQUIT] = "Quit",
		[SIGILL] = "Illegal instruction",
		[SIGTRAP] = "Trace/breakpoint trap",
		[SIGABRT] = "Aborted",
		[SIGBUS] = "Bus error",
		[SIGFPE] = "Floating point exception",
		[SIGKILL] = "Killed",
		[SIGUSR1] = "User defined signal 1",
		[SIGSEGV] = "Segmentation fault",
		[SIGUSR2] = "User defined signal 2",
		[SIGALRM] = "Alarm clock",
		[SIGTERM] = "Terminated",
		[SIGXCPU] = "CPU time limit exceeded",
		[SIGXFSZ] = "File size limit exceeded",
		[SIGVTALRM] = "Virtual timer expired",
		[SIGPROF] = "Profiling timer expired",
		[SIGSYS] = "Bad system call",
	};

	return sig <= NR_SIGNALS ? texts[sig] : NULL;
}
