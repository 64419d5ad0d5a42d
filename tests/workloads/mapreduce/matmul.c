/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Matrix multiply: C = A x B, both square and in one file, row by row.
 *
 * The sequential version takes some rows of A at a time through all of B.
 * Threads compute one square tile of C at a time, from a band of A and a column
 * of tiles of B, which lie in other pages row by row.
 */
#include "mapreduce.h"

#include <stdlib.h>

#define BAND_ROWS 16
#define TILE      64

struct matrices {
	const int64_t *a, *b;
	int64_t *c;
	size_t n;
};

static struct matrices matrices_of(const struct input *in)
{
	size_t nr = in->size / sizeof(int64_t) / 2, n = 0;
	struct matrices m;

	while ((n + 1) * (n + 1) <= nr)
		n++;
	m.n = n;
	m.a = (const int64_t *)in->data;
	m.b = m.a + n * n;
	m.c = allocate(n * n, sizeof(*m.c));
	return m;
}

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void print_matrix(const struct matrices *m)
{
	int64_t trace = 0;

	for (size_t i = 0; i < m->n; i++)
		trace += m->c[i * m->n + i];
	printf("%zu x %zu digest %016llx\n", m->n, m->n,
	       (unsigned long long)hash_bytes(HASH_START, m->c,
					      m->n * m->n * sizeof(*m->c)));
	printf("trace %lld first %lld last %lld\n", (long long)trace,
	       (long long)m->c[0], (long long)m->c[m->n * m->n - 1]);
}

static void sequential(const char *path)
{
	struct input in = input_open(path);
	struct matrices m = matrices_of(&in);
	size_t n = m.n;

	for (size_t band = 0; band < n; band += BAND_ROWS) {
		for (size_t k = 0; k < n; k++) {
			const int64_t *row = &m.b[k * n];

			for (size_t i = band; i < min(band + BAND_ROWS, n);
			     i++) {
				int64_t a = m.a[i * n + k], *c = &m.c[i * n];

				for (size_t j = 0; j < n; j++)
					c[j] += a * row[j];
			}
		}
	}
	print_matrix(&m);
	free(m.c);
	input_close(&in);
}

static void tile_add(const struct matrices *m, size_t row, size_t column,
		     size_t k)
{
	size_t n = m->n, last_row = min(row + TILE, n);
	size_t last_column = min(column + TILE, n), last_k = min(k + TILE, n);

	/* Along the rows of B: a column lies in as many pages as rows. */
	for (size_t i = row; i < last_row; i++) {
		for (size_t l = k; l < last_k; l++) {
			int64_t a = m->a[i * n + l];

			for (size_t j = column; j < last_column; j++)
				m->c[i * n + j] += a * m->b[l * n + j];
		}
	}
}

static void map(void *ctx, int thread, size_t task)
{
	const struct matrices *m = ctx;
	size_t nr_tiles = (m->n + TILE - 1) / TILE;

	(void)thread;
	for (size_t k = 0; k < m->n; k += TILE)
		tile_add(m, task / nr_tiles * TILE, task % nr_tiles * TILE, k);
}

static void threaded(const char *path, int nr_threads)
{
	struct input in = input_open(path);
	struct matrices m = matrices_of(&in);
	size_t nr_tiles = (m.n + TILE - 1) / TILE;

	parallel(nr_threads, nr_tiles * nr_tiles, &m, map);
	print_matrix(&m);
	free(m.c);
	input_close(&in);
}

static void generate(const char *path, size_t bytes, uint64_t seed)
{
	uint64_t state = random_start(seed);
	FILE *f = output_open(path);

	for (size_t i = 0; i < bytes / sizeof(int64_t); i++) {
		int64_t value = (int64_t)(random_next(&state) % 2001) - 1000;

		fwrite(&value, sizeof(value), 1, f);
	}
	output_close(f);
}

const struct program program = {
	.name = "matmul",
	.generate = generate,
	.sequential = sequential,
	.threaded = threaded,
};
