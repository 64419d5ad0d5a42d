/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page cache between two steps of one CPU, where another one comes in. */
#include <managers/memory/testing.h>

#include <kernel/counters.h>
#include <managers/memory/pagecache.h>

#define SOMEWHERE 0x10000000ul

/* What another CPU does when the list of candidates is next unlocked. */
static void (*other_cpu)(void);

void spin_unlock(struct spinlock *l)
{
	void (*fn)(void) = other_cpu;

	CHECK(l->held);
	l->held = 0;
	if (!fn || l->rank != LOCK_MEMORY_LRU)
		return;
	other_cpu = NULL;
	fn();
}

static u32 nr_evicted;

static void evict_all(void)
{
	nr_evicted = pagecache_reclaim_any(~0u);
}

/* Who fills a page must not touch it any more once an evictor may have it. */
KTEST(memory_a_page_may_be_evicted_as_soon_as_it_is_filled)
{
	static const u8 bytes[4096] = "x";
	struct rpc_m_fault_reply rep;
	u32 asid, nr_reads;

	memory_test_begin(256);
	asid = test_aspace();
	EXPECT_EQ(test_map_file(asid, fake_file_add(5, bytes, sizeof(bytes)),
				SOMEWHERE, 4096, PROT_READ, MAP_PRIVATE, 0),
		  0);
	nr_reads = fake_storage.nr_reads;
	nr_evicted = 0;
	other_cpu = evict_all;
	EXPECT_EQ(test_fault(asid, SOMEWHERE, FAULT_READ, &rep), 0);
	EXPECT_EQ(nr_evicted, 1);
	EXPECT_EQ(fake_storage.nr_reads - nr_reads, 2);
	EXPECT_EQ(call.bulk[0], 'x');
	memory_test_end();
}
