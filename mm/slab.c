/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects.  A slab is one page, cut into objects of one size; free objects of
 * a page are linked through their first word, the head is in struct page.
 * Above that, each CPU keeps a small stack of free objects per cache, used
 * with interrupts off and no lock.
 *
 * Objects larger than half a page, and kmalloc() above 2048 bytes, are whole
 * blocks of the buddy allocator.
 *
 * With CONFIG_DEBUG_SLAB each object is followed by a tag: the size asked for,
 * a magic number, who allocated it.  The bytes between the asked size and the
 * tag are filled and checked at the release; free objects are filled too, and
 * checked at allocation.
 */
#define pr_fmt(fmt) "slab: " fmt
#include <mm/slab.h>

#include "page_internal.h"

#include <arch/x86/cpu.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <lib/list.h>
#include <lib/string.h>
#include <mm/phys.h>

#define SLAB_FULL   0xffff
#define STACK_MAX   16
#define STACK_BATCH 8
#define CLASS_MIN   16
#define CLASS_MAX   2048 /* larger ones are pages */
#define NR_CLASSES  8

#define DEBUG          IS_ENABLED(CONFIG_DEBUG_SLAB)
#define FREE_POISON    0x6b
#define REDZONE_POISON 0xbb
#define TAG_BUSY       0xa110ca7eu
#define TAG_FREE       0xdeadf2eeu

struct tag {
	u32 magic;
	u32 size; /* that was asked for */
	const void *caller;
};

struct object_stack {
	void *objects[STACK_MAX];
	u32 n;
};

struct slab_cache {
	const char *name;
	u32 size;   /* usable bytes of an object */
	u32 stride; /* from one object to the next */
	u32 per_page;
	u32 order; /* if per_page is 0: objects are blocks of this order */
	struct spinlock lock;
	u32 partial;                  /* first page with free objects [lock] */
	u64 nr_pages;                 /* [lock] */
	u64 nr_allocated;             /* objects taken out of pages [lock] */
	struct list_head link;        /* [caches_lock] */
	struct object_stack stacks[]; /* by CPU [interrupts off] */
};

static DEFINE_SPINLOCK(caches_lock, LOCK_MISC);
static LIST_HEAD(caches); /* [caches_lock] */
static struct slab_cache *classes[NR_CLASSES];

static struct tag *tag_of(const struct slab_cache *c, void *object)
{
	return (struct tag *)((char *)object + c->stride - sizeof(struct tag));
}

static u64 *link_of(void *object)
{
	return object;
}

static void corrupt(const struct slab_cache *c, void *object, const char *what)
{
	struct tag *tag = tag_of(c, object);

	panic("%s: object %p of %u bytes, from %p: %s", c->name, object,
	      tag->size, tag->caller, what);
}

static void debug_on_alloc(struct slab_cache *c, void *object, u32 size,
			   const void *caller)
{
	struct tag *tag = tag_of(c, object);
	u8 *b = object;

	if (tag->magic != TAG_FREE)
		corrupt(c, object, "tag overwritten while free");
	for (u32 i = sizeof(u64); i < c->size; i++)
		if (b[i] != FREE_POISON)
			corrupt(c, object, "written to while free");
	memset(b + size, REDZONE_POISON, c->stride - sizeof(*tag) - size);
	*tag = (struct tag){TAG_BUSY, size, caller};
}

static void debug_on_free(struct slab_cache *c, void *object)
{
	struct tag *tag = tag_of(c, object);
	u8 *b = object;

	if (tag->magic == TAG_FREE)
		corrupt(c, object, "freed twice");
	if (tag->magic != TAG_BUSY)
		corrupt(c, object, "written to behind its end (tag)");
	for (u32 i = tag->size; i < c->stride - sizeof(*tag); i++)
		if (b[i] != REDZONE_POISON)
			corrupt(c, object, "written to behind its end");
	memset(object, FREE_POISON, c->stride - sizeof(*tag));
	tag->magic = TAG_FREE;
}

static void partial_add(struct slab_cache *c, struct page *p)
{
	u32 pfn = (u32)(p - page_map);

	p->prev = PFN_NONE;
	p->next = c->partial;
	if (p->next != PFN_NONE)
		page_map[p->next].prev = pfn;
	c->partial = pfn;
}

static void partial_del(struct slab_cache *c, struct page *p)
{
	if (p->prev != PFN_NONE)
		page_map[p->prev].next = p->next;
	else
		c->partial = p->next;
	if (p->next != PFN_NONE)
		page_map[p->next].prev = p->prev;
}

/* Cut a fresh page into objects, before others know of it: no lock held. */
static struct page *page_carve(struct slab_cache *c)
{
	char *kaddr = page_alloc(0);
	struct page *p;

	if (!kaddr)
		return NULL;
	p = page_of(kaddr);
	p->state = PAGE_SLAB;
	p->cache = c;
	p->nr_used = 0;
	p->free_first = 0;
	if (DEBUG)
		memset(kaddr, FREE_POISON, PAGE_SIZE);
	for (u32 i = 0; i < c->per_page; i++) {
		char *object = kaddr + i * c->stride;

		*link_of(object) = i + 1 < c->per_page ? (i + 1) * c->stride / 8
						       : SLAB_FULL;
		if (DEBUG)
			tag_of(c, object)->magic = TAG_FREE;
	}
	return p;
}

/* Context: c->lock held. */
static void *object_take(struct slab_cache *c)
{
	struct page *p;
	void *object;

	if (c->partial == PFN_NONE)
		return NULL;
	p = &page_map[c->partial];
	CHECK(p->cache == c && p->free_first < PAGE_SIZE / 8);
	object = (char *)page_kaddr(p) + p->free_first * 8;
	p->free_first = (u16)*link_of(object);
	p->nr_used++;
	if (p->free_first == SLAB_FULL)
		partial_del(c, p);
	c->nr_allocated++;
	return object;
}

/* Context: c->lock held. */
static void object_put(struct slab_cache *c, void *object)
{
	struct page *p = page_of(object);
	bool was_full = p->free_first == SLAB_FULL;

	*link_of(object) = p->free_first;
	p->free_first = (u16)(((u64)object & (PAGE_SIZE - 1)) / 8);
	p->nr_used--;
	c->nr_allocated--;
	if (was_full)
		partial_add(c, p);
	/* Keep one empty page, so that one object does not cost a page. */
	if (!p->nr_used && (p->next != PFN_NONE || p->prev != PFN_NONE)) {
		partial_del(c, p);
		p->state = PAGE_BUSY;
		p->cache = NULL;
		c->nr_pages--;
		gauge_sub(nr_slab_pages, 1);
		page_free(page_kaddr(p), 0);
	}
}

/* Objects of partial pages, of @fresh first, for @s, which is empty. */
static void stack_fill(struct slab_cache *c, struct object_stack *s,
		       struct page *fresh)
{
	void *object;

	spin_lock(&c->lock);
	if (fresh) {
		partial_add(c, fresh);
		c->nr_pages++;
		gauge_add(nr_slab_pages, 1);
	}
	while (s->n < STACK_BATCH && (object = object_take(c)))
		s->objects[s->n++] = object;
	spin_unlock(&c->lock);
}

static void *cache_alloc(struct slab_cache *c, u32 size, const void *caller)
{
	struct object_stack *s;
	struct page *fresh;
	void *object;
	u64 flags;

	if (!c->per_page)
		return page_alloc(c->order);
	flags = irq_save();
	s = &c->stacks[cpu_id()];
	if (!s->n)
		stack_fill(c, s, NULL);
	if (!s->n && (fresh = page_carve(c)))
		stack_fill(c, s, fresh);
	object = s->n ? s->objects[--s->n] : NULL;
	irq_restore(flags);
	if (DEBUG && object)
		debug_on_alloc(c, object, size, caller);
	return object;
}

static void cache_free(struct slab_cache *c, void *object)
{
	struct object_stack *s;
	u64 flags;

	if (!c->per_page) {
		page_free(object, c->order);
		return;
	}
	CHECK(page_of(object)->state == PAGE_SLAB &&
	      page_of(object)->cache == c);
	if (DEBUG)
		debug_on_free(c, object);
	flags = irq_save();
	s = &c->stacks[cpu_id()];
	if (s->n == STACK_MAX) {
		spin_lock(&c->lock);
		while (s->n > STACK_MAX - STACK_BATCH)
			object_put(c, s->objects[--s->n]);
		spin_unlock(&c->lock);
	}
	s->objects[s->n++] = object;
	irq_restore(flags);
}

static struct slab_cache *cache_create(const char *name, u32 size, u32 align)
{
	size_t bytes = sizeof(struct slab_cache) +
		       CONFIG_NR_CPUS * sizeof(struct object_stack);
	struct slab_cache *c =
		page_alloc_zero(ilog2_up(DIV_ROUND_UP(bytes, PAGE_SIZE)));
	u64 flags;

	if (!c)
		return NULL;
	c->name = name;
	c->size = ALIGN_UP(max(size, 8u), 8);
	c->stride = ALIGN_UP(c->size + (DEBUG ? (u32)sizeof(struct tag) : 0),
			     max(align, 8u));
	if (c->stride <= PAGE_SIZE / 2)
		c->per_page = PAGE_SIZE / c->stride;
	else
		c->order = ilog2_up(DIV_ROUND_UP(size, PAGE_SIZE));
	c->partial = PFN_NONE;
	spin_lock_init(&c->lock, name, LOCK_SLAB);
	flags = spin_lock_irqsave(&caches_lock);
	list_add_tail(&c->link, &caches);
	spin_unlock_irqrestore(&caches_lock, flags);
	return c;
}

struct slab_cache *slab_create(const char *name, size_t size, size_t align)
{
	ASSERT(size && size <= KMALLOC_MAX);
	ASSERT(!align || (is_power_of_2(align) && align <= PAGE_SIZE));
	if (!align)
		align = min(size & -size, 64ul);
	return cache_create(name, (u32)size, (u32)max(align, 16ul));
}

void slab_destroy(struct slab_cache *c)
{
	size_t bytes =
		sizeof(*c) + CONFIG_NR_CPUS * sizeof(struct object_stack);
	u64 flags;

	CHECK(!slab_in_use(c));
	for (u32 cpu = 0; cpu < CONFIG_NR_CPUS; cpu++) {
		flags = spin_lock_irqsave(&c->lock);
		while (c->stacks[cpu].n)
			object_put(c,
				   c->stacks[cpu].objects[--c->stacks[cpu].n]);
		spin_unlock_irqrestore(&c->lock, flags);
	}
	while (c->partial != PFN_NONE) {
		struct page *p = &page_map[c->partial];

		partial_del(c, p);
		p->state = PAGE_BUSY;
		p->cache = NULL;
		gauge_sub(nr_slab_pages, 1);
		page_free(page_kaddr(p), 0);
	}
	flags = spin_lock_irqsave(&caches_lock);
	list_del(&c->link);
	spin_unlock_irqrestore(&caches_lock, flags);
	page_free(c, ilog2_up(DIV_ROUND_UP(bytes, PAGE_SIZE)));
}

void *slab_alloc(struct slab_cache *c)
{
	return cache_alloc(c, c->size, __builtin_return_address(0));
}

void *slab_alloc_zero(struct slab_cache *c)
{
	void *object = cache_alloc(c, c->size, __builtin_return_address(0));

	if (object)
		memset(object, 0, c->size);
	return object;
}

void slab_free(struct slab_cache *c, void *object)
{
	CHECK(object);
	cache_free(c, object);
}

u64 slab_in_use(const struct slab_cache *c)
{
	u64 n = c->nr_allocated;

	for (u32 cpu = 0; cpu < CONFIG_NR_CPUS; cpu++)
		n -= READ_ONCE(c->stacks[cpu].n);
	return n;
}

static void *kmalloc_from(size_t size, const void *caller)
{
	size = max(size, (size_t)CLASS_MIN);
	if (size <= CLASS_MAX) {
		unsigned int i = ilog2_up(size) - ilog2(CLASS_MIN);

		return cache_alloc(classes[i], (u32)size, caller);
	}
	if (size > KMALLOC_MAX)
		return NULL;
	return page_alloc(ilog2_up(DIV_ROUND_UP(size, PAGE_SIZE)));
}

void *kmalloc(size_t size)
{
	return kmalloc_from(size, __builtin_return_address(0));
}

void *kzalloc(size_t size)
{
	void *p = kmalloc_from(size, __builtin_return_address(0));

	if (p)
		memset(p, 0, size);
	return p;
}

void *kcalloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	p = kmalloc_from(bytes, __builtin_return_address(0));
	if (p)
		memset(p, 0, bytes);
	return p;
}

size_t ksize(const void *p)
{
	const struct page *page = page_of(p);

	if (page->state == PAGE_SLAB)
		return DEBUG ? tag_of(page->cache, (void *)p)->size
			     : page->cache->size;
	return PAGE_SIZE << page->order;
}

void *krealloc(void *p, size_t size)
{
	size_t old = p ? ksize(p) : 0;
	void *bigger;

	if (p && size <= old && size * 4 >= old)
		return p;
	bigger = kmalloc_from(size, __builtin_return_address(0));
	if (!bigger)
		return NULL;
	if (p) {
		memcpy(bigger, p, min(old, size));
		kfree(p);
	}
	return bigger;
}

void kfree(void *p)
{
	struct page *page;

	if (!p)
		return;
	page = page_of(p);
	CHECK(page < page_map + page_map_size);
	if (page->state == PAGE_SLAB)
		cache_free(page->cache, p);
	else
		page_free(p, page->order);
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = kmalloc_from(n, __builtin_return_address(0));

	return copy ? memcpy(copy, s, n) : NULL;
}

void slab_for_each(void (*fn)(void *arg, const char *name, size_t size,
			      u64 in_use, u64 nr_pages),
		   void *arg)
{
	struct slab_cache *c;

	/* Caches only go at the end of tests; a list walk needs no lock. */
	list_for_each_entry (c, &caches, link)
		fn(arg, c->name, c->size, slab_in_use(c), c->nr_pages);
}

void slab_init(void)
{
	static const char *const names[NR_CLASSES] = {
		"kmalloc-16",  "kmalloc-32",  "kmalloc-64",   "kmalloc-128",
		"kmalloc-256", "kmalloc-512", "kmalloc-1024", "kmalloc-2048",
	};

	for (u32 i = 0; i < NR_CLASSES; i++) {
		classes[i] =
			cache_create(names[i], CLASS_MIN << i, CLASS_MIN << i);
		CHECK(classes[i]);
	}
}
