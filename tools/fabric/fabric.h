/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_FABRIC_H
#define FABRIC_FABRIC_H

/*
 * The whole: N cards, card i cabled to port i + 1 of one managed switch.
 */
#include "card.h"
#include "control.h"
#include "switch.h"

enum { FABRIC_MAX_CARDS = 32 };

struct fabric {
	struct card *cards;
	unsigned int nr_cards;
	struct ib_switch sw;
	struct control control;
	bool has_blueflame; /* the cards' QUERY_DEV_CAP says so */
};

/**
 * fabric_open - make @nr_cards cards with their sockets at @paths.
 *
 * Return: 0, or -errno (a message was logged).
 */
int fabric_open(struct fabric *fabric, unsigned int nr_cards,
		const char *const *paths);

/* Make the ports what @topology says, before anybody attaches. */
void fabric_configure(struct fabric *fabric, const struct topology *topology);

void fabric_close(struct fabric *fabric);

#endif /* FABRIC_FABRIC_H */
