/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lock order: cfile.lock, bucket, lru_lock; allocation of frames, which may
 * reclaim, with none of them.
 */
#define pr_fmt(fmt) "page cache: " fmt
#include <managers/memory/pagecache.h>

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/fill.h>
#include <managers/memory/frames.h>
#include <mm/slab.h>
#include <mm/vmap.h>
#include <net/membership.h>

#define PAGE_BUCKETS_MIN 1024u
#define NR_FILE_BUCKETS  1024u
#define NR_FILL_WAITQS   64u

struct bucket {
	struct spinlock lock;
	struct hlist_head head;
};

static struct bucket *page_buckets; /* [set once] */
static u64 page_bucket_mask;
static struct bucket file_buckets[NR_FILE_BUCKETS];
static struct waitq fill_waitqs[NR_FILL_WAITQS];
static struct slab_cache *cpages, *cfiles;

/* Pages of remote files, those to look at first in front. */
static DEFINE_SPINLOCK(lru_lock, LOCK_MEMORY_LRU);
static LIST_HEAD(lru);

static u64 fid_hash(const struct file_id *fid)
{
	return hash_u64(fid->ino ^ hash_u64(fid->node_guid ^
					    (u64)fid->fsid << 32 ^ fid->gen));
}

static struct bucket *page_bucket(const struct file_id *fid, u64 index)
{
	return &page_buckets[hash_u64(fid_hash(fid) + index) &
			     page_bucket_mask];
}

static struct bucket *file_bucket(const struct file_id *fid)
{
	return &file_buckets[fid_hash(fid) % NR_FILE_BUCKETS];
}

static struct waitq *fill_waitq(const struct cpage *page)
{
	return &fill_waitqs[hash_u64((u64)page) % NR_FILL_WAITQS];
}

static void init_buckets(struct bucket *buckets, u64 nr, const char *name,
			 enum lock_rank rank)
{
	for (u64 i = 0; i < nr; i++)
		spin_lock_init(&buckets[i].lock, name, rank);
}

int pagecache_start(void)
{
	u64 nr = PAGE_BUCKETS_MIN;

	/* about two frames a bucket */
	while (nr < pool.nr_frames / 2)
		nr *= 2;
	page_buckets = vmalloc(nr * sizeof(struct bucket));
	cpages = slab_create("cpage", sizeof(struct cpage), 0);
	cfiles = slab_create("cfile", sizeof(struct cfile), 0);
	if (!page_buckets || !cpages || !cfiles)
		return -ENOMEM;
	page_bucket_mask = nr - 1;
	init_buckets(page_buckets, nr, "page bucket", LOCK_MEMORY_PAGES);
	init_buckets(file_buckets, NR_FILE_BUCKETS, "file bucket",
		     LOCK_MEMORY_FILES);
	for (u32 i = 0; i < NR_FILL_WAITQS; i++)
		waitq_init(&fill_waitqs[i]);
	return 0;
}

void pagecache_stop(void)
{
	while (pagecache_reclaim_any(~0u))
		;
	CHECK(list_empty(&lru));
	vfree(page_buckets);
	slab_destroy(cpages);
	slab_destroy(cfiles);
}

/* ---- files --------------------------------------------------------------- */

static void init_file(struct cfile *file, const struct file_id *fid)
{
	*file = (struct cfile){.fid = *fid, .nr_refs = 1};
	spin_lock_init(&file->lock, "cfile", LOCK_MEMORY_CFILE);
	list_init(&file->pages);
}

/* A reference of the file with @fid, if it is known; [@b->lock]. */
static struct cfile *find_file(struct bucket *b, const struct file_id *fid)
{
	struct cfile *file;

	ASSERT_LOCKED(&b->lock);
	hlist_for_each_entry(file, &b->head, link)
	{
		if (file_id_equal(&file->fid, fid)) {
			file->nr_refs++;
			return file;
		}
	}
	return NULL;
}

void cfile_add_local(struct cfile *file, const struct file_id *fid,
		     void (*release)(struct cfile *file))
{
	struct bucket *b = file_bucket(fid);

	init_file(file, fid);
	file->is_local = true;
	file->is_size_known = true;
	file->release = release;
	spin_lock(&b->lock);
	hlist_add_head(&file->link, &b->head);
	spin_unlock(&b->lock);
}

static struct cfile *find_known(const struct file_id *fid)
{
	struct bucket *b = file_bucket(fid);
	struct cfile *file;

	spin_lock(&b->lock);
	file = find_file(b, fid);
	spin_unlock(&b->lock);
	return file;
}

static bool is_local_fid(const struct file_id *fid)
{
	return fid->node_guid == net_local_guid();
}

struct cfile *cfile_get_local(const struct file_id *fid)
{
	return is_local_fid(fid) ? find_known(fid) : NULL;
}

struct cfile *cfile_get(const struct file_id *fid)
{
	struct bucket *b = file_bucket(fid);
	struct cfile *file = find_known(fid), *fresh;

	if (file || file_id_is_none(fid) || is_local_fid(fid))
		return file;
	fresh = slab_alloc(cfiles);
	if (!fresh)
		return NULL;
	init_file(fresh, fid);
	spin_lock(&b->lock);
	file = find_file(b, fid);
	if (!file)
		hlist_add_head(&fresh->link, &b->head);
	spin_unlock(&b->lock);
	if (!file)
		return fresh;
	slab_free(cfiles, fresh);
	return file;
}

void cfile_hold(struct cfile *file)
{
	struct bucket *b = file_bucket(&file->fid);

	spin_lock(&b->lock);
	CHECK(file->nr_refs);
	file->nr_refs++;
	spin_unlock(&b->lock);
}

void cfile_put(struct cfile *file)
{
	struct bucket *b = file_bucket(&file->fid);
	bool is_last;

	spin_lock(&b->lock);
	CHECK(file->nr_refs);
	is_last = !--file->nr_refs;
	if (is_last)
		hlist_del(&file->link);
	spin_unlock(&b->lock);
	if (!is_last)
		return;
	if (file->is_local)
		file->release(file);
	else
		slab_free(cfiles, file);
}

/* ---- pages --------------------------------------------------------------- */

static struct cpage *find_page(struct bucket *b, const struct file_id *fid,
			       u64 index)
{
	struct cpage *page;

	ASSERT_LOCKED(&b->lock);
	hlist_for_each_entry(
		page, &b->head,
		link) if (page->index == index &&
			  file_id_equal(&page->file->fid, fid)) return page;
	return NULL;
}

static void hold_page(struct cpage *page)
{
	__atomic_fetch_add(&page->nr_users, 1, __ATOMIC_RELAXED);
}

static void put_page(struct cpage *page)
{
	struct cfile *file = page->file;

	if (__atomic_sub_fetch(&page->nr_users, 1, __ATOMIC_ACQ_REL))
		return;
	slab_free(cpages, page);
	if (!file->is_local) /* local files outlive their pages */
		cfile_put(file);
}

struct cpage *cpage_new(struct cfile *file)
{
	struct cpage *page = slab_alloc(cpages);
	u32 pfn;

	if (!page)
		return NULL;
	pfn = frame_alloc_cache();
	if (pfn == FRAME_NONE) {
		slab_free(cpages, page);
		return NULL;
	}
	*page = (struct cpage){.file = file, .pfn = pfn, .nr_users = 1};
	list_init(&page->lru_link);
	if (!file->is_local)
		cfile_hold(file);
	return page;
}

void cpage_discard(struct cpage *page)
{
	frame_drop_cache(page->pfn);
	put_page(page);
}

bool cpage_insert(struct cpage *page, u64 index, enum cpage_state state)
{
	struct cfile *file = page->file;
	struct bucket *b = page_bucket(&file->fid, index);

	ASSERT_LOCKED(&file->lock);
	page->index = index;
	page->state = state;
	spin_lock(&b->lock);
	if (find_page(b, &file->fid, index)) {
		spin_unlock(&b->lock);
		return false;
	}
	hlist_add_head(&page->link, &b->head);
	spin_unlock(&b->lock);
	list_add_tail(&page->file_link, &file->pages);
	file->nr_pages++;
	gauge_add(nr_pagecache_pages, 1);
	return true;
}

/* Take a page out of all lists but its frame; [file->lock and bucket]. */
static void unlink_page(struct cpage *page)
{
	hlist_del(&page->link);
	list_del(&page->file_link);
	page->file->nr_pages--;
	gauge_sub(nr_pagecache_pages, 1);
	spin_lock(&lru_lock);
	list_del_init(&page->lru_link);
	spin_unlock(&lru_lock);
}

/* READY, and a candidate for eviction: both at once, under the lock that who
 * evicts or removes it takes.  From then on it may be gone at any time. */
void cpage_fill_done(struct cpage *page)
{
	struct waitq *waitq = fill_waitq(page);

	spin_lock(&lru_lock);
	list_add_tail(&page->lru_link, &lru);
	smp_store_release(&page->state, CPAGE_READY);
	spin_unlock(&lru_lock);
	waitq_wake_all(waitq);
}

void cpage_fill_failed(struct cpage *page, int error)
{
	struct cfile *file = page->file;
	struct bucket *b = page_bucket(&file->fid, page->index);

	spin_lock(&file->lock);
	spin_lock(&b->lock);
	unlink_page(page);
	spin_unlock(&b->lock);
	spin_unlock(&file->lock);
	page->error = error;
	smp_store_release(&page->state, CPAGE_GONE);
	waitq_wake_all(fill_waitq(page));
	cpage_discard(page);
}

bool pagecache_has(struct cfile *file, u64 index)
{
	struct bucket *b = page_bucket(&file->fid, index);
	bool has;

	spin_lock(&b->lock);
	has = find_page(b, &file->fid, index);
	spin_unlock(&b->lock);
	return has;
}

/*
 * One look into the cache.  *@busy: a page that is being filled, held for the
 * caller to wait for.
 */
static u32 look_up(const struct file_id *fid, u64 index, struct cpage **busy)
{
	struct bucket *b = page_bucket(fid, index);
	u32 pfn = FRAME_NONE;
	struct cpage *page;

	spin_lock(&b->lock);
	page = find_page(b, fid, index);
	if (page && READ_ONCE(page->state) == CPAGE_READY) {
		pfn = page->pfn;
		frame_get(pfn);
		if (!page->is_referenced)
			page->is_referenced = true;
	} else if (page && busy) {
		hold_page(page);
		*busy = page;
	}
	spin_unlock(&b->lock);
	return pfn;
}

u32 pagecache_find(const struct file_id *fid, u64 index)
{
	return look_up(fid, index, NULL);
}

static int wait_for_fill(struct cpage *page)
{
	int err;

	counter_inc(nr_pagecache_wait);
	wait_event(fill_waitq(page),
		   smp_load_acquire(&page->state) != CPAGE_FILLING);
	err = page->state == CPAGE_GONE ? page->error : 0;
	put_page(page);
	return err;
}

/* A zeroed page where a local file has a hole. */
static int make_local(struct cfile *file, u64 index)
{
	struct cpage *page = cpage_new(file);
	bool is_in;

	if (!page)
		return -ENOMEM;
	memset(frame_kaddr(page->pfn), 0, PAGE_SIZE);
	spin_lock(&file->lock);
	is_in = cpage_insert(page, index, CPAGE_READY);
	spin_unlock(&file->lock);
	if (!is_in) /* somebody was faster */
		cpage_discard(page);
	return 0;
}

int pagecache_make(struct cfile *file, u64 index, u32 *pfn)
{
	ASSERT(file->is_local);
	for (;;) {
		int err;

		*pfn = look_up(&file->fid, index, NULL);
		if (*pfn != FRAME_NONE)
			return 0;
		err = make_local(file, index);
		if (err)
			return err;
	}
}

static bool is_beyond_end(struct cfile *file, u64 index)
{
	return READ_ONCE(file->is_size_known) &&
	       index >= DIV_ROUND_UP(READ_ONCE(file->size_bytes), PAGE_SIZE);
}

int pagecache_get(struct cfile *file, u64 index, u32 nr_wanted, u32 *pfn)
{
	/* A page may be evicted between its fill and our next look. */
	for (u32 tries = 0; tries < 16; tries++) {
		struct cpage *busy = NULL;
		int err;

		*pfn = look_up(&file->fid, index, &busy);
		if (*pfn != FRAME_NONE)
			return 0;
		if (busy)
			err = wait_for_fill(busy);
		else if (is_beyond_end(file, index))
			err = -ERANGE;
		else if (file->is_local)
			err = make_local(file, index);
		else
			err = pagecache_fill(file, index, nr_wanted);
		if (err)
			return err;
	}
	return -ENOMEM;
}

s64 pagecache_read(struct cfile *file, u64 offset, void *buf, u64 len_bytes)
{
	u64 done = 0;

	while (done < len_bytes) {
		u64 in_page = (offset + done) & (PAGE_SIZE - 1), n, size;
		u32 pfn;
		int err;

		err = pagecache_get(file, (offset + done) >> PAGE_SHIFT,
				    (u32)DIV_ROUND_UP(len_bytes, PAGE_SIZE),
				    &pfn);
		if (err == -ERANGE)
			break;
		if (err)
			return err;
		size = READ_ONCE(file->size_bytes);
		n = min(len_bytes - done, PAGE_SIZE - in_page);
		n = offset + done < size ? min(n, size - offset - done) : 0;
		memcpy((u8 *)buf + done, (u8 *)frame_kaddr(pfn) + in_page, n);
		frame_put(pfn);
		if (!n)
			break;
		done += n;
	}
	return (s64)done;
}

int pagecache_size(struct cfile *file, u64 *size_bytes)
{
	if (!READ_ONCE(file->is_size_known)) {
		u32 pfn;
		int err = pagecache_get(file, 0, 1, &pfn);

		if (!err)
			frame_put(pfn);
		else if (err != -ERANGE)
			return err;
	}
	*size_bytes = READ_ONCE(file->size_bytes);
	return 0;
}

void pagecache_remove(struct cfile *file, u64 first, u64 end)
{
	struct cpage *page, *next;
	LIST_HEAD(removed);

	spin_lock(&file->lock);
	list_for_each_entry_safe (page, next, &file->pages, file_link) {
		struct bucket *b;

		if (page->index < first || page->index >= end ||
		    READ_ONCE(page->state) != CPAGE_READY)
			continue;
		b = page_bucket(&file->fid, page->index);
		spin_lock(&b->lock);
		unlink_page(page);
		spin_unlock(&b->lock);
		page->state = CPAGE_GONE;
		list_add(&page->file_link, &removed);
	}
	spin_unlock(&file->lock);
	list_for_each_entry_safe (page, next, &removed, file_link)
		cpage_discard(page);
}

/* ---- eviction ------------------------------------------------------------ */

/* The next candidate, held; it goes to the end of the line. */
static struct cpage *next_candidate(void)
{
	struct cpage *page;

	spin_lock(&lru_lock);
	page = list_first_entry_or_null(&lru, struct cpage, lru_link);
	if (page) {
		hold_page(page);
		list_move_tail(&page->lru_link, &lru);
	}
	spin_unlock(&lru_lock);
	return page;
}

/* Free the page unless it was used since the last look or is mapped. */
static bool try_evict(struct cpage *page)
{
	struct cfile *file = page->file;
	struct bucket *b = page_bucket(&file->fid, page->index);
	bool is_evicted = false;

	spin_lock(&file->lock);
	spin_lock(&b->lock);
	if (hlist_unhashed(&page->link)) {
		/* removed meanwhile */
	} else if (page->is_referenced) {
		page->is_referenced = false;
	} else if (frame_try_free_cache(page->pfn)) {
		unlink_page(page);
		page->state = CPAGE_GONE;
		is_evicted = true;
	}
	spin_unlock(&b->lock);
	spin_unlock(&file->lock);
	if (is_evicted)
		put_page(page); /* the cache's */
	return is_evicted;
}

u32 pagecache_reclaim(u32 nr, u64 nr_looks)
{
	u32 nr_freed = 0;

	while (nr_freed < nr && nr_looks--) {
		struct cpage *page = next_candidate();

		if (!page)
			break;
		nr_freed += try_evict(page);
		put_page(page);
	}
	counter_add(nr_pagecache_evicted, nr_freed);
	return nr_freed;
}

u32 pagecache_reclaim_any(u32 nr)
{
	/* Twice around: the first time may only clear the referenced bits. */
	return pagecache_reclaim(nr, 2 * (u64)gauge_read(nr_pagecache_pages));
}
