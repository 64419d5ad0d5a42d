/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__thread struct worker *self;
__thread struct arena *arena;

static __thread sigjmp_buf fault_jump;
static __thread volatile sig_atomic_t is_fault_expected;

/* ---- telling ------------------------------------------------------------ */

void say(const char *format, ...)
{
	char text[400];
	va_list args;
	int n;

	n = snprintf(text, sizeof(text), "memstress: seed %lu",
		     (unsigned long)seed);
	if (self)
		n += snprintf(text + n, sizeof(text) - n,
			      " thread %u%s step %lu%s: %s", self->number,
			      self->child_index < 0 ? "" : " child",
			      (unsigned long)self->step,
			      arena == &self->own ? "" : " (common)", self->op);
	n += snprintf(text + n, sizeof(text) - n, ": ");
	va_start(args, format);
	n += vsnprintf(text + n, sizeof(text) - n - 1, format, args);
	va_end(args);
	if (n > (int)sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n++] = '\n';
	if (write(2, text, n) != n)
		_exit(2);
}

void quit(void)
{
	_exit(1);
}

void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (is_fault_expected) {
		is_fault_expected = 0;
		siglongjmp(fault_jump, signo);
	}
	fail("signal %d, code %d at %p", signo, info->si_code, info->si_addr);
}

int signal_at(volatile uint64_t *at, bool is_write)
{
	int signo = sigsetjmp(fault_jump, 0);

	if (signo)
		return signo;
	is_fault_expected = 1;
	if (is_write)
		*at = 0;
	else
		(void)*at;
	is_fault_expected = 0;
	return 0;
}

/* ---- chance ------------------------------------------------------------- */

uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t draw(void)
{
	return mix(self->rng++);
}

unsigned below(unsigned n)
{
	return draw() % n;
}

struct page *random_page(uint64_t **words)
{
	unsigned n = below(arena->nr_pages + arena->nr_brk);

	if (n >= arena->nr_pages) {
		n -= arena->nr_pages;
		*words = (uint64_t *)(arena->brk_base + n * PAGE);
		return &arena->brk_pages[n];
	}
	*words = (uint64_t *)page_at(n);
	return &arena->pages[n];
}

/* ---- content ------------------------------------------------------------ */

static bool is_of_tmp(const struct page *page)
{
	return page->kind == TMP_SHARED || page->kind == TMP_PRIVATE;
}

int signal_of(const struct page *page, int prot)
{
	if ((page->prot & prot) != prot)
		return SIGSEGV;
	if (is_of_tmp(page) && !page->is_copied &&
	    page->index >= arena->nr_tmp_pages)
		return SIGBUS;
	return 0;
}

/* Does somebody else see what we write there? */
static bool is_shared(const struct page *page)
{
	return page->kind == SHARED || (is_of_tmp(page) && !page->is_copied);
}

/* Of what parents and children share. */
static uint32_t shared_slots_known(const struct content *content)
{
	uint32_t known = ALL_SLOTS & ~content->unknown;

	if (self->child_index >= 0)
		return 1u << (NR_SLOTS_OWN + self->child_index);
	if (arena != &self->own) /* the children leave it alone */
		return known;
	for (unsigned i = 0; i < CHILDREN_MAX; i++)
		if (self->children[i].pid)
			known &= ~(1u << (NR_SLOTS_OWN + i));
	return known;
}

static const struct content *content_of(const struct page *page)
{
	return is_of_tmp(page) && !page->is_copied ? &arena->tmp[page->index]
						   : &page->own;
}

uint32_t slots_known(const struct page *page)
{
	return is_shared(page) ? shared_slots_known(content_of(page))
			       : ALL_SLOTS & ~page->own.unknown;
}

uint32_t file_slots_known(unsigned index)
{
	return shared_slots_known(&arena->tmp[index]);
}

/* What a page held before the test wrote to it. */
static void birth(const struct page *page, uint64_t words[WORDS])
{
	memset(words, 0, PAGE);
	if (page->kind == FILEMAP &&
	    pread(file_fd, words, PAGE, page->index * PAGE) < 0)
		fail("pread: %s", strerror(errno));
}

uint64_t slot_value(const struct page *page, unsigned slot)
{
	const struct content *content = content_of(page);
	uint64_t value = 0;

	if (content->written >> slot & 1)
		return content->slots[slot];
	if (page->kind == FILEMAP &&
	    pread(file_fd, &value, 8,
		  page->index * PAGE + slot_word(slot) * 8) < 0)
		fail("pread: %s", strerror(errno));
	return value;
}

bool slot_is_ours(const struct page *page, unsigned slot)
{
	if (!is_shared(page) || page->kind == TMP_PRIVATE)
		return true;
	if (arena != &self->own)
		return true;
	return self->child_index < 0 && slot < NR_SLOTS_OWN;
}

void content_write(struct content *content, unsigned slot, uint64_t value)
{
	content->written |= 1u << slot;
	content->unknown &= ~(1u << slot);
	content->slots[slot] = value;
}

/* The first write to a private page of the file makes a copy of it. */
static void copy_private(struct page *page)
{
	uint32_t known = slots_known(page);

	page->own = arena->tmp[page->index];
	page->own.unknown = ALL_SLOTS & ~known;
	page->is_copied = true;
}

void note_write(struct page *page, unsigned slot, uint64_t value)
{
	if (page->kind == TMP_PRIVATE && !page->is_copied)
		copy_private(page);
	content_write(page->kind == TMP_SHARED ? &arena->tmp[page->index]
					       : &page->own,
		      slot, value);
}

void note_copy(struct page *page, unsigned index)
{
	uint32_t known = file_slots_known(index);

	page->is_copied = page->kind == TMP_PRIVATE;
	page->own = arena->tmp[index];
	page->own.unknown = ALL_SLOTS & ~known;
}

/* ---- checks ------------------------------------------------------------- */

void check_word(const uint64_t *at, uint64_t got, uint64_t want)
{
	if (got != want)
		fail("%p holds %lx, should be %lx", (const void *)at,
		     (unsigned long)got, (unsigned long)want);
}

void check_slot(const struct page *page, const uint64_t *words, unsigned slot)
{
	const uint64_t *at = &words[slot_word(slot)];
	uint64_t got = *(const volatile uint64_t *)at;

	if (slots_known(page) >> slot & 1)
		check_word(at, got, slot_value(page, slot));
}

void check_page(const struct page *page, const uint64_t *words)
{
	uint64_t want[WORDS];
	unsigned slot = 0;

	birth(page, want);
	for (unsigned i = 0; i < WORDS; i++) {
		if (slot < NR_SLOTS && i == slot_word(slot))
			check_slot(page, words, slot++);
		else
			check_word(&words[i], words[i], want[i]);
	}
}
