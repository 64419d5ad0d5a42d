/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_ELF_H
#define LIB_ELF_H

/*
 * Reading ELF programs (System V ABI, AMD64 supplement): all checks, no
 * loading.  Everything here comes from a file that may be hostile; what these
 * functions hand out is safe to map.
 *
 * Use: elf_parse_header() on the first bytes of the file says where the
 * program headers are; elf_parse_segments() on those gives the image.
 */
#include <lib/types.h>

#define ELF_HEADER_BYTES 64u
#define ELF_PHDR_BYTES   56u
#define ELF_MAX_PHDRS    64u
#define ELF_MAX_SEGMENTS 32u
#define ELF_PATH_MAX     4096u

struct elf_header {
	bool is_dyn;     /* ET_DYN: position independent; else ET_EXEC */
	u16 nr_phdrs;    /* 1 .. ELF_MAX_PHDRS */
	u64 phdr_offset; /* of the program headers, in the file */
	u64 entry;
};

/* One PT_LOAD, as it stands in the file; nothing is rounded. */
struct elf_segment {
	u64 vaddr;
	u64 offset; /* congruent to vaddr modulo the page size */
	u64 file_bytes;
	u64 mem_bytes; /* >= file_bytes; the rest is zero */
	u32 prot;      /* PROT_* */
};

struct elf_image {
	struct elf_header header;
	u64 phdr_vaddr;    /* where the program headers are in memory; 0: not */
	u64 low, high;     /* page-aligned span of all segments */
	u64 interp_offset; /* path of the interpreter, in the file */
	u32 interp_bytes;  /* with its NUL; 0: none */
	bool exec_stack;   /* PT_GNU_STACK asks for one */
	u64 align_bytes;   /* largest p_align, a power of two >= page size */
	u32 nr_segments;
	/* ascending, no two in one page unless their file pages agree */
	struct elf_segment segments[ELF_MAX_SEGMENTS];
};

/**
 * elf_parse_header - check the ELF header in @head, the first @len bytes of a
 * file.
 *
 * Return: 0; -ENOEXEC: no ELF program for this machine.
 */
int __must_check elf_parse_header(const void *head, size_t len,
				  struct elf_header *out);

/**
 * elf_parse_segments - check the program headers.
 * @phdrs: header->nr_phdrs * ELF_PHDR_BYTES bytes from header->phdr_offset
 * @file_bytes: size of the file
 * @limit: no segment may reach above this address (before any load bias)
 *
 * Return: 0; -ENOEXEC if a segment is malformed, overlaps another or lies
 *         outside the file, or if there is none.
 */
int __must_check elf_parse_segments(const struct elf_header *header,
				    const void *phdrs, u64 file_bytes,
				    u64 limit, struct elf_image *out);

#endif /* LIB_ELF_H */
