/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks and wait queues of page-table entries, hashed by their group. */
#include "pte.h"

struct pte_bucket pte_buckets[NR_PTE_BUCKETS];

u64 pte_fill_ticket(const pte_t *ptep)
{
	ASSERT_LOCKED(pte_lock_of(ptep));
	return pte_bucket_of(ptep)->nr_fills_ended;
}

void pte_fill_wait(const pte_t *ptep, u64 ticket)
{
	struct pte_bucket *bucket = pte_bucket_of(ptep);

	wait_event(&bucket->waitq, READ_ONCE(bucket->nr_fills_ended) != ticket);
}

void pte_start(void)
{
	for (u32 i = 0; i < NR_PTE_BUCKETS; i++) {
		spin_lock_init(&pte_buckets[i].lock, "page table",
			       LOCK_PAGE_TABLE);
		waitq_init(&pte_buckets[i].waitq);
	}
}
