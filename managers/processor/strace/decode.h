/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_STRACE_DECODE_H
#define PROCESSOR_STRACE_DECODE_H

/*
 * System calls as text, in the manner of strace(1):
 *
 *	openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
 *
 * The text is made in two steps, because a call changes memory: before it, all
 * arguments up to the first that the call fills; after it, the rest and the
 * result.  What an argument is comes from syscall_list.def, what that looks
 * like from kind_list.def.
 *
 * All that is read here comes from a program: any address, length or number is
 * possible, and memory may change between two looks.  Loops are bounded by
 * constants and by the room in the line.
 */
#include <lib/types.h>

#include "text.h"

#define DECODE_MAX_ARGS     6u
#define DECODE_STRING_BYTES 32u  /* more of a string or buffer is "..." */
#define DECODE_PATH_BYTES   256u /* of a path */
#define DECODE_LIST_MAX     8u   /* more elements of an array are ... */

struct call_info {
	const char *name;
	u32 nr;
	u8 nr_args;
	u8 result; /* enum kind */
	u8 args[DECODE_MAX_ARGS];
};

/* Every call of syscall_list.def, in its order. */
extern const struct call_info call_infos[];
extern const u32 nr_call_infos;
/* syscall(NUMBER, ...): for a number that is not in the list. */
extern const struct call_info unknown_call_info;

struct decoder {
	struct text text;
	const struct call_info *call;
	u64 args[DECODE_MAX_ARGS];
	u32 next; /* the first argument that is not shown yet */
	s64 result;
	/* Copy from the program's memory: 0 or -EFAULT. */
	int (*read)(void *dst, u64 vaddr, size_t bytes);
};

/**
 * call_info_find - the call with number @nr, or NULL.
 *
 * Its index in call_infos[] is below nr_call_infos.
 */
const struct call_info *call_info_find(u64 nr);

/** call_does_return - false for exit(2) and exit_group(2). */
bool call_does_return(const struct call_info *call);

/**
 * decode_begin - start the line of @d->call with @d->args.
 *
 * @d->text is empty.  Context: as @d->read() wants it.
 */
void decode_begin(struct decoder *d);

/** decode_end - the rest of the line, with @d->result. */
void decode_end(struct decoder *d);

/** decode_signal - "SIGSEGV {si_signo=SIGSEGV, ...}" at the end of @text. */
struct siginfo;
void decode_signal(struct text *text, const struct siginfo *info);
/** decode_signal_number - "SIGSEGV", "SIGRT_2" or the number. */
void decode_signal_number(struct text *text, u32 sig);

#endif /* PROCESSOR_STRACE_DECODE_H */
