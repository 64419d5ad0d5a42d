/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounting: the superblock, the group descriptors, the features. */
#define pr_fmt(fmt) "ext4: " fmt
#include <kernel/log.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/slab.h>

#include "internal.h"

#define SUPER_OFFSET 1024u
#define SUPER_BYTES  1024u

/* Superblock fields: byte offsets. */
#define SB_INODES_COUNT      0x00
#define SB_BLOCKS_LO         0x04
#define SB_FREE_BLOCKS_LO    0x0c
#define SB_FREE_INODES       0x10
#define SB_FIRST_DATA_BLOCK  0x14
#define SB_LOG_BLOCK_SIZE    0x18
#define SB_BLOCKS_PER_GROUP  0x20
#define SB_INODES_PER_GROUP  0x28
#define SB_MAGIC             0x38
#define SB_REV_LEVEL         0x4c
#define SB_INODE_SIZE        0x58
#define SB_FEATURE_INCOMPAT  0x60
#define SB_FEATURE_RO_COMPAT 0x64
#define SB_UUID              0x68
#define SB_VOLUME_NAME       0x78
#define SB_HASH_SEED         0xec
#define SB_DESC_SIZE         0xfe
#define SB_FIRST_META_BG     0x104
#define SB_BLOCKS_HI         0x150
#define SB_FREE_BLOCKS_HI    0x158
#define SB_FLAGS             0x160
#define SB_CSUM_TYPE         0x175
#define SB_CSUM_SEED         0x270
#define SB_CHECKSUM          0x3fc
#define FLAG_UNSIGNED_HASH   0x2u /* in SB_FLAGS */

#define INCOMPAT_FILETYPE  0x0002u
#define INCOMPAT_RECOVER   0x0004u
#define INCOMPAT_EXTENTS   0x0040u
#define INCOMPAT_64BIT     0x0080u
#define INCOMPAT_FLEX_BG   0x0200u
#define INCOMPAT_CSUM_SEED 0x2000u
#define INCOMPAT_LARGEDIR  0x4000u
#define INCOMPAT_KNOWN                                           \
	(INCOMPAT_FILETYPE | INCOMPAT_EXTENTS | INCOMPAT_64BIT | \
	 INCOMPAT_FLEX_BG | INCOMPAT_CSUM_SEED | INCOMPAT_LARGEDIR)
#define RO_COMPAT_METADATA_CSUM 0x0400u
#define CSUM_CRC32C             1

/* Group descriptor fields. */
#define GD_INODE_TABLE_LO 0x08
#define GD_CHECKSUM       0x1e
#define GD_INODE_TABLE_HI 0x28

/* A file system of more groups than this (16 TiB at 4 KiB) is refused. */
#define MAX_GROUPS (1u << 17)

static const struct {
	u32 bit;
	const char *name;
} incompat_names[] = {
	{0x0001, "compression"}, {0x0008, "journal_dev"}, {0x0010, "meta_bg"},
	{0x0100, "mmp"},         {0x0400, "ea_inode"},    {0x1000, "dirdata"},
	{0x8000, "inline_data"}, {0x10000, "encrypt"},    {0x20000, "casefold"},
};

/* Say which features are too much for us. Return: 0 or -EOPNOTSUPP. */
static int check_features(u32 incompat)
{
	u32 unknown = incompat & ~(INCOMPAT_KNOWN | INCOMPAT_RECOVER);

	for (size_t i = 0; i < ARRAY_SIZE(incompat_names); i++)
		if (unknown & incompat_names[i].bit)
			pr_err("feature %s is not supported",
			       incompat_names[i].name);
	if (unknown)
		pr_err("unknown incompatible features %#x: not mounted",
		       unknown);
	else if (incompat & INCOMPAT_RECOVER)
		pr_err("the journal needs recovery: run e2fsck on the image");
	return incompat & ~INCOMPAT_KNOWN ? -EOPNOTSUPP : 0;
}

static int bad_super(const char *what)
{
	pr_err("bad superblock: %s", what);
	return -EINVAL;
}

/* Geometry: every number is made safe for the code that divides by it. */
static int parse_geometry(struct ext4_fs *fs, const u8 *sb, bool is_64bit)
{
	u32 log = get_le32(sb + SB_LOG_BLOCK_SIZE);
	u32 first = get_le32(sb + SB_FIRST_DATA_BLOCK);
	u32 per_group = get_le32(sb + SB_BLOCKS_PER_GROUP);
	u64 nr_groups;

	if (log > 6)
		return bad_super("block size");
	fs->block_shift = 10 + log;
	fs->block_bytes = 1u << fs->block_shift;
	fs->nr_blocks = get_le32(sb + SB_BLOCKS_LO);
	fs->nr_free_blocks = get_le32(sb + SB_FREE_BLOCKS_LO);
	if (is_64bit) {
		fs->nr_blocks |= (u64)get_le32(sb + SB_BLOCKS_HI) << 32;
		fs->nr_free_blocks |= (u64)get_le32(sb + SB_FREE_BLOCKS_HI)
				      << 32;
	}
	if (fs->nr_blocks > fs->dev.size_bytes >> fs->block_shift)
		return bad_super("larger than the device");
	if (first != (log ? 0u : 1u) || first >= fs->nr_blocks)
		return bad_super("first block");
	if (!per_group || per_group > 8 * fs->block_bytes)
		return bad_super("blocks per group");
	nr_groups = DIV_ROUND_UP(fs->nr_blocks - first, (u64)per_group);
	if (nr_groups > MAX_GROUPS)
		return bad_super("number of groups");
	fs->nr_groups = (u32)nr_groups;
	fs->inodes_per_group = get_le32(sb + SB_INODES_PER_GROUP);
	fs->nr_inodes = get_le32(sb + SB_INODES_COUNT);
	fs->nr_free_inodes = get_le32(sb + SB_FREE_INODES);
	if (!fs->inodes_per_group ||
	    fs->inodes_per_group > 8 * fs->block_bytes ||
	    fs->nr_inodes > (u64)fs->inodes_per_group * fs->nr_groups)
		return bad_super("number of inodes");
	fs->inode_bytes = get_le32(sb + SB_REV_LEVEL)
				  ? get_le16(sb + SB_INODE_SIZE)
				  : 128;
	if (fs->inode_bytes < 128 || fs->inode_bytes > fs->block_bytes ||
	    !is_power_of_2(fs->inode_bytes))
		return bad_super("inode size");
	return 0;
}

static int parse_super(struct ext4_fs *fs, const u8 *sb, u32 *desc_bytes)
{
	u32 incompat = get_le32(sb + SB_FEATURE_INCOMPAT);
	bool is_64bit = incompat & INCOMPAT_64BIT;
	int err;

	if (get_le16(sb + SB_MAGIC) != EXT4_SUPER_MAGIC)
		return bad_super("no ext4 magic number");
	err = check_features(incompat);
	if (err)
		return err;
	fs->has_filetype = incompat & INCOMPAT_FILETYPE;
	fs->has_csum =
		get_le32(sb + SB_FEATURE_RO_COMPAT) & RO_COMPAT_METADATA_CSUM;
	if (fs->has_csum) {
		if (sb[SB_CSUM_TYPE] != CSUM_CRC32C)
			return bad_super("type of checksums");
		if (crc32c(~0u, sb, SB_CHECKSUM) != get_le32(sb + SB_CHECKSUM))
			return bad_super("checksum");
	}
	fs->csum_seed = incompat & INCOMPAT_CSUM_SEED
				? get_le32(sb + SB_CSUM_SEED)
				: crc32c(~0u, sb + SB_UUID, 16);
	memcpy(fs->label, sb + SB_VOLUME_NAME, 16);
	fs->identity = hash_bytes(sb, SUPER_BYTES, 0);
	for (u32 i = 0; i < ARRAY_SIZE(fs->hash_seed); i++)
		fs->hash_seed[i] = get_le32(sb + SB_HASH_SEED + 4 * i);
	fs->hash_is_signed = !(get_le32(sb + SB_FLAGS) & FLAG_UNSIGNED_HASH);
	*desc_bytes = is_64bit ? get_le16(sb + SB_DESC_SIZE) : 32;
	if (*desc_bytes < (is_64bit ? 64u : 32u) || *desc_bytes > 1024 ||
	    !is_power_of_2(*desc_bytes))
		return bad_super("size of group descriptors");
	return parse_geometry(fs, sb, is_64bit);
}

/* The low half of a CRC over group number and descriptor, the checksum field
 * itself taken as zero. */
static bool group_csum_ok(const struct ext4_fs *fs, u32 group, const u8 *gd,
			  u32 desc_bytes)
{
	static const u8 zero[2];
	le32 nr = le32_make(group);
	u32 crc = crc32c(fs->csum_seed, &nr, sizeof(nr));

	crc = crc32c(crc, gd, GD_CHECKSUM);
	crc = crc32c(crc, zero, sizeof(zero));
	crc = crc32c(crc, gd + GD_CHECKSUM + 2, desc_bytes - GD_CHECKSUM - 2);
	return (u16)crc == get_le16(gd + GD_CHECKSUM);
}

static int parse_group(struct ext4_fs *fs, u32 group, const u8 *gd,
		       u32 desc_bytes)
{
	u64 nr_table_blocks = DIV_ROUND_UP(
		(u64)fs->inodes_per_group * fs->inode_bytes, fs->block_bytes);
	u64 table = get_le32(gd + GD_INODE_TABLE_LO);

	if (desc_bytes >= 64)
		table |= (u64)get_le32(gd + GD_INODE_TABLE_HI) << 32;
	if (fs->has_csum && !group_csum_ok(fs, group, gd, desc_bytes)) {
		pr_err("group %u: bad checksum", group);
		return -EIO;
	}
	if (table >= fs->nr_blocks || nr_table_blocks > fs->nr_blocks - table) {
		pr_err("group %u: inode table outside the device", group);
		return -EIO;
	}
	fs->inode_tables[group] = table;
	return 0;
}

static int read_groups(struct ext4_fs *fs, u32 desc_bytes)
{
	/* The descriptors start in the block after the superblock. */
	u64 blk = fs->block_bytes == SUPER_BYTES ? 2 : 1;
	u32 per_block = fs->block_bytes / desc_bytes;

	for (u32 group = 0; group < fs->nr_groups; blk++) {
		struct cached_block *b;
		int err = cache_get(fs, blk, &b);

		for (u32 i = 0; !err && i < per_block; i++) {
			if (group == fs->nr_groups)
				break;
			err = parse_group(fs, group++, b->data + i * desc_bytes,
					  desc_bytes);
			if (err)
				cache_put(b);
		}
		if (err)
			return err;
		cache_put(b);
	}
	return 0;
}

int ext4_mount(const struct ext4_device *dev, struct ext4_fs **out)
{
	struct ext4_fs *fs = kzalloc(sizeof(*fs));
	u32 desc_bytes;
	u8 *sb;
	int err;

	if (!fs)
		return -ENOMEM;
	fs->dev = *dev;
	sb = kmalloc(SUPER_BYTES);
	err = sb ? dev->read(dev->ctx, SUPER_OFFSET, sb, SUPER_BYTES) : -ENOMEM;
	if (!err)
		err = parse_super(fs, sb, &desc_bytes);
	kfree(sb);
	if (err)
		goto free_fs;

	err = -ENOMEM;
	fs->inode_tables = kcalloc(fs->nr_groups, sizeof(u64));
	if (!fs->inode_tables)
		goto free_fs;
	fs->cache = cache_create(fs);
	if (!fs->cache)
		goto free_tables;
	err = read_groups(fs, desc_bytes);
	if (err)
		goto free_cache;
	*out = fs;
	return 0;

free_cache:
	cache_destroy(fs->cache);
free_tables:
	kfree(fs->inode_tables);
free_fs:
	kfree(fs);
	return err;
}

void ext4_unmount(struct ext4_fs *fs)
{
	cache_destroy(fs->cache);
	kfree(fs->inode_tables);
	kfree(fs);
}

u64 ext4_identity(const struct ext4_fs *fs)
{
	return fs->identity;
}

void ext4_statfs(const struct ext4_fs *fs, struct ext4_statfs *out)
{
	*out = (struct ext4_statfs){
		.nr_blocks = fs->nr_blocks,
		.nr_free_blocks = fs->nr_free_blocks,
		.nr_inodes = fs->nr_inodes,
		.nr_free_inodes = fs->nr_free_inodes,
		.block_bytes = fs->block_bytes,
	};
	memcpy(out->label, fs->label, sizeof(out->label));
}
