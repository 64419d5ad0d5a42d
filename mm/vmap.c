/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel virtual ranges: taken from KERNEL_VMAP_BASE upwards, first fit in an
 * ordered tree of used ranges, each followed by an unmapped guard page.  All
 * kernel roots share the tables below (arch/x86/kernel_map.c), so a new
 * mapping is seen everywhere at once, and an old one is flushed everywhere
 * before its range is used again.
 */
#define pr_fmt(fmt) "vmap: " fmt
#include <mm/vmap.h>

#include <arch/x86/kernel_map.h>
#include <arch/x86/paging.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <lib/rbtree.h>
#include <mm/page.h>
#include <mm/slab.h>

struct vmap_area {
	struct rb_node node; /* [areas_lock] */
	u64 start;
	u64 nr_pages; /* without the guard page */
	bool owns_pages;
};

static DEFINE_SPINLOCK(areas_lock, LOCK_VMAP);
static struct rb_root areas;               /* by start [areas_lock] */
static u64 search_from = KERNEL_VMAP_BASE; /* [areas_lock] */

static bool area_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct vmap_area, node)->start <
	       rb_entry(b, struct vmap_area, node)->start;
}

static u64 area_end(const struct vmap_area *a)
{
	return a->start + ((a->nr_pages + 1) << PAGE_SHIFT);
}

/* First gap of @bytes at or after @from, or 0. Context: areas_lock held. */
static u64 find_gap(u64 from, u64 bytes)
{
	struct rb_node *node = areas.node, *next = NULL;

	/* The first area that ends after @from. */
	while (node) {
		if (area_end(rb_entry(node, struct vmap_area, node)) > from) {
			next = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	for (; next; next = rb_next(next)) {
		struct vmap_area *a = rb_entry(next, struct vmap_area, node);

		if (a->start >= from + bytes)
			break;
		from = area_end(a);
	}
	return from + bytes <= KERNEL_VMAP_BASE + KERNEL_VMAP_SIZE ? from : 0;
}

static struct vmap_area *area_take(u64 nr_pages)
{
	u64 bytes = (nr_pages + 1) << PAGE_SHIFT;
	struct vmap_area *a = kzalloc(sizeof(*a));
	u64 flags;

	if (!a)
		return NULL;
	a->nr_pages = nr_pages;
	flags = spin_lock_irqsave(&areas_lock);
	a->start = find_gap(search_from, bytes);
	if (!a->start)
		a->start = find_gap(KERNEL_VMAP_BASE, bytes);
	if (a->start) {
		rb_insert(&areas, &a->node, area_less);
		search_from = area_end(a);
	}
	spin_unlock_irqrestore(&areas_lock, flags);
	if (!a->start) {
		kfree(a);
		return NULL;
	}
	gauge_add(nr_vmap_pages, nr_pages);
	return a;
}

/* The area stays in the tree until its pages are unmapped and flushed. */
static struct vmap_area *area_find(u64 start)
{
	u64 flags = spin_lock_irqsave(&areas_lock);
	struct rb_node *node = areas.node;
	struct vmap_area *a = NULL;

	while (node) {
		a = rb_entry(node, struct vmap_area, node);
		if (a->start == start)
			break;
		node = start < a->start ? node->left : node->right;
	}
	spin_unlock_irqrestore(&areas_lock, flags);
	CHECK(node); /* else: freed twice, or never ours */
	return a;
}

static void area_release(struct vmap_area *a)
{
	u64 flags = spin_lock_irqsave(&areas_lock);

	rb_erase(&areas, &a->node);
	spin_unlock_irqrestore(&areas_lock, flags);
	gauge_sub(nr_vmap_pages, a->nr_pages);
	kfree(a);
}

/*
 * Undo the first @nr_mapped pages of @a, and @a.  Entries lose their present
 * bit first and their page only after the flush, so no CPU can use a page
 * that has gone to somebody else.
 */
static void area_unmap(struct vmap_area *a, u64 nr_mapped)
{
	for (u64 i = 0; i < nr_mapped; i++) {
		pte_t *pte = kernel_pte(a->start + (i << PAGE_SHIFT));

		pte_write(pte, pte_read(pte) & ~PTE_PRESENT);
	}
	kernel_map_flush(a->start, nr_mapped);
	for (u64 i = 0; i < nr_mapped; i++) {
		pte_t *pte = kernel_pte(a->start + (i << PAGE_SHIFT));
		pte_t old = pte_xchg(pte, 0);

		if (a->owns_pages)
			page_free(kaddr_of(pte_paddr(old)), 0);
	}
	area_release(a);
}

static void *map_device(paddr_t paddr, size_t size, u64 cache_flags)
{
	paddr_t first = ALIGN_DOWN(paddr, PAGE_SIZE);
	u64 nr = (ALIGN_UP(paddr + size, PAGE_SIZE) - first) >> PAGE_SHIFT;
	struct vmap_area *a;

	if (!size || paddr + size < paddr)
		return NULL;
	a = area_take(nr);
	if (!a)
		return NULL;
	for (u64 i = 0; i < nr; i++) {
		if (kernel_map_page(a->start + (i << PAGE_SHIFT),
				    first + (i << PAGE_SHIFT),
				    PTE_WRITE | PTE_NX | cache_flags)) {
			area_unmap(a, i);
			return NULL;
		}
	}
	return (void *)(a->start + (paddr - first));
}

void *ioremap(paddr_t paddr, size_t size)
{
	return map_device(paddr, size, PTE_CACHE_UC);
}

void *ioremap_wc(paddr_t paddr, size_t size)
{
	return map_device(paddr, size, PTE_CACHE_WC);
}

void iounmap(void *kaddr)
{
	struct vmap_area *a = area_find((u64)kaddr & PAGE_MASK);

	ASSERT(!a->owns_pages);
	area_unmap(a, a->nr_pages);
}

void *vmalloc(size_t size)
{
	u64 nr = DIV_ROUND_UP(size, PAGE_SIZE);
	struct vmap_area *a;

	a = nr ? area_take(nr) : NULL;
	if (!a)
		return NULL;
	a->owns_pages = true;
	for (u64 i = 0; i < nr; i++) {
		void *page = page_alloc_zero(0);

		if (page &&
		    !kernel_map_page(a->start + (i << PAGE_SHIFT),
				     paddr_of(page), PTE_WRITE | PTE_NX))
			continue;
		if (page)
			page_free(page, 0);
		area_unmap(a, i);
		return NULL;
	}
	return (void *)a->start;
}

void vfree(void *kaddr)
{
	struct vmap_area *a;

	if (!kaddr)
		return;
	a = area_find((u64)kaddr);
	ASSERT(a->owns_pages);
	area_unmap(a, a->nr_pages);
}
