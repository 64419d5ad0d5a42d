/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_STRACE_DECODE_INTERNAL_H
#define PROCESSOR_STRACE_DECODE_INTERNAL_H

/* What the files of the decoder share. */
#include "decode.h"
#include "names.h"

enum kind {
#define KIND(name, when, function) KIND_##name,
#define NAMES(name)                KIND_##name,
#include "kind_list.def"
#undef KIND
#undef NAMES
	NR_KINDS
};

/* show_FUNCTION - show argument @i of the call. */
#define KIND(name, when, function) \
	void show_##function(struct decoder *d, u32 i);
#define NAMES(name)
#include "kind_list.def"
#undef KIND
#undef NAMES

/** show_fault - an address that cannot be followed, or NULL. */
void show_address(struct decoder *d, u64 vaddr);
/**
 * fetch - read @bytes of the program's memory at @vaddr.
 *
 * Return: whether that worked; if not, the address has been shown instead.
 */
bool fetch(struct decoder *d, u64 vaddr, void *dst, size_t bytes);
/** show_names - @value by the names of @names, the rest in hexadecimal. */
void show_names(struct decoder *d, const struct names *names, u32 value);
/** show_bytes - @bytes at @vaddr, quoted; at most DECODE_STRING_BYTES. */
void show_bytes(struct decoder *d, u64 vaddr, u64 bytes);
/** show_string - the string at @vaddr, quoted; at most @max bytes. */
void show_string(struct decoder *d, u64 vaddr, size_t max);
/** show_quoted - @n bytes in quotes and with escapes, "..." if @is_cut. */
void show_quoted(struct decoder *d, const u8 *bytes, size_t n, bool is_cut);

/**
 * list_goes_on - the head of a loop over the elements of an array: @n of @count
 * have been shown.
 *
 * Return: whether another one is to be shown; writes the comma, or what stands
 * for those that are left out.
 */
bool list_goes_on(struct decoder *d, u64 n, u64 count);

#endif /* PROCESSOR_STRACE_DECODE_INTERNAL_H */
