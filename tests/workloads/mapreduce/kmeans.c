/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * k-means: sorts points into clusters around their means.  Starts from the
 * first points and ends when no point changes its cluster, or after a number
 * of rounds.  Coordinates, distances and sums are integers.
 *
 * Each round goes over all points: the worst that can happen to a cache that is
 * smaller.
 */
#include "mapreduce.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NR_DIMENSIONS 8
#define NR_CLUSTERS   8
#define MAX_ROUNDS    8
#define POINTS_A_TASK 1024
#define RANGE         10000

struct point {
	int32_t at[NR_DIMENSIONS];
};

struct cluster {
	int64_t sum[NR_DIMENSIONS];
	int64_t nr_points;
};

static int nearest(const struct point *means, const struct point *p)
{
	int64_t best = INT64_MAX;
	int found = 0;

	for (int c = 0; c < NR_CLUSTERS; c++) {
		int64_t distance = 0;

		for (int d = 0; d < NR_DIMENSIONS; d++) {
			int64_t diff = p->at[d] - means[c].at[d];

			distance += diff * diff;
		}
		if (distance < best) {
			best = distance;
			found = c;
		}
	}
	return found;
}

static void cluster_add(struct cluster *c, const struct point *p)
{
	for (int d = 0; d < NR_DIMENSIONS; d++)
		c->sum[d] += p->at[d];
	c->nr_points++;
}

/* A cluster without points keeps its mean. */
static void means_move(struct point *means, const struct cluster *clusters)
{
	for (int c = 0; c < NR_CLUSTERS; c++)
		for (int d = 0; clusters[c].nr_points && d < NR_DIMENSIONS; d++)
			means[c].at[d] = (int32_t)(clusters[c].sum[d] /
						   clusters[c].nr_points);
}

static size_t points_of(const struct input *in, struct point *means)
{
	size_t n = in->size / sizeof(struct point);

	if (n < NR_CLUSTERS)
		fail("too few points");
	memcpy(means, in->data, NR_CLUSTERS * sizeof(*means));
	return n;
}

static void print_means(const struct point *means, const uint8_t *cluster_of,
			size_t nr_points, int nr_rounds)
{
	size_t nr[NR_CLUSTERS] = {0};

	for (size_t i = 0; i < nr_points; i++)
		nr[cluster_of[i]]++;
	printf("points %zu rounds %d digest %016llx\n", nr_points, nr_rounds,
	       (unsigned long long)hash_bytes(HASH_START, cluster_of,
					      nr_points));
	for (int c = 0; c < NR_CLUSTERS; c++) {
		printf("%zu points around", nr[c]);
		for (int d = 0; d < NR_DIMENSIONS; d++)
			printf(" %d", means[c].at[d]);
		printf("\n");
	}
}

static void sequential(const char *path)
{
	struct input in = input_open(path);
	const struct point *points = (const struct point *)in.data;
	struct point means[NR_CLUSTERS];
	size_t n = points_of(&in, means), nr_moved = 1;
	uint8_t *cluster_of = allocate(n, 1);
	int round = 0;

	for (; nr_moved && round < MAX_ROUNDS; round++) {
		struct cluster clusters[NR_CLUSTERS] = {0};

		nr_moved = round == 0;
		for (size_t i = 0; i < n; i++) {
			int c = nearest(means, &points[i]);

			nr_moved += cluster_of[i] != c;
			cluster_of[i] = (uint8_t)c;
			cluster_add(&clusters[c], &points[i]);
		}
		means_move(means, clusters);
	}
	print_means(means, cluster_of, n, round);
	free(cluster_of);
	input_close(&in);
}

struct job {
	const struct point *points;
	size_t nr_points;
	uint8_t *cluster_of;
	struct point means[NR_CLUSTERS];
	struct cluster (*clusters)[NR_CLUSTERS]; /* one set a thread */
	atomic_size_t nr_moved;
};

static size_t tasks_of(const struct job *job)
{
	return (job->nr_points + POINTS_A_TASK - 1) / POINTS_A_TASK;
}

static void map(void *ctx, int thread, size_t task)
{
	struct job *job = ctx;
	size_t first = task * POINTS_A_TASK, last = first + POINTS_A_TASK;
	size_t nr_moved = 0;

	if (last > job->nr_points)
		last = job->nr_points;
	for (size_t i = first; i < last; i++) {
		int c = nearest(job->means, &job->points[i]);

		nr_moved += job->cluster_of[i] != c;
		job->cluster_of[i] = (uint8_t)c;
		cluster_add(&job->clusters[thread][c], &job->points[i]);
	}
	atomic_fetch_add(&job->nr_moved, nr_moved);
}

/* Adds up what the threads found, and empties it for the next round. */
static void reduce(struct job *job, int nr_threads)
{
	struct cluster sums[NR_CLUSTERS] = {0};

	for (int t = 0; t < nr_threads; t++) {
		for (int c = 0; c < NR_CLUSTERS; c++) {
			struct cluster *from = &job->clusters[t][c];

			for (int d = 0; d < NR_DIMENSIONS; d++)
				sums[c].sum[d] += from->sum[d];
			sums[c].nr_points += from->nr_points;
			memset(from, 0, sizeof(*from));
		}
	}
	means_move(job->means, sums);
}

static void threaded(const char *path, int nr_threads)
{
	struct input in = input_open(path);
	struct job job = {.points = (const struct point *)in.data};
	int round = 0;

	job.nr_points = points_of(&in, job.means);
	job.cluster_of = allocate(job.nr_points, 1);
	job.clusters = allocate((size_t)nr_threads, sizeof(*job.clusters));
	job.nr_moved = 1;
	for (; job.nr_moved && round < MAX_ROUNDS; round++) {
		job.nr_moved = round == 0;
		parallel(nr_threads, tasks_of(&job), &job, map);
		reduce(&job, nr_threads);
	}
	print_means(job.means, job.cluster_of, job.nr_points, round);
	free(job.clusters);
	free(job.cluster_of);
	input_close(&in);
}

/* Points strewn around as many places as there are clusters. */
static void generate(const char *path, size_t bytes, uint64_t seed)
{
	uint64_t state = random_start(seed);
	struct point centres[NR_CLUSTERS], p;
	FILE *f = output_open(path);

	for (int c = 0; c < NR_CLUSTERS; c++)
		for (int d = 0; d < NR_DIMENSIONS; d++)
			centres[c].at[d] =
				(int32_t)(random_next(&state) % RANGE);
	for (size_t i = 0; i < bytes / sizeof(p); i++) {
		const struct point *c =
			&centres[random_next(&state) % NR_CLUSTERS];

		for (int d = 0; d < NR_DIMENSIONS; d++)
			p.at[d] = c->at[d] +
				  (int32_t)(random_next(&state) % RANGE);
		fwrite(&p, sizeof(p), 1, f);
	}
	output_close(f);
}

const struct program program = {
	.name = "kmeans",
	.generate = generate,
	.sequential = sequential,
	.threaded = threaded,
};
