/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_STRACE_TEXT_H
#define PROCESSOR_STRACE_TEXT_H

/* A line that is being written; what does not fit is cut off. */
#include <lib/printf.h>
#include <lib/types.h>

struct text {
	char *buf;
	size_t size;
	size_t len; /* < size, without the NUL */
};

static inline void text_init(struct text *text, char *buf, size_t size)
{
	*text = (struct text){.buf = buf, .size = size};
	buf[0] = 0;
}

static inline __printf(2, 3) void text_add(struct text *text, const char *fmt,
					   ...)
{
	va_list ap;

	va_start(ap, fmt);
	text->len += (size_t)vscnprintf(text->buf + text->len,
					text->size - text->len, fmt, ap);
	va_end(ap);
}

/** text_is_full - was something cut off, or will the next byte be? */
static inline bool text_is_full(const struct text *text)
{
	return text->len + 1 == text->size;
}

#endif /* PROCESSOR_STRACE_TEXT_H */
