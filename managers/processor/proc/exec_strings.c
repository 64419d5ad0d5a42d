/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See exec_strings.h.  Pure: tested on the host. */
#include "exec_strings.h"

#include <lib/errno.h>
#include <lib/string.h>

int exec_strings_append(struct exec_strings *s, const char *string)
{
	size_t bytes = strlen(string) + 1;

	if (bytes > s->max_bytes - s->used_bytes)
		return -E2BIG;
	memcpy(s->buf + s->used_bytes, string, bytes);
	s->used_bytes += (u32)bytes;
	return 0;
}

void exec_strings_drop_first(struct exec_strings *s)
{
	u32 bytes = (u32)strlen(s->buf) + 1;

	memmove(s->buf, s->buf + bytes, s->used_bytes - bytes);
	s->used_bytes -= bytes;
	s->argc--;
}

int exec_strings_prepend(struct exec_strings *s, const char *string)
{
	size_t bytes = strlen(string) + 1;

	if (bytes > s->max_bytes - s->used_bytes)
		return -E2BIG;
	memmove(s->buf + bytes, s->buf, s->used_bytes);
	memcpy(s->buf, string, bytes);
	s->used_bytes += (u32)bytes;
	s->argc++;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int shebang_parse(const char *head, size_t len, struct shebang *out)
{
	size_t start = 2, end = 2, word_end;

	if (len < 2 || head[0] != '#' || head[1] != '!')
		return 0;
	while (end < len && end < SHEBANG_MAX && head[end] != '\n' && head[end])
		end++;
	/* A line longer than we read might name a wrong program: refuse. */
	if (end == SHEBANG_MAX)
		return -ENOEXEC;
	while (end > start && is_blank(head[end - 1]))
		end--;
	while (start < end && is_blank(head[start]))
		start++;
	if (start == end)
		return -ENOEXEC;
	for (word_end = start; word_end < end && !is_blank(head[word_end]);)
		word_end++;
	memcpy(out->interp, head + start, word_end - start);
	out->interp[word_end - start] = 0;
	while (word_end < end && is_blank(head[word_end]))
		word_end++;
	memcpy(out->arg, head + word_end, end - word_end);
	out->arg[end - word_end] = 0;
	return 1;
}
