/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/regular.h>

#include <kernel/counters.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/uio.h>
#include <mm/slab.h>

struct readahead { /* all [file->ra_lock] */
	u64 start; /* of what the buffer holds, in the file */
	u32 len_bytes;
	u32 capacity;
	u32 window;
	u64 next_off; /* where a sequential reader will go on */
	u8 *data;
};

/* The file's readahead state, made when first needed.  ra_lock held. */
static struct readahead *readahead_of(struct file *file)
{
	if (!file->ra)
		file->ra = kzalloc(sizeof(*file->ra));
	return file->ra;
}

ssize_t readahead_take(struct file *file, u64 off, struct uio *uio)
{
	struct readahead *ra;
	ssize_t n = 0;

	mutex_lock(&file->ra_lock);
	ra = file->ra;
	if (ra && off >= ra->start && off - ra->start < ra->len_bytes) {
		u32 skip = off - ra->start;

		n = min((u64)(ra->len_bytes - skip), uio->resid_bytes);
		if (uio_put(uio, ra->data + skip, n))
			n = -EFAULT;
		else
			ra->next_off = off + n;
	}
	mutex_unlock(&file->ra_lock);
	if (n > 0)
		counter_inc(nr_file_readahead_hit);
	return n;
}

u32 readahead_plan(struct file *file, u64 off, u32 want, u32 max_bytes)
{
	struct readahead *ra;
	u32 plan = want;

	mutex_lock(&file->ra_lock);
	ra = readahead_of(file);
	if (ra) {
		if (off != ra->next_off || off == 0)
			ra->window = 0;
		else
			ra->window = clamp(ra->window * 2, READAHEAD_MIN,
					   READAHEAD_MAX);
		ra->next_off = off + want;
		if (want < ra->window)
			plan = ra->window;
	}
	mutex_unlock(&file->ra_lock);
	return min(plan, max_bytes);
}

void readahead_keep(struct file *file, u64 off, const void *data, u32 len)
{
	struct readahead *ra;

	mutex_lock(&file->ra_lock);
	ra = readahead_of(file);
	if (ra && ra->capacity < len) {
		kfree(ra->data);
		ra->data = kmalloc(READAHEAD_MAX);
		ra->capacity = ra->data ? READAHEAD_MAX : 0;
		ra->len_bytes = 0;
	}
	if (ra && len <= ra->capacity) {
		memcpy(ra->data, data, len);
		ra->start = off;
		ra->len_bytes = len;
	}
	mutex_unlock(&file->ra_lock);
}

void readahead_free(struct file *file)
{
	if (!file->ra)
		return;
	kfree(file->ra->data);
	kfree(file->ra);
	file->ra = NULL;
}
