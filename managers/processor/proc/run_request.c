/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See run_request.h.  Pure: tested on the host. */
#include "run_request.h"

#include <lib/errno.h>
#include <lib/string.h>

struct cursor {
	const char *next;
	const char *end;
};

/* The next string, which ends within the text; NULL if none does. */
static const char *take_string(struct cursor *c)
{
	const char *string = c->next;
	const char *nul = memchr(string, 0, (size_t)(c->end - string));

	if (!nul)
		return NULL;
	c->next = nul + 1;
	return string;
}

static int parse_count(const char *s, u32 *count)
{
	u32 value = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || value > RUN_REQUEST_MAX_BYTES)
			return -EINVAL;
		value = value * 10 + (u32)(*s - '0');
	}
	*count = value;
	return 0;
}

static int take_count(struct cursor *c, u32 *count)
{
	const char *s = take_string(c);

	return s ? parse_count(s, count) : -EINVAL;
}

/* A count and that many strings. */
static int take_list(struct cursor *c, u32 *count, const char **first)
{
	int err = take_count(c, count);

	*first = c->next;
	for (u32 i = 0; !err && i < *count; i++)
		if (!take_string(c))
			err = -EINVAL;
	return err;
}

static bool is_stdio(const char *s)
{
	for (u32 i = 0; i < 3; i++)
		if (s[i] != 't' && s[i] != 'p')
			return false;
	return !s[3];
}

static int take_options(struct cursor *c, struct run_request *out)
{
	int err = 0;

	out->stdio = "ttt";
	out->rows = 0;
	out->cols = 0;
	while (!err && c->next != c->end) {
		const char *s = take_string(c);

		if (!s)
			return -EINVAL;
		if (!strncmp(s, "stdio=", 6)) {
			out->stdio = s + 6;
			err = is_stdio(s + 6) ? 0 : -EINVAL;
		} else if (!strncmp(s, "rows=", 5)) {
			err = parse_count(s + 5, &out->rows);
		} else if (!strncmp(s, "cols=", 5)) {
			err = parse_count(s + 5, &out->cols);
		}
	}
	return err;
}

int run_request_parse(const char *text, size_t len, struct run_request *out)
{
	struct cursor c = {.next = text, .end = text + len};
	int err;

	out->cwd = take_string(&c);
	if (!out->cwd || out->cwd[0] != '/')
		return -EINVAL;
	err = take_list(&c, &out->envc, &out->env);
	if (!err)
		err = take_list(&c, &out->argc, &out->argv);
	if (!err && !out->argc)
		err = -EINVAL;
	return err ? err : take_options(&c, out);
}

const char *run_request_env(const struct run_request *request, const char *name)
{
	size_t len = strlen(name);
	const char *s = request->env;

	for (u32 i = 0; i < request->envc; i++, s += strlen(s) + 1)
		if (!strncmp(s, name, len) && s[len] == '=')
			return s + len + 1;
	return NULL;
}
