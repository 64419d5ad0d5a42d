/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eviction policies.  A set's resident list is kept in order of arrival,
 * oldest first; a policy picks one evictable line of it and may reorder.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/rand.h>
#include <lib/string.h>

static struct pcache_line *choose_fifo(struct pcache_set *set)
{
	struct pcache_line *line;

	list_for_each_entry (line, &set->resident, in_list)
		if (line_is_evictable(line))
			return line;
	return NULL;
}

/* FIFO with a second chance for lines that were used since the last look. */
static struct pcache_line *choose_clock(struct pcache_set *set)
{
	struct pcache_line *line, *next, *last;

	if (list_empty(&set->resident))
		return NULL;
	last = list_last_entry(&set->resident, struct pcache_line, in_list);
	list_for_each_entry_safe (line, next, &set->resident, in_list) {
		if (line_is_evictable(line) && !rmap_test_accessed(line))
			return line;
		list_move_tail(&line->in_list, &set->resident);
		if (line == last)
			break;
	}
	return choose_fifo(set);
}

/* Least recently used, as far as samples of the accessed bits tell: each look
 * shifts one into every line's age. */
static struct pcache_line *choose_lru(struct pcache_set *set)
{
	struct pcache_line *line, *best = NULL;

	list_for_each_entry (line, &set->resident, in_list) {
		if (!line_is_evictable(line))
			continue;
		line->age >>= 1;
		if (rmap_test_accessed(line))
			line->age |= 0x80;
		if (!best || line->age < best->age)
			best = line;
	}
	return best;
}

static struct pcache_line *choose_random(struct pcache_set *set)
{
	static struct rand rand = {
		0x243f6a8885a308d3ul}; /* races are welcome */
	struct pcache_line *line;
	u64 nr = 0, skip;

	list_for_each_entry (line, &set->resident, in_list)
		nr += line_is_evictable(line);
	if (!nr)
		return NULL;
	skip = rand_below(&rand, nr);
	list_for_each_entry (line, &set->resident, in_list)
		if (line_is_evictable(line) && !skip--)
			return line;
	return NULL;
}

const struct pcache_policy pcache_policies[] = {
	{"clock", choose_clock}, /* the default */
	{"fifo", choose_fifo},     {"lru", choose_lru},
	{"random", choose_random}, {NULL, NULL},
};

const struct pcache_policy *policy_find(const char *name)
{
	for (const struct pcache_policy *p = pcache_policies; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}
