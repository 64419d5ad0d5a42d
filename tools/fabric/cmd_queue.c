/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about event, completion and shared receive queues. */
#include "be.h"
#include "card.h"
#include "cmd.h"

enum {
	MAP_EQ_UNMAP = 1u << 31,
	MODIFY_CQ_RESIZE = 0,
	MODIFY_CQ_MODERATION = 1,
};

u8 cmd_map_eq(struct command *cmd)
{
	u32 eqn = cmd->in_mod & ~MAP_EQ_UNMAP;
	bool is_unmap = cmd->in_mod & MAP_EQ_UNMAP;

	if (!is_unmap && eqn >= cmd->card->nr_eqs)
		return CMD_BAD_INDEX;
	for (int i = 0; i < NR_EVENT_TYPES; i++) {
		u16 *slot = &cmd->card->event_eqn[i];

		if (!(cmd->in_param >> i & 1))
			continue;
		if (!is_unmap)
			*slot = (u16)eqn;
		else if (*slot == eqn)
			*slot = NO_EQ;
	}
	return CMD_OK;
}

u8 cmd_sw2hw_eq(struct command *cmd)
{
	return eq_create(cmd->card, cmd->in_mod & 0x3ff, cmd->in);
}

u8 cmd_hw2sw_eq(struct command *cmd)
{
	eq_destroy(cmd->card, cmd->in_mod & 0x3ff);
	return CMD_OK;
}

u8 cmd_sw2hw_cq(struct command *cmd)
{
	return cq_create(cmd->card, cmd->in_mod & 0xffffff, cmd->in,
			 cmd->op_mod == 0);
}

u8 cmd_hw2sw_cq(struct command *cmd)
{
	struct cq *cq = cq_find(cmd->card, cmd->in_mod & 0xffffff);

	cmd->has_no_output = cmd->op_mod != 0 || !cmd->out_param;
	if (!cq)
		return CMD_OK;
	cq_query(cq, cmd->out);
	cq_destroy(cmd->card, cq->cqn);
	return CMD_OK;
}

u8 cmd_query_cq(struct command *cmd)
{
	struct cq *cq = cq_find(cmd->card, cmd->in_mod & 0xffffff);

	if (!cq)
		return CMD_BAD_INDEX;
	cq_query(cq, cmd->out);
	return CMD_OK;
}

u8 cmd_modify_cq(struct command *cmd)
{
	struct cq *cq = cq_find(cmd->card, cmd->in_mod & 0xffffff);

	if (!cq)
		return CMD_BAD_INDEX;
	switch (cmd->op_mod) {
	case MODIFY_CQ_RESIZE:
		return cq_resize(cmd->card, cq, cmd->in);
	case MODIFY_CQ_MODERATION:
		cq_moderate(cq, cmd->in);
		return CMD_OK;
	}
	return CMD_BAD_OP;
}

u8 cmd_sw2hw_srq(struct command *cmd)
{
	return srq_create(cmd->card, cmd->in_mod & 0xffffff, cmd->in);
}

u8 cmd_hw2sw_srq(struct command *cmd)
{
	struct srq *srq = srq_find(cmd->card, cmd->in_mod & 0xffffff);

	cmd->has_no_output = cmd->op_mod != 0 || !cmd->out_param;
	if (!srq)
		return CMD_OK;
	srq_query(srq, cmd->out);
	srq_destroy(cmd->card, srq);
	return CMD_OK;
}

u8 cmd_query_srq(struct command *cmd)
{
	struct srq *srq = srq_find(cmd->card, cmd->in_mod & 0xffffff);

	if (!srq)
		return CMD_BAD_INDEX;
	srq_query(srq, cmd->out);
	return CMD_OK;
}

u8 cmd_arm_srq(struct command *cmd)
{
	struct srq *srq = srq_find(cmd->card, cmd->in_mod & 0xffffff);

	if (!srq)
		return CMD_BAD_INDEX;
	srq_arm(cmd->card, srq, (u16)cmd->in_param);
	return CMD_OK;
}
