/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eviction policies, one table each.  A set's resident list is kept in order
 * of arrival, oldest first; a policy picks one evictable line of it and may
 * reorder.  All of them find the list as the others left it, so the policy may
 * change at any time.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/errno.h>
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

static const struct pcache_policy policy_fifo = {
	.name = "fifo",
	.help = "the line that came first",
	.choose = choose_fifo,
};

/* It is @line's turn: the list is a ring, its head the hand. */
static struct pcache_line *clock_take(struct pcache_set *set,
				      struct pcache_line *line)
{
	list_move_tail(&set->resident, &line->in_list);
	return line;
}

/* choose_clock() from @line on, however often lines are mapped. */
static __noinline struct pcache_line *
choose_clock_from(struct pcache_set *set, struct pcache_line *line)
{
	for (; &line->in_list != &set->resident;
	     line = list_next_entry(line, in_list))
		if (line_is_evictable(line) && !rmap_test_accessed(line))
			return clock_take(set, line);
	return choose_fifo(set);
}

/* FIFO with a second chance for lines that were used since the last look.
 * Evictors run it for every page: it calls nothing as a rule. */
static struct pcache_line *choose_clock(struct pcache_set *set)
{
	struct pcache_line *line;

	list_for_each_entry (line, &set->resident, in_list) {
		if (!line_is_evictable(line))
			continue;
		if (unlikely(line->nr_maps != 1))
			return choose_clock_from(set, line);
		if (!rmap_test_accessed_one(line))
			return clock_take(set, line);
	}
	return choose_fifo(set);
}

static const struct pcache_policy policy_clock = {
	.name = "clock",
	.help = "the first of those not used since the last look",
	.choose = choose_clock,
};

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

static const struct pcache_policy policy_lru = {
	.name = "lru",
	.help = "the least recently used, by eight samples",
	.choose = choose_lru,
};

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

static const struct pcache_policy policy_random = {
	.name = "random",
	.help = "any",
	.choose = choose_random,
};

struct pcache_line *choose_clean(struct pcache_set *set)
{
	struct pcache_line *line, *used = NULL;

	list_for_each_entry (line, &set->resident, in_list) {
		if (!line_is_evictable(line) || line->is_dirty ||
		    rmap_has_dirty(line))
			continue;
		if (!rmap_test_accessed(line))
			return line;
		if (!used)
			used = line;
	}
	return used;
}

/* The first one is the default. */
const struct pcache_policy *const pcache_policies[NR_POLICIES] = {
	&policy_clock, &policy_fifo, &policy_lru, &policy_random};

int pcache_set_policy(const char *name, size_t len)
{
	for (u32 i = 0; i < NR_POLICIES; i++) {
		const struct pcache_policy *p = pcache_policies[i];

		if (strlen(p->name) == len && !memcmp(p->name, name, len)) {
			WRITE_ONCE(pcache.policy, p);
			return 0;
		}
	}
	return -EINVAL;
}

const char *pcache_policy_name(u32 i, bool *is_current)
{
	if (i >= NR_POLICIES)
		return NULL;
	*is_current = READ_ONCE(pcache.policy) == pcache_policies[i];
	return pcache_policies[i]->name;
}
