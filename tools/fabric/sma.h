/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SMA_H
#define FABRIC_SMA_H

/*
 * The agents in a card's firmware: subnet management (SMA) and performance
 * management (PMA).  The card gives the packets of QP0 and QP1 to its host;
 * the host asks the firmware for the answer with the MAD_IFC command.
 *
 * struct smp_attribute functions are shared with the switch's SMA.
 */
#include "mad.h"
#include "port.h"

struct card;
struct card_port;

/* Put a card's port in its state after a reset. */
void sma_init_port(struct card_port *port);

enum sma_result {
	SMA_ANSWERED,
	SMA_SILENT,    /* there is nothing to say (TrapRepress) */
	SMA_DISCARDED, /* the M_Key is wrong */
};

/**
 * sma_process - answer @request to @port as the firmware does.
 * @checks_mkey: a packet from the subnet, not the host's own question.
 * @response: out: 256 bytes, if answered.
 */
enum sma_result sma_process(struct card_port *port, const u8 *request,
			    bool checks_mkey, u8 *response);

/*
 * Tables of a port, for Get and Set: @data are an SMP's 64 bytes.
 * Return: a MAD status.
 */
u16 sma_guid_info(struct port *port, bool is_set, u32 block, u8 *data);
u16 sma_pkey_table(struct port *port, bool is_set, u32 block, u8 *data);
u16 sma_vl_arbitration(struct port *port, bool is_set, u32 block, u8 *data);
u16 sma_sl_to_vl(struct port *port, bool is_set, u8 *data);

/* The node's identity; both kinds of node share the layout. */
struct node_identity {
	u8 type, nr_ports, port;
	u64 node_guid, port_guid, system_guid;
	u16 nr_pkeys, device;
};

void sma_node_info(const struct node_identity *node, u8 *data);

/* A card's identity, as NodeInfo of @port shows it. */
struct node_identity sma_card_identity(const struct card_port *port);

#endif /* FABRIC_SMA_H */
