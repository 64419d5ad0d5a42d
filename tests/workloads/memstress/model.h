/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMSTRESS_MODEL_H
#define MEMSTRESS_MODEL_H
/*
 * What memstress knows of its memory.
 *
 * An arena is a range of addresses, with a file of its own in tmpfs, and the
 * model of both: for each page whether it is mapped, how, with what rights,
 * and what is in it.  A page holds what it was born with (zeros, or the bytes
 * of a file) except for NR_SLOTS words, the slots, which the test writes.
 *
 * Each thread has an arena of its own; others are common: whoever holds one's
 * lock works in it while the rest works in its neighbours, which are next to
 * it in the same tables and often in the same VMAs.
 *
 * Children go on with a copy of their parent's own arena.  What they share
 * with it (shared mappings, the file) has NR_SLOTS_OWN slots that the parent
 * writes and one for each child, which signs it once: until the child was
 * waited for, the parent does not know what is in that slot, and the child
 * knows no other.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE            4096ul
#define WORDS           (PAGE / 8)
#define NR_SLOTS        16u
#define NR_SLOTS_OWN    8u /* of shared pages; the others are the children's */
#define ALL_SLOTS       ((1u << NR_SLOTS) - 1)
#define NR_PAGES        192u /* of an arena */
#define NR_COMMON_PAGES 48u  /* of a common one */
#define NR_TMP_PAGES    64u  /* that an arena's file may have */
#define NR_BRK_PAGES    32u
#define LEN_MAX         24u /* pages in a call */
#define NR_COMMON       6u
#define THREADS_MAX     16u
#define CHILDREN_MAX    4u
#define CHILD_STEPS     40u
#define NR_EXCHANGE     16u
#define ARENA_BASE      0x100000000000ul
#define ARENA_STRIDE    0x40000000ul

enum kind {
	NONE,
	ANON,
	SHARED,      /* anonymous */
	FILEMAP,     /* private, of the file that is only read */
	TMP_SHARED,  /* the arena's file */
	TMP_PRIVATE, /* the same, copied at the first write */
	NR_KINDS
};

/* What the slots hold. */
struct content {
	uint32_t written; /* slots that differ from birth */
	uint32_t unknown; /* a child may have written here */
	uint64_t slots[NR_SLOTS];
};

struct page {
	uint8_t kind;
	uint8_t prot;
	bool is_copied; /* TMP_PRIVATE: no longer the file's */
	uint32_t run;   /* pages of one run are one mapping for mremap() */
	uint32_t index; /* of the page of its file */
	uint64_t id;    /* SHARED: larger than those before */
	struct content own;
};

struct arena {
	pthread_mutex_t lock; /* common arenas only */
	char *base;
	unsigned nr_pages;
	uint32_t last_run;
	uint64_t last_id;
	struct page pages[NR_PAGES];
	int tmp_fd;
	unsigned nr_tmp_pages; /* size of the file */
	struct content tmp[NR_TMP_PAGES];
	char *brk_base; /* NULL: not the one that moves the break */
	unsigned nr_brk;
	struct page brk_pages[NR_BRK_PAGES];
};

struct child {
	pid_t pid; /* 0: none */
	uint64_t serial;
	uint64_t last_id; /* the newest shared page it knows */
};

struct worker {
	unsigned number;
	uint64_t seed, rng, step;
	struct arena own;
	struct arena *arena; /* where it works now */
	struct child children[CHILDREN_MAX];
	uint64_t nr_forks;
	int child_index; /* -1: not a child */
	int pipe[2];
	const char *op; /* what it is doing now */
	pthread_t thread;
};

extern __thread struct worker *self;
extern __thread struct arena *arena; /* self->arena */
extern uint64_t seed;
extern bool is_verbose;
extern int file_fd; /* of FILEMAP */
extern unsigned nr_file_pages;

/* ---- telling, chance (model.c) ------------------------------------------ */

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void quit(void) __attribute__((noreturn));
#define fail(...) (say(__VA_ARGS__), quit())

/** on_fault - the handler of SIGSEGV and SIGBUS. */
void on_fault(int signo, siginfo_t *info, void *context);

uint64_t mix(uint64_t x);
uint64_t draw(void);
unsigned below(unsigned n);

/* ---- pages and what is in them (model.c) -------------------------------- */

static inline char *page_at(unsigned n)
{
	return arena->base + n * PAGE;
}

static inline unsigned slot_word(unsigned slot)
{
	return slot * (unsigned)(WORDS / NR_SLOTS) + slot;
}

/** random_page - any page of the arena and its break; @words: its address. */
struct page *random_page(uint64_t **words);

/** signal_of - what an access with right @prot gets: 0, SIGSEGV, SIGBUS. */
int signal_of(const struct page *page, int prot);

/** slots_known - the slots of which the model can tell the value. */
uint32_t slots_known(const struct page *page);
/** file_slots_known - the same of a page of the arena's file. */
uint32_t file_slots_known(unsigned index);

/** slot_value - what stands in a slot that is known. */
uint64_t slot_value(const struct page *page, unsigned slot);

/** slot_is_ours - may this process write there? */
bool slot_is_ours(const struct page *page, unsigned slot);

/** note_write - the slot has been written through the mapping. */
void note_write(struct page *page, unsigned slot, uint64_t value);
/** content_write - the same of a page of the arena's file. */
void content_write(struct content *content, unsigned slot, uint64_t value);
/** note_copy - all of the page was overwritten with page @index of the file. */
void note_copy(struct page *page, unsigned index);

/** check_word, check_slot, check_page - fail() if they are not as they should
 * be; a page of which some slots are unknown is checked in the others. */
void check_word(const uint64_t *at, uint64_t got, uint64_t want);
void check_slot(const struct page *page, const uint64_t *words, unsigned slot);
void check_page(const struct page *page, const uint64_t *words);

/** signal_at - the signal that reading (writing) @at gives, or 0. */
int signal_at(volatile uint64_t *at, bool is_write);

/* ---- steps -------------------------------------------------------------- */

/* touch.c */
void op_read(void);
void op_write(void);
void op_check(void);
void op_sweep(void);
void op_pipe(void);
void op_file(void);
void op_exchange(void);
void exchange_start(void);
/** exchange_look - the words of the exchange, for a child to compare. */
void exchange_look(uint64_t seen[NR_EXCHANGE]);

/* calls.c */
void op_mmap(void);
void op_munmap(void);
void op_mprotect(void);
void op_madvise(void);
void op_msync(void);
void op_truncate(void);
void op_brk(void);

/* remap.c */
void op_mremap(void);

/* calls.c, also for remap.c */
void tell(unsigned first, unsigned nr, const char *more, unsigned n);

/* children.c */
void op_fork(void);
void child_reap(unsigned index);
bool has_children(void);

/* main.c */
/** steps - make @nr random steps. */
void steps(uint64_t nr);

#endif
