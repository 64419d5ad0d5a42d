/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_SEQ_H
#define PROCESSOR_FS_SEQ_H

/* Text that grows: the content of a generated file. */
#include <lib/types.h>

struct seq {
	char *buf;
	size_t len;
	size_t capacity;
	int err; /* -ENOMEM once; further output is dropped */
};

void seq_init(struct seq *seq);
void seq_free(struct seq *seq);
void seq_printf(struct seq *seq, const char *fmt, ...) __printf(2, 3);
void seq_write(struct seq *seq, const void *data, size_t len);

#endif /* PROCESSOR_FS_SEQ_H */
