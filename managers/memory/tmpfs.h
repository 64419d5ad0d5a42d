/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_TMPFS_H
#define MEMORY_TMPFS_H

/*
 * File systems in memory: "tmp" (/tmp) and "shm" (/dev/shm), and the nameless
 * files behind shared anonymous memory.  Names and attributes are here, data
 * is in the page cache, where it is never evicted.
 *
 * A node (inode) lives while something refers to it: each name, each open of
 * a client, each VMA, each call under way.  The references are those of its
 * struct cfile.
 */
#include <lib/types.h>
#include <managers/memory/pagecache.h>

/* File systems by number, as in file_id.fsid. */
enum { TMPFS_TMP = 1, TMPFS_SHM = 2, TMPFS_ANONYMOUS = 3 };

#define TMPFS_MAX_BYTES (1ul << 50) /* of one file */

void tmpfs_start(void);
/** tmpfs_stop - for tests: remove all names. */
void tmpfs_stop(void);

/** tmpfs_make_anonymous - a nameless file of @len_bytes, all hole, with one
 * reference; NULL without memory. */
struct cfile *tmpfs_make_anonymous(u64 len_bytes);

/** tmpfs_max_nodes - how many files there may be, each with its name: they take
 * memory beside the pool.  What is above is -ENOSPC. */
u32 tmpfs_max_nodes(void);
/** tmpfs_nr_free_nodes - how many more. */
u32 tmpfs_nr_free_nodes(void);

/** tmpfs_reclaim - close what client @id has open. */
void tmpfs_reclaim(u8 id);

/**
 * tmpfs_begin_write, tmpfs_end_write - the time between them belongs to one
 * writer or truncation of local @file.
 *
 * Return: 0; -EISDIR, -EINVAL if @file has no data to write.
 */
int __must_check tmpfs_begin_write(struct cfile *file);
void tmpfs_end_write(struct cfile *file);

/** tmpfs_may_read - 0; -EISDIR, -EINVAL. */
int __must_check tmpfs_may_read(struct cfile *file);

#endif /* MEMORY_TMPFS_H */
