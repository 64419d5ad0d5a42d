/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_CONTROL_H
#define FABRIC_CONTROL_H

/*
 * Faults on demand: a unix datagram socket that takes one order a datagram,
 * as text, and answers "ok" or what is wrong (to a sender with an address).
 * The order "help" lists the others.
 */
#include "loop.h"

struct fabric;

struct control {
	struct source source; /* fd 0: not open */
	struct fabric *fabric;
	char path[108];
};

/**
 * control_open - listen on @path.
 *
 * Return: 0, or -errno (a message was logged).
 */
int control_open(struct control *control, struct fabric *fabric,
		 const char *path);
void control_close(struct control *control);

/**
 * control_execute - carry an order out.
 *
 * Return: the answer's text.
 */
const char *control_execute(struct fabric *fabric, const char *order);

#endif /* FABRIC_CONTROL_H */
