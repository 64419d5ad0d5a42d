/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reverse index: which documents of a folder link to what?  A link is what
 * stands between <a href=" and the next quotation mark.
 *
 * The sequential version sorts all pairs of link and document.  Threads take
 * document by document into tables of links, which are then merged by shares of
 * the hashes.  Links stay where they are, in the mapped documents.
 */
#include "mapreduce.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NR_PRINTED     12
#define DOCUMENT_BYTES (24 << 10)
#define NR_TARGETS     300
#define MAX_PATH       512

static const char tag[] = "<a href=\"";

struct text {
	const char *start;
	size_t length;
};

struct documents {
	struct input *in;
	size_t nr;
};

/* A link, and the documents with it in growing order. */
struct link {
	struct text text; /* start NULL: free */
	uint64_t hash;
	uint32_t *documents;
	size_t nr_documents, capacity;
};

/* -- documents ------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct documents documents_open(const char *folder)
{
	struct documents docs = {0};
	size_t capacity = 0;
	char **names = NULL, path[MAX_PATH];
	DIR *dir = opendir(folder);

	if (!dir)
		fail(folder);
	for (struct dirent *d; (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		if (docs.nr == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			names = realloc(names, capacity * sizeof(*names));
		}
		if (!names || !(names[docs.nr++] = strdup(d->d_name)))
			fail("memory");
	}
	closedir(dir);
	qsort(names, docs.nr, sizeof(*names), by_name);
	docs.in = allocate(docs.nr, sizeof(*docs.in));
	for (size_t i = 0; i < docs.nr; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		docs.in[i] = input_open(path);
		free(names[i]);
	}
	free(names);
	return docs;
}

static void documents_close(struct documents *docs)
{
	for (size_t i = 0; i < docs->nr; i++)
		input_close(&docs->in[i]);
	free(docs->in);
}

/* The next link of @in from *@at. */
static int next_link(const struct input *in, size_t *at, struct text *link)
{
	const char *p, *end;

	p = memmem(in->data + *at, in->size - *at, tag, sizeof(tag) - 1);
	if (!p)
		return 0;
	link->start = p + sizeof(tag) - 1;
	end = memchr(link->start, '"',
		     (size_t)(in->data + in->size - link->start));
	if (!end)
		return 0;
	link->length = (size_t)(end - link->start);
	*at = (size_t)(end - in->data);
	return 1;
}

static int text_order(const struct text *l, const struct text *r)
{
	size_t shorter = l->length < r->length ? l->length : r->length;
	int order = memcmp(l->start, r->start, shorter);

	return order ? order
		     : (l->length > r->length) - (l->length < r->length);
}

static void link_add(struct link *l, uint32_t document)
{
	if (l->nr_documents && l->documents[l->nr_documents - 1] == document)
		return;
	if (l->nr_documents == l->capacity) {
		l->capacity = l->capacity ? l->capacity * 2 : 4;
		l->documents = realloc(l->documents,
				       l->capacity * sizeof(*l->documents));
		if (!l->documents)
			fail("memory");
	}
	l->documents[l->nr_documents++] = document;
}

/* -- what is printed ------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	const struct link *l = a, *r = b;

	return text_order(&l->text, &r->text);
}

static int by_popularity(const void *a, const void *b)
{
	const struct link *l = a, *r = b;

	if (l->nr_documents != r->nr_documents)
		return l->nr_documents > r->nr_documents ? -1 : 1;
	return text_order(&l->text, &r->text);
}

/* Also frees the lists of documents. */
static void print_links(struct link *links, size_t n, size_t nr_documents)
{
	uint64_t digest = HASH_START;
	size_t nr_pairs = 0;

	qsort(links, n, sizeof(*links), by_text);
	for (size_t i = 0; i < n; i++) {
		struct link *l = &links[i];

		digest = hash_bytes(digest, l->text.start, l->text.length);
		digest = hash_bytes(digest, l->documents,
				    l->nr_documents * sizeof(*l->documents));
		nr_pairs += l->nr_documents;
	}
	printf("documents %zu links %zu pairs %zu digest %016llx\n",
	       nr_documents, n, nr_pairs, (unsigned long long)digest);
	qsort(links, n, sizeof(*links), by_popularity);
	for (size_t i = 0; i < n && i < NR_PRINTED; i++)
		printf("%6zu %.*s\n", links[i].nr_documents,
		       (int)links[i].text.length, links[i].text.start);
	for (size_t i = 0; i < n; i++)
		free(links[i].documents);
}

/* -- sequential: sort the pairs -------------------------------------------- */

struct pair {
	struct text text;
	uint32_t document;
};

struct pairs {
	struct pair *of;
	size_t nr, capacity;
};

static int by_pair(const void *a, const void *b)
{
	const struct pair *l = a, *r = b;
	int order = text_order(&l->text, &r->text);

	return order ? order
		     : (l->document > r->document) -
			       (l->document < r->document);
}

static void pairs_add(struct pairs *p, struct text text, uint32_t document)
{
	if (p->nr == p->capacity) {
		p->capacity = p->capacity ? p->capacity * 2 : 1024;
		p->of = realloc(p->of, p->capacity * sizeof(*p->of));
		if (!p->of)
			fail("memory");
	}
	p->of[p->nr++] = (struct pair){text, document};
}

static void sequential(const char *path)
{
	struct documents docs = documents_open(path);
	struct pairs pairs = {0};
	struct text text;
	struct link *links;
	size_t n = 0;

	for (size_t d = 0; d < docs.nr; d++)
		for (size_t at = 0; next_link(&docs.in[d], &at, &text);)
			pairs_add(&pairs, text, (uint32_t)d);
	if (pairs.nr)
		qsort(pairs.of, pairs.nr, sizeof(*pairs.of), by_pair);
	links = allocate(pairs.nr, sizeof(*links));
	for (size_t i = 0; i < pairs.nr; i++) {
		if (!n || text_order(&links[n - 1].text, &pairs.of[i].text))
			links[n++].text = pairs.of[i].text;
		link_add(&links[n - 1], pairs.of[i].document);
	}
	free(pairs.of);
	print_links(links, n, docs.nr);
	free(links);
	documents_close(&docs);
}

/* -- threads: tables of links ---------------------------------------------- */

struct table {
	struct link *slots;
	size_t nr_slots; /* power of two */
	size_t nr_used;
};

struct job {
	struct documents docs;
	size_t nr_shares;
	struct table *maps;    /* one a thread */
	struct table *reduced; /* one a share of the hashes */
};

static struct link *table_slot(const struct table *t, const struct link *key)
{
	for (size_t i = key->hash;; i++) {
		struct link *l = &t->slots[i & (t->nr_slots - 1)];

		if (!l->text.start ||
		    (l->hash == key->hash && !text_order(&l->text, &key->text)))
			return l;
	}
}

static void table_grow(struct table *t)
{
	struct table old = *t;

	t->nr_slots = old.nr_slots ? old.nr_slots * 2 : 256;
	t->slots = allocate(t->nr_slots, sizeof(*t->slots));
	for (size_t i = 0; i < old.nr_slots; i++)
		if (old.slots[i].text.start)
			*table_slot(t, &old.slots[i]) = old.slots[i];
	free(old.slots);
}

static struct link *table_link(struct table *t, struct text text, uint64_t hash)
{
	struct link key = {.text = text, .hash = hash}, *l;

	if (t->nr_used * 2 >= t->nr_slots)
		table_grow(t);
	l = table_slot(t, &key);
	if (!l->text.start) {
		*l = key;
		t->nr_used++;
	}
	return l;
}

static void map(void *ctx, int thread, size_t task)
{
	struct job *job = ctx;
	struct text text;

	for (size_t at = 0; next_link(&job->docs.in[task], &at, &text);)
		link_add(table_link(&job->maps[thread], text,
				    hash_bytes(HASH_START, text.start,
					       text.length)),
			 (uint32_t)task);
}

static int by_number(const void *a, const void *b)
{
	uint32_t l = *(const uint32_t *)a, r = *(const uint32_t *)b;

	return (l > r) - (l < r);
}

/* The high bits choose the share: the low ones chose the slot. */
static void reduce(void *ctx, int thread, size_t share)
{
	struct job *job = ctx;
	struct table *to = &job->reduced[share];

	(void)thread;
	for (size_t m = 0; m < job->nr_shares; m++) {
		for (size_t i = 0; i < job->maps[m].nr_slots; i++) {
			struct link *l = &job->maps[m].slots[i], *sum;

			if (!l->text.start ||
			    (l->hash >> 32) % job->nr_shares != share)
				continue;
			sum = table_link(to, l->text, l->hash);
			for (size_t d = 0; d < l->nr_documents; d++)
				link_add(sum, l->documents[d]);
			free(l->documents);
		}
	}
	for (size_t i = 0; i < to->nr_slots; i++)
		if (to->slots[i].text.start)
			qsort(to->slots[i].documents, to->slots[i].nr_documents,
			      sizeof(uint32_t), by_number);
}

static void threaded(const char *path, int nr_threads)
{
	struct job job = {.docs = documents_open(path),
			  .nr_shares = (size_t)nr_threads};
	struct link *links;
	size_t n = 0;

	job.maps = allocate(job.nr_shares, sizeof(*job.maps));
	job.reduced = allocate(job.nr_shares, sizeof(*job.reduced));
	parallel(nr_threads, job.docs.nr, &job, map);
	parallel(nr_threads, job.nr_shares, &job, reduce);

	for (size_t i = 0; i < job.nr_shares; i++)
		n += job.reduced[i].nr_used;
	links = allocate(n, sizeof(*links));
	n = 0;
	for (size_t i = 0; i < job.nr_shares; i++) {
		for (size_t s = 0; s < job.reduced[i].nr_slots; s++)
			if (job.reduced[i].slots[s].text.start)
				links[n++] = job.reduced[i].slots[s];
		free(job.reduced[i].slots);
		free(job.maps[i].slots);
	}
	print_links(links, n, job.docs.nr);
	free(links);
	free(job.reduced);
	free(job.maps);
	documents_close(&job.docs);
}

/* -- input ----------------------------------------------------------------- */

static size_t write_document(FILE *f, uint64_t *state)
{
	size_t done = (size_t)fprintf(f, "<html><body>\n");

	while (done < DOCUMENT_BYTES) {
		uint64_t r = random_next(state);

		/* Some targets are more popular than others. */
		if (r % 4 == 0)
			done += (size_t)fprintf(
				f,
				"%shttp://host%llu.example/page%llu\">%llu</"
				"a>\n",
				tag, (unsigned long long)((r >> 8) % 7),
				(unsigned long long)((r >> 16) % NR_TARGETS *
						     ((r >> 32) % 64) / 64),
				(unsigned long long)(r >> 48));
		else
			done += (size_t)fprintf(f, "<p>%016llx and text</p>\n",
						(unsigned long long)r);
	}
	return done + (size_t)fprintf(f, "</body></html>\n");
}

static void generate(const char *folder, size_t bytes, uint64_t seed)
{
	uint64_t state = random_start(seed);
	char path[MAX_PATH];
	size_t done = 0;

	if (mkdir(folder, 0755))
		fail(folder);
	for (unsigned int i = 0; done < bytes; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/%05u.html", folder, i);
		f = output_open(path);
		done += write_document(f, &state);
		output_close(f);
	}
}

const struct program program = {
	.name = "revindex",
	.generate = generate,
	.sequential = sequential,
	.threaded = threaded,
};
