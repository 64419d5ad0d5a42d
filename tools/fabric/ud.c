/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ud.h"
#include "be.h"
#include "card.h"
#include "fabric.h"
#include "log.h"
#include "transfer.h"

#include <string.h>

enum {
	MCG_MEMBERS = 0x20, /* offset of the first QPN */
	MCG_BLOCK_LOOPBACK = 1 << 30,
};

static struct packet outgoing; /* built here; nothing keeps it */

/* The LID that a path says: of the port's own only the lowest bits, so many as
 * its LMC, are the sender's choice. */
static u16 source_lid(const struct port *port, u32 path_bits)
{
	return (u16)(port_lid(port) | (path_bits & port_path_mask(port)));
}

static void build_grh(struct qp *qp, const struct datagram *d)
{
	const struct port *port = &qp_port(qp)->ib;
	u32 padding = -outgoing.bytes & 3;
	u8 *grh = outgoing.grh;

	put32(grh, 6u << 28 | (u32)d->traffic_class << 20 | d->flow_label);
	put16(grh + 4, (u16)(BTH_BYTES + DETH_BYTES +
			     (outgoing.has_immediate ? IMMEDIATE_BYTES : 0) +
			     outgoing.bytes + padding + ICRC_BYTES));
	grh[6] = 0x1b;
	grh[7] = d->hop_limit;
	put64(grh + 8, port_gid_prefix(port));
	put64(grh + 16, port->guids[d->sgid_index]);
	memcpy(grh + 24, d->dgid, 16);
}

static enum wc_syndrome build_ud(struct qp *qp)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	const struct datagram *d = &wqe->datagram;
	const struct port *port = &qp_port(qp)->ib;
	struct cursor cursor = {0};
	struct flow from = flow_of_request(qp, &cursor);

	if (d->port != qp_port(qp)->number)
		return WC_LOCAL_QP_OP;
	if (wqe->bytes > port_mtu_bytes(port))
		return WC_LOCAL_LENGTH;
	if (transfer_gather(outgoing.data, &from, wqe->bytes) != TRANSFER_OK)
		return WC_LOCAL_PROTECTION;
	outgoing.bytes = (u32)wqe->bytes;
	outgoing.dlid = d->dlid;
	outgoing.slid = source_lid(port, d->path_bits);
	outgoing.sl = d->sl;
	outgoing.dqpn = d->dqpn;
	outgoing.sqpn = qp_wire_number(qp);
	outgoing.qkey = d->qkey >> 31 ? qp->qkey : d->qkey;
	outgoing.pkey = port->pkeys[qp->pkey_index];
	outgoing.has_immediate = wqe->opcode == SEND_SEND_IMM;
	outgoing.immediate = wqe->immediate;
	outgoing.is_solicited = wqe->is_solicited;
	outgoing.has_grh = d->has_grh;
	if (d->has_grh)
		build_grh(qp, d);
	return WC_OK;
}

/* The raw headers: LRH, perhaps GRH, BTH, DETH, perhaps immediate data. */
static enum wc_syndrome parse_headers(struct qp *qp, const u8 *raw, u32 bytes)
{
	const struct send_wqe *wqe = &qp->tx.wqe;
	u32 at = LRH_BYTES;
	const u8 *bth;

	outgoing.has_grh = (raw[1] & 3) == LNH_GLOBAL;
	outgoing.dlid = get16(raw + 2);
	outgoing.sl = raw[1] >> 4;
	outgoing.slid = LID_PERMISSIVE;
	if (!wqe->mlx_permissive_slid)
		outgoing.slid = source_lid(&qp_port(qp)->ib, get16(raw + 6));
	if (outgoing.has_grh) {
		memcpy(outgoing.grh, raw + at, GRH_BYTES);
		at += GRH_BYTES;
	}
	if (bytes < at + BTH_BYTES + DETH_BYTES)
		return WC_LOCAL_LENGTH;
	bth = raw + at;
	at += BTH_BYTES + DETH_BYTES;
	outgoing.is_solicited = bth[1] & 0x80;
	outgoing.pkey = get16(bth + 2);
	outgoing.dqpn = get24(bth + 5);
	outgoing.qkey = get32(bth + BTH_BYTES);
	outgoing.sqpn = get24(bth + BTH_BYTES + 5);
	outgoing.is_vl15 = outgoing.dqpn == QPN_SMI;
	if (bth[0] == BTH_UD_SEND_IMM) {
		if (bytes < at + IMMEDIATE_BYTES)
			return WC_LOCAL_LENGTH;
		outgoing.has_immediate = true;
		outgoing.immediate = get32(raw + at);
		at += IMMEDIATE_BYTES;
	} else if (bth[0] != BTH_UD_SEND) {
		return WC_LOCAL_QP_OP;
	}
	outgoing.bytes = bytes - at;
	if (outgoing.bytes > PACKET_MAX_BYTES)
		return WC_LOCAL_LENGTH;
	memcpy(outgoing.data, raw + at, outgoing.bytes);
	return WC_OK;
}

static enum wc_syndrome build_mlx(struct qp *qp)
{
	static u8 raw[PACKET_MAX_BYTES + 128];
	const struct send_wqe *wqe = &qp->tx.wqe;
	struct cursor cursor = {0};
	struct flow from = flow_of_request(qp, &cursor);

	if (wqe->bytes > sizeof(raw) ||
	    wqe->bytes < LRH_BYTES + BTH_BYTES + DETH_BYTES + ICRC_BYTES)
		return WC_LOCAL_LENGTH;
	if (transfer_gather(raw, &from, wqe->bytes) != TRANSFER_OK)
		return WC_LOCAL_PROTECTION;
	return parse_headers(qp, raw, (u32)wqe->bytes - ICRC_BYTES);
}

static void send_one(struct qp *qp)
{
	struct card *card = qp->card;
	struct send_wqe *wqe = &qp->tx.wqe;
	enum wc_syndrome status = WC_OK;

	memset(&outgoing, 0, offsetof(struct packet, data));
	if (wqe->opcode == SEND_NOP) {
		qp_complete_send(qp, wqe, WC_OK, 0);
		return;
	}
	status = qp->type == QP_MLX ? build_mlx(qp) : build_ud(qp);
	if (status == WC_OK) {
		card->stats.packets_sent++;
		switch_send(&card->fabric->sw, qp_port(qp)->uplink, &outgoing);
	}
	qp_complete_send(qp, wqe, status, 0);
}

void ud_run(struct qp *qp)
{
	enum wc_syndrome syndrome;

	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		if (qp->state != QP_RTS)
			return;
		switch (wqe_fetch_send(qp, &qp->tx.wqe, &syndrome)) {
		case WQE_NONE:
			return;
		case WQE_BAD:
			qp_complete_send(qp, NULL, syndrome, 0);
			return;
		case WQE_READY:
			send_one(qp);
		}
	}
	work_queue(&qp->work);
}

static void drop(struct card_port *port, const struct packet *p,
		 const char *why)
{
	struct card *card = port->card;

	card->stats.packets_dropped++;
	if (p->dqpn == QPN_SMI)
		port->ib.counters.vl15_dropped++;
	log_debug(card->name, "packet from LID %u QP 0x%x to QP 0x%x: %s",
		  p->slid, p->sqpn, p->dqpn, why);
}

/* The P_Key index that the completion shows; -1: no match. */
static int check_keys(struct qp *qp, const struct packet *p)
{
	struct port *port = &qp_port(qp)->ib;
	u32 qkey = qp->type == QP_MLX ? QKEY_GSI : qp->qkey;
	int index = qp->pkey_index;

	if (p->dqpn == QPN_SMI)
		return 0;
	if (qp->type == QP_MLX)
		index = port_find_pkey(port, p->pkey);
	else if (!pkey_matches(port->pkeys[index], p->pkey))
		index = -1;
	if (index < 0) {
		qp->card->stats.pkey_violations++;
		port_count_bad_pkey(port);
		drop(qp_port(qp), p, "P_Key");
		return -1;
	}
	if (p->qkey != qkey) {
		qp->card->stats.qkey_violations++;
		port_count_bad_qkey(port);
		drop(qp_port(qp), p, "Q_Key");
		return -1;
	}
	return index;
}

static void deliver(struct qp *qp, const struct packet *p)
{
	struct recv_wqe *recv = &qp->rx.wqe;
	struct cursor cursor = {0};
	struct flow to = {
		.card = qp->card,
		.access = ACCESS_LOCAL_WRITE,
		.is_target = true,
		.segments = recv->segments,
		.cursor = &cursor,
	};
	struct completion completion = {
		.source = (p->has_grh ? 1u << 31 : 0) | p->sqpn,
		.sl = p->sl,
		.slid = p->slid,
		.bytes = GRH_BYTES + p->bytes,
		.opcode = p->has_immediate ? CQE_RECV_SEND_IMM : CQE_RECV_SEND,
		.is_solicited = p->is_solicited,
	};
	int pkey_index = check_keys(qp, p);

	if (pkey_index < 0)
		return;
	if (wqe_fetch_recv(qp, recv) != WQE_READY) {
		drop(qp_port(qp), p, "no receive is posted");
		return;
	}
	completion.immediate =
		p->has_immediate ? p->immediate : (u32)pkey_index;
	completion.wqe_index = recv->index;
	to.pd = recv->pd;
	to.nr_segments = recv->nr_segments;
	wqe_take_recv(qp);
	if (recv->bytes < GRH_BYTES + p->bytes)
		completion.syndrome = WC_LOCAL_LENGTH;
	else if (transfer_bytes(&to, p->grh, GRH_BYTES) != TRANSFER_OK ||
		 transfer_bytes(&to, p->data, p->bytes) != TRANSFER_OK)
		completion.syndrome = WC_LOCAL_PROTECTION;
	qp->card->stats.packets_received++;
	if (!qp_complete_recv(qp, &completion) && completion.syndrome != WC_OK)
		qp_fail(qp);
}

/* The group of GID @gid: the same walk as the driver's. */
static const u8 *find_group(const struct card *card, const u8 *gid, u32 hash)
{
	u32 nr_entries = 1u << card->hca.log_mcgs;

	for (u32 steps = 0; steps < nr_entries && hash < nr_entries; steps++) {
		const u8 *mcg =
			card->mcgs + ((size_t)hash << card->hca.log_mcg_bytes);

		if (!memcmp(mcg + 0x10, gid, 16))
			return mcg;
		hash = get32(mcg) >> 6;
		if (!hash)
			break;
	}
	return NULL;
}

static void receive_multicast(struct card_port *port, const struct packet *p)
{
	struct card *card = port->card;
	u32 max = ((1u << card->hca.log_mcg_bytes) - MCG_MEMBERS) / 4;
	const u8 *gid = p->grh + 24, *mcg;
	u32 nr_members;

	if (!p->has_grh || !card->mcgs)
		return;
	mcg = find_group(card, gid, mcg_hash(card, gid));
	if (!mcg)
		return;
	nr_members = get24(mcg + 5);
	for (u32 i = 0; i < nr_members && i < max; i++) {
		u32 member = get32(mcg + MCG_MEMBERS + 4 * i);
		struct qp *qp = qp_find(card, member & 0xffffff);

		if (!qp || qp_port(qp) != port || qp->type != QP_UD ||
		    !qp_can_receive(qp))
			continue;
		if ((member & MCG_BLOCK_LOOPBACK) && qp->qpn == p->sqpn &&
		    p->slid == port_lid(&port->ib))
			continue;
		deliver(qp, p);
	}
}

void ud_receive(struct card_port *port, const struct packet *p)
{
	struct card *card = port->card;
	struct qp *qp;

	if (p->dqpn == QPN_MULTICAST) {
		receive_multicast(port, p);
		return;
	}
	if (p->dqpn <= QPN_GSI)
		qp = qp_special(port, p->dqpn);
	else
		qp = qp_find(card, p->dqpn);
	if (!qp || qp_port(qp) != port || qp_type_is_connected(qp->type) ||
	    !qp_can_receive(qp))
		drop(port, p, "no such queue pair");
	else
		deliver(qp, p);
}
