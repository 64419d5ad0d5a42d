/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMSTRESS_H
#define MEMSTRESS_H
/* The model of memstress.c: what a thread knows of its arena, and the checks of
 * pages against it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE         4096ul
#define WORDS        (PAGE / 8)
#define NR_SLOTS     16u
#define NR_SLOTS_OWN 8u   /* of shared pages; the others are the children's */
#define NR_PAGES     192u /* of an arena */
#define NR_BRK_PAGES 32u
#define LEN_MAX      24u
#define THREADS_MAX  8u
#define CHILDREN_MAX 4u
#define CHILD_STEPS  40u
#define NR_EXCHANGE  16u
#define ARENA_BASE   0x100000000000ul
#define ARENA_STRIDE 0x40000000ul

enum kind { NONE, ANON, SHARED, FILEMAP };

struct page {
	uint8_t kind;
	uint8_t prot;
	uint32_t run;     /* pages of one run are one mapping for mremap() */
	uint32_t index;   /* of the page of its file */
	uint64_t id;      /* of a shared page, larger than those before */
	uint64_t written; /* slots that differ from birth */
	uint64_t slots[NR_SLOTS]; /* their values */
};

struct child {
	pid_t pid; /* 0: none */
	uint64_t serial;
	uint64_t last_id; /* the newest shared page it knows */
};

struct worker {
	unsigned number;
	uint64_t rng, step;
	char *base;
	struct page pages[NR_PAGES];
	char *brk_base; /* NULL: this thread leaves the break alone */
	unsigned nr_brk;
	struct page brk_pages[NR_BRK_PAGES];
	struct child children[CHILDREN_MAX];
	uint64_t nr_forks, last_id;
	uint32_t last_run;
	int child_index; /* -1: not a child */
	int pipe[2];
	const char *op; /* what it is doing now */
	pthread_t thread;
};

static struct worker workers[THREADS_MAX];
static unsigned nr_workers = 1;
static uint64_t seed, nr_steps = 3000;
static bool is_verbose;
static int file_fd;
static unsigned nr_file_pages;

/* Pages that all threads write to. */
static struct {
	pthread_mutex_t lock;
	uint64_t value;
} exchange[NR_EXCHANGE];
static volatile uint64_t *exchange_pages;

static __thread struct worker *self;
static __thread sigjmp_buf fault_jump;
static __thread volatile sig_atomic_t is_fault_expected;

/* ---- telling ------------------------------------------------------------ */

static void say(const char *format, ...)
{
	char text[400];
	va_list args;
	int n;

	n = snprintf(text, sizeof(text), "memstress: seed %lu",
		     (unsigned long)seed);
	if (self)
		n += snprintf(text + n, sizeof(text) - n,
			      " thread %u%s step %lu: %s", self->number,
			      self->child_index < 0 ? "" : " child",
			      (unsigned long)self->step, self->op);
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

#define fail(...) (say(__VA_ARGS__), _exit(1))

static void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (is_fault_expected) {
		is_fault_expected = 0;
		siglongjmp(fault_jump, signo);
	}
	fail("signal %d, code %d at %p", signo, info->si_code, info->si_addr);
}

/* ---- chance ------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t draw(void)
{
	return mix(self->rng++);
}

static unsigned below(unsigned n)
{
	return draw() % n;
}

/* ---- pages and their content -------------------------------------------- */

static unsigned slot_word(unsigned slot)
{
	return slot * (WORDS / NR_SLOTS) + slot;
}

/* What a page held before the test wrote to it. */
static void birth(const struct page *page, uint64_t words[WORDS])
{
	memset(words, 0, PAGE);
	if (page->kind == FILEMAP &&
	    pread(file_fd, words, PAGE, page->index * PAGE) < 0)
		fail("pread: %s", strerror(errno));
}

/* Which slots does the model know? */
static uint64_t slots_known(const struct page *page)
{
	uint64_t known = (1u << NR_SLOTS) - 1;

	if (page->kind != SHARED)
		return known;
	if (self->child_index >= 0)
		return 1u << (NR_SLOTS_OWN + self->child_index);
	for (unsigned i = 0; i < CHILDREN_MAX; i++)
		if (self->children[i].pid)
			known &= ~(1ul << (NR_SLOTS_OWN + i));
	return known;
}

static void check_word(const uint64_t *at, uint64_t got, uint64_t want)
{
	if (got != want)
		fail("%p holds %lx, should be %lx", (const void *)at,
		     (unsigned long)got, (unsigned long)want);
}

static void check_slot(const struct page *page, const uint64_t *words,
		       unsigned slot)
{
	const uint64_t *at = &words[slot_word(slot)];
	uint64_t want = 0, got = *(const volatile uint64_t *)at;

	if (!(slots_known(page) >> slot & 1))
		return;
	if (page->written >> slot & 1)
		want = page->slots[slot];
	else if (page->kind == FILEMAP &&
		 pread(file_fd, &want, 8,
		       page->index * PAGE + slot_word(slot) * 8) < 0)
		fail("pread: %s", strerror(errno));
	check_word(at, got, want);
}

static void check_page(const struct page *page, const uint64_t *words)
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

/* Where may this process write? */
static bool slot_is_ours(const struct page *page, unsigned slot)
{
	return page->kind != SHARED ||
	       (self->child_index < 0 && slot < NR_SLOTS_OWN);
}

static void note_write(struct page *page, unsigned slot, uint64_t value)
{
	page->written |= 1ul << slot;
	page->slots[slot] = value;
}

static bool does_fault(volatile uint64_t *at, bool is_write)
{
	int signo = sigsetjmp(fault_jump, 0);

	if (signo)
		return signo == SIGSEGV;
	is_fault_expected = 1;
	if (is_write)
		*at = 0;
	else
		(void)*at;
	is_fault_expected = 0;
	return false;
}

#endif
