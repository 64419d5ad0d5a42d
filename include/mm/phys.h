/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MM_PHYS_H
#define MM_PHYS_H
/*
 * The physical memory map, as the loader described it, and the allocator of
 * the first moments, before there are page structures.
 */
#include <lib/types.h>

/* Where claims overlap, the later kind of this list wins. */
enum phys_kind {
	PHYS_USABLE,
	PHYS_ACPI,     /* tables of the firmware */
	PHYS_IN_USE,   /* the image, early tables, low memory */
	PHYS_RESERVED, /* not RAM, or the firmware's */
};

struct phys_region {
	paddr_t start, end;
	enum phys_kind kind;
};

#define PHYS_REGIONS_MAX 128

/** phys_add - one region of the loader's map; at boot, before phys_init(). */
void phys_add(paddr_t start, paddr_t end, enum phys_kind kind);

/** phys_reserve - keep [@start, @end) out of the allocators (image, modules).
 */
void phys_reserve(paddr_t start, paddr_t end);

/**
 * phys_early_alloc - zeroed memory below 4 GiB that is never freed.
 *
 * Context: before page_init().
 * Return: its address; panics if there is none.
 */
paddr_t phys_early_alloc(u64 bytes, u64 align);

/** phys_for_each - all regions, sorted, not overlapping. */
void phys_for_each(void (*fn)(void *arg, const struct phys_region *r),
		   void *arg);
/** phys_end - end of the highest usable region. */
paddr_t phys_end(void);
/** phys_is_ram - is @paddr in a region that is not reserved? */
bool phys_is_ram(paddr_t paddr);

/** page_init - hand all usable memory to the buddy allocator; end of
 * phys_early_alloc(). */
void page_init(void);
void slab_init(void);

#endif
