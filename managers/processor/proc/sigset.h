/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_SIGSET_H
#define PROCESSOR_SIGSET_H

/* What signals do by default, and which of a set comes first: no state. */
#include <managers/processor/proc/signal.h>

#define SIG_DFL 0ull
#define SIG_IGN 1ull

#define SA_NOCLDSTOP 0x00000001u
#define SA_NOCLDWAIT 0x00000002u
#define SA_SIGINFO   0x00000004u
#define SA_RESTORER  0x04000000u
#define SA_ONSTACK   0x08000000u
#define SA_RESTART   0x10000000u
#define SA_NODEFER   0x40000000u
#define SA_RESETHAND 0x80000000u

#define SIG_BIT(n) (1ull << ((n)-1))

/* Cannot be caught, blocked or ignored. */
#define SIGSET_UNBLOCKABLE (SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP))
#define SIGSET_STOP                                               \
	(SIG_BIT(SIGSTOP) | SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | \
	 SIG_BIT(SIGTTOU))
/* Default action: nothing. */
#define SIGSET_IGNORED                                           \
	(SIG_BIT(SIGCHLD) | SIG_BIT(SIGCONT) | SIG_BIT(SIGURG) | \
	 SIG_BIT(SIGWINCH))
/* Default action: end with a core dump, which we only report. */
#define SIGSET_CORE                                               \
	(SIG_BIT(SIGQUIT) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) |  \
	 SIG_BIT(SIGABRT) | SIG_BIT(SIGBUS) | SIG_BIT(SIGFPE) |   \
	 SIG_BIT(SIGSEGV) | SIG_BIT(SIGXCPU) | SIG_BIT(SIGXFSZ) | \
	 SIG_BIT(SIGSYS))
/* Raised by the instruction just executed: delivered before others. */
#define SIGSET_SYNCHRONOUS                                      \
	(SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | \
	 SIG_BIT(SIGTRAP) | SIG_BIT(SIGFPE) | SIG_BIT(SIGSYS))

enum signal_default { SIGNAL_TERM, SIGNAL_CORE, SIGNAL_IGNORE, SIGNAL_STOP };

static inline bool signal_is_valid(u64 sig)
{
	return sig >= 1 && sig <= NR_SIGNALS;
}

enum signal_default signal_default_action(u32 sig);
/** sigset_first - the signal of @set to deliver first; 0: set is empty. */
u32 sigset_first(sigset64 set);
/** signal_text - "Segmentation fault", as a shell says it; NULL: says nothing
 */
const char *signal_text(u32 sig);

#endif /* PROCESSOR_SIGSET_H */
