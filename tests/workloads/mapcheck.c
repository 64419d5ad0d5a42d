/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every read-only page mapped from a file must be the file's, also after
 * forks, faults and handlers.  Says which pages are not. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int check_range(const char *start, const char *end, long offset,
		       const char *path)
{
	static char page[4096];
	int fd = open(path, O_RDONLY), bad = 0;

	for (; start < end; start += 4096, offset += 4096) {
		long n = pread(fd, page, sizeof(page), offset);

		if (n <= 0 || memcmp(page, start, (size_t)n)) {
			fprintf(stderr, "%s: %lx at %p differs\n", path, offset,
				(const void *)start);
			bad++;
		}
	}
	close(fd);
	return bad;
}

static int check_all(void)
{
	unsigned long start, end, offset;
	char line[512], prot[8], path[256];
	FILE *maps = fopen("/proc/self/maps", "r");
	int bad = 0;

	while (fgets(line, sizeof(line), maps)) {
		path[0] = 0;
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %255s", &start, &end,
			   prot, &offset, path) < 4)
			continue;
		/* Not those that were made read-only after relocation. */
		if (path[0] == '/' && prot[0] == 'r' && prot[2] == 'x')
			bad += check_range((char *)start, (char *)end,
					   (long)offset, path);
	}
	fclose(maps);
	return bad;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 20;

	for (int i = 0; i < rounds; i++) {
		volatile char *memory =
			mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (int j = 0; j < 65536; j += 4096)
			memory[j] = 1;
		if (!fork()) {
			for (int j = 0; j < 65536; j += 4096)
				memory[j] = 2;
			if (i % 3 == 0)
				execlp("true", "true", NULL);
			_exit(0);
		}
		wait(NULL);
		munmap((void *)memory, 65536);
	}
	printf("bad pages: %d\n", check_all());
	return 0;
}
