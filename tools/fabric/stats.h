/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_STATS_H
#define FABRIC_STATS_H

/*
 * What is counted: told by order "counters", printed on SIGUSR1 and, with
 * --stats, at the end.
 */
#include "types.h"

#define CARD_STATS(X)                                               \
	X(commands, "firmware commands")                            \
	X(commands_failed, "commands answered with an error")       \
	X(doorbells, "doorbell writes")                             \
	X(blueflame_doorbells, "of them with the request")          \
	X(bad_doorbells, "doorbells of unknown queues")             \
	X(register_reads, "register reads")                         \
	X(completions, "completion queue entries")                  \
	X(cq_overruns, "completion queues that overran")            \
	X(events, "event queue entries")                            \
	X(eq_overruns, "events lost on a full queue")               \
	X(interrupts, "interrupts raised")                          \
	X(dma_faults, "accesses to unmapped guest memory")          \
	X(rc_messages, "RC and UC messages completed as requester") \
	X(rc_bytes, "their bytes")                                  \
	X(rdma_reads, "of them RDMA READ")                          \
	X(rdma_writes, "of them RDMA WRITE")                        \
	X(sends, "of them SEND")                                    \
	X(atomics, "of them atomics")                               \
	X(rnr_naks, "receiver-not-ready answers received")          \
	X(timeouts, "transport timeouts")                           \
	X(timeout_us, "what they waited, in microseconds")          \
	X(sequence_errors, "gaps noticed, and sent again at once")  \
	X(duplicates, "requests sent again that had been done")     \
	X(uc_losses, "UC messages sent that nobody took")           \
	X(error_completions, "error completions, without flushes")  \
	X(flushed, "flushed work requests")                         \
	X(packets_sent, "datagrams and MADs sent")                  \
	X(packets_received, "datagrams and MADs received")          \
	X(packets_dropped, "datagrams and MADs dropped on receive") \
	X(pkey_violations, "P_Key violations")                      \
	X(qkey_violations, "Q_Key violations")

struct card_stats {
#define X(name, help) u64 name;
	CARD_STATS(X)
#undef X
};

/* What a card's link counts. */
#define LINK_STATS(X)                                                     \
	X(dropped_to_card, "packets lost on the way to the card")         \
	X(dropped_to_switch, "packets lost on the way to the switch")     \
	X(corrupted_to_card, "packets damaged: the card's symbol errors") \
	X(corrupted_to_switch, "packets damaged: the switch's")           \
	X(delayed, "datagrams that took their time")                      \
	X(overruns, "datagrams lost, too many being on the way")          \
	X(link_downed, "times that the link went down")

#define ONE(name, help) 1 +
enum { NR_PORT_STATS = CARD_STATS(ONE) LINK_STATS(ONE) 0 };
#undef ONE

struct port_stat {
	const char *name, *help;
	u64 value;
};

struct fabric;
struct card_port;

/**
 * stats_of_port - all counters of @port.  What the card counts as a whole is
 * told with its first port.
 * @stats: out: at most NR_PORT_STATS.
 *
 * Return: how many.
 */
unsigned int stats_of_port(const struct fabric *fabric,
			   const struct card_port *port,
			   struct port_stat *stats);

/* One line a port to the log, counters that are zero left out. */
void stats_print(const struct fabric *fabric);

#endif /* FABRIC_STATS_H */
