/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands about memory keys and translation.
 *
 * The tables live in the host's ICM memory and are read there at each use, so
 * a driver that edits them there (as it may) needs no help from us.
 */
#include "be.h"
#include "card.h"
#include "cmd.h"
#include "window.h"

#include <string.h>

enum {
	MPT_BYTES = 0x40,
	STATUS_SOFTWARE = 0xf0, /* in the first byte */
	STATUS_MASK = 0xf0,
	MAX_MTTS = 510,
};

static u8 *mpt_at(struct command *cmd)
{
	struct card *card = cmd->card;

	if (cmd->in_mod >= 1u << card->hca.log_mpts)
		return NULL;
	return card_icm(card, card->hca.mpt_base + (u64)cmd->in_mod * MPT_BYTES,
			MPT_BYTES, true);
}

u8 cmd_sw2hw_mpt(struct command *cmd)
{
	u8 *mpt = mpt_at(cmd);

	if (!mpt)
		return CMD_BAD_INDEX;
	memcpy(mpt, cmd->in, MPT_BYTES);
	if ((mpt[0] & STATUS_MASK) == STATUS_SOFTWARE)
		mpt[0] &= (u8)~STATUS_MASK;
	region_forget_windows(mpt);
	return CMD_OK;
}

u8 cmd_query_mpt(struct command *cmd)
{
	u8 *mpt = mpt_at(cmd);

	if (!mpt)
		return CMD_BAD_INDEX;
	memcpy(cmd->out, mpt, MPT_BYTES);
	return CMD_OK;
}

/* An unknown index is fine: to a driver a failure here is fatal. */
u8 cmd_hw2sw_mpt(struct command *cmd)
{
	u8 *mpt = mpt_at(cmd);

	cmd->has_no_output = cmd->op_mod != 0 || !cmd->out_param;
	if (!mpt)
		return CMD_OK;
	if (region_has_windows(mpt))
		return CMD_REG_BOUND;
	if ((mpt[0] & STATUS_MASK) == 0 && !(get32(mpt) & MPT_REGION))
		window_release(cmd->card, mpt);
	memcpy(cmd->out, mpt, MPT_BYTES);
	mpt[0] |= STATUS_SOFTWARE;
	return CMD_OK;
}

static u8 *mtt_at(struct card *card, u64 offset)
{
	return card_icm(card, card->hca.mtt_base + (offset & ~7ull), 8, true);
}

/* Mailbox: byte offset in the table, reserved, entries. */
u8 cmd_write_mtt(struct command *cmd)
{
	struct card *card = cmd->card;
	u64 offset = get64(cmd->in);
	u8 entry[8];

	if (cmd->in_mod > MAX_MTTS)
		return CMD_BAD_SIZE;
	for (u32 i = 0; i < cmd->in_mod; i++) {
		u8 *to = mtt_at(card, offset + 8ull * i);

		if (!to)
			return CMD_BAD_INDEX;
		if (card_read(card, cmd->in_param + 16 + 8ull * i, entry, 8))
			return CMD_BAD_PARAM;
		memcpy(to, entry, 8);
	}
	return CMD_OK;
}

u8 cmd_read_mtt(struct command *cmd)
{
	u64 offset = get64(cmd->in);

	if (cmd->in_mod > 0x800 / 8 - 2)
		return CMD_BAD_SIZE;
	put64(cmd->out, offset);
	for (u32 i = 0; i < cmd->in_mod; i++) {
		u8 *from = mtt_at(cmd->card, offset + 8ull * i);

		if (!from)
			return CMD_BAD_INDEX;
		memcpy(cmd->out + 16 + 8 * i, from, 8);
	}
	cmd->out_bytes = 16 + 8 * cmd->in_mod;
	return CMD_OK;
}

/* Nothing of the tables is cached. */
u8 cmd_sync_tpt(struct command *cmd)
{
	(void)cmd;
	return CMD_OK;
}
