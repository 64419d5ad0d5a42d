/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_HASH_H
#define LIB_HASH_H
/* Hashes for tables, and the checksums that formats ask for. */
#include <lib/types.h>

/** hash_u64 - spread @key over 64 bits (the finalizer of splitmix64). */
static inline u64 hash_u64(u64 key)
{
	key ^= key >> 30;
	key *= 0xbf58476d1ce4e5b9ul;
	key ^= key >> 27;
	key *= 0x94d049bb133111ebul;
	return key ^ key >> 31;
}

/** hash_index - spread @key over @n values, any number up to 2^32; cheap. */
static inline u32 hash_index(u64 key, u32 n)
{
	/* 2^64 divided by the golden ratio spreads multiples of anything. */
	return (key * 0x9e3779b97f4a7c15ul >> 32) * n >> 32;
}

/** hash_bytes - hash @n bytes (FNV-1a, then spread); not for hostile keys. */
u64 hash_bytes(const void *p, size_t n, u64 seed);

/**
 * crc32c - CRC-32C (Castagnoli) of @n bytes, continuing from @crc.
 *
 * As ext4 and iSCSI use it, without the final inversion: start with ~0 and
 * invert the result where the format says so.
 */
u32 crc32c(u32 crc, const void *p, size_t n);

#endif
