/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_ANON_H
#define PROCESSOR_FS_ANON_H

/* Files without a name: pipes, sockets, event counters. */
#include <lib/types.h>

struct file;
struct file_ops;
struct vnode;

/* An object that lives as long as its vnode, and can be opened again through
 * /proc/PID/fd: its first member says how. */
struct anon_object {
	int (*reopen)(struct anon_object *object, struct file *file);
	void (*free)(struct anon_object *object);
};

/**
 * anon_file_create - an open file of a new nameless vnode.
 * @kind: "pipe" and "socket" are shown as pipe:[number], others as
 *        anon_inode:kind
 * @mode: type and permissions that fstat(2) shows
 * @object: given to the vnode, freed with it (also on failure); or NULL
 *
 * Return: 0 and one reference, or -ENOMEM.
 */
int __must_check anon_file_create(const char *kind, u32 mode, u32 flags,
				  const struct file_ops *ops, void *priv,
				  struct anon_object *object,
				  struct file **out);
/** anon_file_again - another open file of @first's vnode (a pipe's end). */
int __must_check anon_file_again(struct file *first, u32 flags,
				 const struct file_ops *ops, void *priv,
				 struct file **out);

void anon_init(void);

#endif /* PROCESSOR_FS_ANON_H */
