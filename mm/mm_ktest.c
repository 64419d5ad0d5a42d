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

/* Is it all as it was filled? */
static bool slot_is_intact(const struct slot *s)
{
	size_t i = 0;

	for (; i + sizeof(u64) <= s->size; i += sizeof(u64)) {
		u64 word;

		memcpy(&word, s->p + i, sizeof(word));
		if (word != s->fill * 0x0101010101010101ul)
			return false;
	}
	for (; i < s->size; i++)
		if (s->p[i] != s->fill)
			return false;
	return true;
}

static void slot_free(struct slot *s)
{
	EXPECT_TRUE(slot_is_intact(s));
	kfree(s->p);
	s->p = NULL;
}

static void slot_fill(struct slot *s, size_t size, u8 fill)
{
	size_t class = min(roundup_pow2(max(size, 16ul)), PAGE_SIZE);

	s->size = size;
	s->fill = fill;
	s->p = kmalloc(size);
	EXPECT_TRUE(s->p != NULL);
	if (!s->p)
		return;
	EXPECT_EQ((u64)s->p % class, 0);
	EXPECT_TRUE(ksize(s->p) >= size);
	if (size <= PAGE_SIZE)
		EXPECT_EQ((u64)s->p / PAGE_SIZE,
			  ((u64)s->p + size - 1) / PAGE_SIZE);
	memset(s->p, fill, size);
}

/* All sizes up to a page, R10_ROUNDS times, in an order by chance; what is
 * beside an object is other objects, which are looked at when they go. */
#define R10_ROUNDS 10

KTEST(r10_objects_are_aligned_disjoint_and_within_a_page)
{
	static struct slot slots[NR_SLOTS];
	static u16 sizes[PAGE_SIZE];
	struct rand r;

	rand_seed(&r, 21);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		sizes[i] = (u16)(i + 1);
	for (u32 i = 0; i < R10_ROUNDS * PAGE_SIZE; i++) {
		struct slot *s = &slots[rand_below(&r, NR_SLOTS)];
		u32 at = i % PAGE_SIZE;
		u32 other = at + (u32)rand_below(&r, PAGE_SIZE - at);
		u16 size = sizes[other];

		sizes[other] = sizes[at];
		sizes[at] = size;
		if (s->p)
			slot_free(s);
		slot_fill(s, i % 50 ? size : size * 10, (u8)i);
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
