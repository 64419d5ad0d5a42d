/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor tables: small numbers to open files. */
#include <managers/processor/fs/file.h>

#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/slab.h>

#define FD_CAPACITY_FIRST 64u /* grows by doubling; whole cloexec words */

static struct fd_table *fd_table_alloc(u32 capacity)
{
	struct fd_table *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->files = kcalloc(capacity, sizeof(*t->files));
	t->cloexec = kcalloc(capacity / 64, sizeof(*t->cloexec));
	if (!t->files || !t->cloexec) {
		kfree(t->files);
		kfree(t->cloexec);
		kfree(t);
		return NULL;
	}
	atomic_set(&t->nr_refs, 1);
	spin_lock_init(&t->lock, "fd table", LOCK_FD_TABLE);
	t->capacity = capacity;
	t->limit = FD_LIMIT_DEFAULT;
	return t;
}

struct fd_table *fd_table_create(void)
{
	return fd_table_alloc(FD_CAPACITY_FIRST);
}

/* Copy the slots of @from, of equal capacity.  from->lock held. */
static void fd_table_copy(struct fd_table *to, const struct fd_table *from)
{
	for (u32 fd = 0; fd < from->capacity; fd++) {
		to->files[fd] = from->files[fd];
		if (to->files[fd])
			file_hold(to->files[fd]);
	}
	memcpy(to->cloexec, from->cloexec, from->capacity / 8);
	to->limit = from->limit;
	to->first_free = from->first_free;
}

struct fd_table *fd_table_clone(struct fd_table *from)
{
	u32 capacity = READ_ONCE(from->capacity);
	struct fd_table *t;

	while ((t = fd_table_alloc(capacity)) != NULL) {
		spin_lock(&from->lock);
		capacity = from->capacity;
		if (t->capacity == capacity)
			fd_table_copy(t, from);
		spin_unlock(&from->lock);
		if (t->capacity == capacity)
			break;
		fd_table_put(t); /* it grew in between: once more */
	}
	return t;
}

void fd_table_hold(struct fd_table *table)
{
	atomic_inc(&table->nr_refs);
}

void fd_table_put(struct fd_table *table)
{
	if (!table || !atomic_dec_and_test(&table->nr_refs))
		return;
	for (u32 fd = 0; fd < table->capacity; fd++)
		if (table->files[fd])
			file_closed(table->files[fd], table);
	kfree(table->files);
	kfree(table->cloexec);
	kfree(table);
}

static bool fd_is_cloexec(const struct fd_table *t, u32 fd)
{
	return t->cloexec[fd / 64] >> (fd % 64) & 1;
}

static void fd_mark_cloexec(struct fd_table *t, u32 fd, bool on)
{
	u64 bit = 1ul << (fd % 64);

	if (on)
		t->cloexec[fd / 64] |= bit;
	else
		t->cloexec[fd / 64] &= ~bit;
}

void fd_table_exec(struct fd_table *table)
{
	for (int fd = fd_next(table, 0); fd >= 0; fd = fd_next(table, fd + 1))
		if (fd_get_cloexec(table, fd) == 1)
			fd_close(table, fd);
}

void fd_table_set_limit(struct fd_table *table, u64 limit)
{
	spin_lock(&table->lock);
	table->limit = min(limit, (u64)FD_LIMIT_MAX);
	spin_unlock(&table->lock);
}

struct file *fd_get(struct fd_table *table, int fd)
{
	struct file *file = NULL;

	spin_lock(&table->lock);
	if (fd >= 0 && (u32)fd < table->capacity)
		file = table->files[fd];
	if (file)
		file_hold(file);
	spin_unlock(&table->lock);
	return file;
}

/* Make room for descriptor @fd.  Called without the lock. */
static int fd_table_grow(struct fd_table *table, u32 fd)
{
	u32 capacity = FD_CAPACITY_FIRST;
	struct file **files;
	u64 *cloexec;

	while (capacity <= fd)
		capacity *= 2;
	files = kcalloc(capacity, sizeof(*files));
	cloexec = kcalloc(capacity / 64, sizeof(*cloexec));
	if (!files || !cloexec) {
		kfree(files);
		kfree(cloexec);
		return -ENOMEM;
	}
	spin_lock(&table->lock);
	if (table->capacity < capacity) {
		memcpy(files, table->files, table->capacity * sizeof(*files));
		memcpy(cloexec, table->cloexec, table->capacity / 8);
		swap(table->files, files);
		swap(table->cloexec, cloexec);
		table->capacity = capacity;
	}
	spin_unlock(&table->lock);
	kfree(files);
	kfree(cloexec);
	return 0;
}

/* The lowest free descriptor >= @from; may equal the capacity. Lock held. */
static u32 fd_find_free(const struct fd_table *table, u32 from)
{
	u32 fd = max(from, table->first_free);

	while (fd < table->capacity && table->files[fd])
		fd++;
	return fd;
}

int fd_install(struct fd_table *table, struct file *file, u32 from, u32 flags)
{
	for (;;) {
		u32 fd;
		int err;

		spin_lock(&table->lock);
		fd = fd_find_free(table, from);
		if (fd >= table->limit) {
			err = from >= table->limit ? -EINVAL : -EMFILE;
			spin_unlock(&table->lock);
			return err;
		}
		if (fd < table->capacity) {
			table->files[fd] = file;
			fd_mark_cloexec(table, fd, flags & O_CLOEXEC);
			if (from <= table->first_free)
				table->first_free = fd + 1;
			spin_unlock(&table->lock);
			return fd;
		}
		spin_unlock(&table->lock);
		err = fd_table_grow(table, fd);
		if (err)
			return err;
	}
}

int fd_install_at(struct fd_table *table, struct file *file, int fd, u32 flags)
{
	struct file *was;

	if (fd < 0 || (u32)fd >= READ_ONCE(table->limit))
		return -EBADF;
	if ((u32)fd >= READ_ONCE(table->capacity)) {
		int err = fd_table_grow(table, fd);

		if (err)
			return err;
	}
	spin_lock(&table->lock);
	was = table->files[fd];
	table->files[fd] = file;
	fd_mark_cloexec(table, fd, flags & O_CLOEXEC);
	spin_unlock(&table->lock);
	if (was)
		file_closed(was, table);
	return fd;
}

int fd_close(struct fd_table *table, int fd)
{
	struct file *file = NULL;

	spin_lock(&table->lock);
	if (fd >= 0 && (u32)fd < table->capacity)
		file = table->files[fd];
	if (file) {
		table->files[fd] = NULL;
		fd_mark_cloexec(table, fd, false);
		table->first_free = min(table->first_free, (u32)fd);
	}
	spin_unlock(&table->lock);
	if (!file)
		return -EBADF;
	file_closed(file, table);
	return 0;
}

int fd_get_cloexec(struct fd_table *table, int fd)
{
	int ret = -EBADF;

	spin_lock(&table->lock);
	if (fd >= 0 && (u32)fd < table->capacity && table->files[fd])
		ret = fd_is_cloexec(table, fd);
	spin_unlock(&table->lock);
	return ret;
}

int fd_set_cloexec(struct fd_table *table, int fd, bool on)
{
	int ret = -EBADF;

	spin_lock(&table->lock);
	if (fd >= 0 && (u32)fd < table->capacity && table->files[fd]) {
		fd_mark_cloexec(table, fd, on);
		ret = 0;
	}
	spin_unlock(&table->lock);
	return ret;
}

int fd_next(struct fd_table *table, int fd)
{
	int ret = -1;

	spin_lock(&table->lock);
	for (u32 i = max(fd, 0); i < table->capacity; i++)
		if (table->files[i]) {
			ret = i;
			break;
		}
	spin_unlock(&table->lock);
	return ret;
}
