/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_ICM_H
#define FABRIC_ICM_H

/*
 * ICM: the card's virtual address space for its tables, made of the host
 * pages that MAP_ICM gave it.
 */
#include "types.h"

struct icm_block {
	u64 virt, dma, bytes;
};

struct icm {
	struct icm_block *blocks; /* sorted by virt, disjoint */
	unsigned int nr_blocks, capacity;
};

/**
 * icm_map - map @bytes at @virt to the host's memory at @dma; what was mapped
 * there before is replaced.
 *
 * Return: 0, -EINVAL (wraps) or -ENOMEM.
 */
int icm_map(struct icm *icm, u64 virt, u64 dma, u64 bytes);

/* Unmap the range; parts of it may be unmapped already. */
int icm_unmap(struct icm *icm, u64 virt, u64 bytes);

void icm_clear(struct icm *icm);

/**
 * icm_find - translate @virt.
 *
 * Return: true and *@dma if all of @bytes lie in one block.
 */
bool icm_find(const struct icm *icm, u64 virt, u64 bytes, u64 *dma);

#endif /* FABRIC_ICM_H */
