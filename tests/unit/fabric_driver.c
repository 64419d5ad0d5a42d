/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Just enough of a driver: see fabric_client.h. */
#include "fabric_client.h"
#include "tools/fabric/mad.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ICM_ALTC = 0x100000, /* these alias the same memory: the card's own */
	ICM_AUXC = 0x200000,
	ICM_RDMARC = 0x300000,
	ICM_CMPT = 0x40000000, /* regions of 2^30 */
	LOG_QPS = 10,
	LOG_CQS = 8,
	LOG_EQS = 6,
	LOG_MPTS = 10,
	LOG_SRQS = 7,
	UAR = 128 * 4096,
	LOG_EQ_ENTRIES = 6,
	LOG_RING = 4,
	LOG_CQ = 6,
	SPECIAL_BASE = 64,
};

u64 machine_alloc(struct machine *m, u64 bytes)
{
	u64 at = m->next_free;

	m->next_free += (bytes + 4095) & ~4095ull;
	if (m->next_free > MEMORY_BASE + MEMORY_BYTES)
		abort();
	return at;
}

u8 *machine_at(struct machine *m, u64 dma)
{
	return m->memory + (dma - MEMORY_BASE);
}

u8 machine_command(struct machine *m, u16 opcode, u8 op_mod, u32 in_mod,
		   u64 in_param, u64 out_param)
{
	const u32 dwords[7] = {
		(u32)(in_param >> 32),
		(u32)in_param,
		in_mod,
		(u32)(out_param >> 32),
		(u32)out_param,
		0xffff0000,
		1u << 23 | (u32)op_mod << 12 | opcode,
	};

	for (u32 i = 0; i < 7; i++)
		machine_write32(m, 0, 0x80680 + 4 * i, dwords[i]);
	return (u8)(machine_read32(m, 0, 0x80698) >> 24);
}

static const struct test_patience usual_patience = {
	.ack_timeout = 8, /* 1 ms */
	.retries = 3,
};

u64 machine_mtt(struct machine *m, u64 dma)
{
	u64 mtt = 8ull * m->next_mtt++;

	put64(m->memory + ICM_MTT + mtt, dma | 1);
	return mtt;
}

static u8 *mailbox(struct machine *m)
{
	u8 *p = machine_at(m, m->mailbox);

	memset(p, 0, 4096);
	return p;
}

static void must(u8 status)
{
	if (status)
		abort();
}

static void init_hca(struct machine *m)
{
	u8 *in = mailbox(m);

	in[0] = 2;
	put64(in + 0x30, ICM_QPC | LOG_QPS);
	put64(in + 0x48, ICM_SRQC | LOG_SRQS);
	put64(in + 0x50, ICM_CQC | LOG_CQS);
	put64(in + 0x80, ICM_EQC | LOG_EQS);
	put64(in + 0x60, ICM_ALTC);
	put64(in + 0x70, ICM_AUXC);
	put64(in + 0x90, ICM_RDMARC | 4);
	put64(in + 0x108, ICM_CMPT);
	put64(in + 0xc0, ICM_MCG);
	in[0xd3] = 6;
	in[0xd7] = 6;
	in[0xdb] = 7;
	put64(in + 0xf0, ICM_MPT);
	in[0xfb] = LOG_MPTS;
	put64(in + 0x100, ICM_MTT);
	must(machine_command(m, 0x007, 0, 0, m->mailbox, 0));
}

static void create_memory_key(struct machine *m)
{
	u8 *in = mailbox(m);

	put32(in, 0xf0027f00); /* software's; all rights; physical region */
	put32(in + 0x08, KEY_ALL >> 8);
	put32(in + 0x0c, PD);
	put64(in + 0x18, ~0ull);
	must(machine_command(m, 0x00d, 0, KEY_ALL >> 8, m->mailbox, 0));
}

static void create_eq(struct machine *m)
{
	u8 *in = mailbox(m);

	m->eq_buffer = machine_alloc(m, 4096);
	put32(in, 9 << 8); /* armed */
	in[0x0c] = LOG_EQ_ENTRIES;
	put16(in + 0x16, 0); /* vector */
	put32(in + 0x1c, (u32)machine_mtt(m, m->eq_buffer));
	must(machine_command(m, 0x013, 0, EQN, m->mailbox, 0));
	must(machine_command(m, 0x012, 0, EQN, ~0ull, 0));
}

void machine_bring_up(struct machine *m)
{
	static const u64 icm[] = {
		0,
		ICM_ALTC,
		ICM_AUXC,
		ICM_RDMARC,
		ICM_CMPT + ((u64)CMPT_QP << 30),
		ICM_CMPT + ((u64)CMPT_SRQ << 30),
		ICM_CMPT + ((u64)CMPT_CQ << 30),
		ICM_CMPT + ((u64)CMPT_EQ << 30),
	};
	u8 *in = mailbox(m);

	put64(in + 8, MEMORY_BASE); /* 2^0 pages */
	must(machine_command(m, 0xfff, 0, 1, m->mailbox, 0));
	must(machine_command(m, 0xff6, 0, 0, 0, 0));
	must(machine_command(m, 0xffd, 0, 0, ICM_BYTES, 0));
	in = mailbox(m);
	for (u32 i = 0; i < ARRAY_LEN(icm); i++) {
		put64(in + 16 * i, icm[i]);
		put64(in + 16 * i + 8, MEMORY_BASE | 8); /* 2^8 pages */
	}
	must(machine_command(m, 0xffa, 0, ARRAY_LEN(icm), m->mailbox, 0));
	init_hca(m);
	create_memory_key(m);
	create_eq(m);
}

int machine_next_event(struct machine *m, u8 *eqe)
{
	u32 size = 1 << LOG_EQ_ENTRIES;
	u8 *p = machine_at(m, m->eq_buffer) +
		32 * (m->eq_consumer & (size - 1));

	fabric_settle();
	if ((p[31] >> 7) != !!(m->eq_consumer & size))
		return -1;
	memcpy(eqe, p, 32);
	m->eq_consumer++;
	machine_write32(m, 2, EQN / 4 * 4096 + 0x800,
			1u << 31 | m->eq_consumer);
	fabric_settle();
	return eqe[1];
}

void test_cq_create(struct test_cq *cq, struct machine *m, u32 cqn)
{
	u8 *in = mailbox(m);

	*cq = (struct test_cq){.m = m, .cqn = cqn};
	cq->buffer = machine_alloc(m, CQ_ENTRIES * 32);
	cq->record = machine_alloc(m, 8);
	in[0x0c] = LOG_CQ;
	put32(in + 0x14, EQN);
	put32(in + 0x1c, (u32)machine_mtt(m, cq->buffer));
	put64(in + 0x38, cq->record);
	must(machine_command(m, 0x016, 0, cqn, m->mailbox, 0));
}

bool test_cq_poll(struct test_cq *cq, struct test_cqe *cqe)
{
	const u8 *p = machine_at(cq->m, cq->buffer) +
		      32 * (cq->consumer & (CQ_ENTRIES - 1));

	fabric_settle();
	if ((p[31] >> 7) != !!(cq->consumer & CQ_ENTRIES))
		return false;
	*cqe = (struct test_cqe){
		.qpn = get24(p + 1),
		.immediate = get32(p + 4),
		.source = get32(p + 8),
		.slid = get16(p + 0x0e),
		.bytes = get32(p + 0x14),
		.wqe_index = get16(p + 0x18),
		.opcode = p[0x1f] & 0x1f,
		.is_send = p[0x1f] & 0x40,
	};
	if (cqe->opcode == CQE_ERROR)
		cqe->syndrome = p[0x1b];
	cq->consumer++;
	put32(machine_at(cq->m, cq->record), cq->consumer & 0xffffff);
	return true;
}

bool test_cq_wait(struct test_cq *cq, struct test_cqe *cqe)
{
	u64 end = loop_now_ns() + 5000000000ull;

	while (loop_now_ns() < end) {
		if (test_cq_poll(cq, cqe))
			return true;
		loop_turn(10);
	}
	return false;
}

void test_cq_arm(struct test_cq *cq, bool solicited)
{
	u32 command = (solicited ? 1u : 2u) << 24 | cq->cqn;

	machine_write32(cq->m, 2, UAR + 0x20, command);
	machine_write32(cq->m, 2, UAR + 0x24, cq->consumer & 0xffffff);
	fabric_settle();
}

enum { NO_SRQ = 0 };

static u8 create_qp(struct test_qp *qp, struct machine *m, struct test_cq *cq,
		    u32 qpn, enum qp_type type, u32 srqn)
{
	u32 send_bytes = RING_ENTRIES * SEND_STRIDE;
	u8 *in = mailbox(m), *c = in + 8;
	u64 buffer = machine_alloc(m, 8192);

	*qp = (struct test_qp){.m = m, .cq = cq, .qpn = qpn};
	qp->send_ring = buffer;
	qp->recv_ring = buffer + send_bytes;
	qp->record = machine_alloc(m, 4);
	for (u32 i = 0; i < send_bytes; i += SEND_STRIDE)
		*machine_at(m, buffer + i) = 0x80; /* not posted */
	put32(c, (u32)type << 16 | 3 << 11);
	put24(c + 0x05, PD);
	c[0x09] = LOG_RING << 3 | (5 - 4); /* 32 bytes */
	c[0x0a] = LOG_RING << 3 | (8 - 4); /* 256 bytes */
	put24(c + 0x0d, 128);
	put24(c + 0x7d, cq->cqn);
	put24(c + 0x9d, cq->cqn);
	put32(c + 0x90, 0xe000); /* read, write, atomic */
	put64(c + 0xa0, qp->record);
	put32(c + 0xa8, 0x11111111); /* Q_Key */
	put32(c + 0xcc, (u32)machine_mtt(m, buffer));
	machine_mtt(m, buffer + 4096);
	if (srqn != NO_SRQ)
		put32(c + 0xac, 1 << 24 | srqn);
	return machine_command(m, 0x019, 0, qpn, m->mailbox, 0);
}

u8 test_qp_create(struct test_qp *qp, struct machine *m, struct test_cq *cq,
		  u32 qpn, enum qp_type type)
{
	return create_qp(qp, m, cq, qpn, type, NO_SRQ);
}

u8 test_qp_create_shared(struct test_qp *qp, struct machine *m,
			 struct test_cq *cq, u32 qpn, u32 srqn)
{
	return create_qp(qp, m, cq, qpn, QP_RC, srqn);
}

u64 test_srq_create(struct machine *m, u32 srqn, u64 record)
{
	u8 *in = mailbox(m);
	u64 buffer = machine_alloc(m, 4096);

	in[0] = 2;     /* 4 entries */
	in[4] = 5 - 4; /* 32 bytes */
	put32(in + 0x14, (u32)machine_mtt(m, buffer));
	put24(in + 0x19, PD);
	put64(in + 0x28, record);
	must(machine_command(m, 0x035, 0, srqn, m->mailbox, 0));
	return buffer;
}

static u8 port_of(const struct test_qp *qp)
{
	return qp->port ? qp->port : 1;
}

u8 test_qp_rtr(struct test_qp *qp, u32 remote_qpn, u16 remote_lid, u32 psn)
{
	u8 *in = mailbox(qp->m), *c = in + 8;

	c[0x08] = 5 << 5 | 30; /* MTU 4096 */
	put24(c + 0x15, remote_qpn);
	put16(c + 0x1e, remote_lid);
	c[0x38] = (u8)(0x83 | (port_of(qp) - 1) << 6);
	put32(c + 0x90, 4 << 21);
	put32(c + 0x94, 1u << 24 | psn); /* RNR timer 0.01 ms */
	return machine_command(qp->m, 0x01a, 0, qp->qpn, qp->m->mailbox, 0);
}

u8 test_qp_rts(struct test_qp *qp, u32 psn)
{
	return test_qp_rts_patient(qp, psn, usual_patience);
}

u8 test_qp_rts_patient(struct test_qp *qp, u32 psn, struct test_patience how)
{
	u8 *in = mailbox(qp->m), *c = in + 8;

	c[0x20] = (u8)(how.ack_timeout << 3);
	put32(c + 0x70, 4 << 21 | (u32)how.retries << 16 | 3 << 13);
	put24(c + 0x79, psn);
	return machine_command(qp->m, 0x01b, 0, qp->qpn, qp->m->mailbox, 0);
}

const u8 *machine_ask(struct machine *m, u8 number, u16 attribute, u32 modifier)
{
	u8 *in = mailbox(m);

	in[MAD_BASE_VERSION] = 1;
	in[MAD_CLASS] = CLASS_SMP;
	in[MAD_METHOD] = METHOD_GET;
	put16(in + MAD_ATTRIBUTE, attribute);
	put32(in + MAD_MODIFIER, modifier);
	if (machine_command(m, 0x024, 3, number, m->mailbox, m->mailbox + 512))
		return NULL;
	return in + 512;
}

u16 machine_lid_at(struct machine *m, u8 number)
{
	const u8 *mad = machine_ask(m, number, ATTR_PORT_INFO, 0);

	if (!mad)
		abort();
	return get16(mad + SMP_DATA + 16);
}

u16 machine_lid(struct machine *m)
{
	return machine_lid_at(m, 1);
}

void test_qp_connect(struct test_qp *a, struct test_qp *b)
{
	test_qp_connect_patient(a, b, usual_patience);
}

void test_qp_connect_patient(struct test_qp *a, struct test_qp *b,
			     struct test_patience how)
{
	must(test_qp_rtr(a, b->qpn, machine_lid_at(b->m, port_of(b)),
			 0x222222));
	must(test_qp_rtr(b, a->qpn, machine_lid_at(a->m, port_of(a)),
			 0xffffff));
	must(test_qp_rts_patient(a, 0xffffff, how)); /* wraps at once */
	must(test_qp_rts_patient(b, 0x222222, how));
}

void test_post_recv(struct test_qp *qp, u64 dma, u32 bytes, u32 key)
{
	u8 *wqe = machine_at(qp->m, qp->recv_ring) +
		  RECV_STRIDE * (qp->nr_posted % RING_ENTRIES);

	put32(wqe, bytes);
	put32(wqe + 4, key);
	put64(wqe + 8, dma);
	put32(wqe + 16, 0);
	put32(wqe + 20, 0x100); /* end of list */
	put32(machine_at(qp->m, qp->record), ++qp->nr_posted);
}

u8 *test_write_send(struct test_qp *qp, u8 opcode, u32 immediate,
		    const u8 *head, u32 head_bytes, u64 dma, u32 bytes, u32 key)
{
	u8 *wqe = machine_at(qp->m, qp->send_ring) +
		  SEND_STRIDE * (qp->nr_sent % RING_ENTRIES);
	u32 owner = qp->nr_sent & RING_ENTRIES ? 1u << 31 : 0;
	u8 *data = wqe + 16 + head_bytes;

	put32(wqe + 4, (16 + head_bytes + 16) / 16);
	put32(wqe + 8, 3 << 2 | 2); /* completion, solicited */
	put32(wqe + 12, immediate);
	if (head_bytes)
		memcpy(wqe + 16, head, head_bytes);
	put32(data, bytes ? bytes : 1u << 31); /* inline of nothing */
	put32(data + 4, key);
	put64(data + 8, dma);
	put32(wqe, owner | opcode);
	qp->nr_sent++;
	return wqe;
}

void test_post_send(struct test_qp *qp, u8 opcode, u32 immediate,
		    const u8 *head, u32 head_bytes, u64 dma, u32 bytes, u32 key)
{
	test_write_send(qp, opcode, immediate, head, head_bytes, dma, bytes,
			key);
	machine_write32(qp->m, 2, UAR + 0x14, qp->qpn << 8);
}

void test_post_rdma(struct test_qp *qp, u8 opcode, u64 dma, u32 bytes,
		    u64 remote_va, u32 remote_key)
{
	u8 head[16] = {0};

	put64(head, remote_va);
	put32(head + 8, remote_key);
	test_post_send(qp, opcode, 0, head, sizeof(head), dma, bytes, KEY_ALL);
}

static struct test_smi *smi_of(struct machine *m, u8 number)
{
	return &m->smis[number - 1];
}

/* The raw headers of a MAD to QP0, as a driver builds them. */
static void answer_smp(struct machine *m, u8 number, const u8 *mad)
{
	struct test_smi *smi = smi_of(m, number);
	u8 *p = machine_at(m, smi->packet), *reply = p + 28;
	u8 *in = mailbox(m);
	u8 *wqe = machine_at(m, smi->qp.send_ring) +
		  SEND_STRIDE * (smi->qp.nr_sent % RING_ENTRIES);

	memset(p, 0, 28);
	memcpy(in, mad, MAD_BYTES);
	in[SMP_RETURN_PATH + in[MAD_HOP_POINTER]] = number;
	must(machine_command(m, 0x024, 3, number, m->mailbox,
			     m->mailbox + 512));
	memcpy(reply, in + 512, MAD_BYTES);
	reply[MAD_STATUS] |= 0x80;
	p[0] = 0xf0; /* VL15 */
	p[1] = 2;
	put16(p + 2, LID_PERMISSIVE);
	put16(p + 4, 72);
	put16(p + 6, LID_PERMISSIVE);
	p[8] = 0x64; /* UD send */
	put16(p + 10, PKEY_DEFAULT);
	test_post_send(&smi->qp, SEND_SEND, (u32)LID_PERMISSIVE << 16, NULL, 0,
		       smi->packet, 28 + MAD_BYTES + 4, KEY_ALL);
	put32(wqe + 8, get32(wqe + 8) | 3 << 16);
	machine_write32(m, 2, UAR + 0x14, smi->qp.qpn << 8);
	fabric_settle();
}

void machine_answer_smps_at(struct machine *m, u8 number)
{
	struct test_smi *smi = smi_of(m, number);
	struct test_cqe cqe;
	u8 mad[MAD_BYTES];

	while (test_cq_poll(&smi->cq, &cqe)) {
		if (cqe.is_send)
			continue;
		memcpy(mad, machine_at(m, smi->buffer) + 40, MAD_BYTES);
		test_post_recv(&smi->qp, smi->buffer, 40 + MAD_BYTES, KEY_ALL);
		answer_smp(m, number, mad); /* the next one may come at once */
	}
}

void machine_answer_smps(struct machine *m)
{
	machine_answer_smps_at(m, 1);
}

bool machine_port_is_active_at(struct machine *m, u8 number)
{
	const u8 *mad = machine_ask(m, number, ATTR_PORT_INFO, 0);

	return mad && (mad[SMP_DATA + 32] & 0xf) == PORT_ACTIVE;
}

bool machine_port_is_active(struct machine *m)
{
	return machine_port_is_active_at(m, 1);
}

void machine_port_up_at(struct machine *m, u8 number)
{
	u64 end = loop_now_ns() + 60000000000ull;
	struct test_smi *smi = smi_of(m, number);
	u32 index = number - 1u;

	smi->buffer = machine_alloc(m, 4096);
	smi->packet = machine_alloc(m, 4096);
	must(machine_command(m, 0x023, 0, SPECIAL_BASE, 0, 0));
	test_cq_create(&smi->cq, m, 0x80 + index);
	must(test_qp_create(&smi->qp, m, &smi->cq, SPECIAL_BASE + index,
			    QP_MLX));
	smi->qp.port = number;
	must(test_qp_rtr(&smi->qp, 0, 0, 0));
	must(test_qp_rts(&smi->qp, 0));
	test_post_recv(&smi->qp, smi->buffer, 40 + MAD_BYTES, KEY_ALL);
	must(machine_command(m, 0x009, 0, number, 0, 0));
	while (!machine_port_is_active_at(m, number)) {
		if (loop_now_ns() > end)
			abort(); /* the subnet manager did not bring it up */
		loop_turn(10);
		machine_answer_smps_at(m, number);
	}
}

void machine_port_up(struct machine *m)
{
	machine_port_up_at(m, 1);
}
