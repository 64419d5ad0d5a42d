/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inodes: finding, checking and decoding them; symbolic links. */
#define pr_fmt(fmt) "ext4: " fmt
#include <kernel/log.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <uapi/fs.h>

#include "internal.h"

/* Inode fields: byte offsets. */
#define I_MODE         0x00
#define I_UID_LO       0x02
#define I_SIZE_LO      0x04
#define I_ATIME        0x08
#define I_CTIME        0x0c
#define I_MTIME        0x10
#define I_GID_LO       0x18
#define I_LINKS        0x1a
#define I_BLOCKS_LO    0x1c
#define I_FLAGS        0x20
#define I_BLOCK        0x28
#define I_GENERATION   0x64
#define I_SIZE_HI      0x6c
#define I_BLOCKS_HI    0x74
#define I_UID_HI       0x78
#define I_GID_HI       0x7a
#define I_CHECKSUM_LO  0x7c
#define I_EXTRA_ISIZE  0x80
#define I_CHECKSUM_HI  0x82
#define I_CTIME_EXTRA  0x84
#define I_MTIME_EXTRA  0x88
#define I_ATIME_EXTRA  0x8c
#define OLD_INODE_SIZE 128u

#define FLAG_HUGE_FILE 0x40000u
#define FLAG_EXTENTS   0x80000u
#define FLAG_INLINE    0x10000000u

/* How many bytes of the inode are in use beyond the old 128. */
static u32 extra_bytes(const struct ext4_fs *fs, const u8 *raw)
{
	u32 extra;

	if (fs->inode_bytes <= OLD_INODE_SIZE)
		return 0;
	extra = get_le16(raw + I_EXTRA_ISIZE);
	return min(extra, fs->inode_bytes - OLD_INODE_SIZE);
}

static bool has_field(const struct ext4_fs *fs, const u8 *raw, u32 offset,
		      u32 bytes)
{
	return OLD_INODE_SIZE + extra_bytes(fs, raw) >= offset + bytes;
}

/* Largest time that 64 bits of nanoseconds hold (the year 2262). */
#define MAX_SECONDS 9223372035ll

/* Seconds, with two more bits and nanoseconds in the extra word. */
static s64 decode_time(const struct ext4_fs *fs, const u8 *raw, u32 offset,
		       u32 extra_offset)
{
	s64 seconds = (s32)get_le32(raw + offset);
	u32 extra;

	if (!has_field(fs, raw, extra_offset, 4))
		return seconds * 1000000000;
	extra = get_le32(raw + extra_offset);
	seconds = min(seconds + ((s64)(extra & 3) << 32), (s64)MAX_SECONDS);
	return seconds * 1000000000 + min(extra >> 2, 999999999u);
}

/* CRC of the inode, its own two checksum fields taken as zero. */
static u32 inode_csum(const struct ext4_fs *fs, u32 seed, const u8 *raw,
		      bool has_hi)
{
	static const u8 zero[2];
	u32 crc = crc32c(seed, raw, I_CHECKSUM_LO);
	u32 at = I_CHECKSUM_LO + 2;

	crc = crc32c(crc, zero, 2);
	if (has_hi) {
		crc = crc32c(crc, raw + at, I_CHECKSUM_HI - at);
		crc = crc32c(crc, zero, 2);
		at = I_CHECKSUM_HI + 2;
	}
	return crc32c(crc, raw + at, fs->inode_bytes - at);
}

static int check_inode(const struct ext4_fs *fs, struct ext4_inode *inode,
		       const u8 *raw)
{
	bool has_hi = has_field(fs, raw, I_CHECKSUM_HI, 2);
	le32 nr = le32_make(inode->ino);
	u32 want, got;

	if (!fs->has_csum)
		return 0;
	inode->csum_seed = crc32c(fs->csum_seed, &nr, sizeof(nr));
	inode->csum_seed = crc32c(inode->csum_seed, raw + I_GENERATION, 4);
	got = inode_csum(fs, inode->csum_seed, raw, has_hi);
	want = get_le16(raw + I_CHECKSUM_LO);
	if (has_hi)
		want |= (u32)get_le16(raw + I_CHECKSUM_HI) << 16;
	else
		got &= 0xffff;
	if (want == got)
		return 0;
	pr_err_ratelimited("inode %u: bad checksum", inode->ino);
	return -EIO;
}

/* Device numbers: the new encoding in the second word, else the old one. */
static u32 decode_rdev(const u8 *raw)
{
	u32 old = get_le32(raw + I_BLOCK), new = get_le32(raw + I_BLOCK + 4);

	return old ? old : new;
}

static void decode_inode(const struct ext4_fs *fs, struct ext4_inode *inode,
			 const u8 *raw)
{
	inode->gen = get_le32(raw + I_GENERATION);
	inode->mode = get_le16(raw + I_MODE);
	inode->uid = get_le16(raw + I_UID_LO) | (u32)get_le16(raw + I_UID_HI)
							<< 16;
	inode->gid = get_le16(raw + I_GID_LO) | (u32)get_le16(raw + I_GID_HI)
							<< 16;
	inode->nlink = get_le16(raw + I_LINKS);
	inode->flags = get_le32(raw + I_FLAGS);
	inode->size_bytes = get_le32(raw + I_SIZE_LO) |
			    (u64)get_le32(raw + I_SIZE_HI) << 32;
	inode->nr_sectors = get_le32(raw + I_BLOCKS_LO) |
			    (u64)get_le16(raw + I_BLOCKS_HI) << 32;
	if (inode->flags & FLAG_HUGE_FILE)
		inode->nr_sectors <<= fs->block_shift - 9;
	inode->atime_ns = decode_time(fs, raw, I_ATIME, I_ATIME_EXTRA);
	inode->mtime_ns = decode_time(fs, raw, I_MTIME, I_MTIME_EXTRA);
	inode->ctime_ns = decode_time(fs, raw, I_CTIME, I_CTIME_EXTRA);
	memcpy(inode->block, raw + I_BLOCK, sizeof(inode->block));
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		inode->rdev = decode_rdev(raw);
}

int ext4_inode_read(struct ext4_fs *fs, u32 ino, struct ext4_inode *out)
{
	struct cached_block *b;
	u64 offset;
	u8 *raw;
	int err;

	if (!ino || ino > fs->nr_inodes)
		return -ESTALE;
	offset = (u64)((ino - 1) % fs->inodes_per_group) * fs->inode_bytes;
	err = cache_get(fs,
			fs->inode_tables[(ino - 1) / fs->inodes_per_group] +
				(offset >> fs->block_shift),
			&b);
	if (err)
		return err;
	raw = b->data + (offset & (fs->block_bytes - 1));
	memset(out, 0, sizeof(*out));
	out->ino = ino;
	if (!get_le16(raw + I_LINKS) || !get_le16(raw + I_MODE))
		err = -ESTALE;
	else
		err = check_inode(fs, out, raw);
	if (!err)
		decode_inode(fs, out, raw);
	cache_put(b);
	if (!err && (s64)out->size_bytes < 0)
		err = -EIO;
	if (!err && out->flags & FLAG_INLINE)
		err = -EIO; /* the feature was refused at mount */
	return err;
}

ssize_t ext4_readlink(struct ext4_fs *fs, const struct ext4_inode *inode,
		      char *buf, size_t size)
{
	size_t len = min(inode->size_bytes, (u64)size);

	if (!S_ISLNK(inode->mode))
		return -EINVAL;
	/* A target that fits the block array is stored there. */
	if (inode->size_bytes < sizeof(inode->block) &&
	    !(inode->flags & FLAG_EXTENTS)) {
		memcpy(buf, inode->block, len);
		return (ssize_t)len;
	}
	return ext4_read(fs, inode, 0, buf, len);
}
