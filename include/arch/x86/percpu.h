/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_PERCPU_H
#define ARCH_X86_PERCPU_H
/*
 * Per-CPU variables.  All stand in one section, of which every CPU has a
 * copy; GS holds the distance from the section to this CPU's copy, so that
 * %gs:name is this CPU's variable in one instruction.
 *
 * An interrupt may come between two accesses, a move to another CPU only
 * where the thread sleeps.
 */
#include <lib/types.h>

#ifdef BRICK_HOST /* unit tests: one CPU */
#define DEFINE_PERCPU(type, name)  __typeof__(type) name
#define DECLARE_PERCPU(type, name) extern __typeof__(type) name
#define this_cpu_ptr(name)         (&(name))
#define per_cpu_ptr(name, cpu)     ((void)(cpu), &(name))
#define this_cpu_read(name)        (name)
#define this_cpu_read_stable(name) (name)
#define this_cpu_write(name, v)    ((void)((name) = (v)))
#define this_cpu_add(name, n)      ((void)((name) += (n)))
#else

#define DEFINE_PERCPU(type, name) \
	__attribute__((section(".percpu"))) __typeof__(type) name
#define DECLARE_PERCPU(type, name) extern __typeof__(type) name

extern u64 percpu_offset[]; /* by CPU; [set before the CPU is online] */
extern u64 percpu_this_offset;

#define PERCPU_SHIFT_(name, offset) \
	((__typeof__(&(name)))((u64) & (name) + (offset)))

/** this_cpu_ptr - this CPU's copy. */
#define this_cpu_ptr(name) \
	PERCPU_SHIFT_(name, this_cpu_read(percpu_this_offset))
/** per_cpu_ptr - @cpu's copy. */
#define per_cpu_ptr(name, cpu) PERCPU_SHIFT_(name, percpu_offset[cpu])

/*
 * One access; @name may also be a member, as in this_cpu_read(stats.v[3]).
 * The value may be stale as soon as the thread has slept.
 */
#define this_cpu_read(name)                                                    \
	({                                                                     \
		__typeof__(name) pc_v_;                                        \
		__asm__ volatile("mov %%gs:%1, %0" : "=r"(pc_v_) : "m"(name)); \
		pc_v_;                                                         \
	})
/* For what cannot change under the reading thread: may be cached. */
#define this_cpu_read_stable(name)                                        \
	({                                                                \
		__typeof__(name) pc_v_;                                   \
		__asm__("mov %%gs:%P1, %0" : "=r"(pc_v_) : "p"(&(name))); \
		pc_v_;                                                    \
	})
#define this_cpu_write(name, v)                                                \
	do {                                                                   \
		__typeof__(name) pc_w_ = (v);                                  \
		__asm__ volatile("mov %1, %%gs:%0" : "=m"(name) : "r"(pc_w_)); \
	} while (0)
/* Atomic against interrupts of this CPU, not against other CPUs. */
#define this_cpu_add(name, n)                                          \
	do {                                                           \
		_Static_assert(sizeof(name) == 8 || sizeof(name) == 4, \
			       "a 32-bit or 64-bit counter");          \
		if (sizeof(name) == 8)                                 \
			__asm__ volatile("addq %1, %%gs:%0"            \
					 : "+m"(name)                  \
					 : "er"((u64)(n))              \
					 : "cc");                      \
		else                                                   \
			__asm__ volatile("addl %1, %%gs:%0"            \
					 : "+m"(name)                  \
					 : "ri"((u32)(n))              \
					 : "cc");                      \
	} while (0)
#endif /* BRICK_HOST */

#endif
