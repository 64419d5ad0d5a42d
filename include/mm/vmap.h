/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MM_VMAP_H
#define MM_VMAP_H
/* Kernel virtual space beside the direct map: I/O, large tables, stacks. */
#include <lib/types.h>

/**
 * ioremap - map device registers, uncached; ioremap_wc: write-combining.
 *
 * @paddr and @size need not be page aligned.  Context: thread.
 * Return: NULL if there is no space.
 */
void *ioremap(paddr_t paddr, size_t size);
void *ioremap_wc(paddr_t paddr, size_t size);
void iounmap(void *kaddr);

/**
 * vmalloc - @size bytes of pages that need not be contiguous, zeroed.
 *
 * paddr_of() does not work on it.  A guard page follows.  Context: thread.
 */
void *vmalloc(size_t size);
/** vfree - Context: thread, interrupts on (flushes TLBs); NULL is allowed. */
void vfree(void *kaddr);

#endif
