/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cm_codec.h"
#include <lib/minmax.h>
#include <lib/string.h>

#define CM_CLASS_VERSION       2
#define REJ_REASON_UNSUPPORTED 5
#define REJ_REASON_LID         13
#define REJ_REASON_MTU         26

void cm_begin(struct mad *m, enum cm_attr attr, u64 tid, u32 local_id,
	      u32 remote_id)
{
	memset(m, 0, sizeof(*m));
	HW_SET(m, 1, MAD_BASE_VERSION);
	HW_SET(m, MAD_CLASS_CM, MAD_CLASS);
	HW_SET(m, CM_CLASS_VERSION, MAD_CLASS_VERSION);
	HW_SET(m, MAD_SEND, MAD_METHOD);
	HW_SET(m, (u32)(tid >> 32), MAD_TID_HIGH);
	HW_SET(m, (u32)tid, MAD_TID_LOW);
	HW_SET(m, attr, MAD_ATTR_ID);
	HW_SET(m, local_id, CM_LOCAL_ID);
	HW_SET(m, remote_id, CM_REMOTE_ID);
}

void cm_put_req(struct mad *m, u64 tid, const struct cm_req *req)
{
	const struct sa_path *path = &req->path;

	cm_begin(m, CM_REQ, tid, req->local_id, 0);
	HW_SET64(m, req->service_id, REQ_SERVICE_ID);
	HW_SET64(m, req->ca_guid, REQ_CA_GUID);
	HW_SET(m, req->qpn, REQ_QPN);
	HW_SET(m, req->responder_resources, REQ_RESPONDER_RES);
	HW_SET(m, req->initiator_depth, REQ_INIT_DEPTH);
	HW_SET(m, req->cm_timeout, REQ_REMOTE_TIMEOUT);
	HW_SET(m, CM_TRANSPORT_RC, REQ_TRANSPORT);
	HW_SET(m, 1, REQ_E2E_FLOW);
	HW_SET(m, req->psn, REQ_PSN);
	HW_SET(m, req->cm_timeout, REQ_LOCAL_TIMEOUT);
	HW_SET(m, req->retries, REQ_RETRIES);
	HW_SET(m, req->pkey, REQ_PKEY);
	HW_SET(m, path->mtu, REQ_MTU);
	HW_SET(m, req->rnr_retries, REQ_RNR_RETRIES);
	HW_SET(m, req->cm_retries, REQ_CM_RETRIES);
	HW_SET(m, path->slid, REQ_LOCAL_LID);
	HW_SET(m, path->dlid, REQ_REMOTE_LID);
	memcpy(m->raw + REQ_LOCAL_GID, path->sgid.raw, 16);
	memcpy(m->raw + REQ_REMOTE_GID, path->dgid.raw, 16);
	HW_SET(m, path->flow_label, REQ_FLOW_LABEL);
	HW_SET(m, path->rate, REQ_RATE);
	HW_SET(m, path->traffic_class, REQ_TRAFFIC_CLASS);
	HW_SET(m, path->hop_limit, REQ_HOP_LIMIT);
	HW_SET(m, path->sl, REQ_SL);
	HW_SET(m, 1, REQ_SUBNET_LOCAL);
	HW_SET(m, req->ack_timeout, REQ_ACK_TIMEOUT);
	memcpy(m->raw + REQ_PRIVATE, req->private_data, CM_REQ_PRIVATE_BYTES);
}

u16 cm_get_req(const struct mad *m, struct cm_req *req)
{
	struct sa_path *path = &req->path;

	memset(req, 0, sizeof(*req));
	req->local_id = HW_GET(m, CM_LOCAL_ID);
	req->service_id = HW_GET64(m, REQ_SERVICE_ID);
	req->ca_guid = HW_GET64(m, REQ_CA_GUID);
	req->qpn = HW_GET(m, REQ_QPN);
	req->responder_resources = (u8)HW_GET(m, REQ_RESPONDER_RES);
	req->initiator_depth = (u8)HW_GET(m, REQ_INIT_DEPTH);
	req->cm_timeout = (u8)HW_GET(m, REQ_REMOTE_TIMEOUT);
	req->psn = HW_GET(m, REQ_PSN);
	req->retries = (u8)HW_GET(m, REQ_RETRIES);
	req->pkey = (u16)HW_GET(m, REQ_PKEY);
	req->rnr_retries = (u8)HW_GET(m, REQ_RNR_RETRIES);
	req->cm_retries = (u8)HW_GET(m, REQ_CM_RETRIES);
	req->ack_timeout = (u8)HW_GET(m, REQ_ACK_TIMEOUT);
	path->mtu = HW_GET(m, REQ_MTU);
	path->slid = (u16)HW_GET(m, REQ_LOCAL_LID);
	path->dlid = (u16)HW_GET(m, REQ_REMOTE_LID);
	memcpy(path->sgid.raw, m->raw + REQ_LOCAL_GID, 16);
	memcpy(path->dgid.raw, m->raw + REQ_REMOTE_GID, 16);
	path->flow_label = HW_GET(m, REQ_FLOW_LABEL);
	path->rate = (u8)HW_GET(m, REQ_RATE);
	path->traffic_class = (u8)HW_GET(m, REQ_TRAFFIC_CLASS);
	path->hop_limit = (u8)HW_GET(m, REQ_HOP_LIMIT);
	path->sl = (u8)HW_GET(m, REQ_SL);
	path->pkey = req->pkey;
	memcpy(req->private_data, m->raw + REQ_PRIVATE, CM_REQ_PRIVATE_BYTES);

	if (HW_GET(m, REQ_TRANSPORT) != CM_TRANSPORT_RC ||
	    !HW_GET(m, REQ_SUBNET_LOCAL))
		return REJ_REASON_UNSUPPORTED;
	if (path->mtu < IB_MTU_256 || path->mtu > IB_MTU_4096)
		return REJ_REASON_MTU;
	if (!path->slid || path->slid >= 0xc000)
		return REJ_REASON_LID;
	return 0;
}

void cm_put_rep(struct mad *m, u64 tid, const struct cm_rep *rep)
{
	cm_begin(m, CM_REP, tid, rep->local_id, rep->remote_id);
	HW_SET(m, rep->qpn, REP_QPN);
	HW_SET(m, rep->psn, REP_PSN);
	HW_SET(m, rep->responder_resources, REP_RESPONDER_RES);
	HW_SET(m, rep->initiator_depth, REP_INIT_DEPTH);
	HW_SET(m, 1, REP_E2E_FLOW);
	HW_SET(m, rep->rnr_retries, REP_RNR_RETRIES);
	HW_SET64(m, rep->ca_guid, REP_CA_GUID);
	memcpy(m->raw + REP_PRIVATE, rep->private_data, CM_REP_PRIVATE_BYTES);
}

void cm_get_rep(const struct mad *m, struct cm_rep *rep)
{
	memset(rep, 0, sizeof(*rep));
	rep->local_id = HW_GET(m, CM_LOCAL_ID);
	rep->remote_id = HW_GET(m, CM_REMOTE_ID);
	rep->qpn = HW_GET(m, REP_QPN);
	rep->psn = HW_GET(m, REP_PSN);
	rep->responder_resources = (u8)HW_GET(m, REP_RESPONDER_RES);
	rep->initiator_depth = (u8)HW_GET(m, REP_INIT_DEPTH);
	rep->rnr_retries = (u8)HW_GET(m, REP_RNR_RETRIES);
	rep->ca_guid = HW_GET64(m, REP_CA_GUID);
	memcpy(rep->private_data, m->raw + REP_PRIVATE, CM_REP_PRIVATE_BYTES);
}

void cm_put_rej(struct mad *m, u64 tid, u32 local_id, u32 remote_id, u8 message,
		u16 reason, const void *private_data, u32 bytes)
{
	cm_begin(m, CM_REJ, tid, local_id, remote_id);
	HW_SET(m, message, REJ_MESSAGE);
	HW_SET(m, reason, REJ_REASON);
	if (bytes)
		memcpy(m->raw + REJ_PRIVATE, private_data,
		       min(bytes, (u32)CM_REJ_PRIVATE_BYTES));
}
