/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * String match: in which lines do some secret words stand?  Only digests of
 * the secrets are known, so each word of the text is digested and compared.
 *
 * The text is only read.  The sequential version digests word by word as it
 * reads; threads copy each word first, as programs do that encrypt in place.
 */
#include "mapreduce.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_BYTES (64 << 10)
#define NR_SECRETS  4
#define LINE_BYTES  60
#define MAX_WORD    32
#define NR_ROUNDS   4 /* of the digest */

static const char *const secrets[NR_SECRETS] = {"Helloworld", "howareyou",
						"ferrari", "whotheman"};

static uint64_t digest_word(const char *word, size_t length)
{
	uint64_t digest = HASH_START;

	for (int i = 0; i < NR_ROUNDS; i++)
		digest = hash_bytes(digest, word, length);
	return digest;
}

struct matches {
	uint64_t nr[NR_SECRETS];
	uint64_t places[NR_SECRETS]; /* sum of the offsets */
	uint64_t nr_words;
};

static void match(struct matches *m, const uint64_t *digests, uint64_t digest,
		  size_t offset)
{
	m->nr_words++;
	for (int i = 0; i < NR_SECRETS; i++) {
		if (digest == digests[i]) {
			m->nr[i]++;
			m->places[i] += offset;
		}
	}
}

static void digest_secrets(uint64_t *digests)
{
	for (int i = 0; i < NR_SECRETS; i++)
		digests[i] = digest_word(secrets[i], strlen(secrets[i]));
}

static void print_matches(const struct matches *m)
{
	printf("words %llu\n", (unsigned long long)m->nr_words);
	for (int i = 0; i < NR_SECRETS; i++)
		printf("%s: %llu times, offsets %llu\n", secrets[i],
		       (unsigned long long)m->nr[i],
		       (unsigned long long)m->places[i]);
}

static void sequential(const char *path)
{
	struct input in = input_open(path);
	uint64_t digests[NR_SECRETS];
	struct matches m = {0};

	digest_secrets(digests);
	for (size_t at = 0, start; at < in.size; at++) {
		start = at;
		while (at < in.size && is_letter(in.data[at]))
			at++;
		if (at > start)
			match(&m, digests,
			      digest_word(in.data + start, at - start), start);
	}
	print_matches(&m);
	input_close(&in);
}

struct job {
	struct input in;
	size_t *splits;
	uint64_t digests[NR_SECRETS];
	pthread_mutex_t lock;
	struct matches sum; /* [lock] */
};

/* Words longer than any secret are counted, not digested. */
static void map(void *ctx, int thread, size_t task)
{
	struct job *job = ctx;
	struct matches m = {0};
	char word[MAX_WORD];
	size_t length = 0;

	(void)thread;
	for (size_t at = job->splits[task];; at++) {
		int is_end = at == job->splits[task + 1];

		if (!is_end && is_letter(job->in.data[at])) {
			if (length < MAX_WORD)
				word[length] = job->in.data[at];
			length++;
			continue;
		}
		if (length > MAX_WORD)
			m.nr_words++;
		else if (length)
			match(&m, job->digests, digest_word(word, length),
			      at - length);
		length = 0;
		if (is_end)
			break;
	}
	pthread_mutex_lock(&job->lock);
	for (int i = 0; i < NR_SECRETS; i++) {
		job->sum.nr[i] += m.nr[i];
		job->sum.places[i] += m.places[i];
	}
	job->sum.nr_words += m.nr_words;
	pthread_mutex_unlock(&job->lock);
}

static void threaded(const char *path, int nr_threads)
{
	struct job job = {.in = input_open(path),
			  .lock = PTHREAD_MUTEX_INITIALIZER};
	size_t nr_splits;

	digest_secrets(job.digests);
	job.splits = text_splits(&job.in, SPLIT_BYTES, &nr_splits);
	parallel(nr_threads, nr_splits, &job, map);
	print_matches(&job.sum);
	free(job.splits);
	input_close(&job.in);
}

/* Words of random letters, a secret in each 200 or so. */
static void generate(const char *path, size_t bytes, uint64_t seed)
{
	uint64_t state = random_start(seed);
	FILE *f = output_open(path);
	size_t done = 0, line = 0;

	while (done < bytes) {
		uint64_t r = random_next(&state);
		char word[MAX_WORD];
		size_t length = 1 + r % 14;

		if ((r >> 8) % 200 == 0) {
			strcpy(word, secrets[(r >> 32) % NR_SECRETS]);
			length = strlen(word);
		} else {
			for (size_t i = 0; i < length; i++)
				word[i] =
					(char)('a' + random_next(&state) % 26);
		}
		line += length;
		word[length] = line > LINE_BYTES ? '\n' : ' ';
		if (line > LINE_BYTES)
			line = 0;
		done += fwrite(word, 1, length + 1, f);
	}
	output_close(f);
}

const struct program program = {
	.name = "stringmatch",
	.generate = generate,
	.sequential = sequential,
	.threaded = threaded,
};
