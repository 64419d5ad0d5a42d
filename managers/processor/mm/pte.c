/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks and wait queues of page-table entries, hashed by their page. */
#include "pte.h"

#include <kernel/assert.h>
#include <kernel/wait.h>
#include <lib/compiler.h>
#include <lib/hash.h>

#define NR_BUCKETS 256 /* page-table pages that share a lock are rare */

struct pte_bucket {
	struct spinlock lock;
	u64 nr_fills_ended; /* [lock to change; read while waiting] */
	struct waitq waitq;
} __cacheline_aligned;

static struct pte_bucket buckets[NR_BUCKETS];

static struct pte_bucket *bucket_of(const pte_t *ptep)
{
	return &buckets[hash_u64((u64)ptep >> PAGE_SHIFT) % NR_BUCKETS];
}

struct spinlock *pte_lock_of(const pte_t *ptep)
{
	return &bucket_of(ptep)->lock;
}

u64 pte_fill_ticket(const pte_t *ptep)
{
	ASSERT_LOCKED(pte_lock_of(ptep));
	return bucket_of(ptep)->nr_fills_ended;
}

void pte_fill_wait(const pte_t *ptep, u64 ticket)
{
	struct pte_bucket *bucket = bucket_of(ptep);

	wait_event(&bucket->waitq, READ_ONCE(bucket->nr_fills_ended) != ticket);
}

void pte_fill_ended(const pte_t *ptep)
{
	struct pte_bucket *bucket = bucket_of(ptep);

	ASSERT_LOCKED(&bucket->lock);
	WRITE_ONCE(bucket->nr_fills_ended, bucket->nr_fills_ended + 1);
	waitq_wake_all(&bucket->waitq);
}

void pte_start(void)
{
	for (u32 i = 0; i < NR_BUCKETS; i++) {
		spin_lock_init(&buckets[i].lock, "page table", LOCK_PAGE_TABLE);
		waitq_init(&buckets[i].waitq);
	}
}
