/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hash trees of directories: which leaf block holds a name.
 *
 * The root stands in the first block behind "." and "..", inner nodes in
 * blocks of their own; both are arrays of {hash, block} sorted by hash, of
 * which the first is {limit, count} and the block for hashes from 0 on.
 *
 * half_md4 is the hash that mke2fs chooses; tea and legacy are for older file
 * systems.  Half MD4 is the three rounds of MD4 (RFC 1320) cut to eight steps
 * each; TEA is the published cipher with 16 rounds.
 */
#include <lib/minmax.h>
#include <lib/string.h>

#include "internal.h"

#define DX_VERSION       28u /* in the root: the hash function */
#define DX_INFO_LEN      29u
#define DX_LEVELS        30u /* of inner nodes */
#define DX_ROOT_AT       32u
#define DX_NODE_AT       8u
#define DX_MAX_LEVELS    3u
#define DX_ENTRY_BYTES   8u
#define VERSION_LEGACY   0
#define VERSION_HALF_MD4 1
#define VERSION_TEA      2
#define VERSION_UNSIGNED 3 /* added to one of the above */

static u32 rotate(u32 v, u32 n)
{
	return v << n | v >> (32 - n);
}

/* Pack up to @nr words of @name, padded with its length. */
static void pack(const char *name, u32 len, u32 *words, u32 nr, bool is_signed)
{
	u32 pad = len | len << 8;
	u32 word, n = 0;

	pad |= pad << 16;
	word = pad;
	len = min(len, nr * 4);
	for (u32 i = 0; i < len; i++) {
		u32 c = is_signed ? (u32)(s32)(s8)name[i] : (u8)name[i];

		word = c + (word << 8);
		if (i % 4 == 3) {
			words[n++] = word;
			word = pad;
		}
	}
	if (n < nr)
		words[n++] = word;
	while (n < nr)
		words[n++] = pad;
}

static void half_md4(u32 h[4], const u32 in[8])
{
	static const u8 order[3][8] = {{0, 1, 2, 3, 4, 5, 6, 7},
				       {1, 3, 5, 7, 0, 2, 4, 6},
				       {3, 7, 2, 6, 1, 5, 0, 4}};
	static const u8 shifts[3][4] = {
		{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
	static const u32 constants[3] = {0, 013240474631u, 015666365641u};
	u32 v[4] = {h[0], h[1], h[2], h[3]};

	for (u32 round = 0; round < 3; round++) {
		for (u32 step = 0; step < 8; step++) {
			/* The roles rotate: a, then d, c, b. */
			u32 a = (4 - step) & 3;
			u32 x = v[(a + 1) & 3], y = v[(a + 2) & 3],
			    z = v[(a + 3) & 3], f;

			if (round == 0)
				f = z ^ (x & (y ^ z));
			else if (round == 1)
				f = (x & y) + ((x ^ y) & z);
			else
				f = x ^ y ^ z;
			v[a] = rotate(v[a] + f + in[order[round][step]] +
					      constants[round],
				      shifts[round][step & 3]);
		}
	}
	for (u32 i = 0; i < 4; i++)
		h[i] += v[i];
}

static void tea(u32 h[4], const u32 in[4])
{
	u32 sum = 0, b0 = h[0], b1 = h[1];

	for (u32 i = 0; i < 16; i++) {
		sum += 0x9e3779b9u;
		b0 += ((b1 << 4) + in[0]) ^ (b1 + sum) ^ ((b1 >> 5) + in[1]);
		b1 += ((b0 << 4) + in[2]) ^ (b0 + sum) ^ ((b0 >> 5) + in[3]);
	}
	h[0] += b0;
	h[1] += b1;
}

static u32 legacy(const char *name, u32 len, bool is_signed)
{
	u32 hash, hash0 = 0x12a3fe2d, hash1 = 0x37abe8f9;

	for (u32 i = 0; i < len; i++) {
		u32 c = is_signed ? (u32)(s32)(s8)name[i] : (u8)name[i];

		hash = hash1 + (hash0 ^ (c * 7152373u));
		if (hash & 0x80000000u)
			hash -= 0x7fffffffu;
		hash1 = hash0;
		hash0 = hash;
	}
	return hash0 << 1;
}

static int name_hash(const struct ext4_fs *fs, u8 version, const char *name,
		     u32 len, u32 *hash)
{
	u32 h[4] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};
	bool is_signed = fs->hash_is_signed;
	u32 in[8];

	if (version >= VERSION_UNSIGNED) {
		version -= VERSION_UNSIGNED;
		is_signed = false;
	}
	if (!mem_is_zero(fs->hash_seed, sizeof(fs->hash_seed)))
		memcpy(h, fs->hash_seed, sizeof(h));
	switch (version) {
	case VERSION_LEGACY:
		*hash = legacy(name, len, is_signed);
		break;
	case VERSION_HALF_MD4:
		for (u32 at = 0; at < len; at += 32) {
			pack(name + at, len - at, in, 8, is_signed);
			half_md4(h, in);
		}
		*hash = h[1];
		break;
	case VERSION_TEA:
		for (u32 at = 0; at < len; at += 16) {
			pack(name + at, len - at, in, 4, is_signed);
			tea(h, in);
		}
		*hash = h[0];
		break;
	default:
		return -ENOTSUP;
	}
	*hash &= ~1u;
	if (*hash == 0xfffffffeu) /* means "end" in cookies */
		*hash = 0xfffffffcu;
	return 0;
}

/* Among the entries at @at: the child for @hash.  If the child behind it may
 * hold more names of this hash, @goes_on. */
static int node_find(const struct ext4_fs *fs, const u8 *data, u32 at, u32 hash,
		     u64 *child, bool *goes_on)
{
	u32 limit = get_le16(data + at), count = get_le16(data + at + 2);
	u32 low = 1, high = count;

	if (!count || count > limit ||
	    at + limit * DX_ENTRY_BYTES > fs->block_bytes)
		return -EIO;
	while (low < high) {
		u32 middle = (low + high) / 2;

		if (get_le32(data + at + middle * DX_ENTRY_BYTES) <= hash)
			low = middle + 1;
		else
			high = middle;
	}
	*child = get_le32(data + at + (low - 1) * DX_ENTRY_BYTES + 4);
	/* The next child says so with the lowest bit of its first hash; that
	 * of the last one stands in another node. */
	*goes_on = low == count ||
		   (get_le32(data + at + low * DX_ENTRY_BYTES) & ~1u) == hash;
	return 0;
}

/* What the root says. Return: -ENOTSUP if we cannot use it. */
static int root_parse(const struct ext4_fs *fs, const u8 *data,
		      const char *name, u32 len, u32 *levels, u32 *hash)
{
	if (data[DX_INFO_LEN] != 8 || data[DX_LEVELS] >= DX_MAX_LEVELS)
		return -ENOTSUP;
	*levels = data[DX_LEVELS];
	return name_hash(fs, data[DX_VERSION], name, len, hash);
}

int htree_find(struct ext4_fs *fs, const struct ext4_inode *dir,
	       const char *name, u32 len, u64 *lblk, bool *goes_on)
{
	u32 levels = 0, hash = 0;
	int err = 0;

	*lblk = 0;
	for (u32 depth = 0; depth <= levels && !err; depth++) {
		struct cached_block *b;

		if (*lblk >= dir->size_bytes >> fs->block_shift)
			return -EIO;
		err = dir_block_get(fs, dir, *lblk, &b);
		if (err)
			return err;
		if (!depth)
			err = root_parse(fs, b->data, name, len, &levels,
					 &hash);
		if (!err)
			err = node_find(fs, b->data,
					depth ? DX_NODE_AT : DX_ROOT_AT, hash,
					lblk, goes_on);
		cache_put(b);
	}
	if (!err && *lblk >= dir->size_bytes >> fs->block_shift)
		err = -EIO;
	return err;
}
