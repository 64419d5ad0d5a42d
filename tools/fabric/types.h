/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_TYPES_H
#define FABRIC_TYPES_H

/* Integer types and small helpers of the host programs in this folder. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define owner_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

static inline u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* Does [start, start + len) lie inside [0, size), without wrapping? */
static inline bool range_inside(u64 start, u64 len, u64 size)
{
	return start <= size && len <= size - start;
}

#endif /* FABRIC_TYPES_H */
