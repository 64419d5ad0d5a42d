/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_PAGE_COPY_H
#define ARCH_X86_PAGE_COPY_H
/*
 * Clearing and copying whole pages: with 32-byte registers where that leaves
 * the program's registers as they are, else with string instructions.
 */
#include <arch/x86/paging.h>
#include <lib/string.h>

#ifdef BRICK_HOST
static inline void page_clear(void *kaddr)
{
	memset(kaddr, 0, PAGE_SIZE);
}

static inline void page_copy(void *to, const void *from)
{
	memcpy(to, from, PAGE_SIZE);
}
#else
/** page_clear - fill a page with zeros. Context: any. */
void page_clear(void *kaddr);
/** page_copy - copy a page; the two do not overlap. Context: the same. */
void page_copy(void *to, const void *from);
#endif

#endif
