/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_DMA_H
#define FABRIC_DMA_H

/*
 * A guest's memory as its card sees it: device addresses to our mappings.
 *
 * The map changes while the guest boots, so nobody keeps a pointer into it
 * over a return to the event loop.  A region without a mapping (a ROM, or
 * memory that QEMU does not share) is known but cannot be accessed.
 */
#include "types.h"

struct dma_region {
	u64 iova, size;
	u8 *host; /* NULL: no descriptor came with it */
	bool is_writable;
};

struct dma_map {
	struct dma_region *regions; /* sorted by iova, disjoint */
	unsigned int nr_regions, capacity;
};

/**
 * dma_map_add - add the region @iova, @size.
 * @fd: what to map at @fd_offset, or -1.  Stays the caller's.
 *
 * Return: 0, -EINVAL (empty, wraps, not within the file), -EEXIST (overlap),
 *         -ENOSPC, -ENOMEM or what mmap said.
 */
int dma_map_add(struct dma_map *map, u64 iova, u64 size, bool is_writable,
		int fd, u64 fd_offset);

/**
 * dma_map_remove - remove every region that lies inside @iova, @size.
 *
 * Return: 0, or -ENOENT if there was none.
 */
int dma_map_remove(struct dma_map *map, u64 iova, u64 size);

void dma_map_clear(struct dma_map *map);

/**
 * dma_map_run - where @iova lies in our address space.
 * @want: how many bytes the caller would like, at least 1.
 * @got: out: how many of them are contiguous there, 1 to @want.
 *
 * Return: a pointer good until the loop's next turn; NULL if unmapped or,
 *         for @write, read-only.
 */
u8 *dma_map_run(const struct dma_map *map, u64 iova, u64 want, bool write,
		u64 *got);

#endif /* FABRIC_DMA_H */
