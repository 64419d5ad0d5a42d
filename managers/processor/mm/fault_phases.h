/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FAULT_PHASES_H
#define PROCESSOR_FAULT_PHASES_H

/*
 * Where the time of page faults goes.
 *
 * A fault reads the time-stamp counter at the end of each of its phases and
 * writes it to its clock; fault_clock_end() counts each phase's length in this
 * CPU's histogram of that kind of fault, and remembers the slowest fault.  It
 * is always on: about a dozen instructions a phase.
 *
 * Phases follow one another in the order of the enum.  Some kinds have not all
 * of them; a fault that goes through some of them twice adds them up
 * (fault_clock_repeat()).  So the phases' lengths sum up to the whole.
 *
 * Buckets are powers of two: bucket b counts lengths in [2^b, 2^(b+1)) ns, the
 * first one 0 as well.
 */
#include <arch/x86/cpu.h>
#include <lib/types.h>

enum fault_phase {
	PHASE_TRAP,   /* from the exception to the memory manager */
	PHASE_WAIT,   /* for another fault of the page, or a change there */
	PHASE_LOOKUP, /* VMA and entry */
	PHASE_WAY,    /* finding the line or a free one, waiting for one */
	PHASE_POST,   /* giving the RDMA READ to the card */
	PHASE_WIRE,   /* until it has completed; a message and its answer */
	PHASE_WAKE,   /* until this thread goes on */
	PHASE_COPY,   /* clearing the page, or copying it on write */
	PHASE_MAP,    /* rmap and entry, waking who waits for it */
	NR_FAULT_PHASES
};

enum fault_kind {
	FAULT_MINOR,    /* nothing to bring: page of zeros, write bit */
	FAULT_ZEROFILL, /* first write of anonymous memory */
	FAULT_PCACHE,   /* the line was in its set */
	FAULT_VICTIM,   /* the line was in the victim cache */
	FAULT_AHEAD,    /* the line had been read ahead */
	FAULT_REFAULT,  /* one RDMA READ */
	FAULT_MEMORY,   /* the memory node was asked (m_fault) */
	FAULT_COPIED,   /* copy on write, whatever came before */
	NR_FAULT_KINDS
};

#define NR_FAULT_BUCKETS  44 /* what fault_cycles_to_ns() returns is below */
#define FAULT_PHASE_TOTAL NR_FAULT_PHASES

/* One fault's times, of the time-stamp counter. */
struct fault_clock {
	u64 begun;
	u64 ends[NR_FAULT_PHASES]; /* of those that its kind has */
};

/**
 * fault_clock_begin - a fault that trapped at @trapped (0: it did not, and
 * begins now) has come to the memory manager.
 */
static inline void fault_clock_begin(struct fault_clock *clock, u64 trapped)
{
	u64 now = rdtsc();

	clock->begun = trapped ? trapped : now;
	clock->ends[PHASE_TRAP] = now;
	clock->ends[PHASE_WAIT] = now;
}

/** fault_clock_mark - @phase ends now. */
static inline void fault_clock_mark(struct fault_clock *clock,
				    enum fault_phase phase)
{
	clock->ends[phase] = rdtsc();
}

/** fault_clock_skip - the phases behind @phase, to @last, have no length. */
static inline void fault_clock_skip(struct fault_clock *clock,
				    enum fault_phase phase,
				    enum fault_phase last)
{
	for (enum fault_phase p = phase + 1; p <= last; p++)
		clock->ends[p] = clock->ends[phase];
}

/**
 * fault_clock_repeat - the phases from WAY to WAKE came twice: as in @first,
 * and then once more, as in @clock.  @clock becomes the sum.
 */
void fault_clock_repeat(struct fault_clock *clock,
			const struct fault_clock *first);

/** fault_clock_end - the fault is over, now.  @pid, @vaddr: who, where. */
void fault_clock_end(struct fault_clock *clock, enum fault_kind kind,
		     u64 vaddr);

/* ---- looking at it ---------------------------------------------------------
 */

struct fault_slowest {
	u64 cycles; /* 0: there was no fault yet */
	u64 vaddr;
	u32 pid; /* 0: the kernel's own access */
	enum fault_kind kind;
	u64 phase_cycles[NR_FAULT_PHASES];
};

/** fault_phases_start - the counter's frequency is known. */
void fault_phases_start(void);
/** fault_cycles_to_ns - fast and good to 2^-20; below 2^44. */
u64 fault_cycles_to_ns(u64 cycles);
/** fault_phase_count - all CPUs' faults in a bucket; @phase: also _TOTAL. */
u64 fault_phase_count(enum fault_kind kind, u32 phase, u32 bucket);
/** fault_slowest_get - of all CPUs. */
void fault_slowest_get(struct fault_slowest *slowest);

/**
 * fault_phases_show - everything as text, a line at a time.
 *
 *	KIND PHASE COUNT BUCKET:COUNT ...
 *	slowest KIND NS ns at VADDR pid PID PHASE:NS ...
 *
 * The first may stand there twice, with other buckets.
 */
void fault_phases_show(void (*print)(void *arg, const char *line), void *arg);

/** fault_current_pid - whose fault this is; 0: the kernel's.  (mman.c) */
u32 fault_current_pid(void);

#endif /* PROCESSOR_FAULT_PHASES_H */
