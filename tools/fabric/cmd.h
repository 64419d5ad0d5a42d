/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_CMD_H
#define FABRIC_CMD_H

/*
 * Firmware commands.
 *
 * cmd.c fetches a command from the HCR, finds it in the table, copies its
 * input mailbox in and its output mailbox out, and completes it: in the HCR
 * always, and by an event if the host asked for one.  The functions in the
 * table see checked sizes and a card in the right state.
 */
#include "types.h"

struct card;

enum cmd_status {
	CMD_OK = 0x00,
	CMD_INTERNAL = 0x01,
	CMD_BAD_OP = 0x02,
	CMD_BAD_PARAM = 0x03,
	CMD_BAD_SYSTEM_STATE = 0x04,
	CMD_BAD_RESOURCE = 0x05,
	CMD_BUSY = 0x06,
	CMD_EXCEEDS_LIMIT = 0x08,
	CMD_BAD_RESOURCE_STATE = 0x09,
	CMD_BAD_INDEX = 0x0a,
	CMD_ICM_ERROR = 0x0c,
	CMD_BAD_QP_STATE = 0x10,
	CMD_REG_BOUND = 0x21, /* the region has windows */
	CMD_NO_LAM = 0x22,
	CMD_BAD_PACKET = 0x30, /* a management packet: discarded */
	CMD_BAD_SIZE = 0x40,
};

enum { MAILBOX_BYTES = 4096 };

struct command {
	struct card *card;
	u16 opcode;
	u8 op_mod;
	u32 in_mod;
	u64 in_param, out_param; /* immediate, or a mailbox's address */
	const u8 *in;            /* input mailbox */
	u8 *out;                 /* output mailbox, zeroed */
	u64 result;              /* immediate output */
	bool has_no_output;      /* leave the output mailbox alone */
	u32 out_bytes;           /* 0: the table's */
};

typedef u8 (*command_fn)(struct command *cmd);

/* Execute what stands in the card's HCR. */
void cmd_execute(struct card *card);

/* The opcode of the command that is called @name, in any case of letters. */
bool cmd_find(const char *name, u16 *opcode);

/* cmd_fw.c */
u8 cmd_query_fw(struct command *cmd);
u8 cmd_run_fw(struct command *cmd);
u8 cmd_map_fa(struct command *cmd);
u8 cmd_unmap_fa(struct command *cmd);
u8 cmd_query_dev_cap(struct command *cmd);
u8 cmd_query_adapter(struct command *cmd);
u8 cmd_mod_stat_cfg(struct command *cmd);
u8 cmd_nop(struct command *cmd);
u8 cmd_no_lam(struct command *cmd);

/* cmd_hca.c */
u8 cmd_set_icm_size(struct command *cmd);
u8 cmd_map_icm_aux(struct command *cmd);
u8 cmd_unmap_icm_aux(struct command *cmd);
u8 cmd_map_icm(struct command *cmd);
u8 cmd_unmap_icm(struct command *cmd);
u8 cmd_init_hca(struct command *cmd);
u8 cmd_query_hca(struct command *cmd);
u8 cmd_close_hca(struct command *cmd);

/* cmd_port.c */
u8 cmd_query_port(struct command *cmd);
u8 cmd_init_port(struct command *cmd);
u8 cmd_close_port(struct command *cmd);
u8 cmd_set_port(struct command *cmd);
u8 cmd_sense_port(struct command *cmd);
u8 cmd_mad_ifc(struct command *cmd);
u8 cmd_conf_special_qp(struct command *cmd);
u8 cmd_set_node(struct command *cmd);
u8 cmd_diag_rprt(struct command *cmd);

/* cmd_memory.c */
u8 cmd_sw2hw_mpt(struct command *cmd);
u8 cmd_query_mpt(struct command *cmd);
u8 cmd_hw2sw_mpt(struct command *cmd);
u8 cmd_read_mtt(struct command *cmd);
u8 cmd_write_mtt(struct command *cmd);
u8 cmd_sync_tpt(struct command *cmd);

/* cmd_queue.c */
u8 cmd_map_eq(struct command *cmd);
u8 cmd_sw2hw_eq(struct command *cmd);
u8 cmd_hw2sw_eq(struct command *cmd);
u8 cmd_sw2hw_cq(struct command *cmd);
u8 cmd_hw2sw_cq(struct command *cmd);
u8 cmd_query_cq(struct command *cmd);
u8 cmd_modify_cq(struct command *cmd);
u8 cmd_sw2hw_srq(struct command *cmd);
u8 cmd_hw2sw_srq(struct command *cmd);
u8 cmd_query_srq(struct command *cmd);
u8 cmd_arm_srq(struct command *cmd);

/* cmd_qp.c: one function for each transition's opcode */
u8 cmd_modify_qp(struct command *cmd);
u8 cmd_reset_qp(struct command *cmd);
u8 cmd_query_qp(struct command *cmd);

/* cmd_mcg.c */
u8 cmd_read_mcg(struct command *cmd);
u8 cmd_write_mcg(struct command *cmd);
u8 cmd_mgid_hash(struct command *cmd);

#endif /* FABRIC_CMD_H */
