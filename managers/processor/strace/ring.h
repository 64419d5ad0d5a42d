/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_STRACE_RING_H
#define PROCESSOR_STRACE_RING_H

/*
 * The way of a trace from the program's CPU to the log port: a ring for each
 * CPU, emptied by one thread.  Who puts a line in never waits; if the port is
 * slower than the calls for so long that a ring is full, lines are left out,
 * counted (nr_strace_lost) and said where they are missing.
 */
#include <lib/types.h>

/**
 * trace_ring_start - make the rings and the thread that empties them, once.
 *
 * Context: thread, serialized.  Return: 0 or -ENOMEM.
 */
int __must_check trace_ring_start(void);

/* A part of each ring is kept for the ends of processes and their summaries. */
enum trace_kind { TRACE_CALL, TRACE_END };

/**
 * trace_ring_put - queue the line "[time] call   tid text".
 * @time_ns: when what it tells of began
 *
 * Context: thread; does not sleep, may be called under locks.
 */
void trace_ring_put(enum trace_kind kind, u64 time_ns, u32 tid,
		    const char *text, size_t len);

/** trace_ring_flush - sleep until all that was put so far is at the port. */
void trace_ring_flush(void);

/**
 * trace_ring_set_periodic - have @fn called now and then by the thread, while
 * @is_wanted.  Context: thread, serialized.
 */
void trace_ring_set_periodic(void (*fn)(void), bool is_wanted);

#endif /* PROCESSOR_STRACE_RING_H */
