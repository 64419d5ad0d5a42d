/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/memory/aspace.h>

#include <kernel/counters.h>
#include <kernel/monitor.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <managers/memory/pagecache.h>
#include <mm/slab.h>
#include <net/rpc.h>
#include <uapi/resource.h>

#define NR_ASID_BUCKETS 1024u

static DEFINE_SPINLOCK(asids_lock, LOCK_MEMORY_ASIDS);
static struct hlist_head asids[NR_ASID_BUCKETS]; /* [asids_lock] */
static u32 last_asid;                            /* [asids_lock] */
static struct slab_cache *aspaces, *vmas;

static struct vma *alloc_vma(struct vma_tree *tree)
{
	struct vma *vma = slab_alloc(vmas);

	if (vma)
		gauge_add(nr_memory_vmas, 1);
	return vma;
}

static void free_vma(struct vma_tree *tree, struct vma *vma)
{
	gauge_sub(nr_memory_vmas, 1);
	slab_free(vmas, vma);
}

/* A mapped file of tmpfs lives as long as a VMA refers to it. */
static void get_file(struct vma_tree *tree, const struct file_id *fid)
{
	struct cfile *file = cfile_get_local(fid);

	/* The caller of vma_map() holds it; those of storage are no matter. */
	CHECK(file || fid->node_guid != net_local_guid());
}

static void put_file(struct vma_tree *tree, const struct file_id *fid)
{
	struct cfile *file = cfile_get_local(fid);

	if (!file)
		return;
	cfile_put(file); /* what was got just now */
	cfile_put(file);
}

static const struct vma_ops vma_ops = {.alloc = alloc_vma,
				       .free = free_vma,
				       .file_get = get_file,
				       .file_put = put_file,
				       .not_data = VMA_SHARED | VMA_STACK,
				       .locked = VMA_LOCKED,
				       .grows_down = VMA_GROWSDOWN};

int aspaces_start(void)
{
	aspaces = slab_create("aspace", sizeof(struct aspace), 0);
	vmas = slab_create("vma", sizeof(struct vma), 0);
	return aspaces && vmas ? 0 : -ENOMEM;
}

void aspaces_stop(void)
{
	slab_destroy(aspaces);
	slab_destroy(vmas);
}

struct aspace *aspace_create(struct client *client)
{
	struct aspace *aspace = slab_alloc_zero(aspaces);

	if (!aspace)
		return NULL;
	aspace->nr_refs = 1;
	aspace->client = client;
	rwsem_init(&aspace->lock, "aspace", LOCK_MEMORY_ASPACE);
	vma_tree_init(&aspace->vmas, &vma_ops, USER_LOW, USER_TOP);
	aspace->mmap_base = USER_TOP;
	aspace->limit_as_bytes = LIMIT_NONE;
	aspace->limit_data_bytes = LIMIT_NONE;
	aspace->limit_stack_bytes = LIMIT_NONE;
	gauge_add(nr_aspaces, 1);
	return aspace;
}

/* By id, dead or alive; [asids_lock]. */
static struct aspace *find_asid(u32 asid)
{
	struct aspace *aspace;

	ASSERT_LOCKED(&asids_lock);
	hlist_for_each_entry(aspace, &asids[asid % NR_ASID_BUCKETS],
			     link) if (aspace->asid == asid) return aspace;
	return NULL;
}

void aspace_publish(struct aspace *aspace)
{
	spin_lock(&asids_lock);
	do {
		aspace->asid = ++last_asid;
	} while (!aspace->asid || find_asid(aspace->asid));
	hlist_add_head(&aspace->link, &asids[aspace->asid % NR_ASID_BUCKETS]);
	aspace->nr_refs++; /* the table's */
	spin_unlock(&asids_lock);
}

struct aspace *aspace_find(struct client *client, u32 asid)
{
	struct aspace *aspace;

	spin_lock(&asids_lock);
	aspace = find_asid(asid);
	if (aspace && aspace->client == client)
		aspace->nr_refs++;
	else
		aspace = NULL;
	spin_unlock(&asids_lock);
	return aspace;
}

void home_aspace_put(struct aspace *aspace)
{
	bool is_last;

	spin_lock(&asids_lock);
	is_last = !--aspace->nr_refs;
	spin_unlock(&asids_lock);
	if (!is_last)
		return;
	pagetable_zap(&aspace->pages, 0, PAGETABLE_END);
	vma_tree_clear(&aspace->vmas);
	slab_free(aspaces, aspace);
	gauge_sub(nr_aspaces, 1);
	if (IS_ENABLED(CONFIG_DEBUG_LEAKS) && !gauge_read(nr_aspaces))
		frames_report_private();
}

void aspace_exit(struct aspace *aspace)
{
	bool is_first;

	spin_lock(&asids_lock);
	is_first = !hlist_unhashed(&aspace->link);
	if (is_first)
		hlist_del(&aspace->link);
	spin_unlock(&asids_lock);
	if (!is_first)
		return;
	/* Whoever found it before us finds it empty. */
	down_write(&aspace->lock);
	aspace->is_dead = true;
	pagetable_zap(&aspace->pages, 0, PAGETABLE_END);
	vma_tree_clear(&aspace->vmas);
	up_write(&aspace->lock);
	home_aspace_put(aspace);
}

/* Some address space of @client, with a reference. */
static struct aspace *find_one_of(struct client *client)
{
	struct aspace *aspace;

	spin_lock(&asids_lock);
	for (u32 i = 0; i < NR_ASID_BUCKETS; i++) {
		hlist_for_each_entry(aspace, &asids[i], link)
		{
			if (aspace->client == client) {
				aspace->nr_refs++;
				spin_unlock(&asids_lock);
				return aspace;
			}
		}
	}
	spin_unlock(&asids_lock);
	return NULL;
}

u32 aspace_reclaim(struct client *client)
{
	struct aspace *aspace;
	u32 n = 0;

	while ((aspace = find_one_of(client))) {
		aspace_exit(aspace);
		home_aspace_put(aspace);
		n++;
	}
	return n;
}

/* What madvise(2) and mlock(2) said about forks.  The processor node does the
 * same to its VMAs. */
static int drop_what_children_lack(struct aspace *child, struct aspace *parent)
{
	const struct vma *vma;
	int err = 0;

	vma_for_each (vma, &parent->vmas) {
		if (vma->flags & VMA_DONTFORK)
			err = aspace_unmap(child, vma->start, vma->end);
		else if (vma->flags & VMA_WIPEONFORK)
			pagetable_zap(&child->pages, vma->start, vma->end);
		if (err)
			return err;
	}
	if (!child->vmas.nr_locked_pages)
		return 0;
	return vma_set_flags(&child->vmas, USER_LOW, USER_TOP, 0, VMA_LOCKED);
}

/* What is the same in parent and child; parent->lock held. */
static int copy_aspace(struct aspace *child, struct aspace *parent)
{
	int err = vma_tree_clone(&child->vmas, &parent->vmas);

	if (err)
		return err;
	child->mmap_base = parent->mmap_base;
	child->start_brk = parent->start_brk;
	child->brk = parent->brk;
	child->limit_as_bytes = parent->limit_as_bytes;
	child->limit_data_bytes = parent->limit_data_bytes;
	child->limit_stack_bytes = parent->limit_stack_bytes;
	err = pagetable_clone(&child->pages, &parent->pages);
	return err ? err : drop_what_children_lack(child, parent);
}

int home_aspace_fork(struct aspace *parent, struct aspace **out)
{
	struct aspace *child = aspace_create(parent->client);
	int err;

	if (!child)
		return -ENOMEM;
	down_write(&parent->lock);
	err = parent->is_dead ? -ESRCH : copy_aspace(child, parent);
	up_write(&parent->lock);
	if (err) {
		home_aspace_put(child);
		return err;
	}
	aspace_publish(child);
	*out = child;
	return 0;
}

bool aspace_may_grow(const struct aspace *aspace, u64 nr_pages, u64 nr_data)
{
	const struct vma_tree *vmas = &aspace->vmas;

	/* A pair of cuts may add two; what merges is not counted on. */
	return vmas->nr_vmas + 2 <= ASPACE_MAX_VMAS &&
	       nr_pages <= USER_TOP >> PAGE_SHIFT &&
	       (!nr_pages || vmas->nr_pages + nr_pages <=
				     aspace->limit_as_bytes >> PAGE_SHIFT) &&
	       (!nr_data || vmas->nr_data_pages + nr_data <=
				    aspace->limit_data_bytes >> PAGE_SHIFT);
}

int aspace_unmap(struct aspace *aspace, u64 start, u64 end)
{
	int err = vma_unmap(&aspace->vmas, start, end);

	if (!err)
		pagetable_zap(&aspace->pages, start, end);
	return err;
}

int aspace_call_begin(struct aspace_call *call, struct peer *peer, u32 asid)
{
	call->client = client_enter(peer);
	if (!call->client)
		return -EHOSTDOWN;
	call->aspace = aspace_find(call->client, asid);
	if (call->aspace)
		return 0;
	client_leave(call->client);
	return -ESRCH;
}

void aspace_call_end(struct aspace_call *call)
{
	home_aspace_put(call->aspace);
	client_leave(call->client);
}

/* ---- messages ------------------------------------------------------------ */

int rpc_handle_m_fork(struct rpc_ctx *ctx, const struct rpc_m_asid *req,
		      struct rpc_m_fork_reply *rep)
{
	struct aspace_call call;
	struct aspace *child;
	int err = aspace_call_begin(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	err = home_aspace_fork(call.aspace, &child);
	if (!err) {
		*rep = (struct rpc_m_fork_reply){
			.child_asid = le32_make(child->asid)};
		home_aspace_put(child);
	}
	aspace_call_end(&call);
	return err;
}

int rpc_handle_m_exit(struct rpc_ctx *ctx, const struct rpc_m_asid *req,
		      struct rpc_none *rep)
{
	struct aspace_call call;
	int err = aspace_call_begin(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	aspace_exit(call.aspace);
	aspace_call_end(&call);
	return 0;
}

int rpc_handle_m_setrlimit(struct rpc_ctx *ctx,
			   const struct rpc_m_setrlimit *req,
			   struct rpc_none *rep)
{
	struct aspace_call call;
	int err = aspace_call_begin(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	down_write(&call.aspace->lock);
	switch (le32_get(req->resource)) {
	case RLIMIT_AS:
		call.aspace->limit_as_bytes = le64_get(req->limit);
		break;
	case RLIMIT_DATA:
		call.aspace->limit_data_bytes = le64_get(req->limit);
		break;
	case RLIMIT_STACK:
		call.aspace->limit_stack_bytes = le64_get(req->limit);
		break;
	default:
		err = -EINVAL;
	}
	up_write(&call.aspace->lock);
	aspace_call_end(&call);
	return err;
}

static int digest_page(void *arg, u64 vaddr, u32 pfn)
{
	u64 *digest = arg;

	digest[0]++;
	digest[1] += hash_u64(vaddr ^ hash_u64(pfn));
	return 0;
}

int rpc_handle_m_aspace_check(struct rpc_ctx *ctx, const struct rpc_m_asid *req,
			      struct rpc_m_check_reply *rep)
{
	u64 digest[2] = {}, vmas_hash = 0;
	struct aspace_call call;
	const struct vma *vma;
	int err = aspace_call_begin(&call, ctx->peer, le32_get(req->asid));

	if (err)
		return err;
	down_read(&call.aspace->lock);
	pagetable_for_each(&call.aspace->pages, 0, PAGETABLE_END, digest_page,
			   digest);
	vma_for_each (vma, &call.aspace->vmas)
		vmas_hash += hash_u64(vma->start) ^ hash_u64(vma->end + 1) ^
			     hash_u64((u64)vma->prot << 32 | vma->flags);
	*rep = (struct rpc_m_check_reply){
		.nr_pages = le64_make(digest[0]),
		.pages_hash = le64_make(digest[1]),
		.nr_vmas = le64_make(call.aspace->vmas.nr_vmas),
		.vmas_hash = le64_make(vmas_hash),
	};
	up_read(&call.aspace->lock);
	aspace_call_end(&call);
	return 0;
}

/* ---- monitor ------------------------------------------------------------- */

/* Printing may sleep, so it is done from a copy. */
struct aspace_row {
	u32 asid, client;
	u64 nr_mapped, nr_vmas;
	s64 nr_frames;
};
#define MAX_ROWS 64u

static void cmd_aspaces(int argc, char **argv)
{
	static struct aspace_row rows[MAX_ROWS]; /* one monitor thread */
	struct aspace *aspace;
	u32 n = 0;

	spin_lock(&asids_lock);
	for (u32 i = 0; i < NR_ASID_BUCKETS; i++) {
		hlist_for_each_entry(aspace, &asids[i], link)
		{
			if (n == MAX_ROWS)
				break;
			rows[n++] = (struct aspace_row){
				.asid = aspace->asid,
				.client = aspace->client->id,
				.nr_mapped = aspace->vmas.nr_pages,
				.nr_vmas = aspace->vmas.nr_vmas,
				.nr_frames = aspace->pages.nr_pages,
			};
		}
	}
	spin_unlock(&asids_lock);
	mprintf("%8s %6s %12s %10s %6s\n", "asid", "client", "mapped KiB",
		"frames", "VMAs");
	for (u32 i = 0; i < n; i++)
		mprintf("%8u %6u %12lu %10ld %6lu\n", rows[i].asid,
			rows[i].client, rows[i].nr_mapped * 4,
			rows[i].nr_frames, rows[i].nr_vmas);
	mprintf("%ld address spaces\n", gauge_read(nr_aspaces));
}
MONITOR_CMD(aspaces, "address spaces on this memory node", cmd_aspaces);
