/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One-sided transfers with the memory node of fake_m.c, some of which fail. */
#include "fake_m.h"
#include "fake_sched.h"

#include <arch/x86/cpu.h>
#include <kernel/assert.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/page.h>
#include <net/rpc.h>
#include <stdlib.h>

static u32 fail_reads, fail_writes, refuse_reads, fail_prefetch;

/* What the frame holds then: it must still be somebody's. */
static int do_read(const struct remote_io *io)
{
	fake_sched_point();
	if (fail_reads && fail_reads--)
		return -EIO;
	memcpy(kaddr_of(io->paddr), fake_m_remote(io->remote_addr),
	       io->len_bytes);
	fake_sched_point();
	return 0;
}

/* In two halves: who changes a page while it is written must write it again. */
int remote_write(struct peer *peer, const struct region *region, u64 paddr,
		 u64 remote_addr, u32 rkey, u32 len_bytes)
{
	fake_sched_point();
	memcpy(fake_m_remote(remote_addr), kaddr_of(paddr), len_bytes / 2);
	fake_sched_point();
	memcpy(fake_m_remote(remote_addr) + len_bytes / 2,
	       (u8 *)kaddr_of(paddr) + len_bytes / 2, len_bytes / 2);
	return 0;
}

/* Transfers go to a card, which is slow, and late to say that they are done. */
#define CARD_DEPTH 1024u
struct order {
	struct remote_io *io;
	bool is_read;
};
static struct {
	struct order queue[CARD_DEPTH];
	u32 head, tail;
	struct waitq waitq;
} card;

static int do_write(const struct remote_io *io)
{
	int rc = remote_write(NULL, io->region, io->paddr, io->remote_addr, 0,
			      io->len_bytes);

	if (fail_writes) {
		fail_writes--;
		return -EIO;
	}
	return rc;
}

static void card_main(void *arg)
{
	for (;;) {
		struct order o;

		wait_event(&card.waitq, card.head != card.tail);
		o = card.queue[card.tail++ % CARD_DEPTH];
		o.io->status = o.is_read ? do_read(o.io) : do_write(o.io);
		if (o.is_read && fail_prefetch && fail_prefetch--)
			o.io->status = -EIO;
		fake_sched_point();
		o.io->done(o.io);
	}
}

static void card_post(struct remote_io **ios, u32 nr, bool is_read)
{
	CHECK(card.head - card.tail + nr <= CARD_DEPTH);
	for (u32 i = 0; i < nr; i++)
		card.queue[card.head++ % CARD_DEPTH] =
			(struct order){ios[i], is_read};
	waitq_wake_all(&card.waitq);
}

int remote_write_async(struct peer *peer, struct remote_io **ios, u32 nr)
{
	card_post(ios, nr, false);
	return 0;
}

int remote_read_async(struct peer *peer, struct remote_io **ios, u32 nr)
{
	if (refuse_reads && refuse_reads--)
		return -EHOSTDOWN;
	card_post(ios, nr, true);
	return 0;
}

int remote_read_wait(struct peer *peer, struct remote_wait *w,
		     struct remote_io **more, u32 nr_more)
{
	w->posted = rdtsc();
	card_post(more, nr_more, true);
	w->io.status = do_read(&w->io);
	w->arrived = rdtsc();
	return w->io.status;
}

void remote_poll_for(struct peer *peer, const u8 *state, u8 from)
{
	fake_sched_point();
}

void fake_m_fail_reads(u32 nr)
{
	fail_reads = nr;
}

void fake_m_refuse_reads(u32 nr)
{
	refuse_reads = nr;
}

void fake_m_fail_prefetch(u32 nr)
{
	fail_prefetch = nr;
}

void fake_m_fail_writes(u32 nr)
{
	fail_writes = nr;
}

void fake_card_start(void)
{
	waitq_init(&card.waitq);
	CHECK(thread_spawn("card", card_main, NULL));
}

struct region {
	u64 paddr, len_bytes;
};

int net_region_register(u64 paddr, u64 len_bytes, u32 access,
			struct region **out)
{
	*out = malloc(sizeof(**out));
	**out = (struct region){paddr, len_bytes};
	return 0;
}

void net_region_unregister(struct region *region)
{
	free(region);
}
