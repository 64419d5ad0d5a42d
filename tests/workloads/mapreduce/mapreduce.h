/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the map-reduce programs share: command line, input, threads.
 *
 * Each program defines @program; main() is here.  Its sequential and its
 * threaded version are written apart and print the same, byte for byte,
 * whatever the number of threads and the kernel: sums are of integers, what is
 * printed is sorted.
 *
 *	wordcount generate SIZE PATH [SEED]	make input of about SIZE
 *	wordcount [--read] seq PATH
 *	wordcount [--read] threads N PATH
 *
 * Input is mapped privately, or with --read read into memory of malloc().
 * --peak says at the end, on stderr, how much memory was resident at most.
 */
#ifndef MAPREDUCE_H
#define MAPREDUCE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct input {
	char *data; /* the program may write to it; the file stays as it is */
	size_t size;
};

struct program {
	const char *name;
	/* Writes about @bytes of input to @path, the same for each @seed. */
	void (*generate)(const char *path, size_t bytes, uint64_t seed);
	void (*sequential)(const char *path);
	void (*threaded)(const char *path, int nr_threads);
};

extern const struct program program;

/**
 * input_open - the contents of file @path, mapped or read as the command line
 * says.  Ends the program if that fails.
 */
struct input input_open(const char *path);

/** input_close - gives the memory back. */
void input_close(struct input *in);

/**
 * output_open - a new file @path to write to; output_close() looks whether all
 * was written.  Both end the program on failure.
 */
FILE *output_open(const char *path);
void output_close(FILE *f);

/**
 * parallel - calls @work(@ctx, thread, task) for each task below @nr_tasks in
 * @nr_threads threads, each of which takes the next one when it has finished
 * one.  Returns when all are done.
 */
void parallel(int nr_threads, size_t nr_tasks, void *ctx,
	      void (*work)(void *ctx, int thread, size_t task));

/**
 * text_splits - offsets that cut @in into pieces of about @bytes, none within
 * a word (of letters).  Piece i is from [i] to [i + 1]; of malloc().
 */
size_t *text_splits(const struct input *in, size_t bytes, size_t *nr_splits);

/** allocate - zeroed memory, or the program ends. */
void *allocate(size_t nr, size_t bytes);

/** fail - says what failed, with errno unless it is 0, and ends the program. */
void fail(const char *what) __attribute__((noreturn));

/** is_letter - of the ASCII alphabet, whatever the locale. */
static inline int is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* FNV-1a, as its authors publish it: http://www.isthe.com/chongo/tech/comp/fnv
 */
#define HASH_START 0xcbf29ce484222325ull

static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n--)
		hash = (hash ^ *p++) * 0x100000001b3ull;
	return hash;
}

/* Marsaglia's xorshift64* ("Xorshift RNGs", 2003; Vigna 2014). */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/** random_start - a state for random_next(); any @seed will do. */
static inline uint64_t random_start(uint64_t seed)
{
	return (seed + 1) * 0x9e3779b97f4a7c15ull | 1;
}

#endif
