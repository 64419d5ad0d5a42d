/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about the multicast group table; its walk is in ud.c. */
#include "be.h"
#include "card.h"
#include "cmd.h"

#include <string.h>

static u8 *entry(struct command *cmd, u32 *bytes)
{
	const struct hca *hca = &cmd->card->hca;

	*bytes = 1u << hca->log_mcg_bytes;
	if (cmd->in_mod >= 1u << hca->log_mcgs)
		return NULL;
	return cmd->card->mcgs + ((size_t)cmd->in_mod << hca->log_mcg_bytes);
}

u8 cmd_read_mcg(struct command *cmd)
{
	u32 bytes;
	u8 *mcg = entry(cmd, &bytes);

	if (!mcg)
		return CMD_BAD_INDEX;
	memcpy(cmd->out, mcg, bytes);
	cmd->out_bytes = bytes;
	return CMD_OK;
}

u8 cmd_write_mcg(struct command *cmd)
{
	u32 bytes;
	u8 *mcg = entry(cmd, &bytes);

	if (!mcg)
		return CMD_BAD_INDEX;
	if (cmd->op_mod)
		return CMD_BAD_OP;
	if (card_read(cmd->card, cmd->in_param, mcg, bytes))
		return CMD_BAD_PARAM;
	return CMD_OK;
}

/* Any well-mixed function below the hash size will do. */
u32 mcg_hash(const struct card *card, const u8 *gid)
{
	u32 hash = 2166136261u; /* FNV-1a */

	for (int i = 0; i < 16; i++)
		hash = (hash ^ gid[i]) * 16777619u;
	hash ^= hash >> 16;
	return hash & ((1u << card->hca.log_mcg_hash) - 1);
}

u8 cmd_mgid_hash(struct command *cmd)
{
	if (cmd->op_mod)
		return CMD_BAD_OP;
	cmd->result = mcg_hash(cmd->card, cmd->in);
	return CMD_OK;
}
