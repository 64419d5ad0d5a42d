/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_PAGETABLE_H
#define MEMORY_PAGETABLE_H

/*
 * Which frame holds each page of an address space: a radix tree from virtual
 * page to pfn, three levels of 512-entry tables over leaves of 512 frames.
 * An entry holds one reference of its frame.
 *
 * Entries are set and taken with atomic exchanges, tables are added the same
 * way, so any number of faults may run at once (address space read-locked);
 * tables go only in pagetable_zap(), under the write lock.
 */
#include <lib/types.h>
#include <managers/memory/frames.h>

#define PAGETABLE_END (1ul << 48)

struct pagetable {
	void *root;   /* table or NULL [atomic: set once] */
	s64 nr_pages; /* entries in use [atomic] */
};

/** pagetable_lookup - the frame of the page at @vaddr, or FRAME_NONE. */
u32 pagetable_lookup(const struct pagetable *pt, u64 vaddr);

/** pagetable_prepare - make the tables for @vaddr, so that pagetable_set()
 * there cannot fail. Return: 0 or -ENOMEM. */
int __must_check pagetable_prepare(struct pagetable *pt, u64 vaddr);

/**
 * pagetable_set - let @vaddr have frame @pfn, whose reference becomes the
 * entry's; pagetable_prepare() was done.
 *
 * Return: the frame that was there, whose reference is now the caller's, or
 *         FRAME_NONE.
 */
u32 __must_check pagetable_set(struct pagetable *pt, u64 vaddr, u32 pfn);

/**
 * pagetable_set_if - as pagetable_set(), if @vaddr still has @old (or
 * FRAME_NONE).
 */
bool __must_check pagetable_set_if(struct pagetable *pt, u64 vaddr, u32 old,
				   u32 pfn);

/** pagetable_take - empty the entry; its reference is the caller's. */
u32 __must_check pagetable_take(struct pagetable *pt, u64 vaddr);

/** pagetable_take_if - the same, if it still has @pfn. */
bool __must_check pagetable_take_if(struct pagetable *pt, u64 vaddr, u32 pfn);

/** pagetable_zap - empty all of [@start, @end), drop the references, and free
 * the tables that are not needed any more. */
void pagetable_zap(struct pagetable *pt, u64 start, u64 end);

/**
 * pagetable_prepare_move - make the tables for pagetable_move().
 * pagetable_move - move the entries of [@from, +@bytes) to @to, dropping those
 * that are there; the ranges do not overlap.
 *
 * Context: nobody else uses either range from before the first call.
 */
int __must_check pagetable_prepare_move(struct pagetable *pt, u64 from, u64 to,
					u64 bytes);
void pagetable_move(struct pagetable *pt, u64 from, u64 to, u64 bytes);

/**
 * pagetable_clone - give the empty @dst every entry of @src, each with a
 * reference of its own.
 *
 * Context: nobody changes @src.  Return: 0, or -ENOMEM with @dst empty.
 */
int __must_check pagetable_clone(struct pagetable *dst,
				 const struct pagetable *src);

/** pagetable_for_each - call @fn for each entry in [@start, @end), upwards,
 * until it returns non-zero, which is returned. */
int pagetable_for_each(const struct pagetable *pt, u64 start, u64 end,
		       int (*fn)(void *arg, u64 vaddr, u32 pfn), void *arg);

#endif /* MEMORY_PAGETABLE_H */
