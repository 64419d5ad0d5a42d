/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_MEMNODE_H
#define PROCESSOR_MEMNODE_H

/*
 * The memory nodes as a processor node sees them: where their frames are, a
 * stock of free frames that each granted us, and how many of our page-table
 * entries refer to each private frame.
 *
 * A private frame is
 *
 *	free at M --m_grant--> in the stock --frame_take()--> in use, 1 share
 *	in use --frame_unshare() to 0--> dead: M frees it when it learns, from
 *		m_pages or m_munmap and the like, that no address space has it
 *	in the stock --memnode_return_frames(), stock full: m_ungrant--> free
 *
 * Frames are taken out of the stock by the handful, for one CPU each.  Who
 * finds the stock empty takes from the other CPUs' hands.
 *
 * Shares count entries present, remote or filling, of all address spaces
 * here.  A frame with one share that the memory node does not lend to others
 * (PTE_LENT) may be written in place; a dead frame's copies are dropped
 * before M may hear of it, so nothing is written to a frame that M gave to
 * somebody else.  Frames of files are never counted.
 *
 * One struct memnode stands for one incarnation of a memory node.  A slot is
 * used again when its node is gone and no address space lives there.
 */
#include "pte.h"

#include <kernel/assert.h>
#include <kernel/mutex.h>
#include <kernel/spinlock.h>
#include <lib/atomic.h>
#include <lib/types.h>
#include <net/rpc.h>

#define MEMNODE_MAX       64u
#define MEMNODE_STOCK_MAX 1024u /* frames in stock */
#define MEMNODE_STOCK_LOW 256u  /* fewer: ask for more in the background */
#define MEMNODE_NR_HANDS  8u    /* parts of the stock that CPUs have at hand, */
#define MEMNODE_HAND_MAX  32u   /* so many frames each */

/* Frames of the stock for some CPUs, so that they do not meet at one lock. */
struct frame_hand {
	struct spinlock lock;       /* outside the stock's */
	u32 nr;                     /* [lock] */
	u64 pfns[MEMNODE_HAND_MAX]; /* a stack [lock] */
};

struct memnode {
	u32 index;
	struct peer *peer;   /* [set once before publish] */
	u64 pool_dma;        /* of frame 0 [set once before publish] */
	u64 nr_frames;       /* [set once before publish] */
	u32 rkey;            /* [set once before publish] */
	bool is_gone;        /* [set once: the peer is dead] */
	atomic_t nr_aspaces; /* that live there */
	u16 *nr_shares;      /* by pfn [atomic] */

	struct frame_hand hands[MEMNODE_NR_HANDS];
	struct mutex refill; /* one grant call at a time */
	struct spinlock lock;
	u32 nr_stock;                 /* [lock] */
	u64 stock[MEMNODE_STOCK_MAX]; /* pfns, a stack [lock] */
};

/** memnode_start - listen for memory nodes; before net_start(). */
int __must_check memnode_start(void);

/**
 * memnode_get_home - the memory node where a new address space shall live.
 *
 * Waits up to @timeout_ns for one.  Drop with memnode_put().
 * Return: the one with the fewest address spaces, or NULL.
 */
struct memnode *memnode_get_home(u64 timeout_ns);
void memnode_hold(struct memnode *node);
void memnode_put(struct memnode *node);

const char *memnode_name(const struct memnode *node);

extern struct memnode *memnodes[MEMNODE_MAX]; /* for the next two only */

/** memnode_of - the node of @gframe, which somebody holds. */
static inline struct memnode *memnode_of(u64 gframe)
{
	u32 index = gframe_node(gframe);

	CHECK(index < MEMNODE_MAX && memnodes[index]);
	return memnodes[index];
}

/** memnode_has_frame - is @pfn a frame of @node?  For what came by wire. */
static inline bool memnode_has_frame(const struct memnode *node, u64 pfn)
{
	return pfn < node->nr_frames;
}

/** frame_dma - where @gframe lies in its node. */
static inline u64 frame_dma(u64 gframe)
{
	return memnode_of(gframe)->pool_dma + gframe_pfn(gframe) * PAGE_SIZE;
}

/**
 * frame_take - take a free frame of @node from the stock, with one share.
 *
 * Context: may sleep: asks the node itself if the stock is empty.
 * Return: 0 and the gframe; -ENOMEM, -EHOSTDOWN, ...; -EPROTO if the frame
 *	   that was granted is in use.
 */
int __must_check frame_take(struct memnode *node, u64 *gframe);

/** frame_untake - undo frame_take(): nobody has seen the frame. */
void frame_untake(u64 gframe);

/** frame_lose - undo frame_take() of a frame that is in use all the same: it
 * does not come back to the stock.  Counted and said as frame_conflict(). */
void frame_lose(u64 gframe);

/**
 * frame_conflict - @gframe was named for something new while it is in use.
 *
 * What a memory node says must not stop this node: the one request fails.
 */
void frame_conflict(u64 gframe);

/**
 * memnode_return_frames - put dead frames that M still counts as granted back
 * to the stock; what does not fit goes back to the node.  May sleep.
 */
void memnode_return_frames(struct memnode *node, const u64 *pfns, u32 nr);

/** frame_share - one more page-table entry refers to @gframe.  Return: false if
 * there are more than can be, which only a memory node can bring about. */
bool __must_check frame_share(u64 gframe);
/** frame_unshare - one fewer. Return: how many are left. */
u32 frame_unshare(u64 gframe);
/** frame_shares - how many refer to it. */
static inline u32 frame_shares(u64 gframe)
{
	struct memnode *node = memnode_of(gframe);

	CHECK(memnode_has_frame(node, gframe_pfn(gframe)));
	return __atomic_load_n(&node->nr_shares[gframe_pfn(gframe)],
			       __ATOMIC_SEQ_CST);
}

/** memnode_for_each - call @fn for each live node; for the monitor. */
void memnode_for_each(void (*fn)(struct memnode *node));

#endif /* PROCESSOR_MEMNODE_H */
