/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FAKE_SCHED_H
#define FAKE_SCHED_H
#include <lib/types.h>

/** fake_sched_start - the calling thread is the first; @seed chooses. */
void fake_sched_start(u64 seed);
/** fake_sched_point - let somebody else run, perhaps. */
void fake_sched_point(void);
/** fake_sched_self - a small number of the calling thread. */
u32 fake_sched_self(void);

/** fake_sched_run_apart - run @fn in a process of its own, which may not use
 * more than half a minute of the processor. Return: 0 if it returned, else how
 * it ended. */
int fake_sched_run_apart(void (*fn)(void));

#endif
