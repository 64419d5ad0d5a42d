/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_MEMORY_H
#define FABRIC_MEMORY_H

/*
 * How the card reaches host memory: by device address, through ICM, through
 * a queue's translation table (MTT), and through a memory key (MPT).
 *
 * Every function fails (NULL, false or -EFAULT) on what is not mapped or not
 * allowed; nothing that a guest writes can make one reach outside the guest's
 * memory.  Pointers are good until the loop's next turn.
 */
#include "types.h"

struct card;

/* A queue's buffer: @page_offset is where byte 0 lies in its first page. */
struct queue_buffer {
	u64 mtt; /* byte offset into the MTT table */
	u32 page_offset;
	u8 page_shift;
};

/* Access rights, with the bit numbers of an MPT's first dword. */
enum {
	ACCESS_LOCAL_READ = 1 << 10,
	ACCESS_LOCAL_WRITE = 1 << 11,
	ACCESS_REMOTE_READ = 1 << 12,
	ACCESS_REMOTE_WRITE = 1 << 13,
	ACCESS_REMOTE_ATOMIC = 1 << 14,
	MPT_ACCESS = 0x1f << 10, /* all of them */
};

/* An MPT: its state, the first four bits (0: in use); bits of its dwords. */
enum {
	MPT_STATUS_FREE = 0x3,
	MPT_STATUS_INVALID = 0xf,
	MPT_REGION = 1 << 8, /* else a window */
	MPT_PHYSICAL = 1 << 9,
	MPT_BIND_ENABLE = 1 << 15,
	MPT_IS_BOUND = 1 << 7, /* beside the QPN: a type-2 window */
	MPT_LEN64 = 1 << 22,   /* beside the sizes, as the next */
	MPT_FIRST_BYTE = 1 << 23,
	MPT_FIRST_BYTE_MAX = 0x1fffff, /* that the entry has room for */
};

/* A memory region, decoded from its MPT for one use. */
struct mr {
	u32 flags;
	u32 pd;
	u32 bound_qpn; /* a type-2 window's; 0: any */
	u64 start, bytes;
	bool is_unbounded, is_physical;
	u64 mtt;
	u64 first_byte; /* where @start lies in the first MTT page */
	u8 page_shift;
};

u8 *card_dma_run(struct card *card, u64 dma, u64 want, bool write, u64 *got);

/* All of @bytes, contiguous, or NULL. */
u8 *card_dma(struct card *card, u64 dma, u64 bytes, bool write);

int card_read(struct card *card, u64 dma, void *to, u64 bytes);
int card_write(struct card *card, u64 dma, const void *from, u64 bytes);

/* An object in ICM that does not straddle a page. */
u8 *card_icm(struct card *card, u64 virt, u64 bytes, bool write);

/* Entry of the MTT table at byte offset @mtt: the page's device address. */
bool mtt_page(struct card *card, u64 mtt, u64 *dma);

/* As much of @want as is contiguous, @got; to walk a long ring. */
u8 *queue_buffer_run(struct card *card, const struct queue_buffer *buffer,
		     u64 offset, u64 want, bool write, u64 *got);

/* All of @bytes, contiguous, or NULL. */
u8 *queue_buffer_at(struct card *card, const struct queue_buffer *buffer,
		    u64 offset, u64 bytes, bool write);
int queue_buffer_read(struct card *card, const struct queue_buffer *buffer,
		      u64 offset, u8 *to, u64 bytes);

/* The entry that @key selects, whatever its state; NULL: not mapped. */
u8 *mpt_of_key(struct card *card, u32 key);

/* Is this entry valid, and @key its key, with all 32 bits? */
bool mpt_is_in_use(const u8 *mpt, u32 key);

/**
 * mr_find - look @key up and check that protection domain @pd may do @access
 * to @bytes at @va.
 *
 * Return: true and *@mr, or false.
 */
bool mr_find(struct card *card, u32 key, u32 pd, u64 va, u64 bytes, u32 access,
	     struct mr *mr);

/* As dma_map_run(), by address in a region that mr_find() returned. */
u8 *mr_run(struct card *card, const struct mr *mr, u64 va, u64 want, bool write,
	   u64 *got);

#endif /* FABRIC_MEMORY_H */
