/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <lib/bitmap.h>

/* Without POPCNT, which not every processor has, the builtin is a call into
 * the compiler's library.  Counts in pairs, then nibbles, then sums bytes. */
static size_t word_weight(u64 v)
{
	v -= v >> 1 & 0x5555555555555555ul;
	v = (v & 0x3333333333333333ul) + (v >> 2 & 0x3333333333333333ul);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0ful;
	return v * 0x0101010101010101ul >> 56;
}

void bitmap_set_range(u64 *map, size_t start, size_t n)
{
	for (; n && start % 64; n--)
		bitmap_set(map, start++);
	for (; n >= 64; n -= 64, start += 64)
		map[start / 64] = ~0ul;
	for (; n; n--)
		bitmap_set(map, start++);
}

void bitmap_clear_range(u64 *map, size_t start, size_t n)
{
	for (; n && start % 64; n--)
		bitmap_clear(map, start++);
	for (; n >= 64; n -= 64, start += 64)
		map[start / 64] = 0;
	for (; n; n--)
		bitmap_clear(map, start++);
}

/* First bit that differs from @skip's bits; @skip is 0 or ~0. */
static size_t find(const u64 *map, size_t nr_bits, size_t start, u64 skip)
{
	while (start < nr_bits) {
		u64 word = (map[start / 64] ^ skip) >> (start % 64);

		if (word) {
			start += (size_t)__builtin_ctzl(word);
			return min(start, nr_bits);
		}
		start = ALIGN_DOWN(start, 64) + 64;
	}
	return nr_bits;
}

size_t bitmap_find_set(const u64 *map, size_t nr_bits, size_t start)
{
	return find(map, nr_bits, start, 0);
}

size_t bitmap_find_clear(const u64 *map, size_t nr_bits, size_t start)
{
	return find(map, nr_bits, start, ~0ul);
}

size_t bitmap_find_clear_range(const u64 *map, size_t nr_bits, size_t start,
			       size_t n)
{
	for (;;) {
		size_t end;

		start = bitmap_find_clear(map, nr_bits, start);
		if (start >= nr_bits || nr_bits - start < n)
			return nr_bits;
		end = bitmap_find_set(map, start + n, start);
		if (end - start >= n)
			return start;
		start = end;
	}
}

size_t bitmap_weight(const u64 *map, size_t nr_bits)
{
	size_t n = 0, i;

	for (i = 0; i + 64 <= nr_bits; i += 64)
		n += word_weight(map[i / 64]);
	for (; i < nr_bits; i++)
		n += bitmap_test(map, i);
	return n;
}
