/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_CURRENT_H
#define PROCESSOR_FS_CURRENT_H

/*
 * What the file code asks of the current thread's process; the only way from
 * here to proc/, so that everything else also runs in host tests.
 */
#include <managers/processor/fs/file.h>

u32 current_pid(void);
u32 current_tid(void);
u32 current_pgid(void);
u32 current_sid(void);
u64 current_fd_limit(void);
bool current_is_owner_of_all(void); /* CAP_FOWNER */
bool current_may_chroot(void);
/** current_signal - send the current thread @sig (SIGPIPE, ...). */
void current_signal(u32 sig);
/** current_signal_group - send @sig to the whole current process group. */
void current_signal_group(u32 sig);
/** current_ignores - does the current thread ignore or block @sig? */
bool current_ignores(u32 sig);

#endif /* PROCESSOR_FS_CURRENT_H */
