/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories: blocks of entries {inode, rec_len, name_len, type, name}.
 *
 * With checksums, each block of entries ends with a 12-byte pseudo entry that
 * holds its checksum.  In an indexed directory the nodes of the index look
 * like blocks with one unused entry, so that reading all blocks in order finds
 * every name.  Looking up goes through the index (htree.c) where it can.
 */
#define pr_fmt(fmt) "ext4: " fmt
#include <kernel/log.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <uapi/fs.h>

#include "internal.h"

#define FLAG_INDEX     0x1000u
#define DIRENT_HEADER  8u
#define TAIL_BYTES     12u
#define TAIL_TYPE      0xde
#define MAX_DIR_BLOCKS (1u << 20)
/* In the first block of an index, behind "." and "..". */
#define DX_ROOT_COUNT 32u
/* In the other nodes, behind one unused entry. */
#define DX_NODE_COUNT 8u

static int bad_dir(const struct ext4_inode *dir, const char *what)
{
	pr_err_ratelimited("directory %u: %s", dir->ino, what);
	return -EIO;
}

static bool has_tail(const struct ext4_fs *fs, const u8 *data)
{
	const u8 *tail = data + fs->block_bytes - TAIL_BYTES;

	return !get_le32(tail) && get_le16(tail + 4) == TAIL_BYTES &&
	       !tail[6] && tail[7] == TAIL_TYPE;
}

/* An index node: the CRC covers the entries in use and half of the tail. */
static bool dx_csum_ok(const struct ext4_fs *fs, const struct ext4_inode *dir,
		       const u8 *data, u32 count_offset)
{
	static const u8 zero[4];
	u32 limit = get_le16(data + count_offset);
	u32 count = get_le16(data + count_offset + 2);
	u32 tail = count_offset + limit * 8;
	u32 crc;

	if (count > limit || tail + 8 > fs->block_bytes)
		return false;
	crc = crc32c(dir->csum_seed, data, count_offset + count * 8);
	crc = crc32c(crc, data + tail, 4);
	crc = crc32c(crc, zero, 4);
	return crc == get_le32(data + tail + 4);
}

static bool dir_block_csum_ok(const struct ext4_fs *fs,
			      const struct ext4_inode *dir, u64 lblk,
			      const u8 *data)
{
	u32 body = fs->block_bytes - TAIL_BYTES;

	if (!fs->has_csum)
		return true;
	if (has_tail(fs, data))
		return crc32c(dir->csum_seed, data, body) ==
		       get_le32(data + body + 8);
	if (!(dir->flags & FLAG_INDEX))
		return false;
	return dx_csum_ok(fs, dir, data, lblk ? DX_NODE_COUNT : DX_ROOT_COUNT);
}

int dir_block_get(struct ext4_fs *fs, const struct ext4_inode *dir, u64 lblk,
		  struct cached_block **out)
{
	struct ext4_run run;
	struct cached_block *b;
	int err = ext4_map(fs, dir, lblk, &run);

	if (err)
		return err;
	if (run.is_hole)
		return bad_dir(dir, "a hole");
	err = cache_get(fs, run.pblk, &b);
	if (err)
		return err;
	if (!b->is_verified || b->verified_seed != dir->csum_seed) {
		if (!dir_block_csum_ok(fs, dir, lblk, b->data)) {
			cache_put(b);
			return bad_dir(dir, "bad checksum");
		}
		b->is_verified = true;
		b->verified_seed = dir->csum_seed;
	}
	*out = b;
	return 0;
}

/* rec_len is 16 bits; 0 and 65532.. mean a whole 64 KiB block. */
static u32 record_length(const struct ext4_fs *fs, const u8 *e)
{
	u32 len = get_le16(e + 4);

	if (fs->block_bytes < 65536)
		return len;
	if (!len || len == 65535)
		return 65536;
	return (len & 65532) | (len & 3) << 16;
}

static u32 dirent_type(const struct ext4_fs *fs, const u8 *e)
{
	static const u8 types[] = {DT_UNKNOWN, DT_REG,  DT_DIR,  DT_CHR,
				   DT_BLK,     DT_FIFO, DT_SOCK, DT_LNK};

	return fs->has_filetype && e[7] < ARRAY_SIZE(types) ? types[e[7]]
							    : DT_UNKNOWN;
}

/* Entries of one block from byte @from. Return: 0, 1: stopped, -EIO. */
static int dir_block_scan(struct ext4_fs *fs, const struct ext4_inode *dir,
			  const u8 *data, u64 base, u32 from, ext4_emit_t emit,
			  void *ctx)
{
	u32 at = 0;

	while (at + DIRENT_HEADER <= fs->block_bytes) {
		const u8 *e = data + at;
		u32 len = record_length(fs, e);
		u32 ino = get_le32(e);
		u32 name_len = fs->has_filetype ? e[6] : get_le16(e + 6);

		if (len < DIRENT_HEADER || len % 4 ||
		    len > fs->block_bytes - at)
			return bad_dir(dir, "length of an entry");
		if (ino && at >= from) {
			if (!name_len || name_len > EXT4_NAME_MAX ||
			    name_len > len - DIRENT_HEADER ||
			    memchr(e + DIRENT_HEADER, '/', name_len) ||
			    memchr(e + DIRENT_HEADER, '\0', name_len))
				return bad_dir(dir, "name of an entry");
			if (!emit(ctx, ino, dirent_type(fs, e),
				  (const char *)e + DIRENT_HEADER, name_len,
				  base + at + len))
				return 1;
		}
		at += len;
	}
	return 0;
}

int ext4_readdir(struct ext4_fs *fs, const struct ext4_inode *dir, u64 cookie,
		 ext4_emit_t emit, void *ctx)
{
	u64 nr_blocks = dir->size_bytes >> fs->block_shift;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (nr_blocks > MAX_DIR_BLOCKS)
		return bad_dir(dir, "too large");
	for (u64 lblk = cookie >> fs->block_shift; lblk < nr_blocks; lblk++) {
		u64 base = lblk << fs->block_shift;
		u32 from = cookie > base ? (u32)(cookie - base) : 0;
		struct cached_block *b;
		int err = dir_block_get(fs, dir, lblk, &b);

		if (err)
			return err;
		err = dir_block_scan(fs, dir, b->data, base, from, emit, ctx);
		cache_put(b);
		if (err)
			return err < 0 ? err : 0;
	}
	return 0;
}

struct lookup {
	const char *name;
	u32 name_len;
	u32 ino;
};

static bool lookup_emit(void *ctx, u32 ino, u32 dt_type, const char *name,
			u32 name_len, u64 next)
{
	struct lookup *l = ctx;

	if (name_len != l->name_len || memcmp(name, l->name, name_len))
		return true;
	l->ino = ino;
	return false;
}

/* Look into one block. Return: 1 found, 0 not there, -EIO. */
static int lookup_block(struct ext4_fs *fs, const struct ext4_inode *dir,
			u64 lblk, struct lookup *l)
{
	struct cached_block *b;
	int err = dir_block_get(fs, dir, lblk, &b);

	if (err)
		return err;
	err = dir_block_scan(fs, dir, b->data, lblk << fs->block_shift, 0,
			     lookup_emit, l);
	cache_put(b);
	return err;
}

/* By the index. Return: 1 found, 0 not there, -ENOTSUP read all, -EIO. */
static int lookup_indexed(struct ext4_fs *fs, const struct ext4_inode *dir,
			  struct lookup *l)
{
	bool goes_on;
	u64 lblk;
	int err = htree_find(fs, dir, l->name, l->name_len, &lblk, &goes_on);

	if (!err)
		err = lookup_block(fs, dir, lblk, l);
	return !err && goes_on ? -ENOTSUP : err;
}

int ext4_lookup(struct ext4_fs *fs, const struct ext4_inode *dir,
		const char *name, u32 name_len, u32 *ino)
{
	struct lookup l = {.name = name, .name_len = name_len};
	/* The index does not know "." and "..". */
	bool is_dots = name_len <= 2 && !memcmp(name, "..", name_len);
	int err = -ENOTSUP;

	if (S_ISDIR(dir->mode) && dir->flags & FLAG_INDEX && !is_dots)
		err = lookup_indexed(fs, dir, &l);
	if (err == -ENOTSUP)
		err = ext4_readdir(fs, dir, 0, lookup_emit, &l);
	if (err < 0)
		return err;
	if (!l.ino)
		return -ENOENT;
	*ino = l.ino;
	return 0;
}
