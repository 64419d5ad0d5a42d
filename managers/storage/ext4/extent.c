/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extent trees: from a block of a file to a block of the device.
 *
 * A node is a 12-byte header and 12-byte entries sorted by logical block; the
 * root lies in the inode, every other node fills a block and ends with a
 * checksum.  Depth shrinks by one at each step, so that no tree, however
 * wrong, makes a walk longer than MAX_DEPTH.
 */
#define pr_fmt(fmt) "ext4: " fmt
#include <kernel/log.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>

#include "internal.h"

#define FLAG_EXTENTS    0x80000u
#define EXTENT_MAGIC    0xf30a
#define EXTENT_HEADER   12u
#define EXTENT_ENTRY    12u
#define MAX_DEPTH       5
#define UNWRITTEN_LIMIT 32768u /* longer lengths mean: not yet written */

struct extent_node {
	const u8 *data;
	u32 nr_entries;
	u32 depth;
};

static int bad_tree(const struct ext4_inode *inode, const char *what)
{
	pr_err_ratelimited("inode %u: extent tree: %s", inode->ino, what);
	return -EIO;
}

static int parse_node(const struct ext4_inode *inode, const u8 *data, u32 bytes,
		      struct extent_node *node)
{
	u32 max_entries = get_le16(data + 4);

	node->data = data;
	node->nr_entries = get_le16(data + 2);
	node->depth = get_le16(data + 6);
	if (get_le16(data) != EXTENT_MAGIC)
		return bad_tree(inode, "no magic number");
	if (max_entries > (bytes - EXTENT_HEADER) / EXTENT_ENTRY ||
	    node->nr_entries > max_entries)
		return bad_tree(inode, "too many entries");
	if (node->depth > MAX_DEPTH)
		return bad_tree(inode, "too deep");
	return 0;
}

static bool node_csum_ok(const struct ext4_fs *fs,
			 const struct ext4_inode *inode, const u8 *data)
{
	u32 tail = EXTENT_HEADER + EXTENT_ENTRY * get_le16(data + 4);

	if (!fs->has_csum)
		return true;
	if (tail + 4 > fs->block_bytes)
		return false;
	return crc32c(inode->csum_seed, data, tail) == get_le32(data + tail);
}

/* Once for each time that the block is read from the disk. */
static int verify_node(const struct ext4_fs *fs, const struct ext4_inode *inode,
		       struct cached_block *b)
{
	if (b->is_verified && b->verified_seed == inode->csum_seed)
		return 0;
	if (!node_csum_ok(fs, inode, b->data))
		return bad_tree(inode, "bad checksum");
	b->is_verified = true;
	b->verified_seed = inode->csum_seed;
	return 0;
}

static const u8 *entry_of(const struct extent_node *node, u32 i)
{
	return node->data + EXTENT_HEADER + i * EXTENT_ENTRY;
}

/* The last entry that does not start behind @lblk; -1: all do. */
static int entry_find(const struct extent_node *node, u64 lblk)
{
	int low = -1, high = (int)node->nr_entries;

	while (high - low > 1) {
		int mid = (low + high) / 2;

		if (get_le32(entry_of(node, (u32)mid)) <= lblk)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Blocks from @lblk to the next entry of this node, for a hole. */
static u32 hole_length(const struct extent_node *node, int found, u64 lblk,
		       u64 limit)
{
	u64 end = limit;

	if (found + 1 < (int)node->nr_entries)
		end = min(end, (u64)get_le32(entry_of(node, found + 1)));
	return (u32)clamp(end > lblk ? end - lblk : 1, (u64)1,
			  (u64)UNWRITTEN_LIMIT);
}

static int map_leaf(const struct ext4_fs *fs, const struct ext4_inode *inode,
		    const struct extent_node *node, u64 lblk, u64 limit,
		    struct ext4_run *run)
{
	int found = entry_find(node, lblk);
	const u8 *e;
	u64 start, pblk;
	u32 len;

	run->is_hole = true;
	if (found < 0) {
		run->nr_blocks = hole_length(node, found, lblk, limit);
		return 0;
	}
	e = entry_of(node, (u32)found);
	start = get_le32(e);
	len = get_le16(e + 4);
	run->is_hole = len > UNWRITTEN_LIMIT;
	if (run->is_hole)
		len -= UNWRITTEN_LIMIT;
	pblk = get_le32(e + 8) | (u64)get_le16(e + 6) << 32;
	if (lblk >= start + len) {
		run->is_hole = true;
		run->nr_blocks = hole_length(node, found, lblk, limit);
		return 0;
	}
	if (!len || pblk >= fs->nr_blocks || len > fs->nr_blocks - pblk)
		return bad_tree(inode, "extent outside the device");
	run->pblk = pblk + (lblk - start);
	run->nr_blocks = (u32)(start + len - lblk);
	return 0;
}

int ext4_map(struct ext4_fs *fs, const struct ext4_inode *inode, u64 lblk,
	     struct ext4_run *run)
{
	u64 limit = 1ull << 32; /* logical blocks are 32 bits */
	struct cached_block *b = NULL;
	struct extent_node node;
	int err;

	if (!(inode->flags & FLAG_EXTENTS))
		return bad_tree(inode, "block map instead of extents");
	if (lblk >= limit)
		return -EIO;
	err = parse_node(inode, inode->block, sizeof(inode->block), &node);
	while (!err && node.depth) {
		int found = entry_find(&node, lblk);
		u32 depth = node.depth;
		struct cached_block *child;
		const u8 *e;

		if (found < 0) {
			run->is_hole = true;
			run->nr_blocks = hole_length(&node, found, lblk, limit);
			goto out;
		}
		if (found + 1 < (int)node.nr_entries)
			limit = min(limit,
				    (u64)get_le32(entry_of(&node, found + 1)));
		e = entry_of(&node, (u32)found);
		err = cache_get(fs,
				get_le32(e + 4) | (u64)get_le16(e + 8) << 32,
				&child);
		if (b)
			cache_put(b);
		b = err ? NULL : child;
		if (!err)
			err = verify_node(fs, inode, b);
		if (!err)
			err = parse_node(inode, b->data, fs->block_bytes,
					 &node);
		if (!err && node.depth != depth - 1)
			err = bad_tree(inode, "wrong depth");
	}
	if (!err)
		err = map_leaf(fs, inode, &node, lblk, limit, run);
out:
	if (b)
		cache_put(b);
	return err;
}

ssize_t ext4_read(struct ext4_fs *fs, const struct ext4_inode *inode,
		  u64 offset, void *buf, size_t len)
{
	size_t done = 0;

	if (offset >= inode->size_bytes)
		return 0;
	len = min((u64)len, inode->size_bytes - offset);
	while (done < len) {
		u64 at = offset + done;
		u32 in_block = at & (fs->block_bytes - 1);
		size_t n =
			min(len - done, (size_t)(fs->block_bytes - in_block));
		struct cached_block *b;
		struct ext4_run run;
		int err = ext4_map(fs, inode, at >> fs->block_shift, &run);

		if (!err && run.is_hole) {
			memset((u8 *)buf + done, 0, n);
		} else {
			if (!err)
				err = cache_get(fs, run.pblk, &b);
			if (err)
				return err;
			memcpy((u8 *)buf + done, b->data + in_block, n);
			cache_put(b);
		}
		done += n;
	}
	return (ssize_t)done;
}
