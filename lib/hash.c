/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <lib/hash.h>

u64 hash_bytes(const void *p, size_t n, u64 seed)
{
	const u8 *b = p;
	u64 h = 0xcbf29ce484222325ul ^ seed;

	while (n--)
		h = (h ^ *b++) * 0x100000001b3ul;
	return hash_u64(h);
}

/*
 * Four bits at a time: a table of 16 entries, made from the reflected
 * polynomial 0x82f63b78 (RFC 3720, appendix B.4).
 */
static const u32 crc32c_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

u32 crc32c(u32 crc, const void *p, size_t n)
{
	const u8 *b = p;

	while (n--) {
		crc ^= *b++;
		crc = crc >> 4 ^ crc32c_nibble[crc & 15];
		crc = crc >> 4 ^ crc32c_nibble[crc & 15];
	}
	return crc;
}
