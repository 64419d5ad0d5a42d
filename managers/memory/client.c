/* SPDX-License-Identifier: GPL-2.0-or-later */
#define pr_fmt(fmt) "memory: " fmt
#include <managers/memory/client.h>

#include <kernel/log.h>
#include <kernel/mutex.h>
#include <lib/minmax.h>
#include <managers/memory/aspace.h>
#include <managers/memory/frames.h>
#include <managers/memory/tmpfs.h>

static DEFINE_SPINLOCK(clients_lock, LOCK_MEMORY_CLIENTS);
static DEFINE_WAITQ(clients_waitq);
static struct client clients[CLIENT_MAX];
/* Peers may call as soon as the network is up, a little before we are. */
static enum { STARTING, OPEN, FAILED } state; /* [atomic] */

static u32 nr_inside(struct client *client)
{
	u32 nr;

	spin_lock(&clients_lock);
	nr = client->nr_inside;
	spin_unlock(&clients_lock);
	return nr;
}

static bool is_in_use(struct client *client)
{
	bool in_use;

	spin_lock(&clients_lock);
	in_use = client->peer;
	spin_unlock(&clients_lock);
	return in_use;
}

/* The door is shut: wait for those inside, free everything, free the slot. */
static void empty_client(struct client *client)
{
	struct peer *peer = client->peer;
	u32 nr_aspaces, nr_frames;

	wait_event(&clients_waitq, !nr_inside(client));
	nr_aspaces = aspace_reclaim(client);
	nr_frames = frame_reclaim_grants(client->id);
	tmpfs_reclaim(client->id);
	if (nr_aspaces || nr_frames)
		pr_info("%s is gone: freed %u address spaces, %u granted "
			"frames",
			peer_name(peer), nr_aspaces, nr_frames);
	spin_lock(&clients_lock);
	client->peer = NULL;
	client->is_leaving = false;
	spin_unlock(&clients_lock);
	waitq_wake_all(&clients_waitq);
	peer_put(peer);
}

/* Shut the door of @client if @peer still owns it; false if somebody did. */
static bool shut(struct client *client, struct peer *peer)
{
	bool is_mine;

	spin_lock(&clients_lock);
	is_mine = client->peer == peer && !client->is_leaving;
	if (is_mine)
		client->is_leaving = true;
	spin_unlock(&clients_lock);
	return is_mine;
}

void client_gone(struct peer *peer)
{
	struct client *client = &clients[peer_index(peer) % CLIENT_MAX];

	if (shut(client, peer))
		empty_client(client);
}

/* Enter if the slot is @peer's, or free. *@old: who has to leave first. */
static bool try_enter(struct client *client, struct peer *peer,
		      struct peer **old)
{
	bool is_in = false;

	*old = NULL;
	spin_lock(&clients_lock);
	if (!client->peer) {
		client->peer = peer;
		client->id = (u8)(client - clients);
		peer_hold(peer);
	}
	if (client->peer == peer && !client->is_leaving) {
		client->nr_inside++;
		is_in = true;
	} else if (client->peer != peer) {
		*old = client->peer;
	}
	spin_unlock(&clients_lock);
	return is_in;
}

struct client *client_enter(struct peer *peer)
{
	struct client *client = &clients[peer_index(peer) % CLIENT_MAX];
	struct peer *old;

	wait_event(&clients_waitq, READ_ONCE(state) != STARTING);
	if (state == FAILED)
		return NULL;
	for (;;) {
		if (!peer_is_alive(peer))
			return NULL;
		if (try_enter(client, peer, &old))
			break;
		if (!old)
			return NULL;
		/* A node that came back, seen before its former life ended. */
		if (shut(client, old))
			empty_client(client);
		else
			wait_event(&clients_waitq, !is_in_use(client));
	}
	if (peer_is_alive(peer))
		return client;
	/* It died after the first look: PEER_GONE may already have been. */
	client_leave(client);
	client_gone(peer);
	return NULL;
}

void client_leave(struct client *client)
{
	bool wake;

	spin_lock(&clients_lock);
	wake = !--client->nr_inside && client->is_leaving;
	spin_unlock(&clients_lock);
	if (wake)
		waitq_wake_all(&clients_waitq);
}

static void on_peer_event(struct peer *peer, enum peer_event event)
{
	if (event == PEER_GONE && peer_role(peer) == ROLE_PROCESSOR)
		client_gone(peer);
}

void clients_open(bool is_ready)
{
	WRITE_ONCE(state, is_ready ? OPEN : FAILED);
	waitq_wake_all(&clients_waitq);
	net_on_peer_event(on_peer_event);
}
