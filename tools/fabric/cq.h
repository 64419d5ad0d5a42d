/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_CQ_H
#define FABRIC_CQ_H

/*
 * Completion queues.
 *
 * A CQ is disarmed, armed for any completion, or armed for solicited ones.
 * The one that qualifies posts a completion event to the CQ's event queue
 * and disarms it.  Arming with a consumer index behind a completion that
 * qualifies fires at once: a driver relies on that.
 *
 * With moderation the event waits until max_count completions have qualified,
 * or until period_us after the first of them; a limit of 0 is none.
 */
#include "loop.h"
#include "memory.h"

enum { CQE_BYTES = 32 };

enum cqe_opcode {
	CQE_RECV_WRITE_IMM = 0,
	CQE_RECV_SEND = 1,
	CQE_RECV_SEND_IMM = 2,
	CQE_RECV_SEND_INV = 3,
	CQE_RESIZE = 0x16,
	CQE_ERROR = 0x1e,
};

enum wc_syndrome {
	WC_OK = 0,
	WC_LOCAL_LENGTH = 0x01,
	WC_LOCAL_QP_OP = 0x02,
	WC_LOCAL_PROTECTION = 0x04,
	WC_FLUSHED = 0x05,
	WC_BIND = 0x06,
	WC_BAD_RESPONSE = 0x10,
	WC_LOCAL_ACCESS = 0x11,
	WC_REMOTE_INVALID = 0x12,
	WC_REMOTE_ACCESS = 0x13,
	WC_REMOTE_OP = 0x14,
	WC_RETRY_EXCEEDED = 0x15,
	WC_RNR_EXCEEDED = 0x16,
	WC_REMOTE_ABORTED = 0x22,
};

enum cq_arm { CQ_DISARMED, CQ_ARMED_SOLICITED, CQ_ARMED };

struct cq {
	struct card *card;
	u32 cqn;
	struct queue_buffer buffer;
	u8 log_entries;
	bool ignores_overrun, is_overrun;
	enum cq_arm arm;
	u32 eqn;
	u32 producer;        /* 24 bits, as are the next two */
	u32 consumer;        /* as last seen */
	u32 after_solicited; /* producer after the last solicited CQE */
	u64 doorbell_record;
	u32 nr_qps; /* using it */
	u16 max_count, period_us;
	u32 nr_held;        /* completions that wait for their event */
	struct timer timer; /* the period of the first of them */
	u8 context[64];
};

/* A completion, before it is bytes. */
struct completion {
	u32 qpn;
	u32 immediate; /* or invalidated key, or P_Key index */
	u32 source;    /* bytes 8 to 11: GRH flag, path bits, QPN */
	u8 sl;
	u16 slid;
	u32 bytes;
	u16 wqe_index;
	u8 opcode;
	bool is_send, is_solicited;
	enum wc_syndrome syndrome; /* not WC_OK: an error CQE */
};

/* SW2HW_CQ.  Return: a command status. */
u8 cq_create(struct card *card, u32 cqn, const u8 *context, bool fill);
void cq_destroy(struct card *card, u32 cqn);
void cq_destroy_all(struct card *card);
struct cq *cq_find(struct card *card, u32 cqn);

/* MODIFY_CQ, resize.  Return: a command status. */
u8 cq_resize(struct card *card, struct cq *cq, const u8 *context);

/* MODIFY_CQ, moderation.  What waits for its event waits no longer. */
void cq_moderate(struct cq *cq, const u8 *context);

/* QUERY_CQ and HW2SW_CQ: the context as it is now. */
void cq_query(const struct cq *cq, u8 *context);

/* The doorbell: command dword and consumer index. */
void cq_doorbell(struct card *card, u32 command, u32 consumer);

/**
 * cq_post - write @completion to queue @cqn and fire if armed for it.
 *
 * Return: 0, or -ENOSPC if the queue is full or unusable: the queue is in
 *         error from then on and its event was posted.
 */
int cq_post(struct card *card, u32 cqn, const struct completion *completion);

#endif /* FABRIC_CQ_H */
