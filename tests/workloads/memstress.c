/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random memory calls and touches, checked against a flat model.
 *
 *	memstress [-s SEED] [-n STEPS] [-j THREADS] [-f FILE] [-v]
 *
 * Each thread has an arena, a range of addresses of its own, and a model of it:
 * for each page whether it is mapped, how, with what rights, and what is in
 * it.  A page holds what it was born with (zeros, or the file's bytes) except
 * for NR_SLOTS words, the slots, which the test writes.  Children run the same
 * steps on their copies.  Beside that, all threads write to the pages of one
 * exchange, whose content in a child must stand still.
 *
 * The same seed and number of threads give each thread the same steps.  With
 * -v each step is told before it is made.
 */
#define _GNU_SOURCE
#include "memstress.h"

/* ---- touches ------------------------------------------------------------ */

static struct page *random_page(uint64_t **words)
{
	unsigned n = below(NR_PAGES + self->nr_brk);

	if (n >= NR_PAGES) {
		n -= NR_PAGES;
		*words = (uint64_t *)(self->brk_base + n * PAGE);
		return &self->brk_pages[n];
	}
	*words = (uint64_t *)(self->base + n * PAGE);
	return &self->pages[n];
}

static void op_read(void)
{
	uint64_t *words;
	struct page *page = random_page(&words);
	unsigned n = 1 + below(3);

	if (!page->prot) {
		if (!does_fault(words, false))
			fail("reading %p is no fault", (void *)words);
		return;
	}
	while (n--)
		check_slot(page, words, below(NR_SLOTS));
}

static void op_write(void)
{
	uint64_t *words;
	struct page *page = random_page(&words);
	unsigned slot = below(NR_SLOTS);
	uint64_t value = draw();

	if (!(page->prot & PROT_WRITE)) {
		if (!does_fault(words, true))
			fail("writing %p is no fault", (void *)words);
		return;
	}
	if (!slot_is_ours(page, slot))
		return;
	if (value & 1)
		check_slot(page, words, slot);
	words[slot_word(slot)] = value;
	note_write(page, slot, value);
}

static void op_check(void)
{
	uint64_t *words;
	struct page *page = random_page(&words);

	if (page->prot)
		check_page(page, words);
}

/* A word goes from page to page through a pipe: the kernel touches them. */
static void op_pipe(void)
{
	uint64_t *from_words, *to_words, value = draw(), back;
	struct page *from = random_page(&from_words);
	struct page *to = random_page(&to_words);
	unsigned slot = below(NR_SLOTS);
	const uint64_t *source = &from_words[slot_word(slot)];
	bool is_to_page = slot_is_ours(to, slot) && to->prot & PROT_WRITE;
	uint64_t *target = is_to_page ? &to_words[slot_word(slot)] : &back;
	long want = from->prot ? 8 : -1, got;

	if (!(slots_known(from) >> slot & 1) || from->kind == FILEMAP)
		return;
	if (from->prot)
		value = from->written >> slot & 1 ? from->slots[slot] : 0;
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

/* Take a page of all threads, see that nobody's write was lost, write. */
static void op_exchange(void)
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

/* ---- calls -------------------------------------------------------------- */

static void tell(unsigned first, unsigned nr, const char *more, unsigned n)
{
	if (is_verbose)
		say("pages %u-%u %s %u", first, first + nr - 1, more, n);
}

static void random_range(unsigned *first, unsigned *nr)
{
	*first = below(NR_PAGES);
	*nr = 1 + below(LEN_MAX);
	if (*first + *nr > NR_PAGES)
		*nr = NR_PAGES - *first;
}

static char *page_at(unsigned n)
{
	return self->base + n * PAGE;
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

static void op_mmap(void)
{
	static const int flags[] = {
		[ANON] = MAP_PRIVATE | MAP_ANONYMOUS,
		[SHARED] = MAP_SHARED | MAP_ANONYMOUS,
		[FILEMAP] = MAP_PRIVATE,
	};
	unsigned first, nr, draw_kind = below(6), index = 0;
	enum kind kind = draw_kind == 0   ? SHARED
			 : draw_kind == 1 ? FILEMAP
					  : ANON;
	int prot = random_prot();
	void *at;

	random_range(&first, &nr);
	if (kind == FILEMAP) {
		if (nr > nr_file_pages)
			nr = nr_file_pages;
		index = below(nr_file_pages - nr + 1);
	}
	tell(first, nr, "kind", kind);
	at = mmap(page_at(first), nr * PAGE, prot, flags[kind] | MAP_FIXED,
		  kind == FILEMAP ? file_fd : -1, index * PAGE);
	if (at != page_at(first))
		fail("mmap gives %p: %s", at, strerror(errno));
	self->last_run++;
	for (unsigned i = 0; i < nr; i++)
		self->pages[first + i] = (struct page){
			.kind = kind,
			.prot = prot,
			.run = self->last_run,
			.index = index + i,
			.id = kind == SHARED ? ++self->last_id : 0,
		};
}

static void op_munmap(void)
{
	unsigned first, nr;

	random_range(&first, &nr);
	tell(first, nr, "of", NR_PAGES);
	if (munmap(page_at(first), nr * PAGE))
		fail("%s", strerror(errno));
	memset(&self->pages[first], 0, nr * sizeof(struct page));
}

static void check_result(int rc, bool has_hole)
{
	if (rc ? !has_hole || errno != ENOMEM : has_hole)
		fail("gives %d (%s), holes: %d", rc, strerror(errno), has_hole);
}

/* Rights change up to the first hole. */
static void op_mprotect(void)
{
	unsigned first, nr, run = 0;
	int prot = random_prot(), rc;
	bool has_hole = false;

	random_range(&first, &nr);
	tell(first, nr, "rights", prot);
	rc = mprotect(page_at(first), nr * PAGE, prot);
	for (unsigned i = first; i < first + nr && !has_hole; i++) {
		struct page *page = &self->pages[i];

		has_hole = page->kind == NONE;
		if (has_hole)
			break;
		if (page->run != run)
			self->last_run++;
		run = page->run;
		page->run = self->last_run;
		page->prot = prot;
	}
	check_result(rc, has_hole);
}

/* Holes are jumped over. */
static void op_madvise(void)
{
	unsigned first, nr;
	bool has_hole = false;
	int rc;

	random_range(&first, &nr);
	tell(first, nr, "of", NR_PAGES);
	rc = madvise(page_at(first), nr * PAGE, MADV_DONTNEED);
	for (unsigned i = first; i < first + nr; i++) {
		if (self->pages[i].kind == NONE)
			has_hole = true;
		else if (self->pages[i].kind != SHARED)
			self->pages[i].written = 0;
	}
	check_result(rc, has_hole);
}

/* ---- mremap ------------------------------------------------------------- */

/* Pages from @first on that are one mapping. */
static unsigned run_length(unsigned first, unsigned max)
{
	unsigned n = 1;

	while (n < max && first + n < NR_PAGES &&
	       self->pages[first + n].run == self->pages[first].run)
		n++;
	return n;
}

static void move_pages(unsigned from, unsigned to, unsigned nr)
{
	struct page moved[LEN_MAX];

	memcpy(moved, &self->pages[from], nr * sizeof(struct page));
	memset(&self->pages[from], 0, nr * sizeof(struct page));
	self->last_run++;
	for (unsigned i = 0; i < nr; i++)
		moved[i].run = self->last_run;
	memcpy(&self->pages[to], moved, nr * sizeof(struct page));
}

static void remap_shrink(unsigned first, unsigned nr)
{
	unsigned left = 1 + below(nr);

	tell(first, nr, "shrink to", left);
	if (mremap(page_at(first), nr * PAGE, left * PAGE, 0) != page_at(first))
		fail("shrinking: %s", strerror(errno));
	memset(&self->pages[first + left], 0,
	       (nr - left) * sizeof(struct page));
}

/* Make the model's pages after @old, now @nr, like a mapping that grew. */
static void grow_pages(unsigned first, unsigned old, unsigned nr)
{
	for (unsigned i = old; i < nr; i++) {
		struct page *page = &self->pages[first + i];

		*page = self->pages[first];
		page->index += i;
		page->written = 0;
	}
}

static bool may_grow(unsigned first, unsigned nr)
{
	struct page *page = &self->pages[first];

	return page->kind == ANON ||
	       (page->kind == FILEMAP && page->index + nr <= nr_file_pages);
}

static void remap_grow_in_place(unsigned first, unsigned old)
{
	unsigned nr = old + 1 + below(8), end = first + nr;
	bool is_free = end <= NR_PAGES;
	void *at;

	if (!is_free || !may_grow(first, nr))
		return;
	for (unsigned i = first + old; i < end; i++)
		is_free = is_free && self->pages[i].kind == NONE;
	tell(first, old, "grow in place to", nr);
	at = mremap(page_at(first), old * PAGE, nr * PAGE, 0);
	if (is_free ? at != page_at(first)
		    : at != MAP_FAILED || errno != ENOMEM)
		fail("growing in place gives %p (%s), room: %d", at,
		     strerror(errno), is_free);
	if (is_free)
		grow_pages(first, old, nr);
}

static void remap_move(unsigned first, unsigned nr, unsigned to)
{
	tell(first, nr, "move to", to);
	if (mremap(page_at(first), nr * PAGE, nr * PAGE,
		   MREMAP_MAYMOVE | MREMAP_FIXED, page_at(to)) != page_at(to))
		fail("moving: %s", strerror(errno));
	move_pages(first, to, nr);
}

/* Grow, where the kernel likes; look; come back to where there is room. */
static void remap_grow_and_return(unsigned first, unsigned old, unsigned to)
{
	unsigned nr = old + 1 + below(LEN_MAX - old + 1);
	char *at;

	if (nr > LEN_MAX || to + nr > NR_PAGES || !may_grow(first, nr) ||
	    (to < first + nr && first < to + nr))
		return;
	tell(first, old, "grow and move to", to);
	at = mremap(page_at(first), old * PAGE, nr * PAGE, MREMAP_MAYMOVE);
	if (at == MAP_FAILED)
		fail("growing: %s", strerror(errno));
	if (self->pages[first].prot)
		for (unsigned i = 0; i < old; i++)
			check_slot(&self->pages[first + i],
				   (uint64_t *)(at + i * PAGE),
				   below(NR_SLOTS));
	if (mremap(at, nr * PAGE, nr * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   page_at(to)) != page_at(to))
		fail("moving back: %s", strerror(errno));
	memset(&self->pages[to], 0, nr * sizeof(struct page));
	move_pages(first, to, old);
	grow_pages(to, old, nr);
}

static void op_mremap(void)
{
	unsigned first = below(NR_PAGES), to = below(NR_PAGES), nr;

	if (self->pages[first].kind == NONE)
		return;
	nr = run_length(first, 1 + below(LEN_MAX));
	switch (below(4)) {
	case 0:
		remap_shrink(first, nr);
		break;
	case 1:
		remap_grow_in_place(first, nr);
		break;
	case 2:
		remap_grow_and_return(first, nr, to);
		break;
	default:
		if (to + nr <= NR_PAGES &&
		    (to + nr <= first || to >= first + nr))
			remap_move(first, nr, to);
	}
}

static void op_brk(void)
{
	unsigned nr = below(NR_BRK_PAGES + 1);

	if (!self->brk_base)
		return;
	tell(0, self->nr_brk, "break at", nr);
	if (brk(self->brk_base + nr * PAGE))
		fail("brk: %s", strerror(errno));
	for (unsigned i = self->nr_brk; i < nr; i++)
		self->brk_pages[i] = (struct page){
			.kind = ANON, .prot = PROT_READ | PROT_WRITE};
	self->nr_brk = nr;
}

/* ---- children ----------------------------------------------------------- */

static void steps(uint64_t nr);

static uint64_t child_value(uint64_t serial, uint64_t id)
{
	return mix(mix(seed ^ serial << 32 ^ self->number) ^ id);
}

/* Leave word in every page that the parent sees too. */
static void child_sign_shared(uint64_t serial)
{
	unsigned slot = NR_SLOTS_OWN + (unsigned)self->child_index;

	for (unsigned i = 0; i < NR_PAGES; i++) {
		struct page *page = &self->pages[i];
		uint64_t value = child_value(serial, page->id);

		if (page->kind != SHARED)
			continue;
		if (mprotect(page_at(i), PAGE, PROT_READ | PROT_WRITE))
			fail("mprotect: %s", strerror(errno));
		page->prot = PROT_READ | PROT_WRITE;
		page->run = ++self->last_run;
		((uint64_t *)page_at(i))[slot_word(slot)] = value;
		note_write(page, slot, value);
	}
}

static void child_main(unsigned index, uint64_t serial)
{
	uint64_t seen[NR_EXCHANGE];

	self->child_index = (int)index;
	self->op = "start";
	self->rng = mix(self->rng ^ serial);
	if (pipe(self->pipe))
		fail("pipe: %s", strerror(errno));
	for (unsigned i = 0; i < NR_EXCHANGE; i++)
		seen[i] = exchange_pages[i * WORDS + i];
	child_sign_shared(serial);
	for (unsigned i = 0; i < NR_PAGES; i++)
		if (self->pages[i].prot)
			check_slot(&self->pages[i], (uint64_t *)page_at(i),
				   below(NR_SLOTS));
	steps(CHILD_STEPS);
	self->op = "exchange";
	for (unsigned i = 0; i < NR_EXCHANGE; i++)
		check_word((uint64_t *)&exchange_pages[i * WORDS + i],
			   exchange_pages[i * WORDS + i], seen[i]);
	_exit(0);
}

static void child_reap(unsigned index)
{
	struct child *child = &self->children[index];
	unsigned slot = NR_SLOTS_OWN + index;
	int status;

	if (waitpid(child->pid, &status, 0) != child->pid)
		fail("waitpid: %s", strerror(errno));
	if (status)
		fail("a child ends with status %x", status);
	child->pid = 0;
	for (unsigned i = 0; i < NR_PAGES; i++) {
		struct page *page = &self->pages[i];

		if (page->kind == SHARED && page->id <= child->last_id)
			note_write(page, slot,
				   child_value(child->serial, page->id));
	}
}

/* A child more, or the end of one. */
static void op_fork(void)
{
	unsigned index = below(CHILDREN_MAX);
	struct child *child = &self->children[index];

	if (self->child_index >= 0)
		return;
	if (child->pid) {
		child_reap(index);
		return;
	}
	child->serial = self->nr_forks++;
	child->last_id = self->last_id;
	child->pid = fork();
	if (child->pid < 0)
		fail("fork: %s", strerror(errno));
	if (!child->pid)
		child_main(index, child->serial);
}

/* ---- the whole ---------------------------------------------------------- */

static const struct op {
	const char *name;
	void (*fn)(void);
	unsigned weight;
} ops[] = {
	{"read", op_read, 30},        {"write", op_write, 36},
	{"check", op_check, 6},       {"pipe", op_pipe, 5},
	{"exchange", op_exchange, 8}, {"mmap", op_mmap, 6},
	{"munmap", op_munmap, 2},     {"mprotect", op_mprotect, 4},
	{"madvise", op_madvise, 3},   {"mremap", op_mremap, 6},
	{"brk", op_brk, 2},           {"fork", op_fork, 1},
};

static void steps(uint64_t nr)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		sum += ops[i].weight;
	while (nr--) {
		unsigned pick = below(sum), i = 0;

		while (pick >= ops[i].weight)
			pick -= ops[i++].weight;
		self->op = ops[i].name;
		ops[i].fn();
		self->step++;
	}
}

static void *work(void *arg)
{
	self = arg;
	steps(nr_steps);
	self->op = "end";
	for (unsigned i = 0; i < CHILDREN_MAX; i++)
		if (self->children[i].pid)
			child_reap(i);
	for (unsigned i = 0; i < NR_PAGES; i++)
		if (self->pages[i].prot)
			check_page(&self->pages[i], (uint64_t *)page_at(i));
	for (unsigned i = 0; i < self->nr_brk; i++)
		check_page(&self->brk_pages[i],
			   (uint64_t *)(self->brk_base + i * PAGE));
	if (munmap(self->base, NR_PAGES * PAGE))
		fail("munmap: %s", strerror(errno));
	return NULL;
}

static void worker_init(unsigned number)
{
	struct worker *worker = &workers[number];

	worker->number = number;
	worker->rng = mix(seed + number) << 20;
	worker->base = (char *)(ARENA_BASE + number * ARENA_STRIDE);
	worker->child_index = -1;
	worker->op = "start";
	if (pipe(worker->pipe))
		fail("pipe: %s", strerror(errno));
}

static void read_options(int argc, char **argv)
{
	const char *file = "/proc/self/exe";
	struct timespec now;
	struct stat st;
	int c;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = mix((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30) >> 32;
	while ((c = getopt(argc, argv, "s:n:j:f:v")) != -1) {
		if (c == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (c == 'n')
			nr_steps = strtoul(optarg, NULL, 0);
		else if (c == 'j')
			nr_workers = (unsigned)atoi(optarg);
		else if (c == 'f')
			file = optarg;
		else if (c == 'v')
			is_verbose = true;
		else
			exit(2);
	}
	file_fd = open(file, O_RDONLY);
	if (file_fd < 0 || fstat(file_fd, &st))
		fail("%s: %s", file, strerror(errno));
	nr_file_pages = (unsigned)((st.st_size + PAGE - 1) / PAGE);
	if (!nr_file_pages || !nr_workers || nr_workers > THREADS_MAX)
		fail("1 to %u threads, and a file that is not empty",
		     THREADS_MAX);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_NODEFER};

	read_options(argc, argv);
	printf("memstress: seed %lu, %u threads, %lu steps\n",
	       (unsigned long)seed, nr_workers, (unsigned long)nr_steps);
	fflush(stdout);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	exchange_pages = mmap(NULL, NR_EXCHANGE * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < NR_EXCHANGE; i++)
		pthread_mutex_init(&exchange[i].lock, NULL);
	for (unsigned i = 0; i < nr_workers; i++)
		worker_init(i);
	for (unsigned i = 1; i < nr_workers; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			fail("pthread_create failed");
	/* From here on nobody else moves the break. */
	workers[0].brk_base =
		(char *)(((uintptr_t)sbrk(0) + PAGE - 1) & ~(PAGE - 1));
	work(&workers[0]);
	for (unsigned i = 1; i < nr_workers; i++)
		pthread_join(workers[i].thread, NULL);
	printf("memstress: all is as it should be\n");
	return 0;
}
