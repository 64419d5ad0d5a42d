/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about the firmware and what the card can do. */
#include "be.h"
#include "card.h"
#include "cmd.h"
#include "fabric.h"
#include "log.h"

#include <string.h>

enum { FW_PAGES = 16 };

u8 cmd_query_fw(struct command *cmd)
{
	u8 *out = cmd->out;

	put16(out + 0x00, FW_PAGES);
	put16(out + 0x02, 2); /* 2.42.5000 */
	put16(out + 0x04, 5000);
	put16(out + 0x06, 42);
	put16(out + 0x0a, 3); /* command interface revision */
	out[0x0f] = 4;        /* 2^4 commands outstanding */
	put64(out + 0x20, REG_CLEAR_INT);
	put64(out + 0x30, REG_HEALTH);
	put32(out + 0x38, HEALTH_DWORDS);
	return CMD_OK;
}

/* The firmware needs no memory of the host: it is this program. */
u8 cmd_map_fa(struct command *cmd)
{
	cmd->card->has_fa = true;
	return CMD_OK;
}

u8 cmd_unmap_fa(struct command *cmd)
{
	card_close_hca(cmd->card);
	icm_clear(&cmd->card->icm);
	cmd->card->has_fa = false;
	cmd->card->state = HCA_RESET;
	return CMD_OK;
}

u8 cmd_run_fw(struct command *cmd)
{
	if (!cmd->card->has_fa)
		return CMD_BAD_SYSTEM_STATE;
	if (cmd->card->state == HCA_RESET)
		cmd->card->state = HCA_RUNNING;
	return CMD_OK;
}

enum { DEV_PORTS = 0x34, BLUEFLAME = 0x4c };

static const u32 blueflame_is_on = 1u << 31;

/* The comments name the fields from the left; "2^6 of": that many reserved. */
static const struct {
	u16 offset;
	u32 value;
} dev_cap[] = {
	{0x10, 0x0e0e0600 | LOG_MAX_QPS}, /* SRQ, QP entries 2^14; 2^6 of QPs */
	{0x14, 0x60000000 | LOG_MAX_SRQS << 16}, /* 2^6 of SRQs */
	{0x18, 0x20160700 | LOG_MAX_CQS}, /* 32 EQs; 2^22 CQEs; 2^7 of CQs */
	{0x1c, 0x16000500 | LOG_MAX_MPTS << 16 |
		       LOG_MAX_EQS}, /* 2^22 EQEs; MPTs; 2^5 of EQs */
	{0x20, 0x60240819},      /* 2^6 MTTs; windows; 2^8 MPTs; 2^25 MTTs */
	{0x28, 0x00070004},      /* reads: 2^7 out, 2^4 in */
	{0x2c, 0x00000016},      /* no segmentation offload, no RSS */
	{DEV_PORTS, 0x000f5340}, /* ACK delay; MTU, width; VLs, ports */
	{0x38, 0x1e000007},      /* messages to 2^30; 2^7 GIDs */
	{0x3c, 0xff800007},      /* rates; 2^7 P_Keys */
	{0x40, 0x08000000},      /* port management events */
	{0x44,
	 0x00340347}, /* RC, UC, UD, SRQ; counters; atomics; UD multicast */
	{0x48, 0x1002000c},      /* 1 UAR; 4 MiB of them; 4 KiB pages */
	{BLUEFLAME, 0x00090300}, /* 8 registers of 512 bytes a page */
	{0x50, 0x003e03f0},      /* send: 62 segments, 1008 bytes */
	{0x54, 0x00200200},      /* receive: 32 segments, 512 bytes */
	{0x60, 0x00080000 | LOG_MAX_MCGS}, /* 2^8 QPs in each group */
	{0x64, 0x400f4010},                /* PDs, XRC domains */
	{0x80, 0x00200100},                /* entry bytes: RDMARC 32, QPC 256 */
	{0x84, 0x01000040},                /* AUXC 256, ALTC 64 */
	{0x88, 0x00400040},                /* EQC, CQC */
	{0x8c, 0x00400040},                /* SRQC, cMPT */
	{0x90, 0x00080040},                /* MTT, dMPT */
	{0x94, 0x000008c0},                /* invalidation, fast registration */
	{0xa0, 0x00000100},                /* 2^40 bytes of ICM */
};

u8 cmd_query_dev_cap(struct command *cmd)
{
	for (size_t i = 0; i < ARRAY_LEN(dev_cap); i++)
		put32(cmd->out + dev_cap[i].offset, dev_cap[i].value);
	put32(cmd->out + DEV_PORTS,
	      get32(cmd->out + DEV_PORTS) | cmd->card->nr_ports);
	if (cmd->card->fabric->has_blueflame)
		put32(cmd->out + BLUEFLAME,
		      get32(cmd->out + BLUEFLAME) | blueflame_is_on);
	return CMD_OK;
}

/* The board's name, each four bytes reversed. */
u8 cmd_query_adapter(struct command *cmd)
{
	static const char one_port[] = "MT_1100120019\0\0";
	static const char two_ports[] = "MT_1090120019\0\0";
	const char *board = cmd->card->nr_ports == 1 ? one_port : two_ports;

	cmd->out[0x10] = 1; /* INTA */
	for (u32 i = 0; i < sizeof(one_port); i++)
		cmd->out[0xf0 + i] = (u8)board[i ^ 3];
	return CMD_OK;
}

u8 cmd_mod_stat_cfg(struct command *cmd)
{
	const struct card_port *port =
		card_port(cmd->card, cmd->in_mod >> 8 & 0xff);
	u64 guid;

	switch (cmd->op_mod) {
	case 0:
	case 1:
		cmd->has_no_output = true;
		return CMD_OK;
	case 2:
	case 3:
		if (!port)
			return CMD_BAD_PARAM;
		guid = port->ib.guids[0];
		put32(cmd->out + 0x14, (u32)(guid >> 32));
		put32(cmd->out + 0x1c, (u32)guid);
		return CMD_OK;
	}
	return CMD_BAD_OP;
}

u8 cmd_nop(struct command *cmd)
{
	(void)cmd;
	return CMD_OK;
}

u8 cmd_no_lam(struct command *cmd)
{
	(void)cmd;
	return CMD_NO_LAM;
}
