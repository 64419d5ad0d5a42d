/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache of metadata blocks: a fixed number of buffers, found by a hash,
 * replaced least recently used first.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/hash.h>
#include <mm/slab.h>

#define CACHE_BYTES   (2u << 20)
#define CACHE_MIN     16u
#define CACHE_BUCKETS 256u

struct block_cache {
	struct list_head lru;
	struct list_head buckets[CACHE_BUCKETS];
	u32 nr_blocks;
	struct cached_block blocks[];
};

static struct list_head *bucket(struct block_cache *cache, u64 blk)
{
	return &cache->buckets[hash_u64(blk) % CACHE_BUCKETS];
}

struct block_cache *cache_create(const struct ext4_fs *fs)
{
	u32 n = CACHE_BYTES / fs->block_bytes;
	struct block_cache *cache;

	if (n < CACHE_MIN)
		n = CACHE_MIN;
	cache = kzalloc(sizeof(*cache) + n * sizeof(cache->blocks[0]));
	if (!cache)
		return NULL;
	list_init(&cache->lru);
	for (u32 i = 0; i < CACHE_BUCKETS; i++)
		list_init(&cache->buckets[i]);
	for (u32 i = 0; i < n; i++) {
		struct cached_block *b = &cache->blocks[i];

		b->data = kmalloc(fs->block_bytes);
		if (!b->data) {
			cache_destroy(cache);
			return NULL;
		}
		list_init(&b->hash);
		list_add_tail(&b->lru, &cache->lru);
		cache->nr_blocks++;
	}
	return cache;
}

void cache_destroy(struct block_cache *cache)
{
	for (u32 i = 0; i < cache->nr_blocks; i++) {
		ASSERT(!cache->blocks[i].nr_pins);
		kfree(cache->blocks[i].data);
	}
	kfree(cache);
}

static struct cached_block *cache_find(struct block_cache *cache, u64 blk)
{
	struct cached_block *b;

	list_for_each_entry (b, bucket(cache, blk), hash)
		if (b->blk == blk)
			return b;
	return NULL;
}

static struct cached_block *cache_victim(struct block_cache *cache)
{
	struct cached_block *b;

	list_for_each_entry (b, &cache->lru, lru)
		if (!b->nr_pins)
			return b;
	return NULL;
}

/* Read @blk into a buffer that nobody uses. */
static int cache_fill(struct ext4_fs *fs, u64 blk, struct cached_block **out)
{
	struct cached_block *b = cache_victim(fs->cache);
	int err;

	if (!b)
		return -ENOBUFS;
	if (b->is_valid)
		list_del_init(&b->hash);
	b->is_valid = false;
	b->is_verified = false;
	err = fs->dev.read(fs->dev.ctx, blk << fs->block_shift, b->data,
			   fs->block_bytes);
	if (err)
		return err;
	b->blk = blk;
	b->is_valid = true;
	list_add(&b->hash, bucket(fs->cache, blk));
	*out = b;
	return 0;
}

int cache_get(struct ext4_fs *fs, u64 blk, struct cached_block **out)
{
	struct cached_block *b;
	int err;

	if (blk >= fs->nr_blocks)
		return -EIO;
	b = cache_find(fs->cache, blk);
	if (!b) {
		err = cache_fill(fs, blk, &b);
		if (err)
			return err;
	}
	b->nr_pins++;
	list_del(&b->lru);
	list_add_tail(&b->lru, &fs->cache->lru);
	*out = b;
	return 0;
}

void cache_put(struct cached_block *b)
{
	ASSERT(b->nr_pins);
	b->nr_pins--;
}
