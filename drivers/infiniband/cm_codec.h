/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_CM_CODEC_H
#define IB_CM_CODEC_H

/*
 * Messages of the connection manager, to and from bytes (InfiniBand volume 1,
 * 12.6).  Pure.  Offsets of fields are those of the message, which begins
 * behind the 24 bytes of the MAD header.
 */
#include <ib/cm.h>
#include <ib/mad.h>

enum cm_attr {
	CM_REQ = 0x10,
	CM_MRA = 0x11,
	CM_REJ = 0x12,
	CM_REP = 0x13,
	CM_RTU = 0x14,
	CM_DREQ = 0x15,
	CM_DREP = 0x16,
};

#define CM_FIELD_(off, hi, lo) HW_FIELD(struct mad, 24 + (off), hi, lo)
#define CM_LOCAL_ID            CM_FIELD_(0, 31, 0)
#define CM_REMOTE_ID           CM_FIELD_(4, 31, 0) /* all but REQ */

#define REQ_SERVICE_ID     HW_FIELD64(struct mad, 24 + 8)
#define REQ_CA_GUID        HW_FIELD64(struct mad, 24 + 16)
#define REQ_QPN            CM_FIELD_(32, 31, 8)
#define REQ_RESPONDER_RES  CM_FIELD_(32, 7, 0)
#define REQ_INIT_DEPTH     CM_FIELD_(36, 7, 0)
#define REQ_REMOTE_TIMEOUT CM_FIELD_(40, 7, 3)
#define REQ_TRANSPORT      CM_FIELD_(40, 2, 1)
#define REQ_E2E_FLOW       CM_FIELD_(40, 0, 0)
#define REQ_PSN            CM_FIELD_(44, 31, 8)
#define REQ_LOCAL_TIMEOUT  CM_FIELD_(44, 7, 3)
#define REQ_RETRIES        CM_FIELD_(44, 2, 0)
#define REQ_PKEY           CM_FIELD_(48, 31, 16)
#define REQ_MTU            CM_FIELD_(48, 15, 12)
#define REQ_RNR_RETRIES    CM_FIELD_(48, 10, 8)
#define REQ_CM_RETRIES     CM_FIELD_(48, 7, 4)
#define REQ_SRQ            CM_FIELD_(48, 3, 3)
#define REQ_LOCAL_LID      CM_FIELD_(52, 31, 16)
#define REQ_REMOTE_LID     CM_FIELD_(52, 15, 0)
#define REQ_LOCAL_GID      (24 + 56)
#define REQ_REMOTE_GID     (24 + 72)
#define REQ_FLOW_LABEL     CM_FIELD_(88, 31, 12)
#define REQ_RATE           CM_FIELD_(88, 5, 0)
#define REQ_TRAFFIC_CLASS  CM_FIELD_(92, 31, 24)
#define REQ_HOP_LIMIT      CM_FIELD_(92, 23, 16)
#define REQ_SL             CM_FIELD_(92, 15, 12)
#define REQ_SUBNET_LOCAL   CM_FIELD_(92, 11, 11)
#define REQ_ACK_TIMEOUT    CM_FIELD_(92, 7, 3)
#define REQ_PRIVATE        (24 + 140)

#define REP_QPN           CM_FIELD_(12, 31, 8)
#define REP_PSN           CM_FIELD_(20, 31, 8)
#define REP_RESPONDER_RES CM_FIELD_(24, 31, 24)
#define REP_INIT_DEPTH    CM_FIELD_(24, 23, 16)
#define REP_ACK_DELAY     CM_FIELD_(24, 15, 11)
#define REP_E2E_FLOW      CM_FIELD_(24, 8, 8)
#define REP_RNR_RETRIES   CM_FIELD_(24, 7, 5)
#define REP_CA_GUID       HW_FIELD64(struct mad, 24 + 28)
#define REP_PRIVATE       (24 + 36)

#define REJ_MESSAGE CM_FIELD_(8, 31, 30) /* 0 REQ, 1 REP, 2 other */
#define REJ_REASON  CM_FIELD_(8, 15, 0)
#define REJ_PRIVATE (24 + 84)

#define MRA_TIMEOUT CM_FIELD_(8, 23, 19)
#define DREQ_QPN    CM_FIELD_(8, 31, 8)

#define CM_TRANSPORT_RC 0

/*
 * What a REQ says; both ends of the codec.  The PSN is the one with which the
 * receiver of the message begins to send (12.7, "Starting PSN"): its sender's
 * receive queue expects it.  So in the REP.
 */
struct cm_req {
	u32 local_id;
	u64 service_id;
	u64 ca_guid;
	u32 qpn;
	u32 psn;
	u8 responder_resources, initiator_depth;
	u8 retries, rnr_retries;
	u8 cm_timeout; /* 4.096 us << n, both directions */
	u8 cm_retries;
	u16 pkey;
	struct sa_path path; /* as the sender sees it */
	u8 ack_timeout;
	u8 private_data[CM_REQ_PRIVATE_BYTES] __attribute__((aligned(8)));
};

struct cm_rep {
	u32 local_id, remote_id;
	u64 ca_guid;
	u32 qpn;
	u32 psn;
	u8 responder_resources, initiator_depth;
	u8 rnr_retries;
	u8 private_data[CM_REP_PRIVATE_BYTES] __attribute__((aligned(8)));
};

/** cm_begin - the header of a CM message of type @attr. */
void cm_begin(struct mad *m, enum cm_attr attr, u64 tid, u32 local_id,
	      u32 remote_id);

void cm_put_req(struct mad *m, u64 tid, const struct cm_req *req);
/**
 * cm_get_req - decode and check.
 *
 * Return: 0, or the reason to reject it with (enum cm_rej_reason or another
 *         of the specification's).
 */
u16 cm_get_req(const struct mad *m, struct cm_req *req);

void cm_put_rep(struct mad *m, u64 tid, const struct cm_rep *rep);
void cm_get_rep(const struct mad *m, struct cm_rep *rep);

void cm_put_rej(struct mad *m, u64 tid, u32 local_id, u32 remote_id, u8 message,
		u16 reason, const void *private_data, u32 bytes);

#endif /* IB_CM_CODEC_H */
