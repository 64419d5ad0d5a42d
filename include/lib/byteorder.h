/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_BYTEORDER_H
#define LIB_BYTEORDER_H
/*
 * Byte order.  beNN_get/beNN_make convert typed values; get_beNN/put_beNN and
 * get_leNN/put_leNN access unaligned bytes.
 */
#include <lib/types.h>

static inline u16 be16_get(be16 v)
{
	return __builtin_bswap16((__force u16)v);
}
static inline u32 be32_get(be32 v)
{
	return __builtin_bswap32((__force u32)v);
}
static inline u64 be64_get(be64 v)
{
	return __builtin_bswap64((__force u64)v);
}
static inline be16 be16_make(u16 v)
{
	return (__force be16)__builtin_bswap16(v);
}
static inline be32 be32_make(u32 v)
{
	return (__force be32)__builtin_bswap32(v);
}
static inline be64 be64_make(u64 v)
{
	return (__force be64)__builtin_bswap64(v);
}

#define BYTEORDER_ACCESS_(bits, order, swap)                     \
	static inline u##bits get_##order##bits(const void *p)   \
	{                                                        \
		u##bits v_;                                      \
		__builtin_memcpy(&v_, p, sizeof(v_));            \
		return swap(v_);                                 \
	}                                                        \
	static inline void put_##order##bits(void *p, u##bits v) \
	{                                                        \
		u##bits v_ = swap(v);                            \
		__builtin_memcpy(p, &v_, sizeof(v_));            \
	}
#define BYTEORDER_SAME_(v) (v)

BYTEORDER_ACCESS_(16, be, __builtin_bswap16)
BYTEORDER_ACCESS_(32, be, __builtin_bswap32)
BYTEORDER_ACCESS_(64, be, __builtin_bswap64)
BYTEORDER_ACCESS_(16, le, BYTEORDER_SAME_)
BYTEORDER_ACCESS_(32, le, BYTEORDER_SAME_)
BYTEORDER_ACCESS_(64, le, BYTEORDER_SAME_)

#endif
