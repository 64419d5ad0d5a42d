/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORAGE_EXT4_INTERNAL_H
#define STORAGE_EXT4_INTERNAL_H

/* Shared by the files of ext4/: the mounted file system and its blocks. */
#include <lib/byteorder.h>
#include <lib/errno.h>
#include <lib/list.h>

#include "ext4.h"

/* A mounted file system. */
struct ext4_fs {
	struct ext4_device dev;
	u32 block_bytes;
	u32 block_shift;
	u64 nr_blocks;
	u64 nr_free_blocks;
	u32 inodes_per_group;
	u32 inode_bytes;
	u32 nr_inodes;
	u32 nr_free_inodes;
	u32 nr_groups;
	u32 csum_seed;
	bool has_csum;
	bool has_filetype;
	u32 hash_seed[4];    /* of hash-tree directories */
	bool hash_is_signed; /* takes characters as signed */
	char label[17];
	u64 identity;      /* of the superblock as it was at mount */
	u64 *inode_tables; /* first block of each group's inode table */
	struct block_cache *cache;
};

struct cached_block {
	struct list_head lru; /* least recently used first */
	struct list_head hash;
	u64 blk;
	u32 nr_pins;
	bool is_valid;
	bool is_verified; /* its checksum was good with verified_seed */
	u32 verified_seed;
	u8 *data;
};

/** cache_create - room for some blocks of @fs. Return: NULL: no memory. */
struct block_cache *cache_create(const struct ext4_fs *fs);
/** cache_destroy - free it; nothing is pinned. */
void cache_destroy(struct block_cache *cache);
/**
 * cache_get - block @blk, read if need be, pinned until cache_put().
 *
 * Return: 0; -EIO outside the device or unreadable; -ENOBUFS all are pinned.
 */
int __must_check cache_get(struct ext4_fs *fs, u64 blk,
			   struct cached_block **out);
/** cache_put - unpin. */
void cache_put(struct cached_block *block);

/**
 * dir_block_get - block @lblk of directory @dir, its checksum verified.
 *
 * Return: 0: pinned until cache_put(); -EIO.
 */
int __must_check dir_block_get(struct ext4_fs *fs, const struct ext4_inode *dir,
			       u64 lblk, struct cached_block **out);

/**
 * htree_find - the leaf block of indexed directory @dir that holds @name if
 * any does.
 * @goes_on: it may instead be in a block behind that one
 *
 * Return: 0; -ENOTSUP an index that we cannot read; -EIO.
 */
int __must_check htree_find(struct ext4_fs *fs, const struct ext4_inode *dir,
			    const char *name, u32 len, u64 *lblk,
			    bool *goes_on);

#endif /* STORAGE_EXT4_INTERNAL_H */
