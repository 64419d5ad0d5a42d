/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about queue pairs. */
#include "card.h"
#include "cmd.h"

enum {
	QPN_MASK = 0xffffff,
	WANTS_EVENT = 1u << 31, /* RTS2SQD: tell when drained */
	QUERY_CONTEXT = 8,
};

u8 cmd_modify_qp(struct command *cmd)
{
	return qp_modify(cmd->card, cmd->in_mod & QPN_MASK, cmd->opcode,
			 cmd->in, cmd->in_mod & WANTS_EVENT);
}

u8 cmd_reset_qp(struct command *cmd)
{
	struct qp *qp = qp_find(cmd->card, cmd->in_mod & QPN_MASK);

	if (qp)
		qp_destroy(qp);
	return CMD_OK;
}

u8 cmd_query_qp(struct command *cmd)
{
	struct qp *qp = qp_find(cmd->card, cmd->in_mod & QPN_MASK);

	if (!qp)
		return CMD_BAD_INDEX;
	qp_query(qp, cmd->out + QUERY_CONTEXT);
	return CMD_OK;
}
