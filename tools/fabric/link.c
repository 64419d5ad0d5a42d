/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"
#include "log.h"
#include "switch.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SLOW_PACKETS = 1024 };

/* A datagram that takes its time. */
struct slow_packet {
	struct slow_packet *next;
	u64 arrival_ns;
	struct packet packet;
};

static void timer_fired(struct timer *timer);

void link_init(struct link *link, struct ib_switch *sw, unsigned int number)
{
	memset(link, 0, sizeof(*link));
	link->sw = sw;
	link->number = number;
	for (int end = 0; end < LINK_ENDS; end++) {
		struct link_lane *lane = &link->lanes[end];

		lane->link = link;
		lane->last = &lane->first;
		lane->timer.fire = timer_fired;
	}
}

/* SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014): any seed is good, also neighbouring ones. */
static u64 random_next(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void link_seed(struct link *link, u64 seed)
{
	u64 base = random_next(&seed);

	for (u64 end = 0; end < LINK_ENDS; end++) {
		u64 state = base + LINK_ENDS * link->number + end;

		link->lanes[end].random = random_next(&state);
	}
}

static bool happens(struct link_lane *lane, double rate)
{
	return rate > 0 &&
	       (double)(random_next(&lane->random) >> 11) * 0x1p-53 < rate;
}

bool link_loses(struct link *link, enum link_end end)
{
	struct link_lane *lane = &link->lanes[end];

	if (happens(lane, link->faults.drop_rate)) {
		lane->counters.dropped++;
		return true;
	}
	if (happens(lane, link->faults.corrupt_rate)) {
		lane->counters.corrupted++;
		switch_damaged(link->sw, link->number, end);
		return true;
	}
	return false;
}

static void arrive(struct link *link, enum link_end end, const struct packet *p)
{
	if (end == LINK_SWITCH)
		switch_arrives(link->sw, link->number, p);
	else
		switch_leaves(link->sw, link->number, p);
}

static void arm(struct link_lane *lane)
{
	u64 now = loop_now_ns(), at = lane->first->arrival_ns;

	timer_arm(&lane->timer, at > now ? at - now : 0);
}

static struct slow_packet *take_first(struct link_lane *lane)
{
	struct slow_packet *slow = lane->first;

	lane->first = slow->next;
	if (!lane->first)
		lane->last = &lane->first;
	lane->nr_slow--;
	return slow;
}

/* One a time: what it brings about may clear the lane. */
static void timer_fired(struct timer *timer)
{
	struct link_lane *lane = owner_of(timer, struct link_lane, timer);
	struct link *link = lane->link;
	struct slow_packet *slow = take_first(lane);

	if (lane->first)
		arm(lane);
	arrive(link, (enum link_end)(lane - link->lanes), &slow->packet);
	free(slow);
}

static void delay(struct link_lane *lane, const struct packet *p)
{
	struct slow_packet *slow = NULL;

	if (lane->nr_slow < MAX_SLOW_PACKETS)
		slow = calloc(1, sizeof(*slow));
	if (!slow) {
		lane->counters.overruns++;
		return;
	}
	slow->packet = *p;
	slow->arrival_ns = loop_now_ns() + lane->link->faults.delay_ns;
	*lane->last = slow;
	lane->last = &slow->next;
	lane->nr_slow++;
	lane->counters.delayed++;
	if (lane->first == slow)
		arm(lane);
}

void link_carry(struct link *link, enum link_end end, const struct packet *p)
{
	struct link_lane *lane = &link->lanes[end];

	if (link_loses(link, end))
		return;
	if (link->faults.delay_ns || lane->first)
		delay(lane, p);
	else
		arrive(link, end, p);
}

void link_clear(struct link *link)
{
	for (int end = 0; end < LINK_ENDS; end++) {
		struct link_lane *lane = &link->lanes[end];

		timer_cancel(&lane->timer);
		while (lane->first)
			free(take_first(lane));
	}
}
