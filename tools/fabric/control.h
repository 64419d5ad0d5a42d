/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_CONTROL_H
#define FABRIC_CONTROL_H

/*
 * The control socket: a unix stream socket that takes orders (orders.h), one
 * a line, and answers each before it takes the next.  `brick-fabric ctl`
 * is its client (ctl.h); any program that writes lines will do.
 *
 * A client that sends too long a line, or does not read its answers, is
 * hung up on.
 */
#include "loop.h"

struct fabric;

enum { CONTROL_MAX_CLIENTS = 8 };

struct control {
	struct source listener; /* fd 0: not open */
	struct fabric *fabric;
	struct control_client *clients;
	unsigned int nr_clients;
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

#endif /* FABRIC_CONTROL_H */
