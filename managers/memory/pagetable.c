/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/memory/pagetable.h>

#include <kernel/counters.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <mm/slab.h>

#define FANOUT_SHIFT 9u
#define FANOUT       (1u << FANOUT_SHIFT)
#define NR_LEVELS    4u /* 3 of tables, 1 of leaves: 48 bits */
#define LEAF_LEVEL   (NR_LEVELS - 1)
static_assert(PAGETABLE_END == 1ul << (PAGE_SHIFT + NR_LEVELS * FANOUT_SHIFT),
	      "the root covers all");

/* pfn + 1; 0: none. */
struct leaf {
	u32 entries[FANOUT];
};
struct table {
	void *slots[FANOUT]; /* struct table, in the last level struct leaf */
};

/* How far the index of @level (0: root) is shifted. */
static u32 shift_of(u32 level)
{
	return PAGE_SHIFT + FANOUT_SHIFT * (LEAF_LEVEL - level);
}

static u32 index_of(u64 vaddr, u32 level)
{
	return (u32)(vaddr >> shift_of(level)) & (FANOUT - 1);
}

static void *new_table(u32 level)
{
	void *table = kzalloc(level == LEAF_LEVEL ? sizeof(struct leaf)
						  : sizeof(struct table));

	if (table)
		gauge_add(nr_memory_tables, 1);
	return table;
}

static void free_table(void *table)
{
	gauge_sub(nr_memory_tables, 1);
	kfree(table);
}

/* The table at *@slot, made if there is none; NULL if memory ran out. */
static void *get_table(void **slot, u32 level)
{
	void *table = __atomic_load_n(slot, __ATOMIC_ACQUIRE), *fresh;

	if (table)
		return table;
	fresh = new_table(level);
	if (!fresh)
		return NULL;
	table = cmpxchg(slot, NULL, fresh);
	if (!table)
		return fresh;
	free_table(fresh);
	return table;
}

static u32 *find_entry(const struct pagetable *pt, u64 vaddr)
{
	void *table = __atomic_load_n(&pt->root, __ATOMIC_ACQUIRE);

	for (u32 level = 0; level < LEAF_LEVEL && table; level++)
		table = __atomic_load_n(
			&((struct table *)table)->slots[index_of(vaddr, level)],
			__ATOMIC_ACQUIRE);
	return table ? &((struct leaf *)table)
				->entries[index_of(vaddr, LEAF_LEVEL)]
		     : NULL;
}

static u32 *make_entry(struct pagetable *pt, u64 vaddr)
{
	void **slot = &pt->root;

	for (u32 level = 0; level < NR_LEVELS; level++) {
		void *table = get_table(slot, level);

		if (!table)
			return NULL;
		if (level == LEAF_LEVEL)
			return &((struct leaf *)table)
					->entries[index_of(vaddr, level)];
		slot = &((struct table *)table)->slots[index_of(vaddr, level)];
	}
	return NULL;
}

static void count_pages(struct pagetable *pt, s64 n)
{
	__atomic_fetch_add(&pt->nr_pages, n, __ATOMIC_RELAXED);
}

u32 pagetable_lookup(const struct pagetable *pt, u64 vaddr)
{
	const u32 *entry = find_entry(pt, vaddr);

	/* 0 - 1 is FRAME_NONE */
	return entry ? READ_ONCE(*entry) - 1 : FRAME_NONE;
}

int pagetable_prepare(struct pagetable *pt, u64 vaddr)
{
	return make_entry(pt, vaddr) ? 0 : -ENOMEM;
}

u32 pagetable_set(struct pagetable *pt, u64 vaddr, u32 pfn)
{
	u32 *entry = find_entry(pt, vaddr), old;

	CHECK(entry);
	old = xchg(entry, pfn + 1) - 1;
	if (old == FRAME_NONE)
		count_pages(pt, 1);
	return old;
}

bool pagetable_set_if(struct pagetable *pt, u64 vaddr, u32 old, u32 pfn)
{
	u32 *entry = find_entry(pt, vaddr);

	CHECK(entry);
	if (cmpxchg(entry, old + 1, pfn + 1) != old + 1)
		return false;
	if (old == FRAME_NONE)
		count_pages(pt, 1);
	return true;
}

static u32 take_entry(struct pagetable *pt, u32 *entry)
{
	u32 pfn = READ_ONCE(*entry) ? xchg(entry, 0u) - 1 : FRAME_NONE;

	if (pfn != FRAME_NONE)
		count_pages(pt, -1);
	return pfn;
}

u32 pagetable_take(struct pagetable *pt, u64 vaddr)
{
	u32 *entry = find_entry(pt, vaddr);

	return entry ? take_entry(pt, entry) : FRAME_NONE;
}

bool pagetable_take_if(struct pagetable *pt, u64 vaddr, u32 pfn)
{
	u32 *entry = find_entry(pt, vaddr);

	if (!entry || cmpxchg(entry, pfn + 1, 0u) != pfn + 1)
		return false;
	count_pages(pt, -1);
	return true;
}

static void zap_leaf(struct pagetable *pt, struct leaf *leaf, u64 start,
		     u64 end)
{
	for (u64 vaddr = start; vaddr < end; vaddr += PAGE_SIZE) {
		u32 pfn = take_entry(
			pt, &leaf->entries[index_of(vaddr, LEAF_LEVEL)]);

		if (pfn != FRAME_NONE)
			frame_put(pfn);
	}
}

/* Zap [@start, @end) below *@slot; what is covered whole goes away itself. */
static void zap_table(struct pagetable *pt, void **slot, u32 level, u64 start,
		      u64 end)
{
	u64 span = 1ul << (shift_of(level) + FANOUT_SHIFT);
	u64 step = 1ul << shift_of(level);
	void *table = *slot;

	if (!table)
		return;
	if (level == LEAF_LEVEL)
		zap_leaf(pt, table, start, end);
	for (u64 vaddr = start, next; level < LEAF_LEVEL && vaddr < end;
	     vaddr = next) {
		struct table *t = table;

		next = min(ALIGN_DOWN(vaddr, step) + step, end);
		zap_table(pt, &t->slots[index_of(vaddr, level)], level + 1,
			  vaddr, next);
	}
	if (IS_ALIGNED(start, span) && end - start == span) {
		*slot = NULL;
		free_table(table);
	}
}

void pagetable_zap(struct pagetable *pt, u64 start, u64 end)
{
	zap_table(pt, &pt->root, 0, start, end);
}

static int walk_leaf(const struct leaf *leaf, u64 start, u64 end,
		     int (*fn)(void *arg, u64 vaddr, u32 pfn), void *arg)
{
	for (u64 vaddr = start; vaddr < end; vaddr += PAGE_SIZE) {
		u32 entry =
			READ_ONCE(leaf->entries[index_of(vaddr, LEAF_LEVEL)]);
		int ret = entry ? fn(arg, vaddr, entry - 1) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

static int walk_table(void *table, u32 level, u64 start, u64 end,
		      int (*fn)(void *arg, u64 vaddr, u32 pfn), void *arg)
{
	u64 step = 1ul << shift_of(level);
	int ret = 0;

	if (!table)
		return 0;
	if (level == LEAF_LEVEL)
		return walk_leaf(table, start, end, fn, arg);
	for (u64 vaddr = start, next; vaddr < end && !ret; vaddr = next) {
		struct table *t = table;

		next = min(ALIGN_DOWN(vaddr, step) + step, end);
		ret = walk_table(
			__atomic_load_n(&t->slots[index_of(vaddr, level)],
					__ATOMIC_ACQUIRE),
			level + 1, vaddr, next, fn, arg);
	}
	return ret;
}

int pagetable_for_each(const struct pagetable *pt, u64 start, u64 end,
		       int (*fn)(void *arg, u64 vaddr, u32 pfn), void *arg)
{
	return walk_table(__atomic_load_n(&pt->root, __ATOMIC_ACQUIRE), 0,
			  start, end, fn, arg);
}

struct move {
	struct pagetable *pt;
	u64 distance; /* modulo 2^64 */
};

static int prepare_one(void *arg, u64 vaddr, u32 pfn)
{
	struct move *move = arg;

	return pagetable_prepare(move->pt, vaddr + move->distance);
}

static int move_one(void *arg, u64 vaddr, u32 pfn)
{
	struct move *move = arg;
	u32 old;

	pfn = pagetable_take(move->pt, vaddr);
	old = pagetable_set(move->pt, vaddr + move->distance, pfn);
	CHECK(old == FRAME_NONE);
	return 0;
}

static int drop_one(void *arg, u64 vaddr, u32 pfn)
{
	frame_put(pagetable_take(arg, vaddr));
	return 0;
}

int pagetable_prepare_move(struct pagetable *pt, u64 from, u64 to, u64 bytes)
{
	struct move move = {.pt = pt, .distance = to - from};

	return pagetable_for_each(pt, from, from + bytes, prepare_one, &move);
}

void pagetable_move(struct pagetable *pt, u64 from, u64 to, u64 bytes)
{
	struct move move = {.pt = pt, .distance = to - from};

	pagetable_for_each(pt, to, to + bytes, drop_one, pt);
	pagetable_for_each(pt, from, from + bytes, move_one, &move);
}

static int clone_one(void *arg, u64 vaddr, u32 pfn)
{
	struct pagetable *dst = arg;
	u32 *entry = make_entry(dst, vaddr);

	if (!entry)
		return -ENOMEM;
	frame_get(pfn);
	*entry = pfn + 1;
	dst->nr_pages++;
	return 0;
}

int pagetable_clone(struct pagetable *dst, const struct pagetable *src)
{
	int err = pagetable_for_each(src, 0, PAGETABLE_END, clone_one, dst);

	if (err)
		pagetable_zap(dst, 0, PAGETABLE_END);
	return err;
}
