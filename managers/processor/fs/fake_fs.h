/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_FAKE_FS_H
#define PROCESSOR_FS_FAKE_FS_H

/*
 * For host tests: a file system in an array, which counts what it is asked,
 * and the process that the code under test runs for.
 */
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/vnode.h>

#define FAKE_MAX_NODES 4096u

struct fake_node {
	u32 mode; /* 0: free */
	u32 parent;
	char name[NAME_MAX + 1];
	char target[PATH_MAX]; /* of a link */
	u8 *data;
	u64 size;
};

extern struct fake_node fake_nodes[FAKE_MAX_NODES];
extern u32 fake_nr_nodes;
extern u32 fake_nr_lookups; /* lookups that reached the file system */
extern struct mount fake_mount;
extern u32 fake_last_signal;
extern u64 fake_bad_vaddr; /* from here on nothing can be copied; 0: all can */
extern struct fd_table *fake_files;

/** fake_start - an empty root; names are believed for @cache_ns. */
void fake_start(u64 cache_ns);
/** fake_stop - let go of everything; leaks then show. */
void fake_stop(void);
/** fake_make - a node @name in @parent; its index. */
u32 fake_make(u32 parent, const char *name, u32 mode, const char *target);
u32 fake_find(u32 parent, const char *name, u32 len); /* ~0: none */
/** fake_index - which node a vnode stands for. */
u32 fake_index(const struct vnode *vn);

#endif /* PROCESSOR_FS_FAKE_FS_H */
