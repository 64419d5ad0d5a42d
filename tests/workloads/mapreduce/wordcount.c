/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Word count: how often each word occurs in a text.  Case does not matter; the
 * text is folded in place, so each page of the private mapping is copied.
 *
 * Threads fill a table each, with pieces of the text; then each reduces a
 * share of the hashes over all tables.
 */
#include "mapreduce.h"

#include <stdlib.h>
#include <string.h>

#define SPLIT_BYTES (32 << 10)
#define NR_PRINTED  16
#define NR_FREQUENT 1024 /* words of which the generator prefers the first */
#define NR_RARE     3000 /* of the others */
#define ONE_RARE_IN 64
#define LINE_BYTES  72

struct word {
	const char *text; /* in the input; NULL: free */
	uint32_t length;
	uint32_t count;
	uint64_t hash;
};

/* Open addressing, at most half full. */
struct table {
	struct word *slots;
	size_t nr_slots; /* power of two */
	size_t nr_used;
};

static void table_add(struct table *t, const struct word *w);

static void table_grow(struct table *t)
{
	struct table old = *t;

	t->nr_slots = old.nr_slots ? old.nr_slots * 2 : 1024;
	t->slots = allocate(t->nr_slots, sizeof(*t->slots));
	t->nr_used = 0;
	for (size_t i = 0; i < old.nr_slots; i++)
		if (old.slots[i].text)
			table_add(t, &old.slots[i]);
	free(old.slots);
}

static void table_add(struct table *t, const struct word *w)
{
	struct word *s;

	if (t->nr_used * 2 >= t->nr_slots)
		table_grow(t);
	for (size_t i = w->hash;; i++) {
		s = &t->slots[i & (t->nr_slots - 1)];
		if (!s->text)
			break;
		if (s->hash == w->hash && s->length == w->length &&
		    !memcmp(s->text, w->text, w->length)) {
			s->count += w->count;
			return;
		}
	}
	*s = *w;
	t->nr_used++;
}

/* The next word from *@at, folded to small letters; 0 at @end. */
static int next_word(char **at, char *end, struct word *w)
{
	char *p = *at;

	while (p < end && !is_letter(*p))
		p++;
	w->text = p;
	w->count = 1;
	w->hash = HASH_START;
	while (p < end && is_letter(*p)) {
		*p |= 0x20;
		w->hash = hash_bytes(w->hash, p++, 1);
	}
	w->length = (uint32_t)(p - w->text);
	*at = p;
	return w->length > 0;
}

/* The most frequent first, equals by the alphabet. */
static int by_count(const void *a, const void *b)
{
	const struct word *l = a, *r = b;
	uint32_t shorter = l->length < r->length ? l->length : r->length;
	int order;

	if (l->count != r->count)
		return l->count > r->count ? -1 : 1;
	order = memcmp(l->text, r->text, shorter);
	return order ? order : (int)l->length - (int)r->length;
}

/* A digest of everything, and the most frequent words. */
static void print_words(struct word *words, size_t n)
{
	uint64_t digest = HASH_START, total = 0;

	qsort(words, n, sizeof(*words), by_count);
	for (size_t i = 0; i < n; i++) {
		digest = hash_bytes(digest, words[i].text, words[i].length);
		digest = hash_bytes(digest, &words[i].count,
				    sizeof(words[i].count));
		total += words[i].count;
	}
	printf("words %llu different %zu digest %016llx\n",
	       (unsigned long long)total, n, (unsigned long long)digest);
	for (size_t i = 0; i < n && i < NR_PRINTED; i++)
		printf("%8u %.*s\n", words[i].count, (int)words[i].length,
		       words[i].text);
}

/* -- sequential: one table of chains --------------------------------------- */

#define NR_CHAINS 4096

struct node {
	struct word word;
	struct node *next;
};

static struct node *chain_find(struct node **chains, const struct word *w)
{
	struct node **link = &chains[w->hash % NR_CHAINS], *n;

	for (n = *link; n; n = n->next)
		if (n->word.hash == w->hash && n->word.length == w->length &&
		    !memcmp(n->word.text, w->text, w->length))
			return n;
	n = allocate(1, sizeof(*n));
	n->word = *w;
	n->word.count = 0;
	n->next = *link;
	*link = n;
	return n;
}

static void sequential(const char *path)
{
	struct input in = input_open(path);
	struct node **chains = allocate(NR_CHAINS, sizeof(*chains));
	char *at = in.data, *end = in.data + in.size;
	struct word w, *words;
	size_t nr = 0;

	while (next_word(&at, end, &w)) {
		struct node *n = chain_find(chains, &w);

		nr += !n->word.count++;
	}
	words = allocate(nr, sizeof(*words));
	nr = 0;
	for (size_t i = 0; i < NR_CHAINS; i++) {
		for (struct node *n = chains[i], *next; n; n = next) {
			words[nr++] = n->word;
			next = n->next;
			free(n);
		}
	}
	free(chains);
	print_words(words, nr);
	free(words);
	input_close(&in);
}

/* -- threads: map, reduce by hash ------------------------------------------ */

struct job {
	struct input in;
	size_t *splits;
	size_t nr_shares;
	struct table *maps;    /* one a thread */
	struct table *reduced; /* one a share of the hashes */
};

static void map(void *ctx, int thread, size_t task)
{
	struct job *job = ctx;
	char *at = job->in.data + job->splits[task];
	char *end = job->in.data + job->splits[task + 1];
	struct word w;

	while (next_word(&at, end, &w))
		table_add(&job->maps[thread], &w);
}

/* The high bits choose the share: the low ones chose the slot. */
static void reduce(void *ctx, int thread, size_t share)
{
	struct job *job = ctx;

	(void)thread;
	for (size_t m = 0; m < job->nr_shares; m++) {
		const struct table *t = &job->maps[m];

		for (size_t i = 0; i < t->nr_slots; i++)
			if (t->slots[i].text &&
			    (t->slots[i].hash >> 32) % job->nr_shares == share)
				table_add(&job->reduced[share], &t->slots[i]);
	}
}

static void threaded(const char *path, int nr_threads)
{
	struct job job = {.in = input_open(path),
			  .nr_shares = (size_t)nr_threads};
	size_t nr_splits, nr = 0;
	struct word *words;

	job.splits = text_splits(&job.in, SPLIT_BYTES, &nr_splits);
	job.maps = allocate(job.nr_shares, sizeof(*job.maps));
	job.reduced = allocate(job.nr_shares, sizeof(*job.reduced));
	parallel(nr_threads, nr_splits, &job, map);
	parallel(nr_threads, job.nr_shares, &job, reduce);

	for (size_t i = 0; i < job.nr_shares; i++)
		nr += job.reduced[i].nr_used;
	words = allocate(nr, sizeof(*words));
	nr = 0;
	for (size_t i = 0; i < job.nr_shares; i++) {
		for (size_t s = 0; s < job.reduced[i].nr_slots; s++)
			if (job.reduced[i].slots[s].text)
				words[nr++] = job.reduced[i].slots[s];
		free(job.reduced[i].slots);
		free(job.maps[i].slots);
	}
	print_words(words, nr);
	free(words);
	free(job.reduced);
	free(job.maps);
	free(job.splits);
	input_close(&job.in);
}

/* -- input ----------------------------------------------------------------- */

/* Word number @n: 2 to 12 letters, chosen by the number. */
static size_t spell(char *out, uint64_t n)
{
	uint64_t state = random_start(n);
	size_t length = 2 + random_next(&state) % 11;

	for (size_t i = 0; i < length; i++)
		out[i] = (char)('a' + random_next(&state) % 26);
	return length;
}

/* Most words are frequent ones, the smaller their number the more.  Some
 * are written with a capital. */
static void generate(const char *path, size_t bytes, uint64_t seed)
{
	uint64_t state = random_start(seed);
	FILE *f = output_open(path);
	size_t done = 0, column = 0;

	while (done < bytes) {
		uint64_t r = random_next(&state);
		uint64_t n = random_next(&state) % NR_FREQUENT;
		char word[16];
		size_t length;

		if (r % ONE_RARE_IN == 0)
			n = NR_FREQUENT + (r >> 8) % NR_RARE;
		else
			n = n * n / NR_FREQUENT;
		length = spell(word, seed * (NR_FREQUENT + NR_RARE) + n);
		if ((r >> 40) % 8 == 0)
			word[0] -= 0x20;
		column += length + 1;
		word[length] = column > LINE_BYTES ? '\n' : ' ';
		if (column > LINE_BYTES)
			column = 0;
		done += fwrite(word, 1, length + 1, f);
	}
	output_close(f);
}

const struct program program = {
	.name = "wordcount",
	.generate = generate,
	.sequential = sequential,
	.threaded = threaded,
};
