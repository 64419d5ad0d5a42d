/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Principal component analysis of the rows of a matrix: means, covariances, and
 * the direction in which the rows vary most, by power iteration.  Sums are of
 * integers; the iteration is in floating point, always in the same order.
 *
 * The sequential version adds column by column to all covariances.  Threads
 * take one pair of rows at a time, so each row is read again and again.
 */
#include "mapreduce.h"

#include <stdlib.h>

#define NR_ROWS       32
#define NR_ITERATIONS 50
#define NR_PAIRS      (NR_ROWS * (NR_ROWS + 1) / 2)
#define NR_SOURCES    3

struct matrix {
	const int32_t *of[NR_ROWS];
	size_t nr_columns;
	int64_t mean[NR_ROWS];
	int64_t covariance[NR_ROWS][NR_ROWS]; /* [i][j], j <= i */
};

static void matrix_init(struct matrix *m, const struct input *in)
{
	m->nr_columns = in->size / sizeof(int32_t) / NR_ROWS;
	if (m->nr_columns < 2)
		fail("too few columns");
	for (size_t i = 0; i < NR_ROWS; i++)
		m->of[i] = (const int32_t *)in->data + i * m->nr_columns;
}

static int64_t mean_of(const struct matrix *m, size_t row)
{
	int64_t sum = 0;

	for (size_t x = 0; x < m->nr_columns; x++)
		sum += m->of[row][x];
	return sum / (int64_t)m->nr_columns;
}

static double covariance(const struct matrix *m, int i, int j)
{
	return (double)(i > j ? m->covariance[i][j] : m->covariance[j][i]);
}

static double largest(const double *v)
{
	double most = 0;

	for (int i = 0; i < NR_ROWS; i++) {
		double size = v[i] < 0 ? -v[i] : v[i];

		most = size > most ? size : most;
	}
	return most;
}

static void print_component(const struct matrix *m)
{
	double v[NR_ROWS], next[NR_ROWS], scale = 1;

	for (int i = 0; i < NR_ROWS; i++)
		v[i] = 1.0 / (i + 1);
	for (int round = 0; round < NR_ITERATIONS; round++) {
		for (int i = 0; i < NR_ROWS; i++) {
			next[i] = 0;
			for (int j = 0; j < NR_ROWS; j++)
				next[i] += covariance(m, i, j) * v[j];
		}
		scale = largest(next);
		for (int i = 0; scale > 0 && i < NR_ROWS; i++)
			v[i] = next[i] / scale;
	}
	printf("scale %.9g direction", scale);
	for (int i = 0; i < NR_ROWS; i++)
		printf(" %.6f", v[i]);
	printf("\n");
}

static void print_matrix(const struct matrix *m)
{
	printf("rows %d columns %zu digest %016llx\n", NR_ROWS, m->nr_columns,
	       (unsigned long long)hash_bytes(HASH_START, m->covariance,
					      sizeof(m->covariance)));
	for (int i = 0; i < NR_ROWS; i += 8)
		printf("row %d: mean %lld variance %lld\n", i,
		       (long long)m->mean[i], (long long)m->covariance[i][i]);
	print_component(m);
}

static void sequential(const char *path)
{
	struct input in = input_open(path);
	struct matrix *m = allocate(1, sizeof(*m));
	int64_t n, column[NR_ROWS];

	matrix_init(m, &in);
	n = (int64_t)m->nr_columns - 1;
	for (size_t i = 0; i < NR_ROWS; i++)
		m->mean[i] = mean_of(m, i);
	for (size_t x = 0; x < m->nr_columns; x++) {
		for (size_t i = 0; i < NR_ROWS; i++) {
			column[i] = m->of[i][x] - m->mean[i];
			for (size_t j = 0; j <= i; j++)
				m->covariance[i][j] += column[i] * column[j];
		}
	}
	for (size_t i = 0; i < NR_ROWS; i++)
		for (size_t j = 0; j <= i; j++)
			m->covariance[i][j] /= n;
	print_matrix(m);
	free(m);
	input_close(&in);
}

static void map_mean(void *ctx, int thread, size_t row)
{
	struct matrix *m = ctx;

	(void)thread;
	m->mean[row] = mean_of(m, row);
}

/* Pairs are counted row by row of the triangle. */
static void map_covariance(void *ctx, int thread, size_t pair)
{
	struct matrix *m = ctx;
	int64_t sum = 0;
	size_t i = 0, j;

	(void)thread;
	while ((i + 1) * (i + 2) / 2 <= pair)
		i++;
	j = pair - i * (i + 1) / 2;
	for (size_t x = 0; x < m->nr_columns; x++)
		sum += (m->of[i][x] - m->mean[i]) * (m->of[j][x] - m->mean[j]);
	m->covariance[i][j] = sum / ((int64_t)m->nr_columns - 1);
}

static void threaded(const char *path, int nr_threads)
{
	struct input in = input_open(path);
	struct matrix *m = allocate(1, sizeof(*m));

	matrix_init(m, &in);
	parallel(nr_threads, NR_ROWS, m, map_mean);
	parallel(nr_threads, NR_PAIRS, m, map_covariance);
	print_matrix(m);
	free(m);
	input_close(&in);
}

/* Each row mixes a few sources, so that the rows depend on each other. */
static void generate(const char *path, size_t bytes, uint64_t seed)
{
	size_t nr_columns = bytes / sizeof(int32_t) / NR_ROWS;
	FILE *f = output_open(path);

	for (int row = 0; row < NR_ROWS; row++) {
		uint64_t sources = random_start(seed);
		uint64_t noise = random_start(seed + 1 + (uint64_t)row);

		for (size_t x = 0; x < nr_columns; x++) {
			int32_t value = (int32_t)(random_next(&noise) % 1000);

			for (int s = 0; s < NR_SOURCES; s++)
				value += (int32_t)(random_next(&sources) %
						   1000) *
					 ((row + s) % 5);
			fwrite(&value, sizeof(value), 1, f);
		}
	}
	output_close(f);
}

const struct program program = {
	.name = "pca",
	.generate = generate,
	.sequential = sequential,
	.threaded = threaded,
};
