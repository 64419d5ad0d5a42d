/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Histogram: how often each value of red, green and blue occurs in a bitmap
 * (BMP, 24 bits a pixel, rows padded to four bytes).
 */
#include "mapreduce.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_A_TASK  16
#define HEADER_BYTES 54
#define NR_COLOURS   3
#define NR_VALUES    256

struct bitmap {
	const unsigned char *pixels;
	uint32_t width, height;
	size_t row_bytes;
};

struct counts {
	uint64_t of[NR_COLOURS][NR_VALUES];
};

static uint32_t get32(const unsigned char *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static size_t padded(uint32_t width)
{
	return ((size_t)width * NR_COLOURS + 3) & ~(size_t)3;
}

static struct bitmap bitmap_parse(const struct input *in)
{
	const unsigned char *head = (const unsigned char *)in->data;
	struct bitmap map = {0};
	uint32_t start;

	if (in->size < HEADER_BYTES || head[0] != 'B' || head[1] != 'M' ||
	    head[28] != NR_COLOURS * 8)
		fail("no bitmap of 24 bits a pixel");
	start = get32(head + 10);
	map.width = get32(head + 18);
	map.height = get32(head + 22);
	map.row_bytes = padded(map.width);
	if (start > in->size || !map.row_bytes ||
	    map.height > (in->size - start) / map.row_bytes)
		fail("the bitmap is cut off");
	map.pixels = head + start;
	return map;
}

static void print_counts(const struct counts *c)
{
	static const char *const names[NR_COLOURS] = {"blue", "green", "red"};

	for (int colour = 0; colour < NR_COLOURS; colour++) {
		const uint64_t *n = c->of[colour];
		uint64_t total = 0, sum = 0;

		for (int v = 0; v < NR_VALUES; v++) {
			total += n[v];
			sum += n[v] * (uint64_t)v;
		}
		printf("%s: pixels %llu sum %llu digest %016llx\n",
		       names[colour], (unsigned long long)total,
		       (unsigned long long)sum,
		       (unsigned long long)hash_bytes(HASH_START, n,
						      sizeof(c->of[colour])));
		for (int v = 0; v < NR_VALUES; v += 32)
			printf("  %3d: %llu\n", v, (unsigned long long)n[v]);
	}
}

/* Pixel by pixel over the whole picture. */
static void sequential(const char *path)
{
	struct input in = input_open(path);
	struct bitmap map = bitmap_parse(&in);
	struct counts *counts = allocate(1, sizeof(*counts));

	for (uint32_t y = 0; y < map.height; y++) {
		const unsigned char *p = map.pixels + y * map.row_bytes;

		for (uint32_t x = 0; x < map.width; x++, p += NR_COLOURS) {
			counts->of[0][p[0]]++;
			counts->of[1][p[1]]++;
			counts->of[2][p[2]]++;
		}
	}
	print_counts(counts);
	free(counts);
	input_close(&in);
}

struct job {
	struct bitmap map;
	struct counts *counts; /* one a thread */
};

/* Colour by colour in each band of rows. */
static void map_rows(void *ctx, int thread, size_t task)
{
	struct job *job = ctx;
	const struct bitmap *map = &job->map;
	size_t first = task * ROWS_A_TASK, last = first + ROWS_A_TASK;

	if (last > map->height)
		last = map->height;
	for (size_t y = first; y < last; y++) {
		const unsigned char *row = map->pixels + y * map->row_bytes;

		for (int colour = 0; colour < NR_COLOURS; colour++) {
			uint64_t *n = job->counts[thread].of[colour];

			for (size_t x = 0; x < map->width; x++)
				n[row[x * NR_COLOURS + colour]]++;
		}
	}
}

static void threaded(const char *path, int nr_threads)
{
	struct input in = input_open(path);
	struct job job = {.map = bitmap_parse(&in)};
	struct counts sum = {0};

	job.counts = allocate((size_t)nr_threads, sizeof(*job.counts));
	parallel(nr_threads, (job.map.height + ROWS_A_TASK - 1) / ROWS_A_TASK,
		 &job, map_rows);
	for (int t = 0; t < nr_threads; t++)
		for (int c = 0; c < NR_COLOURS; c++)
			for (int v = 0; v < NR_VALUES; v++)
				sum.of[c][v] += job.counts[t].of[c][v];
	print_counts(&sum);
	free(job.counts);
	input_close(&in);
}

/* Slopes with noise, so that the colours differ. */
static void generate(const char *path, size_t bytes, uint64_t seed)
{
	unsigned char head[HEADER_BYTES] = {'B', 'M'};
	uint64_t state = random_start(seed);
	uint32_t width = 641, height;
	size_t row_bytes = padded(width);
	unsigned char *row = allocate(1, row_bytes);
	FILE *f = output_open(path);

	height = (uint32_t)(bytes / row_bytes) + 1;
	put32(head + 2, (uint32_t)(HEADER_BYTES + height * row_bytes));
	put32(head + 10, HEADER_BYTES);
	put32(head + 14, HEADER_BYTES - 14);
	put32(head + 18, width);
	put32(head + 22, height);
	head[26] = 1;
	head[28] = NR_COLOURS * 8;
	put32(head + 34, (uint32_t)(height * row_bytes));
	fwrite(head, 1, sizeof(head), f);
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			uint64_t r = random_next(&state);

			row[x * 3] = (unsigned char)(r & 0x7f);
			row[x * 3 + 1] = (unsigned char)(x / 4 + (r >> 8) % 64);
			row[x * 3 + 2] = (unsigned char)(y + (r >> 16) % 16);
		}
		fwrite(row, 1, row_bytes, f);
	}
	free(row);
	output_close(f);
}

const struct program program = {
	.name = "histogram",
	.generate = generate,
	.sequential = sequential,
	.threaded = threaded,
};
