/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PTE_H
#define PROCESSOR_PTE_H

/*
 * User page-table entries: the one record of where a page is.
 *
 *	none	   0; a page that was never touched, or that only the memory
 *		   node knows
 *	present	   maps a pcache line, or the zero page (PTE_ZERO)
 *	remote	   not mapped; carries the frame that holds the page
 *	filling	   one fault owns the entry and will make it one of the others;
 *		   everybody else waits for it
 *
 *	none, remote --fault_take()--> filling --fault_install()--> present
 *	present --fault_take(), write to a page that may not change-->  filling
 *	filling --fault_abandon()--> what it was (none, remote)
 *	present --evictor, mprotect(PROT_NONE), mremap--> remote
 *	present, remote --zap--> none
 *
 * A frame is named by a gframe: the index of its memory node << 40 | its
 * number in that node's pool.  In a remote entry it stands from bit 12 up.
 * PTE_FILE and PTE_LENT are at the same bits in present and remote entries.
 *
 * Each entry is protected by a lock that it shares with its neighbours, the
 * 16 of an aligned group, and by hash with other groups.  Only the hardware
 * changes entries without it, and only the bits A and D.
 */
#include <arch/x86/paging.h>
#include <kernel/assert.h>
#include <kernel/wait.h>
#include <lib/compiler.h>
#include <lib/hash.h>
#include <lib/types.h>

struct aspace;

#define PTE_FILE PTE_SOFT1 /* frame of the page cache: never private to us */
#define PTE_ZERO PTE_SOFT2 /* present: the page of zeros, no frame yet */
#define PTE_LENT PTE_SOFT3 /* the memory node shares the frame with others */

/* In entries without PTE_PRESENT. */
#define PTE_REMOTE  0x002ul
#define PTE_FILLING 0x004ul

#define GFRAME_NODE_SHIFT 40
#define GFRAME_BITS       46 /* 64 memory nodes */
#define GFRAME_NONE       (~0ul)

static inline u64 gframe_make(u32 node, u64 pfn)
{
	return (u64)node << GFRAME_NODE_SHIFT | pfn;
}

static inline u32 gframe_node(u64 gframe)
{
	return (u32)(gframe >> GFRAME_NODE_SHIFT);
}

static inline u64 gframe_pfn(u64 gframe)
{
	return gframe & ((1ul << GFRAME_NODE_SHIFT) - 1);
}

static inline bool pte_is_none(pte_t pte)
{
	return pte == 0;
}

static inline bool pte_is_present(pte_t pte)
{
	return pte & PTE_PRESENT;
}

static inline bool pte_is_remote(pte_t pte)
{
	return (pte & (PTE_PRESENT | PTE_REMOTE)) == PTE_REMOTE;
}

static inline bool pte_is_filling(pte_t pte)
{
	return (pte & (PTE_PRESENT | PTE_FILLING)) == PTE_FILLING;
}

/** pte_make_remote - an entry for a page in @gframe; @flags: PTE_FILE, _LENT */
static inline pte_t pte_make_remote(u64 gframe, u64 flags)
{
	return gframe << PAGE_SHIFT | (flags & (PTE_FILE | PTE_LENT)) |
	       PTE_REMOTE;
}

/** pte_remote_gframe - the frame of a remote entry. */
static inline u64 pte_remote_gframe(pte_t pte)
{
	return pte >> PAGE_SHIFT & ((1ul << GFRAME_BITS) - 1);
}

#define PTE_GROUP       16u /* neighbours that share a lock */
#define NR_PTE_BUCKETS  2048u
#define PTE_GROUP_SHIFT 7 /* by address */
_Static_assert(PTE_GROUP * sizeof(pte_t) == 1u << PTE_GROUP_SHIFT,
	       "a group is 128 bytes");

/* What groups of entries that hash to one value share. */
struct pte_bucket {
	struct spinlock lock;
	u64 nr_fills_ended; /* [lock to change; read while waiting] */
	struct waitq waitq; /* for that */
} __cacheline_aligned;
extern struct pte_bucket pte_buckets[NR_PTE_BUCKETS];

static inline struct pte_bucket *pte_bucket_of(const pte_t *ptep)
{
	return &pte_buckets[hash_index((u64)ptep >> PTE_GROUP_SHIFT,
				       NR_PTE_BUCKETS)];
}

/**
 * pte_is_decodable - is it one of the kinds above, with no bit that the kind
 * does not have?
 */
static inline bool pte_is_decodable(pte_t pte)
{
	const pte_t soft = PTE_FILE | PTE_LENT;
	pte_t extra;

	if (pte_is_none(pte) || pte == PTE_FILLING)
		return true;
	if (pte_is_remote(pte)) {
		extra = soft | PTE_REMOTE |
			((1ul << GFRAME_BITS) - 1) << PAGE_SHIFT;
		return !(pte & ~extra);
	}
	if (!pte_is_present(pte) || !(pte & PTE_USER))
		return false;
	extra = PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_NX | PTE_PADDR;
	extra |= pte & PTE_ZERO ? PTE_ZERO : soft | PTE_WRITE | PTE_DIRTY;
	return !(pte & ~extra);
}

/** pte_lock_of - the lock that protects @ptep. Rank LOCK_PAGE_TABLE. */
static inline struct spinlock *pte_lock_of(const pte_t *ptep)
{
	return &pte_bucket_of(ptep)->lock;
}

/**
 * pte_fill_ticket - prepare to wait for the end of the fill at @ptep.
 *
 * Context: the entry's lock held, the entry filling.
 * Return: for pte_fill_wait() after the lock was dropped.
 */
u64 pte_fill_ticket(const pte_t *ptep);
/** pte_fill_wait - sleep until a fill at @ptep (only used as a key) ended. */
void pte_fill_wait(const pte_t *ptep, u64 ticket);
/** pte_fill_ended - a fill in @bucket ended, whose lock is held: wake who
 * waits. */
static inline void pte_fill_ended(struct pte_bucket *bucket)
{
	ASSERT_LOCKED(&bucket->lock);
	WRITE_ONCE(bucket->nr_fills_ended, bucket->nr_fills_ended + 1);
	waitq_wake_all(&bucket->waitq);
}

/** pte_start - prepare locks and queues. */
void pte_start(void);

#endif /* PROCESSOR_PTE_H */
