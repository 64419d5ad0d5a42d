/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MM_DMA_H
#define MM_DMA_H
/*
 * Memory that devices read and write.  x86 is coherent and there is no IOMMU
 * in use: the DMA address is the physical address.
 */
#include <mm/page.h>
#include <mm/slab.h>

/**
 * dma_alloc - contiguous, zeroed, aligned to the power of two >= @size (at
 * most 4 MiB), at least a page.
 *
 * Context: any. Return: kernel address; NULL if there is no memory.
 */
void *dma_alloc(size_t size, dma_addr_t *dma);
/** dma_free - @size as at dma_alloc(). */
void dma_free(void *kaddr, size_t size);

/** dma_addr_of - of any direct-map address (page_alloc, kmalloc). */
static inline dma_addr_t dma_addr_of(const void *kaddr)
{
	return paddr_of(kaddr);
}

#endif
