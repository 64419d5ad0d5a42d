/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct section {
	const char *name;
	void (*run)(void);
} sections[] = {
	{"fixed", section_fixed},   {"heap", section_heap},
	{"rights", section_rights}, {"arguments", section_arguments},
	{"remap", section_remap},   {"advice", section_advice},
	{"forks", section_forks},   {"resident", section_resident},
	{"locked", section_locked}, {"shared", section_shared},
	{"files", section_files},   {"ends", section_ends},
	{"sparse", section_sparse}, {"overcommit", section_overcommit},
	{"limits", section_limits}, {"growth", section_growth},
	{"proc", section_proc},     {"movers", section_movers},
};
static const char *section = "start";

/* ---- lines of output ----------------------------------------------------- */

void say(const char *format, ...)
{
	va_list args;

	printf("%s: ", section);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void tell(const char *what, long result)
{
	if (result == -1)
		say("%s: %s", what, strerrorname_np(errno));
	else
		say("%s: %ld", what, result);
}

void tell_at(const char *what, const void *result)
{
	if (result == MAP_FAILED)
		say("%s: %s", what, strerrorname_np(errno));
	else
		say("%s: ok", what);
}

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", section, what, strerror(errno));
	exit(2);
}

/* ---- memory -------------------------------------------------------------- */

char *map(size_t nr_pages, int prot)
{
	char *at = mmap(NULL, nr_pages * PAGE, prot, ANON, -1, 0);

	if (at == MAP_FAILED)
		give_up("mmap");
	return at;
}

void fill(char *at, size_t nr_pages, int base)
{
	for (size_t i = 0; i < nr_pages; i++)
		at[i * PAGE] = (char)(base + (int)i);
}

const char *bytes(const char *at, size_t nr_pages)
{
	static char text[256];
	size_t n = 0;

	text[0] = 0;
	for (size_t i = 0; i < nr_pages && n < sizeof(text) - 8; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d",
				      i ? " " : "",
				      *(volatile const char *)(at + i * PAGE));
	return text;
}

static sigjmp_buf jump;
static siginfo_t fault_info;

static void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	fault_info = *info;
	siglongjmp(jump, 1);
}

static const char *fault_name(void)
{
	bool is_bus = fault_info.si_signo == SIGBUS;

	switch (fault_info.si_code) {
	case SEGV_MAPERR:
		return is_bus ? "BUS_ADRALN" : "SEGV_MAPERR";
	case SEGV_ACCERR:
		return is_bus ? "BUS_ADRERR" : "SEGV_ACCERR";
	case SI_KERNEL:
		return "SI_KERNEL";
	default:
		return "another code";
	}
}

static void do_touch(const volatile char *at, enum access access)
{
	if (access == WRITE)
		*(volatile char *)at = *at;
	else if (access == READ)
		(void)*at;
	else
		((void (*)(void))(uintptr_t)at)();
}

const char *touch(const volatile void *at, enum access access)
{
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK},
			 old_segv, old_bus;
	static char text[64];

	sigaction(SIGSEGV, &action, &old_segv);
	sigaction(SIGBUS, &action, &old_bus);
	strcpy(text, "ok");
	if (!sigsetjmp(jump, 1))
		do_touch(at, access);
	else
		snprintf(text, sizeof(text), "%s%s", fault_name(),
			 fault_info.si_addr == at ? "" : " elsewhere");
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	return text;
}

/* Call @fn for each line of /proc/self/maps, until it returns true. */
static void each_area(bool (*fn)(unsigned long start, unsigned long end,
				 const char *rights, void *arg),
		      void *arg)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512], rights[8];

	if (!maps)
		give_up("maps");
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 &&
		    fn(start, end, rights, arg))
			break;
	fclose(maps);
}

struct search {
	unsigned long start, end;
	int nr;
	char rights[8];
};

static bool count_area(unsigned long start, unsigned long end,
		       const char *rights, void *arg)
{
	struct search *search = arg;

	(void)rights;
	search->nr += start < search->end && end > search->start;
	return false;
}

int nr_areas(const void *at, size_t nr_pages)
{
	struct search search = {.start = (unsigned long)at,
				.end = (unsigned long)at + nr_pages * PAGE};

	each_area(count_area, &search);
	return search.nr;
}

static bool find_area(unsigned long start, unsigned long end,
		      const char *rights, void *arg)
{
	struct search *search = arg;

	if (search->start < start || search->start >= end)
		return false;
	strcpy(search->rights, rights);
	return true;
}

const char *rights_at(const void *at)
{
	static struct search search;

	search = (struct search){.start = (unsigned long)at, .rights = "none"};
	each_area(find_area, &search);
	return search.rights;
}

long status_kb(const char *field)
{
	FILE *status = fopen("/proc/self/status", "r");
	size_t len = strlen(field);
	char line[256];
	long kb = -1;

	if (!status)
		give_up("status");
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, field, len) && line[len] == ':')
			kb = strtol(line + len + 1, NULL, 10);
	fclose(status);
	return kb;
}

const char *residents(const void *at, size_t nr_pages)
{
	static char text[130];
	unsigned char vec[128];

	if (mincore((void *)(uintptr_t)at, nr_pages * PAGE, vec))
		return strerrorname_np(errno);
	for (size_t i = 0; i < nr_pages; i++)
		text[i] = vec[i] & 1 ? '1' : '0';
	text[nr_pages] = 0;
	return text;
}

/* ---- files and processes ------------------------------------------------- */

int make_file(size_t nr_bytes, int *read_only)
{
	char name[] = "/tmp/mappings-XXXXXX", page[PAGE];
	int fd = mkstemp(name);

	if (fd < 0)
		give_up("mkstemp");
	for (size_t done = 0; done < nr_bytes; done += PAGE) {
		size_t n = nr_bytes - done < PAGE ? nr_bytes - done : PAGE;

		memset(page, (int)(65 + done / PAGE), PAGE);
		if (write(fd, page, n) != (ssize_t)n)
			give_up("write");
	}
	if (read_only) {
		*read_only = open(name, O_RDONLY);
		if (*read_only < 0)
			give_up("open");
	}
	unlink(name);
	return fd;
}

int in_child(void (*fn)(void))
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (!pid) {
		fn();
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		give_up("waitpid");
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void limit(int resource, unsigned long value)
{
	struct rlimit rlimit;

	if (getrlimit(resource, &rlimit))
		give_up("getrlimit");
	rlimit.rlim_cur = value;
	if (setrlimit(resource, &rlimit))
		give_up("setrlimit");
}

/* Rules for the superuser differ: be nobody. */
static void drop_rights(void)
{
	if (!geteuid() &&
	    (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
		give_up("setresuid");
}

/* All sections, or those that are named. */
int main(int argc, char **argv)
{
	drop_rights();
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		bool is_wanted = argc < 2;

		for (int j = 1; j < argc; j++)
			is_wanted |= !strcmp(argv[j], sections[i].name);
		if (!is_wanted)
			continue;
		section = sections[i].name;
		sections[i].run();
	}
	section = "end";
	say("all sections ran");
	return 0;
}
