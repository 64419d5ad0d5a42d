/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_MM_INTERNAL_H
#define PROCESSOR_MM_INTERNAL_H

/*
 * struct aspace, and what the files of mm/ share.
 *
 * Who changes what:
 *
 *  - A *fault* works on one page.  It looks at the VMAs with vma_lock shared,
 *    makes the entry FILLING, and holds no lock from then on until it
 *    installs the page.  That entry is its own.
 *  - A *change* (mmap, munmap, mprotect, mremap, brk, madvise, fork) works on
 *    a range.  Changes of one address space follow one another
 *    (change_lock, held across messages).  A change that takes pages away or
 *    copies them makes its range busy: faults there wait for its end.  Fills
 *    that began before, it waits for, entry by entry.
 *  - The *evictor* turns present entries into remote ones, any time.
 *
 * What P did to pages by itself (page reports) is sent before any message
 * whose outcome depends on it.  Frames that a change gives up are forgotten by
 * the pcache - not cached, no write-back in flight - before M hears of it.
 *
 * A thread must not touch user memory while it holds change_lock: its fault
 * could wait for itself.
 */
#include "aspace.h"
#include "memnode.h"
#include "pte.h"
#include "space.h"

#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <kernel/mutex.h>
#include <kernel/wait.h>
#include <lib/compiler.h>
#include <lib/list.h>
#include <lib/vma.h>

struct range {
	u64 start, end;
};

/* A file that VMAs map: kept open, and its name for /proc/PID/maps. */
struct mapped_file {
	struct list_head link; /* in aspace.files [vma_lock] */
	struct file_id fid;
	struct vnode *vnode; /* NULL: an object that M made */
	bool may_write;      /* vnode_map_get() was told so */
	u32 nr_vmas;         /* [vma_lock] */
	char path[];
};

/* Page reports that wait to be sent; CPUs use different lists. */
#define NR_REPORT_LISTS     8u
#define REPORTS_PER_MESSAGE (RPC_MAX_TAIL / sizeof(struct wire_page_op))
#define BLOCK_REPORTS       30u /* a block is a little less than 512 bytes */

struct report {
	u64 vaddr;
	u64 pfn;
};

struct report_block {
	struct list_head link; /* full or room [list lock] */
	u32 nr;                /* [list lock] */
	struct report reports[BLOCK_REPORTS];
};

struct report_list {
	struct spinlock lock;  /* inside an entry's lock */
	struct list_head full; /* struct report_block, oldest first [lock] */
	struct list_head room; /* those with room; the first is filled [lock] */
	u32 nr;                /* reports [lock] */
	atomic_t nr_room;      /* places not taken nor promised [atomic: more
				  only with the places] */
};

struct page_reports {
	struct report_list lists[NR_REPORT_LISTS];
	struct mutex send_lock;   /* keeps their order on the wire */
	struct list_head in_todo; /* of the sender thread [its lock] */
};

struct aspace {
	atomic_t nr_refs;
	atomic_t nr_pins; /* aspace_pin() */
	struct list_head in_all;
	struct list_head in_file_change; /* [file_changes] */
	bool is_zapped;       /* it exits, and has given up all pages */
	u32 asid;             /* its name on the home node */
	struct memnode *home; /* [set once before publish] */
	bool is_broken;       /* M and we may disagree: only exit is left */
	struct page_table pt;

	struct mutex change_lock;
	struct rwsem vma_lock;       /* inside change_lock; for moments */
	struct vma_tree vmas;        /* [vma_lock] */
	const struct vma *last_vma;  /* found by a fault; NULL [atomic: set with
					vma_lock shared, cleared with it] */
	struct range busy[2];        /* a change works there [vma_lock] */
	struct list_head files;      /* [vma_lock] */
	struct list_head dead_files; /* to be released [vma_lock] */

	bool locks_future; /* mlockall(MCL_FUTURE) [change_lock] */

	u64 stack_filled; /* M put content into the stack from here up */
	u64 start_brk;    /* [set once before publish] */
	u64 brk;          /* [change_lock] */

	/* Entries with a frame, present or remote: what Linux calls resident;
	 * and the most there were [atomic], of pages in VMAs [vma_lock]. */
	atomic64_t nr_resident;
	s64 peak_resident;
	u64 peak_pages;

	atomic_t nr_fills;  /* entries that faults own */
	struct waitq waitq; /* nr_fills or nr_pins became 0 */
	struct page_reports reports;
	atomic_t nr_in_ledger; /* debug: see ledger.h */
};

/** aspace_count_resident - @nr entries (or fewer) became ones with a frame. */
static inline void aspace_count_resident(struct aspace *aspace, s64 nr)
{
	s64 now = atomic64_add_return(&aspace->nr_resident, nr);

	if (now > READ_ONCE(aspace->peak_resident))
		WRITE_ONCE(aspace->peak_resident, now);
}

/* ---- aspace.c ---- */

/** change_begin - start a change; faults in [@start, @end) wait from now on
 * (empty: no range is busy).  May sleep. */
void change_begin(struct aspace *aspace, u64 start, u64 end);
/** change_also - make a second range busy. */
void change_also(struct aspace *aspace, u64 start, u64 end);
void change_end(struct aspace *aspace);
/** change_broke - M did it or may have, and we cannot follow: mark @aspace.
 * Return: @rc. */
int change_broke(struct aspace *aspace, int rc);
/** aspace_is_busy - does a change work at @vaddr?  vma_lock is held. */
static inline bool aspace_is_busy(const struct aspace *aspace, u64 vaddr)
{
	ASSERT(rwsem_is_locked(&aspace->vma_lock));
	return (vaddr >= aspace->busy[0].start &&
		vaddr < aspace->busy[0].end) ||
	       (vaddr >= aspace->busy[1].start && vaddr < aspace->busy[1].end);
}

/** aspace_vma_at - vma_at() for faults, with the last one found as a guess.
 * vma_lock is held. */
static inline const struct vma *aspace_vma_at(struct aspace *aspace, u64 vaddr)
{
	const struct vma *vma = READ_ONCE(aspace->last_vma);

	if (likely(vma && vaddr >= vma->start && vaddr < vma->end))
		return vma;
	vma = vma_at(&aspace->vmas, vaddr);
	WRITE_ONCE(aspace->last_vma, vma);
	return vma;
}

/** aspace_call - a message about @aspace to its home.  If no reply comes its
 * pages are lost: change_broke(). */
int __must_check aspace_call(struct aspace *aspace, enum rpc_op op,
			     const void *req, void *rep);
/** aspace_next - the next live address space after @prev, held; @prev (NULL:
 * start) is put. */
struct aspace *aspace_next(struct aspace *prev);

/** aspace_wait_exits - wait until address spaces that nobody uses any more
 * have given up their pages: aspace_next() does not show them. */
void aspace_wait_exits(void);

/* ---- file_change.c ---- */

/** file_changes_exclude - until _allow(), no bytes of a mapped file change.
 * For who lets an address space map a file; before change_begin(). */
void file_changes_exclude(void);
void file_changes_allow(void);

/* ---- fault.c ---- */

int __must_check fault_start(void);

/* ---- files.c ---- */

extern const struct vma_ops aspace_vma_ops;
int __must_check files_start(void);
/** files_add - @fid will be mapped; @vnode may be NULL.  vma_lock not held. */
int __must_check files_add(struct aspace *aspace, const struct wire_fid *fid,
			   struct vnode *vnode, bool may_write,
			   const char *path);
/** files_reap - release files that no VMA maps any more. */
void files_reap(struct aspace *aspace);
int __must_check files_clone(struct aspace *to, struct aspace *from);
void file_id_from_wire(struct file_id *id, const struct wire_fid *fid);
void file_id_to_wire(struct wire_fid *fid, const struct file_id *id);

/* ---- reports.c ---- */

int __must_check reports_start(void);
void reports_init(struct aspace *aspace);
/** reports_grow - make room for many, one of them promised. false: no memory.
 */
bool __must_check reports_grow(struct report_list *list);

/**
 * reports_promise - make room for a report of @aspace.
 *
 * Return: where reports_add() puts it or reports_unpromise() gives the room
 *         back; NULL: no memory.
 */
static inline struct report_list *reports_promise(struct aspace *aspace)
{
	struct report_list *list =
		&aspace->reports.lists[cpu_id() % NR_REPORT_LISTS];

	return likely(atomic_dec_return(&list->nr_room) >= 0) ||
			       reports_grow(list)
		       ? list
		       : NULL;
}
void reports_unpromise(struct report_list *list);
/** reports_want_sender - there is a message full: have it sent. */
void reports_want_sender(struct aspace *aspace);
/** reports_add - the page at @vaddr has frame @gframe from now on; the entry's
 * lock is held. */
static inline void reports_add(struct aspace *aspace, struct report_list *list,
			       u64 vaddr, u64 gframe)
{
	struct report_block *block;
	u32 nr;

	spin_lock(&list->lock);
	ASSERT(!list_empty(&list->room));
	block = list_first_entry(&list->room, struct report_block, link);
	block->reports[block->nr++] =
		(struct report){.vaddr = vaddr, .pfn = gframe_pfn(gframe)};
	if (unlikely(block->nr == BLOCK_REPORTS))
		list_move_tail(&block->link, &list->full);
	nr = list->nr + 1;
	WRITE_ONCE(list->nr, nr);
	spin_unlock(&list->lock);
	if (unlikely(nr >= REPORTS_PER_MESSAGE && nr % 64 == 0))
		reports_want_sender(aspace);
}
/** reports_send - send all; when this returns 0, M knows.  May sleep. */
int __must_check reports_send(struct aspace *aspace);
/** reports_send_ops - send these at once, before what waits. */
int __must_check reports_send_ops(struct aspace *aspace,
				  const struct wire_page_op *ops, u32 nr);
/** reports_discard - @aspace ends: frames M has not heard of return to the
 * stock. */
void reports_discard(struct aspace *aspace);

/* ---- range.c: all entries of a range ---- */

/** range_zap - make them none, giving up frames.  The range is busy. */
void range_zap(struct aspace *aspace, u64 start, u64 end);
/** range_zap_file - zap those that are a file's pages, not a copy of one. */
void range_zap_file(struct aspace *aspace, u64 start, u64 end);
/**
 * range_give_up - zap pages of files, not copies, in some of *@todo.
 * @is_all: those that are mapped, too, not only remote ones
 * @gone: room for @max_gone ranges: where no page of a file is left
 *
 * All of @todo is busy.  @todo->start moves to where to go on; *@nr_pages is
 * increased by how many went.  Return: how many ranges are in @gone.
 */
u32 range_give_up(struct aspace *aspace, struct range *todo, bool is_all,
		  struct range *gone, u32 max_gone, u64 *nr_pages);
/** range_unmap - present ones become remote. */
void range_unmap(struct aspace *aspace, u64 start, u64 end);
/** range_protect - take away what @prot (PROT_*) does not allow. */
void range_protect(struct aspace *aspace, u64 start, u64 end, u32 prot);
/** range_clean - write modified pages of files back.  0 or -EIO. */
int __must_check range_clean(struct aspace *aspace, u64 start, u64 end);
/** range_move - move the entries, all unmapped, to @to; the pages too. */
int __must_check range_move(struct aspace *aspace, u64 start, u64 end, u64 to);
/** range_copy - give @child a copy of the entries in its VMAs, copy-on-write,
 * except in those with VMA_WIPEONFORK. */
int __must_check range_copy(struct aspace *parent, struct aspace *child);
/** range_has_pages - is there an entry that is not none? */
bool range_has_pages(struct aspace *aspace, u64 start, u64 end);
/** frame_drop - an entry with @flags (PTE_FILE) let go of @gframe. */
void frame_drop(struct aspace *aspace, u64 gframe, u64 flags);

/* ---- change.c, remap.c, advice.c: what the system calls do, on kernel
 * arguments ---- */

/** change_decode_range - [@vaddr, +@len_bytes) rounded up to pages; false
 * unless it begins at a page and lies in the user half. */
bool change_decode_range(const struct aspace *aspace, u64 vaddr, u64 len_bytes,
			 struct range *range);
/**
 * change_check_place - may M place something new at [@start, @end)?
 *
 * It may where nothing is, in the user half; if not, M and we do not agree,
 * and the address space is broken.  Context: change_lock held.
 * Return: 0 or -EPROTO.
 */
int __must_check change_check_place(struct aspace *aspace, u64 start, u64 end);
/** change_give_up - the pages of @range go; M may hear of it next. */
int __must_check change_give_up(struct aspace *aspace,
				const struct range *range);
/** change_tree_map, change_tree_unmap - M did it: so do we. */
int change_tree_map(struct aspace *aspace, const struct vma *vma);
int change_tree_unmap(struct aspace *aspace, u64 start, u64 end);
/** change_call_range - a message about @range. */
int __must_check change_call_range(struct aspace *aspace, enum rpc_op op,
				   const struct range *range, u32 arg);
/** change_set_flags - set and clear VMA_ADVISED flags, here and there; the
 * change_lock is held. */
long change_set_flags(struct aspace *aspace, const struct range *range, u32 set,
		      u32 clear);

struct mmap_args {
	u64 vaddr, len_bytes;
	u32 prot, flags; /* PROT_*, MAP_* */
	u64 pgoff_pages;
	struct wire_fid fid; /* zero: anonymous */
	struct vnode *vnode;
	bool may_write;
	bool is_locked; /* as mlock() */
	const char *path;
};
/* The address, or -errno. */
long aspace_mmap(struct aspace *aspace, const struct mmap_args *args);
long aspace_munmap(struct aspace *aspace, u64 vaddr, u64 len_bytes);
long aspace_mprotect(struct aspace *aspace, u64 vaddr, u64 len_bytes, u32 prot);
long aspace_mremap(struct aspace *aspace, u64 old_vaddr, u64 old_bytes,
		   u64 new_bytes, u32 flags, u64 new_vaddr);
long aspace_brk(struct aspace *aspace, u64 vaddr);
/** aspace_grow - let the area above @vaddr that grows downwards have it; from
 * a fault.  Return: 0, look again; -EFAULT: there is none, or it may not. */
int __must_check aspace_grow(struct aspace *aspace, u64 vaddr);
long aspace_madvise(struct aspace *aspace, u64 vaddr, u64 len_bytes,
		    u32 advice);
long aspace_msync(struct aspace *aspace, u64 vaddr, u64 len_bytes, u32 flags);
/** aspace_mincore - one byte a page into @vec. */
long aspace_mincore(struct aspace *aspace, u64 vaddr, u64 nr_pages, u8 *vec);

#endif /* PROCESSOR_MM_INTERNAL_H */
