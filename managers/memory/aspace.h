/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_ASPACE_H
#define MEMORY_ASPACE_H

/*
 * Address spaces: for each process of the cluster that lives here, its VMAs
 * and which frame holds each of its pages.
 *
 * A processor node fills untouched anonymous pages by itself, from frames it
 * was granted, and says so later (m_pages); so a page without a frame here is
 * nothing unusual.  Whatever depends on that is asked for only after the
 * processor node has told us everything.
 *
 * An address space belongs to the client that made it, is found by its id, and
 * is freed by the last home_aspace_put() after aspace_exit().
 */
#include <kernel/mutex.h>
#include <lib/list.h>
#include <lib/types.h>
#include <lib/vma.h>
#include <managers/memory/client.h>
#include <managers/memory/pagetable.h>
#include <rpc/wire.h>

#define USER_LOW       0x10000ul            /* as vm.mmap_min_addr */
#define USER_TOP       0x7ffffffff000ul     /* as TASK_SIZE of x86-64 */
#define FILE_MAX_BYTES 0x7ffffffffffffffful /* an offset is a signed number */
#define LIMIT_NONE     (~0ul)

struct aspace {
	u32 asid;               /* [set before publish] */
	u32 nr_refs;            /* [asids_lock] */
	struct client *client;  /* [set before publish] */
	struct hlist_node link; /* [asids_lock] */

	struct rwsem lock;
	bool is_dead;           /* [lock] */
	struct vma_tree vmas;   /* [lock] */
	struct pagetable pages; /* entries: [lock, for reading], see there */
	u64 mmap_base;          /* where mappings grow down from [lock] */
	u64 start_brk, brk;     /* [lock] */
	/* RLIMIT_* [lock] */
	u64 limit_as_bytes, limit_data_bytes, limit_stack_bytes;
};

int __must_check aspaces_start(void);
void aspaces_stop(void);

/** aspace_create - an empty address space, known to nobody yet, with one
 * reference.  Return: NULL without memory. */
struct aspace *aspace_create(struct client *client);

/** aspace_publish - give it an id, by which it can be found from now on. */
void aspace_publish(struct aspace *aspace);

/** aspace_find - the living address space @asid of @client, with a reference;
 * or NULL. */
struct aspace *aspace_find(struct client *client, u32 asid);
void home_aspace_put(struct aspace *aspace);

/** aspace_exit - unmap all, forget the id. */
void aspace_exit(struct aspace *aspace);

/** aspace_reclaim - exit all of @client's. Return: how many. */
u32 aspace_reclaim(struct client *client);

/** home_aspace_fork - a published copy of @parent by reference.
 * Return: 0 and *@out with a reference; -ENOMEM. */
int __must_check home_aspace_fork(struct aspace *parent, struct aspace **out);

/** aspace_may_grow - may @nr_pages more be mapped, @nr_data of them private
 * and writable?  Context: @aspace->lock held for writing. */
bool aspace_may_grow(const struct aspace *aspace, u64 nr_pages, u64 nr_data);

/** aspace_unmap - unmap a range and drop its pages; write-locked. */
int __must_check aspace_unmap(struct aspace *aspace, u64 start, u64 end);

/* The frame of every handler that works on an address space. */
struct aspace_call {
	struct client *client;
	struct aspace *aspace;
};

/**
 * aspace_call_begin - find the address space that a message is about.
 *
 * Return: 0, and aspace_call_end() is due; -EHOSTDOWN: the caller has gone;
 *         -ESRCH: no such address space of his.
 */
int __must_check aspace_call_begin(struct aspace_call *call, struct peer *peer,
				   u32 asid);
void aspace_call_end(struct aspace_call *call);

#endif /* MEMORY_ASPACE_H */
