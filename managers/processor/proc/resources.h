/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_RESOURCES_H
#define PROCESSOR_RESOURCES_H

/*
 * What a process needs of files and memory when it is made, forked, executed
 * and ended.  Everything here is implemented by managers/processor/fs and
 * managers/processor/mm; proc/ is the only caller of the lifetime functions.
 */
#include <lib/types.h>
#include <rpc/wire.h>

struct aspace;
struct fd_table;
struct fs_context;
struct vnode;

/* ---- files (managers/processor/fs) ----------------------------------------
 */

/** fd_table_create - an empty table with one reference; NULL: no memory. */
struct fd_table *fd_table_create(void);
/** fd_table_clone - fork: a copy that shares the open files. */
struct fd_table *fd_table_clone(struct fd_table *files);
void fd_table_hold(struct fd_table *files);
/** fd_table_put - the last reference closes everything.  May sleep. */
void fd_table_put(struct fd_table *files);
/** fd_table_close_on_exec - close what is marked FD_CLOEXEC.  May sleep. */
void fd_table_close_on_exec(struct fd_table *files);
/** fd_table_open_terminal - descriptors 0, 1 and 2 on the terminal ttyS0. */
int __must_check fd_table_open_terminal(struct fd_table *files);

/** fs_context_create - cwd and root "/", umask 022; NULL: no memory. */
struct fs_context *fs_context_create(void);
struct fs_context *fs_context_clone(struct fs_context *fs);
void fs_context_hold(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
/** fs_context_chdir - kernel string @path; 0 or -errno.  May sleep. */
int __must_check fs_context_chdir(struct fs_context *fs, const char *path);

/**
 * vfs_open_exec - the file that execve of @path would run.
 *
 * Resolves @path (kernel string) with the current process' context, or with
 * @fs before there is one; follows links; wants a regular file with an execute
 * bit.  Return: 0 with a reference in *out; -ENOENT, -ENOTDIR, -EACCES,
 * -ELOOP, -ENAMETOOLONG, -EIO.
 */
int __must_check vfs_open_exec(struct fs_context *fs, const char *path,
			       struct vnode **out);
/** vnode_read_kernel - read into a kernel buffer; bytes read or -errno. */
long vnode_read_kernel(struct vnode *vnode, u64 offset, void *buf, size_t len);
/** vnode_fid - the file's identity for the memory node. */
void vnode_fid(struct vnode *vnode, struct wire_fid *fid);
void vnode_hold(struct vnode *vnode);
void vnode_put(struct vnode *vnode);

/** terminal_write - kernel text to the programs' terminal (ttyS0). */
void terminal_write(const char *text, size_t len);

/* ---- memory (managers/processor/mm) ---------------------------------------
 */

/**
 * aspace_exec - make a new address space on a memory node from an ELF file.
 * @req: everything but strings
 * @strings: argv, envp, execfn as m_exec wants them; req->strings_bytes
 *
 * Context: may sleep.  Return: 0 with one reference in *out; -ENOEXEC,
 * -E2BIG, -ENOMEM, -EIO, -EHOSTDOWN.
 */
int __must_check aspace_exec(struct rpc_m_exec *req, const void *strings,
			     struct rpc_m_exec_reply *rep, struct aspace **out);
/** aspace_fork - a copy-on-write copy of the current address space. */
int __must_check aspace_fork(struct aspace *parent, struct aspace **out);
void aspace_hold(struct aspace *aspace);
/** aspace_put - the last reference unmaps all and tells the memory node.  Not
 * while the address space is active on this CPU.  May sleep. */
void aspace_put(struct aspace *aspace);
/** aspace_activate - make @aspace the one this CPU translates user addresses
 * with (NULL: none).  From the context-switch hook, exec and exit. */
void aspace_activate(struct aspace *aspace);

/* What a shared futex is known by: same key, same word. */
struct futex_key {
	u64 word[3];
	u64 offset;
};
/**
 * aspace_futex_key - the key of a word that may lie in a shared mapping.
 *
 * In a shared mapping: the object and the offset in it; else the address
 * space and @vaddr.  Return: 0, -EFAULT (not mapped).
 */
int __must_check aspace_futex_key(struct aspace *aspace, u64 vaddr,
				  struct futex_key *key);

#endif /* PROCESSOR_RESOURCES_H */
