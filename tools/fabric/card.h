/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_CARD_H
#define FABRIC_CARD_H

/*
 * One ConnectX-3 card with one or two ports: registers, and everything the
 * firmware of a card knows.
 *
 *           MAP_FA, RUN_FW            INIT_HCA
 *    RESET ---------------> RUNNING -----------> UP
 *      ^                     ^  |                 |
 *      |                     |  | UNMAP_FA        | CLOSE_HCA
 *      |                     +--|-----------------+
 *      +------------------------+---- card_reset(): from any state
 *
 * card_reset() is the reset register, a function-level reset, the reset of
 * the machine, or the end of the machine; maps and eventfds stay until the
 * client goes.
 */
#include "cq.h"
#include "dma.h"
#include "eq.h"
#include "icm.h"
#include "irq.h"
#include "pci_config.h"
#include "port.h"
#include "qp.h"
#include "srq.h"
#include "stats.h"
#include "topology.h"
#include "vfio_user.h"

enum {
	NO_EQ = 0xffff,
	HCR_DWORDS = 7,
	INIT_HCA_BYTES = 0x200,
	MCG_MAX_BYTES = 1024,
	/* The largest tables, as logarithms; QUERY_DEV_CAP tells them. */
	LOG_MAX_QPS = 18,
	LOG_MAX_SRQS = 16,
	LOG_MAX_CQS = 16,
	LOG_MAX_EQS = 8,
	LOG_MAX_MPTS = 19,
	LOG_MAX_MCGS = 13,
	NODE_DESCRIPTION_BYTES = 64,
};

/* Where the registers are that QUERY_FW tells of, in BAR0. */
enum {
	REG_CLEAR_INT = 0xf00d8,
	REG_HEALTH = 0xf0400,
	HEALTH_DWORDS = 16,
};

enum hca_state { HCA_RESET, HCA_RUNNING, HCA_UP };

/* Injected: the next @left commands @opcode are answered with @status. */
struct command_fault {
	u16 opcode;
	u8 status; /* 0: not used */
	u32 left;
};

#define FAIL_FOR_EVER UINT32_MAX

enum { CARD_COMMAND_FAULTS = 8 };

/* What INIT_HCA said. */
struct hca {
	u64 qpc_base, cqc_base, eqc_base, srqc_base;
	u64 mpt_base, mtt_base, mcg_base;
	/* the card's own, of which we keep nothing but their being mapped */
	u64 altc_base, auxc_base, rdmarc_base, cmpt_base;
	u8 log_rdmarc;
	u8 log_qps, log_cqs, log_eqs, log_srqs, log_mpts;
	u8 log_mcg_bytes, log_mcg_hash, log_mcgs;
	u8 image[INIT_HCA_BYTES];
};

/* One of a card's ports, and where its cable goes. */
struct card_port {
	struct card *card;
	u8 number;           /* on the card, from 1 */
	unsigned int uplink; /* number of the switch's port at the other end */
	char name[8]; /* as orders call it: "2", or "2:1" of a card with two */
	struct port ib;
	struct port_plan plan;
	bool is_enabled; /* between INIT_PORT and CLOSE_PORT */
};

struct card {
	struct fabric *fabric;
	unsigned int index;
	char name[16];
	struct vfu_server server;
	struct pci_config config;
	struct dma_map dma;
	struct irqs irqs;
	unsigned int said_no_master;

	enum hca_state state;
	bool has_fa;
	u32 hcr[HCR_DWORDS];
	u32 cq_doorbell; /* its first dword, until the second comes */
	bool is_owned, is_reset_locked; /* test-and-set registers */
	struct icm icm;
	struct hca hca;

	struct eq *eqs;
	u32 nr_eqs;
	u16 event_eqn[NR_EVENT_TYPES];
	struct cq **cqs;
	u32 nr_cqs;
	struct qp **qps;
	u32 nr_qps;
	struct srq **srqs;
	u32 nr_srqs;
	u8 *mcgs;         /* the multicast table */
	u32 special_base; /* QPN of QP0; 0: none */

	u64 node_guid;
	char own_description[NODE_DESCRIPTION_BYTES];  /* after each reset, */
	char node_description[NODE_DESCRIPTION_BYTES]; /* until SET_NODE */
	struct card_port ports[CARD_MAX_PORTS];
	unsigned int nr_ports;
	struct card_stats stats;
	bool is_paused; /* injected: it stands still, see card_pause() */
	struct command_fault command_faults[CARD_COMMAND_FAULTS];
};

/**
 * card_open - make card @index of @fabric as @plan says, attachable at socket
 * @path.
 *
 * Return: 0, or -errno.
 */
int card_open(struct card *card, struct fabric *fabric, unsigned int index,
	      const struct card_plan *plan, const char *path);
void card_close(struct card *card);

/* Make a card that nobody has attached to yet, and the ports that it has, what
 * @plan says. */
void card_configure(struct card *card, const struct card_plan *plan);

/**
 * card_pause - the card and its machine stand still, or go on: register
 * accesses wait, queue pairs send nothing, what is sent to it is lost.  The
 * link stays.
 */
void card_pause(struct card *card, bool is_paused);

/* Forget what the guest set up. */
void card_reset(struct card *card, const char *why);

/* CLOSE_HCA: contexts go, the firmware stays. */
void card_close_hca(struct card *card);

/* The kinds of object that have a control MPT, in its regions' order. */
enum cmpt_region { CMPT_QP, CMPT_SRQ, CMPT_CQ, CMPT_EQ };

/**
 * card_has_cmpt - is the control MPT of object @index mapped?  We keep nothing
 * there, but a card does: a driver must have mapped it first.
 */
bool card_has_cmpt(struct card *card, enum cmpt_region region, u64 index);

/* Likewise everything that a card keeps for queue pair @index. */
bool card_has_qp_tables(struct card *card, u64 index);

/* Where multicast group @gid starts in the card's table. */
u32 mcg_hash(const struct card *card, const u8 *gid);

void card_interrupt(struct card *card, unsigned int vector);

/**
 * card_port - the port that commands and requests call @number.
 *
 * Return: the port, or NULL: the card has none of that number.
 */
struct card_port *card_port(struct card *card, u32 number);

/**
 * card_port_changed - raise the events for PORT_CHANGED_ bits @changed.
 */
void card_port_changed(struct card_port *port, u32 changed);

/* The subtypes of a port management event that are about a table. */
enum port_table { PORT_TABLE_GUIDS = 0x14, PORT_TABLE_PKEYS = 0x16 };

/**
 * card_table_changed - tell the host that entries of @block of the port's
 * @table have changed: those in bitmap @entries.
 */
void card_table_changed(struct card_port *port, enum port_table table,
			u32 block, u32 entries);

#endif /* FABRIC_CARD_H */
