/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_EXCEPTION_H
#define PROCESSOR_EXCEPTION_H

/* Which signal an exception of the CPU becomes (Intel SDM vol. 3, ch. 6). */
#include <lib/types.h>

struct exception_signal {
	u32 signo;
	s32 code;
	bool has_vaddr; /* si_addr is the address of the instruction */
};

/** exception_signal - for @vector; page faults are not asked here. */
struct exception_signal exception_signal(u32 vector);
/** exception_fpe_code - si_code for the unmasked flags of MXCSR or x87. */
s32 exception_fpe_code(u32 flags);

#endif /* PROCESSOR_EXCEPTION_H */
