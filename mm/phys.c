/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The physical memory map: regions sorted by address, disjoint, neighbours of
 * one kind merged.  Single-threaded: all changes are over before a second CPU
 * runs.
 */
#define pr_fmt(fmt) "mm: " fmt
#include <kernel/log.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/phys.h>

static struct phys_region regions[PHYS_REGIONS_MAX];
static int nr_regions;

static struct phys_region pieces[PHYS_REGIONS_MAX + 2];
static int nr_pieces;

static void piece_add(paddr_t start, paddr_t end, enum phys_kind kind)
{
	if (start >= end)
		return;
	if (nr_pieces == ARRAY_SIZE(pieces)) {
		pr_warn("memory map full, ignoring %lx-%lx", start, end);
		return;
	}
	pieces[nr_pieces++] = (struct phys_region){start, end, kind};
}

/* The regions become the pieces, sorted and merged. */
static void regions_rebuild(void)
{
	for (int i = 1; i < nr_pieces; i++) {
		struct phys_region p = pieces[i];
		int to = i;

		for (; to > 0 && pieces[to - 1].start > p.start; to--)
			pieces[to] = pieces[to - 1];
		pieces[to] = p;
	}
	nr_regions = 0;
	for (int i = 0; i < nr_pieces; i++) {
		struct phys_region *last =
			nr_regions ? &regions[nr_regions - 1] : NULL;

		if (last && last->end == pieces[i].start &&
		    last->kind == pieces[i].kind)
			last->end = pieces[i].end;
		else if (nr_regions < PHYS_REGIONS_MAX)
			regions[nr_regions++] = pieces[i];
	}
}

void phys_add(paddr_t start, paddr_t end, enum phys_kind kind)
{
	paddr_t pos = start;

	if (kind == PHYS_USABLE) { /* only whole pages are of use */
		pos = start = ALIGN_UP(start, PAGE_SIZE);
		end = ALIGN_DOWN(end, PAGE_SIZE);
	}
	if (start >= end)
		return;
	nr_pieces = 0;
	for (int i = 0; i < nr_regions; i++) {
		const struct phys_region *r = &regions[i];

		if (r->end <= start || r->start >= end) {
			piece_add(r->start, r->end, r->kind);
		} else if (r->kind > kind) {
			piece_add(pos, r->start, kind);
			piece_add(r->start, r->end, r->kind);
			pos = max(pos, r->end);
		} else {
			piece_add(r->start, min(r->end, start), r->kind);
			piece_add(max(r->start, end), r->end, r->kind);
		}
	}
	piece_add(pos, end, kind);
	regions_rebuild();
}

void phys_reserve(paddr_t start, paddr_t end)
{
	phys_add(ALIGN_DOWN(start, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE),
		 PHYS_IN_USE);
}

paddr_t phys_early_alloc(u64 bytes, u64 align)
{
	const paddr_t limit = 4ul << 30; /* what the boot tables map */

	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	align = max(align, PAGE_SIZE);
	/* Downwards from the top, so that low memory stays in one piece. */
	for (int i = nr_regions - 1; i >= 0; i--) {
		const struct phys_region *r = &regions[i];
		paddr_t end = min(r->end, limit), start;

		if (r->kind != PHYS_USABLE || end < bytes)
			continue;
		start = ALIGN_DOWN(end - bytes, align);
		if (start < r->start || start >= end)
			continue;
		phys_reserve(start, start + bytes);
		memset(kaddr_of(start), 0, bytes);
		return start;
	}
	panic("no memory for %lu bytes of early tables", bytes);
}

void phys_for_each(void (*fn)(void *arg, const struct phys_region *r),
		   void *arg)
{
	for (int i = 0; i < nr_regions; i++)
		fn(arg, &regions[i]);
}

paddr_t phys_end(void)
{
	paddr_t end = 0;

	for (int i = 0; i < nr_regions; i++)
		if (regions[i].kind != PHYS_RESERVED)
			end = regions[i].end;
	return end;
}

bool phys_is_ram(paddr_t paddr)
{
	for (int i = 0; i < nr_regions; i++)
		if (paddr >= regions[i].start && paddr < regions[i].end)
			return regions[i].kind != PHYS_RESERVED;
	return false;
}
