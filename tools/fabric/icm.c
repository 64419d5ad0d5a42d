/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "icm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each insertion may move them all. */
enum { MAX_BLOCKS = 1 << 17 };

/* Index of the first block that ends behind @virt. */
static unsigned int find_block(const struct icm *icm, u64 virt)
{
	unsigned int low = 0, high = icm->nr_blocks;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct icm_block *b = &icm->blocks[mid];

		if (b->virt + b->bytes <= virt)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int insert(struct icm *icm, unsigned int at, struct icm_block block)
{
	if (icm->nr_blocks == icm->capacity) {
		unsigned int capacity = icm->capacity ? 2 * icm->capacity : 64;
		struct icm_block *blocks;

		if (capacity > MAX_BLOCKS)
			return -ENOMEM;
		blocks = realloc(icm->blocks, capacity * sizeof(*blocks));
		if (!blocks)
			return -ENOMEM;
		icm->blocks = blocks;
		icm->capacity = capacity;
	}
	memmove(&icm->blocks[at + 1], &icm->blocks[at],
		(icm->nr_blocks - at) * sizeof(block));
	icm->blocks[at] = block;
	icm->nr_blocks++;
	return 0;
}

int icm_map(struct icm *icm, u64 virt, u64 dma, u64 bytes)
{
	int err;

	if (virt + bytes < virt || dma + bytes < dma)
		return -EINVAL;
	err = icm_unmap(icm, virt, bytes);
	if (err)
		return err;
	return insert(icm, find_block(icm, virt),
		      (struct icm_block){virt, dma, bytes});
}

/* Make @virt the border of two blocks if it lies inside one. */
static int split(struct icm *icm, u64 virt)
{
	unsigned int at = find_block(icm, virt);
	const struct icm_block *b;
	struct icm_block tail;
	u64 head;
	int err;

	if (at == icm->nr_blocks || virt <= icm->blocks[at].virt)
		return 0;
	b = &icm->blocks[at];
	head = virt - b->virt;
	tail = (struct icm_block){virt, b->dma + head, b->bytes - head};
	err = insert(icm, at + 1, tail);
	if (!err)
		icm->blocks[at].bytes = head;
	return err;
}

int icm_unmap(struct icm *icm, u64 virt, u64 bytes)
{
	unsigned int from, to;
	int err;

	if (virt + bytes < virt)
		return -EINVAL;
	err = split(icm, virt);
	if (!err)
		err = split(icm, virt + bytes);
	if (err)
		return err;
	from = find_block(icm, virt);
	for (to = from; to < icm->nr_blocks; to++)
		if (icm->blocks[to].virt >= virt + bytes)
			break;
	if (to > from)
		memmove(&icm->blocks[from], &icm->blocks[to],
			(icm->nr_blocks - to) * sizeof(*icm->blocks));
	icm->nr_blocks -= to - from;
	return 0;
}

void icm_clear(struct icm *icm)
{
	free(icm->blocks);
	*icm = (struct icm){0};
}

bool icm_find(const struct icm *icm, u64 virt, u64 bytes, u64 *dma)
{
	unsigned int at = find_block(icm, virt);
	const struct icm_block *b;

	if (at == icm->nr_blocks)
		return false;
	b = &icm->blocks[at];
	if (virt < b->virt || !range_inside(virt - b->virt, bytes, b->bytes))
		return false;
	*dma = b->dma + (virt - b->virt);
	return true;
}
