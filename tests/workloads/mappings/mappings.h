/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MAPPINGS_H
#define MAPPINGS_H
/*
 * What Linux promises about memory, in sections.  Each line of the output is
 * "SECTION: what: result" and is the same on every Linux; results that depend
 * on the machine are reduced to what does not.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

enum access { READ, WRITE, EXEC };

/* ---- lines of output ---- */

/** say - "SECTION: " and a line. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** tell - the result of a call: a number, or the name of errno. */
void tell(const char *what, long result);
/** tell_at - the same for a call that gives an address: "ok", or errno. */
void tell_at(const char *what, const void *result);

/* ---- memory ---- */

/** map - private anonymous memory, or the program ends. */
char *map(size_t nr_pages, int prot);
/** fill - write the number of each page, plus @base, to its first byte. */
void fill(char *at, size_t nr_pages, int base);
/** bytes - the first byte of each page, as text "1 2 3"; static buffer. */
const char *bytes(const char *at, size_t nr_pages);
/** touch - what an access gives: "ok", or the signal's code, with "elsewhere"
 * if si_addr is not @at. */
const char *touch(const volatile void *at, enum access access);
/** nr_areas - lines of /proc/self/maps that lie in a range. */
int nr_areas(const void *at, size_t nr_pages);
/** rights_at - "rw-p" of the line of /proc/self/maps at @at, or "none". */
const char *rights_at(const void *at);
/** status_kb - a field of /proc/self/status, such as "VmRSS"; -1: not there. */
long status_kb(const char *field);
/** residents - mincore() of the pages as "1001". */
const char *residents(const void *at, size_t nr_pages);

/* ---- files and processes ---- */

/** make_file - an unlinked file of @nr_bytes, filled with page numbers + 65;
 * open for reading and writing, at *@read_only for reading. */
int make_file(size_t nr_bytes, int *read_only);
/** in_child - run @fn in a child; Return: its exit status, or -signal. */
int in_child(void (*fn)(void));
/** limit - set the soft limit of a resource, or the program ends. */
void limit(int resource, unsigned long value);

/* ---- sections ---- */

void section_fixed(void);
void section_heap(void);
void section_rights(void);
void section_arguments(void);
void section_remap(void);
void section_advice(void);
void section_forks(void);
void section_resident(void);
void section_locked(void);
void section_shared(void);
void section_files(void);
void section_ends(void);
void section_sparse(void);
void section_overcommit(void);
void section_limits(void);
void section_growth(void);
void section_proc(void);
void section_movers(void);

#endif
