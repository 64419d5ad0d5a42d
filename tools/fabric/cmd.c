/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "be.h"
#include "card.h"
#include "log.h"

#include <string.h>
#include <strings.h>

/* Dword 6 of the HCR */
enum {
	HCR_OPCODE = 0xfff,
	HCR_TOGGLE = 1 << 21,
	HCR_EVENT = 1 << 22,
};

/* in_bytes: a mailbox of a size that in_mod tells, 16 bytes an entry */
enum { PER_ENTRY = 0xffff, MAX_ENTRIES = 256 };

struct command_def {
	u16 opcode;
	const char *name;
	command_fn run;
	enum hca_state needs;
	u16 in_bytes, out_bytes;
};

static const struct command_def commands[] = {
	{0x003, "QUERY_DEV_CAP", cmd_query_dev_cap, HCA_RUNNING, 0, 0x100},
	{0x004, "QUERY_FW", cmd_query_fw, HCA_RESET, 0, 0x100},
	{0x006, "QUERY_ADAPTER", cmd_query_adapter, HCA_RUNNING, 0, 0x100},
	{0x007, "INIT_HCA", cmd_init_hca, HCA_RUNNING, 0x200, 0},
	{0x008, "CLOSE_HCA", cmd_close_hca, HCA_RESET, 0, 0},
	{0x009, "INIT_PORT", cmd_init_port, HCA_UP, 0, 0},
	{0x00a, "CLOSE_PORT", cmd_close_port, HCA_UP, 0, 0},
	{0x00b, "QUERY_HCA", cmd_query_hca, HCA_UP, 0, 0x200},
	{0x00c, "SET_PORT", cmd_set_port, HCA_UP, 0x80, 0},
	{0x00d, "SW2HW_MPT", cmd_sw2hw_mpt, HCA_UP, 0x40, 0},
	{0x00e, "QUERY_MPT", cmd_query_mpt, HCA_UP, 0, 0x40},
	{0x00f, "HW2SW_MPT", cmd_hw2sw_mpt, HCA_UP, 0, 0x40},
	{0x010, "READ_MTT", cmd_read_mtt, HCA_UP, 0x10, 0x800},
	{0x011, "WRITE_MTT", cmd_write_mtt, HCA_UP, 0x10, 0},
	{0x012, "MAP_EQ", cmd_map_eq, HCA_UP, 0, 0},
	{0x013, "SW2HW_EQ", cmd_sw2hw_eq, HCA_UP, 0x40, 0},
	{0x014, "HW2SW_EQ", cmd_hw2sw_eq, HCA_UP, 0, 0},
	{0x016, "SW2HW_CQ", cmd_sw2hw_cq, HCA_UP, 0x40, 0},
	{0x017, "HW2SW_CQ", cmd_hw2sw_cq, HCA_UP, 0, 0x40},
	{0x018, "QUERY_CQ", cmd_query_cq, HCA_UP, 0, 0x40},
	{0x019, "RST2INIT_QP", cmd_modify_qp, HCA_UP, 0x100, 0},
	{0x01a, "INIT2RTR_QP", cmd_modify_qp, HCA_UP, 0x100, 0},
	{0x01b, "RTR2RTS_QP", cmd_modify_qp, HCA_UP, 0x100, 0},
	{0x01c, "RTS2RTS_QP", cmd_modify_qp, HCA_UP, 0x100, 0},
	{0x01d, "SQERR2RTS_QP", cmd_modify_qp, HCA_UP, 0x100, 0},
	{0x01e, "2ERR_QP", cmd_modify_qp, HCA_UP, 0, 0},
	{0x01f, "RTS2SQD_QP", cmd_modify_qp, HCA_UP, 0, 0},
	{0x020, "SQD2RTS_QP", cmd_modify_qp, HCA_UP, 0x100, 0},
	{0x021, "2RST_QP", cmd_reset_qp, HCA_UP, 0, 0},
	{0x022, "QUERY_QP", cmd_query_qp, HCA_UP, 0, 0x100},
	{0x023, "CONF_SPECIAL_QP", cmd_conf_special_qp, HCA_UP, 0, 0},
	{0x024, "MAD_IFC", cmd_mad_ifc, HCA_UP, 0x180, 0x100},
	{0x025, "READ_MCG", cmd_read_mcg, HCA_UP, 0, MCG_MAX_BYTES},
	{0x026, "WRITE_MCG", cmd_write_mcg, HCA_UP, 0x40, 0},
	{0x027, "MGID_HASH", cmd_mgid_hash, HCA_UP, 0x10, 0},
	{0x02c, "MODIFY_CQ", cmd_modify_cq, HCA_UP, 0x40, 0},
	{0x02d, "INIT2INIT_QP", cmd_modify_qp, HCA_UP, 0x100, 0},
	{0x02f, "SYNC_TPT", cmd_sync_tpt, HCA_UP, 0, 0},
	{0x030, "DIAG_RPRT", cmd_diag_rprt, HCA_UP, 0, 0x200},
	{0x031, "NOP", cmd_nop, HCA_RUNNING, 0, 0},
	{0x034, "MOD_STAT_CFG", cmd_mod_stat_cfg, HCA_RUNNING, 0, 0x100},
	{0x035, "SW2HW_SRQ", cmd_sw2hw_srq, HCA_UP, SRQC_BYTES, 0},
	{0x036, "HW2SW_SRQ", cmd_hw2sw_srq, HCA_UP, 0, SRQC_BYTES},
	{0x037, "QUERY_SRQ", cmd_query_srq, HCA_UP, 0, SRQC_BYTES},
	{0x038, "SQD2SQD_QP", cmd_modify_qp, HCA_UP, 0x100, 0},
	{0x040, "ARM_SRQ", cmd_arm_srq, HCA_UP, 0, 0},
	{0x043, "QUERY_PORT", cmd_query_port, HCA_RUNNING, 0, 0x40},
	{0x04d, "SENSE_PORT", cmd_sense_port, HCA_RUNNING, 0, 0},
	{0x050, "HW_HEALTH_CHECK", cmd_nop, HCA_RUNNING, 0, 0},
	{0x05a, "SET_NODE", cmd_set_node, HCA_UP, 0x40, 0},
	{0xff6, "RUN_FW", cmd_run_fw, HCA_RESET, 0, 0},
	{0xff7, "DISABLE_LAM", cmd_no_lam, HCA_RESET, 0, 0},
	{0xff8, "ENABLE_LAM", cmd_no_lam, HCA_RESET, 0, 0},
	{0xff9, "UNMAP_ICM", cmd_unmap_icm, HCA_RESET, 0, 0},
	{0xffa, "MAP_ICM", cmd_map_icm, HCA_RUNNING, PER_ENTRY, 0},
	{0xffb, "UNMAP_ICM_AUX", cmd_unmap_icm_aux, HCA_RESET, 0, 0},
	{0xffc, "MAP_ICM_AUX", cmd_map_icm_aux, HCA_RUNNING, PER_ENTRY, 0},
	{0xffd, "SET_ICM_SIZE", cmd_set_icm_size, HCA_RUNNING, 0, 0},
	{0xffe, "UNMAP_FA", cmd_unmap_fa, HCA_RESET, 0, 0},
	{0xfff, "MAP_FA", cmd_map_fa, HCA_RESET, PER_ENTRY, 0},
};

static const struct command_def *find(u16 opcode)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].opcode == opcode)
			return &commands[i];
	return NULL;
}

bool cmd_find(const char *name, u16 *opcode)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcasecmp(commands[i].name, name))
			continue;
		*opcode = commands[i].opcode;
		return true;
	}
	return false;
}

/* Is this command to fail on demand? */
static bool injected_status(struct card *card, u16 opcode, u8 *status)
{
	for (int i = 0; i < CARD_COMMAND_FAULTS; i++) {
		struct command_fault *fault = &card->command_faults[i];

		if (!fault->status || fault->opcode != opcode)
			continue;
		*status = fault->status;
		if (fault->left != FAIL_FOR_EVER && !--fault->left)
			fault->status = 0;
		return true;
	}
	return false;
}

static u8 run(const struct command_def *def, struct command *cmd)
{
	static u8 in[MAILBOX_BYTES], out[MAILBOX_BYTES];
	struct card *card = cmd->card;
	u32 in_bytes = def->in_bytes;
	u8 status;

	if (injected_status(card, cmd->opcode, &status))
		return status;
	if (card->state < def->needs)
		return CMD_BAD_SYSTEM_STATE;
	if (in_bytes == PER_ENTRY) {
		if (!cmd->in_mod || cmd->in_mod > MAX_ENTRIES)
			return CMD_BAD_PARAM;
		in_bytes = cmd->in_mod * 16;
	}
	if (in_bytes && card_read(card, cmd->in_param, in, in_bytes))
		return CMD_BAD_PARAM;
	memset(out, 0, def->out_bytes);
	cmd->in = in;
	cmd->out = out;
	status = def->run(cmd);
	if (status == CMD_OK && def->out_bytes && !cmd->has_no_output) {
		u32 out_bytes =
			cmd->out_bytes ? cmd->out_bytes : def->out_bytes;

		if (card_write(card, cmd->out_param, out, out_bytes))
			status = CMD_BAD_PARAM;
	}
	return status;
}

static void post_event(struct card *card, u16 token, u8 status, u64 result)
{
	struct event event = {.type = EVENT_COMMAND};

	put16(event.data + 6 - 4, token);
	event.data[0x0f - 4] = status;
	put64(event.data + 0x10 - 4, result);
	event_post(card, &event);
}

static void log_command(const struct command *cmd, const char *name, u8 status)
{
	enum log_level level = status ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;

	if (log_threshold < level)
		return;
	log_line(level, cmd->card->name,
		 "%s (0x%03x) in_mod 0x%x op_mod %u in 0x%llx out 0x%llx: "
		 "status 0x%02x",
		 name, cmd->opcode, cmd->in_mod, cmd->op_mod,
		 (unsigned long long)cmd->in_param,
		 (unsigned long long)cmd->out_param, status);
}

void cmd_execute(struct card *card)
{
	u32 go = card->hcr[6];
	struct command cmd = {
		.card = card,
		.opcode = go & HCR_OPCODE,
		.op_mod = (u8)field(go, 15, 12),
		.in_mod = card->hcr[2],
		.in_param = (u64)card->hcr[0] << 32 | card->hcr[1],
		.out_param = (u64)card->hcr[3] << 32 | card->hcr[4],
	};
	const struct command_def *def = find(cmd.opcode);
	u16 token = (u16)(card->hcr[5] >> 16);
	u8 status = def ? run(def, &cmd) : CMD_BAD_OP;

	card->stats.commands++;
	card->stats.commands_failed += status != CMD_OK;
	log_command(&cmd, def ? def->name : "unknown command", status);
	card->hcr[3] = (u32)(cmd.result >> 32);
	card->hcr[4] = (u32)cmd.result;
	card->hcr[6] =
		(u32)status << 24 | (go & (HCR_TOGGLE | HCR_EVENT | 0xffff));
	if (go & HCR_EVENT)
		post_event(card, token, status, cmd.result);
}
