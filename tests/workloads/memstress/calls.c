/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps that change what is mapped, and how. */
#define _GNU_SOURCE
#include "model.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void tell(unsigned first, unsigned nr, const char *more, unsigned n)
{
	if (is_verbose)
		say("pages %u-%u %s %u", first, first + nr - 1, more, n);
}

static void random_range(unsigned *first, unsigned *nr)
{
	*first = below(arena->nr_pages);
	*nr = 1 + below(LEN_MAX);
	if (*first + *nr > arena->nr_pages)
		*nr = arena->nr_pages - *first;
}

static int random_prot(void)
{
	static const int prots[] = {PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE,
				    PROT_READ,
				    PROT_READ | PROT_EXEC,
				    PROT_NONE,
				    PROT_READ | PROT_WRITE | PROT_EXEC};

	return prots[below(sizeof(prots) / sizeof(prots[0]))];
}

static enum kind random_kind(void)
{
	static const enum kind kinds[] = {
		ANON,   ANON,    ANON,       ANON, SHARED, TMP_SHARED,
		SHARED, FILEMAP, TMP_SHARED, ANON, ANON,   TMP_PRIVATE};

	return kinds[below(sizeof(kinds) / sizeof(kinds[0]))];
}

void op_mmap(void)
{
	static const int flags[NR_KINDS] = {
		[ANON] = MAP_PRIVATE | MAP_ANONYMOUS,
		[SHARED] = MAP_SHARED | MAP_ANONYMOUS,
		[FILEMAP] = MAP_PRIVATE,
		[TMP_SHARED] = MAP_SHARED,
		[TMP_PRIVATE] = MAP_PRIVATE,
	};
	unsigned first, nr, index = 0, nr_of_file;
	enum kind kind = random_kind();
	bool is_tmp = kind == TMP_SHARED || kind == TMP_PRIVATE;
	int prot = random_prot();
	int fd = is_tmp ? arena->tmp_fd : kind == FILEMAP ? file_fd : -1;
	void *at;

	random_range(&first, &nr);
	if (fd >= 0) {
		nr_of_file = is_tmp ? NR_TMP_PAGES : nr_file_pages;
		if (nr > nr_of_file)
			nr = nr_of_file;
		index = below(nr_of_file - nr + 1);
	}
	tell(first, nr, "kind", kind);
	at = mmap(page_at(first), nr * PAGE, prot, flags[kind] | MAP_FIXED, fd,
		  index * PAGE);
	if (at != page_at(first))
		fail("mmap gives %p: %s", at, strerror(errno));
	arena->last_run++;
	for (unsigned i = 0; i < nr; i++)
		arena->pages[first + i] = (struct page){
			.kind = kind,
			.prot = prot,
			.run = arena->last_run,
			.index = index + i,
			.id = kind == SHARED ? ++arena->last_id : 0,
		};
}

void op_munmap(void)
{
	unsigned first, nr;

	random_range(&first, &nr);
	tell(first, nr, "of", arena->nr_pages);
	if (munmap(page_at(first), nr * PAGE))
		fail("%s", strerror(errno));
	memset(&arena->pages[first], 0, nr * sizeof(struct page));
}

static void check_result(int rc, bool has_hole)
{
	if (rc ? !has_hole || errno != ENOMEM : has_hole)
		fail("gives %d (%s), holes: %d", rc, strerror(errno), has_hole);
}

static bool has_hole(unsigned first, unsigned nr)
{
	for (unsigned i = first; i < first + nr; i++)
		if (arena->pages[i].kind == NONE)
			return true;
	return false;
}

/* Rights change up to the first hole. */
void op_mprotect(void)
{
	unsigned first, nr, run = 0;
	int prot = random_prot(), rc;

	random_range(&first, &nr);
	tell(first, nr, "rights", prot);
	rc = mprotect(page_at(first), nr * PAGE, prot);
	check_result(rc, has_hole(first, nr));
	for (unsigned i = first; i < first + nr; i++) {
		struct page *page = &arena->pages[i];

		if (page->kind == NONE)
			break;
		if (page->run != run)
			arena->last_run++;
		run = page->run;
		page->run = arena->last_run;
		page->prot = prot;
	}
}

static void forget(struct page *page)
{
	if (page->kind == SHARED || page->kind == TMP_SHARED)
		return;
	page->own.written = 0;
	page->own.unknown = 0;
	page->is_copied = false;
}

/* Holes are jumped over. */
void op_madvise(void)
{
	unsigned first, nr;
	bool is_will = !below(4);
	int rc;

	random_range(&first, &nr);
	tell(first, nr, "willneed", is_will);
	rc = madvise(page_at(first), nr * PAGE,
		     is_will ? MADV_WILLNEED : MADV_DONTNEED);
	check_result(rc, has_hole(first, nr));
	for (unsigned i = first; i < first + nr && !is_will; i++)
		forget(&arena->pages[i]);
}

void op_msync(void)
{
	unsigned first, nr;
	int flags = below(4) ? MS_SYNC : MS_ASYNC;

	random_range(&first, &nr);
	tell(first, nr, "flags", flags);
	check_result(msync(page_at(first), nr * PAGE, flags),
		     has_hole(first, nr));
}

/* A page that the file loses is lost to private copies of it as well. */
static void file_shrank(void)
{
	for (unsigned i = 0; i < arena->nr_pages; i++)
		if (arena->pages[i].kind == TMP_PRIVATE &&
		    arena->pages[i].index >= arena->nr_tmp_pages)
			forget(&arena->pages[i]);
	for (unsigned i = arena->nr_tmp_pages; i < NR_TMP_PAGES; i++)
		arena->tmp[i] = (struct content){0};
}

void op_truncate(void)
{
	unsigned nr = below(2) ? NR_TMP_PAGES : below(NR_TMP_PAGES + 1);

	if (self->child_index >= 0 || (arena == &self->own && has_children()))
		return;
	tell(0, arena->nr_tmp_pages, "of the file, now", nr);
	if (ftruncate(arena->tmp_fd, nr * PAGE))
		fail("%s", strerror(errno));
	arena->nr_tmp_pages = nr;
	file_shrank();
}

void op_brk(void)
{
	unsigned nr = below(NR_BRK_PAGES + 1);

	if (!arena->brk_base)
		return;
	tell(0, arena->nr_brk, "break at", nr);
	if (brk(arena->brk_base + nr * PAGE))
		fail("brk: %s", strerror(errno));
	for (unsigned i = arena->nr_brk; i < nr; i++)
		arena->brk_pages[i] = (struct page){
			.kind = ANON, .prot = PROT_READ | PROT_WRITE};
	arena->nr_brk = nr;
}
