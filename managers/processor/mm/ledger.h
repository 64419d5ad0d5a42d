/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_LEDGER_H
#define PROCESSOR_LEDGER_H
/*
 * What each address space has taken - private frames, reverse mappings of
 * lines - and who took it (CONFIG_DEBUG_LEAKS; else nothing).  When an address
 * space ends, all of it must have been given back; what was not is a leak,
 * and is named.
 */
#include <lib/config.h>
#include <lib/types.h>

struct aspace;

enum ledger_kind {
	LEDGER_FRAME, /* id: the gframe that an entry refers to */
	LEDGER_RMAP,  /* id: the address whose entry maps a line */
};

#define LEDGER_IS_KEPT IS_ENABLED(CONFIG_DEBUG_LEAKS)

/* What the functions below do; context: any thread, no interrupt. */
void ledger_add(struct aspace *aspace, enum ledger_kind kind, u64 id);
void ledger_del(struct aspace *aspace, enum ledger_kind kind, u64 id);
u32 ledger_end(struct aspace *aspace);

/** ledger_take - @aspace has one more of @kind, @id. */
static inline void ledger_take(struct aspace *aspace, enum ledger_kind kind,
			       u64 id)
{
	if (LEDGER_IS_KEPT)
		ledger_add(aspace, kind, id);
}

/** ledger_give - it has it no more; panics if it never had. */
static inline void ledger_give(struct aspace *aspace, enum ledger_kind kind,
			       u64 id)
{
	if (LEDGER_IS_KEPT)
		ledger_del(aspace, kind, id);
}

/** ledger_close - @aspace ends: log what it still has, and forget that.
 * Return: how much (nr_leaks counts it too). */
static inline u32 ledger_close(struct aspace *aspace)
{
	return LEDGER_IS_KEPT ? ledger_end(aspace) : 0;
}

#endif /* PROCESSOR_LEDGER_H */
