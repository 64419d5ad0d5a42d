/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_MEMBERSHIP_H
#define NET_MEMBERSHIP_H

/*
 * Who is in the cluster.  Nodes find each other by role and cluster name
 * through service records of the subnet administrator, in any boot order.
 * A peer is one incarnation of a node: it is joined once, gone once, and a
 * node that comes back is a new peer.
 */
#include <kernel/init.h>
#include <lib/types.h>

struct peer;

/*
 * net_start(), declared in kernel/init.h, brings the network up in the
 * background and joins the cluster of node_cluster() as node_role().  It
 * returns at once; while something is missing, the log says what every few
 * seconds, with a hint.
 */

/**
 * peer_get - a live peer of @role: the first, the one with @guid if not 0.
 *
 * Context: any.  Return: a reference, dropped with peer_put(), or NULL.
 */
struct peer *peer_get(enum node_role role, u64 guid);
/** peer_wait - as peer_get(), waiting until there is one or @timeout_ns. */
struct peer *peer_wait(enum node_role role, u64 guid, u64 timeout_ns);
void peer_hold(struct peer *peer);
void peer_put(struct peer *peer);

/** peer_guid, peer_role - whom @peer is an incarnation of. */
u64 peer_guid(const struct peer *peer);
enum node_role peer_role(const struct peer *peer);
/** peer_index - small number, stable for a GUID while this node is up; < 64. */
u32 peer_index(const struct peer *peer);
bool peer_is_alive(const struct peer *peer);
/** peer_name - for messages: "memory node 0002c90300000201". */
const char *peer_name(const struct peer *peer);
/** net_local_guid - this node's own GUID; 0 while there is no card. */
u64 net_local_guid(void);

/* Called from a worker thread, in order of the events of one peer. */
enum peer_event { PEER_JOINED, PEER_SUSPECTED, PEER_GONE, NR_PEER_EVENTS };
typedef void (*peer_event_fn)(struct peer *peer, enum peer_event event);
/** net_on_peer_event - call @fn for every event from now on, beginning with
 * JOINED for those already there.  At most 8 listeners. */
void net_on_peer_event(peer_event_fn fn);

#endif /* NET_MEMBERSHIP_H */
