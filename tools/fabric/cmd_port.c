/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about the port and management. */
#include "be.h"
#include "card.h"
#include "cmd.h"
#include "fabric.h"
#include "log.h"
#include "sma.h"

#include <string.h>

enum {
	SENSED_INFINIBAND = 1,
	SET_PORT_CAPABILITIES = 0x04,
	SPECIAL_QPS_ALIGN = 8,
	MAD_IFC_IGNORE_MKEY = 1 << 0,
};

/* The port that the modifier's low byte names, or NULL. */
static struct card_port *port_of(const struct command *cmd)
{
	return card_port(cmd->card, cmd->in_mod & 0xff);
}

u8 cmd_query_port(struct command *cmd)
{
	const struct card_port *port = port_of(cmd);
	u8 *out = cmd->out;

	if (!port)
		return CMD_BAD_PARAM;
	out[0x00] = 0x01; /* InfiniBand only */
	if (port_state(&port->ib) != PORT_DOWN)
		out[0x00] |= 0x80;
	out[0x01] = 5; /* MTU 4096 */
	out[0x05] = 7; /* SDR, DDR, QDR */
	out[0x06] = 3; /* 1x, 4x */
	out[0x07] = 0x77;
	out[0x0a] = 0x77; /* 2^7 MACs, 2^7 VLANs: not used on InfiniBand */
	out[0x0b] = 4;    /* VLs */
	put64(out + 0x10, /* no two ports have one MAC */
	      (cmd->card->node_guid + port->number - 1) & 0xffffffffffffull);
	return CMD_OK;
}

u8 cmd_init_port(struct command *cmd)
{
	struct card_port *port = port_of(cmd);

	if (!port)
		return CMD_BAD_PARAM;
	port->is_enabled = true;
	switch_link_changed(&cmd->card->fabric->sw, port);
	return CMD_OK;
}

u8 cmd_close_port(struct command *cmd)
{
	struct card_port *port = port_of(cmd);

	if (!port)
		return CMD_BAD_PARAM;
	port->is_enabled = false;
	switch_link_changed(&cmd->card->fabric->sw, port);
	return CMD_OK;
}

/*
 * The capability mask always takes effect.  What else a caller may ask to
 * change (VLs, MTU, table sizes, GUIDs) stays as it is: the link of the
 * model has no use for less.
 */
u8 cmd_set_port(struct command *cmd)
{
	struct card_port *port = port_of(cmd);

	if (!port)
		return CMD_BAD_PARAM;
	if (cmd->op_mod)
		return CMD_BAD_OP; /* Ethernet */
	port_set_capabilities(&port->ib,
			      get32(cmd->in + SET_PORT_CAPABILITIES));
	sm_peer_changed(&cmd->card->fabric->sw.sm.links[port->uplink]);
	return CMD_OK;
}

u8 cmd_sense_port(struct command *cmd)
{
	cmd->result = SENSED_INFINIBAND;
	return port_of(cmd) ? CMD_OK : CMD_BAD_PARAM;
}

u8 cmd_mad_ifc(struct command *cmd)
{
	struct card_port *port = port_of(cmd);

	if (!port)
		return CMD_BAD_PARAM;
	switch (sma_process(port, cmd->in, !(cmd->op_mod & MAD_IFC_IGNORE_MKEY),
			    cmd->out)) {
	case SMA_ANSWERED:
		return CMD_OK;
	case SMA_SILENT:
		cmd->has_no_output = true;
		return CMD_OK;
	case SMA_DISCARDED:
		return CMD_BAD_PACKET;
	}
	return CMD_INTERNAL;
}

u8 cmd_conf_special_qp(struct command *cmd)
{
	u32 base = cmd->in_mod & 0xffffff;

	if (base % SPECIAL_QPS_ALIGN || cmd->op_mod)
		return CMD_BAD_PARAM;
	cmd->card->special_base = base;
	return CMD_OK;
}

u8 cmd_set_node(struct command *cmd)
{
	memcpy(cmd->card->node_description, cmd->in, NODE_DESCRIPTION_BYTES);
	return CMD_OK;
}

u8 cmd_diag_rprt(struct command *cmd)
{
	const struct card_stats *s = &cmd->card->stats;

	/* 0 is the whole card, as what is counted here */
	if (cmd->in_mod && !port_of(cmd))
		return CMD_BAD_PARAM;
	put32(cmd->out + 0x20, (u32)s->flushed);
	put32(cmd->out + 0x68, (u32)s->rnr_naks);
	put32(cmd->out + 0x118, (u32)s->packets_dropped);
	put32(cmd->out + 0x134, (u32)s->timeouts);
	put32(cmd->out + 0x1a0, (u32)s->cq_overruns);
	put32(cmd->out + 0x1a4, (u32)s->eq_overruns);
	put32(cmd->out + 0x1a8, (u32)s->bad_doorbells);
	return CMD_OK;
}
