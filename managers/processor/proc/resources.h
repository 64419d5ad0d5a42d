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

/* ---- files (managers/processor/fs) ------------------------------------- */

/* Descriptor tables and open files: fs/file.h; cwd, root and umask: fs/path.h.
 * On top of those: */

/**
 * terminal_configure - what the run request says of the terminal.
 * @stdio: for descriptors 0, 1, 2: 't' the terminal, 'p' a byte stream framed
 *         over the same serial line (scripts/bricklib/terminal.py has the
 *         framing); "ttt" when the request is silent
 * @rows, @cols: its size; 0: unknown
 */
void terminal_configure(const char *stdio, u32 rows, u32 cols);

/** fd_table_open_terminal - descriptors 0, 1 and 2 as configured. */
int __must_check fd_table_open_terminal(struct fd_table *files);

/** terminal_attach - make the terminal the controlling one of session @sid
 * with @pgid in the foreground. */
void terminal_attach(u32 sid, u32 pgid);

/** terminal_write - kernel text to the programs' terminal (ttyS0). */
void terminal_write(const char *text, size_t len);

/* ---- memory (managers/processor/mm) ------------------------------------ */

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

/** memory_totals - frames of the memory nodes, as far as this node knows. */
void memory_totals(u64 *total_bytes, u64 *free_bytes);

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
