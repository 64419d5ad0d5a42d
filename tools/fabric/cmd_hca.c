/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about ICM and the life of the HCA. */
#include "be.h"
#include "card.h"
#include "cmd.h"
#include "fabric.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

enum {
	AUX_PAGES = 64,
	PAGE = 4096,
	MAX_LOG_BLOCK = 40,
};

u8 cmd_set_icm_size(struct command *cmd)
{
	cmd->result = AUX_PAGES;
	return CMD_OK;
}

/* What a card keeps in its auxiliary memory, we keep in ours. */
u8 cmd_map_icm_aux(struct command *cmd)
{
	(void)cmd;
	return CMD_OK;
}

u8 cmd_unmap_icm_aux(struct command *cmd)
{
	(void)cmd;
	return CMD_OK;
}

u8 cmd_map_icm(struct command *cmd)
{
	for (u32 i = 0; i < cmd->in_mod; i++) {
		const u8 *entry = cmd->in + 16 * i;
		u64 virt = get64(entry) & ~(PAGE - 1ull);
		u64 dma = get64(entry + 8);
		u32 log_bytes = 12 + (dma & 0x3f);

		dma &= ~(PAGE - 1ull);
		if (log_bytes > MAX_LOG_BLOCK)
			return CMD_BAD_PARAM;
		if (icm_map(&cmd->card->icm, virt, dma, 1ull << log_bytes))
			return CMD_BAD_PARAM;
		log_debug(cmd->card->name, "ICM 0x%llx + 0x%llx at 0x%llx",
			  (unsigned long long)virt, 1ull << log_bytes,
			  (unsigned long long)dma);
	}
	return CMD_OK;
}

u8 cmd_unmap_icm(struct command *cmd)
{
	u64 virt = cmd->in_param & ~(PAGE - 1ull);

	if (icm_unmap(&cmd->card->icm, virt, (u64)cmd->in_mod * PAGE))
		return CMD_BAD_PARAM;
	return CMD_OK;
}

/* A base and the logarithm in its low bits. */
static u64 table_base(const u8 *image, unsigned int offset, u8 *log)
{
	u64 v = get64(image + offset);

	if (log)
		*log = v & 0x1f;
	return v & ~0x1full;
}

static void decode(struct hca *hca, const u8 *image)
{
	memcpy(hca->image, image, INIT_HCA_BYTES);
	hca->qpc_base = table_base(image, 0x30, &hca->log_qps);
	hca->srqc_base = table_base(image, 0x48, &hca->log_srqs);
	hca->cqc_base = table_base(image, 0x50, &hca->log_cqs);
	hca->eqc_base = table_base(image, 0x80, &hca->log_eqs);
	hca->mcg_base = get64(image + 0xc0);
	hca->log_mcg_bytes = image[0xd3] & 0x1f;
	hca->log_mcg_hash = image[0xd7] & 0x1f;
	hca->log_mcgs = image[0xdb] & 0x1f;
	hca->mpt_base = get64(image + 0xf0);
	hca->log_mpts = image[0xfb] & 0x3f;
	hca->mtt_base = get64(image + 0x100);
	hca->altc_base = table_base(image, 0x60, NULL);
	hca->auxc_base = table_base(image, 0x70, NULL);
	hca->rdmarc_base = get64(image + 0x90) & ~7ull;
	hca->log_rdmarc = image[0x97] & 7;
	hca->cmpt_base = get64(image + 0x108);
}

static u8 check(const struct card *card, const struct hca *hca)
{
	if (hca->image[0] != 2) {
		log_warn(card->name, "INIT_HCA: version %u, not 2",
			 hca->image[0]);
		return CMD_BAD_PARAM;
	}
	if (hca->image[0x58] || hca->image[0x5b]) {
		log_warn(card->name, "INIT_HCA: 64-byte queue entries are not "
				     "supported");
		return CMD_BAD_PARAM;
	}
	if (hca->log_qps > LOG_MAX_QPS || hca->log_srqs > LOG_MAX_SRQS ||
	    hca->log_cqs > LOG_MAX_CQS || hca->log_eqs > LOG_MAX_EQS ||
	    hca->log_mpts > LOG_MAX_MPTS || hca->log_mcgs > LOG_MAX_MCGS ||
	    (1u << hca->log_mcg_bytes) > MCG_MAX_BYTES)
		return CMD_EXCEEDS_LIMIT;
	if (hca->log_mcg_bytes < 5 || hca->log_mcg_hash > hca->log_mcgs)
		return CMD_BAD_PARAM;
	return CMD_OK;
}

u8 cmd_init_hca(struct command *cmd)
{
	struct card *card = cmd->card;
	struct hca hca = {0};
	u8 status;

	if (card->state == HCA_UP)
		return CMD_BAD_SYSTEM_STATE;
	decode(&hca, cmd->in);
	status = check(card, &hca);
	if (status != CMD_OK)
		return status;
	card->hca = hca;
	card->nr_qps = 1u << hca.log_qps;
	card->nr_cqs = 1u << hca.log_cqs;
	card->nr_eqs = 1u << hca.log_eqs;
	card->nr_srqs = 1u << hca.log_srqs;
	card->srqs = calloc(card->nr_srqs, sizeof(*card->srqs));
	card->qps = calloc(card->nr_qps, sizeof(*card->qps));
	card->cqs = calloc(card->nr_cqs, sizeof(*card->cqs));
	card->eqs = calloc(card->nr_eqs, sizeof(*card->eqs));
	card->mcgs = calloc(1u << hca.log_mcgs, 1u << hca.log_mcg_bytes);
	if (!card->srqs || !card->qps || !card->cqs || !card->eqs ||
	    !card->mcgs) {
		card_close_hca(card);
		return CMD_INTERNAL;
	}
	card->state = HCA_UP;
	log_info(card->name, "HCA up: 2^%u QPs, 2^%u CQs, 2^%u MPTs",
		 hca.log_qps, hca.log_cqs, hca.log_mpts);
	return CMD_OK;
}

/* Entry sizes, as QUERY_DEV_CAP tells them. */
enum {
	CMPT_BYTES = 64,
	CMPT_REGION_SHIFT = 24, /* entries */
	ALTC_BYTES = 64,
	AUXC_BYTES = 256,
	RDMARC_BYTES = 32,
};

static bool is_mapped(struct card *card, const char *table, u64 virt, u64 bytes)
{
	u64 dma;

	if (icm_find(&card->icm, virt, bytes, &dma))
		return true;
	log_warn(card->name, "%s: ICM 0x%llx is not mapped", table,
		 (unsigned long long)virt);
	return false;
}

bool card_has_cmpt(struct card *card, enum cmpt_region region, u64 index)
{
	u64 entry = ((u64)region << CMPT_REGION_SHIFT) + index;

	return is_mapped(card, "cMPT", card->hca.cmpt_base + entry * CMPT_BYTES,
			 CMPT_BYTES);
}

bool card_has_qp_tables(struct card *card, u64 index)
{
	const struct hca *hca = &card->hca;
	u64 rdmarc_bytes = (u64)RDMARC_BYTES << hca->log_rdmarc;

	/* one driver uses no RDMA READ, and no RDMARC table */
	if (hca->rdmarc_base &&
	    !is_mapped(card, "RDMARC", hca->rdmarc_base + index * rdmarc_bytes,
		       rdmarc_bytes))
		return false;
	return is_mapped(card, "QPC", hca->qpc_base + index * QPC_ICM_BYTES,
			 QPC_ICM_BYTES) &&
	       is_mapped(card, "ALTC", hca->altc_base + index * ALTC_BYTES,
			 ALTC_BYTES) &&
	       is_mapped(card, "AUXC", hca->auxc_base + index * AUXC_BYTES,
			 AUXC_BYTES) &&
	       card_has_cmpt(card, CMPT_QP, index);
}

u8 cmd_query_hca(struct command *cmd)
{
	memcpy(cmd->out, cmd->card->hca.image, INIT_HCA_BYTES);
	put32(cmd->out + 4, 0);
	put16(cmd->out + 0x0c, 427); /* MHz */
	return CMD_OK;
}

u8 cmd_close_hca(struct command *cmd)
{
	card_close_hca(cmd->card);
	return CMD_OK;
}
