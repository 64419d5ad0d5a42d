/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_STATS_H
#define FABRIC_STATS_H

/* What a card counts; printed on SIGUSR1 and, with --stats, at the end. */
#include "types.h"

#define CARD_STATS(X)                                               \
	X(commands, "firmware commands")                            \
	X(commands_failed, "commands answered with an error")       \
	X(doorbells, "doorbell writes")                             \
	X(bad_doorbells, "doorbells of unknown queues")             \
	X(register_reads, "register reads")                         \
	X(completions, "completion queue entries")                  \
	X(cq_overruns, "completion queues that overran")            \
	X(events, "event queue entries")                            \
	X(eq_overruns, "events lost on a full queue")               \
	X(interrupts, "interrupts raised")                          \
	X(dma_faults, "accesses to unmapped guest memory")          \
	X(rc_messages, "RC messages completed as requester")        \
	X(rc_bytes, "their bytes")                                  \
	X(rdma_reads, "of them RDMA READ")                          \
	X(rdma_writes, "of them RDMA WRITE")                        \
	X(sends, "of them SEND")                                    \
	X(atomics, "of them atomics")                               \
	X(rnr_naks, "receiver-not-ready answers received")          \
	X(timeouts, "transport timeouts")                           \
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

struct fabric;

/* One line a card, counters that are zero left out. */
void stats_print(const struct fabric *fabric);

#endif /* FABRIC_STATS_H */
