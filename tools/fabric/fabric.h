/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_FABRIC_H
#define FABRIC_FABRIC_H

/*
 * The whole: N cards and one managed switch, to whose ports theirs are cabled
 * in their order.
 */
#include "card.h"
#include "control.h"
#include "switch.h"

enum { FABRIC_MAX_CARDS = 32 };

struct fabric {
	struct card *cards;
	unsigned int nr_cards;
	struct card_port *ports[SWITCH_MAX_PORTS]; /* by the switch's, from 1 */
	unsigned int nr_ports;
	struct ib_switch sw;
	struct control control;
	bool has_blueflame; /* the cards' QUERY_DEV_CAP says so */
};

/**
 * fabric_open - make the cards of @topology, with their sockets at @paths.
 *
 * Return: 0, or -errno (a message was logged).
 */
int fabric_open(struct fabric *fabric, const struct topology *topology,
		const char *const *paths);

/*
 * Make the ports what @topology says, before anybody attaches.  The ports that
 * a card has remain, whether a topology gives them or not.
 */
void fabric_configure(struct fabric *fabric, const struct topology *topology);

/**
 * fabric_add_port - cable a card's port to the switch.
 *
 * Return: the number of the switch's port.
 */
unsigned int fabric_add_port(struct fabric *fabric, struct card_port *port);

/* What hangs on port @number of the switch, or NULL. */
struct card_port *fabric_port(struct fabric *fabric, unsigned int number);

void fabric_close(struct fabric *fabric);

#endif /* FABRIC_FABRIC_H */
