/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One thread reads pages that are at the memory node, again and again; with
 * `beside`, another one computes meanwhile.
 *
 *	beside NR_PAGES alone|beside
 *
 * The test looks at the kernel's counters: did the reader poll or sleep?
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ul

static volatile bool is_over;
static volatile unsigned long nr_rounds;

static void *compute(void *arg)
{
	while (!is_over)
		nr_rounds++;
	return arg;
}

int main(int argc, char **argv)
{
	unsigned long nr_pages = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	bool has_other = argc == 3 && !strcmp(argv[2], "beside");
	volatile unsigned long *at;
	pthread_t other;

	at = mmap(NULL, nr_pages * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (unsigned long i = 0; i < nr_pages; i++)
		at[i * PAGE / sizeof(*at)] = i * 7 + 1;
	if (has_other && pthread_create(&other, NULL, compute, NULL))
		return 1;
	while (has_other && !nr_rounds)
		;
	for (unsigned long i = 0; i < nr_pages; i++) {
		if (at[i * PAGE / sizeof(*at)] != i * 7 + 1) {
			printf("page %lu is wrong\n", i);
			return 1;
		}
	}
	is_over = true;
	if (has_other)
		pthread_join(other, NULL);
	printf("read %lu pages\n", nr_pages);
	return 0;
}
