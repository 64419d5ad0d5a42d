/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_SPACE_H
#define PROCESSOR_SPACE_H
/* What the pcache needs to know of an address space. */
#include <arch/x86/paging.h>

struct aspace;

struct page_table *aspace_page_table(struct aspace *aspace);

/**
 * aspace_pin - keep @aspace's page table while it is flushed or its messages
 * are sent; its exit waits.  For moments, not for users: they hold it.
 *
 * Context: any; @aspace has an rmap under a lock we hold, or is held.
 */
void aspace_pin(struct aspace *aspace);
void aspace_unpin(struct aspace *aspace);

#endif /* PROCESSOR_SPACE_H */
