/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_CLIENT_H
#define MEMORY_CLIENT_H

/*
 * Clients: the processor nodes that have state here (grants, address spaces,
 * open files of tmpfs).  Each handler that makes or uses such state runs
 * between client_enter() and client_leave(); when the peer goes away the door
 * is shut, those inside are waited for, and then all the state is freed.
 */
#include <lib/types.h>
#include <net/membership.h>

#define CLIENT_MAX 64u /* peer_index() is below */

struct client {
	struct peer *peer; /* a reference; NULL: slot is free [clients_lock] */
	u8 id;             /* index of the slot */
	bool is_leaving;   /* no one may enter [clients_lock] */
	u32 nr_inside;     /* handlers at work [clients_lock] */
};

/** clients_open - from now on clients may enter; @is_ready: false: never. */
void clients_open(bool is_ready);

/**
 * client_enter - the client record of @peer, kept until client_leave().
 *
 * Context: may sleep, the first ones until clients_open().
 * Return: NULL if the peer has gone (-EHOSTDOWN).
 */
struct client *client_enter(struct peer *peer);
void client_leave(struct client *client);

/** client_gone - free all that @peer had here; waits for its handlers. */
void client_gone(struct peer *peer);

#endif /* MEMORY_CLIENT_H */
