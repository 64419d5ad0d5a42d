/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H
/* Bit arrays over u64 words.  Not atomic; the caller locks. */
#include <lib/minmax.h>
#include <lib/types.h>

#define BITMAP_WORDS(nr_bits) DIV_ROUND_UP(nr_bits, 64)

static inline bool bitmap_test(const u64 *map, size_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

static inline void bitmap_set(u64 *map, size_t bit)
{
	map[bit / 64] |= 1ul << (bit % 64);
}

static inline void bitmap_clear(u64 *map, size_t bit)
{
	map[bit / 64] &= ~(1ul << (bit % 64));
}

/** bitmap_set_range, bitmap_clear_range - @n bits from @start. */
void bitmap_set_range(u64 *map, size_t start, size_t n);
void bitmap_clear_range(u64 *map, size_t start, size_t n);

/**
 * bitmap_find_set, bitmap_find_clear - first such bit at or after @start.
 *
 * Return: its number, or @nr_bits if there is none.
 */
size_t bitmap_find_set(const u64 *map, size_t nr_bits, size_t start);
size_t bitmap_find_clear(const u64 *map, size_t nr_bits, size_t start);

/**
 * bitmap_find_clear_range - first run of @n clear bits at or after @start.
 *
 * Return: where it begins, or @nr_bits if there is none.
 */
size_t bitmap_find_clear_range(const u64 *map, size_t nr_bits, size_t start,
			       size_t n);

/** bitmap_weight - how many of the first @nr_bits are set. */
size_t bitmap_weight(const u64 *map, size_t nr_bits);

#endif
