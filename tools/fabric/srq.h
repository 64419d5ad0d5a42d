/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SRQ_H
#define FABRIC_SRQ_H

/*
 * Shared receive queues.
 *
 * Entries are linked by index through their first dwords; the host appends to
 * the list's end and counts in the doorbell record, the card takes from its
 * head, which at first is entry 0.
 */
#include "memory.h"
#include "wqe.h"

enum { SRQC_BYTES = 0x30 };

struct srq {
	u32 srqn, pd;
	struct queue_buffer buffer;
	u8 log_entries, log_stride;
	u16 head;  /* the next entry to take */
	u16 taken; /* free-running */
	u16 limit; /* 0: not armed */
	u64 doorbell_record;
	u32 nr_qps; /* using it */
	u8 context[SRQC_BYTES];
};

/* SW2HW_SRQ.  Return: a command status. */
u8 srq_create(struct card *card, u32 srqn, const u8 *context);
void srq_destroy(struct card *card, struct srq *srq);
void srq_destroy_all(struct card *card);
struct srq *srq_find(struct card *card, u32 srqn);
void srq_query(const struct srq *srq, u8 *context);

/* ARM_SRQ: tell when fewer than @limit are left. */
void srq_arm(struct card *card, struct srq *srq, u16 limit);

/* As wqe_fetch_recv() and wqe_take_recv(). */
enum wqe_fetch srq_fetch(struct card *card, struct srq *srq,
			 struct recv_wqe *wqe);
void srq_take(struct card *card, struct srq *srq);

#endif /* FABRIC_SRQ_H */
