/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_REMOTE_H
#define PROCESSOR_FS_REMOTE_H

/*
 * File systems of other nodes: names and attributes with the fs_* messages
 * (s_fs_* to a storage node, m_fs_* to a memory node: same bodies), content
 * with m_read and m_write through a memory node's page cache.
 */
#include <lib/types.h>
#include <net/membership.h>
#include <net/rpc.h>

struct file;
struct mount;
struct peer;
struct uio;
struct vattr;
struct vnode;
struct vnode_ops;
struct uapi_statfs;

extern const struct vnode_ops remote_vnode_ops;

/** remote_root - ask for the root of file system @name; fills @mount's
 * guid, is_readonly and cache_ns.  The peer has been found. */
int __must_check remote_root(struct mount *mount, struct peer *peer,
			     const char *name, struct vnode **out);
int __must_check remote_statfs(struct mount *mount, struct uapi_statfs *out);

/**
 * remote_call - one message to the node with @guid, repeated when the list
 * allows it and the node went away for a moment.
 *
 * Return: the node's status; -EIO when it cannot be reached.
 */
int __must_check remote_call(enum node_role role, u64 guid, enum rpc_op op,
			     bool may_repeat, struct rpc_args *args);

/* remote_io.c */
int __must_check remote_io_init(void);
ssize_t remote_file_read(struct vnode *vn, u64 off, struct uio *uio,
			 struct file *file);
ssize_t remote_file_write(struct vnode *vn, u64 *off, struct uio *uio,
			  bool is_append);

#endif /* PROCESSOR_FS_REMOTE_H */
