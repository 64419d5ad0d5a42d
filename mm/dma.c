/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <mm/dma.h>

#include <kernel/assert.h>

static unsigned int order_for(size_t size)
{
	return ilog2_up(DIV_ROUND_UP(size, PAGE_SIZE));
}

void *dma_alloc(size_t size, dma_addr_t *dma)
{
	void *kaddr;

	if (!size || order_for(size) > PAGE_ORDER_MAX)
		return NULL;
	kaddr = page_alloc_zero(order_for(size));
	if (kaddr)
		*dma = paddr_of(kaddr);
	return kaddr;
}

void dma_free(void *kaddr, size_t size)
{
	page_free(kaddr, order_for(size));
}
