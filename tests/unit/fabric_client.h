/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_CLIENT_H
#define FABRIC_CLIENT_H

/*
 * A machine with a card, as the fabric sees it: the client's side of the
 * vfio-user protocol with a memfd as memory, and on it just enough of a
 * driver to use the card.  Runs in the fabric's own thread: whenever it waits
 * for an answer it turns the event loop.
 */
#include "tools/fabric/be.h"
#include "tools/fabric/fabric.h"

enum {
	MEMORY_BASE = 0x1000000, /* device address of the memory's first byte */
	MEMORY_BYTES = 8 << 20,
	ICM_BYTES = 1 << 20,
	EQN = 32,
	KEY_ALL = 0x100 << 8, /* of the region that is all memory */
	PD = 5,
	RING_ENTRIES = 16,
	SEND_STRIDE = 256,
	RECV_STRIDE = 32,
	CQ_ENTRIES = 64,
};

/* Where the driver puts tables in ICM, which is the memory's first mebibyte. */
enum {
	ICM_QPC = 0,
	ICM_CQC = 0x40000,
	ICM_EQC = 0x50000,
	ICM_SRQC = 0x58000,
	ICM_MPT = 0x60000,
	ICM_MTT = 0x80000,
	ICM_MCG = 0xc0000,
};

struct machine;

struct test_cq {
	struct machine *m;
	u32 cqn, consumer;
	u64 buffer, record;
};

struct test_qp {
	struct machine *m;
	struct test_cq *cq;
	u32 qpn;
	u64 send_ring, recv_ring, record;
	u16 nr_sent, nr_posted;
	u8 port; /* what test_qp_rtr() says, if not 1 */
};

/* QP0 of a port, from machine_port_up() on. */
struct test_smi {
	struct test_cq cq;
	struct test_qp qp;
	u64 buffer, packet;
};

struct machine {
	int socket;
	u16 next_id;
	int memory_fd;
	u8 *memory;
	u64 next_free; /* device address */
	u32 next_mtt;
	int event_fds[2]; /* MSI-X vectors 0 and 1 */
	u64 mailbox, eq_buffer;
	u32 eq_consumer;
	struct test_smi smis[CARD_MAX_PORTS];
};

/* How long a requester tries: the timer's code, and how often. */
struct test_patience {
	u8 ack_timeout, retries;
};

struct test_cqe {
	u32 qpn, immediate, source, bytes;
	u16 slid, wqe_index;
	u8 opcode, syndrome;
	bool is_send;
};

/* The fabric under test: two cards, sockets in a temporary folder. */
extern struct fabric test_fabric;
void fabric_start(void);
void fabric_start_dual(void); /* the first card has two ports */
void fabric_stop(void);

/**
 * fabric_order - give the fabric an order.
 *
 * Return: the last line of its answer; valid until the next one.
 */
const char *fabric_order(const char *order);

/* A counter of a port (the switch's number), by its name: see stats.h. */
u64 fabric_counter(unsigned int port, const char *name);

/* Let the fabric work until it has nothing more to do at once. */
void fabric_settle(void);

/* Raw protocol.  Return: the reply's error number, or -1: disconnected. */
void machine_connect(struct machine *m, unsigned int card);
void machine_disconnect(struct machine *m);
void machine_send(struct machine *m, u16 command, u32 flags, const void *body,
		  u32 size, const int *fds, unsigned int nr_fds);
int machine_receive(struct machine *m, u8 *body, u32 max, u32 *size);
int machine_call(struct machine *m, u16 command, const void *body, u32 size,
		 int fd);

/* A machine that has negotiated, mapped its memory and its interrupts. */
void machine_start(struct machine *m, unsigned int card);
void machine_stop(struct machine *m);

/* The pin instead of MSI-X, for event_fds[0]; what QEMU does at an EOI. */
void machine_use_pin(struct machine *m);
void machine_unmask_pin(struct machine *m);

/* Memory */
u64 machine_alloc(struct machine *m, u64 bytes); /* zeroed, page-aligned */
u8 *machine_at(struct machine *m, u64 dma);

/* Registers, in the card's byte order */
u32 machine_read32(struct machine *m, u32 region, u64 offset);
void machine_write32(struct machine *m, u32 region, u64 offset, u32 value);

/* A firmware command.  Return: its status. */
u8 machine_command(struct machine *m, u16 opcode, u8 op_mod, u32 in_mod,
		   u64 in_param, u64 out_param);

/* Driver */
void machine_bring_up(struct machine *m);    /* to INIT_HCA, EQ, memory key */
void machine_port_up(struct machine *m);     /* QP0, INIT_PORT, answers SMPs */
void machine_answer_smps(struct machine *m); /* those that have come */
bool machine_port_is_active(struct machine *m);

/* The same of port @number, not 1. */
void machine_port_up_at(struct machine *m, u8 number);
void machine_answer_smps_at(struct machine *m, u8 number);
bool machine_port_is_active_at(struct machine *m, u8 number);

/*
 * PortInfo of port @number, or another attribute, by MAD_IFC; valid until the
 * next command.  Return: the answer, or NULL: the command failed.
 */
const u8 *machine_ask(struct machine *m, u8 number, u16 attribute,
		      u32 modifier);
u64 machine_mtt(struct machine *m, u64 dma);
int machine_next_event(struct machine *m, u8 *eqe); /* its type, or -1 */

void test_cq_create(struct test_cq *cq, struct machine *m, u32 cqn);
bool test_cq_poll(struct test_cq *cq, struct test_cqe *cqe);
bool test_cq_wait(struct test_cq *cq, struct test_cqe *cqe); /* seconds */
void test_cq_arm(struct test_cq *cq, bool solicited);

u8 test_qp_create(struct test_qp *qp, struct machine *m, struct test_cq *cq,
		  u32 qpn, enum qp_type type);
u8 test_qp_create_shared(struct test_qp *qp, struct machine *m,
			 struct test_cq *cq, u32 qpn, u32 srqn);

/* Four entries of 32 bytes.  Return: the ring's device address. */
u64 test_srq_create(struct machine *m, u32 srqn, u64 record);
u8 test_qp_rtr(struct test_qp *qp, u32 remote_qpn, u16 remote_lid, u32 psn);
u8 test_qp_rts(struct test_qp *qp, u32 psn);
u8 test_qp_rts_patient(struct test_qp *qp, u32 psn, struct test_patience how);
void test_qp_connect(struct test_qp *a, struct test_qp *b);
void test_qp_connect_patient(struct test_qp *a, struct test_qp *b,
			     struct test_patience how);
u16 machine_lid(struct machine *m);
u16 machine_lid_at(struct machine *m, u8 number);

void test_post_recv(struct test_qp *qp, u64 dma, u32 bytes, u32 key);

/*
 * A request of one data segment, after @head (bytes 16 and on of the WQE); its
 * doorbell is the caller's.  Return: the WQE.
 */
u8 *test_write_send(struct test_qp *qp, u8 opcode, u32 immediate,
		    const u8 *head, u32 head_bytes, u64 dma, u32 bytes,
		    u32 key);

/* The same with the doorbell. */
void test_post_send(struct test_qp *qp, u8 opcode, u32 immediate,
		    const u8 *head, u32 head_bytes, u64 dma, u32 bytes,
		    u32 key);
void test_post_rdma(struct test_qp *qp, u8 opcode, u64 dma, u32 bytes,
		    u64 remote_va, u32 remote_key);

#endif /* FABRIC_CLIENT_H */
