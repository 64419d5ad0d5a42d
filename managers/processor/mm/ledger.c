/* SPDX-License-Identifier: GPL-2.0-or-later */
#define pr_fmt(fmt) "leak: " fmt
#include "ledger.h"

#include "internal.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <mm/slab.h>

#define NR_BUCKETS (LEDGER_IS_KEPT ? 16384u : 1u)
#define NR_LOCKS   (LEDGER_IS_KEPT ? 1024u : 1u)
#define NR_OWN     4u
#define NR_REPORTS 8u /* of one address space */

struct entry {
	struct hlist_node link; /* [its bucket's lock] */
	struct aspace *aspace;  /* NULL: not in use */
	u64 id;
	enum ledger_kind kind;
	char taker[THREAD_NAME_MAX];
};

/* With room for what is in it as a rule, so that faults do not meet at the
 * allocator's lock because they are watched. */
struct bucket {
	struct hlist_head entries;
	struct entry own[NR_OWN];
};

static struct bucket buckets[NR_BUCKETS];
static struct spinlock locks[NR_LOCKS] = {
	[0 ... NR_LOCKS - 1] = SPINLOCK_INIT("ledger", LOCK_LEDGER)};
static bool is_incomplete; /* memory ran out once: no more reports */

static const char *const kind_names[] = {
	[LEDGER_FRAME] = "the frame",
	[LEDGER_RMAP] = "the mapping of a line at",
};

static u32 bucket_of(const struct aspace *aspace, enum ledger_kind kind, u64 id)
{
	return (u32)(hash_u64(hash_u64((u64)aspace + kind) ^ id) % NR_BUCKETS);
}

static struct spinlock *lock_of(u32 bucket)
{
	return &locks[bucket % NR_LOCKS];
}

/* Context: the bucket's lock held, as for all these. */
static struct entry *entry_new(u32 bucket)
{
	for (u32 i = 0; i < NR_OWN; i++)
		if (!buckets[bucket].own[i].aspace)
			return &buckets[bucket].own[i];
	return kmalloc(sizeof(struct entry));
}

static void entry_remove(u32 bucket, struct entry *entry)
{
	hlist_del(&entry->link);
	entry->aspace = NULL;
	if (entry < buckets[bucket].own ||
	    entry >= buckets[bucket].own + NR_OWN)
		kfree(entry);
}

void ledger_add(struct aspace *aspace, enum ledger_kind kind, u64 id)
{
	u32 bucket = bucket_of(aspace, kind, id);
	struct entry *entry;

	spin_lock(lock_of(bucket));
	entry = entry_new(bucket);
	if (entry) {
		entry->aspace = aspace;
		entry->kind = kind;
		entry->id = id;
		(void)strscpy(entry->taker, current_thread()->name,
			      sizeof(entry->taker));
		atomic_inc(&aspace->nr_in_ledger);
		hlist_add_head(&entry->link, &buckets[bucket].entries);
	} else {
		WRITE_ONCE(is_incomplete, true);
	}
	spin_unlock(lock_of(bucket));
}

void ledger_del(struct aspace *aspace, enum ledger_kind kind, u64 id)
{
	u32 bucket = bucket_of(aspace, kind, id);
	struct entry *entry;
	bool found = false;

	spin_lock(lock_of(bucket));
	hlist_for_each_entry(entry, &buckets[bucket].entries, link)
	{
		if (entry->aspace != aspace || entry->kind != kind ||
		    entry->id != id)
			continue;
		found = true;
		entry_remove(bucket, entry);
		break;
	}
	spin_unlock(lock_of(bucket));
	if (found)
		atomic_dec(&aspace->nr_in_ledger);
	else if (!READ_ONCE(is_incomplete))
		panic("asid %u gives up %s %lx, which it does not have",
		      aspace->asid, kind_names[kind], id);
}

/* Take some entry of @aspace out of @bucket, and copy it to @out. */
static bool take_out(struct aspace *aspace, u32 bucket, struct entry *out)
{
	struct entry *entry;
	bool found = false;

	spin_lock(lock_of(bucket));
	hlist_for_each_entry(entry, &buckets[bucket].entries, link)
	{
		if (entry->aspace == aspace) {
			found = true;
			*out = *entry;
			entry_remove(bucket, entry);
			break;
		}
	}
	spin_unlock(lock_of(bucket));
	return found;
}

u32 ledger_end(struct aspace *aspace)
{
	struct entry entry;
	u32 nr = 0;

	if (!atomic_read(&aspace->nr_in_ledger))
		return 0;
	for (u32 bucket = 0; bucket < NR_BUCKETS; bucket++)
		while (take_out(aspace, bucket, &entry))
			if (nr++ < NR_REPORTS && !READ_ONCE(is_incomplete))
				pr_err("asid %u has ended with %s %lx, taken "
				       "by %s",
				       aspace->asid, kind_names[entry.kind],
				       entry.id, entry.taker);
	counter_add(nr_leaks, nr);
	return nr;
}
