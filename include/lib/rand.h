/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_RAND_H
#define LIB_RAND_H
/* Repeatable pseudo-random numbers for tests and policies; no secrets. */
#include <lib/types.h>

struct rand {
	u64 state; /* not 0 */
};

static inline void rand_seed(struct rand *r, u64 seed)
{
	r->state = seed ? seed : 0x9e3779b97f4a7c15ul;
}

/** rand_u64 - next number (xorshift64*). */
static inline u64 rand_u64(struct rand *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dul;
}

/** rand_below - a number in 0 .. @n - 1; @n is not 0. */
static inline u64 rand_below(struct rand *r, u64 n)
{
	return (rand_u64(r) >> 11) % n;
}

#endif
