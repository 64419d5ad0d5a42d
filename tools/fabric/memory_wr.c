/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "memory_wr.h"
#include "be.h"
#include "card.h"
#include "log.h"
#include "window.h"

#include <string.h>

enum {
	/* in the dword with the PD */
	MPT_REMOTE_INVALIDATE = 1 << 24,
	MPT_LOCAL_INVALIDATE = 1 << 25,
	MPT_FAST_REGISTER = 1 << 27,

	PAGE_SHIFT_MIN = 9,
	PAGE_SHIFT_MAX = 40,
	NR_PAGES_MAX = 512, /* of one fast registration */
};

static const u32 bind_type_2 = 1u << 31, bind_zero_based = 1u << 30;

bool is_memory_request(u8 opcode)
{
	return opcode == SEND_BIND_MW || opcode == SEND_FAST_REGISTER ||
	       opcode == SEND_LOCAL_INVALIDATE;
}

static u32 mpt_pd(const u8 *mpt)
{
	return get32(mpt + 0x0c) & 0xffffff;
}

static void set_status(u8 *mpt, u8 status)
{
	mpt[0] = (u8)((mpt[0] & 0x0f) | status << 4);
}

/* The entry that @key selects, if it is in state @status and of @pd. */
static u8 *find(struct card *card, u32 key, u32 pd, bool is_free)
{
	u8 *mpt = mpt_of_key(card, key);
	u32 status;

	if (!mpt || mpt_pd(mpt) != pd)
		return NULL;
	status = get32(mpt) >> 28;
	if (status == MPT_STATUS_INVALID)
		return NULL;
	return (status == MPT_STATUS_FREE) == is_free ? mpt : NULL;
}

/* Copy the list of @nr_pages into the region's part of the MTT table. */
static bool copy_pages(struct card *card, u64 list, u64 mtt, u64 nr_pages)
{
	u8 pages[NR_PAGES_MAX * 8];

	if (card_read(card, list, pages, nr_pages * 8))
		return false;
	for (u64 i = 0; i < nr_pages; i++) {
		u8 *entry = card_icm(card, card->hca.mtt_base + mtt + 8 * i, 8,
				     true);

		if (!entry)
			return false;
		memcpy(entry, pages + 8 * i, 8);
	}
	return true;
}

static bool fast_register(struct qp *qp, const struct memory_wr *wr)
{
	u8 *mpt = find(qp->card, wr->key, qp->pd, true);
	u64 first, nr_pages, mtt;

	if (!mpt || !(get32(mpt + 0x0c) & MPT_FAST_REGISTER) ||
	    wr->page_shift < PAGE_SHIFT_MIN || wr->page_shift > PAGE_SHIFT_MAX)
		return false;
	first = wr->first_byte ? wr->first_byte
			       : wr->va & ((1ull << wr->page_shift) - 1);
	if (wr->bytes > UINT64_MAX / 2 || first >= 1ull << wr->page_shift ||
	    wr->first_byte > MPT_FIRST_BYTE_MAX)
		return false;
	nr_pages = (first + wr->bytes + (1ull << wr->page_shift) - 1) >>
		   wr->page_shift;
	mtt = (u64)mpt[0x2f] << 32 | (get32(mpt + 0x30) & ~7u);
	if (nr_pages > NR_PAGES_MAX || nr_pages > get32(mpt + 0x34) ||
	    !copy_pages(qp->card, wr->pages, mtt, nr_pages))
		return false;
	put32(mpt, (get32(mpt) & ~(u32)MPT_ACCESS) | wr->access);
	put32(mpt + 0x08, wr->key >> 8 | wr->key << 24);
	put64(mpt + 0x10, wr->va);
	put64(mpt + 0x18, wr->bytes);
	/* without one of its own, the address says where the first page
	 * begins: of large pages that is more than the field can hold */
	put32(mpt + 0x28,
	      (get32(mpt + 0x28) & ~(u32)(MPT_LEN64 | MPT_FIRST_BYTE)) |
		      (wr->first_byte ? MPT_FIRST_BYTE : 0));
	put32(mpt + 0x38, wr->page_shift);
	put32(mpt + 0x3c, wr->first_byte);
	set_status(mpt, 0);
	return true;
}

/* A window's entry gets the region's translation, from where it begins. */
static bool bind(struct qp *qp, const struct memory_wr *wr)
{
	struct card *card = qp->card;
	u8 *mpt = mpt_of_key(card, wr->key);
	bool is_type_2 = wr->bind_flags & bind_type_2;
	u64 first, mtt;
	struct mr mr;

	if (!mpt || mpt_pd(mpt) != qp->pd || (get32(mpt) & MPT_REGION) ||
	    get32(mpt) >> 28 == MPT_STATUS_INVALID ||
	    (is_type_2 && get32(mpt) >> 28 != MPT_STATUS_FREE) ||
	    (wr->bind_flags & bind_zero_based))
		return false;
	if (!wr->bytes) { /* unbinds */
		window_release(card, mpt);
		return true;
	}
	if (!mr_find(card, wr->region_key, qp->pd, wr->va, wr->bytes,
		     MPT_REGION | MPT_BIND_ENABLE, &mr))
		return false;
	if ((wr->access & (ACCESS_REMOTE_WRITE | ACCESS_REMOTE_ATOMIC)) &&
	    !(mr.flags & ACCESS_LOCAL_WRITE))
		return false;
	first = mr.first_byte + (wr->va - mr.start);
	mtt = mr.mtt + (mr.is_physical ? 0 : 8 * (first >> mr.page_shift));
	first &= (1ull << mr.page_shift) - 1;
	if (!mr.is_physical && first > MPT_FIRST_BYTE_MAX)
		return false;
	window_release(card, mpt);
	if (!window_attach(card, mpt, wr->region_key))
		return false;
	put32(mpt, (get32(mpt) & ~(u32)(MPT_ACCESS | MPT_PHYSICAL)) |
			   wr->access | (mr.flags & MPT_PHYSICAL));
	put32(mpt + 0x04, is_type_2 ? qp->qpn << 8 | MPT_IS_BOUND : 0);
	put32(mpt + 0x08, wr->key >> 8 | wr->key << 24);
	put64(mpt + 0x10, wr->va);
	put64(mpt + 0x18, wr->bytes);
	put32(mpt + 0x28, MPT_FIRST_BYTE);
	mpt[0x2f] = (u8)(mtt >> 32);
	put32(mpt + 0x30, (u32)mtt);
	put32(mpt + 0x38, mr.page_shift);
	put32(mpt + 0x3c, (u32)first);
	set_status(mpt, 0);
	return true;
}

/* A type-2 window belongs to the queue pair that it is bound to. */
static bool is_of_another(const struct qp *qp, const u8 *mpt)
{
	return !(get32(mpt) & MPT_REGION) && (mpt[7] & MPT_IS_BOUND) &&
	       get24(mpt + 4) != qp->qpn;
}

static bool invalidate(struct qp *qp, u32 key, u32 right)
{
	u8 *mpt = find(qp->card, key, qp->pd, false);

	if (!mpt || !mpt_is_in_use(mpt, key) || !(get32(mpt + 0x0c) & right) ||
	    is_of_another(qp, mpt) || region_has_windows(mpt))
		return false;
	if (!(get32(mpt) & MPT_REGION))
		window_release(qp->card, mpt);
	set_status(mpt, MPT_STATUS_FREE);
	return true;
}

enum wc_syndrome memory_request(struct qp *qp, const struct send_wqe *wqe)
{
	const struct memory_wr *wr = &wqe->memory;
	bool is_done = false;

	switch (wqe->opcode) {
	case SEND_FAST_REGISTER:
		is_done = fast_register(qp, wr);
		break;
	case SEND_BIND_MW:
		is_done = bind(qp, wr);
		break;
	case SEND_LOCAL_INVALIDATE:
		is_done = invalidate(qp, wr->key, MPT_LOCAL_INVALIDATE);
		break;
	}
	if (!is_done)
		log_warn(qp->card->name,
			 "QP 0x%x: request 0x%02x on key 0x%08x is refused",
			 qp->qpn, wqe->opcode, wr->key);
	return is_done ? WC_OK : WC_BIND;
}

bool memory_invalidate_remotely(struct qp *qp, u32 key)
{
	return invalidate(qp, key, MPT_REMOTE_INVALIDATE);
}
