/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MM_SLAB_H
#define MM_SLAB_H
/*
 * Objects smaller than blocks of pages.  Per-CPU caches in front of slabs.
 * An object is aligned to its class (a power of two up to a page, or what was
 * asked for); one of a page or less never crosses a page boundary.
 *
 * With CONFIG_DEBUG_SLAB, free memory is poisoned and objects have red zones;
 * both are checked.
 */
#include <lib/types.h>

#define KMALLOC_MAX (4ul << 20)

/**
 * kmalloc - @size bytes, contents undefined; kzalloc: zeros.
 *
 * Aligned to the largest power of two that divides the rounded-up size, at
 * least 16.  All of it is physically contiguous and fit for DMA: paddr_of()
 * works on every object.
 * Context: any; never sleeps.
 * Return: NULL if there is no memory or @size > KMALLOC_MAX.
 */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
/** kcalloc - @n zeroed elements; NULL also if the product overflows. */
void *kcalloc(size_t n, size_t size);
/** krealloc - as C's realloc. */
void *krealloc(void *p, size_t size);
/** kfree - give it back; NULL is allowed. Context: any. */
void kfree(void *p);
/** kstrdup - a copy of @s from kmalloc(). */
char *kstrdup(const char *s);
/** ksize - usable bytes of an object. */
size_t ksize(const void *p);

struct slab_cache;

/**
 * slab_create - a cache of objects of one size.
 *
 * @name: kept, not copied.
 * @align: power of two up to 4096; 0: 16, or what @size divides by.
 * Return: NULL if there is no memory.
 */
struct slab_cache *slab_create(const char *name, size_t size, size_t align);
/** slab_destroy - all objects are free. */
void slab_destroy(struct slab_cache *cache);
/** slab_alloc, slab_alloc_zero, slab_free - Context: any; never sleep. */
void *slab_alloc(struct slab_cache *cache);
void *slab_alloc_zero(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);
/** slab_in_use - objects allocated now; for leak checks. */
u64 slab_in_use(const struct slab_cache *cache);

/** slab_for_each - for the monitor. */
void slab_for_each(void (*fn)(void *arg, const char *name, size_t size,
			      u64 in_use, u64 nr_pages),
		   void *arg);

#endif
