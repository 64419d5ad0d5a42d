/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_STRACE_NAMES_H
#define PROCESSOR_STRACE_NAMES_H

/* What the numbers of the Linux ABI are called: constant tables. */
#include <lib/types.h>

/*
 * A value has a row's name if (value & mask) == row.value; these bits are then
 * spoken for and the next rows look at the rest.  So a table may mix flags (a
 * mask of one bit) and fields; a plain number has a mask of all ones.
 */
struct names {
	u32 mask;
	u32 value;
	const char *name; /* NULL ends the table */
};

#define KIND(name, when, function)
#define NAMES(name) extern const struct names name##_names[];
#include <managers/processor/strace/kind_list.def>
#undef KIND
#undef NAMES

/* Those that parts of structures need. */
extern const struct names clone_flags_names[], epoll_events_names[],
	file_type_names[], flock_type_names[], poll_events_names[],
	sa_flags_names[], sock_option_names[], sock_type_names[],
	stack_flags_names[];

/** errno_name - "ENOENT" for 2, "ERESTARTSYS" for 512; NULL: no such. */
const char *errno_name(u32 err);
/** signal_name - "SIGKILL" for 9; NULL for real-time signals and others. */
const char *signal_name(u32 sig);
/** sigcode_name - "SEGV_MAPERR" and the like; NULL: none. */
const char *sigcode_name(u32 sig, s32 code);

#endif /* PROCESSOR_STRACE_NAMES_H */
