/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware commands, typed.
 *
 * Mailboxes are pages of their own: the slow path may allocate, and a card
 * that writes late into a mailbox of a timed-out command must not hit anything
 * else (the page of such a command is leaked on purpose: the card is dead).
 */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

static void *mailbox_alloc(void)
{
	return page_alloc_zero(0);
}

static void mailbox_free(struct mlx4_dev *m, void *mbox)
{
	if (!m->ib.failed)
		page_free(mbox, 0);
}

/* A command with an output mailbox, of which @bytes are copied to @out. */
static int cmd_out(struct mlx4_dev *m, u16 op, u8 op_mod, u32 in_mod, void *out,
		   u32 bytes)
{
	void *mbox = mailbox_alloc();
	u64 dma;
	int err;

	if (!mbox)
		return -ENOMEM;
	dma = dma_addr_of(mbox);
	err = mlx4_cmd(m, op, op_mod, in_mod, 0, &dma);
	if (!err)
		memcpy(out, mbox, bytes);
	mailbox_free(m, mbox);
	return err;
}

/* A command with an input mailbox that begins with @bytes of @in. */
static int cmd_in(struct mlx4_dev *m, u16 op, u8 op_mod, u32 in_mod,
		  const void *in, u32 bytes)
{
	void *mbox = mailbox_alloc();
	int err;

	if (!mbox)
		return -ENOMEM;
	ASSERT(bytes <= MLX4_MAILBOX_BYTES);
	memcpy(mbox, in, bytes);
	err = mlx4_cmd(m, op, op_mod, in_mod, dma_addr_of(mbox), NULL);
	mailbox_free(m, mbox);
	return err;
}

/* QUERY_FW: version, memory the firmware wants, where its health word is. */
int mlx4_fw_query(struct mlx4_dev *m)
{
	struct mlx4_query_fw fw;
	u32 rev;
	int err = cmd_out(m, MLX4_QUERY_FW, 0, 0, &fw, sizeof(fw));

	if (err)
		return err;
	rev = HW_GET(&fw, QFW_CMD_REV);
	if (rev < 3) { /* older ones have other port commands */
		pr_err("firmware command interface %u is too old", rev);
		return -ENODEV;
	}
	snprintf(m->caps.fw_version, sizeof(m->caps.fw_version), "%u.%u.%04u",
		 HW_GET(&fw, QFW_MAJOR), HW_GET(&fw, QFW_MINOR),
		 HW_GET(&fw, QFW_SUBMINOR));
	m->caps.fw_pages = HW_GET(&fw, QFW_PAGES);
	m->caps.log_cmds = (u8)HW_GET(&fw, QFW_LOG_CMDS);
	m->caps.health_offset = HW_GET64(&fw, QFW_HEALTH);
	m->caps.health_bar = HW_GET(&fw, QFW_HEALTH_BAR) * 2;
	if (!HW_GET(&fw, QFW_HEALTH_LEN))
		m->caps.health_offset = 0;
	return 0;
}

/* QUERY_DEV_CAP: what the card can do; kept raw, the often used unpacked. */
int mlx4_fw_dev_cap(struct mlx4_dev *m)
{
	struct mlx4_caps *c = &m->caps;
	struct mlx4_dev_cap *d = &c->raw;
	int err = cmd_out(m, MLX4_QUERY_DEV_CAP, 0, 0, d, sizeof(*d));

	if (err)
		return err;
	c->rsvd_qps = 1u << HW_GET(d, CAP_LOG_RSVD_QPS);
	c->rsvd_srqs = 1u << HW_GET(d, CAP_LOG_RSVD_SRQS);
	c->rsvd_cqs = 1u << HW_GET(d, CAP_LOG_RSVD_CQS);
	c->rsvd_eqs = 1u << HW_GET(d, CAP_LOG_RSVD_EQS);
	c->rsvd_mpts = 1u << HW_GET(d, CAP_LOG_RSVD_MPTS);
	c->rsvd_mtts = 1u << HW_GET(d, CAP_LOG_RSVD_MTTS);
	c->nr_sys_eqs = HW_GET(d, CAP_NR_SYS_EQS);
	c->nr_ports = (u8)HW_GET(d, CAP_NR_PORTS);
	c->nr_uars = 1u << (HW_GET(d, CAP_LOG_UAR_MIB) + 20 - MLX4_PAGE_SHIFT);
	if (c->nr_ports < 1 || c->nr_ports > IB_MAX_PORTS ||
	    c->nr_uars <= MLX4_FIRST_QUEUE_UAR ||
	    HW_GET(d, CAP_MTT_BYTES) != 8 || HW_GET(d, CAP_DMPT_BYTES) < 64) {
		pr_err("the card reports capabilities that make no sense");
		return -ENODEV;
	}
	m->ib.has_port_events = HW_GET(d, CAP_PORT_MGMT_EV);
	return 0;
}

/*
 * MAP_FA, MAP_ICM_AUX, MAP_ICM: give the card @nr chunks, at @va on (MAP_ICM).
 */
int mlx4_fw_map(struct mlx4_dev *m, u16 op, u64 va, void *const *chunks, u32 nr,
		u32 chunk_bytes)
{
	struct mlx4_map_entry *e = mailbox_alloc();
	u32 in_box = 0;
	int err = 0;

	if (!e)
		return -ENOMEM;
	for (u32 i = 0; i < nr && !err; i++) {
		HW_SET64(&e[in_box], op == MLX4_MAP_ICM ? va : 0, MAP_VA);
		HW_SET64(&e[in_box],
			 dma_addr_of(chunks[i]) |
				 (ilog2(chunk_bytes) - MLX4_PAGE_SHIFT),
			 MAP_PA);
		va += chunk_bytes;
		if (++in_box < MAP_MAX_ENTRIES && i + 1 < nr)
			continue;
		err = mlx4_cmd(m, op, 0, in_box, dma_addr_of(e), NULL);
		in_box = 0;
	}
	mailbox_free(m, e);
	return err;
}

/* SET_ICM_SIZE: announce the size of the tables, learn what they cost. */
int mlx4_fw_set_icm_size(struct mlx4_dev *m, u64 bytes, u64 *aux_pages)
{
	*aux_pages = 0;
	return mlx4_cmd(m, MLX4_SET_ICM_SIZE, 0, 0, bytes, aux_pages);
}

static void fill_tables(const struct mlx4_dev *m, struct mlx4_init_hca *h)
{
	const struct mlx4_table *t = m->table;
#define BASE_LOG(id) (t[id].va | t[id].log_entries)

	HW_SET64(h, BASE_LOG(MLX4_T_QPC), HCA_QPC);
	HW_SET64(h, BASE_LOG(MLX4_T_SRQC), HCA_SRQC);
	HW_SET64(h, BASE_LOG(MLX4_T_CQC), HCA_CQC);
	HW_SET64(h, t[MLX4_T_ALTC].va, HCA_ALTC);
	HW_SET64(h, t[MLX4_T_AUXC].va, HCA_AUXC);
	if (m->caps.nr_sys_eqs) {
		HW_SET64(h, t[MLX4_T_EQC].va | 0x1f, HCA_EQC);
		HW_SET(h, m->caps.nr_sys_eqs, HCA_NR_SYS_EQS);
	} else {
		HW_SET64(h, BASE_LOG(MLX4_T_EQC), HCA_EQC);
	}
	/* RDMARC counts entries per QP. */
	HW_SET64(h,
		 t[MLX4_T_RDMARC].va | (t[MLX4_T_RDMARC].log_entries -
					t[MLX4_T_QPC].log_entries),
		 HCA_RDMARC);
	HW_SET64(h, t[MLX4_T_MCG].va, HCA_MCG);
	HW_SET(h, ilog2(t[MLX4_T_MCG].entry_bytes), HCA_MCG_ENTRY);
	HW_SET(h, t[MLX4_T_MCG].log_entries - 1, HCA_MCG_HASH);
	HW_SET(h, t[MLX4_T_MCG].log_entries, HCA_MCG_SIZE);
	HW_SET64(h, t[MLX4_T_DMPT].va, HCA_DMPT);
	HW_SET(h, t[MLX4_T_DMPT].log_entries, HCA_LOG_MPTS);
	HW_SET64(h, t[MLX4_T_MTT].va, HCA_MTT);
	HW_SET64(h, t[MLX4_T_CMPT_QP].va, HCA_CMPT);
#undef BASE_LOG
}

/* INIT_HCA: the tables are in place; start. */
int mlx4_fw_init_hca(struct mlx4_dev *m)
{
	struct mlx4_init_hca h;

	memset(&h, 0, sizeof(h));
	HW_SET(&h, 2, HCA_VERSION);
	HW_SET(&h, 1, HCA_CHECK_AV);
	fill_tables(m, &h);
	HW_SET(&h, ilog2(m->caps.nr_uars), HCA_LOG_UARS);
	HW_SET(&h, 0, HCA_UAR_PAGE);
	return cmd_in(m, MLX4_INIT_HCA, 0, 0, &h, sizeof(h));
}

/* QUERY_FUNC: which event queues are ours, on cards with system EQs. */
int mlx4_fw_query_func(struct mlx4_dev *m, u32 *rsvd_eqs)
{
	struct mlx4_query_func f;
	int err = cmd_out(m, MLX4_QUERY_FUNC, 0, 0, &f, sizeof(f));

	if (!err)
		*rsvd_eqs = HW_GET(&f, QFUNC_RSVD_EQS);
	return err;
}

/* SW2HW_{MPT,EQ,CQ}: hand context @number to the card. */
int mlx4_fw_sw2hw(struct mlx4_dev *m, u16 op, u32 number, const void *context,
		  u32 bytes)
{
	return cmd_in(m, op, 0, number, context, bytes);
}

/* HW2SW_{MPT,EQ,CQ}: take it back; its content is of no interest (op_mod 1). */
int mlx4_fw_hw2sw(struct mlx4_dev *m, u16 op, u32 number)
{
	return mlx4_cmd(m, op, 1, number, 0, NULL);
}

/* MAP_EQ: events of the types in @mask go to @eqn. */
int mlx4_fw_map_eq(struct mlx4_dev *m, u32 eqn, u64 mask)
{
	return mlx4_cmd(m, MLX4_MAP_EQ, 0, eqn, mask, NULL);
}

/* State transitions of a QP; 2RST takes no context. */
int mlx4_fw_qp(struct mlx4_dev *m, u16 op, u32 qpn,
	       const struct mlx4_qp_mbox *mbox)
{
	if (op == MLX4_2RST_QP)
		return mlx4_cmd(m, op, 2, qpn, 0, NULL);
	return cmd_in(m, op, 0, qpn, mbox, sizeof(*mbox));
}

/* MAD_IFC: let the card's own agent answer @in, as if it came from @slid. */
int mlx4_fw_mad_ifc(struct mlx4_dev *m, u8 port, u16 slid, const struct mad *in,
		    struct mad *out)
{
	u8 *request = mailbox_alloc(), *response = mailbox_alloc();
	u64 dma;
	int err = -ENOMEM;

	if (!request || !response)
		goto free;
	memcpy(request, in, sizeof(*in));
	dma = dma_addr_of(response);
	err = mlx4_cmd(m, MLX4_MAD_IFC,
		       MLX4_MAD_IGNORE_MKEY | MLX4_MAD_IGNORE_BKEY,
		       (u32)slid << 16 | port, dma_addr_of(request), &dma);
	if (!err)
		memcpy(out, response, sizeof(*out));
free:
	if (request)
		mailbox_free(m, request);
	if (response)
		mailbox_free(m, response);
	return err;
}

/* SET_NODE: the text that the card's notices and its agent give out. */
int mlx4_fw_set_node(struct mlx4_dev *m, const char *description)
{
	return cmd_in(m, MLX4_SET_NODE, 0, 1, description,
		      IB_DESCRIPTION_BYTES);
}

/* QUERY_PORT: what the port can be. */
int mlx4_fw_query_port(struct mlx4_dev *m, u8 port, struct mlx4_query_port *out)
{
	return cmd_out(m, MLX4_QUERY_PORT, 0, port, out, sizeof(*out));
}

/* SET_PORT: capability mask, MTU and virtual lanes. */
int mlx4_fw_set_port(struct mlx4_dev *m, u8 port,
		     const struct mlx4_set_port *set)
{
	return cmd_in(m, MLX4_SET_PORT, 0, port, set, sizeof(*set));
}
