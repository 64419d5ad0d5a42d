/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linear regression: the line through points (x, y), a byte each.  All sums
 * are integers; only what is printed is computed from them.
 */
#include "mapreduce.h"

#include <pthread.h>
#include <stdlib.h>

#define POINTS_A_TASK (16 << 10)

struct point {
	uint8_t x, y;
};

struct sums {
	uint64_t n, x, y, xx, yy, xy;
};

/* In thousandths, rounded down; the same on any machine. */
static long long thousandths(__int128 numerator, __int128 denominator)
{
	return denominator ? (long long)(numerator * 1000 / denominator) : 0;
}

static void print_line(const struct sums *s)
{
	__int128 sxy = (__int128)s->n * s->xy - (__int128)s->x * s->y;
	__int128 sxx = (__int128)s->n * s->xx - (__int128)s->x * s->x;
	__int128 syy = (__int128)s->n * s->yy - (__int128)s->y * s->y;
	__int128 rest = (__int128)s->y * sxx - (__int128)s->x * sxy;

	printf("points %llu x %llu y %llu xx %llu yy %llu xy %llu\n",
	       (unsigned long long)s->n, (unsigned long long)s->x,
	       (unsigned long long)s->y, (unsigned long long)s->xx,
	       (unsigned long long)s->yy, (unsigned long long)s->xy);
	printf("slope %lld/1000 y(0) %lld/1000 r^2 %lld/1000\n",
	       thousandths(sxy, sxx),
	       thousandths(rest / (s->n ? (__int128)s->n : 1), sxx),
	       thousandths(sxx ? sxy * 1024 / sxx * sxy : 0, syy * 1024));
}

static void sequential(const char *path)
{
	struct input in = input_open(path);
	const struct point *p = (const struct point *)in.data;
	struct sums s = {.n = in.size / sizeof(*p)};

	for (size_t i = 0; i < s.n; i++) {
		s.x += p[i].x;
		s.y += p[i].y;
		s.xx += (uint64_t)p[i].x * p[i].x;
		s.yy += (uint64_t)p[i].y * p[i].y;
		s.xy += (uint64_t)p[i].x * p[i].y;
	}
	print_line(&s);
	input_close(&in);
}

struct job {
	const struct point *points;
	size_t nr_points;
	pthread_mutex_t lock;
	struct sums sum; /* [lock] */
};

/* 32 bits are enough for the sums of a task. */
static void map(void *ctx, int thread, size_t task)
{
	struct job *job = ctx;
	size_t first = task * POINTS_A_TASK, n = job->nr_points - first;
	const struct point *p = job->points + first;
	uint32_t x = 0, y = 0, xx = 0, yy = 0, xy = 0;

	(void)thread;
	if (n > POINTS_A_TASK)
		n = POINTS_A_TASK;
	for (size_t i = 0; i < n; i++) {
		uint32_t px = p[i].x, py = p[i].y;

		x += px;
		y += py;
		xx += px * px;
		yy += py * py;
		xy += px * py;
	}
	pthread_mutex_lock(&job->lock);
	job->sum.n += n;
	job->sum.x += x;
	job->sum.y += y;
	job->sum.xx += xx;
	job->sum.yy += yy;
	job->sum.xy += xy;
	pthread_mutex_unlock(&job->lock);
}

static void threaded(const char *path, int nr_threads)
{
	struct input in = input_open(path);
	struct job job = {.points = (const struct point *)in.data,
			  .nr_points = in.size / sizeof(struct point),
			  .lock = PTHREAD_MUTEX_INITIALIZER};

	parallel(nr_threads,
		 (job.nr_points + POINTS_A_TASK - 1) / POINTS_A_TASK, &job,
		 map);
	print_line(&job.sum);
	input_close(&in);
}

/* Points around a line. */
static void generate(const char *path, size_t bytes, uint64_t seed)
{
	uint64_t state = random_start(seed);
	FILE *f = output_open(path);

	for (size_t i = 0; i < bytes / sizeof(struct point); i++) {
		uint64_t r = random_next(&state);
		struct point p = {.x = (uint8_t)r};

		p.y = (uint8_t)(20 + p.x * 2 / 3 + (r >> 8) % 32);
		fwrite(&p, sizeof(p), 1, f);
	}
	output_close(f);
}

const struct program program = {
	.name = "linreg",
	.generate = generate,
	.sequential = sequential,
	.threaded = threaded,
};
