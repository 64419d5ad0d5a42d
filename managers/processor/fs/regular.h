/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_REGULAR_H
#define PROCESSOR_FS_REGULAR_H

/* Open regular files and directories of any file system, and readahead. */
#include <lib/types.h>

struct file;
struct file_ops;
struct uio;

extern const struct file_ops regular_file_ops;
extern const struct file_ops directory_file_ops;

/*
 * Readahead: what a sequential reader will ask for next, fetched with what it
 * asks for now.  One buffer an open file; only for files that cannot change
 * (read-only mounts), so it needs no coherence.
 *
 *   window: 0 -> READAHEAD_MIN (second read in sequence) -> doubles with each
 *   fetch -> READAHEAD_MAX; a jump sets it back to 0
 */
#define READAHEAD_MIN 16384u
#define READAHEAD_MAX 131072u

/**
 * readahead_take - serve @uio at @off from the buffer.
 *
 * Return: bytes given, 0 if @off is not in the buffer, -EFAULT.
 */
ssize_t readahead_take(struct file *file, u64 off, struct uio *uio);
/** readahead_plan - how many bytes to fetch at @off when @want are asked. */
u32 readahead_plan(struct file *file, u64 off, u32 want, u32 max);
/** readahead_keep - remember bytes that were fetched but not asked for. */
void readahead_keep(struct file *file, u64 off, const void *data, u32 len);
void readahead_free(struct file *file);

#endif /* PROCESSOR_FS_REGULAR_H */
