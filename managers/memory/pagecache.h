/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_PAGECACHE_H
#define MEMORY_PAGECACHE_H

/*
 * The page cache: pages of files, in CACHE frames of the pool, where processor
 * nodes read and map them.
 *
 * A file (struct cfile) is remote, served by a storage node, or local, served
 * by this node's tmpfs.  Pages of remote files are copies: they are filled by
 * s_read straight into their frames and may be dropped whenever only the cache
 * refers to them.  Pages of local files are the data; one that does not exist
 * is a hole.
 *
 *	(none) --fill begins--> FILLING --filled--> READY --truncate,--> GONE
 *	                           |                        reclaim
 *	                           +--fill failed--> GONE
 *
 * All pages hang in one hash table by file and index, whose bucket locks are
 * all that a hit takes.  Insertions and removals hold the file's lock as well.
 * A page that is found is used through a reference of its frame.
 */
#include <kernel/spinlock.h>
#include <lib/file_id.h>
#include <lib/list.h>
#include <lib/types.h>

#define PAGECACHE_WINDOW_MAX 64u /* pages of one fill; RPC_MAX_SEGS */
#define PAGECACHE_WINDOW     32u /* read-ahead and read-around */

struct cfile {
	struct file_id fid; /* [set before publish] */
	bool is_local;
	bool is_size_known; /* remote: after the first fill */
	u64 size_bytes;     /* [atomic] local: the truth; remote: last heard */
	u32 nr_refs;        /* [its bucket] */
	struct hlist_node link; /* [its bucket] */
	struct spinlock lock;
	struct list_head pages; /* struct cpage::file_link [lock] */
	u64 nr_pages;           /* [lock] */
	/* local: no reference is left, and cfile_find() cannot find it */
	void (*release)(struct cfile *file);
};

/** pagecache_start - Return: 0 or -ENOMEM. */
int __must_check pagecache_start(void);
void pagecache_stop(void);

/**
 * cfile_get - the file @fid, with a reference.
 *
 * A remote file is made if it is not known.  Context: any thread.
 * Return: NULL if a local file does not exist, or memory ran out.
 */
struct cfile *cfile_get(const struct file_id *fid);
/** cfile_get_local - the file of tmpfs @fid; NULL if there is none. */
struct cfile *cfile_get_local(const struct file_id *fid);
void cfile_hold(struct cfile *file);
void cfile_put(struct cfile *file);

/** cfile_add_local - publish a file of tmpfs, with one reference. */
void cfile_add_local(struct cfile *file, const struct file_id *fid,
		     void (*release)(struct cfile *file));

/**
 * pagecache_find - the frame of page @index if it is in the cache and READY.
 *
 * Takes one bucket lock and nothing else.  Context: any thread.
 * Return: the frame with a reference for the caller, or FRAME_NONE.
 */
u32 pagecache_find(const struct file_id *fid, u64 index);

/**
 * pagecache_get - the frame of page @index, filled or made if need be.
 * @nr_wanted: 1: a fault, read around it; more: the caller goes on to read as
 *             many pages from @index on
 *
 * Context: may sleep for the storage node; no spinlock held.
 * Return: 0 and *@pfn with a reference; -ERANGE beyond the end of the file;
 *         -EIO, -ENOMEM.
 */
int __must_check pagecache_get(struct cfile *file, u64 index, u32 nr_wanted,
			       u32 *pfn);

/** pagecache_make - the frame of page @index of a local file, made even beyond
 * its end. Return: 0 and *@pfn with a reference; -ENOMEM. */
int __must_check pagecache_make(struct cfile *file, u64 index, u32 *pfn);

/**
 * pagecache_read - copy bytes of a file to kernel memory.
 *
 * Return: bytes copied, less than @len_bytes only at the end of the file;
 *         -EIO, -ENOMEM.
 */
s64 __must_check pagecache_read(struct cfile *file, u64 offset, void *buf,
				u64 len_bytes);

/** pagecache_size - the file's size, asked for if it is not known. */
int __must_check pagecache_size(struct cfile *file, u64 *size_bytes);

/** pagecache_remove - remove the pages [@first, @end) of a local file, or all
 * unused copies of a remote one. */
void pagecache_remove(struct cfile *file, u64 first, u64 end);

/** pagecache_reclaim - free up to @nr frames of remote pages that nobody maps,
 * looking at @nr_looks pages at most.
 * Context: thread, none of this file's locks held.  Return: how many. */
u32 pagecache_reclaim(u32 nr, u64 nr_looks);
/** pagecache_reclaim_any - the same, looking at all pages if need be. */
u32 pagecache_reclaim_any(u32 nr);

#endif /* MEMORY_PAGECACHE_H */
