/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "dma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { MAX_REGIONS = 4096 };

/* Index of the first region that ends behind @iova. */
static unsigned int find_region(const struct dma_map *map, u64 iova)
{
	unsigned int low = 0, high = map->nr_regions;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct dma_region *r = &map->regions[mid];

		if (r->iova + (r->size - 1) < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int map_host(u64 size, bool is_writable, int fd, u64 offset, u8 **host)
{
	int prot = PROT_READ | (is_writable ? PROT_WRITE : 0);
	struct stat st;
	void *p;

	/* Touching a mapping behind the end of its file would kill us. */
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || !range_inside(offset, size, st.st_size))
		return -EINVAL;
	p = mmap(NULL, size, prot, MAP_SHARED, fd, (off_t)offset);
	if (p == MAP_FAILED)
		return -errno;
	*host = p;
	return 0;
}

static int grow(struct dma_map *map)
{
	unsigned int capacity = map->capacity ? 2 * map->capacity : 32;
	struct dma_region *regions;

	if (map->nr_regions < map->capacity)
		return 0;
	if (map->nr_regions >= MAX_REGIONS)
		return -ENOSPC;
	regions = realloc(map->regions, capacity * sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	map->regions = regions;
	map->capacity = capacity;
	return 0;
}

int dma_map_add(struct dma_map *map, u64 iova, u64 size, bool is_writable,
		int fd, u64 fd_offset)
{
	unsigned int at;
	u8 *host = NULL;
	int err;

	if (!size || iova + (size - 1) < iova)
		return -EINVAL;
	at = find_region(map, iova);
	if (at < map->nr_regions && map->regions[at].iova <= iova + (size - 1))
		return -EEXIST;
	err = grow(map);
	if (err)
		return err;
	if (fd >= 0) {
		err = map_host(size, is_writable, fd, fd_offset, &host);
		if (err)
			return err;
	}
	memmove(&map->regions[at + 1], &map->regions[at],
		(map->nr_regions - at) * sizeof(*map->regions));
	map->regions[at] = (struct dma_region){iova, size, host, is_writable};
	map->nr_regions++;
	return 0;
}

int dma_map_remove(struct dma_map *map, u64 iova, u64 size)
{
	unsigned int from, to;

	if (!size || iova + (size - 1) < iova)
		return -EINVAL;
	from = find_region(map, iova);
	if (from < map->nr_regions && map->regions[from].iova < iova)
		from++;
	for (to = from; to < map->nr_regions; to++) {
		struct dma_region *r = &map->regions[to];

		if (r->iova + (r->size - 1) > iova + (size - 1))
			break;
		if (r->host)
			munmap(r->host, r->size);
	}
	if (to == from)
		return -ENOENT;
	memmove(&map->regions[from], &map->regions[to],
		(map->nr_regions - to) * sizeof(*map->regions));
	map->nr_regions -= to - from;
	return 0;
}

void dma_map_clear(struct dma_map *map)
{
	for (unsigned int i = 0; i < map->nr_regions; i++)
		if (map->regions[i].host)
			munmap(map->regions[i].host, map->regions[i].size);
	free(map->regions);
	*map = (struct dma_map){0};
}

u8 *dma_map_run(const struct dma_map *map, u64 iova, u64 want, bool write,
		u64 *got)
{
	unsigned int at = find_region(map, iova);
	const struct dma_region *r;

	if (at == map->nr_regions)
		return NULL;
	r = &map->regions[at];
	if (iova < r->iova || !r->host || (write && !r->is_writable))
		return NULL;
	*got = min_u64(want, r->size - (iova - r->iova));
	return r->host + (iova - r->iova);
}
