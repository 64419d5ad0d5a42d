/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_EXEC_H
#define MEMORY_EXEC_H

/*
 * The ELF loader (m_exec), in three parts: exec.c reads the files, lays the
 * address space out and answers; exec_load.c maps segments; exec_stack.c makes
 * the initial stack.
 */
#include <lib/elf.h>
#include <lib/rand.h>
#include <managers/memory/aspace.h>
#include <managers/memory/pagecache.h>
#include <net/rpc.h>

struct exec_file {
	struct cfile *file; /* a reference, or NULL */
	struct elf_image image;
	u64 bias; /* what is added to the file's addresses */
};

struct exec {
	/* the request, checked */
	u64 stack_bytes;
	u64 hwcap;
	u64 random[2];
	u32 argc, envc, strings_bytes;
	u32 uid, gid;
	bool is_randomized;
	struct rand rand; /* seeded by the request */

	struct aspace *aspace;
	struct exec_file exe, interp;
	u64 stack_top;

	/* the initial stack, made by exec_make_stack() */
	u64 sp;
	u64 arg_start, arg_end, env_start, env_end;
	u64 auxv_start, auxv_end;
};

/** exec_random_pages - below 2^@bits pages, in bytes; 0 if not randomized. */
static inline u64 exec_random_pages(struct exec *e, u32 bits)
{
	if (!e->is_randomized)
		return 0;
	return (rand_u64(&e->rand) & ((1ul << bits) - 1)) << PAGE_SHIFT;
}

/** exec_read_image - read and check the program headers of @f->file.
 * Return: 0, -ENOEXEC, -EIO, -ENOMEM. */
int __must_check exec_read_image(struct exec_file *f);

/** exec_map_image - map the segments of @f at @f->bias.
 * Return: 0, -ENOEXEC if they do not fit there, -ENOMEM, -EIO. */
int __must_check exec_map_image(struct aspace *aspace,
				const struct exec_file *f);

/** exec_make_stack - strings, vectors and auxv in the stack's top pages.
 * Return: 0, -EINVAL: the strings are not what the request says; -E2BIG,
 * -ENOMEM, -EHOSTDOWN. */
int __must_check exec_make_stack(struct exec *e, struct rpc_ctx *ctx);

#endif /* MEMORY_EXEC_H */
