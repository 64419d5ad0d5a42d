/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_FILL_H
#define MEMORY_FILL_H
/*
 * Between the page cache's tables (pagecache.c) and the code that fills pages
 * from a storage node (fill.c).  Nobody else sees a struct cpage.
 */
#include <managers/memory/pagecache.h>

enum cpage_state { CPAGE_FILLING, CPAGE_READY, CPAGE_GONE };

struct cpage {
	struct hlist_node link;     /* [bucket] */
	struct list_head file_link; /* [file->lock] */
	struct list_head lru_link;  /* remote and READY [lru_lock] */
	struct cfile *file;         /* a reference if remote */
	u64 index;
	u32 pfn;
	u32 nr_users;       /* the cache, and who looks at it now [atomic] */
	u32 state;          /* enum cpage_state [atomic] */
	int error;          /* GONE after a failed fill [set before state] */
	bool is_referenced; /* found since the evictor came by [bucket] */
};

/** cpage_new - a page with a frame, in no table; NULL without memory. */
struct cpage *cpage_new(struct cfile *file);
/** cpage_discard - let go of a page that is in no table, and of its frame. */
void cpage_discard(struct cpage *page);
/** cpage_insert - publish @page; false if the file has one at @index.
 * Context: file->lock held. */
bool __must_check cpage_insert(struct cpage *page, u64 index,
			       enum cpage_state state);
/** cpage_fill_done, cpage_fill_failed - FILLING -> READY, FILLING -> GONE. */
void cpage_fill_done(struct cpage *page);
void cpage_fill_failed(struct cpage *page, int error);

bool pagecache_has(struct cfile *file, u64 index);

/**
 * pagecache_fill - read page @index of a remote file, and some around it.
 *
 * Return: 0 (also if somebody else began it first: look again); -ERANGE,
 *         -EIO, -ENOMEM.
 */
int __must_check pagecache_fill(struct cfile *file, u64 index, u32 nr_wanted);

#endif /* MEMORY_FILL_H */
