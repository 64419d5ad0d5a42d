/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/seq.h>

#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

#define SEQ_FIRST_BYTES 1024u

void seq_init(struct seq *seq)
{
	*seq = (struct seq){0};
}

void seq_free(struct seq *seq)
{
	kfree(seq->buf);
	seq_init(seq);
}

/* Make room for @more bytes; false if there is no memory. */
static bool seq_reserve(struct seq *seq, size_t more)
{
	size_t capacity = max(seq->capacity, (size_t)SEQ_FIRST_BYTES);
	char *buf;

	if (seq->err)
		return false;
	while (capacity < seq->len + more)
		capacity *= 2;
	if (capacity == seq->capacity)
		return true;
	buf = krealloc(seq->buf, capacity);
	if (!buf) {
		seq->err = -ENOMEM;
		return false;
	}
	seq->buf = buf;
	seq->capacity = capacity;
	return true;
}

void seq_printf(struct seq *seq, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !seq_reserve(seq, n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf(seq->buf + seq->len, n + 1, fmt, ap);
	va_end(ap);
	seq->len += n;
}

void seq_write(struct seq *seq, const void *data, size_t len)
{
	if (!seq_reserve(seq, len))
		return;
	memcpy(seq->buf + seq->len, data, len);
	seq->len += len;
}
