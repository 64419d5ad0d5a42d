/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mremap(): shrinking, growing in place, growing elsewhere, moving. */
#define _GNU_SOURCE
#include "model.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Pages from @first on that are one mapping. */
static unsigned run_length(unsigned first, unsigned max)
{
	unsigned n = 1;

	while (n < max && first + n < arena->nr_pages &&
	       arena->pages[first + n].run == arena->pages[first].run)
		n++;
	return n;
}

static void move_pages(unsigned from, unsigned to, unsigned nr)
{
	struct page moved[LEN_MAX];

	memcpy(moved, &arena->pages[from], nr * sizeof(struct page));
	memset(&arena->pages[from], 0, nr * sizeof(struct page));
	arena->last_run++;
	for (unsigned i = 0; i < nr; i++)
		moved[i].run = arena->last_run;
	memcpy(&arena->pages[to], moved, nr * sizeof(struct page));
}

static void shrink(unsigned first, unsigned nr)
{
	unsigned left = 1 + below(nr);

	tell(first, nr, "shrink to", left);
	if (mremap(page_at(first), nr * PAGE, left * PAGE, 0) != page_at(first))
		fail("shrinking: %s", strerror(errno));
	memset(&arena->pages[first + left], 0,
	       (nr - left) * sizeof(struct page));
}

/* Make the model's pages after @old, now @nr, like a mapping that grew. */
static void grow_pages(unsigned first, unsigned old, unsigned nr)
{
	for (unsigned i = old; i < nr; i++) {
		struct page *page = &arena->pages[first + i];

		*page = (struct page){.kind = arena->pages[first].kind,
				      .prot = arena->pages[first].prot,
				      .run = arena->pages[first].run,
				      .index = arena->pages[first].index + i};
	}
}

/* The mapping that ends before page @end is none with what is behind it, even
 * if they once were. */
static void run_cut(unsigned end)
{
	uint32_t run = arena->pages[end - 1].run;

	arena->last_run++;
	for (unsigned i = end; i-- && arena->pages[i].run == run;)
		arena->pages[i].run = arena->last_run;
}

static bool may_grow(unsigned first, unsigned nr)
{
	struct page *page = &arena->pages[first];

	switch (page->kind) {
	case ANON:
		return true;
	case FILEMAP:
		return page->index + nr <= nr_file_pages;
	case TMP_SHARED:
	case TMP_PRIVATE:
		return page->index + nr <= NR_TMP_PAGES;
	default:
		return false;
	}
}

static void grow_in_place(unsigned first, unsigned old)
{
	unsigned nr = old + 1 + below(8), end = first + nr;
	bool is_free = end <= arena->nr_pages;
	void *at;

	if (!is_free || !may_grow(first, nr))
		return;
	for (unsigned i = first + old; i < end; i++)
		is_free = is_free && arena->pages[i].kind == NONE;
	tell(first, old, "grow in place to", nr);
	at = mremap(page_at(first), old * PAGE, nr * PAGE, 0);
	if (is_free ? at != page_at(first)
		    : at != MAP_FAILED || errno != ENOMEM)
		fail("growing in place gives %p (%s), room: %d", at,
		     strerror(errno), is_free);
	if (is_free) {
		grow_pages(first, old, nr);
		run_cut(end);
	}
}

static void move(unsigned first, unsigned nr, unsigned to)
{
	tell(first, nr, "move to", to);
	if (mremap(page_at(first), nr * PAGE, nr * PAGE,
		   MREMAP_MAYMOVE | MREMAP_FIXED, page_at(to)) != page_at(to))
		fail("moving: %s", strerror(errno));
	move_pages(first, to, nr);
}

/* Grow, where the kernel likes; look; come back to where there is room. */
static void grow_and_return(unsigned first, unsigned old, unsigned to)
{
	unsigned nr = old + 1 + below(LEN_MAX - old + 1);
	char *at;

	if (nr > LEN_MAX || to + nr > arena->nr_pages || !may_grow(first, nr) ||
	    (to < first + nr && first < to + nr))
		return;
	tell(first, old, "grow and move to", to);
	at = mremap(page_at(first), old * PAGE, nr * PAGE, MREMAP_MAYMOVE);
	if (at == MAP_FAILED)
		fail("growing: %s", strerror(errno));
	for (unsigned i = 0; i < old; i++)
		if (!signal_of(&arena->pages[first + i], PROT_READ))
			check_slot(&arena->pages[first + i],
				   (uint64_t *)(at + i * PAGE),
				   below(NR_SLOTS));
	if (mremap(at, nr * PAGE, nr * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   page_at(to)) != page_at(to))
		fail("moving back: %s", strerror(errno));
	memset(&arena->pages[to], 0, nr * sizeof(struct page));
	move_pages(first, to, old);
	grow_pages(to, old, nr);
}

void op_mremap(void)
{
	unsigned first = below(arena->nr_pages), to = below(arena->nr_pages),
		 nr;

	if (arena->pages[first].kind == NONE)
		return;
	nr = run_length(first, 1 + below(LEN_MAX));
	switch (below(4)) {
	case 0:
		shrink(first, nr);
		break;
	case 1:
		grow_in_place(first, nr);
		break;
	case 2:
		grow_and_return(first, nr, to);
		break;
	default:
		if (to + nr <= arena->nr_pages &&
		    (to + nr <= first || to >= first + nr))
			move(first, nr, to);
	}
}
