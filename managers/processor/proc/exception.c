/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See exception.h.  Pure: tested on the host. */
#include "exception.h"

#include <lib/minmax.h>
#include <managers/processor/proc/signal.h>

/* Exception flags, in MXCSR as in the x87 status word. */
#define FP_INVALID   0x01u
#define FP_DENORMAL  0x02u
#define FP_ZERO_DIV  0x04u
#define FP_OVERFLOW  0x08u
#define FP_UNDERFLOW 0x10u
#define FP_PRECISION 0x20u

struct exception_signal exception_signal(u32 vector)
{
	static const struct exception_signal table[] = {
		[0] = {SIGFPE, FPE_INTDIV, true},   /* #DE */
		[1] = {SIGTRAP, TRAP_TRACE, true},  /* #DB */
		[3] = {SIGTRAP, SI_KERNEL, false},  /* #BP */
		[4] = {SIGSEGV, SI_KERNEL, false},  /* #OF */
		[5] = {SIGSEGV, SI_KERNEL, false},  /* #BR */
		[6] = {SIGILL, ILL_ILLOPN, true},   /* #UD */
		[11] = {SIGBUS, SI_KERNEL, false},  /* #NP */
		[12] = {SIGBUS, SI_KERNEL, false},  /* #SS */
		[16] = {SIGFPE, FPE_FLTINV, true},  /* #MF */
		[17] = {SIGBUS, BUS_ADRALN, false}, /* #AC */
		[19] = {SIGFPE, FPE_FLTINV, true},  /* #XM */
	};

	if (vector < ARRAY_SIZE(table) && table[vector].signo)
		return table[vector];
	return (struct exception_signal){SIGSEGV, SI_KERNEL, false};
}

s32 exception_fpe_code(u32 flags)
{
	if (flags & FP_INVALID)
		return FPE_FLTINV;
	if (flags & FP_ZERO_DIV)
		return FPE_FLTDIV;
	if (flags & FP_OVERFLOW)
		return FPE_FLTOVF;
	if (flags & (FP_UNDERFLOW | FP_DENORMAL))
		return FPE_FLTUND;
	return flags & FP_PRECISION ? FPE_FLTRES : FPE_FLTINV;
}
