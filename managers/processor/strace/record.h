/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_STRACE_RECORD_H
#define PROCESSOR_STRACE_RECORD_H

/* What strace remembers of a task and of a process; private to it. */
#include <lib/list.h>
#include <lib/types.h>

#include "decode.h"

#define RECORD_LINE_BYTES 640u

/*
 * The call that a task makes.
 *
 *	IDLE --call--> OPEN --takes long--> ANNOUNCED
 *	  ^             |                      |
 *	  +---return----+----------return------+
 *
 * OPEN -> ANNOUNCED is made by records_announce(), the others by the task.
 */
enum record_state { RECORD_IDLE, RECORD_OPEN, RECORD_ANNOUNCED };

struct call_record {
	struct list_head in_all; /* [records_lock] */
	enum record_state state; /* [records_lock] */
	size_t begun_len;        /* of the line, before the call; fixed while
				    not IDLE [own task] */
	u32 tid;                 /* [own task] */
	u64 begun_ns;            /* [own task] */
	bool is_quiet;           /* no line, for the summary only [own task] */
	struct decoder d;        /* [own task] */
	char line[RECORD_LINE_BYTES];
};

struct call_stats {
	u64 nr_calls;
	u64 nr_errors;
	u64 time_ns; /* from begin to end: waiting included */
};

/** record_create - for the current task, entered in the list; NULL: no memory.
 * record_free - its task is at its end. */
struct call_record *record_create(void);
void record_free(struct call_record *record);
/** record_begin - before the call. */
void record_begin(struct call_record *record, const struct call_info *call,
		  const u64 *args, u32 tid, bool is_quiet);
/** record_end - after it, with @result: writes the line. @time_ns: it took */
void record_end(struct call_record *record, s64 result, u64 time_ns);
/** records_announce - write of calls that take long that they are made. */
void records_announce(void);

/** summary_write - the table of @stats, call_infos[] and one more for numbers
 * that are no calls, for process @pid. */
void summary_write(u32 pid, const struct call_stats *stats);

#endif /* PROCESSOR_STRACE_RECORD_H */
