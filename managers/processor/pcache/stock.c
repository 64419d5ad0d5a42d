/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stock: free lines of the victim cache; and the sets that are too large.
 *
 * Both are spread over the CPUs, so that faults of several CPUs do not wait
 * for each other: a CPU has a few lines at hand, under a lock of its own,
 * gets and gives them a batch at a time, and there it notes which sets its
 * faults made too large.  It is at most a quarter of the victim cache that is
 * at hand; others get it when there is nothing else (stock_steal()).
 */
#include "internal.h"

#include <kernel/assert.h>
#include <kernel/cpu.h>
#include <lib/minmax.h>

#define NR_HANDS   16u  /* CPUs beyond share them */
#define HAND_BYTES 512u /* a power of two is found by shifting */

struct hand {
	struct spinlock lock;                          /* LOCK_PCACHE_HAND */
	u32 nr;                                        /* [lock; read: hint] */
	u32 nr_todo;                                   /* [lock; read: hint] */
	struct pcache_line *lines[2 * HAND_BATCH_MAX]; /* FREE [lock] */
	struct list_head todo;                         /* sets [lock] */
} __aligned(HAND_BYTES);

_Static_assert(sizeof(struct hand) == HAND_BYTES, "a hand has grown");

static struct hand hands[NR_HANDS];
static u32 nr_hands; /* in use */
static u32 batch;    /* lines that come and go together */

void stock_start(void)
{
	nr_hands = min(nr_cpus_online, NR_HANDS);
	batch = clamp(pcache.nr_victims / (8 * nr_hands), 1u, HAND_BATCH_MAX);
	for (u32 i = 0; i < NR_HANDS; i++) {
		spin_lock_init(&hands[i].lock, "pcache lines at hand",
			       LOCK_PCACHE_HAND);
		list_init(&hands[i].todo);
	}
}

u32 stock_batch(void)
{
	return batch;
}

static struct hand *my_hand(void)
{
	return &hands[cpu_id() % NR_HANDS];
}

/* ---- lines ------------------------------------------------------------------
 */

/* A batch of the common stock comes to @hand, whose lock is held. */
static __noinline void hand_fill(struct hand *hand)
{
	struct pcache_line *line;

	if (READ_ONCE(victims.nr_stock)) {
		spin_lock(&victims.lock);
		while (hand->nr < batch && !list_empty(&victims.stock)) {
			line = list_first_entry(&victims.stock,
						struct pcache_line, in_list);
			list_del_init(&line->in_list);
			hand->lines[hand->nr++] = line;
			WRITE_ONCE(victims.nr_stock, victims.nr_stock - 1);
		}
		spin_unlock(&victims.lock);
		evictor_check(); /* else who reclaims victims does */
	}
}

/* @hand has too many: a batch goes to the common stock.  Its lock is held. */
static __noinline void hand_spill(struct hand *hand)
{
	spin_lock(&victims.lock);
	for (u32 i = 0; i < batch; i++)
		list_add(&hand->lines[--hand->nr]->in_list, &victims.stock);
	WRITE_ONCE(victims.nr_stock, victims.nr_stock + batch);
	spin_unlock(&victims.lock);
}

void stock_push(struct pcache_line *line)
{
	stock_push_all(&line, 1);
}

void stock_push_all(struct pcache_line **lines, u32 nr)
{
	struct hand *hand = my_hand();
	struct pcache_line **to;

	ASSERT(nr <= batch);
	spin_lock(&hand->lock);
	if (hand->nr + nr > 2 * batch)
		hand_spill(hand);
	to = &hand->lines[hand->nr];
	for (u32 i = 0; i < nr; i++) {
		ASSERT(lines[i]->state == LINE_FREE);
		lines[i]->set = NULL;
		to[i] = lines[i];
	}
	WRITE_ONCE(hand->nr, hand->nr + nr);
	spin_unlock(&hand->lock);
	smp_mb(); /* pairs with reserve_wait() */
	wake_who_waits_for_room();
}

/* @set is too large.  The locks of @set and @hand are held. */
static void hand_note(struct hand *hand, struct pcache_set *set)
{
	if (set->is_todo)
		return;
	set->is_todo = true;
	list_add_tail(&set->in_todo, &hand->todo);
	WRITE_ONCE(hand->nr_todo, hand->nr_todo + 1);
}

/* Not inline: it would look up @hand again and again. */
static __noinline struct pcache_line *hand_pop(struct hand *hand,
					       struct pcache_set *becomes_large)
{
	struct pcache_line *line = NULL;

	spin_lock(&hand->lock);
	if (unlikely(!hand->nr))
		hand_fill(hand);
	if (likely(hand->nr)) {
		line = hand->lines[hand->nr - 1];
		WRITE_ONCE(hand->nr, hand->nr - 1);
		if (becomes_large)
			hand_note(hand, becomes_large);
	}
	spin_unlock(&hand->lock);
	return line;
}

struct pcache_line *stock_pop(struct pcache_set *becomes_large)
{
	return hand_pop(my_hand(), becomes_large);
}

bool stock_steal(void)
{
	for (u32 i = 0; i < nr_hands; i++) {
		struct hand *hand = &hands[(cpu_id() + i) % nr_hands];
		struct pcache_line *line;

		if (READ_ONCE(hand->nr) && (line = hand_pop(hand, NULL))) {
			stock_push(line);
			return true;
		}
	}
	return false;
}

u32 stock_count(void)
{
	u32 nr = READ_ONCE(victims.nr_stock);

	for (u32 i = 0; i < nr_hands; i++)
		nr += READ_ONCE(hands[i].nr);
	return nr;
}

/* ---- sets that are too large ------------------------------------------------
 */

void todo_push(struct pcache_set *set)
{
	struct hand *hand = my_hand();

	ASSERT_LOCKED(&set->lock);
	spin_lock(&hand->lock);
	hand_note(hand, set);
	spin_unlock(&hand->lock);
}

u32 todo_count(void)
{
	u32 nr = 0;

	for (u32 i = 0; i < nr_hands; i++)
		nr += READ_ONCE(hands[i].nr_todo);
	return nr;
}

u32 todo_take(struct list_head *sets)
{
	u32 nr = 0;

	for (u32 i = 0; i < nr_hands; i++) {
		struct hand *hand = &hands[i];

		if (!READ_ONCE(hand->nr_todo))
			continue;
		spin_lock(&hand->lock);
		nr += hand->nr_todo;
		WRITE_ONCE(hand->nr_todo, 0);
		list_splice_tail_init(&hand->todo, sets);
		spin_unlock(&hand->lock);
	}
	return nr;
}

void todo_return(struct list_head *sets, u32 nr)
{
	struct hand *hand = my_hand();

	if (!nr)
		return;
	spin_lock(&hand->lock);
	list_splice_tail_init(sets, &hand->todo);
	WRITE_ONCE(hand->nr_todo, hand->nr_todo + nr);
	spin_unlock(&hand->lock);
}
