/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fabric.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fabric_open(struct fabric *fabric, const struct topology *topology,
		const char *const *paths)
{
	unsigned int nr_cards = topology->nr_cards;

	memset(fabric, 0, sizeof(*fabric));
	fabric->cards = calloc(nr_cards, sizeof(*fabric->cards));
	if (!fabric->cards)
		return -ENOMEM;
	switch_init(&fabric->sw, fabric, topology_nr_ports(topology));
	for (unsigned int i = 0; i < nr_cards; i++) {
		int err = card_open(&fabric->cards[i], fabric, i,
				    &topology->cards[i], paths[i]);

		if (err) {
			log_err("fabric", "%s: %s", paths[i], strerror(-err));
			fabric_close(fabric);
			return err;
		}
		fabric->nr_cards++;
	}
	fabric_configure(fabric, topology);
	return 0;
}

void fabric_configure(struct fabric *fabric, const struct topology *topology)
{
	for (unsigned int i = 0; i < fabric->nr_cards; i++)
		card_configure(&fabric->cards[i], &topology->cards[i]);
	for (unsigned int i = 1; i <= fabric->nr_ports; i++) {
		const struct port_plan *plan = &fabric->ports[i]->plan;
		struct switch_port *port = &fabric->sw.ports[i];

		port_set_rate(&port->port, plan->width, plan->speed);
		port->link.faults = plan->faults;
	}
}

unsigned int fabric_add_port(struct fabric *fabric, struct card_port *port)
{
	fabric->ports[++fabric->nr_ports] = port;
	return fabric->nr_ports;
}

struct card_port *fabric_port(struct fabric *fabric, unsigned int number)
{
	return number <= fabric->nr_ports ? fabric->ports[number] : NULL;
}

void fabric_close(struct fabric *fabric)
{
	for (unsigned int i = 0; i < fabric->nr_cards; i++)
		card_close(&fabric->cards[i]);
	switch_close(&fabric->sw);
	free(fabric->cards);
	fabric->cards = NULL;
	fabric->nr_cards = 0;
}
