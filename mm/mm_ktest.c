/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The allocators of the running kernel. */
#include <kernel/counters.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <mm/dma.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmap.h>

#define NR_SLOTS 200

struct slot {
	u8 *p;
	size_t size;
	u8 fill;
};

static void slot_free(struct slot *s)
{
	for (size_t i = 0; i < s->size; i++)
		if (s->p[i] != s->fill) {
			EXPECT_EQ(s->p[i], s->fill);
			break;
		}
	kfree(s->p);
	s->p = NULL;
}

KTEST(kmalloc_objects_are_aligned_disjoint_and_within_a_page)
{
	static struct slot slots[NR_SLOTS];
	struct rand r;

	rand_seed(&r, 21);
	for (int round = 0; round < 20000; round++) {
		struct slot *s = &slots[rand_below(&r, NR_SLOTS)];
		size_t class;

		if (s->p) {
			slot_free(s);
			continue;
		}
		s->size = 1 + rand_below(&r, round % 50 ? 4096 : 40000);
		s->fill = (u8)round;
		s->p = kmalloc(s->size);
		EXPECT_TRUE(s->p != NULL);
		if (!s->p)
			continue;
		class = min(roundup_pow2(max(s->size, 16ul)), PAGE_SIZE);
		EXPECT_EQ((u64)s->p % class, 0);
		EXPECT_TRUE(ksize(s->p) >= s->size);
		memset(s->p, s->fill, s->size);
	}
	for (int i = 0; i < NR_SLOTS; i++)
		if (slots[i].p)
			slot_free(&slots[i]);
	EXPECT_TRUE(kmalloc(KMALLOC_MAX + 1) == NULL);
	EXPECT_TRUE(kcalloc(~0ul / 2, 4) == NULL);
}

KTEST(slab_caches_count_their_objects_and_give_pages_back)
{
	s64 before;
	struct slab_cache *c;
	void *objects[300];

	c = slab_create("test", 72, 8);
	EXPECT_TRUE(c != NULL);
	before = gauge_read(nr_slab_pages);
	for (int i = 0; i < 300; i++) {
		objects[i] = slab_alloc_zero(c);
		EXPECT_TRUE(mem_is_zero(objects[i], 72));
		EXPECT_EQ((u64)objects[i] / PAGE_SIZE,
			  ((u64)objects[i] + 71) / PAGE_SIZE);
	}
	EXPECT_EQ(slab_in_use(c), 300);
	for (int i = 0; i < 300; i++)
		slab_free(c, objects[(i * 7) % 300]);
	EXPECT_EQ(slab_in_use(c), 0);
	slab_destroy(c);
	EXPECT_EQ(gauge_read(nr_slab_pages), before);
}

KTEST(page_blocks_are_aligned_and_all_come_back)
{
	struct page_stats before, after;
	void *blocks[PAGE_ORDER_MAX + 1];

	page_stats(&before);
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++) {
		blocks[order] = page_alloc_zero(order);
		EXPECT_TRUE(blocks[order] != NULL);
		EXPECT_EQ(paddr_of(blocks[order]) % (PAGE_SIZE << order), 0);
	}
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++)
		page_free(blocks[order], order);
	page_stats(&after);
	EXPECT_EQ(before.free_bytes, after.free_bytes);
}

KTEST(vmalloc_memory_is_zeroed_and_ranges_are_reused)
{
	u8 *a = vmalloc(100000), *b = vmalloc(5000);

	EXPECT_TRUE(a && b);
	EXPECT_TRUE(mem_is_zero(a, 100000));
	memset(a, 1, 100000);
	memset(b, 2, 5000);
	EXPECT_EQ(a[99999], 1);
	vfree(a);
	EXPECT_EQ(b[4999], 2);
	vfree(b);
	for (int i = 0; i < 100; i++) {
		a = vmalloc(20000);
		EXPECT_TRUE(mem_is_zero(a, 20000));
		a[i] = 3;
		vfree(a);
	}
}

KTEST(dma_memory_is_contiguous_and_aligned)
{
	dma_addr_t dma;
	u8 *p = dma_alloc(12000, &dma);

	EXPECT_TRUE(p != NULL);
	EXPECT_EQ(dma, paddr_of(p));
	EXPECT_EQ(dma % 16384, 0);
	EXPECT_TRUE(mem_is_zero(p, 12000));
	dma_free(p, 12000);
}
