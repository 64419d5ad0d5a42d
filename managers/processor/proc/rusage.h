/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_RUSAGE_H
#define PROCESSOR_RUSAGE_H

#include <lib/types.h>

struct cpu_usage;

/* times(2), clock(3), siginfo and /proc count in 1/100 s. */
#define NSEC_PER_TICK 10000000ul

/** rusage_put - store @usage as struct rusage. Return: 0 or -EFAULT. */
int __must_check rusage_put(u64 vaddr, const struct cpu_usage *usage);

#endif /* PROCESSOR_RUSAGE_H */
