/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stats.h"
#include "fabric.h"
#include "log.h"

#include <stdio.h>

struct link_stats {
#define X(name, help) u64 name;
	LINK_STATS(X)
#undef X
};

static struct link_stats count_link(const struct switch_port *port)
{
	const struct link *link = &port->link;
	const struct link_counters *card = &link->lanes[LINK_CARD].counters;
	const struct link_counters *sw = &link->lanes[LINK_SWITCH].counters;

	return (struct link_stats){
		.dropped_to_card = card->dropped,
		.dropped_to_switch = sw->dropped,
		.corrupted_to_card = card->corrupted,
		.corrupted_to_switch = sw->corrupted,
		.delayed = card->delayed + sw->delayed,
		.overruns = card->overruns + sw->overruns,
		.link_downed = port->port.counters.link_downed,
	};
}

void stats_of_port(const struct fabric *fabric, unsigned int number,
		   struct port_stat *stats)
{
	const struct card_stats *card = &fabric->cards[number - 1].stats;
	struct link_stats link = count_link(&fabric->sw.ports[number]);

#define X(field, text) *stats++ = (struct port_stat){#field, text, card->field};
	CARD_STATS(X)
#undef X
#define X(field, text) *stats++ = (struct port_stat){#field, text, link.field};
	LINK_STATS(X)
#undef X
}

static void print_port(const struct fabric *fabric, unsigned int number)
{
	struct port_stat stats[NR_PORT_STATS];
	char line[2048];
	size_t used = 0;

	stats_of_port(fabric, number, stats);
	line[0] = '\0';
	for (int i = 0; i < NR_PORT_STATS; i++)
		if (stats[i].value && used < sizeof(line))
			used += (size_t)snprintf(
				line + used, sizeof(line) - used, " %s=%llu",
				stats[i].name,
				(unsigned long long)stats[i].value);
	log_info(fabric->cards[number - 1].name, "stats:%s", line);
}

void stats_print(const struct fabric *fabric)
{
	for (unsigned int i = 1; i <= fabric->nr_cards; i++)
		print_port(fabric, i);
	log_info("switch", "stats: forwarded=%llu dropped=%llu",
		 (unsigned long long)fabric->sw.nr_forwarded,
		 (unsigned long long)fabric->sw.nr_dropped);
	log_flush();
}
