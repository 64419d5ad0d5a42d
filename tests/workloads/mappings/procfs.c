/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/self: maps, smaps, smaps_rollup, statm, status. */
#define _GNU_SOURCE
#include "mappings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* The line of maps that begins at @at, with the address taken out. */
static const char *line_of(const void *at, const char *text_after)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	static char line[512];
	char want[32];

	snprintf(want, sizeof(want), "%lx-", (unsigned long)at);
	while (fgets(line, sizeof(line), maps))
		if (!strncmp(line, want, strlen(want)))
			break;
	fclose(maps);
	line[strcspn(line, "\n")] = 0;
	if (strncmp(line, want, strlen(want)))
		return "no such line";
	/* "start-end rights offset dev inode  path" */
	return text_after ? strstr(line, text_after) : strchr(line, ' ') + 1;
}

static bool has_name(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	bool is_there = false;

	while (fgets(line, sizeof(line), maps)) {
		line[strcspn(line, "\n")] = 0;
		is_there |= strlen(line) > 73 && !strcmp(line + 73, name);
	}
	fclose(maps);
	return is_there;
}

static void maps(void)
{
	char name[] = "/tmp/mappings-name-XXXXXX", *at, *shared;
	int fd = mkstemp(name);
	const char *line;

	at = map(4, PROT_READ);
	mprotect(at + PAGE, PAGE, RW);
	mprotect(at + 2 * PAGE, PAGE, PROT_NONE);
	mprotect(at + 3 * PAGE, PAGE, PROT_READ | PROT_EXEC);
	for (int i = 0; i < 4; i++)
		say("[%s]", line_of(at + (size_t)i * PAGE, NULL));
	munmap(at, 4 * PAGE);
	if (ftruncate(fd, 8 * PAGE))
		say("ftruncate fails");
	shared = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 3 * PAGE);
	line = line_of(shared, NULL);
	say("[%.13s], path in column 73: %d", line,
	    !strncmp(line_of(shared, "/tmp"), name, sizeof(name)));
	unlink(name);
	line = line_of(shared, "/tmp");
	say("unlinked: [%s]", line ? line + strlen(name) : "no path");
	munmap(shared, PAGE);
	shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	say("shared: [%.13s] [%s]", line_of(shared, NULL),
	    line_of(shared, "/dev"));
	munmap(shared, PAGE);
	sbrk(PAGE);
	say("heap %d, stack %d", has_name("[heap]"), has_name("[stack]"));
	close(fd);
}

/* A field in the entry of smaps that begins at @at, in kB. */
static long smaps_kb(const void *at, const char *field)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	bool is_here = false;
	char line[512];
	long kb = -1;

	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_here = start == (unsigned long)at;
		else if (is_here && !strncmp(line, field, strlen(field)) &&
			 line[strlen(field)] == ':')
			kb = strtol(line + strlen(field) + 1, NULL, 10);
	}
	if (smaps)
		fclose(smaps);
	return kb;
}

static void smaps(void)
{
	static const char *const fields[] = {"Size",          "KernelPageSize",
					     "MMUPageSize",   "Rss",
					     "Pss",           "Shared_Clean",
					     "Shared_Dirty",  "Private_Clean",
					     "Private_Dirty", "Anonymous",
					     "Swap",          "SwapPss",
					     "Locked"};
	char *at = map(10, RW);

	madvise(at, 10 * PAGE, MADV_DONTDUMP); /* an entry of its own */
	fill(at, 7, 1);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		say("%s: %ld", fields[i], smaps_kb(at, fields[i]));
	munmap(at, 10 * PAGE);
}

static bool rollup_has(const char *field, long at_least)
{
	FILE *rollup = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kb = -1;

	while (rollup && fgets(line, sizeof(line), rollup))
		if (!strncmp(line, field, strlen(field)) &&
		    line[strlen(field)] == ':')
			kb = strtol(line + strlen(field) + 1, NULL, 10);
	if (rollup)
		fclose(rollup);
	return kb >= at_least;
}

static void rollup(void)
{
	static const char *const fields[] = {"Rss",
					     "Pss",
					     "Shared_Clean",
					     "Shared_Dirty",
					     "Private_Clean",
					     "Private_Dirty",
					     "Referenced",
					     "Anonymous",
					     "LazyFree",
					     "AnonHugePages",
					     "Shared_Hugetlb",
					     "Private_Hugetlb",
					     "Swap",
					     "SwapPss",
					     "Locked"};
	char *at = map(256, RW);

	fill(at, 256, 1);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		say("%s is there: %d", fields[i], rollup_has(fields[i], 0));
	say("Rss, Private_Dirty, Anonymous: %d %d %d", rollup_has("Rss", 1024),
	    rollup_has("Private_Dirty", 1024), rollup_has("Anonymous", 1024));
	munmap(at, 256 * PAGE);
}

struct statm {
	long size, resident, shared, text, lib, data, dt;
};

static struct statm statm(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	struct statm m = {0};

	if (!file ||
	    fscanf(file, "%ld %ld %ld %ld %ld %ld %ld", &m.size, &m.resident,
		   &m.shared, &m.text, &m.lib, &m.data, &m.dt) != 7)
		say("statm has not 7 numbers");
	if (file)
		fclose(file);
	return m;
}

/* Pages of files may come beside those that are touched, so there is room.
 * Differences, of figures whose absolute values are the machine's. */
static void figures(void)
{
	long size = status_kb("VmSize"), data = status_kb("VmData");
	struct statm before = statm(), now;
	char *at = map(512, RW);

	say("VmSize and VmData, 2 MiB more: %ld %ld",
	    status_kb("VmSize") - size, status_kb("VmData") - data);
	fill(at, 256, 1);
	now = statm();
	say("statm: size %ld, data %ld", now.size - before.size,
	    now.data - before.data);
	say("resident, 1 MiB touched: %d",
	    now.resident - before.resident >= 256 &&
		    now.resident - before.resident < 400);
	mprotect(at, 256 * PAGE, PROT_READ);
	say("VmData, half of it read-only: %ld", status_kb("VmData") - data);
	munmap(at, 512 * PAGE);
	now = statm();
	say("unmapped: %ld %ld %d", now.size - before.size,
	    now.data - before.data, now.resident - before.resident < 144);
	say("VmPeak remembers: %d", status_kb("VmPeak") >= size + 2048);
	say("VmHWM remembers: %d",
	    status_kb("VmHWM") >= status_kb("VmRSS") + 400);
	say("VmHWM is not more than VmPeak: %d",
	    status_kb("VmHWM") <= status_kb("VmPeak"));
}

static void sums(void)
{
	struct rusage usage;

	say("VmRSS is its parts: %d",
	    status_kb("VmRSS") == status_kb("RssAnon") + status_kb("RssFile") +
					  status_kb("RssShmem"));
	say("figures: %d %d %d %d %d %d", status_kb("VmStk") > 0,
	    status_kb("VmExe") > 0, status_kb("VmPTE") > 0,
	    status_kb("VmSwap") == 0, status_kb("VmPin") == 0,
	    status_kb("VmLib") >= 0);
	say("text: %d", statm().text > 0);
	getrusage(RUSAGE_SELF, &usage);
	say("ru_maxrss: %d",
	    usage.ru_maxrss > 0 && usage.ru_maxrss >= status_kb("VmRSS"));
}

void section_proc(void)
{
	maps();
	smaps();
	rollup();
	figures();
	sums();
}
