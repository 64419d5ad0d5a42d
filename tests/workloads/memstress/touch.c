/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps that read and write memory: by the program, by the kernel. */
#define _GNU_SOURCE
#include "model.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Is an access with right @prot to the page as it should be? Return: whether
 * it is possible. */
static bool is_accessible(struct page *page, uint64_t *words, int prot)
{
	int want = signal_of(page, prot), got;

	if (!want)
		return true;
	got = signal_at(words, prot & PROT_WRITE);
	if (got != want)
		fail("access %d to %p gives signal %d, should %d", prot,
		     (void *)words, got, want);
	return false;
}

void op_read(void)
{
	uint64_t *words;
	struct page *page = random_page(&words);
	unsigned n = 1 + below(3);

	if (is_accessible(page, words, PROT_READ))
		while (n--)
			check_slot(page, words, below(NR_SLOTS));
}

void op_write(void)
{
	uint64_t *words;
	struct page *page = random_page(&words);
	unsigned slot = below(NR_SLOTS);
	uint64_t value = draw();

	if (!slot_is_ours(page, slot) ||
	    !is_accessible(page, words, PROT_READ | PROT_WRITE))
		return;
	if (value & 1)
		check_slot(page, words, slot);
	words[slot_word(slot)] = value;
	note_write(page, slot, value);
}

void op_check(void)
{
	uint64_t *words;
	struct page *page = random_page(&words);

	if (!signal_of(page, PROT_READ))
		check_page(page, words);
}

/* One slot of many pages, one after the other. */
void op_sweep(void)
{
	unsigned nr = arena->nr_pages, first = below(nr),
		 slot = below(NR_SLOTS);
	unsigned stride = below(2) ? 1 : 1 + below(5);
	bool is_backward = !below(3);

	for (unsigned i = 0; i < nr; i += stride) {
		unsigned n = (is_backward ? first + nr - i : first + i) % nr;
		struct page *page = &arena->pages[n];
		uint64_t *words = (uint64_t *)page_at(n);
		uint64_t value = draw();

		if (signal_of(page, PROT_READ))
			continue;
		check_slot(page, words, slot);
		if (value & 1 || !(page->prot & PROT_WRITE) ||
		    !slot_is_ours(page, slot))
			continue;
		words[slot_word(slot)] = value;
		note_write(page, slot, value);
	}
}

/* A word goes from page to page through a pipe: the kernel touches them. */
void op_pipe(void)
{
	uint64_t *from_words, *to_words, value, back;
	struct page *from = random_page(&from_words);
	struct page *to = random_page(&to_words);
	unsigned slot = below(NR_SLOTS);
	const uint64_t *source = &from_words[slot_word(slot)];
	bool is_to_page = slot_is_ours(to, slot) &&
			  !signal_of(to, PROT_READ | PROT_WRITE);
	uint64_t *target = is_to_page ? &to_words[slot_word(slot)] : &back;
	long want = signal_of(from, PROT_READ) ? -1 : 8, got;

	if (!(slots_known(from) >> slot & 1))
		return;
	value = want < 0 ? 0 : slot_value(from, slot);
	got = write(self->pipe[1], source, 8);
	if (got != want || (got < 0 && errno != EFAULT))
		fail("write(%p) gives %ld, should %ld", (const void *)source,
		     got, want);
	if (got < 0)
		return;
	if (read(self->pipe[0], target, 8) != 8)
		fail("read(%p): %s", (void *)target, strerror(errno));
	check_word(target, *target, value);
	if (is_to_page)
		note_write(to, slot, value);
}

/* ---- the file of the arena ---------------------------------------------- */

/* The slot of page @index of the file is what it should be, by pread(). */
static void check_file_slot(unsigned index, unsigned slot)
{
	const struct content *content = &arena->tmp[index];
	uint64_t got = 0,
		 want = content->written >> slot & 1 ? content->slots[slot] : 0;

	if (pread(arena->tmp_fd, &got, 8, index * PAGE + slot_word(slot) * 8) !=
	    8)
		fail("pread: %s", strerror(errno));
	if (file_slots_known(index) >> slot & 1 && got != want)
		fail("page %u slot %u of the file holds %lx, should be %lx",
		     index, slot, (unsigned long)got, (unsigned long)want);
}

/* A slot of a page that is mapped goes to the file. */
static void page_to_file(struct page *page, uint64_t *words, unsigned index,
			 unsigned slot)
{
	const uint64_t *source = &words[slot_word(slot)];
	off_t at = index * PAGE + slot_word(slot) * 8;
	long want = signal_of(page, PROT_READ) ? -1 : 8, got;
	uint64_t value;

	if (!(slots_known(page) >> slot & 1) ||
	    (arena == &self->own &&
	     (self->child_index >= 0 || slot >= NR_SLOTS_OWN)))
		return;
	value = want < 0 ? 0 : slot_value(page, slot);
	got = pwrite(arena->tmp_fd, source, 8, at);
	if (got != want || (got < 0 && errno != EFAULT))
		fail("pwrite(%p) gives %ld, should %ld", (const void *)source,
		     got, want);
	if (got == 8)
		content_write(&arena->tmp[index], slot, value);
}

/* A whole page of the file goes to a page that is mapped. */
static void file_to_page(struct page *page, uint64_t *words, unsigned index)
{
	if (page->kind == FILEMAP || page->kind == SHARED ||
	    page->kind == TMP_SHARED || signal_of(page, PROT_READ | PROT_WRITE))
		return;
	if (pread(arena->tmp_fd, words, PAGE, index * PAGE) != PAGE)
		fail("pread(%p): %s", (void *)words, strerror(errno));
	note_copy(page, index);
}

void op_file(void)
{
	uint64_t *words;
	struct page *page = random_page(&words);
	unsigned slot = below(NR_SLOTS), what = below(4), index;

	if (!arena->nr_tmp_pages)
		return;
	index = below(arena->nr_tmp_pages);
	if (what == 0)
		file_to_page(page, words, index);
	else if (what == 1)
		page_to_file(page, words, index, slot);
	else
		check_file_slot(index, slot);
}

/* ---- pages that all threads write to ------------------------------------ */

static struct {
	pthread_mutex_t lock;
	uint64_t value;
} exchange[NR_EXCHANGE];
static volatile uint64_t *exchange_pages;

void exchange_start(void)
{
	exchange_pages = mmap(NULL, NR_EXCHANGE * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (exchange_pages == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	for (unsigned i = 0; i < NR_EXCHANGE; i++)
		pthread_mutex_init(&exchange[i].lock, NULL);
}

/* Take one, see that nobody's write was lost, write. */
void op_exchange(void)
{
	unsigned n = below(NR_EXCHANGE);
	volatile uint64_t *at = &exchange_pages[n * WORDS + n];
	uint64_t value = draw();

	if (self->child_index >= 0)
		return;
	pthread_mutex_lock(&exchange[n].lock);
	check_word((const uint64_t *)at, *at, exchange[n].value);
	*at = value;
	exchange[n].value = value;
	pthread_mutex_unlock(&exchange[n].lock);
}

void exchange_look(uint64_t seen[NR_EXCHANGE])
{
	for (unsigned i = 0; i < NR_EXCHANGE; i++)
		seen[i] = exchange_pages[i * WORDS + i];
}
