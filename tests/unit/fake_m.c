/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_m.h"
#include "fake_lies.h"

#include "fake_sched.h"

#include <arch/x86/cpu.h>
#include <kernel/assert.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <lib/vma.h>
#include <mm/page.h>
#include <net/membership.h>
#include <net/rpc.h>
#include <stdlib.h>
#include <uapi/mman.h>

#define MAX_ASIDS       256u
#define MAX_OBJECTS     256u
#define GUID            0x77u
#define STORAGE_GUID    0x78u /* where the files are */
#define POOL_DMA        0x100000000ul
#define STACK_MAX_BYTES 0x100000ul

enum state { FREE, GRANTED, PRIVATE, CACHE };

struct m_object { /* a file, or shared anonymous memory */
	u64 nr_pages;
	u32 *pfns; /* 0: none yet */
	u32 nr_vmas;
};

struct m_page { /* one page of an address space */
	u64 vaddr;
	u32 pfn;
	struct m_page *next;
};

struct m_aspace {
	bool is_used;
	struct vma_tree vmas;
	struct m_page *pages;
	u64 brk, start_brk;
	bool refuses; /* to map anything */
};

struct peer {
	int unused;
};

static struct peer the_peer;
static struct {
	u32 nr_frames;
	u8 *pool;
	enum state *state;
	u32 *refs;
	struct m_aspace aspaces[MAX_ASIDS];
	struct m_object objects[MAX_OBJECTS];
} m;

static struct vma *m_vma_alloc(struct vma_tree *tree)
{
	return malloc(sizeof(struct vma));
}

static void m_vma_free(struct vma_tree *tree, struct vma *vma)
{
	free(vma);
}

static void m_file_get(struct vma_tree *tree, const struct file_id *fid);
static void m_file_put(struct vma_tree *tree, const struct file_id *fid);

static const struct vma_ops m_vma_ops = {.alloc = m_vma_alloc,
					 .free = m_vma_free,
					 .file_get = m_file_get,
					 .file_put = m_file_put,
					 .locked = VMA_LOCKED,
					 .grows_down = VMA_GROWSDOWN};

/* ---- frames ---- */

static u8 *frame(u64 pfn)
{
	return m.pool + pfn * PAGE_SIZE;
}

static u32 frame_find(enum state state)
{
	/* Frame 0 is never used: it stands for "none" here. */
	static u32 next = 1;

	for (u32 i = 0; i < m.nr_frames; i++) {
		u32 pfn = 1 + (next + i) % (m.nr_frames - 1);

		if (m.state[pfn] != FREE)
			continue;
		next = pfn;
		m.state[pfn] = state;
		m.refs[pfn] = state != GRANTED;
		memset(frame(pfn), 0xee, PAGE_SIZE); /* contents undefined */
		return pfn;
	}
	return 0;
}

static void frame_unref(u32 pfn)
{
	CHECK(m.refs[pfn]);
	if (--m.refs[pfn])
		return;
	CHECK(m.state[pfn] == PRIVATE);
	m.state[pfn] = FREE;
}

static u32 count_frames(enum state state)
{
	u32 n = 0;

	for (u32 i = 1; i < m.nr_frames; i++)
		n += m.state[i] == state;
	return n;
}

u32 fake_m_granted_frames(void)
{
	return count_frames(GRANTED);
}

/* ---- address spaces ---- */

static struct m_page **page_slot(struct m_aspace *as, u64 vaddr)
{
	struct m_page **slot = &as->pages;

	while (*slot && (*slot)->vaddr != vaddr)
		slot = &(*slot)->next;
	return slot;
}

static void page_set(struct m_aspace *as, u64 vaddr, u32 pfn)
{
	struct m_page **slot = page_slot(as, vaddr);

	if (*slot) {
		frame_unref((*slot)->pfn);
	} else {
		*slot = calloc(1, sizeof(**slot));
		(*slot)->vaddr = vaddr;
	}
	(*slot)->pfn = pfn;
}

static void pages_zap(struct m_aspace *as, u64 start, u64 end)
{
	struct m_page **slot = &as->pages;

	while (*slot) {
		struct m_page *page = *slot;

		if (page->vaddr < start || page->vaddr >= end) {
			slot = &page->next;
			continue;
		}
		*slot = page->next;
		frame_unref(page->pfn);
		free(page);
	}
}

static struct m_aspace *as_of(le32 asid)
{
	u32 i = le32_get(asid);

	CHECK(i < MAX_ASIDS && m.aspaces[i].is_used);
	return &m.aspaces[i];
}

static u32 as_new(void)
{
	for (u32 i = 1; i < MAX_ASIDS; i++) {
		struct m_aspace *as = &m.aspaces[i];

		if (as->is_used)
			continue;
		*as = (struct m_aspace){.is_used = true};
		vma_tree_init(&as->vmas, &m_vma_ops, 0x10000, 0x7ffffffff000);
		return i;
	}
	abort();
}

static struct file_id object_id(u32 i)
{
	return (struct file_id){.node_guid =
					i < FAKE_FILES ? STORAGE_GUID : GUID,
				.ino = i + 1};
}

static u32 object_new(u64 nr_pages)
{
	for (u32 i = 0; i < MAX_OBJECTS; i++) {
		if (m.objects[i].nr_pages)
			continue;
		m.objects[i] = (struct m_object){
			nr_pages, calloc(nr_pages, sizeof(u32)), 0};
		return i;
	}
	abort();
}

static void m_file_get(struct vma_tree *tree, const struct file_id *fid)
{
	m.objects[fid->ino - 1].nr_vmas++;
}

/* The last VMA of an object: its frames go when no page shows them. */
static void m_file_put(struct vma_tree *tree, const struct file_id *fid)
{
	struct m_object *o = &m.objects[fid->ino - 1];

	if (--o->nr_vmas || fid->ino <= FAKE_FILES)
		return;
	for (u64 i = 0; i < o->nr_pages; i++) {
		if (!o->pfns[i])
			continue;
		m.state[o->pfns[i]] = PRIVATE;
		frame_unref(o->pfns[i]);
	}
	free(o->pfns);
	*o = (struct m_object){0};
}

struct wire_fid fake_m_file(u32 i)
{
	return (struct wire_fid){.node_guid = le64_make(STORAGE_GUID),
				 .ino = le64_make(i + 1)};
}

u8 fake_m_file_byte(u32 i, u64 offset)
{
	return (u8)hash_u64(offset * FAKE_FILES + i);
}

/* ---- messages ---- */

static int m_grant(const struct rpc_m_grant *req, struct rpc_args *args)
{
	u32 n = min(le32_get(req->nr_frames), 16u), i;
	le64 *out = args->rep_tail;

	for (i = 0; i < n; i++) {
		u32 pfn = frame_find(GRANTED);

		if (!pfn)
			continue;
		out[i] = le64_make(pfn);
	}
	args->rep_tail_len = i * 8;
	return i ? 0 : -ENOMEM;
}

static int m_ungrant(struct rpc_args *args)
{
	const le64 *pfns = args->tail;

	for (u32 i = 0; i < args->tail_len / 8; i++) {
		if (fake_lies_nth && m.state[le64_get(pfns[i])] != GRANTED)
			continue;
		CHECK(m.state[le64_get(pfns[i])] == GRANTED);
		m.state[le64_get(pfns[i])] = FREE;
	}
	return 0;
}

static u32 nr_exec_failures;

void fake_m_fail_execs(u32 nr)
{
	nr_exec_failures = nr;
}

/* A stack whose top page M filled, nothing else. */
static int m_exec(struct rpc_m_exec_reply *rep, struct rpc_args *args)
{
	u32 asid = as_new(), pfn = frame_find(PRIVATE);
	struct m_aspace *as = &m.aspaces[asid];
	struct wire_vma *wire = args->rep_tail;
	struct vma stack = {.start = 0x7ff000000000,
			    .end = 0x7ff000010000,
			    .prot = PROT_READ | PROT_WRITE,
			    .flags = VMA_STACK | VMA_GROWSDOWN};

	CHECK(pfn && !vma_map(&as->vmas, &stack));
	memset(frame(pfn), 0x5a, PAGE_SIZE);
	page_set(as, stack.end - PAGE_SIZE, pfn);
	as->brk = as->start_brk = 0x200000;
	*rep = (struct rpc_m_exec_reply){.sp = le64_make(stack.end - 0x100),
					 .start_brk = le64_make(as->brk),
					 .asid = le32_make(asid),
					 .nr_vmas = le32_make(1)};
	*wire = (struct wire_vma){.start = le64_make(stack.start),
				  .end = le64_make(stack.end),
				  .prot = le32_make(stack.prot),
				  .flags = le32_make(stack.flags)};
	args->rep_tail_len = sizeof(*wire);
	return 0;
}

static int m_fork(const struct rpc_m_asid *req, struct rpc_m_fork_reply *rep)
{
	struct m_aspace *parent = as_of(req->asid);
	const struct vma *vma;
	u32 asid = as_new();
	struct m_aspace *child = &m.aspaces[asid];

	CHECK(!vma_tree_clone(&child->vmas, &parent->vmas));
	vma_for_each (vma, &parent->vmas)
		if (vma->flags & VMA_DONTFORK)
			CHECK(!vma_unmap(&child->vmas, vma->start, vma->end));
	for (struct m_page *page = parent->pages; page; page = page->next) {
		vma = vma_at(&child->vmas, page->vaddr);
		if (!vma || vma->flags & VMA_WIPEONFORK)
			continue;
		m.refs[page->pfn]++;
		page_set(child, page->vaddr, page->pfn);
	}
	child->brk = parent->brk;
	child->start_brk = parent->start_brk;
	rep->child_asid = le32_make(asid);
	return 0;
}

static int m_exit(const struct rpc_m_asid *req)
{
	struct m_aspace *as = as_of(req->asid);

	pages_zap(as, 0, ~0ul);
	vma_tree_clear(&as->vmas);
	as->is_used = false;
	return 0;
}

static u32 short_nth;
static u64 nr_dropped;

void fake_m_run_short(u32 nth)
{
	short_nth = nth;
}

u64 fake_m_nr_dropped(void)
{
	return nr_dropped;
}

static bool is_short(void)
{
	static u32 nr_faults;

	return short_nth && !(++nr_faults % short_nth);
}

/* A page of a file that no entry has goes at once, and its frame is free. */
static void drop_copy(u32 pfn)
{
	m.refs[pfn]--;
	if (m.refs[pfn] > 1)
		return;
	for (u32 i = 0; i < FAKE_FILES; i++)
		for (u64 k = 0; k < m.objects[i].nr_pages; k++)
			if (m.objects[i].pfns[k] == pfn)
				m.objects[i].pfns[k] = 0;
	m.state[pfn] = PRIVATE;
	frame_unref(pfn);
	memset(frame(pfn), 0xdd, PAGE_SIZE);
}

static void drop_copies(struct m_aspace *as, u64 start, u64 end)
{
	struct m_page **slot = &as->pages;

	while (*slot) {
		struct m_page *page = *slot;

		if (page->vaddr < start || page->vaddr >= end ||
		    m.state[page->pfn] != CACHE) {
			slot = &page->next;
			continue;
		}
		*slot = page->next;
		drop_copy(page->pfn);
		free(page);
		nr_dropped++;
	}
}

static int m_pages(const struct rpc_m_asid *req, struct rpc_args *args)
{
	struct m_aspace *as = as_of(req->asid);
	const struct wire_page_op *ops = args->tail;

	for (u32 i = 0; i < args->tail_len / sizeof(*ops); i++) {
		u64 vaddr = le64_get(ops[i].vaddr);
		u32 pfn = (u32)le64_get(ops[i].pfn);

		if ((vaddr & PAGE_OP_MASK) == PAGE_OP_DROP) {
			vaddr &= ~(u64)PAGE_OP_MASK;
			drop_copies(as, vaddr,
				    vaddr + le64_get(ops[i].pfn) * PAGE_SIZE);
			continue;
		}
		CHECK((vaddr & PAGE_OP_MASK) == PAGE_OP_SET);
		if (fake_lies_nth &&
		    (!vma_at(&as->vmas, vaddr) || m.state[pfn] != GRANTED))
			continue;
		CHECK(vma_at(&as->vmas, vaddr));
		CHECK(m.state[pfn] == GRANTED);
		m.state[pfn] = PRIVATE;
		m.refs[pfn] = 1;
		page_set(as, vaddr, pfn);
	}
	return 0;
}

void fake_m_refuse_maps(u32 asid, bool refuses)
{
	m.aspaces[asid].refuses = refuses;
}

static int m_mmap(const struct rpc_m_mmap *req, struct rpc_m_mmap_reply *rep)
{
	struct m_aspace *as = as_of(req->asid);
	u32 flags = le32_get(req->flags);
	u64 len = le64_get(req->len_bytes);
	struct vma vma = {.start = le64_get(req->vaddr),
			  .prot = le32_get(req->prot),
			  .pgoff_pages = le64_get(req->pgoff_pages)};

	if (as->refuses)
		return -ENOMEM;
	if (le32_get(req->vma_flags) & RPC_ONLY_ASK)
		return 0;
	vma.fid.node_guid = le64_get(req->fid.node_guid);
	vma.fid.ino = le64_get(req->fid.ino);
	if ((flags & MAP_TYPE) == MAP_SHARED) {
		vma.flags |= VMA_SHARED | VMA_MAYWRITE;
		if (file_id_is_none(&vma.fid)) {
			vma.fid = object_id(object_new(len / PAGE_SIZE));
			vma.pgoff_pages = 0;
		}
	}
	if (!file_id_is_none(&vma.fid))
		vma.flags |= VMA_FILE;
	if (!(flags & MAP_FIXED))
		vma.start = vma_find_gap(&as->vmas, len, 0x10000, vma.start);
	if (!vma.start)
		return -ENOMEM;
	vma.end = vma.start + len;
	if (vma_map(&as->vmas, &vma))
		return -EINVAL;
	pages_zap(as, vma.start, vma.end);
	rep->vaddr = le64_make(vma.start);
	rep->fid = (struct wire_fid){.node_guid = le64_make(vma.fid.node_guid),
				     .ino = le64_make(vma.fid.ino)};
	return 0;
}

static int m_munmap(const struct rpc_m_range *req, bool keep_vma)
{
	struct m_aspace *as = as_of(req->asid);
	u64 start = le64_get(req->vaddr);
	u64 end = start + le64_get(req->len_bytes);

	if (!keep_vma && vma_unmap(&as->vmas, start, end))
		return -EINVAL;
	pages_zap(as, start, end);
	return 0;
}

static int m_mprotect(const struct rpc_m_range *req)
{
	u64 start = le64_get(req->vaddr);

	return vma_protect(&as_of(req->asid)->vmas, start,
			   start + le64_get(req->len_bytes),
			   le32_get(req->arg));
}

static int m_mremap(const struct rpc_m_mremap *req,
		    struct rpc_m_vaddr_reply *rep)
{
	struct m_aspace *as = as_of(req->asid);
	u64 old = le64_get(req->old_vaddr),
	    bytes = le64_get(req->old_len_bytes);
	u64 want = le64_get(req->new_len_bytes);
	u64 to = le64_get(req->new_vaddr);
	u32 flags = le32_get(req->flags);
	struct m_page *page;
	struct vma copy;

	rep->vaddr = le64_make(old);
	if (as->refuses)
		return -ENOMEM;
	if (flags & RPC_ONLY_ASK)
		return 0;
	if (!(flags & MREMAP_FIXED)) {
		CHECK(want > bytes); /* else it is an munmap */
		to = vma_find_gap(&as->vmas, want, 0x10000, 0x40000000);
		if (!to)
			return -ENOMEM;
	}
	if (flags & MREMAP_DONTUNMAP) {
		copy = *vma_at(&as->vmas, old);
		if (!file_id_is_none(&copy.fid))
			copy.pgoff_pages = vma_page_of(&copy, old);
		copy.start = to;
		copy.end = to + want;
		CHECK(!vma_map(&as->vmas, &copy));
	} else if (vma_move(&as->vmas, old, bytes, to, want)) {
		return -ENOMEM;
	}
	pages_zap(as, to, to + want);
	for (page = as->pages; page; page = page->next)
		if (page->vaddr >= old && page->vaddr < old + min(bytes, want))
			page->vaddr += to - old;
	pages_zap(as, old, old + bytes);
	rep->vaddr = le64_make(to);
	return 0;
}

static int m_brk(const struct rpc_m_brk *req, struct rpc_m_vaddr_reply *rep)
{
	struct m_aspace *as = as_of(req->asid);
	u64 brk = le64_get(req->vaddr);
	u64 end = ALIGN_UP(brk, PAGE_SIZE), old = ALIGN_UP(as->brk, PAGE_SIZE);
	struct vma heap = {.start = old,
			   .end = end,
			   .prot = PROT_READ | PROT_WRITE,
			   .flags = VMA_HEAP};

	if (end > old)
		CHECK(!vma_map(&as->vmas, &heap));
	if (end < old) {
		CHECK(!vma_unmap(&as->vmas, end, old));
		pages_zap(as, end, old);
	}
	as->brk = brk;
	rep->vaddr = le64_make(brk);
	return 0;
}

static int m_grow(const struct rpc_m_brk *req, struct rpc_m_vaddr_reply *rep)
{
	struct m_aspace *as = as_of(req->asid);
	u64 page = ALIGN_DOWN(le64_get(req->vaddr), PAGE_SIZE);
	const struct vma *vma = vma_find(&as->vmas, page);
	struct vma more;

	if (!vma || !(vma->flags & VMA_GROWSDOWN) ||
	    vma->end - page > STACK_MAX_BYTES)
		return -EFAULT;
	rep->vaddr = le64_make(min(page, vma->start));
	more = *vma;
	more.end = vma->start;
	more.start = page;
	if (page < vma->start)
		CHECK(!vma_map(&as->vmas, &more));
	return 0;
}

static int m_vma_flags(const struct rpc_m_vma_flags *req)
{
	u64 start = le64_get(req->vaddr);

	return vma_set_flags(&as_of(req->asid)->vmas, start,
			     start + le64_get(req->len_bytes),
			     le32_get(req->set), le32_get(req->clear));
}

static u32 object_page(u32 object, u64 index)
{
	struct m_object *o = &m.objects[object];

	CHECK(index < o->nr_pages);
	if (o->pfns[index])
		return o->pfns[index];
	o->pfns[index] = frame_find(CACHE);
	if (!o->pfns[index])
		return 0;
	for (u32 i = 0; i < PAGE_SIZE; i++)
		frame(o->pfns[index])[i] =
			object < FAKE_FILES
				? fake_m_file_byte(object,
						   index * PAGE_SIZE + i)
				: 0;
	return o->pfns[index];
}

/* Of the pages wanted, those of every other file page are "in the cache". */
static void m_fault_around(struct m_aspace *as, const struct vma *vma,
			   u64 vaddr, u32 around, struct rpc_args *args)
{
	u64 start = ALIGN_DOWN(vaddr, FAULT_WINDOW * PAGE_SIZE);
	struct m_object *o = &m.objects[vma->fid.ino - 1];
	le64 *pfns = args->rep_tail;

	for (u32 i = 0; i < FAULT_WINDOW; i++) {
		u64 at = start + i * PAGE_SIZE, index;
		u32 pfn;

		pfns[i] = le64_make(FAULT_NO_FRAME);
		CHECK(!(around & 1u << i) || at != vaddr);
		if (!(around & 1u << i) || vma_at(&as->vmas, at) != vma)
			continue;
		index = vma_page_of(vma, at);
		if (index >= o->nr_pages || index % 2 || *page_slot(as, at))
			continue;
		pfn = object_page((u32)vma->fid.ino - 1, index);
		if (!pfn)
			break;
		m.refs[pfn]++;
		page_set(as, at, pfn);
		pfns[i] = le64_make(pfn);
	}
	args->rep_tail_len = FAULT_WINDOW * sizeof(le64);
}

static int m_fault(const struct rpc_m_fault *req, struct rpc_m_fault_reply *rep,
		   struct rpc_args *args)
{
	struct m_aspace *as = as_of(req->asid);
	u64 vaddr = le64_get(req->vaddr);
	const struct vma *vma = vma_at(&as->vmas, vaddr);
	struct m_page *page;
	u32 flags = 0, pfn;

	if (!vma)
		return -EFAULT;
	if (is_short())
		return -ENOMEM;
	page = *page_slot(as, vaddr);
	if (page && m.state[page->pfn] == PRIVATE) {
		pfn = page->pfn;
		flags = m.refs[pfn] > 1 ? FAULT_COW : 0;
	} else if (file_id_is_none(&vma->fid)) {
		pfn = frame_find(PRIVATE);
		memset(frame(pfn), 0, PAGE_SIZE);
		page_set(as, vaddr, pfn);
		flags = FAULT_ZERO;
	} else {
		u64 index = vma_page_of(vma, vaddr);

		if (index >= m.objects[vma->fid.ino - 1].nr_pages)
			return -ERANGE;
		pfn = object_page((u32)vma->fid.ino - 1, index);
		if (!pfn)
			return -ENOMEM;
		m.refs[pfn]++;
		page_set(as, vaddr, pfn);
		flags = FAULT_FILE;
		m_fault_around(as, vma, vaddr, le32_get(req->around), args);
	}
	rep->pfn = le64_make(pfn);
	rep->flags = le32_make(flags);
	if (args->bulk && !(flags & FAULT_ZERO)) {
		m.refs[pfn]++;
		memcpy(kaddr_of(args->bulk->segs[0].paddr), frame(pfn),
		       PAGE_SIZE);
		fake_sched_point();
		frame_unref(pfn);
	}
	return 0;
}

int rpc_call(struct peer *peer, enum rpc_op op, struct rpc_args *args)
{
	int rc;

	fake_sched_point();
	switch (op) {
	case RPC_m_attach:
		*(struct rpc_m_attach_reply *)args->rep =
			(struct rpc_m_attach_reply){
				.pool_dma = le64_make(POOL_DMA),
				.nr_frames = le64_make(m.nr_frames)};
		return 0;
	case RPC_m_grant:
		rc = m_grant(args->req, args);
		break;
	case RPC_m_ungrant:
		rc = m_ungrant(args);
		break;
	case RPC_m_exec:
		if (nr_exec_failures) {
			nr_exec_failures--;
			return -EHOSTDOWN;
		}
		rc = m_exec(args->rep, args);
		break;
	case RPC_m_fork:
		rc = m_fork(args->req, args->rep);
		break;
	case RPC_m_exit:
		rc = m_exit(args->req);
		break;
	case RPC_m_pages:
		rc = m_pages(args->req, args);
		break;
	case RPC_m_mmap:
		rc = m_mmap(args->req, args->rep);
		break;
	case RPC_m_munmap:
		rc = m_munmap(args->req, false);
		break;
	case RPC_m_madvise:
		rc = m_munmap(args->req, true);
		break;
	case RPC_m_mprotect:
		rc = m_mprotect(args->req);
		break;
	case RPC_m_mremap:
		rc = m_mremap(args->req, args->rep);
		break;
	case RPC_m_brk:
		rc = m_brk(args->req, args->rep);
		break;
	case RPC_m_grow:
		rc = m_grow(args->req, args->rep);
		break;
	case RPC_m_vma_flags:
		rc = m_vma_flags(args->req);
		break;
	case RPC_m_fault:
		rc = m_fault(args->req, args->rep, args);
		break;
	default:
		abort();
	}
	rc = fake_lies_reply(op, args, rc, m.nr_frames);
	fake_sched_point();
	return rc;
}

/* ---- one-sided ---- */

u8 *fake_m_remote(u64 remote_addr)
{
	u64 pfn = (remote_addr - POOL_DMA) / PAGE_SIZE;

	CHECK((pfn || fake_lies_nth) && pfn < m.nr_frames);
	CHECK(fake_lies_nth || m.state[pfn] != FREE); /* M gave it to nobody */
	return frame(pfn);
}

/* ---- membership ---- */

void net_on_peer_event(peer_event_fn fn)
{
	fn(&the_peer, PEER_JOINED);
}

void peer_hold(struct peer *peer) {}
void peer_put(struct peer *peer) {}

enum node_role peer_role(const struct peer *peer)
{
	return ROLE_MEMORY;
}

u64 peer_guid(const struct peer *peer)
{
	return GUID;
}

const char *peer_name(const struct peer *peer)
{
	return "the memory node";
}

void fake_m_start(u32 nr_frames)
{
	m.nr_frames = nr_frames;
	m.pool = calloc(nr_frames, PAGE_SIZE);
	m.state = calloc(nr_frames, sizeof(*m.state));
	m.refs = calloc(nr_frames, sizeof(*m.refs));
	for (u32 i = 0; i < FAKE_FILES; i++)
		object_new(FAKE_FILE_PAGES);
	fake_card_start();
}
