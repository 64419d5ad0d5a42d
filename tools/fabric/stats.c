/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stats.h"
#include "fabric.h"
#include "log.h"

#include <stdio.h>

static void print_card(const struct card *card)
{
	char line[1024];
	size_t used = 0;

	line[0] = '\0';
#define X(field, help)                                                        \
	if (card->stats.field && used < sizeof(line))                         \
		used += (size_t)snprintf(                                     \
			line + used, sizeof(line) - used, " %s=%llu", #field, \
			(unsigned long long)card->stats.field);
	CARD_STATS(X)
#undef X
	log_info(card->name, "stats:%s", line);
}

void stats_print(const struct fabric *fabric)
{
	const struct ib_switch *sw = &fabric->sw;

	for (unsigned int i = 0; i < fabric->nr_cards; i++)
		print_card(&fabric->cards[i]);
	log_info("switch",
		 "stats: forwarded=%llu dropped=%llu injected_drops=%llu",
		 (unsigned long long)sw->nr_forwarded,
		 (unsigned long long)sw->nr_dropped,
		 (unsigned long long)sw->nr_injected_drops);
	log_flush();
}
