/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_BE_H
#define FABRIC_BE_H

/*
 * Big-endian fields at byte offsets: everything that the card reads or
 * writes in host memory is laid out this way.  No alignment is assumed.
 */
#include "types.h"

static inline u16 get16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static inline u32 get24(const u8 *p)
{
	return (u32)p[0] << 16 | (u32)p[1] << 8 | p[2];
}

static inline u32 get32(const u8 *p)
{
	return (u32)get16(p) << 16 | get16(p + 2);
}

static inline u64 get64(const u8 *p)
{
	return (u64)get32(p) << 32 | get32(p + 4);
}

static inline void put16(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static inline void put24(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 16);
	put16(p + 1, (u16)v);
}

static inline void put32(u8 *p, u32 v)
{
	put16(p, (u16)(v >> 16));
	put16(p + 2, (u16)v);
}

static inline void put64(u8 *p, u64 v)
{
	put32(p, (u32)(v >> 32));
	put32(p + 4, (u32)v);
}

/* Bits high..low of a dword. */
static inline u32 field(u32 v, unsigned int high, unsigned int low)
{
	return (v >> low) & (0xffffffffu >> (31 - high + low));
}

#endif /* FABRIC_BE_H */
