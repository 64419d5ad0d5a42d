/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "memory.h"
#include "be.h"
#include "card.h"
#include "log.h"
#include "window.h"

#include <errno.h>
#include <string.h>

enum {
	MPT_BYTES = 64,
	MTT_PRESENT = 1,
};

u8 *card_dma_run(struct card *card, u64 dma, u64 want, bool write, u64 *got)
{
	u8 *p = NULL;

	if (pci_config_is_master(&card->config))
		p = dma_map_run(&card->dma, dma, want, write, got);
	else if (!card->said_no_master++)
		log_warn(card->name, "memory access refused: the PCI command "
				     "register's bus master bit is off");
	if (!p)
		card->stats.dma_faults++;
	return p;
}

u8 *card_dma(struct card *card, u64 dma, u64 bytes, bool write)
{
	u64 got;
	u8 *p = card_dma_run(card, dma, bytes, write, &got);

	return p && got == bytes ? p : NULL;
}

int card_read(struct card *card, u64 dma, void *to, u64 bytes)
{
	while (bytes) {
		u64 got;
		u8 *p = card_dma_run(card, dma, bytes, false, &got);

		if (!p)
			return -EFAULT;
		memcpy(to, p, got);
		to = (u8 *)to + got;
		dma += got;
		bytes -= got;
	}
	return 0;
}

int card_write(struct card *card, u64 dma, const void *from, u64 bytes)
{
	while (bytes) {
		u64 got;
		u8 *p = card_dma_run(card, dma, bytes, true, &got);

		if (!p)
			return -EFAULT;
		memcpy(p, from, got);
		from = (const u8 *)from + got;
		dma += got;
		bytes -= got;
	}
	return 0;
}

u8 *card_icm(struct card *card, u64 virt, u64 bytes, bool write)
{
	u64 dma;

	if (!icm_find(&card->icm, virt, bytes, &dma))
		return NULL;
	return card_dma(card, dma, bytes, write);
}

bool mtt_page(struct card *card, u64 mtt, u64 *dma)
{
	u8 *p = card_icm(card, card->hca.mtt_base + (mtt & ~7ull), 8, false);
	u64 entry;

	if (!p)
		return false;
	entry = get64(p);
	if (!(entry & MTT_PRESENT))
		return false;
	*dma = entry & ~7ull;
	return true;
}

u8 *queue_buffer_run(struct card *card, const struct queue_buffer *buffer,
		     u64 offset, u64 want, bool write, u64 *got)
{
	u64 page_bytes = 1ull << buffer->page_shift;
	u64 at = buffer->page_offset + offset;
	u64 in_page = at & (page_bytes - 1);
	u64 page;

	if (!mtt_page(card, buffer->mtt + 8 * (at >> buffer->page_shift),
		      &page))
		return NULL;
	return card_dma_run(card, page + in_page,
			    min_u64(want, page_bytes - in_page), write, got);
}

u8 *queue_buffer_at(struct card *card, const struct queue_buffer *buffer,
		    u64 offset, u64 bytes, bool write)
{
	u64 got;
	u8 *p = queue_buffer_run(card, buffer, offset, bytes, write, &got);

	return p && got == bytes ? p : NULL;
}

int queue_buffer_read(struct card *card, const struct queue_buffer *buffer,
		      u64 offset, u8 *to, u64 bytes)
{
	u64 page_bytes = 1ull << buffer->page_shift;

	while (bytes) {
		u64 in_page = (buffer->page_offset + offset) & (page_bytes - 1);
		u64 n = min_u64(bytes, page_bytes - in_page);
		u8 *p = queue_buffer_at(card, buffer, offset, n, false);

		if (!p)
			return -EFAULT;
		memcpy(to, p, n);
		to += n;
		offset += n;
		bytes -= n;
	}
	return 0;
}

static bool mr_decode(const u8 *mpt, struct mr *mr)
{
	u32 sizes = get32(mpt + 0x28);

	mr->flags = get32(mpt);
	mr->pd = get32(mpt + 0x0c) & 0xffffff;
	mr->bound_qpn = mpt[7] & MPT_IS_BOUND ? get24(mpt + 4) : 0;
	mr->start = get64(mpt + 0x10);
	mr->bytes = get64(mpt + 0x18);
	mr->is_unbounded = sizes & MPT_LEN64;
	mr->is_physical = mr->flags & MPT_PHYSICAL;
	mr->mtt = (u64)mpt[0x2f] << 32 | (get32(mpt + 0x30) & ~7u);
	mr->page_shift = get32(mpt + 0x38) & 0x3f;
	mr->first_byte = 0;
	if (mr->is_physical)
		return true;
	if (mr->page_shift < 9 || mr->page_shift > 40)
		return false;
	if (sizes & MPT_FIRST_BYTE)
		mr->first_byte = get32(mpt + 0x3c) & MPT_FIRST_BYTE_MAX;
	else
		mr->first_byte = mr->start & ((1ull << mr->page_shift) - 1);
	return true;
}

u8 *mpt_of_key(struct card *card, u32 key)
{
	u32 hw_key = key >> 8 | key << 24;
	u32 index = hw_key & ((1u << card->hca.log_mpts) - 1);

	return card_icm(card, card->hca.mpt_base + (u64)index * MPT_BYTES,
			MPT_BYTES, true);
}

bool mpt_is_in_use(const u8 *mpt, u32 key)
{
	u32 status = get32(mpt) >> 28;

	return status != MPT_STATUS_INVALID && status != MPT_STATUS_FREE &&
	       get32(mpt + 8) == (key >> 8 | key << 24);
}

bool mr_find(struct card *card, u32 key, u32 pd, u64 va, u64 bytes, u32 access,
	     struct mr *mr)
{
	u8 *mpt = mpt_of_key(card, key);

	if (!mpt || !mpt_is_in_use(mpt, key) || !mr_decode(mpt, mr))
		return false;
	if (mr->pd != pd || (mr->flags & access) != access)
		return false;
	if (!(mr->flags & MPT_REGION) && !window_region(card, mpt))
		return false;
	if (mr->is_unbounded)
		return va + bytes >= va;
	return va >= mr->start &&
	       range_inside(va - mr->start, bytes, mr->bytes);
}

u8 *mr_run(struct card *card, const struct mr *mr, u64 va, u64 want, bool write,
	   u64 *got)
{
	u64 at, page_bytes, in_page, page;

	if (mr->is_physical)
		return card_dma_run(card, va, want, write, got);
	at = mr->first_byte + (va - mr->start);
	page_bytes = 1ull << mr->page_shift;
	in_page = at & (page_bytes - 1);
	if (!mtt_page(card, mr->mtt + 8 * (at >> mr->page_shift), &page))
		return NULL;
	return card_dma_run(card, page + in_page,
			    min_u64(want, page_bytes - in_page), write, got);
}
