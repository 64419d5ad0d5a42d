/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_DIRECT_H
#define FABRIC_DIRECT_H

/*
 * For fuzz targets: machines that call their cards without a socket between
 * (the registers of tests/unit/fabric_client.h, so that its driver runs here
 * too), a clock that goes on only while the loop would sleep, and an input that
 * is read as a program.  Two cards of two ports; every input finds them as at
 * the start.
 */
#include "tests/unit/fabric_client.h"

enum {
	DIRECT_BYTES = 2 << 20, /* mapped of a machine's memory */
	NR_MACHINES = 2,
};

extern struct machine direct_machines[NR_MACHINES];

/* The cards as new, memory zeroed. */
void direct_reset(void);

/* Let @ns pass, with the timers that fall due. */
void direct_pass(u64 ns);

/* What is left of an input; reading behind its end gives zeros. */
struct input {
	const u8 *data;
	size_t size;
};

u32 input_take(struct input *in, unsigned int bytes); /* big-endian */

/* Copy at most @max bytes, as many as the next byte says. */
void input_fill(struct input *in, u8 *to, size_t max);

#endif /* FABRIC_DIRECT_H */
