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

unsigned int stats_of_port(const struct fabric *fabric,
			   const struct card_port *port,
			   struct port_stat *stats)
{
	const struct card_stats *card = &port->card->stats;
	struct link_stats link = count_link(&fabric->sw.ports[port->uplink]);
	struct port_stat *next = stats;

#define X(field, text) *next++ = (struct port_stat){#field, text, card->field};
	if (port->number == 1) {
		CARD_STATS(X)
	}
#undef X
#define X(field, text) *next++ = (struct port_stat){#field, text, link.field};
	LINK_STATS(X)
#undef X
	return (unsigned int)(next - stats);
}

static void print_port(const struct fabric *fabric,
		       const struct card_port *port)
{
	struct port_stat stats[NR_PORT_STATS];
	char line[2048];
	unsigned int nr = stats_of_port(fabric, port, stats);
	size_t used = 0;

	line[0] = '\0';
	for (unsigned int i = 0; i < nr; i++)
		if (stats[i].value && used < sizeof(line))
			used += (size_t)snprintf(
				line + used, sizeof(line) - used, " %s=%llu",
				stats[i].name,
				(unsigned long long)stats[i].value);
	log_info(port->card->name, "port %u stats:%s", port->number, line);
}

void stats_print(const struct fabric *fabric)
{
	for (unsigned int i = 1; i <= fabric->nr_ports; i++)
		print_port(fabric, fabric->ports[i]);
	log_info("switch", "stats: forwarded=%llu dropped=%llu",
		 (unsigned long long)fabric->sw.nr_forwarded,
		 (unsigned long long)fabric->sw.nr_dropped);
	log_flush();
}
