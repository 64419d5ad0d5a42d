/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_WAITOPT_H
#define PROCESSOR_WAITOPT_H

/* Options and status words of wait4(2) and waitid(2). */
#include <managers/processor/proc/signal.h>

#define WNOHANG     0x00000001u
#define WUNTRACED   0x00000002u /* waitid: WSTOPPED */
#define WEXITED     0x00000004u
#define WCONTINUED  0x00000008u
#define WNOWAIT     0x01000000u
#define __WNOTHREAD 0x20000000u
#define __WALL      0x40000000u
#define __WCLONE    0x80000000u

#define WAIT4_OPTIONS \
	(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WALL | __WCLONE)
#define WAITID_OPTIONS (WAIT4_OPTIONS | WEXITED | WNOWAIT)

enum wait_who { WAIT_ALL, WAIT_PID, WAIT_PGID };

#define WAIT_STATUS_CONTINUED 0xffff

/* How SIGCHLD's siginfo tells a status word. */
static inline void wait_decode_status(s32 status, s32 *code, s32 *value)
{
	if (status == WAIT_STATUS_CONTINUED) {
		*code = CLD_CONTINUED;
		*value = SIGCONT;
	} else if ((status & 0xff) == 0x7f) {
		*code = CLD_STOPPED;
		*value = status >> 8;
	} else if (status & 0x7f) {
		*code = status & 0x80 ? CLD_DUMPED : CLD_KILLED;
		*value = status & 0x7f;
	} else {
		*code = CLD_EXITED;
		*value = status >> 8 & 0xff;
	}
}

/** wait_shell_status - the status as a shell's $? says it. */
static inline s32 wait_shell_status(s32 status)
{
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

#endif /* PROCESSOR_WAITOPT_H */
