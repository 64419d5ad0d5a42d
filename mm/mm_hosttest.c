/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory map and the allocators over a piece of the host's memory, against
 * simple models.  Built twice, with and without CONFIG_DEBUG_SLAB.
 */
#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <setjmp.h>
#include <stdlib.h>

#include "page_internal.h"

#define RAM_START (16ul << 20)
#define RAM_BYTES (48ul << 20)
#define RAM_END   (RAM_START + RAM_BYTES)

u32 cpu_number, nr_cpus_online = 1;

static jmp_buf panicked;
static bool expect_panic;

_Noreturn void panic(const char *fmt, ...)
{
	if (expect_panic)
		longjmp(panicked, 1);
	abort();
}

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
	panic("%s:%d: %s", file, line, expr);
}

/* Does @statement panic?  Locks it held stay held: use it last on an object. */
#define PANICS(statement)                  \
	({                                 \
		volatile bool did_ = true; \
		expect_panic = true;       \
		if (!setjmp(panicked)) {   \
			statement;         \
			did_ = false;      \
		}                          \
		expect_panic = false;      \
		did_;                      \
	})

/* ---- the memory map, by pages of a flat model ---- */

#define MODEL_PAGES 64
#define MODEL_START 1024ul /* page number, below the RAM of the other tests */

static int model[MODEL_PAGES]; /* kind, or -1 */

static void note_region(void *arg, const struct phys_region *r)
{
	int *seen = arg;

	for (u64 p = r->start >> 12; p < r->end >> 12; p++) {
		if (p < MODEL_START || p >= MODEL_START + MODEL_PAGES)
			continue;
		EXPECT_EQ(seen[p - MODEL_START], -1); /* disjoint */
		seen[p - MODEL_START] = (int)r->kind;
	}
}

KTEST(phys_regions_agree_with_a_flat_model)
{
	struct rand r;

	rand_seed(&r, 77);
	for (int i = 0; i < MODEL_PAGES; i++)
		model[i] = -1;
	for (int round = 0; round < 300; round++) {
		u64 start = rand_below(&r, MODEL_PAGES);
		u64 end = start + rand_below(&r, MODEL_PAGES - start + 1);
		int kind = (int)rand_below(&r, 4), seen[MODEL_PAGES];

		phys_add((MODEL_START + start) << 12, (MODEL_START + end) << 12,
			 (enum phys_kind)kind);
		for (u64 p = start; p < end; p++)
			model[p] = max(model[p], kind);
		for (int i = 0; i < MODEL_PAGES; i++)
			seen[i] = -1;
		phys_for_each(note_region, seen);
		for (int i = 0; i < MODEL_PAGES; i++)
			EXPECT_EQ(seen[i], model[i]);
	}
	phys_add(MODEL_START << 12, (MODEL_START + MODEL_PAGES) << 12,
		 PHYS_RESERVED);
}

/* ---- the allocators ---- */

static void set_up(void)
{
	static bool done;
	char *ram;

	if (done)
		return;
	done = true;
	ram = aligned_alloc(4ul << 20, RAM_BYTES);
	host_direct_base = (u64)ram - RAM_START;
	phys_add(RAM_START, RAM_END, PHYS_USABLE);
	phys_add(RAM_START + (5ul << 20), RAM_START + (5ul << 20) + 12345,
		 PHYS_RESERVED);
	page_init();
	slab_init();
}

KTEST(buddy_blocks_never_overlap_and_merge_again)
{
	static u8 owner[RAM_BYTES / PAGE_SIZE];
	struct {
		char *p;
		unsigned int order;
	} held[64] = {{NULL, 0}};
	struct page_stats before, after;
	struct rand r;

	set_up();
	page_stats(&before);
	rand_seed(&r, 9);
	for (int round = 0; round < 30000; round++) {
		u32 i = (u32)rand_below(&r, 64);
		u64 first, n;

		if (!held[i].p) {
			held[i].order = (u32)rand_below(&r, 8);
			held[i].p = page_alloc(held[i].order);
			if (!held[i].p)
				continue;
			first = (paddr_of(held[i].p) - RAM_START) >> 12;
			n = 1ul << held[i].order;
			EXPECT_EQ(paddr_of(held[i].p) % (n << 12), 0);
			for (u64 p = first; p < first + n; p++) {
				EXPECT_EQ(owner[p], 0);
				owner[p] = 1;
			}
		} else {
			first = (paddr_of(held[i].p) - RAM_START) >> 12;
			memset(owner + first, 0, 1ul << held[i].order);
			page_free(held[i].p, held[i].order);
			held[i].p = NULL;
		}
	}
	for (int i = 0; i < 64; i++)
		if (held[i].p)
			page_free(held[i].p, held[i].order);
	page_stats(&after);
	EXPECT_EQ(after.free_bytes, before.free_bytes);
	EXPECT_TRUE(after.nr_free_blocks[PAGE_ORDER_MAX] + 1 >=
		    before.nr_free_blocks[PAGE_ORDER_MAX]);
}

KTEST(pools_are_contiguous_and_leave_the_allocator)
{
	struct page_stats before, after;
	paddr_t pool;

	set_up();
	page_stats(&before);
	EXPECT_TRUE(phys_pool_max() >= 16ul << 20);
	EXPECT_EQ(phys_reserve_pool((9ul << 20) + 5000, &pool), 0);
	EXPECT_EQ(pool % (2ul << 20), 0);
	memset(kaddr_of(pool), 0x55, (9ul << 20) + 8192);
	page_stats(&after);
	EXPECT_EQ(before.free_bytes - after.free_bytes, (9ul << 20) + 8192);
	EXPECT_EQ(phys_reserve_pool(1ul << 30, &pool), -ENOMEM);
}

KTEST(slab_objects_of_all_sizes_stay_intact)
{
	static struct {
		u8 *p;
		size_t size;
		u8 fill;
	} slots[300];
	struct rand r;

	set_up();
	rand_seed(&r, 4);
	for (int round = 0; round < 40000; round++) {
		u32 i = (u32)rand_below(&r, 300);

		if (slots[i].p) {
			for (size_t j = 0; j < slots[i].size; j++)
				if (slots[i].p[j] != slots[i].fill) {
					EXPECT_EQ(j, ~0ul);
					break;
				}
			kfree(slots[i].p);
			slots[i].p = NULL;
			continue;
		}
		slots[i].size = 1 + rand_below(&r, 5000);
		slots[i].fill = (u8)rand_u64(&r);
		slots[i].p = kmalloc(slots[i].size);
		EXPECT_TRUE(slots[i].p != NULL);
		memset(slots[i].p, slots[i].fill, slots[i].size);
		if (slots[i].size <= PAGE_SIZE)
			EXPECT_EQ((u64)slots[i].p / PAGE_SIZE,
				  ((u64)slots[i].p + slots[i].size - 1) /
					  PAGE_SIZE);
	}
	for (int i = 0; i < 300; i++)
		kfree(slots[i].p);
}

KTEST(double_free_of_pages_is_caught)
{
	void *p;

	set_up();
	p = page_alloc(3);
	page_free(p, 3);
	EXPECT_TRUE(PANICS(page_free(p, 3)));
}

KTEST(slab_catches_misuse_when_debugging)
{
	u8 *p;

	if (!IS_ENABLED(CONFIG_DEBUG_SLAB))
		return;
	set_up();
	p = kmalloc(40);
	kfree(p);
	EXPECT_TRUE(PANICS(kfree(p))); /* twice */
	p = kmalloc(40);
	p[40] = 0;
	EXPECT_TRUE(PANICS(kfree(p))); /* behind its end */
	p = kmalloc(200);
	kfree(p);
	p[100] = 0;
	EXPECT_TRUE(PANICS((void)kmalloc(200))); /* written while free */
}
