/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Life of an address space: exec, fork, activation, exit; changes and busy
 * ranges.  The rules are in internal.h. */
#define pr_fmt(fmt) "mm: " fmt
#include "internal.h"
#include "ledger.h"
#include "prefetch.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <managers/processor/fs/vnode.h>
#include <managers/processor/pcache/pcache.h>
#include <mm/dma.h>
#include <mm/slab.h>
#include <net/rpc.h>
#include <uapi/mman.h>

#define HOME_TIMEOUT_NS (60ul * 1000000000ul)
#define RETRY_NS        (50ul * 1000000ul)
#define EXEC_MAX_VMAS   64u

static DEFINE_SPINLOCK(all_lock, LOCK_LEAF);
static LIST_HEAD(all_aspaces); /* [all_lock] */

/* ---- references -------------------------------------------------------------
 */

static struct aspace *aspace_create(struct memnode *home, u32 asid)
{
	struct aspace *aspace = kzalloc(sizeof(*aspace));

	if (!aspace)
		return NULL;
	if (pt_init(&aspace->pt)) {
		kfree(aspace);
		return NULL;
	}
	atomic_set(&aspace->nr_refs, 1);
	aspace->asid = asid;
	aspace->home = home;
	memnode_hold(home);
	mutex_init(&aspace->change_lock, "aspace change", LOCK_ASPACE);
	rwsem_init(&aspace->vma_lock, "aspace vmas", LOCK_ASPACE);
	vma_tree_init(&aspace->vmas, &aspace_vma_ops, 0, USER_VADDR_END);
	list_init(&aspace->files);
	list_init(&aspace->dead_files);
	waitq_init(&aspace->waitq);
	reports_init(aspace);
	spin_lock(&all_lock);
	list_add_tail(&aspace->in_all, &all_aspaces);
	spin_unlock(&all_lock);
	gauge_add(nr_user_aspaces, 1);
	return aspace;
}

/* M frees all it knows of @asid. */
static void tell_exit(struct memnode *home, u32 asid)
{
	struct rpc_m_asid req = {.asid = le32_make(asid)};
	struct rpc_none none;
	struct rpc_args args = {.req = &req, .rep = &none};
	int rc = rpc_call(home->peer, RPC_m_exit, &args);

	if (rc)
		pr_warn_ratelimited("asid %u: exit not heard by %s: error %d",
				    asid, memnode_name(home), rc);
}

/* Evictors that unmapped pages of @aspace may still be flushing. */
static void wait_for_pins(struct aspace *aspace)
{
	wait_event(&aspace->waitq, !atomic_read(&aspace->nr_pins));
	/* The last one has left aspace_unpin() when we get the lock. */
	spin_lock(&all_lock);
	list_del(&aspace->in_all);
	spin_unlock(&all_lock);
}

/* Nobody uses it any more: give everything back. */
static void aspace_exit(struct aspace *aspace)
{
	range_zap(aspace, 0, aspace->vmas.high);
	ASSERT(!atomic64_read(&aspace->nr_resident));
	WRITE_ONCE(aspace->is_zapped, true);
	waitq_wake_all(&aspace->waitq);
	wait_for_pins(aspace);
	reports_discard(aspace);
	tell_exit(aspace->home, aspace->asid);
	(void)ledger_close(aspace);
	vma_tree_clear(&aspace->vmas);
	files_reap(aspace);
	pt_destroy(&aspace->pt);
	memnode_put(aspace->home);
	kfree(aspace);
	gauge_sub(nr_user_aspaces, 1);
}

void aspace_hold(struct aspace *aspace)
{
	atomic_inc(&aspace->nr_refs);
}

void aspace_put(struct aspace *aspace)
{
	if (atomic_dec_and_test(&aspace->nr_refs))
		aspace_exit(aspace);
}

void aspace_pin(struct aspace *aspace)
{
	atomic_inc(&aspace->nr_pins);
}

void aspace_unpin(struct aspace *aspace)
{
	/* all_lock: see wait_for_pins(). */
	spin_lock(&all_lock);
	if (atomic_dec_and_test(&aspace->nr_pins))
		waitq_wake_all(&aspace->waitq);
	spin_unlock(&all_lock);
}

struct page_table *aspace_page_table(struct aspace *aspace)
{
	return &aspace->pt;
}

void aspace_activate(struct aspace *aspace)
{
	pt_activate(aspace ? &aspace->pt : NULL);
}

struct aspace *aspace_next(struct aspace *prev)
{
	struct list_head *pos;
	struct aspace *next = NULL;

	spin_lock(&all_lock);
	pos = prev ? prev->in_all.next : all_aspaces.next;
	for (; pos != &all_aspaces && !next; pos = pos->next) {
		struct aspace *aspace = list_entry(pos, struct aspace, in_all);

		if (atomic_inc_not_zero(&aspace->nr_refs))
			next = aspace;
	}
	spin_unlock(&all_lock);
	if (prev)
		aspace_put(prev);
	return next;
}

/* The next one after @prev (NULL: the first; it is unpinned) that has no user
 * and still has pages, pinned. */
static struct aspace *next_exiting(struct aspace *prev)
{
	struct aspace *aspace, *next = NULL;
	struct list_head *pos;

	spin_lock(&all_lock);
	pos = prev ? prev->in_all.next : all_aspaces.next;
	for (; pos != &all_aspaces && !next; pos = pos->next) {
		aspace = list_entry(pos, struct aspace, in_all);
		if (!atomic_read(&aspace->nr_refs) &&
		    !READ_ONCE(aspace->is_zapped))
			next = aspace;
	}
	if (next)
		aspace_pin(next);
	spin_unlock(&all_lock);
	if (prev)
		aspace_unpin(prev);
	return next;
}

void aspace_wait_exits(void)
{
	struct aspace *aspace = NULL;

	while ((aspace = next_exiting(aspace)))
		wait_event(&aspace->waitq, READ_ONCE(aspace->is_zapped));
}

int aspace_call(struct aspace *aspace, enum rpc_op op, const void *req,
		void *rep)
{
	struct rpc_args args = {.req = req, .rep = rep};
	int rc = rpc_call(aspace->home->peer, op, &args);

	/* Whether the home has done it, if it lives, nobody can say. */
	if (unlikely(rc == -EHOSTDOWN || rc == -ETIMEDOUT))
		change_broke(aspace, rc);
	return rc;
}

/* ---- changes ----------------------------------------------------------------
 */

static void set_busy(struct aspace *aspace, u32 i, u64 start, u64 end)
{
	down_write(&aspace->vma_lock);
	aspace->busy[i] = (struct range){start, end};
	up_write(&aspace->vma_lock);
}

void change_begin(struct aspace *aspace, u64 start, u64 end)
{
	mutex_lock(&aspace->change_lock);
	if (start < end)
		set_busy(aspace, 0, start, end);
}

void change_also(struct aspace *aspace, u64 start, u64 end)
{
	set_busy(aspace, 1, start, end);
}

void change_end(struct aspace *aspace)
{
	down_write(&aspace->vma_lock);
	aspace->busy[0] = aspace->busy[1] = (struct range){0, 0};
	aspace->peak_pages = max(aspace->peak_pages, aspace->vmas.nr_pages);
	ASSERT(vma_tree_check(&aspace->vmas));
	up_write(&aspace->vma_lock);
	files_reap(aspace);
	mutex_unlock(&aspace->change_lock);
}

int change_broke(struct aspace *aspace, int rc)
{
	if (!READ_ONCE(aspace->is_broken))
		pr_err_ratelimited("asid %u: cannot follow %s (error %d): its "
				   "pages are lost",
				   aspace->asid, memnode_name(aspace->home),
				   rc);
	WRITE_ONCE(aspace->is_broken, true);
	return rc;
}

/* ---- exec -------------------------------------------------------------------
 */

/* The strings go through a buffer that the card can reach. */
struct exec_bulk {
	void *buf;
	u64 buf_bytes;
	struct region *region;
	struct bulk_seg seg;
	struct rpc_bulk bulk;
};

static int exec_bulk_make(struct exec_bulk *b, const void *strings, u32 bytes)
{
	dma_addr_t dma;
	int rc;

	b->buf_bytes = ALIGN_UP(max(bytes, 1u), PAGE_SIZE);
	b->buf = dma_alloc(b->buf_bytes, &dma);
	if (!b->buf)
		return -ENOMEM;
	memcpy(b->buf, strings, bytes);
	rc = net_region_register(paddr_of(b->buf), b->buf_bytes,
				 REGION_REMOTE_READ, &b->region);
	if (rc) {
		dma_free(b->buf, b->buf_bytes);
		return rc;
	}
	b->seg = (struct bulk_seg){paddr_of(b->buf), bytes};
	b->bulk = (struct rpc_bulk){b->region, &b->seg, 1};
	return 0;
}

static void exec_bulk_free(struct exec_bulk *b)
{
	net_region_unregister(b->region);
	dma_free(b->buf, b->buf_bytes);
}

static int exec_add_vma(struct aspace *aspace, const struct wire_vma *wire)
{
	struct vma vma = {
		.start = le64_get(wire->start),
		.end = le64_get(wire->end),
		.pgoff_pages = le64_get(wire->pgoff_pages),
		.prot = le32_get(wire->prot),
		.flags = le32_get(wire->flags),
	};
	struct vnode *vnode;
	int rc;

	file_id_from_wire(&vma.fid, &wire->fid);
	if (vma.prot & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC) ||
	    vma.flags & ~VMA_ALL ||
	    (vma.flags & VMA_SHARED && file_id_is_none(&vma.fid)))
		return -EPROTO;
	rc = change_check_place(aspace, vma.start, vma.end);
	if (rc)
		return rc;
	if (!file_id_is_none(&vma.fid)) {
		vnode = vnode_find(&wire->fid);
		rc = files_add(aspace, &wire->fid, vnode, false, "");
		if (vnode)
			vnode_put(vnode);
	}
	if (rc)
		return rc;
	down_write(&aspace->vma_lock);
	rc = vma_map(&aspace->vmas, &vma);
	up_write(&aspace->vma_lock);
	return rc;
}

static int try_exec(struct rpc_m_exec *req, const void *strings,
		    struct rpc_m_exec_reply *rep, struct aspace **out)
{
	struct memnode *home = memnode_get_home(HOME_TIMEOUT_NS);
	struct wire_vma *vmas = NULL;
	struct aspace *aspace = NULL;
	struct exec_bulk bulk;
	struct rpc_args args = {.req = req, .rep = rep, .bulk = &bulk.bulk};
	u32 nr;
	int rc;

	if (!home)
		return -EHOSTDOWN;
	rc = exec_bulk_make(&bulk, strings, le32_get(req->strings_bytes));
	if (rc)
		goto put_home;
	rc = -ENOMEM;
	vmas = kmalloc(EXEC_MAX_VMAS * sizeof(*vmas));
	if (!vmas)
		goto free_bulk;
	args.rep_tail = vmas;
	args.rep_tail_max = EXEC_MAX_VMAS * sizeof(*vmas);
	rc = rpc_call(home->peer, RPC_m_exec, &args);
	if (rc)
		goto free_vmas;
	aspace = aspace_create(home, le32_get(rep->asid));
	if (!aspace) {
		tell_exit(home, le32_get(rep->asid));
		rc = -ENOMEM;
		goto free_vmas;
	}
	aspace->start_brk = aspace->brk = le64_get(rep->start_brk);
	aspace->stack_filled = le64_get(rep->sp) & PAGE_MASK;
	if (aspace->brk > aspace->vmas.high)
		rc = -EPROTO;
	nr = args.rep_tail_len / sizeof(*vmas);
	file_changes_exclude();
	change_begin(aspace, 0, 0); /* others see it in the list */
	for (u32 i = 0; i < nr && !rc; i++)
		rc = exec_add_vma(aspace, &vmas[i]);
	change_end(aspace);
	file_changes_allow();
	if (rc)
		aspace_put(aspace);
	else
		*out = aspace;
free_vmas:
	kfree(vmas);
free_bulk:
	exec_bulk_free(&bulk);
put_home:
	memnode_put(home);
	return rc;
}

int aspace_exec(struct rpc_m_exec *req, const void *strings,
		struct rpc_m_exec_reply *rep, struct aspace **out)
{
	u64 deadline_ns = time_mono_ns() + HOME_TIMEOUT_NS;
	u32 nr_tries = 0;
	int rc;

	for (;;) {
		do
			rc = try_exec(req, strings, rep, out);
		while (aspace_give_up_files(rc, &nr_tries));
		if (rc != -EHOSTDOWN || time_mono_ns() > deadline_ns)
			return rc;
		/* What the node did for us has ended with its life; we may
		 * not have heard yet that it is over. */
		sleep_ns(RETRY_NS);
	}
}

/* ---- fork -------------------------------------------------------------------
 */

/* The parent's VMAs, but for what madvise(2) and mlock(2) said of forks; as
 * M did. */
static int fork_vmas(struct aspace *parent, struct aspace *child)
{
	const struct vma *vma;
	int rc = vma_tree_clone(&child->vmas, &parent->vmas);

	if (rc)
		return rc;
	vma_for_each (vma, &parent->vmas) {
		if (vma->flags & VMA_DONTFORK)
			rc = vma_unmap(&child->vmas, vma->start, vma->end);
		if (rc)
			return rc;
	}
	if (!child->vmas.nr_locked_pages)
		return 0;
	return vma_set_flags(&child->vmas, 0, child->vmas.high, 0, VMA_LOCKED);
}

/* M has made the copy @asid: make ours. */
static int fork_copy(struct aspace *parent, u32 asid, struct aspace **out)
{
	struct aspace *child = aspace_create(parent->home, asid);
	int rc;

	if (!child) {
		tell_exit(parent->home, asid);
		return -ENOMEM;
	}
	child->start_brk = parent->start_brk;
	child->brk = parent->brk;
	child->stack_filled = parent->stack_filled;
	change_begin(child, 0, 0); /* others see it in the list */
	rc = files_clone(child, parent);
	if (!rc)
		rc = fork_vmas(parent, child);
	if (!rc)
		rc = range_copy(parent, child);
	change_end(child);
	if (rc)
		aspace_put(child);
	else
		*out = child;
	return rc;
}

int aspace_fork(struct aspace *parent, struct aspace **out)
{
	struct rpc_m_asid req = {.asid = le32_make(parent->asid)};
	struct rpc_m_fork_reply rep;
	int rc;

	/* No page may move between M's copy and ours. */
	change_begin(parent, 0, parent->vmas.high);
	wait_event(&parent->waitq, !atomic_read(&parent->nr_fills));
	rc = reports_send(parent);
	if (!rc)
		rc = aspace_call(parent, RPC_m_fork, &req, &rep);
	if (!rc)
		rc = fork_copy(parent, le32_get(rep.child_asid), out);
	change_end(parent);
	return rc;
}

/* ---- small services ---------------------------------------------------------
 */

int aspace_futex_key(struct aspace *aspace, u64 vaddr, struct futex_key *key)
{
	const struct vma *vma;
	int rc = 0;

	*key = (struct futex_key){{(u64)aspace, 0, 0}, vaddr};
	down_read(&aspace->vma_lock);
	vma = vma_at(&aspace->vmas, vaddr);
	if (!vma) {
		rc = -EFAULT;
	} else if (vma->flags & VMA_SHARED) {
		key->word[0] = vma->fid.node_guid;
		key->word[1] = vma->fid.ino;
		key->word[2] = (u64)vma->fid.fsid << 32 | vma->fid.gen;
		key->offset = (vma_page_of(vma, vaddr) << PAGE_SHIFT) +
			      (vaddr & ~PAGE_MASK);
	}
	up_read(&aspace->vma_lock);
	return rc;
}

int aspace_set_rlimit(struct aspace *aspace, u32 resource, u64 limit)
{
	struct rpc_m_setrlimit req = {.asid = le32_make(aspace->asid),
				      .resource = le32_make(resource),
				      .limit = le64_make(limit)};
	struct rpc_none none;

	return aspace_call(aspace, RPC_m_setrlimit, &req, &none);
}

int aspace_start(void)
{
	int rc;

	pte_start();
	rc = pcache_start();
	if (!rc)
		rc = fault_start();
	if (!rc)
		prefetch_start();
	if (!rc)
		rc = files_start();
	if (!rc)
		rc = reports_start();
	if (!rc)
		rc = memnode_start();
	return rc;
}

static int start_if_processor(void)
{
	return node_role() == ROLE_PROCESSOR ? aspace_start() : 0;
}
INITCALL(start_if_processor);
