/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_FILE_ID_H
#define LIB_FILE_ID_H
/*
 * A file's identity in the cluster, in memory: the node that serves it, the
 * file system instance there, the inode and its generation.  On the wire it is
 * struct wire_fid.  All zero means "no file".
 */
#include <lib/types.h>

struct file_id {
	u64 node_guid;
	u64 ino;
	u32 fsid;
	u32 gen;
};

static inline bool file_id_is_none(const struct file_id *id)
{
	return !id->node_guid;
}

static inline bool file_id_equal(const struct file_id *a,
				 const struct file_id *b)
{
	return a->node_guid == b->node_guid && a->ino == b->ino &&
	       a->fsid == b->fsid && a->gen == b->gen;
}

#endif /* LIB_FILE_ID_H */
